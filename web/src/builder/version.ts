/** The number after a version's: 1.0.9 gives 1.0.10. The first one is 1.0.0; null where the number is of another kind. */
export function nextVersion(newest: string | null): string | null {
  if (newest === null) return '1.0.0';
  const [, head, last] = newest.match(/^(\d+\.\d+\.)(\d+)$/) ?? [];
  return head === undefined ? null : `${head}${Number(last) + 1}`;
}
