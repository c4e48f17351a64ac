// Writes a gzip beside each file of the build that is worth it: the server sends it as it is.
// node scripts/compress.mjs [folder of the build]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = process.argv[2] ?? new URL('../dist', import.meta.url).pathname;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name) || entry.name === 'index.html') continue;
  const text = readFileSync(path);
  const packed = gzipSync(text, { level: 9 });
  if (packed.length < text.length * 0.9) writeFileSync(`${path}.gz`, packed);
}
