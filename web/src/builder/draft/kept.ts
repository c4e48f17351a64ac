/** Edits that the server does not have yet, kept in the tab, so that a reload or a lost connection loses none. */
import { readValue, writeValue } from '../../api/storage';

export type Kept = { text: string; base: string; etag: string | null };

const PREFIX = 'flowgate.edits.';

export const keepEdits = (id: string, kept: Kept) => writeValue('tab', PREFIX + id, kept);
export const forgetEdits = (id: string) => writeValue('tab', PREFIX + id, null);
export const keptEdits = (id: string): Kept | null => readValue('tab', PREFIX + id);
