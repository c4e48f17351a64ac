import { Undo2 } from 'lucide-react';
import { Link, useLocation } from 'wouter';
import { type Range, SPANS } from '../../api/range';
import type { ListedWorkflow } from '../../api/workflows';
import { useBlocked } from '../../app/useSession';
import { Button } from '../../ui/Button';
import { formatAgo, formatCount, formatShare } from '../../ui/format';
import { Note } from '../../ui/Note';
import { useNarrow } from '../../ui/useNarrow';
import type { Failing } from './failing';
import type { WorkflowDialog } from './WorkflowDialogs';
import style from './Workflows.module.css';

type Props = {
  workflow: ListedWorkflow;
  failing: Failing;
  range: Range;
  onDialog: (dialog: WorkflowDialog) => void;
};

/** Says that a workflow fails, since when and where, and leads to what can be done. */
export function FailingNote({ workflow, failing, range, onDialog }: Props) {
  const [, navigate] = useLocation();
  const blocked = useBlocked()('author', workflow.id);
  const narrow = useNarrow();
  const { version, before } = failing;
  const compare = before && `${before.version} → ${version}`;
  return (
    <Note
      tone="bad"
      actions={
        <>
          <Link href={`/runs?workflow=${workflow.id}&status=failed&version=${version}`} className={style.noteLink}>
            See failed runs
          </Link>
          {compare && !narrow && (
            <Button
              size="small"
              onClick={() => navigate(`/workflows/${workflow.id}/versions?a=${before.version}&b=${version}`)}
            >
              Compare {compare}
            </Button>
          )}
          {before && (
            <Button
              size="small"
              icon={<Undo2 />}
              blocked={blocked}
              onClick={() => onDialog({ kind: 'roll-back', workflow, version: before.version })}
            >
              Roll back
            </Button>
          )}
        </>
      }
    >
      <Sentence failing={failing} range={range} />
    </Note>
  );
}

function Sentence({ failing, range }: { failing: Failing; range: Range }) {
  const { failed, runs, version, since, before, node, code } = failing;
  return (
    <>
      <b>
        {formatCount(failed)} of {since ? 'the last ' : ''}
        {formatCount(runs)} runs failed
      </b>{' '}
      {since ? `since ${version}, ${formatAgo(since)}` : `of ${version} in ${SPANS[range].words}`}
      {node && (
        <>
          , {node.all ? 'all' : 'most'} at <code>{node.name}</code>
        </>
      )}
      {code && (
        <>
          {node ? ': ' : ', mostly '}
          <code>{code}</code>
        </>
      )}
      .{before && before.rate !== null && ` ${before.version} failed ${formatShare(before.rate, 1)}.`}
    </>
  );
}
