import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { type EditorState, type Extension, type Range, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  type DecorationSet,
  EditorView,
  MatchDecorator,
  ViewPlugin,
  type ViewUpdate,
} from '@codemirror/view';
import type { Problem } from '../../api/documents';

/** Which lines are the selected node's. */
export const setNodeLines = StateEffect.define<{ first: number; last: number } | null>();

const line = Decoration.line({ class: 'cm-node' });

const nodeLines = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(lines, transaction) {
    const effect = transaction.effects.find((one) => one.is(setNodeLines));
    if (!effect) return lines.map(transaction.changes);
    return effect.value ? linesOf(transaction.state, effect.value) : Decoration.none;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function linesOf(state: EditorState, { first, last }: { first: number; last: number }): DecorationSet {
  const marks: Range<Decoration>[] = [];
  for (let number = first; number <= Math.min(last, state.doc.lines); number += 1) {
    marks.push(line.range(state.doc.line(number).from));
  }
  return Decoration.set(marks);
}

const matcher = new MatchDecorator({
  regexp: /<[A-Za-z0-9_-]+(?:[.[][^<>\n]{0,200})?>|\{\{[A-Za-z0-9_]+\}\}/g,
  decoration: (match) => Decoration.mark({ class: match[0].startsWith('<') ? 'cm-reference' : 'cm-secret' }),
});

const references = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = matcher.createDeco(view);
    }
    update(update: ViewUpdate) {
      this.decorations = matcher.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

export const marks: Extension = [nodeLines, references];

/** The server's problems at their places. A place beyond the text is one that has gone since. */
export function problemMarks(state: EditorState, problems: Problem[]) {
  const diagnostics = problems.flatMap((problem): Diagnostic[] => {
    if (problem.line === undefined || problem.line > state.doc.lines) return [];
    const { from, to } = state.doc.line(problem.line);
    const start = Math.min(to, from + Math.max(0, (problem.column ?? 1) - 1));
    return [{ from: start, to: Math.max(start, to), severity: problem.severity, message: problem.message }];
  });
  return setDiagnostics(state, diagnostics);
}
