// What every test file starts with: a server with seeded data, the outside world, a browser.
import { after } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { startHelpdesk } from './helpdesk.mjs';
import { seed } from './seed.mjs';
import { startServer } from './server.mjs';

/**
 * Returns `{ server, helpdesk, ids, browser, open }`; `open(options)` opens a signed-in page. All of it ends after the
 * file's last test.
 */
export async function startStage({ seeded = true, browserArgs = [] } = {}) {
  const helpdesk = await startHelpdesk();
  const server = await startServer();
  const browser = await launch(browserArgs);
  after(async () => {
    await browser.close();
    await server.close();
    helpdesk.close();
  });
  const ids = seeded ? await seed(server, helpdesk) : {};
  const open = ({ base = server.console, ...options } = {}) => openPage(browser, base, { key: server.key, ...options });
  return { server, helpdesk, ids, browser, open };
}
