//! Turns, tools and fallbacks.

use serde_json::{Value, json};

use crate::call::{Action, CallError, CallOutput, CallResult, ModelCall};
use crate::run::Outcome;
use crate::run::tests::{compile, drive, start};
use crate::{Call, CallId, Document, Workflow};

const HELPER: &str = "
nodes:
  - id: a
    type: agent
    model: openai/gpt-5-mini
    prompt: Weather?
    tools:
      - name: weather
        description: Of a city
        parameters: { type: object, properties: { city: { type: string } }, required: [city] }
        http: { url: 'https://x/w', query: { city: <tool.city>, from: <api.input.from> } }
      - { name: add, code: 'return <tool.a> + <tool.b>' }
";

/// What a model's call leaves.
pub(crate) fn said(content: &str, calls: &[(&str, &str, Value)]) -> CallResult {
    let mut value = json!({
        "content": content,
        "model": "m",
        "tokens": { "input": 10, "output": 5, "total": 15 },
        "finish_reason": if calls.is_empty() { "stop" } else { "tools" },
        "tool_calls": [],
        "cost": 0.001,
    });
    if !calls.is_empty() {
        let calls: Vec<_> = calls
            .iter()
            .map(|(id, name, arguments)| json!({ "id": id, "name": name, "arguments": arguments }))
            .collect();
        value["turn"] = json!({
            "provider": "openai", "content": content, "calls": calls, "message": { "own": 1 }
        });
    }
    CallResult::Succeeded(CallOutput { value, tokens: Some(15), cost_nano_usd: Some(1_000_000) })
}

pub(super) fn left(value: Value) -> CallResult {
    CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
}

pub(super) fn model(call: &Call) -> &ModelCall {
    let Action::Model(model) = &call.action else { panic!("{call:?}") };
    model
}

pub(super) fn messages(call: &Call) -> Value {
    serde_json::to_value(&model(call).messages).unwrap()
}

/// Two tools in parallel, then a third.
fn answer(id: &CallId, call: &Call) -> CallResult {
    match id.place() {
        "a" => said(
            "",
            &[
                ("c1", "weather", json!({ "city": "Oslo" })),
                ("c2", "add", json!({ "a": 1, "b": 2 })),
            ],
        ),
        "a/turn1.tool0" => left(json!({ "data": { "celsius": 21 }, "status": 200 })),
        "a/turn1.tool1" => left(json!({ "result": 3, "stdout": "" })),
        "a/turn2" => said("One more.", &[("c3", "weather", json!({ "city": "Rome" }))]),
        "a/turn2.tool0" => {
            let Action::Http(http) = &call.action else { panic!() };
            let query = serde_json::to_value(&http.query).unwrap();
            assert_eq!(query, json!([["city", "Rome"], ["from", "f"]]));
            left(json!({ "data": "hot", "status": 200 }))
        }
        "a/turn3" => said("21 and hot.", &[]),
        other => panic!("{other}"),
    }
}

#[test]
fn an_agent_calls_tools_until_it_answers() {
    let mut run = start(&compile(HELPER), json!({ "from": "f" }));
    let mut seen = Vec::new();
    let mut order = Vec::new();
    drive(&mut run, |id, call| {
        order.push(id.to_string());
        if matches!(call.action, Action::Model(_)) {
            seen.push(messages(call));
        }
        answer(id, call)
    });
    assert_eq!(
        order,
        ["a#0", "a/turn1.tool0#0", "a/turn1.tool1#0", "a/turn2#0", "a/turn2.tool0#0", "a/turn3#0"]
    );
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!("{:?}", run.outcome()) };
    assert_eq!(
        *output,
        json!({
            "content": "21 and hot.", "model": "m", "finish_reason": "stop", "turns": 3,
            "tokens": { "input": 30, "output": 15, "total": 45 }, "cost": 0.003,
            "tool_calls": [
                { "turn": 1, "id": "c1", "name": "weather", "arguments": { "city": "Oslo" },
                  "is_error": false },
                { "turn": 1, "id": "c2", "name": "add", "arguments": { "a": 1, "b": 2 },
                  "is_error": false },
                { "turn": 2, "id": "c3", "name": "weather", "arguments": { "city": "Rome" },
                  "is_error": false }
            ]
        })
    );
    assert_eq!((run.usage().tokens, run.usage().cost_nano_usd), (Some(45), Some(3_000_000)));
    assert_eq!(seen[0], json!([{ "role": "user", "content": "Weather?" }]));
    assert_eq!(seen[1][1]["turn"]["message"], json!({ "own": 1 }));
    assert_eq!(
        seen[1][2]["results"],
        json!([
            { "id": "c1", "name": "weather", "content": "{\"celsius\":21}" },
            { "id": "c2", "name": "add", "content": "3" }
        ])
    );
    assert_eq!(seen[2].as_array().unwrap().len(), 5);
}

#[test]
fn a_tool_reads_a_page_or_computes_in_python() {
    let yaml = "
nodes:
  - id: a
    type: agent
    model: openai/gpt-5-mini
    prompt: Go
    tools:
      - { name: page, parameters: { type: object }, fetch: { url: <tool.url>, as: text } }
      - name: sum
        parameters: { type: object }
        python: { code: 'return <tool.a> + n', variables: { n: <api.input.n> } }
";
    let answer = |id: &CallId, call: &Call| match (id.place(), &call.action) {
        ("a", _) => {
            let url = json!({ "url": "https://x/p" });
            said("", &[("c1", "page", url), ("c2", "sum", json!({ "a": 1 }))])
        }
        ("a/turn1.tool0", Action::Read(_)) => left(json!({ "text": "Hi", "links": [] })),
        ("a/turn1.tool1", Action::Code(code)) => {
            assert_eq!(json!(code.arguments), json!({ "n": 2 }));
            left(json!({ "result": 3, "stdout": "" }))
        }
        ("a/turn2", _) => {
            let messages = messages(call);
            let results = &messages.as_array().unwrap().last().unwrap()["results"];
            assert_eq!(results[0]["content"], "Hi");
            assert_eq!(results[1]["content"], "3");
            said("Done.", &[])
        }
        other => panic!("{other:?}"),
    };
    let mut run = start(&compile(yaml), json!({ "n": 2 }));
    drive(&mut run, answer);
    assert!(matches!(run.outcome(), Some(Outcome::Succeeded { .. })), "{:?}", run.outcome());
}

#[test]
fn what_a_tool_did_wrong_goes_to_the_model() {
    let mut run = start(&compile(HELPER), json!({}));
    let mut results = Value::Null;
    let mut made = Vec::new();
    drive(&mut run, |id, call| {
        made.push(id.place().to_owned());
        match id.place() {
            "a" => {
                let CallResult::Succeeded(mut output) = said(
                    "",
                    &[
                        ("c1", "weather", json!({ "city": "Oslo" })),
                        ("c2", "weather", json!({ "town": "Oslo" })),
                        ("c3", "nothing", json!({})),
                        ("c4", "add", json!({})),
                    ],
                ) else {
                    panic!()
                };
                output.value["turn"]["calls"][3]["invalid"] = json!("{\"a\": ");
                CallResult::Succeeded(output)
            }
            "a/turn1.tool0" => CallResult::Failed(CallError {
                code: "http_status".into(),
                message: "GET https://x/w answered 404".into(),
                output: Some(Box::new(json!({ "status": 404, "data": { "hint": "no Oslo" } }))),
                ..CallError::default()
            }),
            "a/turn2" => {
                results = messages(call)[2]["results"].clone();
                said("Sorry.", &[])
            }
            other => panic!("{other}"),
        }
    });
    assert_eq!(made, ["a", "a/turn1.tool0", "a/turn2"]);
    let contents: Vec<&str> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            assert_eq!(result["is_error"], true);
            result["content"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        contents,
        [
            "error http_status: GET https://x/w answered 404\n{\"hint\":\"no Oslo\"}",
            "error invalid_arguments: the arguments do not fit the parameters: \"city\" is a \
             required property",
            "error unknown_tool: there is no tool \"nothing\"",
            "error invalid_arguments: the arguments are no JSON object"
        ]
    );
}

#[test]
fn an_agent_has_a_last_turn() {
    let yaml = HELPER.replace("prompt: Weather?", "prompt: Weather?\n    max_turns: 2");
    let mut run = start(&compile(&yaml), json!({}));
    drive(&mut run, |id, _| match id.place() {
        "a" | "a/turn2" => said("", &[("c", "add", json!({ "a": 1, "b": 1 }))]),
        _ => left(json!({ "result": 2 })),
    });
    let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
    assert_eq!(error.code, "max_turns");
    assert_eq!(run.usage().tokens, Some(30));
}

#[test]
fn the_next_model_is_asked_where_one_fails_for_good() {
    let yaml = "
nodes:
  - id: a
    type: agent
    models: [anthropic/claude-x, openai/gpt-5-mini]
    prompt: x
    retry: { max_attempts: 2 }
    tools: [{ name: add, code: 'return 1' }]
";
    let failed = |retryable| {
        CallResult::Failed(CallError {
            code: "model_error".into(),
            retryable,
            tokens: Some(0),
            cost_nano_usd: Some(0),
            ..CallError::default()
        })
    };
    let mut run = start(&compile(yaml), json!({}));
    let mut asked = Vec::new();
    drive(&mut run, |id, call| {
        if let Action::Model(call) = &call.action {
            asked.push(format!("{id} {}", call.model));
        }
        match id.as_str() {
            "a#0" => failed(true),
            "a#1" => failed(false),
            "a/turn1.model1#0" => said("", &[("c", "add", json!({}))]),
            "a/turn1.tool0#0" => left(json!({ "result": 1 })),
            "a/turn2.model1#0" => said("done", &[]),
            other => panic!("{other}"),
        }
    });
    // The one that has answered goes on.
    assert_eq!(
        asked,
        [
            "a#0 anthropic/claude-x",
            "a#1 anthropic/claude-x",
            "a/turn1.model1#0 openai/gpt-5-mini",
            "a/turn2.model1#0 openai/gpt-5-mini"
        ]
    );
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!("{:?}", run.outcome()) };
    assert_eq!(output["tokens"], json!({ "input": 20, "output": 10, "total": 30 }));
}

#[test]
fn a_result_of_an_earlier_release_goes_on_as_it_was() {
    let yaml = "nodes: [{ id: a, type: agent, model: openai/m, prompt: x }]";
    let recorded = json!({ "content": "hi", "model": "openai/m", "tool_calls": [], "cost": null });
    let mut run = start(&compile(yaml), json!({}));
    drive(&mut run, |_, _| left(recorded.clone()));
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!() };
    assert_eq!(*output, recorded);
}

#[test]
fn a_tool_is_given_no_more_than_the_model_can_take() {
    let mut run = start(&compile(HELPER), json!({}));
    let mut content = String::new();
    drive(&mut run, |id, call| match id.place() {
        "a" => said("", &[("c", "weather", json!({ "city": "x" }))]),
        "a/turn1.tool0" => left(json!({ "data": "ä".repeat(1 << 20) })),
        _ => {
            let results = messages(call)[2]["results"][0]["content"].clone();
            results.as_str().unwrap().clone_into(&mut content);
            said("done", &[])
        }
    });
    assert!(content.len() < 300_000, "{}", content.len());
    assert!(content.ends_with("[1835008 more bytes were left out]"), "{}", &content[262_000..]);
}

#[test]
fn settings_and_messages_may_be_references() {
    let yaml = "
nodes:
  - id: a
    type: agent
    model: openai/m
    messages: <api.input.history>
    prompt: 'now <api.input.n>'
    images: ['<api.input.photo>', '<api.input.none>', 'https://x/a.png']
    temperature: <api.input.t>
    top_p: 0.5
    stop: ['<api.input.stop>']
    seed: 7
    max_tokens: <api.input.n>
";
    let run = |more: Value| {
        let mut input = json!({
            "history": [
                { "role": "assistant", "content": "hello" },
                { "role": "user", "content": [
                    { "type": "text", "text": "see" },
                    { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }
                ] }
            ],
            "photo": "iVBORw0KGgoAAAA", "t": "0.25", "n": 5.0, "stop": "END"
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut run = start(&compile(yaml), input);
        let mut sent = Value::Null;
        drive(&mut run, |_, call| {
            sent = serde_json::to_value(model(call)).unwrap();
            said("hi", &[])
        });
        match run.outcome() {
            Some(Outcome::Failed { error, .. }) => {
                Err(format!("{}: {}", error.code, error.message))
            }
            _ => Ok(sent),
        }
    };
    let image = |image: Value| json!({ "type": "image", "image": image });
    assert_eq!(
        run(json!({})).unwrap(),
        json!({
            "model": "openai/m",
            "messages": [
                { "role": "assistant", "content": "hello" },
                { "role": "user", "content": [
                    { "type": "text", "text": "see" },
                    image(json!({ "base64": { "media_type": "image/png", "data": "AAAA" } }))
                ] },
                { "role": "user", "content": [
                    { "type": "text", "text": "now 5.0" },
                    image(json!({
                        "base64": { "media_type": "image/png", "data": "iVBORw0KGgoAAAA" }
                    })),
                    image(json!({ "url": "https://x/a.png" }))
                ] }
            ],
            "temperature": 0.25, "top_p": 0.5, "stop": ["END"], "seed": 7, "max_tokens": 5
        })
    );
    let absent = run(json!({ "t": null, "n": null, "history": null })).unwrap();
    assert_eq!((absent.get("temperature"), absent.get("max_tokens")), (None, None));
    for (more, expected) in [
        (json!({ "t": 3 }), "invalid_field: `temperature` must be a number from 0 to 2"),
        (json!({ "n": "many" }), "invalid_field: `max_tokens` must be a whole number"),
        (json!({ "history": "hi" }), "invalid_field: `messages` is a list"),
        (json!({ "history": [{ "role": "tool" }] }), "invalid_field: `messages` [0] has no role"),
        (
            json!({ "history": [{ "role": "user" }] }),
            "invalid_field: `messages` [0] has no `content`",
        ),
        (json!({ "photo": "hello" }), "invalid_image: "),
        (json!({ "photo": "data:text/html;base64,AAAA" }), "invalid_image: "),
    ] {
        let error = run(more.clone()).unwrap_err();
        assert!(error.starts_with(expected), "{more}: {error}");
    }
}

pub(super) fn problems(fields: &str) -> Vec<String> {
    let yaml = format!("nodes: [{{ id: a, type: agent, prompt: x, {fields} }}]");
    let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
    problems.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn a_model_names_a_provider_that_is_known() {
    let check =
        |fields: &str, expected: &[&str]| assert_eq!(problems(fields), expected, "{fields}");
    check("model: gpt-4o", &["`gpt-4o` names no provider; did you mean `openai/gpt-4o`?"]);
    check("model: my-model", &["`my-model` names no provider"]);
    check(
        "models: [openai/a, claude-x]",
        &["`claude-x` names no provider; did you mean `anthropic/claude-x`?"],
    );
    check(
        "model: antropic/claude-x",
        &["`antropic` is not a known provider; did you mean `anthropic`? A server that speaks \
         OpenAI's protocol needs a `base_url`, such as \"{{ANTROPIC_BASE_URL}}\""],
    );
    check("model: mine/m, base_url: 'https://x/v1'", &[]);
    check("model: '<api.input.m>'", &[]);
    check("model: 'openai/<api.input.m>'", &[]);
    check("model: openai/a, models: [openai/b]", &["one of `model` and `models` is needed"]);
    check("models: []", &["`models` needs at least one model"]);
}

#[test]
fn tools_are_checked() {
    let check = |tools: &str, expected: &[&str]| {
        assert_eq!(problems(&format!("model: openai/m, tools: {tools}")), expected, "{tools}");
    };
    check(
        "[{ name: a, code: 'return 1' }, { name: a, code: 'return 2' }]",
        &["there are two tools `a`"],
    );
    check(
        "[{ name: 'a b', code: 'return 1' }]",
        &["`name` has letters, digits, `_` and `-`, at most 64"],
    );
    check(
        "[{ name: a }]",
        &["one of `http`, `fetch`, `code`, `python`, `connector`, `workflow` and `mcp` is needed"],
    );
    check("[{ code: 'return 1' }]", &["`name` is missing"]);
    check(
        "[1]",
        &["a tool is an object with `name` and `http`, `fetch`, `code` or `python`, or \
             `connector`, or `workflow`, or `mcp`"],
    );
    check("[{ name: a, http: { method: GET } }]", &["`url` is missing"]);
    check(
        "[{ name: a, code: 'return 1', parameters: { type: array } }]",
        &["`parameters` describes an object"],
    );
    let large = format!(
        "[{{ name: a, code: 'return 1', parameters: {{ type: object, description: '{}' }} }}]",
        "x".repeat(300 << 10)
    );
    check(&large, &["a schema is at most 262144 bytes"]);
}

#[test]
fn a_schema_may_be_wrapped_and_hides_no_field() {
    let fields = "model: openai/m, schema: { name: s, strict: true, schema: { type: object, \
                  properties: { content: { type: string }, title: { type: string } } } }";
    assert_eq!(
        problems(fields),
        ["the property `content` is read as `data.content`: `content` is the node's own"]
    );
    let yaml = format!(
        "nodes:\n  - {{ id: a, type: agent, prompt: x, {fields} }}\n  - {{ id: t, type: template, \
         template: '<a.title><a.data.content>' }}"
    );
    let mut run = start(&compile(&yaml), json!({}));
    let mut schema = Value::Null;
    drive(&mut run, |_, call| {
        schema = model(call).schema.clone().unwrap();
        said("hi", &[])
    });
    assert_eq!(schema["type"], "object");
}

#[test]
fn an_answer_that_nobody_enforced_is_mended_once() {
    let yaml = "
nodes:
  - id: a
    type: agent
    model: deepseek/m
    prompt: x
    schema: { type: object, properties: { n: { type: number } }, required: [n] }
";
    let misfit = |is_enforced: bool| {
        CallResult::Failed(CallError {
            code: "schema_mismatch".into(),
            message: "deepseek gave an answer that is not JSON".into(),
            tokens: Some(15),
            cost_nano_usd: Some(1_000_000),
            output: Some(Box::new(json!({
                "content": "three", "is_enforced": is_enforced,
                "tokens": { "input": 10, "output": 5, "total": 15 }
            }))),
            ..CallError::default()
        })
    };
    let ask = |is_enforced, mended: CallResult| {
        let mut run = start(&compile(yaml), json!({}));
        let mut made = Vec::new();
        let mut asked = Value::Null;
        drive(&mut run, |id, call| {
            made.push(id.place().to_owned());
            asked = messages(call);
            if id.place() == "a" { misfit(is_enforced) } else { mended.clone() }
        });
        (run.outcome().cloned().unwrap(), made, asked, run.usage().tokens)
    };
    let (outcome, made, asked, tokens) = ask(false, said("{\"n\":3}", &[]));
    assert_eq!((made, tokens), (vec!["a".to_owned(), "a/turn1.repair".to_owned()], Some(30)));
    assert_eq!(asked[1], json!({ "role": "assistant", "content": "three" }));
    assert_eq!(
        asked[2]["content"],
        "deepseek gave an answer that is not JSON. Answer again, with the JSON object alone."
    );
    let Outcome::Succeeded { output } = outcome else { panic!("{outcome:?}") };
    assert_eq!((&output["tokens"]["total"], &output["cost"]), (&json!(30), &json!(0.002)));

    let (outcome, made, ..) = ask(false, misfit(false));
    let Outcome::Failed { error, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((error.code.as_str(), made.len()), ("schema_mismatch", 2));
    assert_eq!(ask(true, said("x", &[])).1, ["a"], "a provider that enforces the schema");
}

#[test]
fn an_answer_with_a_field_called_turn_calls_no_tool() {
    let mut run = start(&compile(HELPER), json!({}));
    let mut made = Vec::new();
    drive(&mut run, |id, _| {
        made.push(id.place().to_owned());
        let CallResult::Succeeded(mut output) = said("", &[("c", "add", json!({ "a": 1 }))]) else {
            panic!()
        };
        output.value["finish_reason"] = json!("stop");
        CallResult::Succeeded(output)
    });
    assert_eq!(made, ["a"]);
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!() };
    assert_eq!(output["turn"]["calls"][0]["name"], "add");
}

/// Its calls were hashed with the schema as it stands in the document.
#[test]
fn an_earlier_run_sends_a_wrapped_schema_as_it_was_written() {
    let yaml = "nodes: [{ id: a, type: agent, model: openai/m, prompt: x, schema: { name: s, \
                schema: { type: object } } }]";
    let sent = |engine| {
        let input = std::sync::Arc::new(json!({}));
        let start = crate::RunStart {
            run_id: "r".into(),
            started_at_ms: 1_000,
            input,
            engine,
            spending_limit: crate::SpendingLimit::default(),
        };
        let mut run = crate::Run::new(compile(yaml), start);
        let mut schema = Value::Null;
        drive(&mut run, |_, call| {
            schema = model(call).schema.clone().unwrap();
            said("hi", &[])
        });
        schema
    };
    assert_eq!(sent(2), json!({ "name": "s", "schema": { "type": "object" } }));
    assert_eq!(sent(3), json!({ "type": "object" }));
}
