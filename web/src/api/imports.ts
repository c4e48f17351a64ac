import { api, body, type Schemas } from './client';
import { readValue, writeValue } from './storage';

export type Imported = Schemas['Imported'];
export type ImportEntry = Schemas['ImportEntry'];

/** What became of a workflow's steps, and of the keys that stood in its file. */
export type ImportReport = {
  file: string;
  entries: ImportEntry[];
  secrets: Imported['secrets'];
  /** The other workflows of the file. */
  others: Imported['workflows'];
};

/** Makes drafts of an export of another system. */
export const importFile = (content: string, name: string): Promise<Imported> =>
  body(
    api.POST('/v1/workflows/import', {
      params: { query: { name: name.slice(0, 60) } },
      body: content as never,
      bodySerializer: (text: unknown) => text as string,
      headers: { 'Content-Type': 'application/octet-stream' },
    }),
  );

const placeOf = (workflow: string) => `flowgate-import-${workflow}`;

/** Where the tab's storage is full, a reload loses the report. */
const inMemory = new Map<string, ImportReport>();

/** Keeps the report of each workflow for this tab: the server gives it once. */
export function keepReports(imported: Imported, file: string): void {
  for (const { id } of imported.workflows) {
    const entries = imported.report.entries.filter((entry) => entry.workflow === id);
    const others = imported.workflows.filter((workflow) => workflow.id !== id);
    const report: ImportReport = { file, entries, secrets: imported.secrets, others };
    inMemory.set(id, report);
    writeValue('tab', placeOf(id), report);
  }
}

export const reportOf = (workflow: string): ImportReport | null =>
  inMemory.get(workflow) ?? readValue('tab', placeOf(workflow));
