/** Uploads a file for an input. */
import { authorizedFetch, BASE, type Schemas } from '../../../api/client';
import { quote } from '../../../runs/curl';

/** What a gateway lets through; larger files go where the API says. */
const DIRECT_BYTES = 4_000_000;

/** A file, and the command that sends its bytes if this page may not. */
export type Upload = { file: Schemas['File']; command: string | null };

export async function upload(file: File): Promise<Upload> {
  // Without TLS a browser has no hashes, and there is no gateway either.
  if (file.size <= DIRECT_BYTES || !crypto.subtle) return { file: await sendDirect(file), command: null };
  const announced = await announce(file);
  if (new URL(announced.upload.url).origin !== new URL(BASE).origin) {
    return { file: announced.file, command: commandOf(file.name, announced.upload) };
  }
  const { method, url, headers } = announced.upload;
  await authorizedFetch(url, { method, headers, body: file });
  return { file: announced.file, command: null };
}

async function sendDirect(file: File): Promise<Schemas['File']> {
  const response = await authorizedFetch(`${BASE}/v1/files?name=${encodeURIComponent(file.name)}`, {
    method: 'POST',
    headers: { 'Content-Type': file.type || 'application/octet-stream' },
    body: file,
  });
  return response.json();
}

async function announce(file: File): Promise<Schemas['AnnouncedFile']> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
  const sha256 = Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const { name, size, type } = file;
  const response = await authorizedFetch(`${BASE}/v1/files`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name, size, sha256, ...(type && { type }) }),
  });
  return response.json();
}

/**
 * The upload as a command line. An address of the API needs the key; one of a store is signed itself, and refuses a
 * second authorization.
 */
export function commandOf(
  name: string,
  { method, url, headers }: Omit<Schemas['UploadRequest'], 'expires_at'>,
): string {
  const isApi = /\/v1\/files\/[^/?]+$/.test(url);
  return [
    `curl -sS --fail-with-body -X ${method} ${quote(url)}`,
    ...(isApi ? ['-H "Authorization: Bearer $FLOWGATE_KEY"'] : []),
    ...Object.entries(headers).map(([header, value]) => `-H ${quote(`${header}: ${value}`)}`),
    `--upload-file ${quote(name)}`,
  ].join(' \\\n  ');
}
