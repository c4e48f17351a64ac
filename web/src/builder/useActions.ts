import type { Kind, Problem } from '../api/documents';
import { announce } from '../app/announce';
import type { Link } from '../graph/flow';
import { INPUT, OUTPUT } from '../graph/types';
import { useBuilder } from './context';
import type { Path } from './document/nodes';
import type { Spot } from './document/operations';
import { suggestionOf } from './document/suggestion';
import { loadTools, type Tools, withTools } from './document/tools';
import { nodeOf } from './lookup';

/** What can be done to the document; each is one step of the history. Nothing happens while the text is locked. */
export function useActions() {
  const { store, selected, select, locked } = useBuilder();
  const { change, make, insert } = useEdits();
  const key = keyOf(selected);
  const mayChange = key !== null && locked === null;
  return {
    setField: (path: Path, value: unknown) =>
      key !== null && change(`${key} ${path.join('.')}`, (text, tools) => tools.setNodeField(text, key, path, value)),
    setSection: (path: Path, value: unknown) =>
      change(path.join('.'), (text, tools) => tools.setValue(text, path, value)),
    renameInput: (index: number, name: string) =>
      change('rename', (text, tools) => tools.renameInput(text, index, name)),
    rename: (id: string) => {
      if (!mayChange) return;
      change('rename', (text, tools) => tools.renameNode(text, key, id));
      select(id);
    },
    remove: () => {
      if (!mayChange) return;
      change('delete', (text, tools) => tools.deleteNode(text, key));
      select(null);
      announce(`Deleted ${key}. Undo brings it back.`);
    },
    duplicate: () => key !== null && make('duplicate', (tools) => tools.duplicateNode(store.text, key)),
    move: (by: 1 | -1) => key !== null && change('move', (text, tools) => tools.moveNode(text, key, by)),
    /** Makes a node wait for another one, or for one of its branches. */
    connect: ({ from, to, branch }: Link) =>
      change('connect', (text, tools) => tools.connect(text, branch === null ? from : `${from}.${branch}`, to)),
    /** Takes what a problem suggests. */
    fix: (problem: Problem) => {
      const suggestion = suggestionOf(problem);
      if (!suggestion) return;
      change('fix', (text, tools) => tools.fixed(text, problem.path, suggestion));
      announce(`${suggestion.wrong} is ${suggestion.right} now`);
    },
    add: (kind: Kind, connects: boolean) => insert(kind.example, { connects, blanks: true }),
    paste: (yaml: string) => insert(yaml, {}),
    /** The node as YAML, once it is known. */
    copy: async () => (key === null ? null : (await loadTools()).nodeText(store.text, key)),
  };
}

/** The ways to edit the text. `about` joins edits that follow each other into one step of the history. */
function useEdits() {
  const { store, state, selected, select, locked } = useBuilder();
  const whenOpen = (act: (tools: Tools) => void) => locked === null && withTools(act);
  const change = (about: string, edit: (text: string, tools: Tools) => string) =>
    whenOpen((tools) => store.edit(edit(store.text, tools), about));
  /** An edit that makes a node, which is selected then. */
  const make = (about: string, edit: (tools: Tools) => { text: string; id: string | null }) =>
    whenOpen((tools) => {
      const { text, id } = edit(tools);
      store.edit(text, about);
      if (!id) return;
      select(id);
      announce(`Added ${id}`);
    });
  const spot = spotOf(keyOf(selected), nodeOf(state.outline, selected)?.kind);
  const insert = (yaml: string, options: { connects?: boolean; blanks?: boolean }) =>
    make('add', (tools) => tools.addNodes(store.text, yaml, spot, options));
  return { change, make, insert };
}

/** The node that is selected; null where a gate is, or nothing. */
const keyOf = (selected: string | null) => (selected === INPUT || selected === OUTPUT ? null : selected);

/** Behind the selected node; in a container that is selected; else at the end. */
function spotOf(selected: string | null, kind: string | undefined): Spot {
  if (selected === null) return 'end';
  return kind === 'loop' || kind === 'parallel' ? { inside: selected } : { after: selected };
}
