import { useQuery } from '@tanstack/react-query';
import { ArrowLeft, ArrowLeftRight } from 'lucide-react';
import { getDraft, getVersion } from '../../../api/workflow';
import { Button } from '../../../ui/Button';
import { Skeleton } from '../../../ui/Empty';
import { Field, Select } from '../../../ui/Field';
import { KindTile } from '../../../ui/KindTile';
import { Note } from '../../../ui/Note';
import { TextDiff } from '../../../ui/TextDiff';
import { useNarrow } from '../../../ui/useNarrow';
import { type Comparable, type NodeChange, nodeChanges } from './diff';
import style from './Versions.module.css';

type Props = {
  workflowId: string;
  /** Newest first; `draft` among them. */
  versions: string[];
  a: string;
  b: string;
  onChoose: (a: string | null, b: string | null) => void;
};

/** Two versions against each other: which nodes differ, and every line that does. */
export function Compare({ workflowId, versions, a, b, onChoose }: Props) {
  const before = useDocument(workflowId, a);
  const after = useDocument(workflowId, b);
  const error = before.error ?? after.error;
  const narrow = useNarrow();
  return (
    <div className={style.page}>
      <div className={style.bar}>
        <Button look="quiet" icon={<ArrowLeft />} onClick={() => onChoose(null, null)}>
          All versions
        </Button>
        <VersionSelect label="From" value={a} versions={versions} onChange={(value) => onChoose(value, b)} />
        <Button look="quiet" icon={<ArrowLeftRight />} aria-label="Swap" onClick={() => onChoose(b, a)} />
        <VersionSelect label="To" value={b} versions={versions} onChange={(value) => onChoose(a, value)} />
      </div>
      {error && <Note tone="bad">They cannot be compared: {error.message}</Note>}
      {!error && (!before.data || !after.data) && <Skeleton />}
      {before.data && after.data && (
        <>
          <Nodes changes={nodeChanges(before.data, after.data)} />
          <TextDiff
            before={before.data.document}
            after={after.data.document}
            names={[a, b]}
            look={narrow ? 'unified' : 'split'}
          />
        </>
      )}
    </div>
  );
}

/** A version never changes; the draft does. */
function useDocument(workflowId: string, version: string) {
  return useQuery({
    queryKey: version === 'draft' ? ['workflow', workflowId] : ['version', workflowId, version],
    queryFn: (): Promise<Comparable> => (version === 'draft' ? getDraft(workflowId) : getVersion(workflowId, version)),
    staleTime: version === 'draft' ? 0 : Number.POSITIVE_INFINITY,
  });
}

function VersionSelect({
  label,
  value,
  versions,
  onChange,
}: {
  label: string;
  value: string;
  versions: string[];
  onChange: (value: string) => void;
}) {
  return (
    <Field label={label}>
      {(ids) => (
        <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
          {versions.includes(value) || <option>{value}</option>}
          {versions.map((version) => (
            <option key={version}>{version}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function Nodes({ changes }: { changes: NodeChange[] | null }) {
  if (changes === null) return null;
  return (
    <section aria-label="Nodes that differ">
      <h2 className={style.heading}>Nodes that differ</h2>
      {changes.length ? (
        <ul className={style.changes}>
          {changes.map(({ id, kind, change }) => (
            <li key={id} className={style[change]}>
              <KindTile kind={kind} size={20} />
              <code>{id}</code> {change}
            </li>
          ))}
        </ul>
      ) : (
        <p className={style.faint}>None. What differs is outside of nodes.</p>
      )}
    </section>
  );
}
