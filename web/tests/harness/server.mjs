// Starts a real Flowgate with an empty folder, and the console in front of it if the binary does not have it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WEB = new URL('../..', import.meta.url).pathname;
const ADMIN_KEY = `admin_${'a'.repeat(43)}`;
/** The build that is served where the binary brings no console. */
const DIST = process.env.FLOWGATE_DIST ?? 'dist';

/** Returns `{ api, console, key, request, close }`: the addresses of both, and `request(method, path, body)`. */
export async function startServer() {
  const binary = process.env.FLOWGATE_BIN;
  if (!binary) throw new Error('Set FLOWGATE_BIN to the flowgate binary.');
  const data = mkdtempSync(join(tmpdir(), 'flowgate-web-'));
  const port = await freePort();
  const api = `http://127.0.0.1:${port}`;
  const server = start(binary, ['serve', '--listen', `127.0.0.1:${port}`, '--data', data, '--allow-loopback'], {
    FLOWGATE_ADMIN_KEY: ADMIN_KEY,
  });
  await until(async () => (await fetch(`${api}/health`)).ok, server);
  const preview = (await hasConsole(api)) ? null : await startPreview(api);
  const close = async () => {
    await Promise.all([stop(server), preview && stop(preview.process)]);
    rmSync(data, { recursive: true, force: true });
  };
  return { api, console: preview?.url ?? api, key: ADMIN_KEY, request: requester(api), close };
}

async function hasConsole(api) {
  const page = await fetch(`${api}/workflows`, { headers: { accept: 'text/html' } });
  return page.ok && (await page.text()).includes('id="root"');
}

async function startPreview(api) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [join(WEB, 'node_modules/vite/bin/vite.js'), 'preview', '--host', '127.0.0.1', '--port', String(port)];
  const preview = start('node', [...args, '--strictPort', '--outDir', DIST], { FLOWGATE_URL: api });
  await until(async () => (await fetch(url)).ok, preview);
  return { url, process: preview };
}

function start(command, args, env) {
  const child = spawn(command, args, { cwd: WEB, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  // Whatever ends this process ends what it started.
  process.once('exit', () => child.kill('SIGKILL'));
  child.said = '';
  const keep = (text) => {
    child.said = (child.said + text).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return child;
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}

async function until(ready, child) {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`It ended at its start:\n${child.said}`);
    if (await ready().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`It did not start in 10 s:\n${child.said}`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Calls the API and returns the body; a refusal throws. */
function requester(api) {
  return async (method, path, body, { key = ADMIN_KEY, ...headers } = {}) => {
    const isText = typeof body === 'string';
    const response = await fetch(api + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': isText ? 'application/yaml' : 'application/json',
        ...headers,
      },
      body: body === undefined ? undefined : isText ? body : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  };
}
