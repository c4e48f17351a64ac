import { Play, Redo2, Undo2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { usePageActions } from '../../app/actions';
import { useBlocked } from '../../app/useSession';
import { useBuilder } from '../../builder/context';
import { flushTyped } from '../../builder/form/useBuffered';
import { useChanges } from '../../builder/useChanges';
import { Button } from '../../ui/Button';
import { Chip } from '../../ui/Chip';
import { MOD } from '../../ui/Kbd';
import { lazily } from '../../ui/lazily';
import { SaveState } from './SaveState';
import style from './Workflow.module.css';

const PublishDialog = lazily(() => import('../../builder/PublishDialog'));
const RunDialog = lazily(() => import('../../builder/RunDialog'));

const TABS = [
  { id: 'build', label: 'Build' },
  { id: 'api', label: 'API' },
  { id: 'try', label: 'Try it' },
  { id: 'runs', label: 'Runs' },
  { id: 'versions', label: 'Versions' },
];

/** Where one is, the tabs, how the draft is saved, and what to do with it. */
export function TopBar({ name, tab }: { name: string; tab: string }) {
  const { store, state } = useBuilder();
  return (
    <header className={style.top}>
      <nav aria-label="Breadcrumb" className={style.crumbs}>
        <Link href="/workflows">Workflows</Link>
        <span aria-hidden>/</span>
        <h1>{name}</h1>
        {state.activeVersion ? (
          <Chip look="outline">{state.activeVersion} active</Chip>
        ) : (
          <Chip look="outline">not published</Chip>
        )}
      </nav>
      <nav aria-label="Parts of the workflow" className={style.tabs}>
        {TABS.map(({ id, label }) => (
          <Link
            key={id}
            href={id === 'build' ? `/workflows/${store.id}` : `/workflows/${store.id}/${id}`}
            aria-current={tab === id ? 'page' : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      {tab === 'build' && <DraftActions />}
    </header>
  );
}

function DraftActions() {
  const { store, state } = useBuilder();
  const blocked = useBlocked();
  const [open, setOpen] = useState<'run' | 'publish' | null>(null);
  const label = usePublishLabel();
  const errors = state.problems.filter((problem) => problem.severity === 'error');
  const reason = blocked('author', store.id) ?? (state.isReadable ? null : 'The text cannot be read.');
  const runReason = reason ?? (errors.length > 0 ? errorReason(errors.length) : null);
  const publishReason = runReason ?? label.reason;
  useKeys(store, () => runReason === null && setOpen('run'));
  usePageActions([
    { id: 'run-draft', label: 'Run draft', hint: 'this workflow', blocked: runReason, run: () => setOpen('run') },
    { id: 'publish', label: label.text, hint: 'this workflow', blocked: publishReason, run: () => setOpen('publish') },
  ]);
  return (
    <div className={style.actions}>
      <SaveState />
      <UndoRedo />
      <Button icon={<Play />} shortcut={`${MOD}↵`} blocked={runReason} onClick={() => setOpen('run')}>
        Run draft
      </Button>
      <Button look="primary" blocked={publishReason} onClick={() => setOpen('publish')}>
        {label.text}
      </Button>
      {open === 'run' && <RunDialog title="Run draft" onClose={() => setOpen(null)} />}
      {open === 'publish' && <PublishDialog onClose={() => setOpen(null)} />}
    </div>
  );
}

function UndoRedo() {
  const { store, state } = useBuilder();
  const { past, future } = state.history;
  return (
    <>
      <Button
        look="quiet"
        icon={<Undo2 />}
        aria-label="Undo"
        title={`Undo (${MOD}Z)`}
        blocked={past.length === 0 ? 'Nothing to undo' : null}
        onClick={() => store.undo()}
      />
      <Button
        look="quiet"
        icon={<Redo2 />}
        aria-label="Redo"
        title={`Redo (⇧${MOD}Z)`}
        blocked={future.length === 0 ? 'Nothing to redo' : null}
        onClick={() => store.redo()}
      />
    </>
  );
}

const errorReason = (count: number) => (count === 1 ? 'Fix the error first.' : `Fix the ${count} errors first.`);

/** "Publish 3 changes"; what only differs in layout can be published too. */
function usePublishLabel(): { text: string; reason: string | null } {
  const { state } = useBuilder();
  const { changes, before } = useChanges();
  if (state.activeVersion === null || !changes) return { text: 'Publish', reason: null };
  const count = changes.length;
  if (before === state.history.text) return { text: 'Publish', reason: `The draft is what ${state.activeVersion} is.` };
  return { text: count === 0 ? 'Publish' : `Publish ${count} ${count === 1 ? 'change' : 'changes'}`, reason: null };
}

/** ⌘Z, ⇧⌘Z, ⌘S and ⌘↵ wherever the focus is; a dialog keeps its own. */
function useKeys(store: ReturnType<typeof useBuilder>['store'], onRun: () => void) {
  useEffect(() => {
    const keyDown = (event: KeyboardEvent) => {
      if (!(event.metaKey || event.ctrlKey) || event.defaultPrevented || document.querySelector('dialog[open]')) return;
      const key = event.key.toLowerCase();
      if (['z', 'y', 's', 'enter'].includes(key)) flushTyped();
      if (key === 'z') (event.shiftKey ? store.redo : store.undo).call(store);
      else if (key === 'y') store.redo();
      else if (key === 's') void store.save();
      else if (event.key === 'Enter') onRun();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', keyDown);
    return () => document.removeEventListener('keydown', keyDown);
  });
}
