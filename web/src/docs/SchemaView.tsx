import { createContext, useContext, useState } from 'react';
import styles from './docs.module.css';
import { type ApiDocument, hasDetails, limitsOf, nameOf, partsOf, resolve, type Schema, typeOf } from './document';
import { Text } from './Text';

export const DocumentContext = createContext<ApiDocument | null>(null);

export function useDocument(): ApiDocument {
  const document = useContext(DocumentContext);
  if (!document) throw new Error('There is no document here.');
  return document;
}

/** A type that opens. What is within is drawn only then: schemas may contain themselves. */
export function SchemaView({ schema, label }: { schema: Schema; label?: string }) {
  const [isOpen, setOpen] = useState(false);
  const document = useDocument();
  const title = (
    <>
      {label && <span className={styles.label}>{label}</span>}
      <code>{typeOf(schema)}</code>
    </>
  );
  if (!hasDetails(document, schema)) return <div className={styles.type}>{title}</div>;
  return (
    <details className={styles.schema} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {isOpen && <Inside schema={resolve(document, schema)} isNamed={nameOf(schema) !== null} />}
    </details>
  );
}

function Inside({ schema, isNamed }: { schema: Schema; isNamed: boolean }) {
  const document = useDocument();
  const fields = Object.entries(schema.properties ?? {});
  const parts = partsOf(schema).filter((part) => hasDetails(document, part));
  return (
    <div className={styles.inside}>
      {isNamed && <Text>{schema.description}</Text>}
      {isNamed && <Limits schema={schema} />}
      {fields.length > 0 && (
        <dl className={styles.fields}>
          {fields.map(([name, field]) => (
            <Field key={name} name={name} schema={field} isRequired={schema.required?.includes(name)} />
          ))}
        </dl>
      )}
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the document never changes
        <SchemaView key={index} schema={part} />
      ))}
    </div>
  );
}

/** A field of an object, or a parameter. */
export function Field(props: {
  name: string;
  schema: Schema;
  isRequired?: boolean;
  place?: string;
  description?: string;
}) {
  const { name, schema, isRequired, place, description = schema.description } = props;
  return (
    <>
      <dt>
        <code>{name}</code>
        {place && <span className={styles.hint}>{place}</span>}
        {isRequired && <span className={styles.required}>required</span>}
      </dt>
      <dd>
        <SchemaView schema={schema} />
        <Text>{description}</Text>
        <Limits schema={schema} />
      </dd>
    </>
  );
}

function Limits({ schema }: { schema: Schema }) {
  const limits = limitsOf(schema);
  return limits.length > 0 && <p className={styles.hint}>{limits.join(' · ')}</p>;
}
