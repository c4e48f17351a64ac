import type { Completion, CompletionContext, CompletionResult, CompletionSource } from '@codemirror/autocomplete';
import type { FieldSpec, Kinds } from '../../api/documents';
import { beginning } from '../form/completing';
import { helpOf } from '../form/controls';
import type { Suggestion } from '../suggestions';

export type Known = { kinds: Kinds | null | undefined; references: Suggestion[] };

/** Offers kinds after `type:`, fields where a key begins, references after `<`. */
export function completer(known: () => Known): CompletionSource {
  return (context) => references(context, known()) ?? kinds(context, known()) ?? fields(context, known());
}

function references(context: CompletionContext, { references }: Known): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const begun = beginning(line.text, context.pos - line.from);
  if (!begun) return null;
  const options = references.map(({ path, from }) => ({
    label: path,
    detail: from,
    apply: `${path}>`,
    type: 'variable',
  }));
  return { from: line.from + begun.at + 1, options, validFor: /^[\w.[\]-]*$/ };
}

function kinds(context: CompletionContext, { kinds }: Known): CompletionResult | null {
  const match = context.matchBefore(/\btype:\s*[\w.]*/);
  if (!match || !kinds) return null;
  const word = match.text.match(/[\w.]*$/)?.[0] ?? '';
  const options = kinds.kinds.map((kind) => ({
    label: kind.name,
    detail: kind.group,
    info: kind.summary,
    type: 'class',
  }));
  const types = kinds.input_types.map((name) => ({ label: name, detail: 'input field', type: 'type' }));
  return { from: context.pos - word.length, options: [...options, ...types], validFor: /^[\w.]*$/ };
}

function fields(context: CompletionContext, { kinds }: Known): CompletionResult | null {
  const match = context.matchBefore(/(?:^\s*(?:- )?|[{,]\s*)\w+$/);
  if (!match || !kinds) return null;
  const word = match.text.match(/\w*$/)?.[0] ?? '';
  const kind = kinds.kinds.find(({ name }) => name === kindAt(context));
  const own = kind ? [...kind.fields, ...kinds.node_fields] : kinds.node_fields;
  return { from: context.pos - word.length, options: own.map(option), validFor: /^\w*$/ };
}

function option(field: FieldSpec): Completion {
  const notes = [
    field.type.replace(/_/g, ' '),
    field.default && `default ${field.default}`,
    field.required && 'required',
  ];
  return {
    label: field.name,
    detail: notes.filter(Boolean).join(', '),
    info: helpOf(field),
    apply: `${field.name}: `,
    type: 'property',
  };
}

/** The kind of the node that the caret is in: the nearest `type` above, within the same item of the list. */
function kindAt(context: CompletionContext): string | undefined {
  const { doc } = context.state;
  const start = doc.lineAt(context.pos);
  const indent = start.text.search(/\S|$/);
  for (let number = start.number; number > 0; number -= 1) {
    const { text } = doc.line(number);
    const found = text.match(/(?:^\s*(?:- )?|[{,]\s*)type:\s*["']?([\w.]+)/)?.[1];
    if (found && text.search(/\S/) <= indent) return found;
    if (/^\s*- /.test(text) && text.search(/\S/) < indent) return below(context, number);
  }
  return undefined;
}

/** `type` may stand below what is being typed. */
function below(context: CompletionContext, first: number): string | undefined {
  const { doc } = context.state;
  const indent = doc.line(first).text.search(/\S/);
  for (let number = first; number <= doc.lines; number += 1) {
    const { text } = doc.line(number);
    if (number > first && text.trim() !== '' && text.search(/\S/) <= indent) return undefined;
    const found = text.match(/(?:^\s*(?:- )?|[{,]\s*)type:\s*["']?([\w.]+)/)?.[1];
    if (found) return found;
  }
  return undefined;
}
