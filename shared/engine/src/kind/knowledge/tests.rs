use serde_json::{Value, json};

use crate::call::{Action, CallOutput, CallResult, KnowledgeRequest};
use crate::run::tests::{compile, drive, ok, output_of, start};
use crate::{Document, Workflow};

fn problems(node: &str) -> Vec<String> {
    let yaml = format!("nodes: [{{ id: k, type: knowledge, {node} }}]");
    let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
    problems.into_iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
}

#[test]
fn fields_belong_to_their_action() {
    assert_eq!(problems("action: search, store: s, model: openai/m, query: q"), [""; 0]);
    assert_eq!(problems("action: delete, store: s, source: x"), [""; 0]);
    assert_eq!(
        problems("action: add, store: 'a b', query: q, chunk_size: 200, overlap: 150, top: 1"),
        [
            "/nodes/0 `text` is missing: `add` needs it",
            "/nodes/0 `source` is missing: `add` needs it",
            "/nodes/0 `model` is missing: `add` needs it",
            "/nodes/0/store `a b` is no name of a store: 1 to 64 letters, digits, `_` and `-`",
            "/nodes/0/query `query` is no field of the action `add`",
            "/nodes/0/overlap `overlap` is at most half of `chunk_size`",
            "/nodes/0/top `top` is no field of the action `add`",
        ]
    );
    assert_eq!(
        problems("action: delete, store: s, text: x"),
        [
            "/nodes/0 `source` is missing: `delete` needs it",
            "/nodes/0/text `text` is no field of the action `delete`",
        ]
    );
    let model = problems("action: search, store: s, model: text-embedding-3-small, query: q");
    assert!(model[0].starts_with("/nodes/0/model"), "{model:?}");
    let secret = problems("action: search, store: s, model: openai/m, query: '{{KEY}}'");
    assert!(secret[0].contains("cannot be used here"), "{secret:?}");
}

const ADD: &str = "
nodes:
  - id: k
    type: knowledge
    action: add
    store: docs
    model: openai/m
    text: <api.input.text>
    source: ' <api.input.source> '
    metadata: { page: <api.input.page> }
    chunk_size: 100
    overlap: 0
";

fn embedded(count: usize) -> CallResult {
    let vectors: Vec<String> = (0..count).map(|n| format!("v{n}")).collect();
    let value = json!({ "vectors": vectors, "dimensions": 2, "tokens": 10, "cost": 0.001 });
    CallResult::Succeeded(CallOutput { value, tokens: Some(10), cost_nano_usd: Some(1_000) })
}

#[test]
fn a_text_is_embedded_put_and_committed() {
    let text = (0..40).map(|n| format!("{n:090}")).collect::<Vec<_>>().join("\n\n");
    let mut run = start(&compile(ADD), json!({ "text": text, "source": "a.md", "page": 7 }));
    let mut seen = Vec::new();
    drive(&mut run, |id, call| {
        seen.push(id.place().to_owned());
        match &call.action {
            Action::Embed(embed) => embedded(embed.texts.len()),
            Action::Knowledge(knowledge) => match &knowledge.request {
                KnowledgeRequest::Put { chunks, .. } => {
                    let first = serde_json::to_value(&chunks[0]).unwrap();
                    assert_eq!(
                        (&first["metadata"], &first["vector"]),
                        (&json!({ "page": 7 }), &json!("v0"))
                    );
                    assert!(!call.at_most_once);
                    ok(json!({}))
                }
                KnowledgeRequest::Commit { source, parts, chunks } => {
                    assert_eq!((source.as_str(), *parts, *chunks), ("a.md", 2, 40));
                    ok(json!({ "total": 41 }))
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(seen, ["k", "k/embed1", "k/put0", "k/put1", "k/commit"]);
    assert_eq!(
        output_of(&run).unwrap(),
        json!({ "source": "a.md", "chunks": 40, "total": 41, "tokens": 20, "cost": 0.000002 })
    );
}

#[test]
fn a_question_is_embedded_and_searched() {
    let yaml = "nodes: [{ id: k, type: knowledge, action: search, store: docs, shared: true, \
                model: openai/m, query: <api.input.q>, top: <api.input.top>, min_score: 0.2 }]";
    let search = |input: Value| {
        let mut run = start(&compile(yaml), input);
        let mut seen = Vec::new();
        drive(&mut run, |_, call| {
            seen.push(serde_json::to_value(&call.action).unwrap());
            if matches!(call.action, Action::Embed(_)) {
                embedded(1)
            } else {
                ok(json!({ "matches": [{ "text": "x" }] }))
            }
        });
        (seen, output_of(&run))
    };
    let (seen, output) = search(json!({ "q": "why?", "top": 3 }));
    assert_eq!(
        seen,
        [
            json!({ "kind": "embed", "model": "openai/m", "texts": ["why?"], "is_query": true }),
            json!({ "kind": "knowledge", "store": "docs", "shared": true, "request": { "search": {
                "model": "openai/m", "vector": "v0", "top": 3, "min_score": 0.2
            } } }),
        ]
    );
    let expected = json!({ "matches": [{ "text": "x" }], "tokens": 10, "cost": 0.000001 });
    assert_eq!(output.unwrap(), expected);
    let (seen, output) = search(json!({ "q": "  " }));
    assert_eq!((seen.len(), &output.unwrap()["matches"]), (0, &json!([])));
    assert_eq!(search(json!({ "q": "x", "top": 51 })).1, Err("invalid_field".to_owned()));
}
