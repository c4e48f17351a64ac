use flowgate_core::time::Timestamp;
use flowgate_engine::call::{Content, ContentPart, ModelCall, ModelMessage};
use url::Url;

use super::*;
use crate::model::reply::Reply;
use crate::model::wire::tests::{
    calls, encoded, events, read, second_turn, summary, tool, turn_of,
};

const WIRE: Anthropic = Anthropic;
const MODEL: &str = "claude-sonnet-4-20250514";

fn started(usage: Value) -> Value {
    json!({ "type": "message_start", "message": {
        "id": "msg", "type": "message", "role": "assistant", "content": [], "model": "m",
        "stop_reason": null, "stop_sequence": null, "usage": usage
    } })
}

fn start(index: u64, block: Value) -> Value {
    json!({ "type": "content_block_start", "index": index, "content_block": block })
}

fn delta(index: u64, delta: Value) -> Value {
    json!({ "type": "content_block_delta", "index": index, "delta": delta })
}

fn text(index: u64) -> Value {
    start(index, json!({ "type": "text", "text": "" }))
}

fn says(index: u64, text: &str) -> Value {
    delta(index, json!({ "type": "text_delta", "text": text }))
}

fn call(index: u64, id: &str, name: &str) -> Value {
    start(index, json!({ "type": "tool_use", "id": id, "name": name, "input": {} }))
}

fn arguments(index: u64, piece: &str) -> Value {
    delta(index, json!({ "type": "input_json_delta", "partial_json": piece }))
}

fn stop(index: u64) -> Value {
    json!({ "type": "content_block_stop", "index": index })
}

fn finish(reason: &str) -> Value {
    json!({
        "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": 5 }
    })
}

fn end() -> Value {
    json!({ "type": "message_stop" })
}

fn answer(frames: &[Value]) -> Reply {
    read(&WIRE, &events(frames, "")).unwrap()
}

fn check(frames: &[Value], text: &str, finish: &str) {
    let read = summary(read(&WIRE, &events(frames, "")));
    assert_eq!(read, (text.to_owned(), finish.to_owned()));
}

#[test]
fn an_answer_is_whole_only_with_a_stop_reason() {
    check(&[text(0), says(0, "a"), says(0, "b"), stop(0), finish("end_turn"), end()], "ab", "stop");
    check(&[text(0), says(0, "a"), finish("end_turn")], "a", "stop");
    check(&[text(0), says(0, "a"), stop(0), end()], "a", "cut");
    check(&[text(0), says(0, "a")], "a", "cut");
    check(&[started(json!({}))], "", "cut");
    check(&[], "", "cut");
    let cut = format!("data: {}\n\ndata: {}\n\ndata: {{\"type\":\"mess", text(0), says(0, "a"));
    assert_eq!(summary(read(&WIRE, cut.as_bytes())), ("a".to_owned(), "cut".to_owned()));
    check(
        &[text(0), says(0, "a"), stop(0), text(1), says(1, "b"), finish("end_turn")],
        "ab",
        "stop",
    );
}

#[test]
fn every_stop_reason_has_its_word() {
    for (raw, word) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("tool_use", "error"),
        ("something_new", "other:something_new"),
    ] {
        check(&[text(0), says(0, "a"), finish(raw), end()], "a", word);
    }
    let mut refusal = finish("refusal");
    refusal["delta"]["stop_details"] =
        json!({ "type": "refusal", "category": "cyber", "explanation": "Not that." });
    check(&[text(0), says(0, "a"), refusal.clone()], "Not that.", "refusal");
    refusal["delta"]["stop_details"] = Value::Null;
    check(&[refusal], "", "refusal");
}

#[test]
fn an_error_is_an_error_wherever_it_stands() {
    let error = |kind: &str, message: &str| {
        let error = json!({ "type": kind, "message": message });
        json!({ "type": "error", "error": error })
    };
    let overloaded = error("overloaded_error", "Overloaded");
    let said = ("answered: Overloaded".to_owned(), "model_error".to_owned());
    check(&[text(0), says(0, "a"), overloaded.clone()], &said.0, &said.1);
    assert_eq!(summary(read(&WIRE, overloaded.to_string().as_bytes())), said);
    let retryable = |error: Value| read(&WIRE, &events(&[error], "")).unwrap_err().retryable;
    assert!(retryable(overloaded));
    assert!(retryable(error("rate_limit_error", "m")));
    assert!(!retryable(error("invalid_request_error", "m")));
    let minimax = json!({ "base_resp": { "status_code": 1004, "status_msg": "login fail" } });
    let said = ("answered: 1004: login fail".to_owned(), "model_error".to_owned());
    assert_eq!(summary(read(&WIRE, minimax.to_string().as_bytes())), said);
    check(&[minimax], &said.0, &said.1);
    check(&[json!({ "type": "ping", "base_resp": { "status_code": 0 } })], "", "cut");
}

#[test]
fn what_makes_no_sense_is_unreadable() {
    let unreadable = "sent an answer that cannot be parsed";
    for frames in [
        vec![says(0, "a")],
        vec![start(0, json!("text")), finish("end_turn")],
        vec![start(0, Value::Null), finish("end_turn")],
        vec![text(0), text(0), finish("end_turn")],
        vec![text(0), says(0, "a"), text(1), says(1, "b"), says(0, "c"), finish("end_turn")],
        vec![arguments(3, "{}"), finish("tool_use")],
    ] {
        check(&frames, unreadable, "model_error");
    }
    let odd = [
        json!({ "type": "content_block_delta", "index": "x", "delta": 7 }),
        json!({ "type": 7 }),
        json!([1]),
        json!("x"),
    ];
    check(&[&[text(0)], &odd[..], &[says(0, "a"), finish("end_turn")]].concat(), "a", "stop");
    let thinking = start(0, json!({ "type": "thinking", "thinking": 7, "citations": "x" }));
    let pieces = [
        delta(0, json!({ "type": "thinking_delta", "thinking": "hm" })),
        delta(0, json!({ "type": "citations_delta", "citation": { "a": 1 } })),
    ];
    check(&[&[thinking], &pieces[..], &[finish("end_turn")]].concat(), "", "stop");
}

#[test]
fn events_have_names_and_keep_alives_are_none() {
    let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    let named =
        |frame: &Value| format!("event: {}\ndata: {frame}\n\n{ping}", text_at(frame, "/type"));
    let frames = [started(json!({ "input_tokens": 3 })), text(0), says(0, "a"), finish("end_turn")];
    let stream: String = frames.iter().map(named).collect();
    let reply = read(&WIRE, format!(": open\n\n{ping}{stream}").as_bytes()).unwrap();
    assert_eq!((reply.content.as_str(), reply.finish), ("a", Some(Finish::Stop)));
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(5)));
}

#[test]
fn a_whole_answer_where_a_stream_was_asked_for_is_read() {
    let body = json!({
        "type": "message", "role": "assistant",
        "content": [
            { "type": "thinking", "thinking": "hm", "signature": "sig" },
            { "type": "text", "text": "hi" },
            { "type": "tool_use", "id": "a", "name": "weather", "input": { "city": "Oslo" } },
            { "type": "tool_use", "id": "b", "name": "now", "input": {} }
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": { "input_tokens": 3, "output_tokens": 4 }
    });
    let reply = read(&WIRE, body.to_string().as_bytes()).unwrap();
    assert_eq!((reply.content.as_str(), &reply.finish), ("hi", &Some(Finish::Tools)));
    assert_eq!(calls(&reply), ["a weather {\"city\":\"Oslo\"}", "b now {}"]);
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(4)));
    assert_eq!(reply.message["content"], body["content"]);
}

#[test]
fn tool_calls_come_in_pieces() {
    let interleaved = answer(&[
        call(0, "a", "weather"),
        arguments(0, ""),
        call(1, "b", "time"),
        arguments(0, "{\"city\":"),
        arguments(1, "{\"city\":\"Rome\"}"),
        arguments(0, "\"Oslo\"}"),
        stop(0),
        stop(1),
        call(2, "c", "now"),
        stop(2),
        finish("tool_use"),
    ]);
    assert_eq!(
        calls(&interleaved),
        ["a weather {\"city\":\"Oslo\"}", "b time {\"city\":\"Rome\"}", "c now {}"]
    );
    assert_eq!(interleaved.finish, Some(Finish::Tools));
    let without_ids = answer(&[call(0, "", "now"), call(1, "", "now"), finish("tool_use")]);
    assert_eq!(calls(&without_ids), ["call_0 now {}", "call_1 now {}"]);
    let sent_back: Vec<_> =
        list_at(&without_ids.message, "/content").iter().map(|b| &b["id"]).collect();
    assert_eq!(sent_back, ["call_0", "call_1"]);
}

#[test]
fn calls_that_may_be_cut_are_not_made() {
    let begun = [call(0, "a", "weather"), arguments(0, "{\"city\":")];
    let cut = answer(&begun);
    assert_eq!((cut.calls.len(), cut.finish), (0, None));
    let full = answer(&[&begun[..], &[finish("max_tokens")]].concat());
    assert_eq!((full.calls.len(), full.finish), (0, Some(Finish::Length)));
}

#[test]
fn arguments_that_are_no_object_are_kept_as_they_came_and_go_back_empty() {
    let reply = answer(&[call(0, "a", "t"), arguments(0, "{\"a\": "), finish("tool_use")]);
    assert_eq!(calls(&reply), ["a t {\"a\": "]);
    assert_eq!(reply.message["content"][0]["input"], json!({}));
}

#[test]
fn an_answer_has_a_limit() {
    let limited = |frames: &[Value]| {
        let mut reading = crate::model::reading::Reading::new(&WIRE, 2_000);
        reading.push(&events(frames, "")).unwrap_err().code
    };
    let long = "x".repeat(2_001);
    let pieces = [
        start(0, json!({ "type": "redacted_thinking", "data": long })),
        start(0, json!({ "type": "text", "text": long })),
        says(0, &long),
        arguments(0, &long),
        delta(0, json!({ "type": "thinking_delta", "thinking": long })),
        delta(0, json!({ "type": "signature_delta", "signature": long })),
        delta(0, json!({ "type": "citations_delta", "citation": { "text": long } })),
    ];
    for piece in &pieces[..2] {
        assert_eq!(limited(std::slice::from_ref(piece)), "value_too_large", "{piece}");
    }
    for piece in &pieces[2..] {
        assert_eq!(limited(&[text(0), piece.clone()]), "value_too_large", "{piece}");
    }
    let empty = |n| start(n, json!({}));
    assert_eq!(limited(&(0..8).map(empty).collect::<Vec<_>>()), "value_too_large");
    let many: Vec<_> = (0..10_000).map(|n| call(n, &n.to_string(), "t")).collect();
    let mut reading = crate::model::reading::Reading::new(&WIRE, 4 << 20);
    assert_eq!(reading.push(&events(&many, "")).unwrap_err().code, "too_many_tool_calls");
}

#[test]
fn usage_has_one_meaning() {
    let check = |first: Value, last: Value| {
        let mut finish = finish("end_turn");
        finish["usage"] = last;
        let usage = answer(&[started(first), text(0), says(0, "a"), finish]).usage;
        (usage.input, usage.output, usage.cached, usage.cache_written)
    };
    let full = json!({
        "input_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3,
        "output_tokens": 1
    });
    assert_eq!(check(full.clone(), json!({ "output_tokens": 9 })), (Some(17), Some(9), 4, 3));
    // The last count is cumulative.
    let last = json!({ "input_tokens": 20, "cache_read_input_tokens": 5, "output_tokens": 9 });
    assert_eq!(check(full.clone(), last), (Some(28), Some(9), 5, 3));
    let nulls = json!({ "input_tokens": null, "output_tokens": 9 });
    assert_eq!(check(full.clone(), nulls), (Some(17), Some(9), 4, 3));
    assert_eq!(check(json!({}), json!({ "output_tokens": 9 })), (None, Some(9), 0, 0));
    // What has been written when the answer begins says nothing about its length.
    assert_eq!(check(full, Value::Null), (Some(17), None, 4, 3));
    let huge = json!({ "input_tokens": u64::MAX, "cache_read_input_tokens": u64::MAX });
    assert_eq!(check(huge, Value::Null), (Some(u64::MAX), None, u64::MAX, 0));
}

/// Thinking, redacted thinking, text around an empty block, and two calls.
fn thoughtful() -> Vec<Value> {
    vec![
        started(json!({ "input_tokens": 3 })),
        start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
        delta(0, json!({ "type": "thinking_delta", "thinking": "Let " })),
        delta(0, json!({ "type": "thinking_delta", "thinking": "me think." })),
        delta(0, json!({ "type": "signature_delta", "signature": "EqQB" })),
        stop(0),
        start(1, json!({ "type": "redacted_thinking", "data": "xyz" })),
        stop(1),
        text(2),
        stop(2),
        text(3),
        says(3, "I look "),
        says(3, "it up."),
        stop(3),
        call(4, "a", "weather"),
        arguments(4, "{\"city\": \"Oslo\"}"),
        stop(4),
        call(5, "b", "time"),
        stop(5),
        finish("tool_use"),
        end(),
    ]
}

#[test]
fn what_the_model_said_goes_back_unchanged() {
    let first = answer(&thoughtful());
    assert_eq!(first.content, "I look it up.");
    let (path, body) = encoded(&WIRE, MODEL, &second_turn(turn_of(first)));
    assert_eq!(path, "messages");
    let parameters = tool("weather").parameters;
    assert_eq!(
        body,
        json!({
            "model": MODEL,
            "max_tokens": 100,
            "system": "Be brief.",
            "messages": [
                { "role": "user", "content": [{ "type": "text", "text": "Weather?" }] },
                { "role": "assistant", "content": [
                    { "type": "thinking", "thinking": "Let me think.", "signature": "EqQB" },
                    { "type": "redacted_thinking", "data": "xyz" },
                    { "type": "text", "text": "I look it up." },
                    {
                        "type": "tool_use", "id": "a", "name": "weather",
                        "input": { "city": "Oslo" }
                    },
                    { "type": "tool_use", "id": "b", "name": "time", "input": {} }
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "a", "content": "{\"celsius\":21}" },
                    {
                        "type": "tool_result", "tool_use_id": "b", "content": "no such city",
                        "is_error": true
                    }
                ] }
            ],
            "tools": [
                { "name": "weather", "input_schema": parameters, "description": "The weather." },
                { "name": "time", "input_schema": parameters, "description": "The time." }
            ],
            "temperature": 0.5, "top_p": 0.9, "stop_sequences": ["END"],
            "stream": true
        })
    );
}

#[test]
fn a_paused_turn_goes_back_with_what_the_provider_ran() {
    let search = json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} });
    let reply = answer(&[
        start(0, search),
        arguments(0, "{\"query\":"),
        arguments(0, "\"x\"}"),
        text(1),
        says(1, "So"),
        delta(1, json!({ "type": "citations_delta", "citation": { "url": "u" } })),
        delta(1, json!({ "type": "citations_delta", "citation": { "url": "v" } })),
        finish("pause_turn"),
    ]);
    assert_eq!((reply.finish, reply.calls.len()), (Some(Finish::Pause), 0));
    assert_eq!(
        reply.message,
        json!({ "role": "assistant", "content": [
            {
                "type": "server_tool_use", "id": "s", "name": "web_search",
                "input": { "query": "x" }
            },
            { "type": "text", "citations": [{ "url": "u" }, { "url": "v" }], "text": "So" }
        ] })
    );
}

#[test]
fn another_providers_turn_goes_out_in_our_words() {
    let mut turn = turn_of(answer(&thoughtful()));
    turn.provider = "other".to_owned();
    let body = encoded(&WIRE, MODEL, &second_turn(turn)).1;
    assert_eq!(
        body["messages"][1],
        json!({ "role": "assistant", "content": [
            { "type": "text", "text": "I look it up." },
            { "type": "tool_use", "id": "turn1_0", "name": "weather", "input": { "city": "Oslo" } },
            { "type": "tool_use", "id": "turn1_1", "name": "time", "input": {} }
        ] })
    );
}

fn with_image(image: Image) -> ModelCall {
    let parts = vec![ContentPart::Text { text: "What?".into() }, ContentPart::Image { image }];
    let messages = vec![ModelMessage::User { content: Content::Parts(parts) }];
    ModelCall { messages, ..ModelCall::default() }
}

#[test]
fn pictures_are_sources() {
    let check = |image: Image, source: Value| {
        let body = encoded(&WIRE, MODEL, &with_image(image)).1;
        assert_eq!(
            body["messages"][0]["content"],
            json!([{ "type": "text", "text": "What?" }, { "type": "image", "source": source }])
        );
    };
    let url = "https://example.com/a.png";
    check(Image::Url(url.into()), json!({ "type": "url", "url": url }));
    let data = json!({ "type": "base64", "media_type": "image/jpeg", "data": "AAAA" });
    let base64 = Image::Base64 { media_type: "image/jpg".into(), data: "AAAA".into() };
    check(base64.clone(), data.clone());
    check(Image::Url("data:image/jpeg;base64,AAAA".into()), data);
    let refused = |model: &str, image: Image| {
        let call = with_image(image);
        let ask = Ask::new("p", model, &call, Enforcement::Prompt);
        WIRE.encode(&ask).err().map(|error| (error.code, error.message))
    };
    let why = |why: &str| Some(("invalid_request".to_owned(), why.to_owned()));
    assert_eq!(
        refused(MODEL, Image::Url("http://example.com/a.png".into())),
        why("the URL of a picture must be https")
    );
    assert_eq!(refused("MiniMax-M2.1", base64.clone()), why("the model takes no pictures"));
    assert_eq!(refused("MiniMax-M3", base64), None);
}

#[test]
fn each_model_gets_what_it_knows() {
    let call = ModelCall {
        messages: vec![ModelMessage::user("x")],
        temperature: Some(0.5),
        top_p: Some(0.9),
        seed: Some(1),
        ..ModelCall::default()
    };
    let body = |model: &str| encoded(&WIRE, model, &call).1;
    let request = |model: &str, max_tokens: u32, more: Value| {
        let mut body = json!({
            "model": model, "max_tokens": max_tokens, "stream": true,
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "x" }] }]
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let both = json!({ "temperature": 0.5, "top_p": 0.9 });
    for (model, max_tokens, more) in [
        ("claude-3-haiku-20240307", 4_096, both.clone()),
        ("claude-3-5-haiku-latest", 8_192, both.clone()),
        ("claude-3-7-sonnet-20250219", 8_192, both.clone()),
        (MODEL, 32_000, both.clone()),
        ("claude-opus-4-5", 32_000, json!({ "temperature": 0.5 })),
        ("claude-opus-5", 32_000, json!({})),
        ("MiniMax-M2", 32_000, both),
    ] {
        assert_eq!(body(model), request(model, max_tokens, more));
    }
}

#[test]
fn each_model_is_held_to_a_schema_in_its_way() {
    let schema = json!({
        "type": "object", "properties": { "n": { "type": "number", "minimum": 1 } },
        "required": ["n"]
    });
    let body = |model: &str, schema: &Value, tools: Vec<ModelTool>| {
        let call = ModelCall {
            messages: vec![ModelMessage::system("Be brief."), ModelMessage::user("x")],
            tools,
            schema: Some(schema.clone()),
            ..ModelCall::default()
        };
        encoded(&WIRE, model, &call).1
    };
    for tools in [vec![], vec![tool("weather")]] {
        let native = body("claude-opus-4-5", &schema, tools);
        assert_eq!(
            native["output_config"],
            json!({ "format": { "type": "json_schema", "schema": {
                "type": "object", "required": ["n"], "additionalProperties": false,
                "properties": { "n": { "type": "number", "description": "minimum: 1" } }
            } } })
        );
        assert_eq!((&native["system"], native.get("tool_choice")), (&json!("Be brief."), None));
    }
    let prompted = |body: Value| {
        assert_eq!((body.get("output_config"), body.get("tool_choice")), (None, None));
        let system = body["system"].as_str().unwrap().to_owned();
        assert!(system.starts_with("Be brief.") || system.ends_with("Be brief."), "{system}");
        assert!(system.contains("JSON Schema"), "{system}");
    };
    prompted(body("claude-opus-4-5", &json!({ "type": "object" }), vec![]));
    prompted(body("MiniMax-M2", &schema, vec![tool("weather")]));
    prompted(body("claude-2.1", &schema, vec![]));
    let forced = body(MODEL, &schema, vec![tool("weather")]);
    assert_eq!(forced["tool_choice"], json!({ "type": "any" }));
    assert_eq!(
        forced["tools"][1],
        json!({
            "name": "answer", "description": "Gives the final answer.", "input_schema": schema
        })
    );
    assert_eq!((forced.get("output_config"), &forced["system"]), (None, &json!("Be brief.")));
}

#[test]
fn the_key_has_a_header_of_its_own() {
    let url = Url::parse("https://api.anthropic.com/v1/messages").unwrap();
    let request = Unsigned { url: &url, body: b"{}", now: Timestamp(0) };
    let headers = WIRE.authorize("sk-ant-1", &request).unwrap();
    assert_eq!((&headers["x-api-key"], headers.len()), (&HeaderValue::from_static("sk-ant-1"), 2));
    assert!(headers["x-api-key"].is_sensitive());
    assert_eq!(headers["anthropic-version"], "2023-06-01");
    let error = WIRE.authorize("sk\nant", &request).unwrap_err();
    assert_eq!((error.code.as_str(), error.message.contains("ant")), ("invalid_request", false));
}
