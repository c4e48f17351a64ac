use flowgate_engine::call::{Image, ModelCall, TurnCall};

use super::*;
use crate::model::provider::Provider;
use crate::model::reply::{Finish, Reply};
use crate::model::wire::tests::{
    calls, encoded, events, read, second_turn, summary, tool, turn_of,
};

const MODEL: &str = "gpt-5-codex";

fn says(text: &str) -> Value {
    json!({
        "type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg",
        "output_index": 0, "content_index": 0, "delta": text, "logprobs": []
    })
}

fn done(index: u64, item: Value) -> Value {
    json!({ "type": "response.output_item.done", "output_index": index, "item": item })
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name,
        "arguments": arguments, "status": "completed"
    })
}

fn ends(status: &str, more: Value) -> Value {
    let mut response = json!({
        "id": "resp", "object": "response", "status": status, "error": null,
        "incomplete_details": null, "output": []
    });
    response.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "type": format!("response.{status}"), "response": response })
}

fn completed() -> Value {
    ends("completed", json!({}))
}

fn answer(frames: &[Value]) -> Reply {
    read(&OpenAiResponses, &events(frames, "")).unwrap()
}

fn check(frames: &[Value], end: &str, text: &str, finish: &str) {
    let read = summary(read(&OpenAiResponses, &events(frames, end)));
    assert_eq!(read, (text.to_owned(), finish.to_owned()));
}

#[test]
fn an_answer_is_whole_only_with_its_last_event() {
    let created = json!({ "type": "response.created", "response": { "status": "in_progress" } });
    check(&[created, says("a"), says("b"), completed()], "", "ab", "stop");
    check(&[says("a"), completed()], ": keep-alive\n\ndata: [DONE]\n\n", "a", "stop");
    check(&[says("a")], "", "a", "cut");
    check(&[says("a")], "data: [DONE]\n\n", "a", "cut");
    check(&[says("a")], "data: {\"type\":\"response.compl", "a", "cut");
    check(&[], "", "", "cut");
    let named = format!("event: response.completed\ndata: {}\n\n", completed());
    check(&[says("a")], &named, "a", "stop");
    let bare = json!({ "type": "response.completed" });
    check(&[says("a"), bare], "", "a", "stop");
}

#[test]
fn every_end_has_its_word() {
    let incomplete = |reason: Value| ends("incomplete", json!({ "incomplete_details": reason }));
    for (end, word) in [
        (incomplete(json!({ "reason": "max_output_tokens" })), "length"),
        (incomplete(json!({ "reason": "content_filter" })), "filter"),
        (incomplete(json!({ "reason": "something_new" })), "other:something_new"),
        (incomplete(Value::Null), "other:incomplete"),
        (ends("failed", json!({})), "error"),
    ] {
        check(&[says("a"), end], "", "a", word);
    }
    let refuses = json!({ "type": "response.refusal.delta", "delta": "I can't." });
    check(&[refuses, completed()], "", "I can't.", "refusal");
}

#[test]
fn an_error_is_an_error_wherever_it_stands() {
    let check = |frames: &[Value], message: &str, is_retryable: bool| {
        let error = read(&OpenAiResponses, &events(frames, "")).unwrap_err();
        assert_eq!((error.message.as_str(), error.retryable), (message, is_retryable));
        assert_eq!(error.code, "model_error");
    };
    let failed =
        |code: &str| ends("failed", json!({ "error": { "code": code, "message": "it failed" } }));
    check(&[says("a"), failed("server_error")], "answered: it failed", true);
    check(&[failed("rate_limit_exceeded")], "answered: it failed", true);
    check(&[failed("invalid_prompt")], "answered: it failed", false);
    check(&[failed("invalid_image_url")], "answered: it failed", false);
    check(&[failed("image_too_large")], "answered: it failed", false);
    check(&[failed("unsupported_image_media_type")], "answered: it failed", false);
    let event = |code: Value| {
        let mut event = json!({ "type": "error", "message": "no more", "sequence_number": 1 });
        event["code"] = code;
        event
    };
    check(&[says("a"), event(json!("server_error"))], "answered: no more", true);
    check(&[event(Value::Null)], "answered: no more", true);
    check(&[event(json!("insufficient_quota"))], "answered: no more", false);
    let nested = json!({ "type": "error", "error": { "type": "x", "message": "inside" } });
    check(&[nested], "answered: inside", true);
    let body = json!({ "error": { "message": "overloaded", "type": "server_error" } });
    let error = read(&OpenAiResponses, body.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.message, "answered: overloaded");
    let unreadable = summary(read(&OpenAiResponses, b"data: {not json}\n\n"));
    assert_eq!(unreadable.1, "model_error");
}

#[test]
fn what_was_used_before_a_failure_is_known() {
    let usage = json!({ "input_tokens": 5, "output_tokens": 2 });
    let failed = ends("failed", json!({ "error": { "code": "server_error" }, "usage": usage }));
    let mut reading = crate::model::reading::Reading::new(&OpenAiResponses, 1 << 20);
    reading.push(&events(&[failed], "")).unwrap_err();
    assert_eq!(reading.draft.usage.total(), Some(7));
}

#[test]
fn a_whole_answer_is_read() {
    let body = |content: Value, status: &str| {
        json!({
            "object": "response", "status": status, "error": null,
            "output": [
                { "type": "message", "role": "assistant", "content": [content] },
                call("a", "weather", "{\"city\":\"Oslo\"}")
            ],
            "usage": { "input_tokens": 3, "output_tokens": 1, "total_tokens": 4 }
        })
    };
    let text = json!({ "type": "output_text", "text": "hi", "annotations": [] });
    let reply = read(&OpenAiResponses, format!("{:#}", body(text.clone(), "completed")).as_bytes());
    let reply = reply.unwrap();
    assert_eq!((reply.content.as_str(), &reply.finish), ("hi", &Some(Finish::Tools)));
    assert_eq!(calls(&reply), ["a weather {\"city\":\"Oslo\"}"]);
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(1)));
    assert_eq!(reply.message, body(text.clone(), "completed")["output"]);
    let summary = |body: Value| summary(read(&OpenAiResponses, body.to_string().as_bytes()));
    let refusal = json!({ "type": "refusal", "refusal": "I can't." });
    assert_eq!(summary(body(refusal, "completed")), ("I can't.".into(), "refusal".into()));
    for status in ["queued", "in_progress", "cancelled", ""] {
        assert_eq!(summary(body(text.clone(), status)), ("hi".into(), "cut".into()), "{status}");
    }
    assert_eq!(summary(body(text, "failed")), ("hi".into(), "error".into()));
    assert_eq!(summary(json!({ "output": [] })), (String::new(), "cut".into()));
}

#[test]
fn calls_are_taken_when_they_are_complete() {
    let piece = |index: u64, piece: &str| {
        json!({
            "type": "response.function_call_arguments.delta", "output_index": index,
            "delta": piece
        })
    };
    let added = json!({
        "type": "response.output_item.added", "output_index": 0, "item": call("a", "weather", "")
    });
    let interleaved = answer(&[
        added.clone(),
        piece(0, "{\"city\":"),
        piece(1, "{"),
        piece(0, "\"Oslo\"}"),
        piece(1, "}"),
        done(0, call("a", "weather", "{\"city\":\"Oslo\"}")),
        done(1, call("b", "now", "")),
        completed(),
    ]);
    assert_eq!(calls(&interleaved), ["a weather {\"city\":\"Oslo\"}", "b now {}"]);
    assert_eq!(interleaved.finish, Some(Finish::Tools));
    let invalid = answer(&[done(0, call("a", "t", "{\"a\": ")), completed()]);
    assert_eq!(calls(&invalid), ["a t {\"a\": "]);
    assert!(invalid.calls[0].invalid.is_some());

    let cut = answer(&[added.clone(), piece(0, "{\"city\":")]);
    assert_eq!((cut.calls.len(), cut.finish), (0, None));
    let unfinished = answer(&[done(0, call("a", "weather", "{}"))]);
    assert_eq!((unfinished.calls.len(), unfinished.finish), (0, None));
    let mut partial = call("a", "weather", "{}");
    partial["status"] = "incomplete".into();
    for reason in ["max_output_tokens", "something_new"] {
        let end = ends("incomplete", json!({ "incomplete_details": { "reason": reason } }));
        assert_eq!(answer(&[done(0, partial.clone()), end]).calls.len(), 0, "{reason}");
    }
}

#[test]
fn usage_has_one_meaning() {
    let check = |usage: Value| {
        let usage = answer(&[says("a"), ends("completed", json!({ "usage": usage }))]).usage;
        (usage.input, usage.output, usage.cached)
    };
    assert_eq!(
        check(json!({
            "input_tokens": 10, "input_tokens_details": { "cached_tokens": 4 },
            "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 3 },
            "total_tokens": 15
        })),
        (Some(10), Some(5), 4)
    );
    assert_eq!(check(json!({ "input_tokens": 10 })), (Some(10), None, 0));
    assert_eq!(check(Value::Null), (None, None, 0));
}

#[test]
fn what_the_model_said_goes_back_unchanged() {
    let reasoning = json!({
        "type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "gAAA"
    });
    let message = json!({
        "type": "message", "id": "msg", "role": "assistant", "status": "completed",
        "phase": "commentary",
        "content": [{ "type": "output_text", "text": "Let me see.", "annotations": [] }]
    });
    let items =
        [reasoning, message, call("a", "weather", "{\"city\": \"Oslo\"}"), call("b", "time", "{}")];
    let mut frames = vec![says("Let me see.")];
    frames.extend(items.iter().zip(0..).map(|(item, index)| done(index, item.clone())));
    frames.push(completed());
    let (path, body) = encoded(&OpenAiResponses, MODEL, &second_turn(turn_of(answer(&frames))));
    assert_eq!(path, "responses");
    let function = |name: &str| {
        let tool = tool(name);
        json!({
            "type": "function", "name": name, "description": tool.description,
            "parameters": tool.parameters, "strict": false
        })
    };
    let [reasoning, message, weather, time] = items;
    assert_eq!(
        body,
        json!({
            "model": "gpt-5-codex",
            "instructions": "Be brief.",
            "input": [
                { "role": "user", "content": "Weather?" },
                reasoning, message, weather, time,
                {
                    "type": "function_call_output", "call_id": "a",
                    "output": "{\"celsius\":21}"
                },
                { "type": "function_call_output", "call_id": "b", "output": "no such city" }
            ],
            "tools": [function("weather"), function("time")],
            "max_output_tokens": 100,
            "store": false, "include": ["reasoning.encrypted_content"], "stream": true
        })
    );
}

#[test]
fn thoughts_that_openai_cannot_read_again_stay_behind() {
    let thought = |content: Value| {
        let mut thought = json!({ "type": "reasoning", "id": "rs", "summary": [] });
        thought["encrypted_content"] = content;
        thought
    };
    let call = call("a", "weather", "{}");
    for lost in [thought(Value::Null), thought(json!(""))] {
        let reply = answer(&[done(0, lost), done(1, call.clone()), completed()]);
        assert_eq!(reply.message, json!([call]));
    }
}

#[test]
fn another_providers_turn_is_rebuilt() {
    let call = TurnCall {
        id: "a".into(),
        name: "weather".into(),
        arguments: json!({ "city": "Oslo" }).as_object().unwrap().clone(),
        invalid: None,
    };
    let check = |provider: &str, message: Value| {
        let calls = vec![call.clone(), TurnCall { id: "b".into(), ..call.clone() }];
        let turn =
            Turn { provider: provider.into(), content: "Let me see.".into(), calls, message };
        let input = encoded(&OpenAiResponses, MODEL, &second_turn(turn)).1["input"].clone();
        assert_eq!(input[1], json!({ "role": "assistant", "content": "Let me see." }));
        assert_eq!(
            input[2],
            json!({
                "type": "function_call", "call_id": "a", "name": "weather",
                "arguments": "{\"city\":\"Oslo\"}"
            })
        );
        assert_eq!(input[4]["type"], "function_call_output");
    };
    check("other", json!([{ "type": "reasoning", "encrypted_content": "stolen" }]));
    // A turn by chat completions, and one whose items were not kept.
    check("p", json!({ "role": "assistant", "content": "Let me see." }));
    check("p", Value::Null);
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
        encoded(&OpenAiResponses, MODEL, &call).1["input"],
        json!([
            { "role": "assistant", "content": "Hi" },
            { "role": "user", "content": [
                { "type": "input_text", "text": "What?" },
                {
                    "type": "input_image", "image_url": "https://example.com/a.png",
                    "detail": "auto"
                },
                {
                    "type": "input_image", "image_url": "data:image/png;base64,AAAA",
                    "detail": "auto"
                }
            ] }
        ])
    );
}

#[test]
fn a_schema_is_a_format_and_a_tool_can_be_demanded() {
    let schema = |more: &str| json!({ "type": "object", "properties": {}, more: true });
    let call = |schema: Value| ModelCall {
        tools: vec![tool("weather")],
        schema: Some(schema),
        ..ModelCall::default()
    };
    let format = |call: &ModelCall| encoded(&OpenAiResponses, MODEL, call).1["text"].clone();
    let strict = json!({
        "type": "object", "properties": {}, "required": [], "additionalProperties": false
    });
    assert_eq!(
        format(&call(json!({ "type": "object", "properties": {} }))),
        json!({ "format": {
            "type": "json_schema", "name": "answer", "schema": strict, "strict": true
        } })
    );
    let open = schema("additionalProperties");
    assert_eq!(
        format(&call(open.clone())),
        json!({ "format": {
            "type": "json_schema", "name": "answer", "schema": open, "strict": false
        } })
    );
    let call = call(json!({ "type": "object" }));
    let body = OpenAiResponses.encode(&Ask::new("p", MODEL, &call, Enforcement::Tool)).unwrap();
    assert_eq!(body.body["tool_choice"], "required");
    assert_eq!(body.body["tools"][1]["name"], "answer");
    assert_eq!(body.body.get("text"), None);
}

#[test]
fn models_without_chat_completions_are_asked_this_way() {
    let only = ["gpt-5-codex", "gpt-5.1-codex-mini", "gpt-5-pro", "gpt-5.5-pro-2026-04-23"];
    let more = ["codex-mini-latest", "o1-pro", "o3-pro-2025-06-10", "computer-use-preview"];
    for model in [&only[..], &more[..]].concat() {
        assert!(is_only_way_to(model), "{model}");
        assert_eq!(path_of("openai", model, false), "responses", "{model}");
        assert_eq!(path_of("openai", model, true), "chat/completions", "{model}");
        assert_eq!(path_of("openrouter", model, false), "chat/completions", "{model}");
    }
    for model in
        ["gpt-5-mini", "gpt-4o", "gpt-5-preview", "o1", "o3-mini", "o4-mini", "codex", "computer"]
    {
        assert_eq!(path_of("openai", model, false), "chat/completions", "{model}");
    }
}

fn path_of(provider: &str, model: &str, has_base_url: bool) -> String {
    let wire = Provider::named(provider).wire(model, has_base_url).unwrap();
    encoded(wire, model, &ModelCall::default()).0
}

#[test]
fn only_models_that_stream_are_asked_to() {
    let streams =
        |model: &str| encoded(&OpenAiResponses, model, &ModelCall::default()).1["stream"] == true;
    assert!(streams("gpt-5-codex") && streams("codex-mini-latest"));
    assert!(!streams("o1-pro") && !streams("o3-pro-2025-06-10") && !streams("gpt-5-pro"));
}

#[test]
fn an_answer_and_its_calls_are_bounded() {
    let reading = |bytes| crate::model::reading::Reading::new(&OpenAiResponses, bytes);
    let many: Vec<_> = (0..10_000).map(|n| done(n, call(&n.to_string(), "t", "{}"))).collect();
    let error = reading(64 << 20).push(&events(&many, "")).unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("too_many_tool_calls", false));
    let items: Vec<_> = many.iter().map(|event| &event["item"]).collect();
    let whole = json!({ "status": "completed", "output": items });
    let mut read = reading(64 << 20);
    let error = read.push(whole.to_string().as_bytes()).and_then(|()| read.end()).unwrap_err();
    assert_eq!(error.code, "too_many_tool_calls");
    let error = reading(1_000).push(&events(&[says(&"x".repeat(1_001))], "")).unwrap_err();
    assert_eq!(error.code, "value_too_large");
    // What goes back to the provider counts, too.
    let long = done(0, call("c", "t", &json!({ "a": "x".repeat(600) }).to_string()));
    assert_eq!(reading(1_000).push(&events(&[long], "")).unwrap_err().code, "value_too_large");
}
