import { describe, expect, test } from 'vitest';
import { example, nodeOf, outlineOf } from './fixture';
import { flowOf } from './flow';
import { type Layout, layoutOf } from './layout';
import { linesOf } from './lines';
import { stepFrom } from './navigate';
import { reduced } from './reduce';
import { containersOf, placed } from './scene';
import type { Outline } from './types';

const names = (links: { from: string; to: string }[]) => links.map(({ from, to }) => `${from}>${to}`).sort();

describe('the lines at rest', () => {
  test('leave out what a longer way says already', () => {
    const found = names(layoutOf(example).links);
    expect(found).toContain('api>ticket');
    expect(found).toContain('ticket>answer');
    expect(found).not.toContain('api>answer');
    expect(found).toContain('reply>output');
    expect(found).not.toContain('answer>output');
  });

  test('lead to a container instead of into it', () => {
    expect(names(layoutOf(example).links)).toContain('triage>research');
  });

  test('keep branches, errors and circles', () => {
    const link = (from: string, to: string, branch: string | null = null) => ({ from, to, branch });
    const error = link('a', 'c', 'error');
    expect(reduced([link('a', 'b'), link('b', 'c'), error])).toContain(error);
    expect(reduced([link('a', 'b'), link('b', 'a')])).toHaveLength(2);
  });

  test('an empty workflow has one from the input to the output', () => {
    expect(names(flowOf(outlineOf([], [])).links)).toEqual(['api>output']);
  });
});

describe('the layout', () => {
  test('is the same for the same document', () => {
    const again = layoutOf(structuredClone(example));
    expect([...again.boxes]).toEqual([...layoutOf(example).boxes]);
  });

  test('overlaps nowhere, and keeps what a container holds inside it', () => {
    for (const outline of [example, large(200)]) {
      const layout = layoutOf(outline);
      expect(overlaps(layout)).toEqual([]);
      expect(outside(layout)).toEqual([]);
    }
  });

  test('draws every node once, also without an id or with one that is taken', () => {
    const outline = outlineOf(
      [nodeOf('a'), { ...nodeOf('a'), path: '/nodes/1' }, { ...nodeOf(''), path: '/nodes/2' }],
      [],
    );
    expect([...layoutOf(outline).boxes.keys()]).toEqual(['api', 'a', '/nodes/1', '/nodes/2', 'output']);
  });

  test('takes less than 100 ms for 200 nodes', () => {
    const outline = large(200);
    // Time of this process alone, and the best of five: the machine may be busy with other things.
    const times = Array.from({ length: 5 }, () => {
      const start = process.cpuUsage();
      layoutOf(outline);
      return process.cpuUsage(start).user / 1_000;
    });
    expect(Math.min(...times)).toBeLessThan(100);
  });
});

describe('the lines of the selected node', () => {
  const layout = layoutOf(example);
  const lines = linesOf({
    outline: example,
    links: layout.links,
    boxes: placed(layout, {}),
    around: (id) => containersOf(layout, id),
    selected: 'answer',
    states: undefined,
  });
  const line = (from: string) => lines.find((found) => found.from === from && found.to === 'answer');

  test('show what it reads, near and far', () => {
    expect(line('ticket')).toMatchObject({ tone: 'near', label: 'data.body' });
    expect(line('api')).toMatchObject({ tone: 'far', label: 'question, tone' });
  });

  test('end at its upper edge, each in its own place', () => {
    const box = placed(layout, {}).get('answer');
    const ends = lines.filter((found) => found.to === 'answer').map((found) => found.end);
    expect(ends.every((end) => end.y === box?.y)).toBe(true);
    expect(new Set(ends.map((end) => end.x)).size).toBe(ends.length);
  });
});

describe('arrow keys', () => {
  const layout = layoutOf(example);
  test('reach every node downwards and sideways', () => {
    const seen = new Set(['api']);
    for (const id of seen) {
      for (const direction of ['down', 'left', 'right'] as const) {
        const next = stepFrom(layout, id, direction);
        if (next) seen.add(next);
      }
    }
    expect([...layout.boxes.keys()].filter((id) => !seen.has(id))).toEqual([]);
  });

  test('lead through a body and out of it', () => {
    expect(stepFrom(layout, 'research', 'down')).toBe('search');
    expect(stepFrom(layout, 'digest', 'down')).toBe('answer');
    expect(stepFrom(layout, 'search', 'up')).toBe('research');
  });
});

function overlaps(layout: Layout): string[] {
  const rects = placed(layout, {});
  const boxes = [...layout.boxes.values()];
  return boxes.flatMap((a, index) =>
    boxes.slice(index + 1).flatMap((b) => {
      const [ra, rb] = [rects.get(a.id), rects.get(b.id)];
      if (!ra || !rb || a.parent !== b.parent) return [];
      const apart =
        ra.x + ra.width <= rb.x || rb.x + rb.width <= ra.x || ra.y + ra.height <= rb.y || rb.y + rb.height <= ra.y;
      return apart ? [] : [`${a.id} ${b.id}`];
    }),
  );
}

function outside(layout: Layout): string[] {
  return [...layout.boxes.values()].flatMap((box) => {
    const parent = box.parent ? layout.boxes.get(box.parent) : undefined;
    if (!parent) return [];
    const inside =
      box.x >= 0 && box.y >= 34 && box.x + box.width <= parent.width && box.y + box.height <= parent.height;
    return inside ? [] : [box.id];
  });
}

/** Chains with loops in them and references across. */
function large(count: number): Outline {
  const nodes = Array.from({ length: count }, (_, index) => {
    const holds = index % 20 === 5;
    const inside = index % 20 > 5 && index % 20 < 9;
    return nodeOf(`n${index}`, holds ? 'loop' : 'agent', inside ? `n${index - (index % 20) + 5}` : null);
  });
  const edges: [string, string, string | null][] = [];
  for (let index = 1; index < count; index += 1) {
    const node = nodes[index];
    const from = nodes[Math.max(0, index - 1 - (index % 4))];
    if (node && from && node.parent === from.parent) edges.push([from.id, node.id, 'content']);
    if (index % 7 === 0 && node) edges.push(['api', node.id, 'x']);
  }
  return outlineOf(nodes, edges);
}
