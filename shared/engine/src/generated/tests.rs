use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{connectors, kinds, schema};
use crate::kind::Kinds;
use crate::{Document, Problem, Severity, Workflow};

/// A minimal node of each kind.
const NODES: [(&str, &str); 20] = [
    ("output", r#""values":{}"#),
    ("template", r#""template":"x""#),
    ("set", r#""values":{}"#),
    ("list", r#""items":[]"#),
    ("json", r#""merge":[]"#),
    ("split", r#""text":"x","length":10"#),
    ("replace", r#""text":"x","find":"x""#),
    ("hash", r#""text":"x""#),
    ("random", r#""uuid":true"#),
    ("function", r#""code":"return 1""#),
    ("http", r#""url":"https://example.com""#),
    ("condition", r#""branches":[{"name":"a"}]"#),
    ("agent", r#""model":"offline/echo","prompt":"x""#),
    ("router", r#""model":"offline/echo","prompt":"x","routes":[{"name":"a"}]"#),
    ("evaluator", r#""model":"offline/echo","text":"x","criteria":"x""#),
    ("webhook", r#""url":"https://example.com""#),
    ("response", r#""data":1"#),
    ("loop", r#""for":1,"nodes":[{"id":"inner","type":"template","template":"x"}]"#),
    ("parallel", r#""each":[],"nodes":[{"id":"inner","type":"template","template":"x"}]"#),
    ("note", r#""text":"x""#),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&schema::document(Kinds::standard())).unwrap()
}

fn errors(document: &Document) -> Vec<Problem> {
    let (_, problems) = Workflow::compile(document);
    problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect()
}

/// Compares the committed generated files; rewrites them if `FLOWGATE_RENEW` is set.
#[test]
fn the_committed_schema_is_not_stale() {
    let mut schema = serde_json::to_string_pretty(&schema::document(Kinds::standard())).unwrap();
    schema.push('\n');
    for (path, made) in [
        ("docs/workflow.schema.json", schema),
        ("docs/kinds.md", kinds::page(Kinds::standard())),
        ("docs/connectors.md", connectors::page(Kinds::standard())),
    ] {
        let committed = root().join(path);
        if std::env::var_os("FLOWGATE_RENEW").is_some() {
            std::fs::write(&committed, made).unwrap();
        } else {
            let is_fresh = std::fs::read_to_string(&committed).is_ok_and(|text| text == made);
            assert!(
                is_fresh,
                "{path} is stale: FLOWGATE_RENEW=1 cargo test -p flowgate-engine generated"
            );
        }
    }
}

#[test]
fn every_field_is_described() {
    let schema = schema::document(Kinds::standard());
    let places = Kinds::standard().names().map(|kind| format!("/definitions/{kind}"));
    let places =
        places.chain(["", "/properties/input/items", "/properties/webhook"].map(str::to_owned));
    for place in places {
        let properties =
            schema.pointer(&format!("{place}/properties")).and_then(Value::as_object).unwrap();
        let bare: Vec<_> = properties
            .iter()
            .filter(|(_, field)| !field["description"].is_string())
            .map(|(name, _)| name)
            .collect();
        assert!(bare.is_empty(), "{place}: {bare:?} have no help");
    }
}

#[test]
fn examples_fit_it() {
    let validator = validator();
    let mut examples: Vec<PathBuf> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some())
        .collect();
    examples.push(root().join("cli/src/command/init/workflow.yaml"));
    for example in examples {
        let document = Document::parse(&std::fs::read_to_string(&example).unwrap()).unwrap();
        let misfits: Vec<String> = validator
            .iter_errors(&Value::Object(document.root().clone()))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(misfits.is_empty(), "{}: {misfits:#?}", example.display());
    }
}

#[test]
fn what_is_broken_in_structure_fits_neither() {
    let validator = validator();
    for text in [
        "{}",
        "nodes: []",
        "nodes: {}",
        "nodes: [7]",
        "nam: x\nnodes: [{ id: a, type: template, template: x }]",
        "nodes: [{ id: a, type: template }]",
        "nodes: [{ id: a, type: templat, template: x }]",
        "nodes: [{ type: template, template: x }]",
        "nodes: [{ id: -a, type: template, template: x }]",
        "nodes: [{ id: a, template: x }]",
        "nodes: [{ id: a, type: template, tmplate: x, template: x }]",
        "nodes: [{ id: a, type: input }]",
        "nodes: [{ id: a, type: http, url: x, method: FETCH }]",
        "nodes: [{ id: a, type: http, url: x, retry: { backoff: 1s } }]",
        "nodes: [{ id: a, type: http, url: x, retry: { max_attempts: 11 } }]",
        "nodes: [{ id: a, type: http, url: x, timeout: soon }]",
        "nodes: [{ id: a, type: agent, model: openai/m }]",
        "nodes: [{ id: a, type: agent, model: openai/m, messages: [{ role: tool, content: x }] }]",
        "nodes: [{ id: a, type: agent, model: openai/m, messages: [{ role: user }] }]",
        "nodes: [{ id: a, type: condition, branches: [{ if: 'true' }] }]",
        "nodes: [{ id: a, type: condition, branches: [{ name: x, fi: 'true' }] }]",
        "nodes: [{ id: a, type: loop, nodes: [{ id: b, type: template, template: x }] }]",
        "nodes: [{ id: a, type: loop, for: 1, each: [], nodes: [{ id: b, type: template, template: \
         x }] }]",
        "nodes: [{ id: a, type: loop, for: 1001, nodes: [{ id: b, type: template, \
         template: x }] }]",
        "nodes: [{ id: a, type: loop, for: 1, nodes: [{ id: b, type: template }] }]",
        "nodes: [{ id: a, type: loop, for: 1, width: 2, nodes: [{ id: b, type: template, template: \
         x }] }]",
        "nodes: [{ id: a, type: parallel, for: 1, width: 21, nodes: [{ id: b, type: template, \
         template: x }] }]",
        "nodes: [{ id: a, type: template, template: x }, { id: n, type: note, after: a }]",
        "input: [{ type: string }]\nnodes: [{ id: a, type: template, template: x }]",
        "input: [{ name: n, type: text }]\nnodes: [{ id: a, type: template, template: x }]",
        "webhook: {}\nnodes: [{ id: a, type: template, template: x }]",
        "output: [1]\nnodes: [{ id: a, type: template, template: x }]",
    ] {
        let document = Document::parse(text).unwrap();
        assert!(!errors(&document).is_empty(), "it compiles: {text}");
        assert!(
            !validator.is_valid(&Value::Object(document.root().clone())),
            "it fits the schema: {text}"
        );
    }
}

/// Every field of every object, with values of every shape.
#[test]
fn schema_and_compiler_agree_on_every_field() {
    let validator = validator();
    let schema = schema::document(Kinds::standard());
    let mut checked = 0;
    for (kind, fields) in NODES {
        let node: Value =
            serde_json::from_str(&format!(r#"{{"id":"a","type":"{kind}",{fields}}}"#)).unwrap();
        let document =
            json!({ "nodes": [node, { "id": "other", "type": "template", "template": "x" }] });
        checked += agree(
            &validator,
            &document,
            "/nodes/0",
            &schema["definitions"][kind]["properties"],
            &["type"],
        );
    }
    let document = json!({
        "input": [{ "name": "a" }],
        "webhook": { "url": "https://example.com" },
        "nodes": [{ "id": "a", "type": "template", "template": "x" }],
    });
    checked += agree(&validator, &document, "", &schema["properties"], &[]);
    // Whether a default fits its field's type is beyond the schema.
    let input = &schema["properties"]["input"]["items"]["properties"];
    checked += agree(&validator, &document, "/input/0", input, &["default", "value"]);
    checked += agree(
        &validator,
        &document,
        "/webhook",
        &schema["properties"]["webhook"]["properties"],
        &[],
    );
    assert!(checked > 1_000, "{checked}");
}

fn agree(
    validator: &jsonschema::Validator,
    document: &Value,
    place: &str,
    properties: &Value,
    besides: &[&str],
) -> usize {
    let values = [
        json!(7),
        json!(-1),
        json!(1.5),
        json!("x"),
        json!("5s"),
        json!("get"),
        json!(true),
        json!([]),
        json!({}),
        json!(["a"]),
        json!([1]),
        json!({ "a": "b" }),
        json!({ "a": [] }),
        json!({ "raw": "x" }),
        json!({ "$text": "x" }),
        json!({ "text": 1 }),
        json!({ "a": { "raw": "x" } }),
    ];
    let names = properties.as_object().unwrap().keys().map(String::as_str).chain(["unheard_of"]);
    let names: Vec<&str> = names.filter(|name| !besides.contains(name)).collect();
    assert!(validator.is_valid(document), "{document}");
    for name in &names {
        for value in &values {
            let mut changed = document.clone();
            changed.pointer_mut(place).unwrap()[name] = value.clone();
            let fits = validator.is_valid(&changed);
            let errors = errors(&Document::parse(&changed.to_string()).unwrap());
            let pointer = format!("{place}/{name}");
            let is_structural = |error: &&Problem| {
                error.path.starts_with(&pointer) && is_about_structure(&error.message)
            };
            assert!(
                fits || !errors.is_empty(),
                "{pointer} = {value}: the schema refuses what the compiler takes"
            );
            let structural: Vec<_> = errors.iter().filter(is_structural).collect();
            assert!(
                structural.is_empty() || !fits,
                "{pointer} = {value}: the schema takes what the compiler refuses: {structural:?}"
            );
        }
    }
    names.len() * values.len()
}

fn is_about_structure(message: &str) -> bool {
    [
        " must be ",
        " is missing",
        "unknown field",
        "is a list of",
        "is a list or",
        "is a whole number",
        "an object with",
        "has no edges",
    ]
    .iter()
    .any(|words| message.contains(words))
}
