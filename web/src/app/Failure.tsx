import { CircleAlert, CloudOff, Lock, SearchX, Timer } from 'lucide-react';
import { Fragment } from 'react';
import { ApiError } from '../api/client';
import { session } from '../api/session';
import { Button } from '../ui/Button';
import { Chip } from '../ui/Chip';
import { CopyButton } from '../ui/CodeBlock';
import { Empty } from '../ui/Empty';
import { Note } from '../ui/Note';
import { keyCommand } from './keyCommand';
import { useSecondsUntil } from './useSecondsUntil';
import { useOwnKey } from './useSession';

/** What stands in place of something that could not be had: what happened, and what to do. */
export function Failure({ error, what, onRetry }: { error: unknown; what: string; onRetry?: () => void }) {
  if (!(error instanceof ApiError)) return <Unexpected what={what} error={error} onRetry={onRetry} />;
  if (error.isOffline) return <Away what={what} onRetry={onRetry} />;
  if (error.status === 401) return <SignedOut what={what} />;
  if (error.status === 403) return <Forbidden what={what} error={error} />;
  if (error.status === 404) return <Missing what={what} error={error} />;
  if (error.status === 429) return <Busy what={what} error={error} onRetry={onRetry} />;
  return <Unexpected what={what} error={error} onRetry={onRetry} />;
}

const Retry = ({ onRetry, blocked }: { onRetry?: () => void; blocked?: string }) =>
  onRetry && (
    <Button onClick={onRetry} blocked={blocked}>
      Try again
    </Button>
  );

function Away({ what, onRetry }: { what: string; onRetry?: () => void }) {
  return (
    <Empty icon={<CloudOff />} title="The server does not answer" actions={<Retry onRetry={onRetry} />}>
      {capital(what)} will be here when it is back. Is it running, and is this machine online?
    </Empty>
  );
}

function Forbidden({ what, error }: { what: string; error: ApiError }) {
  const own = useOwnKey().data;
  const scope = scopeIn(error.message);
  return (
    <Empty
      icon={<Lock />}
      title={`Your key may not see ${what}`}
      actions={
        <>
          <Button onClick={() => session.ask('change')}>Sign in with another key</Button>
          {own && scope && <CopyButton text={keyCommand(own, scope)} label="Copy the CLI command" size="normal" />}
        </>
      }
    >
      {own && (
        <>
          {own.name} has <Words words={own.scopes} />
          {own.workflows !== '*' && ' on its own workflows'}.{' '}
        </>
      )}
      {scope ? (
        <>
          This needs <Words words={[scope]} />
          {own?.scopes.includes(scope as never) && ' on all workflows'}. An admin can make such a key.
        </>
      ) : (
        sentence(error.message)
      )}
    </Empty>
  );
}

const Words = ({ words }: { words: readonly string[] }) =>
  words.map((word, index) => (
    <Fragment key={word}>
      {index > 0 && ' '}
      <Chip>{word}</Chip>
    </Fragment>
  ));

const SignedOut = ({ what }: { what: string }) => (
  <Empty
    icon={<Lock />}
    title="Your key no longer works"
    actions={<Button onClick={() => session.ask('ended')}>Sign in again</Button>}
  >
    {capital(what)} will be here when you have signed in again.
  </Empty>
);

/** Says that what stands below is older than it should be: it was had once, and could not be read again. */
export function Outdated({ error, what, onRetry }: { error: Error | null; what: string; onRetry: () => void }) {
  if (!error) return null;
  return (
    <Note tone="warn" actions={<Retry onRetry={onRetry} />}>
      {capital(what)} could not be read again, so they may be old. {sentence(error.message)}
    </Note>
  );
}

/** The scope that a refusal names. */
function scopeIn(message: string): string | null {
  return /scope `(\w+)`/.exec(message)?.[1] ?? null;
}

function Missing({ what, error }: { what: string; error: ApiError }) {
  const unknown = error.code === 'path_not_found';
  return (
    <Empty icon={<SearchX />} title={unknown ? 'This server is too old for that' : 'There is nothing here'}>
      {unknown
        ? `It does not serve ${what} yet. Update the server, then reload this page.`
        : `${capital(what)} was deleted, or never was, or your key may not know of it.`}
    </Empty>
  );
}

function Busy({ what, error, onRetry }: { what: string; error: ApiError; onRetry?: () => void }) {
  const seconds = useSecondsUntil(error.at + (error.retryAfter ?? 1) * 1_000);
  return (
    <Empty
      icon={<Timer />}
      title="Too many requests"
      actions={<Retry onRetry={onRetry} blocked={seconds ? `Wait ${seconds} s` : undefined} />}
    >
      The key has used up its rate, so {what} must wait. {seconds ? `Try again in ${seconds} s.` : 'Try again now.'}
    </Empty>
  );
}

function Unexpected({ what, error, onRetry }: { what: string; error: unknown; onRetry?: () => void }) {
  const request = error instanceof ApiError ? error.problem.request_id : null;
  return (
    <Empty icon={<CircleAlert />} title={`Loading ${what} failed`} actions={<Retry onRetry={onRetry} />}>
      {sentence(error instanceof Error ? error.message : String(error))}
      {request && (
        <>
          {' '}
          The server’s log has more under <code>{request}</code>.
        </>
      )}
    </Empty>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** A message of the server as a sentence. */
const sentence = (text: string) => capital(/[.!?…]$/.test(text) ? text : `${text}.`);
