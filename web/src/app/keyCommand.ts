import type { OwnKey } from './useSession';

/** A command that makes a key like this one with a further scope; where it has the scope already, for all workflows. */
export function keyCommand({ name, scopes, workflows }: Pick<OwnKey, 'name' | 'scopes' | 'workflows'>, scope: string) {
  const wanted = new Set<string>([...scopes, scope]);
  const reach =
    workflows === '*' || wanted.size === scopes.length
      ? ['--all-workflows']
      : workflows.map((id) => `--workflow ${quoted(id)}`);
  return ['flowgate keys create', quoted(name), ...reach, '--scopes', [...wanted].join(',')].join(' ');
}

/** As one word of a shell. */
const quoted = (text: string) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
