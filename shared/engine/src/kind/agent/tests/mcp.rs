//! Tools of MCP servers.

use std::time::Duration;

use cpu_time::ThreadTime;
use serde_json::{Value, json};

use super::turns::{left, messages, model, problems, said};
use crate::call::{CallError, CallResult, McpCall, McpRequest};
use crate::run::tests::{advance, compile, drive, start};
use crate::run::{Outcome, Run};
use crate::{Action, Call, CallId};

fn agent(tools: &str) -> String {
    format!(
        "nodes: [{{ id: a, type: agent, model: openai/m, prompt: x, tools: [{tools}], \
         retry: {{ max_attempts: 2 }} }}]"
    )
}

fn list(names: &[&str]) -> CallResult {
    let schema = json!({
        "type": "object", "properties": { "q": { "type": "string" } }, "required": ["q"]
    });
    list_with(names, &schema)
}

fn list_with(names: &[&str], schema: &Value) -> CallResult {
    let tool = |name: &&str| json!({ "name": name, "description": "d", "input_schema": schema });
    left(json!({ "tools": names.iter().map(tool).collect::<Vec<_>>() }))
}

fn mcp(call: &Call) -> &McpCall {
    let Action::Mcp(mcp) = &call.action else { panic!("{call:?}") };
    mcp
}

fn answer(content: &str, structured: Value, is_error: bool) -> CallResult {
    left(json!({ "content": content, "structured": structured, "is_error": is_error }))
}

/// Runs the agent until it has listed its tools. Returns the names that the model sees, or the
/// code of the failure.
fn shown(tools: &str, mut lists: impl FnMut(&CallId) -> CallResult) -> Result<Vec<String>, String> {
    let mut run = start(&compile(&agent(tools)), json!({}));
    let mut names = Vec::new();
    drive(&mut run, |id, call| match &call.action {
        Action::Mcp(_) => lists(id),
        _ => {
            names = model(call).tools.iter().map(|tool| tool.name.clone()).collect();
            said("done", &[])
        }
    });
    match run.outcome() {
        Some(Outcome::Failed { error, .. }) => Err(format!("{}: {}", error.code, error.message)),
        _ => Ok(names),
    }
}

const SEARCHER: &str = "{ name: add, code: 'return 1' }, { mcp: 'https://x/<api.input.p>', \
                        headers: { authorization: 'Bearer {{T}}', x-none: '<api.input.none>' } }";

/// Two calls of the server at once, of which one fails; and an own tool.
fn play(id: &CallId, call: &Call) -> CallResult {
    match id.as_str() {
        "a#0" => list(&["search", "fetch"]),
        "a/turn1#0" => said(
            "",
            &[
                ("c1", "search", json!({ "q": "cats" })),
                ("c2", "fetch", json!({ "q": "dogs" })),
                ("c3", "search", json!({})),
                ("c4", "fetch", json!({ "q": "broken" })),
                ("c5", "search", json!({ "q": "structured" })),
            ],
        ),
        "a/turn1.tool0#0" => answer("two\ncats", json!({ "n": 2 }), false),
        "a/turn1.tool1#0" => answer("no dogs", Value::Null, true),
        "a/turn1.tool3#0" => CallResult::Failed(CallError {
            code: "mcp_error".into(),
            message: "broken".into(),
            ..CallError::default()
        }),
        "a/turn1.tool4#0" => answer("", json!({ "n": 1 }), false),
        "a/turn2#0" => said("Two cats.", &[]),
        other => panic!("{other}: {call:?}"),
    }
}

#[test]
fn the_tools_of_a_server_are_listed_once_and_called() {
    let mut run = start(&compile(&agent(SEARCHER)), json!({ "p": "mcp" }));
    let mut order = Vec::new();
    let (mut actions, mut results) = (Vec::new(), Value::Null);
    drive(&mut run, |id, call| {
        order.push(id.place().to_owned());
        match &call.action {
            Action::Mcp(_) => actions.push(serde_json::to_value(&call.action).unwrap()),
            _ => {
                let tools = &model(call).tools;
                let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
                assert_eq!(names, ["add", "search", "fetch"]);
                assert_eq!(tools[1].parameters["required"], json!(["q"]));
            }
        }
        if id.place() == "a/turn2" {
            results = messages(call)[2]["results"].clone();
        }
        play(id, call)
    });
    assert_eq!(
        order,
        [
            "a",
            "a/turn1",
            "a/turn1.tool0",
            "a/turn1.tool1",
            "a/turn1.tool3",
            "a/turn1.tool4",
            "a/turn2"
        ]
    );
    let headers = json!([["authorization", "Bearer {{T}}"], ["x-none", null]]);
    let server = json!({ "kind": "mcp", "url": "https://x/mcp", "headers": headers });
    let asked = |request: Value| {
        let mut asked = server.clone();
        asked["request"] = request;
        asked
    };
    assert_eq!(actions[0], asked(json!({ "list_tools": {} })));
    assert_eq!(
        actions[1],
        asked(json!({ "call_tool": { "name": "search", "arguments": { "q": "cats" } } }))
    );
    assert_eq!(
        results,
        json!([
            { "id": "c1", "name": "search", "content": "two\ncats" },
            { "id": "c2", "name": "fetch", "content": "no dogs", "is_error": true },
            { "id": "c3", "name": "search", "is_error": true,
              "content": "error invalid_arguments: the arguments do not fit the parameters: \"q\" \
                          is a required property" },
            { "id": "c4", "name": "fetch", "content": "error mcp_error: broken", "is_error": true },
            { "id": "c5", "name": "search", "content": "{\"n\":1}" }
        ])
    );
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!("{:?}", run.outcome()) };
    assert_eq!((&output["content"], &output["turns"]), (&json!("Two cats."), &json!(2)));
    // The calls of the server cost nothing that is known to cost something.
    assert_eq!(run.usage().cost_nano_usd, Some(2_000_000));
}

#[test]
fn a_replay_gives_the_same_calls() {
    let workflow = compile(&agent(SEARCHER));
    let calls = |until: usize| {
        let mut run = start(&workflow, json!({ "p": "mcp" }));
        let mut made = Vec::new();
        let mut open = Vec::new();
        for _ in 0..until {
            open.extend(advance(&mut run).1);
            let (id, call) = open.remove(0);
            run.complete(&id, play(&id, &call), 2_000);
            made.push((id.to_string(), call.input_hash));
        }
        (made, run)
    };
    let (whole, _) = calls(7);
    for crash in 1..7 {
        let (made, mut run): (_, Run) = calls(crash);
        assert_eq!(made, whole[..crash]);
        let (_, next) = advance(&mut run);
        let lists = next.iter().filter(|(_, call)| {
            matches!(&call.action, Action::Mcp(asked)
                if matches!(asked.request, McpRequest::ListTools { .. }))
        });
        assert_eq!(lists.count(), 0, "listed again after call {crash}");
    }
}

#[test]
fn several_servers_are_listed_side_by_side() {
    let tools = "{ mcp: 'https://x' }, { name: own, code: 'return 1' }, { mcp: 'https://y' }";
    let mut listed = Vec::new();
    let names = shown(tools, |id| {
        listed.push(id.place().to_owned());
        list(&[if listed.len() == 1 { "one" } else { "two" }])
    });
    assert_eq!(names.unwrap(), ["own", "one", "two"]);
    assert_eq!(listed, ["a", "a/tools2"]);
}

#[test]
fn an_agent_without_servers_keeps_its_first_call() {
    let (_, calls) = advance(&mut start(&compile(&agent("")), json!({})));
    assert_eq!(calls[0].0.as_str(), "a#0");
    assert!(matches!(calls[0].1.action, Action::Model(_)));
}

#[test]
fn names_are_filtered_prefixed_and_made_to_differ() {
    let check = |tools: &str, listed: &[&str], expected: Result<&[&str], &str>| {
        let found = shown(tools, |_| list(listed));
        match expected {
            Ok(names) => assert_eq!(found.as_deref().unwrap(), names, "{tools}"),
            Err(start) => {
                let error = found.unwrap_err();
                assert!(error.starts_with(start), "{tools}: {error}");
            }
        }
    };
    let server = "mcp: 'https://x'";
    check(&format!("{{ {server} }}"), &["a", "b"], Ok(&["a", "b"]));
    check(&format!("{{ {server} }}"), &[], Ok(&[]));
    check(&format!("{{ {server}, only: [b] }}"), &["a", "b"], Ok(&["b"]));
    check(
        &format!("{{ {server}, only: [b, c] }}"),
        &["a", "b"],
        Err("unknown_tool: the tools of the server at tools[0]: the server has no tool \"c\""),
    );
    check(&format!("{{ {server}, prefix: web }}"), &["a"], Ok(&["web_a"]));
    check(&format!("{{ {server}, prefix: web, only: [a] }}"), &["a", "b"], Ok(&["web_a"]));

    let own = "{ name: a, code: 'return 1' }, ";
    check(
        &format!("{own}{{ {server} }}"),
        &["a"],
        Err("duplicate_tool: two tools have the name `a`"),
    );
    check(&format!("{own}{{ {server}, only: [b] }}"), &["a", "b"], Ok(&["a", "b"]));
    check(&format!("{own}{{ {server}, prefix: x }}"), &["a"], Ok(&["a", "x_a"]));
    check(&format!("{{ {server} }}, {{ {server} }}"), &["a"], Err("duplicate_tool"));
    check(&format!("{{ {server} }}, {{ {server}, prefix: y }}"), &["a"], Ok(&["a", "y_a"]));
    check(&format!("{{ {server} }}"), &["a", "a"], Err("duplicate_tool"));

    let long = "x".repeat(80);
    let many: Vec<String> = (0..129).map(|n| format!("t{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&format!("{{ {server} }}"), &many, Err("too_many_tools"));
    let fit = shown(&format!("{{ {server} }}"), |_| list(&["a.b", "a/b", "ä", &long, ""])).unwrap();
    let again = shown(&format!("{{ {server} }}"), |_| list(&["", "ä", &long, "a/b"])).unwrap();
    let readable = |name: &String| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
    };
    assert!(fit.iter().all(readable), "{fit:?}");
    assert!(fit[0].starts_with("a_b_") && fit[1].starts_with("a_b_") && fit[0] != fit[1]);
    // The other tools of a list do not change a name.
    assert_eq!([&again[3], &again[1], &again[2], &again[0]], [&fit[1], &fit[2], &fit[3], &fit[4]]);
}

#[test]
fn the_server_is_called_by_its_own_names() {
    let mut run = start(&compile(&agent("{ mcp: 'https://x', prefix: web }")), json!({}));
    let mut asked = Vec::new();
    drive(&mut run, |id, call| match id.place() {
        "a" => list(&["files.read"]),
        "a/turn1" => {
            let name = model(call).tools[0].name.clone();
            assert!(name.starts_with("web_files_read_"), "{name}");
            said("", &[("c", &name, json!({ "q": "x" }))])
        }
        "a/turn1.tool0" => {
            asked.push(mcp(call).request.clone());
            answer("ok", Value::Null, false)
        }
        _ => said("done", &[]),
    });
    let McpRequest::CallTool { name, .. } = &asked[0] else { panic!() };
    assert_eq!(name, "files.read");
}

/// A schema that we do not compile is for the server to judge by.
#[test]
fn arguments_fit_the_schema_as_far_as_it_can_be_checked() {
    let deep = (0..40).fold(json!({}), |inner, _| json!({ "not": inner }));
    for (schema, is_made) in [
        (json!({ "type": "object", "required": ["q"] }), false),
        (json!({ "type": "object" }), true),
        (json!({ "type": "object", "required": ["q"], "not": deep }), true),
        (json!({ "type": "object", "required": ["q"], "$ref": "https://x/schema" }), true),
    ] {
        let mut run = start(&compile(&agent("{ mcp: 'https://x' }")), json!({}));
        let mut made = false;
        drive(&mut run, |id, _| match id.place() {
            "a" => list_with(&["t"], &schema),
            "a/turn1" => said("", &[("c", "t", json!({}))]),
            "a/turn1.tool0" => {
                made = true;
                answer("ok", Value::Null, false)
            }
            _ => said("done", &[]),
        });
        assert_eq!(made, is_made, "{schema}");
    }
}

#[test]
fn arguments_that_a_schema_marks_go_into_headers() {
    let schema = json!({ "type": "object", "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
        "gone": { "type": "string", "x-mcp-header": "Gone" },
        "none": { "x-mcp-header": "None" },
        "list": { "x-mcp-header": "List" },
        "in": { "properties": { "n": { "type": "integer", "x-mcp-header": "N" } } },
        "plain": {}
    } });
    let arguments = json!({
        "region": "é", "none": null, "list": [1], "in": { "n": 7 }, "plain": "p"
    });
    let mut run = start(&compile(&agent("{ mcp: 'https://x' }")), json!({}));
    let mut asked = Vec::new();
    drive(&mut run, |id, call| match id.place() {
        "a" => list_with(&["t"], &schema),
        "a/turn1" => said("", &[("c", "t", arguments.clone())]),
        "a/turn1.tool0" => {
            asked.push(mcp(call).request.clone());
            answer("ok", Value::Null, false)
        }
        _ => said("done", &[]),
    });
    let McpRequest::CallTool { mirrored, .. } = &asked[0] else { panic!() };
    let mut found: Vec<_> =
        mirrored.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    found.sort_unstable();
    assert_eq!(found, [("N", "7"), ("Region", "é")]);
}

#[test]
fn a_list_that_fails_is_tried_again_and_then_fails_the_node() {
    let failed = |retryable| {
        CallResult::Failed(CallError {
            code: "mcp_error".into(),
            message: "it is closed".into(),
            retryable,
            ..CallError::default()
        })
    };
    let mut tries = Vec::new();
    let names = shown("{ mcp: 'https://x' }", |id| {
        tries.push(id.to_string());
        if id.attempt() == 0 { failed(true) } else { list(&["a"]) }
    });
    assert_eq!((names.unwrap(), tries), (vec!["a".to_owned()], vec!["a#0".into(), "a#1".into()]));
    let error = shown("{ mcp: 'https://x' }", |_| failed(false)).unwrap_err();
    assert_eq!(error, "mcp_error: the tools of the server at tools[0]: it is closed");
    let error = shown("{ mcp: 'https://x' }", |_| left(json!({ "tools": [{}] }))).unwrap_err();
    assert!(error.starts_with("internal"), "{error}");
}

#[test]
fn entries_of_servers_are_checked() {
    let check = |tools: &str, expected: &[&str]| {
        assert_eq!(problems(&format!("model: openai/m, tools: [{tools}]")), expected, "{tools}");
    };
    let url = "mcp: 'https://x/{{PATH}}'";
    check(&format!("{{ {url}, headers: {{ a: '{{{{T}}}}' }}, only: [a], prefix: p-1 }}"), &[]);
    check(
        &format!("{{ {url}, name: a, description: b, parameters: {{}} }}"),
        &[
            "`name` has no place beside `mcp`",
            "`description` has no place beside `mcp`",
            "`parameters` has no place beside `mcp`",
        ],
    );
    check(
        "{ name: a, code: 'return 1', only: [x], prefix: y, headers: {} }",
        &["`only` belongs to `mcp`", "`prefix` belongs to `mcp`", "`headers` belongs to `mcp`"],
    );
    check(
        &format!("{{ name: a, code: 'return 1', {url} }}"),
        &[
            "one of `http`, `fetch`, `code`, `python`, `connector`, `workflow` and `mcp` is needed",
            "`name` has no place beside `mcp`",
        ],
    );
    let rule = "`prefix` has letters, digits, `_` and `-`, at most 32";
    for prefix in ["'a b'", "''", "'ä'", &"x".repeat(33)] {
        check(&format!("{{ {url}, prefix: {prefix} }}"), &[rule]);
    }
    let rule = "`only` needs at least one tool, and names of tools alone";
    check(&format!("{{ {url}, only: [] }}"), &[rule]);
    check(&format!("{{ {url}, only: [1] }}"), &[rule]);
    for name in ["Accept", "content-type", "Mcp-Session-Id", "mcp-name"] {
        check(
            &format!("{{ {url}, headers: {{ {name}: x }} }}"),
            &[&format!("the protocol sets the header `{name}` itself")],
        );
    }
    check(&format!("{{ {url}, headers: {{ host: x }} }}"), &["header `host` may not be set"]);
    check(&format!("{{ {url}, headers: {{ 'a b': x }} }}"), &["`a b` is not a header name"]);
    let many = vec!["{ mcp: 'https://x' }"; 17].join(", ");
    check(&many, &["an agent has at most 16 MCP servers"]);
}

#[test]
fn the_secrets_of_a_server_go_to_its_host() {
    let host = |url: &str| {
        let tools = format!("{{ mcp: '{url}', headers: {{ a: '{{{{T}}}}' }} }}");
        let workflow = compile(&agent(&tools));
        let uses = workflow.secret_uses();
        let used = uses.iter().find(|used| used.name == "T").unwrap();
        format!("{:?}", used.host)
    };
    assert_eq!(host("https://x/mcp"), "Written(\"https://x/mcp\")");
    assert_eq!(host("https://<api.input.h>/mcp"), "Referenced");
    assert_eq!(host("{{BASE}}/mcp"), "InSecret");
}

/// The bytes that a schema may have, and still be checked by us.
fn large_schema(bytes: usize) -> Value {
    let mut properties = serde_json::Map::new();
    for number in 0..bytes / 60 {
        let bounds = json!({ "type": "string", "maxLength": number });
        properties.insert(format!("property_{number:06}"), bounds);
    }
    json!({ "type": "object", "properties": properties, "required": ["q"] })
}

/// Runs an agent whose model makes 500 calls without the argument that they need, turn after turn.
/// Returns how long each plan took, in order.
fn plans_of_refused_calls(schema: &Value, turns: usize) -> (Run, Vec<Duration>) {
    let yaml = "nodes: [{ id: a, type: agent, model: openai/m, prompt: x, max_turns: 50, \
                tools: [{ mcp: 'https://x/' }] }]";
    let mut run = start(&compile(yaml), json!({}));
    let calls: Vec<_> = (0..500).map(|_| ("c", "search", json!({ "p": 1 }))).collect();
    let mut times = Vec::new();
    let mut open = advance(&mut run).1;
    while let Some((id, _)) = open.pop() {
        let result = match id.place() {
            "a" => list_with(&["search"], schema),
            _ if times.len() > turns => said("enough", &[]),
            _ => said("", &calls),
        };
        run.complete(&id, result, 2_000);
        let began = ThreadTime::now();
        open = advance(&mut run).1;
        times.push(began.elapsed());
    }
    (run, times)
}

#[test]
fn arguments_are_judged_once() {
    let schema = large_schema(200 << 10);
    let (run, times) = plans_of_refused_calls(&schema, 12);
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!("{:?}", run.outcome()) };
    let calls = output["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 6_000);
    assert!(calls.iter().all(|call| call["is_error"] == true));
    // The first plan with refused calls judges 500 of them, and so does the eleventh: not 5,500,
    // which took minutes.
    let (first, eleventh) = (times[1], times[11]);
    assert!(eleventh < first * 4 + Duration::from_secs(5), "{first:?}, then {eleventh:?}");
}

/// A schema that is beyond our bounds is the server's own business.
#[test]
fn a_schema_of_a_megabyte_costs_a_plan_little() {
    let schema = large_schema(1 << 20);
    let yaml = "nodes: [{ id: a, type: agent, model: openai/m, prompt: x, \
                tools: [{ mcp: 'https://x/' }] }]";
    let mut run = start(&compile(yaml), json!({}));
    let calls: Vec<_> = (0..400).map(|_| ("c", "search", json!({ "p": 1 }))).collect();
    let began = ThreadTime::now();
    let mut made = 0;
    drive(&mut run, |id, _| match id.place() {
        "a" => list_with(&["search"], &schema),
        "a/turn1" => said("", &calls),
        "a/turn2" => said("done", &[]),
        _ => {
            made += 1;
            answer("found", Value::Null, false)
        }
    });
    assert!(matches!(run.outcome(), Some(Outcome::Succeeded { .. })), "{:?}", run.outcome());
    assert_eq!(made, 400);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

/// All arguments of a turn share one allowance: what a model and a server agree on takes no longer.
#[test]
fn the_arguments_of_one_turn_are_judged_in_bounded_time() {
    // A hundred thousand steps for each call.
    let each: Vec<Value> = (0..100).map(|_| json!({ "items": { "type": "integer" } })).collect();
    let schema = json!({ "type": "object", "properties": { "q": { "allOf": each } } });
    let list: Vec<u32> = (0..300).collect();
    let calls: Vec<_> = (0..100).map(|_| ("c", "search", json!({ "q": list }))).collect();
    let yaml = "nodes: [{ id: a, type: agent, model: openai/m, prompt: x, \
                tools: [{ mcp: 'https://x/' }] }]";
    let mut run = start(&compile(yaml), json!({}));
    let (mut made, mut results) = (0, Value::Null);
    drive(&mut run, |id, call| match id.place() {
        "a" => list_with(&["search"], &schema),
        "a/turn1" => said("", &calls),
        "a/turn2" => {
            results = messages(call)[2]["results"].clone();
            said("done", &[])
        }
        _ => {
            made += 1;
            answer("found", Value::Null, false)
        }
    });
    assert!((10..90).contains(&made), "{made}");
    let last = results.as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    assert!(last.contains("too large or too deep"), "{last}");
}
