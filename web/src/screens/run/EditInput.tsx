import { ArrowRightFromLine } from 'lucide-react';
import { useState } from 'react';
import { ApiError, type Schemas } from '../../api/client';
import { useRerun } from '../../runs/rerun';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { Note } from '../../ui/Note';
import { TextAreaField } from '../../ui/TextField';
import type { RunData } from './useRunData';

type Props = {
  data: RunData;
  from: string;
  content: Schemas['ReplayRun'];
  onClose: () => void;
};

/** Runs again with another input of the run. What is wrong with it is shown as one types, and as the server says. */
export function EditInput({ data, from, content, onClose }: Props) {
  const [text, setText] = useState(() => JSON.stringify(data.run.input ?? {}, null, 2));
  const rerun = useRerun(data.run, onClose);
  const { value, problem } = readInput(text);
  return (
    <Dialog
      wide
      title="Edit the input first"
      lead={
        <>
          The run's input, for a new run that goes on from <code>{from}</code>. Calls that another input changes are
          made again.
        </>
      }
      onClose={onClose}
      footer={
        <DialogFoot
          icon={<ArrowRightFromLine />}
          blocked={problem}
          busy={rerun.isPending}
          onClick={() => rerun.mutate({ ...content, input: value })}
          onClose={onClose}
        >
          Rerun with this input
        </DialogFoot>
      }
    >
      <TextAreaField
        label="Input, as JSON"
        error={problem}
        mono
        rows={14}
        spellCheck={false}
        value={text}
        onChange={setText}
      />
      {rerun.error && <Refusal error={rerun.error} />}
    </Dialog>
  );
}

/** What of the input the server did not take. */
function Refusal({ error }: { error: Error }) {
  const refused = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  if (!refused.length) return <Note tone="bad">{error.message}</Note>;
  return (
    <Note tone="bad">
      <ul>
        {refused.map(({ pointer, message }) => (
          <li key={pointer + message}>
            <code>{pointer}</code> {message}
          </li>
        ))}
      </ul>
    </Note>
  );
}

/** The value, or why there is none, as a sentence. */
function readInput(text: string): { value: unknown; problem: string | null } {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
    return { value, problem: isObject ? null : 'Give an object, such as { "name": "Ada" }.' };
  } catch (error) {
    return { value: null, problem: `This is not JSON: ${(error as Error).message}.` };
  }
}
