import { useEffect, useMemo, useState } from 'react';
import { Logo } from '../app/Logo';
import styles from './docs.module.css';
import { type ApiDocument, type Section, search, sections } from './document';
import { Method, OperationView } from './OperationView';
import { DocumentContext } from './SchemaView';
import { Text } from './Text';

/** The API's reference: what `openapi.json` of this server says. */
export function Reference() {
  const [document, setDocument] = useState<ApiDocument | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    load().then(setDocument, (error: Error) => setFailure(error.message));
  }, []);
  if (failure) return <Notice role="alert">The API's document could not be read: {failure}</Notice>;
  if (!document) return <Notice role="status">Loading …</Notice>;
  return (
    <DocumentContext value={document}>
      <Page document={document} />
    </DocumentContext>
  );
}

/** It lies beside this page, whatever path the server is reached under. */
async function load(): Promise<ApiDocument> {
  const response = await fetch('openapi.json');
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response.json();
}

function Notice({ role, children }: { role: 'alert' | 'status'; children: React.ReactNode }) {
  return (
    <main className={styles.notice}>
      <p role={role}>{children}</p>
    </main>
  );
}

function Page({ document }: { document: ApiDocument }) {
  const [text, setText] = useState('');
  const all = useMemo(() => sections(document), [document]);
  const found = useMemo(() => search(all, text), [all, text]);
  // The operation that the URL names is drawn only now.
  useEffect(() => {
    const id = decodeURIComponent(location.hash.slice(1));
    if (id) window.document.getElementById(id)?.scrollIntoView();
  }, []);
  return (
    <div className={styles.page}>
      <nav className={styles.nav} aria-label="Operations">
        <input
          type="search"
          aria-label="Search"
          placeholder="Search"
          onChange={(event) => setText(event.target.value)}
        />
        {found.map((section) => (
          <Links key={section.name} section={section} />
        ))}
        {found.length === 0 && <p className={styles.hint}>No operation has these words.</p>}
      </nav>
      <main className={styles.main}>
        <Head document={document} />
        {found.map((section) => (
          <section key={section.name} aria-label={section.name}>
            <h2>{section.name}</h2>
            <Text>{section.description}</Text>
            {section.entries.map((entry) => (
              <OperationView key={entry.operation.operationId} entry={entry} />
            ))}
          </section>
        ))}
      </main>
    </div>
  );
}

function Head({ document: { info, servers = [], components } }: { document: ApiDocument }) {
  return (
    <header className={styles.head}>
      <h1>
        <Logo size={28} /> {info.title} API <span className={styles.hint}>{info.version}</span>
      </h1>
      <p>
        {servers.map(({ url }) => (
          <code key={url}>{url}</code>
        ))}{' '}
        · <a href="openapi.json">openapi.json</a>
      </p>
      <Text>{info.description}</Text>
      <h2>Credentials</h2>
      <dl className={styles.fields}>
        {Object.entries(components.securitySchemes ?? {}).map(([id, scheme]) => (
          <div key={id} className={styles.answer}>
            <dt>
              <code>{scheme.name ?? 'Authorization'}</code>
              <span className={styles.hint}>{scheme.in ?? 'header'}</span>
            </dt>
            <dd>
              <Text>{scheme.description}</Text>
            </dd>
          </div>
        ))}
      </dl>
    </header>
  );
}

function Links({ section }: { section: Section }) {
  return (
    <>
      <h2>{section.name}</h2>
      <ul>
        {section.entries.map(({ method, operation }) => (
          <li key={operation.operationId}>
            <a href={`docs#${operation.operationId}`}>
              <span>{operation.summary}</span> <Method name={method} />
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
