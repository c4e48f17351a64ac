import { ApiError } from '../../api/client';
import type { Problem, Saved, WorkflowDraft } from '../../api/documents';
import { Listeners } from '../../api/listeners';
import type { Outline } from '../../graph/types';
import type { Choice, Conflict } from '../document/merge';
import { loadTools, type Tools, withTools } from '../document/tools';
import type { Unit } from '../document/units';
import { begin, type History, record, redo, undo } from './history';
import { forgetEdits, keepEdits } from './kept';

export type Saving =
  | { is: 'saved'; at: string }
  | { is: 'waiting' }
  | { is: 'saving' }
  /** The server does not answer; what was edited is in this tab. */
  | { is: 'offline' }
  /** The server took it for no YAML. */
  | { is: 'unreadable'; message: string }
  | { is: 'conflict'; conflicts: Conflict[]; theirs: WorkflowDraft }
  | { is: 'refused'; message: string };

export type DraftState = {
  history: History;
  saving: Saving;
  problems: Problem[];
  /** Of the last text that could be read. */
  outline: Outline | undefined;
  /** Whether forms can edit the text. */
  isReadable: boolean;
  /** The last text that could be read, which the forms show. */
  readable: string;
  activeVersion: string | null;
};

export type Server = {
  read: () => Promise<WorkflowDraft>;
  save: (text: string, etag: string | null) => Promise<Saved>;
};

const AUTOSAVE_MS = 800;
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 30_000;

/** The draft of one workflow: its text, its history, and how it gets to the server. */
export class DraftStore {
  private state: DraftState;
  private etag: string | null;
  /** The text that the server has, which a merge begins from. */
  private base: string;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private inFlight: Promise<boolean> | null = null;
  private failures = 0;
  private readonly listeners = new Listeners();

  constructor(
    readonly id: string,
    private readonly server: Server,
    loaded: WorkflowDraft,
    kept: { text: string; base: string; etag: string | null } | null = null,
  ) {
    this.etag = loaded.draft.etag;
    this.base = loaded.document;
    this.state = {
      history: begin(loaded.document),
      saving: { is: 'saved', at: loaded.draft.saved_at },
      problems: loaded.problems,
      outline: loaded.outline ?? undefined,
      isReadable: loaded.outline !== null,
      readable: loaded.document,
      activeVersion: loaded.active_version,
    };
    if (kept && kept.text !== loaded.document) this.resume(kept);
  }

  readonly snapshot = () => this.state;

  readonly subscribe = this.listeners.subscribe;

  get text() {
    return this.state.history.text;
  }

  /** Changes the text. Edits about the same thing within a second are one step of the history. */
  edit(text: string, about: string) {
    this.moveTo(record(this.state.history, text, about, Date.now()));
  }

  undo() {
    this.moveTo(undo(this.state.history));
  }

  redo() {
    this.moveTo(redo(this.state.history));
  }

  private moveTo(history: History) {
    if (history === this.state.history) return;
    this.set({ history });
    this.check();
    keepEdits(this.id, { text: history.text, base: this.base, etag: this.etag });
    if (this.state.saving.is === 'conflict' || this.state.saving.is === 'saving') return;
    this.set({ saving: this.state.saving.is === 'offline' ? this.state.saving : { is: 'waiting' } });
    this.saveIn(AUTOSAVE_MS);
  }

  /** Whether forms can edit the text. */
  private check() {
    withTools(({ plain }) => {
      const isReadable = plain(this.text) !== null;
      this.set({ isReadable, readable: isReadable ? this.text : this.state.readable });
    });
  }

  private saveIn(ms: number) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save(), ms);
  }

  /** Saves now, and answers when the server has the text, or has refused it. */
  async save(): Promise<boolean> {
    clearTimeout(this.timer);
    const { text } = this;
    if (text === this.base && this.state.saving.is !== 'offline') return this.settled(null);
    if (this.state.saving.is === 'conflict') return false;
    if (this.inFlight) {
      await this.inFlight;
      return this.save();
    }
    this.set({ saving: { is: 'saving' } });
    this.inFlight = this.send(text);
    const isSaved = await this.inFlight.finally(() => {
      this.inFlight = null;
    });
    return isSaved && this.text !== this.base && this.state.saving.is === 'waiting' ? this.save() : isSaved;
  }

  private async send(text: string): Promise<boolean> {
    try {
      const saved = await this.server.save(text, this.etag);
      this.failures = 0;
      return this.settled(saved, text);
    } catch (error) {
      const isSaved = await this.failed(error);
      // What was typed meanwhile may be readable, or allowed.
      const { is } = this.state.saving;
      if (this.text !== text && (is === 'unreadable' || is === 'refused')) this.saveIn(AUTOSAVE_MS);
      return isSaved;
    }
  }

  private settled(saved: Saved | null, text = this.text): boolean {
    if (saved) {
      this.base = text;
      this.etag = saved.draft.etag;
      this.set({ problems: saved.problems, outline: saved.outline, saving: { is: 'saved', at: saved.draft.saved_at } });
    } else if (this.state.saving.is === 'waiting') this.set({ saving: { is: 'saved', at: new Date().toISOString() } });
    if (this.text === this.base) forgetEdits(this.id);
    else {
      this.set({ saving: { is: 'waiting' } });
      this.saveIn(AUTOSAVE_MS);
    }
    return true;
  }

  private async failed(error: unknown): Promise<boolean> {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 412) return this.reconcile();
    if (error.isOffline || error.status >= 500 || error.status === 429) {
      this.set({ saving: { is: 'offline' } });
      const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures);
      this.failures += 1;
      this.saveIn(Math.max(pause, (error.retryAfter ?? 0) * 1_000));
    } else if (error.status === 422) {
      this.set({ saving: { is: 'unreadable', message: error.message }, problems: error.problem.problems ?? [] });
    } else this.set({ saving: { is: 'refused', message: error.message } });
    return false;
  }

  /** Somebody else has saved: puts these edits into their text, or asks. */
  private async reconcile(): Promise<boolean> {
    try {
      const theirs = await this.server.read();
      return await this.mergeWith(theirs, {});
    } catch (error) {
      return this.failed(error);
    }
  }

  private async mergeWith(theirs: WorkflowDraft, choices: Record<string, Choice>): Promise<boolean> {
    const merged = this.merged(theirs, choices, await loadTools());
    if (merged.conflicts.length > 0) {
      this.set({ saving: { is: 'conflict', conflicts: merged.conflicts, theirs } });
      return false;
    }
    this.base = theirs.document;
    this.etag = theirs.draft.etag;
    const history = record(this.state.history, merged.text, 'merge', Date.now());
    this.set({ history, saving: { is: 'saving' }, activeVersion: theirs.active_version });
    this.check();
    return this.send(merged.text);
  }

  /** Where one of the texts cannot be read, the whole is one part. */
  private merged(theirs: WorkflowDraft, choices: Record<string, Choice>, { merge }: Tools) {
    try {
      return merge(this.base, this.text, theirs.document, choices);
    } catch {
      const choice = choices.document;
      const conflict: Conflict = {
        key: 'document',
        name: 'the whole document',
        mine: wholeOf(this.text),
        theirs: wholeOf(theirs.document),
      };
      return { text: choice === 'mine' ? this.text : theirs.document, conflicts: choice ? [] : [conflict] };
    }
  }

  /** Decides the conflicts, and saves. */
  async resolve(choices: Record<string, Choice>): Promise<boolean> {
    if (this.state.saving.is !== 'conflict') return false;
    return this.mergeWith(this.state.saving.theirs, choices);
  }

  /** Edits that an earlier tab could not save. */
  private resume(kept: { text: string; base: string; etag: string | null }) {
    this.base = kept.base;
    this.etag = kept.etag;
    const history = record(this.state.history, kept.text, 'resumed', Date.now());
    this.state = { ...this.state, history, saving: { is: 'waiting' } };
    this.check();
    this.saveIn(0);
  }

  published(version: string) {
    this.set({ activeVersion: version });
  }

  close() {
    clearTimeout(this.timer);
  }

  private set(change: Partial<DraftState>) {
    this.state = { ...this.state, ...change };
    this.listeners.notify();
  }
}

/** A text that cannot be read, as one part. */
const wholeOf = (text: string): Unit => ({
  key: 'document',
  name: 'the whole document',
  kind: '',
  value: text,
  parent: null,
  lines: { first: 1, last: text.split('\n').length },
});
