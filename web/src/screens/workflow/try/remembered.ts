/** What was last typed, per workflow. It stays in this tab alone, and goes with it. */
import { readValue, writeValue } from '../../../api/storage';
import type { Entries } from './fields';

const PREFIX = 'flowgate.try.';

export const rememberedEntries = (workflowId: string): Entries | null => readValue('tab', PREFIX + workflowId);
export const rememberEntries = (workflowId: string, entries: Entries) =>
  writeValue('tab', PREFIX + workflowId, entries);
