import type { NodeProps } from '@xyflow/react';
import { ChevronLeft, ChevronRight, CircleX, TriangleAlert } from 'lucide-react';
import { memo } from 'react';
import { classes } from '../ui/classes';
import { groupOf, KindTile } from '../ui/KindTile';
import { StateIcon } from '../ui/Status';
import style from './Nodes.module.css';
import { InPort, OutPort } from './Port';
import type { NodeData } from './scene';
import { MAX_GATE_ROWS, MAX_TOOLS } from './size';
import { INPUT, type NodeMark, type NodeRun, type Outline, type OutlineNode } from './types';

type Props = NodeProps & { data: NodeData };

/** The class names of a box: what its run did, and whether it is selected. */
function look({ run, hasRun, isSelected, mark, node }: NodeData) {
  const state = run?.state ?? (hasRun ? 'pending' : undefined);
  return classes(
    isSelected && style.selected,
    state && style[state],
    mark && style[mark],
    node?.change === 'added' && style.added,
  );
}

export const Step = memo(function Step({ data, isConnectable }: Props) {
  const { node } = data;
  if (!node) return null;
  return (
    <div className={classes(style.node, style[groupOf(node.kind)], look(data))}>
      <Head node={node} data={data} />
      {node.branches.length > 0 ? (
        <ul className={style.branches}>
          {node.branches.map((branch) => (
            <li key={branch}>{branch}</li>
          ))}
        </ul>
      ) : (
        node.tools.length > 0 && <Tools tools={node.tools} />
      )}
      <Mark mark={data.mark} />
      {isConnectable && <Ports branches={node.branches} />}
    </div>
  );
});

function Ports({ branches }: { branches: string[] }) {
  return (
    <>
      <InPort />
      {branches.length === 0 && <OutPort />}
      {branches.map((branch, index) => (
        <OutPort key={branch} branch={branch} share={(index + 0.5) / branches.length} />
      ))}
    </>
  );
}

function Head({ node, data }: { node: OutlineNode; data: NodeData }) {
  const tools = node.tools.length > 0 ? ` · ${node.tools.length} ${node.tools.length === 1 ? 'tool' : 'tools'}` : '';
  return (
    <div className={style.head}>
      <KindTile kind={node.kind} />
      <div className={style.names}>
        <b title={node.id}>{titleOf(node)}</b>
        <span>{(node.touches ?? node.name ?? node.kind) + tools}</span>
      </div>
      <Badge badge={data.badge} run={data.run} />
    </div>
  );
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id, which references are made of. Of a node whose id only a machine can read, its name. */
const titleOf = ({ id, name, kind }: OutlineNode) => (UUID.test(id) ? (name ?? kind) : id || 'no id');

function Badge({ badge, run }: { badge: string | undefined; run: NodeRun | undefined }) {
  if (!badge && !run) return null;
  return (
    <span className={classes(style.badge, run && style.bare)}>
      {badge}
      {run && <StateIcon state={run.state} />}
    </span>
  );
}

function Tools({ tools }: { tools: OutlineNode['tools'] }) {
  const more = tools.length - MAX_TOOLS;
  return (
    <ul className={style.tools}>
      {tools.slice(0, MAX_TOOLS).map((tool) => (
        <li key={tool.name}>
          <KindTile kind={tool.kind === 'code' ? 'function' : tool.kind} size={18} />
          <span>{tool.name}</span>
        </li>
      ))}
      {more > 0 && <li>+{more}</li>}
    </ul>
  );
}

function Mark({ mark }: { mark: NodeMark | undefined }) {
  if (!mark) return null;
  return (
    <span className={style.mark}>{mark === 'error' ? <CircleX aria-hidden /> : <TriangleAlert aria-hidden />}</span>
  );
}

export const Container = memo(function Container({ data, isConnectable }: Props) {
  const { node } = data;
  if (!node) return null;
  return (
    <div className={classes(style.container, style[groupOf(node.kind)], look(data))}>
      <div className={style.bar}>
        <KindTile kind={node.kind} size={20} />
        <b>{node.id}</b>
        <code>{node.touches}</code>
        {data.run?.iterations ? <Stepper {...data.run.iterations} /> : null}
        {/* Beside a stepper there is no room for a figure. */}
        <Badge badge={data.run?.iterations ? undefined : data.badge} run={data.run} />
      </div>
      <Mark mark={data.mark} />
      {isConnectable && <Ports branches={node.branches} />}
    </div>
  );
});

function Stepper({ count, shown, onShow }: NonNullable<NodeRun['iterations']>) {
  const step = (by: number) => {
    const next = (shown ?? -1) + by;
    onShow(next < 0 || next >= count ? null : next);
  };
  const back = () => (shown === null ? onShow(count - 1) : step(-1));
  return (
    <span className={classes(style.stepper, 'nodrag')}>
      <button type="button" aria-label="The iteration before" onClick={back}>
        <ChevronLeft aria-hidden />
      </button>
      {shown === null ? `all of ${count}` : `${shown + 1} of ${count}`}
      <button type="button" aria-label="The next iteration" onClick={() => step(1)}>
        <ChevronRight aria-hidden />
      </button>
    </span>
  );
}

export const Gate = memo(function Gate({ data, isConnectable }: Props) {
  const isInput = data.id === INPUT;
  const count = isInput ? data.outline.inputs.length : data.outline.outputs.length;
  return (
    <div className={classes(style.node, style.gate, look(data))}>
      <div className={style.gateHead}>
        <KindTile kind={isInput ? 'input' : 'output'} />
        <b>{isInput ? 'Input' : 'Output'}</b>
        {data.run ? <Badge badge={data.badge} run={data.run} /> : <span>{fieldCount(count, isInput)}</span>}
      </div>
      <ul className={style.fields}>{isInput ? inputRows(data.outline) : outputRows(data.outline)}</ul>
      <Mark mark={data.mark} />
      {isConnectable && !isInput && <InPort />}
    </div>
  );
});

function fieldCount(count: number, isInput: boolean): string {
  if (count > 0) return `${count} ${count === 1 ? 'field' : 'fields'}`;
  return isInput ? 'any JSON object' : 'what the last nodes give';
}

function inputRows({ inputs }: Outline) {
  const rows = inputs.slice(0, MAX_GATE_ROWS).map((input) => (
    <li key={input.path}>
      <code>{input.name}</code>
      <i>{input.type}</i>
      {input.required ? <em>required</em> : <code className={style.value}>{JSON.stringify(input.default)}</code>}
    </li>
  ));
  return [...rows, rest(inputs.length)];
}

function outputRows({ outputs }: Outline) {
  const rows = outputs.slice(0, MAX_GATE_ROWS).map((output) => (
    <li key={output.path}>
      <code>{output.name}</code>
      <code className={style.source}>{output.value.replace(/^<([^<>]*)>$/, '$1')}</code>
    </li>
  ));
  return [...rows, rest(outputs.length)];
}

const rest = (count: number) => count > MAX_GATE_ROWS && <li key="more">{count - MAX_GATE_ROWS} more</li>;
