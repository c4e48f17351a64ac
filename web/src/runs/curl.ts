/** A run as the command that starts the same one. The key is read from the environment, never written down. */
export function runAsCurl(
  base: string,
  run: { workflow_id: string; version: string; input?: unknown; user?: string },
): string {
  const body = JSON.stringify({ input: run.input ?? {}, ...(run.user ? { user: run.user } : {}) });
  const url = `${base}/v1/workflows/${encodeURIComponent(run.workflow_id)}/runs?version=${encodeURIComponent(run.version)}`;
  return [
    `curl -sS ${quote(url)}`,
    '-H "Authorization: Bearer $FLOWGATE_KEY"',
    "-H 'Content-Type: application/json'",
    `-d ${quote(body)}`,
  ].join(' \\\n  ');
}

/** A word of a POSIX shell, whatever is in it. */
export const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
