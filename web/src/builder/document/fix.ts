import { isMap, isScalar, type Node, visit } from 'yaml';
import { edit } from './edit';
import { segments } from './nodes';
import type { Suggestion } from './suggestion';

/** Puts the suggested word in place of the wrong one at a JSON Pointer: the name of a field, or a word in its text. */
export function fixed(text: string, pointer: string, { wrong, right }: Suggestion): string {
  return edit(text, (document) => {
    const path = segments(pointer);
    const isName = path.at(-1) === wrong;
    const owner = document.getIn(isName ? path.slice(0, -1) : path, true) as Node | undefined;
    if (isMap(owner) && owner.has(wrong)) {
      const key = owner.items.find((pair) => isScalar(pair.key) && pair.key.value === wrong)?.key;
      if (isScalar(key) && !owner.has(right)) key.value = right;
      return;
    }
    if (owner) replaceWord(owner, wrong, right);
  });
}

function replaceWord(node: Node, wrong: string, right: string) {
  const word = new RegExp(`(?<![\\w-])${wrong.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'g');
  visit(node, {
    Scalar(key, scalar) {
      if (key !== 'key' && typeof scalar.value === 'string') scalar.value = scalar.value.replace(word, () => right);
    },
  });
}
