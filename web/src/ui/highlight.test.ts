import { expect, test } from 'vitest';
import { type CodeLanguage, highlight } from './highlight';

/** The coloured tokens, as `kind text`. */
const coloured = (code: string, language: CodeLanguage) =>
  highlight(code, language)
    .filter(({ kind }) => kind)
    .map(({ kind, text }) => `${kind} ${text}`);

test('a command line: flags, variables within quotes, apostrophes as they are', () => {
  const code = `# Starts a run.\ncurl -sS -H "Bearer $KEY" \\\n  --data '{"a": "$x # no"}'`;
  expect(coloured(code, 'shell')).toEqual([
    'comment # Starts a run.',
    'keyword curl',
    'keyword -sS',
    'keyword -H',
    'string "Bearer ',
    'variable $KEY',
    'string "',
    'keyword --data',
    `string '{"a": "$x # no"}'`,
  ]);
});

test('Python, TypeScript, Rust and Go', () => {
  expect(coloured('import os  # it\nx = f"""a\n"b" """ + 3', 'python')).toEqual([
    'keyword import',
    'comment # it',
    'string f"""a\n"b" """',
    'number 3',
  ]);
  expect(coloured('const a = `x b`; // "no"\n/* if */ await 16', 'typescript')).toEqual([
    'keyword const',
    'string `x b`',
    'comment // "no"',
    'comment /* if */',
    'keyword await',
    'number 16',
  ]);
  expect(coloured(`let url: &'a str = r#"{"a"}"#; const C: char = '"';`, 'rust')).toEqual([
    'keyword let',
    'string r#"{"a"}"#',
    'keyword const',
    `string '"'`,
  ]);
  expect(coloured('func main() { s := `a\n"b"`; t := "c\\"" }', 'go')).toEqual([
    'keyword func',
    'string `a\n"b"`',
    'string "c\\""',
  ]);
});

test('JSON, events and YAML', () => {
  expect(coloured('{"a": "b", "c": [-1.5, null]}', 'json')).toEqual([
    'key "a"',
    'string "b"',
    'key "c"',
    'number -1.5',
    'keyword null',
  ]);
  expect(coloured('event: chunk\ndata: {"data": 1}', 'events')).toEqual(['key event', 'key data']);
  expect(coloured('- { id: a, type: agent } # it\n  n: 3\n  text: "Hi <api.name>, {{KEY}}"', 'yaml')).toEqual([
    'key id',
    'key type',
    'comment # it',
    'key n',
    'number 3',
    'key text',
    'string "Hi ',
    'variable <api.name>',
    'string , ',
    'variable {{KEY}}',
    'string "',
  ]);
});

test('nothing is lost', () => {
  const code = 'for x in "a" \'b\n';
  for (const language of ['shell', 'python', 'typescript', 'rust', 'go', 'json', 'yaml'] as const) {
    expect(
      highlight(code, language)
        .map(({ text }) => text)
        .join(''),
    ).toBe(code);
  }
});
