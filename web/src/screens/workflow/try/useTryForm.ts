import { useEffect, useState } from 'react';
import type { InterfaceInput } from '../../../api/workflow';
import { type Entries, entriesOf, fieldErrors, readEntries } from './fields';
import { rememberEntries, rememberedEntries } from './remembered';
import { NO_OPTIONS, type Options } from './request';

type Refused = { pointer: string; message: string }[] | undefined;

/** The input as it is typed: in controls, or as one JSON text. */
export function useTryForm(workflowId: string, fields: InterfaceInput[]) {
  const [entries, setAllEntries] = useState<Entries>(() => rememberedEntries(workflowId) ?? {});
  /** The text, while the input is edited as JSON. */
  const [json, setJson] = useState<string | null>(null);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [options, setOptions] = useState<Options>(NO_OPTIONS);
  useEffect(() => rememberEntries(workflowId, entries), [workflowId, entries]);

  const setEntries = (next: Entries) => {
    setAllEntries(next);
    setErrors({});
  };
  /** An upload may end after another field was changed: only its own entry is replaced. */
  const setEntry = (name: string, value: string) => {
    setAllEntries((now) => ({ ...now, [name]: value }));
    setErrors({});
  };
  /** The input, or null if it cannot be read; the fields then say why. */
  const read = (): unknown => {
    const reading = json === null ? readEntries(fields, entries) : readJson(json);
    setErrors(reading.errors);
    return Object.keys(reading.errors).length ? null : reading.input;
  };
  /** The input as far as it can be read, for the command line. */
  const peek = (): unknown => (json === null ? readEntries(fields, entries) : readJson(json)).input;
  const fill = (input: Record<string, unknown>) => {
    setEntries(entriesOf(fields, input));
    if (json !== null) setJson(JSON.stringify(input, null, 2));
  };
  const showJson = (shown: boolean) => {
    setErrors({});
    if (shown) return setJson(JSON.stringify(readEntries(fields, entries).input, null, 2));
    const reading = readJson(json ?? '{}');
    if (reading.errors.json) return setErrors(reading.errors);
    setAllEntries(entriesOf(fields, reading.input));
    setJson(null);
  };
  const refuse = (refused: Refused) => setErrors(fieldErrors(refused));
  return { entries, setEntry, json, setJson, showJson, errors, options, setOptions, read, peek, fill, refuse };
}

export type TryForm = ReturnType<typeof useTryForm>;

function readJson(text: string): { input: Record<string, unknown>; errors: Record<string, string> } {
  try {
    const input = JSON.parse(text || '{}');
    const fits = typeof input === 'object' && input !== null && !Array.isArray(input);
    return fits ? { input, errors: {} } : { input: {}, errors: { json: 'Give an object, such as { "name": "Ada" }.' } };
  } catch (error) {
    return { input: {}, errors: { json: `This is not JSON: ${(error as Error).message}.` } };
  }
}
