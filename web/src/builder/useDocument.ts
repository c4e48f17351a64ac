import { useMemo } from 'react';
import { useBuilder } from './context';
import { plain, read } from './document/edit';
import { nodeIn } from './document/nodes';

type Value = Record<string, unknown>;

/** The whole document as a value; null while it cannot be read. */
export function useDocumentValue(): Value | null {
  const { readable: text } = useBuilder().state;
  return useMemo(() => plain(text), [text]);
}

/** A node as it stands in the text. */
export function useNodeValue(key: string | null): Value | null {
  const { readable: text } = useBuilder().state;
  return useMemo(() => {
    if (key === null) return null;
    try {
      const document = read(text);
      return (nodeIn(document, key)?.map.toJS(document) as Value | undefined) ?? null;
    } catch {
      return null;
    }
  }, [text, key]);
}
