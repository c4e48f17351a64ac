import type { Schemas } from '../../api/client';

export type Secret = Schemas['Secret'];

/** Which versions may use a secret. `published`: those that the operator or a key for all workflows has published. */
export type Reach = 'published' | 'all' | 'some';

export type SecretForm = { name: string; value: string; hosts: string; reach: Reach; workflows: string[] };

export type SecretErrors = Partial<Record<keyof SecretForm, string>>;

export const EMPTY: SecretForm = { name: '', value: '', hosts: '', reach: 'published', workflows: [] };

/** The form that replaces a secret: everything but its value, which nobody can read. */
export const formOf = ({ name, hosts, workflows }: Secret): SecretForm => ({
  name,
  value: '',
  hosts: hosts.join('\n'),
  reach: workflows === null ? 'published' : workflows === '*' ? 'all' : 'some',
  workflows: Array.isArray(workflows) ? workflows : [],
});

const MOST_BYTES = 16_384;

const hostsIn = (text: string) => text.split(/[\s,]+/).filter(Boolean);

const HOST = /^(\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i;

/** Returns the secret to be stored, or what is wrong with each field. */
export function readForm(
  form: SecretForm,
  taken: readonly string[],
): { name: string; secret: Schemas['SecretValue'] } | { errors: SecretErrors } {
  const hosts = hostsIn(form.hosts);
  const wrong = hosts.find((host) => !HOST.test(host));
  const errors: SecretErrors = {
    name: wrongName(form.name, taken),
    value: wrongValue(form.value),
    hosts: wrong && `${wrong} is no host: write api.example.com, localhost:8080 or *.example.com.`,
    workflows: form.reach === 'some' && !form.workflows.length ? 'Choose at least one workflow.' : undefined,
  };
  if (Object.values(errors).some(Boolean)) return { errors };
  const workflows = { published: null, all: '*' as const, some: form.workflows }[form.reach];
  return { name: form.name, secret: { value: form.value, hosts: hosts.length ? hosts : null, workflows } };
}

function wrongName(name: string, taken: readonly string[]): string | undefined {
  if (!/^[A-Za-z_]\w{0,127}$/.test(name)) return 'Letters, digits and _, not a digit first; at most 128.';
  return taken.includes(name) ? 'It exists: replace it in the list.' : undefined;
}

function wrongValue(value: string): string | undefined {
  if (!value) return 'Paste the value.';
  if (new TextEncoder().encode(value).length > MOST_BYTES) return 'At most 16 KiB.';
  return undefined;
}

/** Which versions may use it, in words. */
export function reachText({ workflows }: Secret, nameOf: (id: string) => string): string {
  if (workflows === null) return 'Versions that an author of all workflows published';
  if (workflows === '*') return 'All workflows';
  return workflows.map(nameOf).join(', ');
}
