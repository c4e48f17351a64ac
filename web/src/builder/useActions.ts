import type { Kind } from '../api/coming-w1';
import { announce } from '../app/announce';
import { INPUT, OUTPUT } from '../graph/types';
import { useBuilder } from './context';
import type { Path } from './document/nodes';
import {
  addNodes,
  deleteNode,
  duplicateNode,
  moveNode,
  nodeText,
  renameNode,
  type Spot,
  setNodeField,
  setValue,
} from './document/operations';
import { nodeOf } from './lookup';

/** What can be done to the document; each is one step of the history. Nothing happens while the text is locked. */
export function useActions() {
  const { store, state, selected, select, locked } = useBuilder();
  const node = nodeOf(state.outline, selected);
  const isGate = selected === INPUT || selected === OUTPUT;
  const key = isGate ? null : selected;

  const change = (about: string, edit: (text: string) => string) => {
    if (locked === null) store.edit(edit(store.text), about);
  };
  const insert = (yaml: string, connects: boolean) => {
    if (locked !== null) return;
    const { text, id } = addNodes(store.text, yaml, spotOf(key, node?.kind), connects);
    store.edit(text, 'add');
    if (id) {
      select(id);
      announce(`Added ${id}`);
    }
  };
  return {
    setField: (path: Path, value: unknown) =>
      key !== null && change(`${key} ${path.join('.')}`, (text) => setNodeField(text, key, path, value)),
    setSection: (path: Path, value: unknown) => change(path.join('.'), (text) => setValue(text, path, value)),
    rename: (id: string) => {
      if (key === null || locked !== null) return;
      store.edit(renameNode(store.text, key, id), 'rename');
      select(id);
    },
    remove: () => {
      if (key === null || locked !== null) return;
      store.edit(deleteNode(store.text, key), 'delete');
      select(null);
      announce(`Deleted ${key}. Undo brings it back.`);
    },
    duplicate: () => {
      if (key === null || locked !== null) return;
      const { text, id } = duplicateNode(store.text, key);
      store.edit(text, 'duplicate');
      if (id) select(id);
    },
    move: (by: 1 | -1) => key !== null && change('move', (text) => moveNode(text, key, by)),
    add: (kind: Kind, connects: boolean) => insert(kind.example, connects),
    paste: (yaml: string) => insert(yaml, false),
    copy: () => (key === null ? null : nodeText(store.text, key)),
  };
}

/** Behind the selected node; in a container that is selected; else at the end. */
function spotOf(selected: string | null, kind: string | undefined): Spot {
  if (selected === null) return 'end';
  return kind === 'loop' || kind === 'parallel' ? { inside: selected } : { after: selected };
}
