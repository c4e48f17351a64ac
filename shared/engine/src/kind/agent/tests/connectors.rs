//! Operations of connectors as tools.

use serde_json::{Value, json};

use super::turns::{left, model, said};
use crate::call::{Action, Call, CallId, CallResult};
use crate::run::tests::{compile, drive, start};
use crate::{Document, Outcome, Workflow};

const STORE: &str = "
connectors:
  - connector: store
    hosts: ['<in.site>.store.example']
    base: https://<in.site>.store.example
    settings: { site: { pattern: '[a-z]+' } }
    auth: { type: bearer }
    errors: [{ when: body.ok == false, code: <body.error> }]
    operations:
      list:
        summary: Lists the items
        effect: read
        fields: { required: [kind], properties: { kind: { type: string } } }
        request: { path: /items, query: { kind: <in.kind> } }
        pages: { items: <body.items>, next: <body.next>, into: query.after }
        answer: { items: <items> }
      put:
        summary: Puts an item
        effect: write
        fields:
          required: [file, title]
          anyOf: [{ required: [tag] }, { required: [color] }]
          properties:
            file: { format: file }
            title: { type: string }
            tag: { type: string }
            color: { type: string }
        steps:
          open:
            request: { method: POST, path: /open, body: { title: <in.title>, tag: <in.tag> } }
          send: { request: { method: PUT, path: '/put/<open.body.id>', bytes: <in.file> } }
        answer: { id: <open.body.id> }
      drop:
        summary: Deletes an item
        effect: delete
        idempotent: true
        fields: { required: [item], properties: { item: { type: string } } }
        request: { method: DELETE, path: '/items/<in.item>' }
";

fn agent(tools: &str) -> String {
    format!(
        "{STORE}nodes:\n  - {{ id: a, type: agent, model: openai/m, prompt: x, tools: \
         [{tools}] }}\n"
    )
}

const FILE: &str = "{ $file: file_0123456789abcdef0123456789abcdef, name: a.txt, type: text/plain, \
                    size: 5, \
                    sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 }";

fn put() -> String {
    agent(&format!(
        "{{ connector: store.put, with: {{ site: acme, file: {FILE}, tag: '<api.input.tag>' }} }}"
    ))
}

/// Drives the agent; returns each call with its place.
fn drive_all(
    yaml: &str,
    mut answer: impl FnMut(&str, &Call) -> CallResult,
) -> (Vec<(String, Call)>, Outcome) {
    let mut run = start(&compile(yaml), json!({ "tag": "t" }));
    let mut calls = Vec::new();
    drive(&mut run, |id: &CallId, call: &Call| {
        calls.push((id.place().to_owned(), call.clone()));
        answer(id.place(), call)
    });
    (calls, run.outcome().unwrap().clone())
}

fn body(value: Value) -> CallResult {
    left(json!({ "status": 200, "headers": {}, "data": value }))
}

#[test]
fn the_model_gives_what_the_author_leaves_open() {
    let (calls, _) = drive_all(&put(), |place, _| match place {
        "a" => said("", &[("c", "store_put", json!({ "title": "n" }))]),
        "a/turn1.tool0" => body(json!({ "id": "i" })),
        "a/turn1.tool0/send" => body(json!(null)),
        _ => said("done", &[]),
    });
    let places: Vec<&str> = calls.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["a", "a/turn1.tool0", "a/turn1.tool0/send", "a/turn2"]);
    assert_eq!(
        serde_json::to_value(&model(&calls[0].1).tools).unwrap(),
        json!([{
            "name": "store_put",
            "description": "Puts an item.",
            "parameters": {
                "type": "object",
                "properties": { "title": { "type": "string" }, "color": { "type": "string" } },
                "required": ["title"],
                "additionalProperties": false
            }
        }])
    );
    let Action::Http(open) = &calls[1].1.action else { panic!() };
    let open = serde_json::to_value(open).unwrap();
    assert_eq!(open["body"], json!({ "title": "n", "tag": "t" }));
    assert_eq!(open["url"], "https://acme.store.example/open");
    assert_eq!(open["headers"], json!([["authorization", "Bearer {{STORE_TOKEN}}"]]));
    let result = &super::turns::messages(&calls[3].1)[2]["results"][0];
    assert_eq!(result["content"], r#"{"id":"i"}"#);
}

#[test]
fn a_write_of_a_tool_goes_out_once_unless_the_author_says_otherwise() {
    let check = |yaml: &str, arguments: Value, expected: &[bool]| {
        let name = if yaml.contains("connector: store.put") { "store_put" } else { "store_list" };
        let (calls, _) = drive_all(yaml, |place, _| match place {
            "a" => said("", &[("c", name, arguments.clone())]),
            "a/turn2" => said("done", &[]),
            "a/turn1.tool0" => body(json!({ "id": "i", "items": [1], "next": "n" })),
            _ => body(json!({ "items": [2] })),
        });
        let calls = calls.iter().filter(|(_, call)| matches!(call.action, Action::Http(_)));
        let once: Vec<bool> = calls.map(|(_, call)| call.at_most_once).collect();
        assert_eq!(once, expected, "{yaml}");
    };
    check(&put(), json!({ "title": "n" }), &[true, true]);
    let twice = put().replace("store.put,", "store.put, at_most_once: false,");
    check(&twice, json!({ "title": "n" }), &[false, false]);
    let list = agent("{ connector: store.list, with: { site: acme } }");
    check(&list, json!({ "kind": "k" }), &[false, false]);
}

#[test]
fn what_the_model_gives_wrong_is_its_result() {
    let check = |arguments: Value, expected: &str| {
        let yaml = agent("{ connector: store.list, with: { site: acme }, name: items }");
        let (calls, outcome) = drive_all(&yaml, |place, _| match place {
            "a" => said("", &[("c", "items", arguments.clone())]),
            "a/turn2" => said("sorry", &[]),
            _ => body(json!({ "ok": false, "error": "no_such_kind" })),
        });
        let last = &calls.last().unwrap().1;
        let result = &super::turns::messages(last)[2]["results"][0];
        assert_eq!(result["is_error"], true);
        assert!(result["content"].as_str().unwrap().starts_with(expected), "{result}");
        assert!(matches!(outcome, Outcome::Succeeded { .. }));
    };
    check(json!({}), "error invalid_arguments: ");
    check(json!({ "kind": 1 }), "error invalid_arguments: ");
    check(json!({ "kind": "k", "site": "evil" }), "error invalid_arguments: ");
}

#[test]
fn an_entry_is_checked() {
    let check = |tool: &str, expected: &[&str]| {
        let (_, problems) = Workflow::compile(&Document::parse(&agent(tool)).unwrap());
        let found: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
        assert_eq!(found, expected, "{tool}");
    };
    let site = "with: { site: acme }";
    check(&format!("{{ connector: store.list, {site} }}"), &[]);
    check(&format!("{{ connector: store.drop, allow: delete, {site} }}"), &[]);
    check(
        &format!("{{ connector: store.drop, {site} }}"),
        &["`store.drop` deletes, and a model would do so unasked; `allow: delete` says that it \
             may"],
    );
    check("{ connector: store.list }", &["`site` is missing"]);
    check(
        &format!("{{ connector: store.lst, {site} }}"),
        &["there is no operation `store.lst`; did you mean `store.list`?"],
    );
    check(
        &format!("{{ connector: store.put, {site} }}"),
        &["`file` is a file, which no model can give: fix it here"],
    );
    check(
        "{ connector: store.list, with: { site: 'a.b', knd: x }, parameters: {}, login: '{{X}}' }",
        &[
            "`site` is a literal such as [a-z]+",
            "unknown field `knd`; did you mean `kind`?",
            "`parameters` has no place beside `connector`: they are its fields",
            "`login` is the bare name of a secret, such as SLACK_TOKEN",
        ],
    );
    check(
        "{ name: x, code: 'return 1', with: {}, allow: delete }",
        &["`with` belongs to `connector`", "`allow` belongs to `connector`"],
    );
}
