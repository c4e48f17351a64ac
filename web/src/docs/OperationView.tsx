import styles from './docs.module.css';
import type { Content, Entry, Operation } from './document';
import { Field, SchemaView } from './SchemaView';
import { Text } from './Text';

export function OperationView({ entry: { method, path, operation } }: { entry: Entry }) {
  return (
    <article id={operation.operationId} className={styles.operation} aria-labelledby={`${operation.operationId}-title`}>
      <h3 id={`${operation.operationId}-title`}>
        {/* The page has a <base>: a link to a place of it needs its path. */}
        <a href={`docs#${operation.operationId}`}>{operation.summary}</a>
      </h3>
      <p className={styles.route}>
        <Method name={method} /> <code>{path ?? 'the URL that was given'}</code>
      </p>
      <Text>{operation.description}</Text>
      <Parameters operation={operation} />
      <Body operation={operation} />
      <Answers operation={operation} />
    </article>
  );
}

export function Method({ name }: { name: string }) {
  return (
    <span className={styles.method} data-method={name}>
      {name.toUpperCase()}
    </span>
  );
}

function Parameters({ operation: { parameters = [] } }: { operation: Operation }) {
  if (parameters.length === 0) return null;
  return (
    <>
      <h4>Parameters</h4>
      <dl className={styles.fields}>
        {parameters.map(({ name, in: place, description, required, schema = {} }) => (
          <Field key={`${place} ${name}`} {...{ name, schema, place, description }} isRequired={required} />
        ))}
      </dl>
    </>
  );
}

function Body({ operation: { requestBody } }: { operation: Operation }) {
  if (!requestBody) return null;
  return (
    <>
      <h4>Body</h4>
      <Text>{requestBody.description}</Text>
      <Forms content={requestBody.content} />
    </>
  );
}

function Answers({ operation: { responses } }: { operation: Operation }) {
  return (
    <>
      <h4>Answers</h4>
      <dl className={styles.fields}>
        {Object.entries(responses).map(([status, answer]) => (
          <div key={status} className={styles.answer}>
            <dt>
              <code data-status={status[0]}>{status}</code>
            </dt>
            <dd>
              <Text>{answer.description}</Text>
              <Forms content={answer.content ?? {}} />
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** One line for each media type. */
function Forms({ content }: { content: Content }) {
  return Object.entries(content).map(([mediaType, { schema = {} }]) => (
    <SchemaView key={mediaType} label={mediaType} schema={schema} />
  ));
}
