import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { parseDocument, stringify } from 'yaml';
import { authorizedFetch, BASE } from '../api/client';
import { useBlocked } from '../app/useSession';
import { Dialog } from '../ui/Dialog';
import { DialogFoot } from '../ui/DialogFoot';
import { Note } from '../ui/Note';
import { TextAreaField } from '../ui/TextField';
import { useBuilder } from './context';
import { emptyOf } from './names';
import { useDocumentValue } from './useDocument';

type Part = { until?: string; pins?: Record<string, unknown> };

/** Runs the draft, or a part of it, with an input. */
export default function RunDialog({ title, part, onClose }: { title: string; part?: Part; onClose: () => void }) {
  const { store } = useBuilder();
  const blocked = useBlocked();
  const [, go] = useLocation();
  const [text, setText] = useState(exampleInput(useDocumentValue()?.input));
  const document = parseDocument(text);
  const isWrong = document.errors.length > 0;
  const reason = blocked('author', store.id) ?? blocked('run', store.id) ?? (isWrong ? 'The input is not YAML.' : null);
  const run = useMutation({
    mutationFn: async () => {
      if (!(await store.save())) throw new Error('The draft could not be saved, so that it cannot run.');
      return start(store.id, { input: document.toJS() ?? {}, ...part });
    },
    onSuccess: (id) => go(`/runs/${id}`),
  });
  return (
    <Dialog
      title={title}
      lead="The draft runs as it is now. Callers are not affected."
      onClose={onClose}
      footer={
        <DialogFoot busy={run.isPending} blocked={reason} onClick={() => run.mutate()} onClose={onClose}>
          Run
        </DialogFoot>
      }
    >
      {run.error && <Note tone="bad">{run.error.message}</Note>}
      <TextAreaField
        label="Input"
        hint="YAML or JSON"
        error={document.errors[0]?.message.split('\n')[0]}
        mono
        rows={8}
        value={text}
        onChange={setText}
      />
    </Dialog>
  );
}

async function start(workflow: string, body: { input: unknown } & Part): Promise<string> {
  const url = `${BASE}/v1/workflows/${encodeURIComponent(workflow)}/runs?version=draft`;
  const headers = { 'Content-Type': 'application/json', Prefer: 'respond-async' };
  const response = await authorizedFetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return ((await response.json()) as { id: string }).id;
}

/** An input that the workflow takes: its examples, its defaults, and something empty for the rest. */
export function exampleInput(fields: unknown): string {
  const list = Array.isArray(fields) ? fields : [];
  const input = Object.fromEntries(
    list.map((field) => [field.name, field.value ?? field.default ?? emptyOf(field.type)] as const),
  );
  return list.length > 0 ? stringify(input, { lineWidth: 0 }) : '{}\n';
}
