import { ArrowDown, ArrowUp, BookOpen, Copy, FileText, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { FieldSpec, Kind, Problem } from '../../api/documents';
import type { OutlineNode } from '../../graph/types';
import { Button } from '../../ui/Button';
import { Empty } from '../../ui/Empty';
import { KindTile } from '../../ui/KindTile';
import { Menu } from '../../ui/Menu';
import { Note } from '../../ui/Note';
import { useBuilder } from '../context';
import { isId } from '../document/nodes';
import { isCommon, isShort } from '../form/controls';
import { FieldControl } from '../form/FieldControl';
import formStyle from '../form/Form.module.css';
import { More } from '../form/groups';
import { useBuffered } from '../form/useBuffered';
import { kindOf, nodeOf, problemsAt, sharedFields } from '../lookup';
import { PinBox } from '../pins/PinBox';
import { useActions } from '../useActions';
import { useNodeValue } from '../useDocument';
import style from './Panel.module.css';

/** Everything about the selected node. */
export function NodePanel() {
  const { state, kinds, selected } = useBuilder();
  const node = nodeOf(state.outline, selected);
  const kind = kindOf(kinds, node?.kind);
  if (!node || selected === null) {
    return <Empty title="No node is selected">Choose one in the graph, or add one with the key A.</Empty>;
  }
  return (
    <>
      <Head key={selected} node={node} kind={kind} />
      {kinds === null && <Note>This server describes no kinds. Edit the node in the document.</Note>}
      {kind && <Form key={node.path} node={node} kind={kind} />}
      <PinBox node={node} />
    </>
  );
}

function Head({ node, kind }: { node: OutlineNode; kind: Kind | undefined }) {
  const [showsHelp, setShowsHelp] = useState(false);
  const { locked, open } = useBuilder();
  const actions = useActions();
  return (
    <>
      <header className={style.nodeHead}>
        <KindTile kind={node.kind} />
        <div>
          <h2>
            <IdField id={node.id} />
          </h2>
          <p title={kind?.summary}>{kind ? `${capital(kind.name)} · ${kind.summary}` : node.kind}</p>
        </div>
        <Button
          look="quiet"
          size="small"
          icon={<BookOpen />}
          aria-label={`About ${node.kind}`}
          aria-expanded={showsHelp}
          onClick={() => setShowsHelp(!showsHelp)}
        />
        <Menu
          label={`Actions of ${node.id}`}
          items={[
            { label: 'Show in the document', icon: <FileText />, onSelect: () => open('document') },
            { label: 'Duplicate', icon: <Copy />, onSelect: actions.duplicate, blocked: locked },
            { label: 'Move up', icon: <ArrowUp />, onSelect: () => actions.move(-1), blocked: locked },
            { label: 'Move down', icon: <ArrowDown />, onSelect: () => actions.move(1), blocked: locked },
            { label: 'Delete', icon: <Trash2 />, onSelect: actions.remove, danger: true, blocked: locked },
          ]}
        />
      </header>
      {showsHelp && kind && <p className={style.details}>{kind.details || kind.summary}</p>}
    </>
  );
}

function Form({ node, kind }: { node: OutlineNode; kind: Kind }) {
  const { state, kinds, selected, locked } = useBuilder();
  const actions = useActions();
  const value = useNodeValue(selected);
  if (!value || !kinds) return null;
  const fields = [...kind.fields, ...sharedFields(kinds, kind)].filter((field) => !HANDLED.has(field.name));
  const shown = ordered(
    fields.filter((field) => isCommon(field, value)),
    value,
  );
  const rest = fields.filter((field) => !shown.includes(field));
  const problems = problemsAt(state.problems, node.path);
  const control = (field: FieldSpec) => (
    <div key={field.name} className={isShort(field, value[field.name]) ? style.short : undefined}>
      <FieldControl
        field={field}
        value={value[field.name]}
        path={[field.name]}
        base={node.path}
        set={actions.setField}
        disabled={locked !== null}
        problems={problems}
      />
    </div>
  );
  return (
    <div className={style.form}>
      <Problems of={problems.filter((problem) => problem.path === node.path)} />
      {shown.map(control)}
      {rest.length > 0 && (
        <More names={rest.map((field) => field.name)}>
          <div className={formStyle.fields}>{rest.map(control)}</div>
        </More>
      )}
    </div>
  );
}

const Problems = ({ of }: { of: Problem[] }) =>
  of.map((problem) => (
    <Note key={problem.message} tone={problem.severity === 'error' ? 'bad' : 'warn'}>
      {problem.message}
    </Note>
  ));

const HANDLED = new Set(['id', 'type', 'nodes']);

/** What every node has stands below what its kind has; short fields stand together. */
const LAST = ['timeout', 'retry', 'on_error', 'after'];

function ordered(fields: FieldSpec[], value: Record<string, unknown>) {
  const rank = (field: FieldSpec) =>
    LAST.includes(field.name) ? 2 + LAST.indexOf(field.name) : isShort(field, value[field.name]) ? 1 : 0;
  return [...fields].sort((a, b) => rank(a) - rank(b));
}

function IdField({ id }: { id: string }) {
  const { locked, state } = useBuilder();
  const actions = useActions();
  const taken = new Set(state.outline?.nodes.map((node) => node.id.toLowerCase()));
  const wrongOf = (typed: string) => {
    if (typed === id) return undefined;
    if (!isId(typed)) return 'Letters, digits, _ and -, beginning with a letter or digit.';
    return typed.toLowerCase() !== id.toLowerCase() && taken.has(typed.toLowerCase())
      ? 'Another node has this id.'
      : undefined;
  };
  const { shown, type, flush } = useBuffered(id, (typed) => wrongOf(typed) === undefined && actions.rename(typed));
  const wrong = wrongOf(shown);
  return (
    <>
      <input
        className={style.id}
        aria-label="Id of the node; everything that refers to it follows"
        aria-invalid={wrong ? true : undefined}
        title="Rename: everything that refers to it follows"
        spellCheck={false}
        value={shown}
        disabled={locked !== null}
        onChange={(event) => type(event.target.value)}
        onBlur={flush}
      />
      {wrong && <span className={style.idWrong}>{wrong}</span>}
    </>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
