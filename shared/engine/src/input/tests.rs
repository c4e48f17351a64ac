use serde_json::json;

use super::*;
use crate::{CompileOptions, Document, Workflow};

const STRICT: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };
const SIM: InputRules = InputRules { undeclared: Undeclared::Keep, coerce: true };

fn compile(fields: &str) -> Result<Workflow, Vec<String>> {
    let document = Document::parse(&format!(
        "input:\n{fields}\nnodes: [{{ id: a, type: template, template: x }}]"
    ))
    .unwrap();
    let (workflow, problems) = Workflow::compile(&document);
    let shown = problems
        .into_iter()
        .map(|problem| format!("{} {}", problem.path, problem.message))
        .collect();
    workflow.ok_or(shown)
}

fn check(fields: &str, rules: InputRules, input: Value, expected: Result<Value, &[&str]>) {
    let accepted = compile(fields).unwrap().accept_input(input.clone(), rules);
    let accepted = accepted.map_err(|problems| {
        problems.into_iter().map(|p| format!("{} {}", p.pointer, p.message)).collect::<Vec<_>>()
    });
    assert_eq!(
        accepted,
        expected.map_err(|lines| lines.iter().map(|line| (*line).to_owned()).collect()),
        "{input}"
    );
}

const FIELDS: &str = "
  - { name: text }
  - { name: n, type: number, default: 5 }
  - { name: b, type: boolean, default: false }
  - { name: o, type: object, default: {} }
  - { name: l, type: array, default: [] }
  - { name: f, type: file, default: null }";

#[test]
fn defaults_fill_what_is_missing() {
    check(
        FIELDS,
        STRICT,
        json!({"text": "x"}),
        Ok(json!({"text": "x", "n": 5, "b": false, "o": {}, "l": [], "f": null})),
    );
    check(
        FIELDS,
        STRICT,
        json!({"text": "", "f": "https://x/y", "n": 1.5}),
        Ok(json!({"text": "", "f": "https://x/y", "n": 1.5, "b": false, "o": {}, "l": []})),
    );
    check(
        FIELDS,
        STRICT,
        json!({"text": "", "f": [{"type": "url"}]}),
        Ok(json!({"text": "", "f": [{"type": "url"}], "n": 5, "b": false, "o": {}, "l": []})),
    );
}

#[test]
fn all_problems_are_told_at_once() {
    check(
        FIELDS,
        STRICT,
        json!({"n": "3", "b": null, "o": [], "l": {}, "f": 1, "txt": 1, "a/b": 2}),
        Err(&[
            "/text is missing",
            "/n must be a number, not a string",
            "/b must be a boolean, not null",
            "/o must be an object, not an array",
            "/l must be an array, not an object",
            "/f must be a file (a URL, an object that describes it, or a list of them), not a \
             number",
            "/txt is not an input of this workflow; did you mean `text`?",
            "/a~1b is not an input of this workflow",
        ]),
    );
    check(FIELDS, STRICT, json!([]), Err(&[" input must be an object, not an array"]));
    check(FIELDS, STRICT, json!({"text": null}), Err(&["/text must be a string, not null"]));
}

#[test]
fn some_callers_send_everything_as_text() {
    check(
        FIELDS,
        SIM,
        json!({"text": "7", "n": "3", "b": "true", "o": "{\"a\": [1]}", "l": " [2] ", "extra": 1}),
        Ok(json!({
            "text": "7", "n": 3, "b": true, "o": {"a": [1]}, "l": [2], "extra": 1, "f": null
        })),
    );
    check(
        FIELDS,
        SIM,
        json!({"text": {}, "n": "three", "b": "yes", "o": "[1]", "l": "{"}),
        Err(&[
            "/text must be a string, not an object",
            "/n must be a number, not a string",
            "/b must be a boolean, not a string",
            "/o must be an object, not a string",
            "/l must be an array, not a string",
        ]),
    );
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    check(
        "  - { name: l, type: array }",
        SIM,
        json!({ "l": deep }),
        Err(&["/l must be an array, not a string"]),
    );
}

#[test]
fn null_stands_for_the_default_of_callers_who_send_it() {
    let sent = json!({"text": "x", "n": null, "b": null, "o": null, "l": null, "f": null});
    check(
        FIELDS,
        SIM,
        sent,
        Ok(json!({"text": "x", "n": 5, "b": false, "o": {}, "l": [], "f": null})),
    );
    check(FIELDS, SIM, json!({"text": null}), Err(&["/text is missing"]));
}

#[test]
fn schemas_are_held() {
    let fields = "  - { name: o, type: object, schema: { type: object, properties: { a: { type: \
                  integer, minimum: 1 } }, required: [a] } }";
    check(fields, STRICT, json!({"o": {"a": 1}}), Ok(json!({"o": {"a": 1}})));
    check(
        fields,
        STRICT,
        json!({"o": {"a": 0}}),
        Err(&["/o/a does not fit its schema: value is less than the minimum of 1"]),
    );
    check(
        fields,
        STRICT,
        json!({"o": {}}),
        Err(&["/o does not fit its schema: \"a\" is a required property"]),
    );
}

#[test]
fn fields_are_checked_when_the_workflow_is() {
    let problems = compile(
        "
  - { name: input }
  - { type: strin }
  - { name: a, default: 3 }
  - { name: b, type: number, value: x, requird: true }
  - { name: a }
  - 5
  - { name: s, schema: { type: 3 } }
  - { name: r, schema: { $ref: 'https://example.com/schema.json' } }
  - { name: f, schema: { $ref: 'file:///etc/passwd' } }",
    )
    .unwrap_err();
    let starts = [
        "/input `input` must be",
        "/input/0/name a field cannot be called `input`",
        "/input/1 `name` is missing",
        "/input/1/type `type` must be one of",
        "/input/2/default `default` must be a string, not a number",
        "/input/3/value `value` must be a number, not a string",
        "/input/3/requird unknown field `requird`",
        "/input/4 the field `a` is declared twice",
        "/input/6/schema `schema` is not a valid JSON Schema",
        "/input/7/schema `schema` refers to",
        "/input/8/schema `schema` refers to",
    ];
    for start in &starts[1..] {
        assert!(
            problems.iter().any(|problem| problem.starts_with(start)),
            "{start}: {problems:#?}"
        );
    }
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
}

#[test]
fn control_keys_are_warned_about() {
    assert!(compile("  - { name: stream }\n  - { name: run_options }").is_ok());
    let text = "input: [{ name: stream }]\nnodes: [{ id: a, type: template, template: x }]";
    let options = CompileOptions { reserved_input_names: &["stream"], ..CompileOptions::default() };
    let (_, problems) = Workflow::compile_with(&Document::parse(text).unwrap(), &options);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.starts_with("`stream` is also a control key"));
}

#[test]
fn hostile_schemas_and_texts_end() {
    let pattern = compile("  - { name: s, schema: { type: string, pattern: '^(a+)+$' } }").unwrap();
    assert!(
        pattern.accept_input(json!({"s": format!("{}!", "a".repeat(100_000))}), STRICT).is_err()
    );
    for schema in [
        "{ $ref: '#' }",
        "{ allOf: [ { $ref: '#' } ] }",
        "{ $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }",
    ] {
        if let Ok(workflow) = compile(&format!("  - {{ name: s, schema: {schema} }}")) {
            let _ = workflow.accept_input(json!({"s": "x"}), STRICT);
        }
    }
}
