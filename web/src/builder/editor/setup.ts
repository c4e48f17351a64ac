import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from '@codemirror/language';
import { lintGutter, lintKeymap } from '@codemirror/lint';
import { Annotation, EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers } from '@codemirror/view';
import { completer, type Known } from './completion';
import { marks } from './marks';
import { appearance } from './theme';

export type Handlers = {
  onText: (text: string) => void;
  /** The line that the caret moved to, by the user. */
  onLine: (line: number) => void;
  known: () => Known;
};

/** Undo is not the editor's: the builder's goes over text and forms alike. Escape, then Tab, leaves the editor. */
export function extensions({ onText, onLine, known }: Handlers, isReadOnly: boolean): Extension[] {
  return [
    lineNumbers(),
    foldGutter(),
    lintGutter(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    yaml(),
    autocompletion({ override: [completer(known)], icons: false }),
    marks,
    appearance,
    EditorState.tabSize.of(2),
    EditorState.readOnly.of(isReadOnly),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': 'The document, as YAML' }),
    keymap.of([
      ...closeBracketsKeymap,
      ...completionKeymap,
      ...lintKeymap,
      ...foldKeymap,
      ...defaultKeymap,
      indentWithTab,
    ]),
    EditorView.updateListener.of((update) => {
      const isOwn = update.transactions.some((transaction) => transaction.isUserEvent('select') || update.docChanged);
      const isOurs = update.transactions.some((transaction) => transaction.annotation(FROM_OUTSIDE));
      if (isOurs) return;
      if (update.docChanged) onText(update.state.doc.toString());
      if (isOwn && update.selectionSet) onLine(update.state.doc.lineAt(update.state.selection.main.head).number);
    }),
  ];
}

/** Of a change that the builder has made: it must not come back as an edit. */
export const FROM_OUTSIDE = Annotation.define<true>();

/** Makes the text of an editor another one, by what differs, so that the caret stays. */
export function replaceText(view: EditorView, text: string) {
  const old = view.state.doc.toString();
  if (old === text) return;
  let from = 0;
  while (from < old.length && from < text.length && old[from] === text[from]) from += 1;
  let [oldEnd, end] = [old.length, text.length];
  while (oldEnd > from && end > from && old[oldEnd - 1] === text[end - 1]) {
    oldEnd -= 1;
    end -= 1;
  }
  view.dispatch({ changes: { from, to: oldEnd, insert: text.slice(from, end) }, annotations: FROM_OUTSIDE.of(true) });
}
