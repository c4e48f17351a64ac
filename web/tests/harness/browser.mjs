// Debian's Chromium, and pages that remember what went wrong in them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export const launch = (args = []) =>
  chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--force-color-profile=srgb', ...args] });

/**
 * Opens a page at the console. `key` signs in at once. Returns the page with `problems`: errors in its console, uncaught
 * errors, requests to other origins, violations of the content security policy.
 */
export async function openPage(browser, base, { key = null, theme = 'light', size = WIDE, ignore = [] } = {}) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme: theme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    permissions: ['clipboard-read', 'clipboard-write'],
    // axe is injected by `evaluate`, which the policy does not reach: what the page does itself is still held to it.
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const problems = [];
  const note = (problem) => {
    if (!ignore.some((pattern) => pattern.test(problem))) problems.push(problem);
  };
  watch(page, new URL(base).origin, note);
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI}`),
    );
  });
  if (key) await context.addInitScript((value) => sessionStorage.setItem('flowgate.key', value), key);
  return Object.assign(page, { problems, base, close: () => context.close() });
}

function watch(page, origin, note) {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      note(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  page.on('response', async (response) => {
    if (response.status() < 500) return;
    const body = await response.text().catch(() => '');
    note(`${response.status()} ${response.url()}: ${body.slice(0, 500)}`);
  });
  page.on('pageerror', (error) => note(`uncaught: ${error.stack ?? error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (/^https?:/.test(url) && new URL(url).origin !== origin) note(`request to another origin: ${url}`);
  });
}

/** Goes to a place of the console, and waits until nothing loads. */
export async function visit(page, path) {
  await page.goto(page.base + path);
  await settled(page);
}

/** Waits until what loads has loaded: no skeleton stands, and the fonts are there. */
export async function settled(page) {
  await page.waitForLoadState('load');
  await page.getByRole('main').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('[role="status"][aria-label="Loading"]'), null, {
    timeout: 10_000,
  });
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}

/** Returns what axe finds that is serious or critical, one line each. */
export async function accessibility(page) {
  await page.evaluate(AXE);
  const results = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      resultTypes: ['violations'],
    }),
  );
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `axe ${id}: ${help}: ${nodes.slice(0, 3).map(describe).join(' | ')}`);
}

const describe = (node) => `${node.target.join(' ')} ${node.any[0]?.message ?? node.html.slice(0, 120)}`;
