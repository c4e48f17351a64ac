import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { type RefObject, useEffect, useRef } from 'react';
import { INPUT, OUTPUT } from '../../graph/types';
import { useBuilder, useSuggestions } from '../context';
import { unitsOf } from '../document/units';
import type { Known } from './completion';
import { problemMarks, setNodeLines } from './marks';
import { extensions, replaceText } from './setup';
import { shadowOf } from './shadow';

type Options = { isReadOnly: boolean; onLine: (line: number) => void };

/** An editor on the draft's text, in step with the forms and with the graph. */
export function useEditor({ isReadOnly, onLine }: Options): RefObject<HTMLDivElement | null> {
  const { store, state, kinds, selected, select } = useBuilder();
  const references = useSuggestions();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ known: { kinds, references } as Known, select, selected, onLine });
  latest.current = { known: { kinds, references }, select, selected, onLine };

  useEffect(() => {
    if (!host.current) return;
    const editor = editorIn(host.current, store.text, isReadOnly, {
      onText: (text: string) => store.edit(text, 'text'),
      onLine: (line: number) => {
        latest.current.onLine(line);
        const place = placeAt(store.text, line);
        if (place !== null && place !== latest.current.selected) latest.current.select(place);
      },
      known: () => latest.current.known,
    });
    view.current = editor;
    return () => editor.destroy();
  }, [store, isReadOnly]);

  useEffect(() => {
    if (view.current) replaceText(view.current, state.history.text);
  }, [state.history.text]);

  useEffect(() => {
    const editor = view.current;
    if (editor) editor.dispatch(problemMarks(editor.state, state.problems));
  }, [state.problems]);

  useShownNode(view, selected, state.history.text);
  return host;
}

function editorIn(host: HTMLElement, text: string, isReadOnly: boolean, handlers: Parameters<typeof extensions>[0]) {
  const root = shadowOf(host);
  const state = EditorState.create({ doc: text, extensions: extensions(handlers, isReadOnly) });
  const editor = new EditorView({ state, parent: root, root });
  editor.dom.style.height = '100%';
  return editor;
}

/** Marks the lines of the selected node, and scrolls to them if the graph selected it. */
function useShownNode(view: RefObject<EditorView | null>, selected: string | null, text: string) {
  const shown = useRef<string | null>(null);
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const lines = selected === null ? null : (linesOf(text, selected) ?? null);
    editor.dispatch({ effects: setNodeLines.of(lines) });
    const isNew = shown.current !== selected;
    shown.current = selected;
    if (!lines || !isNew || editor.hasFocus || lines.first > editor.state.doc.lines) return;
    editor.dispatch({
      effects: EditorView.scrollIntoView(editor.state.doc.line(lines.first).from, { y: 'start', yMargin: 40 }),
    });
  }, [view, selected, text]);
}

const keyOf = (id: string) => ({ [INPUT]: 'section:input', [OUTPUT]: 'section:output' })[id] ?? `node:${id}`;

const linesOf = (text: string, id: string) => unitsOf(text).get(keyOf(id))?.lines;

/** The node, or gate, that a line belongs to. */
export function placeAt(text: string, line: number): string | null {
  const inside = [...unitsOf(text).values()].filter(({ lines }) => lines.first <= line && line <= lines.last);
  const unit = inside.sort((a, b) => b.lines.first - a.lines.first)[0];
  if (!unit) return null;
  if (unit.key.startsWith('node:')) return unit.name;
  return { input: INPUT, output: OUTPUT }[unit.name] ?? null;
}
