/** A name that is not taken: `result`, `result_2`… */
export function freshName(base: string, taken: string[]): string {
  if (!taken.includes(base)) return base;
  let number = 2;
  while (taken.includes(`${base}_${number}`)) number += 1;
  return `${base}_${number}`;
}

/** Something of a type of the input that says nothing yet. */
export function emptyOf(type: unknown): unknown {
  const empty: Record<string, unknown> = { number: 0, boolean: false, object: {}, array: [] };
  return empty[String(type)] ?? (type === 'file' ? null : '');
}
