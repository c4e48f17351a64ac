import { useEffect, useRef } from 'react';
import type { Layout } from './layout';
import { type Direction, stepFrom } from './navigate';
import type { DrawnNode } from './scene';
import { INPUT, type OutlineNode } from './types';

const ARROWS: Record<string, Direction> = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right' };

type Props = {
  nodes: DrawnNode[];
  layout: Layout;
  selected: string | null;
  onSelect: (id: string | null) => void;
  onKey?: (event: React.KeyboardEvent, selected: string | null) => void;
  onFocus: (isFocused: boolean) => void;
  /** The graph's own keys: f, 1, l. Returns whether it was one. */
  onView: (key: string) => boolean;
};

/** The graph as a tree, for keyboards and screen readers: the same nodes in the order of the document. Not seen. */
export function Tree({ nodes, layout, selected, onSelect, onKey, onFocus, onView }: Props) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (root.current?.contains(document.activeElement)) itemIn(root.current, selected)?.focus({ preventScroll: true });
  }, [selected]);
  const current = selected !== null && layout.boxes.has(selected) ? selected : INPUT;
  const keyDown = (event: React.KeyboardEvent) => {
    const isPlain = !event.metaKey && !event.ctrlKey && !event.altKey;
    const direction = isPlain ? ARROWS[event.key] : undefined;
    if (direction) {
      event.preventDefault();
      onSelect(selected === null ? INPUT : (stepFrom(layout, current, direction) ?? current));
    } else if (event.key === 'Home' || event.key === 'End') {
      event.preventDefault();
      onSelect(nodes.at(event.key === 'Home' ? 0 : -1)?.id ?? null);
    } else if (event.key === 'Escape') onSelect(null);
    else if (!isPlain || !onView(event.key)) onKey?.(event, selected);
  };
  return (
    <div
      ref={root}
      role="tree"
      aria-label="Nodes of the workflow"
      className="visually-hidden"
      data-graph-tree
      onKeyDown={keyDown}
      onFocus={() => onFocus(true)}
      onBlur={() => onFocus(false)}
    >
      {nodes.map((drawn) => (
        <Item
          key={drawn.id}
          drawn={drawn}
          level={depth(layout, drawn.id)}
          isSelected={drawn.id === selected}
          isCurrent={drawn.id === current}
          onSelect={onSelect}
        />
      ))}
    </div>
  );
}

type ItemProps = {
  drawn: DrawnNode;
  level: number;
  isSelected: boolean;
  /** The one that the focus comes to. */
  isCurrent: boolean;
  onSelect: (id: string) => void;
};

const Item = ({ drawn, level, isSelected, isCurrent, onSelect }: ItemProps) => (
  // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it handles the keys
  <div
    data-id={drawn.id}
    role="treeitem"
    aria-level={level}
    aria-expanded={drawn.data.isContainer ? true : undefined}
    aria-selected={isSelected}
    tabIndex={isCurrent ? 0 : -1}
    onClick={() => onSelect(drawn.id)}
  >
    {spoken(drawn)}
  </div>
);

const itemIn = (root: HTMLElement, id: string | null) =>
  id === null ? null : root.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);

function depth(layout: Layout, id: string): number {
  const parent = layout.boxes.get(id)?.parent;
  return parent ? depth(layout, parent) + 1 : 1;
}

/** What a screen reader says of a node. */
function spoken({ id, type, data }: DrawnNode): string {
  const state = data.run?.state ?? (data.hasRun ? 'not reached' : null);
  const mark = data.mark ? `has ${data.mark === 'error' ? 'an error' : 'a warning'}` : null;
  const what = type === 'gate' ? gate(id, data.outline) : data.node && step(data.node);
  return [what, state, data.badge, mark].filter(Boolean).join(', ');
}

const gate = (id: string, { inputs, outputs }: { inputs: { name: string }[]; outputs: { name: string }[] }) =>
  id === INPUT
    ? `Input: ${inputs.map(({ name }) => name).join(', ') || 'any object'}`
    : `Output: ${outputs.map(({ name }) => name).join(', ') || 'what the last nodes give'}`;

const step = (node: OutlineNode) =>
  [
    node.id,
    node.kind,
    node.touches,
    node.branches.length > 0 && `branches ${node.branches.join(', ')}`,
    node.tools.length > 0 && `tools ${node.tools.map((tool) => tool.name).join(', ')}`,
  ]
    .filter(Boolean)
    .join(', ');
