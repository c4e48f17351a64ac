import { useMemo, useRef, useState } from 'react';
import { layoutOf } from './layout';
import { linesOf } from './lines';
import { type Positions, readPositions, writePositions } from './positions';
import { boundsOf, containersOf, type DrawnNode, drawnNodes, placed, reused } from './scene';
import type { WorkflowGraphProps } from './WorkflowGraph';

/** Everything that is drawn, from the outline to the lines; each step is computed again only if what it reads changed. */
export function useDrawing({ outline, selected, states, badges, marks, storageKey }: WorkflowGraphProps) {
  const [moved, setMoved] = useState<Positions>(() => readPositions(storageKey));
  const layout = useMemo(() => layoutOf(outline), [outline]);
  const rects = useMemo(() => placed(layout, moved), [layout, moved]);
  const before = useRef(new Map<string, DrawnNode>());
  const nodes = useMemo(() => {
    const drawn = reused(before.current, drawnNodes(outline, layout, { selected, states, badges, marks }));
    before.current = new Map(drawn.map((node) => [node.id, node]));
    return drawn;
  }, [outline, layout, selected, states, badges, marks]);
  const lines = useMemo(
    () =>
      linesOf({
        outline,
        links: layout.links,
        boxes: rects,
        around: (id) => containersOf(layout, id),
        selected,
        states,
      }),
    [outline, layout, rects, selected, states],
  );
  const bounds = useMemo(() => boundsOf(rects.values()), [rects]);
  const keep = (positions: Positions) => writePositions(storageKey, positions);
  const tidy = () => {
    setMoved({});
    keep({});
  };
  return { layout, rects, nodes, lines, bounds, moved, setMoved, keep, tidy };
}
