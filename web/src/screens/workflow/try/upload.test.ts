import { expect, test, vi } from 'vitest';

vi.mock('../../../api/client', () => ({ BASE: 'https://flows.example.com', authorizedFetch: vi.fn() }));
const { commandOf } = await import('./upload');

test('the command for a store has its headers and no key', () => {
  const headers = { 'content-type': 'application/pdf' };
  const url = "https://store.example.com/a?X-Signature=it's";
  expect(commandOf('year end.pdf', { method: 'PUT', url, headers })).toBe(
    [
      String.raw`curl -sS --fail-with-body -X PUT 'https://store.example.com/a?X-Signature=it'\''s'`,
      "-H 'content-type: application/pdf'",
      "--upload-file 'year end.pdf'",
    ].join(' \\\n  '),
  );
});

test('the command for the API has the key from the environment', () => {
  const url = 'https://flows.example.com/v1/files/file_1';
  expect(commandOf('a.pdf', { method: 'PUT', url, headers: {} })).toContain('Bearer $FLOWGATE_KEY');
});
