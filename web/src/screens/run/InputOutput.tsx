import { formatBytes } from '../../ui/format';
import { JsonTree } from '../../ui/JsonTree';
import { useNarrow } from '../../ui/useNarrow';
import style from './InputOutput.module.css';
import { RunFigures } from './RunFigures';
import type { RunData } from './useRunData';

/** What the run was given and what it gave. */
export function InputOutput({ data }: { data: RunData }) {
  const { run, over } = data;
  const narrow = useNarrow();
  return (
    <div className={style.pair}>
      {narrow && <RunFigures data={data} part="more" />}
      <Side title="Input" value={run.input} missing="It was wiped, or the key may not read it." />
      <Side title="Output" value={run.output} missing={over ? 'There is none.' : 'There is none yet.'} />
    </div>
  );
}

function Side({ title, value, missing }: { title: string; value: unknown; missing: string }) {
  const known = value !== null && value !== undefined;
  return (
    <div className={style.side}>
      <h2>
        {title}
        {known && <span>{formatBytes(new TextEncoder().encode(JSON.stringify(value)).length)}</span>}
      </h2>
      {known ? <JsonTree value={value} label={title} /> : <p>{missing}</p>}
    </div>
  );
}
