// Serves a build of the console as the server would, in front of a server that has another one in it.
import { readFileSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { extname, join, resolve } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'none'";
const API = /^\/(v1|api|health|openapi\.json)(\/|$)/;

/** Returns `{ url, close }`. The path of `api` is the console's, too: on AWS it is the stage. */
export async function startFront(api, dist) {
  const base = new URL(api).pathname.replace(/\/$/, '');
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', api).pathname.slice(base.length);
    const file = API.test(path) ? null : fileAt(dist, path, request.headers.accept ?? '');
    if (!file) return passOn(api, request, response);
    const content = file.name.endsWith('.html') ? page(file.content, base) : file.content;
    response.writeHead(200, {
      'content-type': TYPES[extname(file.name)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'cache-control': file.name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    response.end(content);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(undefined)));
  const { port } = server.address();
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}${base}`, close };
}

function fileAt(dist, path, accept) {
  const isPlace = !path.startsWith('/assets/') && accept.includes('text/html');
  const file = path === '/docs' ? 'docs.html' : path.slice(1);
  for (const name of [file, ...(isPlace ? ['index.html'] : [])]) {
    try {
      return { name, content: readFileSync(resolve(dist, join('.', name))) };
    } catch {
      // A place of the console is no file.
    }
  }
  return null;
}

const page = (html, base) => html.toString().replace('<base href="/"', `<base href="${base}/"`);

/** Both bodies are piped: events arrive as they are sent, and a caller that leaves is noticed. */
function passOn(api, request, response) {
  const { host, ...headers } = request.headers;
  const target = new URL(request.url ?? '/', api);
  const call = forward(target, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  call.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on('close', () => call.destroy());
  request.pipe(call);
}
