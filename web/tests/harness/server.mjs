// The server that the tests drive: a new one with an empty folder, or a running one.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFront } from './front.mjs';

const ADMIN_KEY = process.env.FLOWGATE_ADMIN_KEY ?? `admin_${'a'.repeat(43)}`;
/** A running server; its path, such as `/prod`, is that of the API and of the console. */
const RUNNING = process.env.FLOWGATE_URL?.replace(/\/$/, '');
const BINARY = process.env.FLOWGATE_BIN;
/** A build to drive instead of the one in the server: a change of the console needs no cargo build to be tried. */
const DIST = process.env.FLOWGATE_DIST;
/** The library of Debian's `faketime`: with it the server's clock can be set, so that pictures have a past. */
const FAKETIME = process.env.FLOWGATE_FAKETIME;

/** Returns `{ api, console, key, request, close }`: the addresses of both, and `request(method, path, body)`. */
export async function startServer() {
  const server = RUNNING ? { api: RUNNING, close: () => undefined } : await startProgram();
  const front = DIST ? await startFront(server.api, DIST) : null;
  if (!front && !(await hasConsole(server.api))) {
    await server.close();
    throw new Error('The server has no console: build it (npm run build), then the server (cargo build).');
  }
  const close = async () => {
    front?.close();
    await server.close();
  };
  const addresses = { api: server.api, console: front?.url ?? server.api };
  return { ...addresses, key: ADMIN_KEY, request: requester(server.api), setClock: server.setClock, close };
}

async function hasConsole(api) {
  const page = await fetch(`${api}/workflows`, { headers: { accept: 'text/html' } });
  return page.ok && (await page.text()).includes('id="root"');
}

/**
 * A server as `cargo run` starts it, in an empty folder and with no key set: what it prints is all that a new user has.
 * Returns `{ said, front, close }`; `front` is the address of another build of the console, if one is driven.
 */
export async function startAsNew() {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), 'flowgate-new-'));
  const { FLOWGATE_ADMIN_KEY: _, ...env } = process.env;
  const program = start(BINARY, ['serve', '--listen', `127.0.0.1:${port}`, '--data', data], env);
  await until(async () => program.said.includes('Try them:'), program);
  const front = DIST ? await startFront(`http://127.0.0.1:${port}`, DIST) : null;
  const close = async () => {
    front?.close();
    await stop(program);
    rmSync(data, { recursive: true, force: true });
  };
  return { said: program.said, front: front?.url, close };
}

async function startProgram() {
  if (!BINARY) throw new Error('Set FLOWGATE_BIN to the flowgate binary, or FLOWGATE_URL to a running server.');
  const data = mkdtempSync(join(tmpdir(), 'flowgate-web-'));
  const port = await freePort();
  const api = `http://127.0.0.1:${port}`;
  const args = ['serve', '--listen', `127.0.0.1:${port}`, '--data', data, '--allow-loopback'];
  const clock = FAKETIME ? settableClock(data) : null;
  const program = start(BINARY, args, { ...process.env, FLOWGATE_ADMIN_KEY: ADMIN_KEY, ...clock?.env });
  await until(async () => (await fetch(`${api}/health`)).ok, program);
  const close = async () => {
    await stop(program);
    rmSync(data, { recursive: true, force: true });
  };
  return { api, setClock: clock?.set, close };
}

/** `set(hours)` puts the clock that many hours ahead, or back if negative. */
function settableClock(folder) {
  const file = join(folder, 'clock');
  const set = (hours) => writeFileSync(file, `${hours < 0 ? '' : '+'}${hours}h\n`);
  set(0);
  const env = { LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' };
  return { set, env };
}

function start(command, args, env) {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  // Whatever ends this process ends what it started.
  process.once('exit', () => child.kill('SIGKILL'));
  child.said = '';
  const keep = (text) => {
    child.said = (child.said + text).slice(-8_000);
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
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`It ended at its start:\n${child.said}`);
    if (await ready().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`It did not start in 30 s:\n${child.said}`);
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
