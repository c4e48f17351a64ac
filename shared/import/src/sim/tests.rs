use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Map, Value, json};

use crate::{Entry, Import, Options, Outcome, import};

fn imported(blocks: &[(&str, &str, Value)], edges: &[(&str, &str, &str)]) -> Import {
    let block = |(id, kind, settings): &(&str, &str, Value)| {
        let mut block = Map::from_iter([
            ("id".to_owned(), json!(id)),
            ("type".to_owned(), json!(kind)),
            ("name".to_owned(), json!(id)),
        ]);
        let mut sub = Map::new();
        for (name, value) in settings.as_object().unwrap() {
            match name.strip_prefix('@') {
                Some(name) => block.insert(name.to_owned(), value.clone()),
                None => sub.insert(name.clone(), json!({ "value": value })),
            };
        }
        block.insert("subBlocks".to_owned(), sub.into());
        ((*id).to_owned(), Value::Object(block))
    };
    let edge = |(from, handle, to): &(&str, &str, &str)| {
        json!({ "source": from,
        "sourceHandle": handle, "target": to })
    };
    let state = json!({
        "blocks": blocks.iter().map(block).collect::<Map<_, _>>(),
        "edges": edges.iter().map(edge).collect::<Vec<_>>(),
        "variables": { "v": { "name": "Total Sum", "type": "number", "value": "3" } },
    });
    let file = json!({ "version": "1.0", "state": state });
    import(file.to_string().as_bytes(), &Options::default()).unwrap()
}

/// The nodes of the document, which must compile.
fn nodes(import: &Import) -> Map<String, Value> {
    let text = import.workflows[0].document.to_string();
    let (_, problems) = Workflow::compile(&Document::parse(&text).unwrap());
    let errors: Vec<_> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{:#}", import.workflows[0].document);
    let nodes = import.workflows[0].document["nodes"].as_array().unwrap();
    nodes.iter().map(|node| (node["id"].as_str().unwrap().to_owned(), node.clone())).collect()
}

fn entry<'i>(import: &'i Import, node: &str) -> &'i Entry {
    import.report.entries.iter().find(|entry| entry.node == node).unwrap()
}

fn start(fields: Value) -> (&'static str, &'static str, Value) {
    ("Start", "start_trigger", json!({ "inputFormat": fields }))
}

#[test]
fn texts_keep_what_names_nothing() {
    let format = json!([{ "name": "who", "type": "string", "value": "" }]);
    let prompt = "Hi <START.who>, <nobody.x> <b> {{KEY}} <f.result[0].x> <f.nothing>";
    let import = imported(
        &[
            start(format),
            ("f", "function", json!({ "code": "return [<start.who>, <variable.totalsum>]" })),
            (
                "a",
                "agent",
                json!({ "model": "gpt-4o", "userPrompt": prompt, "apiKey": "{{MY_KEY}}" }),
            ),
        ],
        &[("Start", "source", "f"), ("f", "source", "a")],
    );
    let nodes = nodes(&import);
    assert_eq!(nodes["f"]["code"], "return [<api.who>, <variable[\"Total Sum\"]>]");
    assert_eq!(nodes["a"]["model"], "openai/gpt-4o");
    assert_eq!(nodes["a"]["api_key"], "{{MY_KEY}}");
    let kept = &nodes["texts"]["values"];
    let written = nodes["a"]["prompt"].as_str().unwrap();
    assert!(
        written.starts_with("Hi <api.who>, <texts.t1> <b> <texts.t2> <f.result[0].x>"),
        "{written}"
    );
    assert_eq!(kept["t1"]["$raw"], "<nobody.x>");
    assert_eq!(entry(&import, "a").outcome, Outcome::Unsupported, "a secret in a prompt");
    assert_eq!(import.workflows[0].document["input"], json!([{ "name": "who", "type": "string" }]));
}

#[test]
fn conditions_take_javascript_and_edges_their_branches() {
    let conditions = json!([
        { "id": "c-if", "title": "if", "value": "<f.result.n> > 1 && '<x.y>'" },
        { "id": "c-2", "title": "else if", "value": "<start.input.n> === null" },
        { "id": "c-else", "title": "else", "value": "" },
    ]);
    let import = imported(
        &[
            start(json!([])),
            ("f", "function", json!({ "code": "return { n: 2 }" })),
            ("c", "condition", json!({ "conditions": conditions.to_string() })),
            (
                "yes",
                "api",
                json!({ "url": "https://x.org/{{A}}", "method": "POST",
                    "body": "{\"n\": <f.result>}" }),
            ),
            (
                "no",
                "response",
                json!({ "dataMode": "json", "data": "{\"a\": \"<c.selectedOption>!\"}",
                    "status": "404" }),
            ),
            (
                "failed",
                "response",
                json!({ "builderData": [{ "name": "x", "type": "number", "value": "3" }] }),
            ),
        ],
        &[
            ("Start", "source", "f"),
            ("f", "source", "c"),
            ("c", "condition-c-if", "yes"),
            ("c", "condition-c-2", "yes"),
            ("c", "condition-c-else", "no"),
            ("yes", "error", "failed"),
        ],
    );
    let nodes = nodes(&import);
    assert_eq!(nodes["yes"]["after"], json!(["c.if", "c.else_if"]));
    assert_eq!(nodes["yes"]["body"], json!({ "n": "<f.result>" }));
    assert_eq!(nodes["yes"]["url"], "https://x.org/{{A}}");
    assert_eq!(nodes["no"]["after"], json!(["c.else"]));
    assert_eq!(
        (&nodes["no"]["data"], &nodes["no"]["status"]),
        (&json!({ "a": "<c.branch>!" }), &json!(404))
    );
    assert_eq!(nodes["failed"]["after"], json!(["yes.error"]));
    assert_eq!(nodes["failed"]["data"], json!({ "x": 3 }));
    assert_eq!(nodes["c_test"]["after"], json!(["f"]));
    let code = nodes["c_test"]["code"].as_str().unwrap();
    assert!(code.contains("if (<f.result.n> > 1 && '\\x3cx.y>'\n) return \"if\""), "{code}");
}

#[test]
fn loops_run_what_they_hold() {
    let import = imported(
        &[
            start(json!([{ "name": "list", "type": "array", "value": "[1]" }])),
            ("each", "loop", json!({ "loopType": "forEach", "collection": "<start.list>" })),
            (
                "in",
                "function",
                json!({ "code": "return <loop.currentItem.x> + <each.index>",
                    "@data": { "parentId": "each" } }),
            ),
            (
                "until",
                "loop",
                json!({ "loopType": "doWhile", "doWhileCondition": "<step.result> < 3" }),
            ),
            ("step", "function", json!({ "code": "return 4", "@data": { "parentId": "until" } })),
            ("end", "function", json!({ "code": "return <each.results>.length" })),
        ],
        &[
            ("Start", "source", "each"),
            ("each", "loop-start-source", "in"),
            ("each", "loop-end-source", "until"),
            ("until", "loop-start-source", "step"),
            ("until", "loop-end-source", "end"),
        ],
    );
    let nodes = nodes(&import);
    assert_eq!(nodes["each"]["each"], "<api.list>");
    assert_eq!(nodes["each"]["nodes"][0]["code"], "return <loop.item.x> + <loop.index>");
    assert_eq!(nodes["until"]["after"], json!(["each"]));
    assert_eq!(nodes["until"]["break_when"], "<until_test.result> != true");
    assert_eq!(nodes["end"]["after"], json!(["until"]));
    assert_eq!(import.workflows[0].document["input"][0]["default"], json!([1]));
}

#[test]
fn what_is_not_known_is_a_function_that_throws() {
    let import = imported(
        &[
            start(json!([])),
            (
                "odd",
                "stagehand",
                json!({ "url": "https://x.org", "apiKey": "sk-0123456789abcdef0" }),
            ),
            ("off", "function", json!({ "code": "return 1", "@enabled": false })),
            ("next", "function", json!({ "code": "return <odd.text>" })),
            (
                "slack",
                "slack",
                json!({ "operation": "send", "manualChannel": "#a", "text": "<next.result>" }),
            ),
            ("gone", "slack", json!({ "operation": "dance" })),
        ],
        &[
            ("Start", "source", "odd"),
            ("odd", "source", "next"),
            ("next", "source", "off"),
            ("next", "source", "slack"),
            ("next", "source", "gone"),
        ],
    );
    let nodes = nodes(&import);
    assert_eq!(nodes["odd"]["type"], "function");
    assert!(nodes["odd"]["code"].as_str().unwrap().contains("was not imported"));
    assert_eq!(nodes["next"]["code"], "return <odd.result.text>");
    assert_eq!(nodes["slack"]["type"], "slack.send_message");
    assert_eq!(nodes["slack"]["channel"], "#a");
    let outcomes = ["Start", "odd", "off", "slack", "gone"].map(|id| entry(&import, id).outcome);
    use Outcome::{Mapped, Unsupported};
    assert_eq!(outcomes, [Mapped, Unsupported, Mapped, Mapped, Unsupported]);
    assert!(!nodes.contains_key("off"));
    assert!(!format!("{nodes:?}").contains("sk-0123"));
}

#[test]
fn a_way_back_is_cut_and_reported() {
    let code = || json!({ "code": "return 1" });
    let import = imported(
        &[start(json!([])), ("a", "function", code()), ("b", "function", code())],
        &[("Start", "source", "a"), ("a", "source", "b"), ("b", "source", "a")],
    );
    let nodes = nodes(&import);
    assert_eq!(nodes["b"]["after"], json!(["a"]));
    assert_eq!(nodes["a"].get("after"), None);
    assert_eq!(entry(&import, "b").outcome, Outcome::Unsupported);
    assert!(entry(&import, "b").notes[0].contains("the way back to `a`"));
}

#[test]
fn earlier_and_other_forms_are_read() {
    let yaml = "version: '1.0'\nblocks:\n  start:\n    type: starter\n    name: Start\n    \
                connections: {
                    success: say }\n  say:\n    type: agent\n    name: Say\n    inputs:\n      \
                model: claude-3-7-sonnet\n      systemPrompt: Hi\n      userPrompt: \
                <start.input>\n";
    let import = import(yaml.as_bytes(), &Options::default()).unwrap();
    let nodes = nodes(&import);
    assert_eq!(nodes["say"]["prompt"], "<api.input.input>");
    let state = json!({ "blocks": { "s": { "type": "starter", "subBlocks": {} } } });
    let own = json!({ "id": "0a1b-c", "name": "Own" });
    let wrapped = json!({ "data": { "version": "1.0", "workflow": own, "state": state } });
    let texts =
        [state.to_string(), wrapped.to_string(), Value::from(state.to_string()).to_string()];
    let ids = texts.map(|text| {
        let import = crate::import(text.as_bytes(), &Options::default()).unwrap();
        import.workflows[0].id.clone()
    });
    assert_eq!(ids, ["sim", "0a1b-c", "sim"]);
}

#[test]
fn broken_files_are_refused_with_all_problems() {
    let file = json!({ "version": "9.0", "state": {
        "blocks": { "a": { "type": "agent", "name": "A", "data": { "parentId": "zz" } },
            "b": { "name": "B" } },
        "edges": [{ "source": "a", "target": "nowhere" }, { "source": "b", "target": "a" }],
    }});
    let problems = import(file.to_string().as_bytes(), &Options::default()).unwrap_err();
    let found: Vec<_> =
        problems.iter().map(|problem| (problem.path.as_str(), problem.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("", "version `9.0` of the format is not known"),
            ("/state/blocks/a", "no block has the id `zz`"),
            ("/state/blocks/b", "a block needs a `type`"),
            ("/state/edges/0", "no block has the id `nowhere`"),
            ("/state/edges/1", "no block has the id `b`"),
        ]
    );
}

#[test]
fn agents_keep_schema_tools_and_memory() {
    let schema =
        json!({ "name": "x", "schema": { "properties": { "row": { "type": "string" } } } });
    let tool = json!({ "type": "custom-tool", "title": "add", "code": "return a + b",
        "schema": { "function": { "name": "add", "description": "Adds <x.y>", "parameters": {
            "type": "object", "properties": { "a": { "type": "number" },
                "b": { "type": "number" } } } } } });
    let robot = json!({ "type": "robot", "title": "Robot" });
    let agent = json!({
        "messages": [{ "role": "system", "content": "S" }, { "role": "user", "content": "U" },
            { "role": "assistant", "content": "A" }, { "role": "user",
                "content": "<start.input>" }],
        "model": "gemini-2.5-pro", "tools": [tool, robot], "responseFormat": schema.to_string(),
        "memoryType": "conversation", "conversationId": "<start.conversationId>",
            "temperature": 0.3,
    });
    let import = imported(
        &[
            start(json!([])),
            ("a", "agent", agent),
            (
                "f",
                "function",
                json!({ "code": "return [<a.row>, <a.content.row>, <a.tokens.prompt>]" }),
            ),
        ],
        &[("Start", "source", "a"), ("a", "source", "f")],
    );
    let nodes = nodes(&import);
    let agent = &nodes["a"];
    assert_eq!(agent["system"], "S");
    assert_eq!(agent["messages"].as_array().unwrap().len(), 3);
    assert_eq!(agent["memory"], json!({ "session": "<api.input.conversationId>", "turns": 20 }));
    assert_eq!(agent["tools"][0]["code"], "const a = <tool.a>\nconst b = <tool.b>\nreturn a + b");
    assert!(agent["tools"][1]["code"].as_str().unwrap().starts_with("throw new Error("));
    assert_eq!(nodes["f"]["code"], "return [<a.data.row>, <a.data.row>, <a.tokens.input>]");
    assert_eq!(entry(&import, "a").outcome, Outcome::Unsupported);
}

#[test]
fn what_no_run_comes_to_is_a_note() {
    let code = |code: &str| json!({ "code": code });
    let import = imported(
        &[
            start(json!([])),
            ("a", "function", code("return 1")),
            ("off", "function", json!({ "code": "return 2", "@enabled": false })),
            ("after_off", "function", code("return 3")),
            ("alone", "function", code("return 4")),
            ("off_loop", "loop", json!({ "@enabled": false })),
            ("child", "function", json!({ "code": "return 5", "@parentId": "off_loop" })),
            ("twice", "loop", json!({ "iterations": 2 })),
            ("inner", "function", json!({ "code": "return 6", "@parentId": "twice" })),
            ("reader", "function", code("return '<alone.result>'")),
        ],
        &[
            ("Start", "source", "a"),
            ("Start", "source", "off"),
            ("off", "source", "after_off"),
            ("Start", "source", "off_loop"),
            ("off_loop", "loop-start-source", "child"),
            ("a", "source", "twice"),
            ("twice", "loop-start-source", "inner"),
            ("twice", "loop-end-source", "reader"),
        ],
    );
    let nodes = nodes(&import);
    assert!(!nodes.contains_key("off") && !nodes.contains_key("off_loop"));
    for id in ["after_off", "alone", "child"] {
        assert_eq!(nodes[id]["type"], "note", "{id}");
        let notes = &entry(&import, id).notes;
        assert!(notes[0].starts_with("nothing leads to it"), "{notes:?}");
    }
    assert_eq!(nodes["twice"]["after"], json!(["a"]));
    assert_eq!(nodes["twice"]["nodes"][0]["id"], "inner");
    assert_eq!(nodes["reader"]["after"], json!(["twice"]));
    assert_eq!(entry(&import, "reader").outcome, Outcome::Approximated);
}

#[test]
fn an_edge_by_an_unknown_handle_is_left_out() {
    let conditions = json!([{ "id": "1", "title": "if", "value": "true" }]);
    let import = imported(
        &[
            start(json!([])),
            ("second", "manual_trigger", json!({})),
            ("c", "condition", json!({ "conditions": conditions.to_string() })),
            ("yes", "function", json!({ "code": "return 1" })),
            ("odd", "function", json!({ "code": "return 2" })),
        ],
        &[
            ("Start", "source", "c"),
            ("c", "condition-1", "yes"),
            ("c", "condition-2", "odd"),
            ("c", "condition-2", "yes"),
        ],
    );
    let nodes = nodes(&import);
    assert_eq!(nodes["yes"]["after"], json!(["c.if"]));
    assert_eq!(nodes["odd"]["type"], "note");
    let said = "an edge from `condition-2`, which it does not have, was left out";
    assert!(entry(&import, "c").notes.iter().any(|note| note == said), "{:?}", entry(&import, "c"));
    let triggers = [entry(&import, "Start"), entry(&import, "second")];
    for trigger in triggers {
        assert!(trigger.notes.iter().any(|note| note.contains("several triggers")), "{trigger:?}");
    }
}

#[test]
fn a_stub_shows_no_key_of_its_settings() {
    let headers = json!([{ "cells": { "Key": "Authorization", "Value": "Bearer 9f8e7d6c5b4a" } }]);
    let settings = json!({ "xParam": { "apiKey": "9f8e7d6c5b4a", "page": 3 },
        "text": "{\"apiKey\": \"9f8e7d6c5b4a\"}", "headers": headers });
    let import =
        imported(&[start(json!([])), ("s", "unheard_of", settings)], &[("Start", "source", "s")]);
    let document = import.workflows[0].document.to_string();
    assert!(!document.contains("9f8e7d6c5b4a") && document.contains("page"), "{document}");
}
