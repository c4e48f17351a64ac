import { useMemo, useRef } from 'react';
import type { Link } from '../graph/flow';
import { OUTPUT } from '../graph/types';
import { useBuilder } from './context';
import { dropNode } from './form/dropping';
import { kindOf, nodeOf } from './lookup';
import { freshName } from './names';
import { followers } from './pins/pins';
import { useActions } from './useActions';

/**
 * Lines that are dragged from a node: another node waits for it, the output gets a field of its value, and a field of the
 * form a reference to it.
 */
export function useConnecting() {
  const { state, kinds, locked } = useBuilder();
  const actions = useActions();
  const latest = useRef({ state, kinds, actions });
  latest.current = { state, kinds, actions };
  return useMemo(() => {
    if (locked !== null) return undefined;
    const mayConnect = ({ from, to }: Link) => {
      const { outline } = latest.current.state;
      const [source, target] = [nodeOf(outline, from), nodeOf(outline, to)];
      if (!outline || !source?.id || from === to) return false;
      if (to === OUTPUT) return source.parent === null;
      return target !== undefined && target.parent === source.parent && !followers(outline.edges, to).has(from);
    };
    const connect = (link: Link) => {
      const { state, kinds, actions } = latest.current;
      if (!mayConnect(link)) return;
      if (link.to !== OUTPUT) {
        actions.connect(link);
        return;
      }
      const field = kindOf(kinds, nodeOf(state.outline, link.from)?.kind)?.outputs?.[0];
      const names = state.outline?.outputs.map(({ name }) => name) ?? [];
      actions.setSection(['output', freshName(link.from, names)], `<${link.from}${field ? `.${field}` : ''}>`);
    };
    return { mayConnect, connect, drop: (node: string, element: Element | null) => dropNode(element, node) };
  }, [locked]);
}
