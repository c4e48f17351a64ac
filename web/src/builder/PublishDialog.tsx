import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleCheck, X } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { api, body } from '../api/client';
import { useBlocked } from '../app/useSession';
import { Button } from '../ui/Button';
import { Input } from '../ui/Field';
import { MOD } from '../ui/Kbd';
import { Note } from '../ui/Note';
import { useModal } from '../ui/useModal';
import { useBuilder } from './context';
import style from './PublishDialog.module.css';
import { Review } from './PublishReview';
import { nextVersion } from './version';

/** Publishes the draft: what changes, what is wrong, notes. Then where callers find it. */
export default function PublishDialog({ onClose }: { onClose: () => void }) {
  const { state } = useBuilder();
  const reason = useReason();
  const dialog = useModal();
  const [notes, setNotes] = useState('');
  const publish = usePublish(notes);
  const next = useNextVersion();
  const action = next ? `Publish ${next}` : 'Publish';
  return (
    <dialog
      ref={dialog}
      className={style.dialog}
      aria-label="Publish"
      onCancel={onClose}
      onKeyDown={(event) => {
        const isAsked = event.key === 'Enter' && (event.metaKey || event.ctrlKey);
        if (isAsked && !reason && !publish.isPending && !publish.data) publish.mutate();
      }}
    >
      <header className={style.head}>
        <h2>{action}</h2>
        <p>{state.activeVersion ? `${state.activeVersion} is active` : 'the first version'}</p>
        <Button look="quiet" size="small" icon={<X />} aria-label="Close" onClick={onClose} />
      </header>
      {publish.data ? (
        <Published version={publish.data.version} onClose={onClose} />
      ) : (
        <>
          <Review />
          <Foot {...{ publish, action, reason, notes, onNotes: setNotes, onClose }} />
        </>
      )}
    </dialog>
  );
}

/** Why the draft cannot be published. */
function useReason(): string | null {
  const { store, state } = useBuilder();
  const blocked = useBlocked()('author', store.id);
  if (blocked) return blocked;
  if (state.problems.some((problem) => problem.severity === 'error')) return 'Fix the errors first.';
  return state.isReadable ? null : 'The text cannot be read.';
}

type FootProps = {
  publish: ReturnType<typeof usePublish>;
  action: string;
  /** Why it cannot be published. */
  reason: string | null;
  notes: string;
  onNotes: (notes: string) => void;
  onClose: () => void;
};

function Foot({ publish, action, reason, notes, onNotes, onClose }: FootProps) {
  return (
    <footer className={style.foot}>
      {publish.error && <Note tone="bad">{publish.error.message}</Note>}
      <div>
        <Input
          aria-label="Notes"
          placeholder="Notes: what changes for callers"
          maxLength={2_500}
          value={notes}
          onChange={(event) => onNotes(event.target.value)}
        />
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
        <Button
          look="primary"
          shortcut={`${MOD}↵`}
          busy={publish.isPending}
          blocked={reason}
          onClick={() => publish.mutate()}
        >
          {action}
        </Button>
      </div>
      <p>New runs take the new version. Runs in flight end on theirs. You can roll back at any time.</p>
    </footer>
  );
}

function usePublish(notes: string) {
  const { store } = useBuilder();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      if (!(await store.save())) throw new Error('The draft could not be saved, so that it cannot be published.');
      const params = { path: { workflow_id: store.id } };
      return body(api.POST('/v1/workflows/{workflow_id}/versions', { params, body: { notes: notes || null } }));
    },
    onSuccess: ({ version }) => {
      store.published(version);
      void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'version' });
    },
  });
}

/** The number that the server gives next: 1.0.N counts on from the newest, also from one that is not active. */
function useNextVersion(): string | null {
  const { store } = useBuilder();
  const newest = useQuery({
    queryKey: ['workflow', store.id, 'newest version'],
    queryFn: async () => {
      const params = { path: { workflow_id: store.id }, query: { limit: 1 } };
      return (await body(api.GET('/v1/workflows/{workflow_id}/versions', { params }))).items[0]?.version ?? null;
    },
    staleTime: 0,
  });
  return newest.data === undefined ? null : nextVersion(newest.data);
}

function Published({ version, onClose }: { version: string; onClose: () => void }) {
  const { store } = useBuilder();
  return (
    <div className={style.done}>
      <CircleCheck className={style.ok} aria-hidden />
      <h3>{version} is what callers get</h3>
      <p>
        <Link href={`/workflows/${store.id}/api`}>See how to call it</Link>
      </p>
      <Button onClick={onClose}>Go on building</Button>
    </div>
  );
}
