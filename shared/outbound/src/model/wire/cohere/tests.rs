use flowgate_engine::call::{Content, ContentPart, Image, ModelCall};

use super::*;
use crate::model::provider::Provider;
use crate::model::reply::{Finish, Reply};
use crate::model::wire::tests::{
    calls, encoded, events, read, second_turn, summary, tool, turn_of,
};

const MODEL: &str = "command-a-03-2025";

fn event(kind: &str, index: u64, message: Value) -> Value {
    json!({ "type": kind, "index": index, "delta": { "message": message } })
}

fn says(text: &str) -> Value {
    event("content-delta", 0, json!({ "content": { "text": text } }))
}

fn thinks(text: &str) -> Value {
    event("content-delta", 0, json!({ "content": { "thinking": text } }))
}

fn plans(text: &str) -> Value {
    event("tool-plan-delta", 0, json!({ "tool_plan": text }))
}

fn begins(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    let calls = json!({
        "id": id, "type": "function", "function": { "name": name, "arguments": arguments }
    });
    event("tool-call-start", index, json!({ "tool_calls": calls }))
}

fn more(index: u64, arguments: &str) -> Value {
    let calls = json!({ "function": { "arguments": arguments } });
    event("tool-call-delta", index, json!({ "tool_calls": calls }))
}

fn ends(reason: &str) -> Value {
    json!({ "type": "message-end", "id": "m", "delta": { "finish_reason": reason } })
}

fn answer(frames: &[Value]) -> Reply {
    read(&Cohere, &events(frames, "")).unwrap()
}

fn check(frames: &[Value], end: &str, text: &str, finish: &str) {
    let read = summary(read(&Cohere, &events(frames, end)));
    assert_eq!(read, (text.to_owned(), finish.to_owned()));
}

#[test]
fn an_answer_is_whole_only_with_its_last_event() {
    let started = json!({
        "type": "message-start", "id": "m",
        "delta": { "message": { "role": "assistant", "content": [], "tool_plan": "" } }
    });
    let opens = event("content-start", 0, json!({ "content": { "type": "text", "text": "a" } }));
    let closes = json!({ "type": "content-end", "index": 0 });
    check(&[started, opens, says("b"), closes, ends("COMPLETE")], "", "ab", "stop");
    check(&[says("a"), ends("COMPLETE")], "data: [DONE]\n\n", "a", "stop");
    check(&[says("a")], "data: [DONE]\n\n", "a", "cut");
    check(&[says("a")], ": keep-alive\n\n", "a", "cut");
    check(&[says("a")], "data: {\"type\":\"message-en", "a", "cut");
    check(&[], "", "", "cut");
    let named = format!("event: message-end\ndata: {}\n\n", ends("COMPLETE"));
    check(&[says("a")], &named, "a", "stop");
}

#[test]
fn every_finish_reason_has_its_word() {
    for (raw, word) in [
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("ERROR", "error"),
        ("TIMEOUT", "error"),
        ("TOOL_CALL", "error"),
        ("ERROR_TOXIC", "filter"),
        ("SOMETHING_NEW", "other:SOMETHING_NEW"),
    ] {
        check(&[says("a"), ends(raw)], "", "a", word);
    }
}

#[test]
fn an_error_is_an_error_wherever_it_stands() {
    let message = "answered: no more";
    let failed = json!({
        "type": "message-end", "delta": { "finish_reason": "ERROR", "error": "no more" }
    });
    check(&[says("a"), failed], "", message, "model_error");
    for error in [json!({ "id": "x", "message": "no more" }), json!({ "error": "no more" })] {
        check(std::slice::from_ref(&error), "", message, "model_error");
        check(&[says("a"), error.clone()], "", message, "model_error");
        let body = summary(read(&Cohere, error.to_string().as_bytes()));
        assert_eq!(body, (message.to_owned(), "model_error".to_owned()));
    }
    assert_eq!(summary(read(&Cohere, b"data: {not json}\n\n")).1, "model_error");
}

#[test]
fn a_whole_answer_where_a_stream_was_asked_for_is_read() {
    let body = json!({
        "id": "m", "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant", "tool_plan": "Look it up.",
            "content": [{ "type": "thinking", "thinking": "hm" }, { "type": "text", "text": "hi" }],
            "tool_calls": [{
                "id": "a", "type": "function",
                "function": { "name": "weather", "arguments": "{\"city\":\"Oslo\"}" }
            }]
        },
        "usage": { "tokens": { "input_tokens": 3, "output_tokens": 1 } }
    });
    let reply = read(&Cohere, format!("\u{feff}{body:#}").as_bytes()).unwrap();
    assert_eq!((reply.content.as_str(), &reply.finish), ("hi", &Some(Finish::Tools)));
    assert_eq!(calls(&reply), ["a weather {\"city\":\"Oslo\"}"]);
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(1)));
    assert_eq!(reply.message, body["message"]);
}

#[test]
fn calls_come_in_pieces() {
    let interleaved = answer(&[
        plans("Both."),
        begins(0, "a", "weather", ""),
        begins(1, "b", "now", ""),
        more(0, "{\"city\":"),
        more(1, "{"),
        more(0, "\"Oslo\"}"),
        json!({ "type": "tool-call-end", "index": 0 }),
        more(1, "}"),
        begins(2, "c", "now", ""),
        ends("TOOL_CALL"),
    ]);
    let expected = ["a weather {\"city\":\"Oslo\"}", "b now {}", "c now {}"];
    assert_eq!(calls(&interleaved), expected);
    assert_eq!((interleaved.content.as_str(), interleaved.finish), ("", Some(Finish::Tools)));
    let invalid = answer(&[begins(0, "a", "t", "{\"a\": "), ends("TOOL_CALL")]);
    assert_eq!(calls(&invalid), ["a t {\"a\": "]);
    assert!(invalid.calls[0].invalid.is_some());
    let begun = [begins(0, "a", "weather", "{\"city\":")];
    let cut = answer(&begun);
    assert_eq!((cut.calls.len(), cut.finish), (0, None));
    let full = answer(&[&begun[..], &[ends("MAX_TOKENS")]].concat());
    assert_eq!((full.calls.len(), full.finish), (0, Some(Finish::Length)));
}

#[test]
fn thoughts_are_no_answer() {
    let opens =
        event("content-start", 0, json!({ "content": { "type": "thinking", "thinking": "h" } }));
    check(&[opens, thinks("m"), says("yes"), ends("COMPLETE")], "", "yes", "stop");
}

#[test]
fn usage_has_one_meaning() {
    let check = |usage: Value| {
        let mut end = ends("COMPLETE");
        end["delta"]["usage"] = usage;
        let usage = answer(&[says("a"), end]).usage;
        (usage.input, usage.output, usage.cached)
    };
    let billed = json!({ "input_tokens": 10, "output_tokens": 5.0 });
    let all = json!({ "input_tokens": 70, "output_tokens": 9 });
    let both = json!({ "billed_units": billed, "tokens": all, "cached_tokens": 4 });
    assert_eq!(check(both), (Some(10), Some(5), 4));
    assert_eq!(check(json!({ "tokens": all })), (Some(70), Some(9), 0));
    let partial = json!({ "billed_units": { "output_tokens": 5 }, "tokens": {} });
    assert_eq!(check(partial), (None, Some(5), 0));
    let odd = json!({ "tokens": { "input_tokens": -1.0, "output_tokens": 1e300 } });
    assert_eq!(check(odd), (None, None, 0));
    assert_eq!(check(Value::Null), (None, None, 0));
}

#[test]
fn what_the_model_said_goes_back_unchanged() {
    let first = answer(&[
        thinks("h"),
        thinks("m"),
        says("Let me "),
        says("see."),
        plans("Look "),
        plans("it up."),
        begins(0, "a", "weather", "{\"city\": \"Oslo\"}"),
        begins(1, "b", "time", ""),
        ends("TOOL_CALL"),
    ]);
    let (path, body) = encoded(&Cohere, MODEL, &second_turn(turn_of(first)));
    assert_eq!(path, "chat");
    let function = |name: &str| {
        let tool = tool(name);
        json!({ "type": "function", "function": {
            "name": name, "description": tool.description, "parameters": tool.parameters
        } })
    };
    let call = |id: &str, name: &str, arguments: &str| {
        let function = json!({ "name": name, "arguments": arguments });
        json!({ "id": id, "type": "function", "function": function })
    };
    assert_eq!(
        body,
        json!({
            "model": MODEL,
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "Weather?" },
                {
                    "role": "assistant",
                    "content": [
                        { "type": "thinking", "thinking": "hm" },
                        { "type": "text", "text": "Let me see." }
                    ],
                    "tool_plan": "Look it up.",
                    "tool_calls": [
                        call("a", "weather", "{\"city\": \"Oslo\"}"), call("b", "time", "{}")
                    ]
                },
                { "role": "tool", "tool_call_id": "a", "content": "{\"celsius\":21}" },
                { "role": "tool", "tool_call_id": "b", "content": "no such city" }
            ],
            "tools": [function("weather"), function("time")],
            "temperature": 0.5, "p": 0.9, "max_tokens": 100, "seed": 7,
            "stop_sequences": ["END"], "stream": true
        })
    );
}

#[test]
fn another_providers_turn_is_rebuilt() {
    let call = TurnCall {
        id: "a".into(),
        name: "weather".into(),
        arguments: json!({ "city": "Oslo" }).as_object().unwrap().clone(),
        invalid: None,
    };
    let message = |turn: &Turn| {
        let messages = vec![ModelMessage::Turn { turn: turn.clone().into() }];
        let call = ModelCall { messages, ..ModelCall::default() };
        encoded(&Cohere, MODEL, &call).1["messages"][0].clone()
    };
    let turn = Turn {
        provider: "other".into(),
        content: "Let me see.".into(),
        calls: vec![call],
        message: json!({ "role": "assistant", "content": "stolen" }),
    };
    let rebuilt = json!({
        "role": "assistant", "tool_plan": "Let me see.",
        "tool_calls": [{
            "id": "a", "type": "function",
            "function": { "name": "weather", "arguments": "{\"city\":\"Oslo\"}" }
        }]
    });
    assert_eq!(message(&turn), rebuilt);
    let own = Turn { provider: "p".into(), message: Value::Null, ..turn.clone() };
    assert_eq!(message(&own), rebuilt);
    let without_calls = Turn { calls: Vec::new(), ..turn };
    let said = json!({ "role": "assistant", "content": "Let me see." });
    assert_eq!(message(&without_calls), said);
}

#[test]
fn pictures_are_urls() {
    let image = |image| ContentPart::Image { image };
    let parts = vec![
        ContentPart::Text { text: "What?".into() },
        image(Image::Url("https://example.com/a.png".into())),
        image(Image::Base64 { media_type: "image/png".into(), data: "AAAA".into() }),
    ];
    let messages = vec![
        ModelMessage::Assistant { content: "Hi".into() },
        ModelMessage::User { content: Content::Parts(parts) },
    ];
    let call = ModelCall { messages, ..ModelCall::default() };
    assert_eq!(
        encoded(&Cohere, MODEL, &call).1["messages"],
        json!([
            { "role": "assistant", "content": "Hi" },
            { "role": "user", "content": [
                { "type": "text", "text": "What?" },
                { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }
            ] }
        ])
    );
}

#[test]
fn a_schema_is_a_format_or_else_a_tool() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "number" } } });
    let call = ModelCall {
        messages: vec![ModelMessage::user("x")],
        schema: Some(schema.clone()),
        ..ModelCall::default()
    };
    let messages = json!([{ "role": "user", "content": "x" }]);
    assert_eq!(
        encoded(&Cohere, MODEL, &call).1,
        json!({
            "model": MODEL, "messages": messages, "stream": true,
            "response_format": { "type": "json_object", "json_schema": schema }
        })
    );
    let body = encoded(&Cohere, MODEL, &ModelCall { tools: vec![tool("weather")], ..call }).1;
    assert_eq!((&body["tool_choice"], body.get("response_format")), (&json!("REQUIRED"), None));
    assert_eq!(
        body["tools"][1],
        json!({ "type": "function", "function": {
            "name": "answer", "description": "Gives the final answer.", "parameters": schema
        } })
    );
}

#[test]
fn an_answer_has_a_limit() {
    let text = "x".repeat(100);
    for frame in [says(&text), thinks(&text), plans(&text), more(0, &text)] {
        let push = |count: usize| {
            let mut reading = crate::model::reading::Reading::new(&Cohere, 1_000);
            let pushed = reading.push(&events(&vec![frame.clone(); count], ""));
            pushed.err().map(|error| error.code)
        };
        assert_eq!((push(1), push(20)), (None, Some("value_too_large".into())), "{frame}");
    }
}

#[test]
fn the_path_is_joined_to_version_2() {
    let provider = Provider::named("cohere");
    let (path, _) = encoded(provider.wire(MODEL, false).unwrap(), MODEL, &ModelCall::default());
    let url = url::Url::parse(provider.address().unwrap()).unwrap().join(&path).unwrap();
    assert_eq!(url.as_str(), "https://api.cohere.com/v2/chat");
}
