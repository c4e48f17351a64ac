import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { WorkflowDraft } from '../../api/documents';
import { outlineOf } from '../../graph/fixture';

vi.stubGlobal('document', { baseURI: 'http://localhost/' });
vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => {}, removeItem: () => {} });

const { ApiError } = await import('../../api/client');
const { DraftStore } = await import('./store');
const { loadTools } = await import('../document/tools');
await loadTools();

const TEXT =
  'name: A\nnodes:\n  - { id: a, type: template, template: x }\n  - { id: b, type: template, template: y }\n';

/** A server that holds one draft. */
class Fake {
  text = TEXT;
  version = 1;
  saves = 0;
  isAway = false;

  draft = (): WorkflowDraft => ({
    id: 'w',
    name: 'A',
    active_version: null,
    activated_at: null,
    created_at: '2026-01-01T00:00:00Z',
    schedules: [],
    document: this.text,
    draft: { etag: `${this.version}`, saved_at: '2026-01-01T00:00:00Z', saved_by: null },
    public: null,
    problems: [],
    outline: outlineOf([], []),
  });

  read = async () => this.draft();

  save = async (text: string, etag: string | null) => {
    if (this.isAway) throw new ApiError(0, 'offline', 'The server does not answer.');
    if (etag !== `${this.version}`) throw new ApiError(412, 'draft_changed', 'changed');
    if (text.includes('[')) throw new ApiError(422, 'invalid_document', 'not YAML');
    this.saves += 1;
    this.put(text);
    return { id: 'w', name: 'A', problems: [], outline: outlineOf([], []), draft: this.draft().draft };
  };

  put(text: string) {
    this.text = text;
    this.version += 1;
  }
}

let server: Fake;
const open = () => new DraftStore('w', server, server.draft());

beforeEach(() => {
  vi.useFakeTimers();
  server = new Fake();
});
afterEach(() => void vi.useRealTimers());

describe('a draft', () => {
  test('is saved 800 ms after the last edit', async () => {
    const store = open();
    store.edit(TEXT.replace('x', 'x1'), 'a');
    await vi.advanceTimersByTimeAsync(700);
    store.edit(TEXT.replace('x', 'x2'), 'a');
    await vi.advanceTimersByTimeAsync(790);
    expect(server.saves).toBe(0);
    await vi.advanceTimersByTimeAsync(20);
    expect(server.text).toContain('x2');
    expect(store.snapshot().saving.is).toBe('saved');
  });

  test('undoes edits of forms and of the text alike, and saves that', async () => {
    const store = open();
    store.edit(TEXT.replace('x', '1'), 'form a');
    store.edit(TEXT.replace('x', '12'), 'form a');
    store.edit(TEXT.replace('x', '12').replace('y', '3'), 'text');
    store.undo();
    expect(store.text).toBe(TEXT.replace('x', '12'));
    store.undo();
    expect(store.text).toBe(TEXT);
    store.redo();
    await vi.advanceTimersByTimeAsync(900);
    expect(server.text).toBe(TEXT.replace('x', '12'));
  });

  test('merges with what somebody else saved', async () => {
    const store = open();
    server.put(TEXT.replace(': y', ': theirs'));
    store.edit(TEXT.replace('x', 'mine'), 'a');
    await vi.advanceTimersByTimeAsync(900);
    expect(server.text).toBe(TEXT.replace('x', 'mine').replace(': y', ': theirs'));
  });

  test('asks where both changed one node', async () => {
    const store = open();
    server.put(TEXT.replace('x', 'theirs'));
    store.edit(TEXT.replace('x', 'mine'), 'a');
    await vi.advanceTimersByTimeAsync(900);
    expect(store.snapshot().saving).toMatchObject({ is: 'conflict', conflicts: [{ name: 'a' }] });
    await store.resolve({ 'node:a': 'mine' });
    expect(server.text).toContain('mine');
    expect(store.snapshot().saving.is).toBe('saved');
  });

  test('is kept while the server is away, and tried again', async () => {
    const store = open();
    server.isAway = true;
    store.edit(TEXT.replace('x', 'mine'), 'a');
    await vi.advanceTimersByTimeAsync(900);
    expect(store.snapshot().saving.is).toBe('offline');
    server.isAway = false;
    await vi.advanceTimersByTimeAsync(2_100);
    expect(server.text).toContain('mine');
  });

  test('that cannot be read locks forms and keeps the last outline', async () => {
    const store = open();
    store.edit('nodes: [', 'text');
    expect(store.snapshot().isReadable).toBe(false);
    await vi.advanceTimersByTimeAsync(900);
    expect(store.snapshot().saving.is).toBe('unreadable');
    store.edit(TEXT.replace('x', 'again'), 'text');
    await vi.advanceTimersByTimeAsync(900);
    expect(store.snapshot()).toMatchObject({ isReadable: true, saving: { is: 'saved' } });
  });

  test('resumes edits that an earlier tab could not save', async () => {
    const kept = { text: TEXT.replace('x', 'kept'), base: TEXT, etag: '1' };
    const store = new DraftStore('w', server, server.draft(), kept);
    await vi.advanceTimersByTimeAsync(10);
    expect(server.text).toContain('kept');
    expect(store.snapshot().saving.is).toBe('saved');
  });
});
