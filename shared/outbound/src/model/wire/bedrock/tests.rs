use flowgate_core::time::Timestamp;
use flowgate_engine::call::{Content, ContentPart, ModelCall, ModelMessage};
use http::header;
use url::Url;

use super::*;
use crate::framing::aws_message::tests::message;
use crate::model::reply::{Finish, Reply};
use crate::model::wire::tests::{calls, encoded, read, second_turn, summary, tool, turn_of};

const WIRE: Bedrock = Bedrock;
const MODEL: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";

/// An event, by name and payload.
type Event = (&'static str, Value);

fn stream(events: &[Event]) -> Vec<u8> {
    let encoded = |(name, payload): &Event| {
        let headers = [
            (":event-type", *name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        message(&headers, payload.to_string().as_bytes())
    };
    events.iter().flat_map(encoded).collect()
}

fn exception(kind: &str, text: &str) -> Vec<u8> {
    let headers = [(":exception-type", kind), (":message-type", "exception")];
    message(&headers, json!({ "message": text }).to_string().as_bytes())
}

fn delta(index: u64, delta: Value) -> Event {
    ("contentBlockDelta", json!({ "contentBlockIndex": index, "delta": delta }))
}

fn says(index: u64, text: &str) -> Event {
    delta(index, json!({ "text": text }))
}

fn call(index: u64, id: &str, name: &str) -> Event {
    let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
    ("contentBlockStart", json!({ "contentBlockIndex": index, "start": start }))
}

fn arguments(index: u64, piece: &str) -> Event {
    delta(index, json!({ "toolUse": { "input": piece } }))
}

fn reasons(index: u64, piece: Value) -> Event {
    delta(index, json!({ "reasoningContent": piece }))
}

fn stop(index: u64) -> Event {
    ("contentBlockStop", json!({ "contentBlockIndex": index }))
}

fn finish(reason: &str) -> Event {
    ("messageStop", json!({ "stopReason": reason }))
}

fn metadata(usage: Value) -> Event {
    ("metadata", json!({ "usage": usage, "metrics": { "latencyMs": 1 } }))
}

fn started() -> Event {
    ("messageStart", json!({ "role": "assistant" }))
}

fn answer(events: &[Event]) -> Reply {
    read(&WIRE, &stream(events)).unwrap()
}

fn check(events: &[Event], text: &str, finish: &str) {
    let read = summary(read(&WIRE, &stream(events)));
    assert_eq!(read, (text.to_owned(), finish.to_owned()));
}

#[test]
fn an_answer_is_whole_only_with_a_stop_reason() {
    let usage = metadata(json!({ "inputTokens": 1, "outputTokens": 2 }));
    check(
        &[started(), says(0, "a"), says(0, "b"), stop(0), finish("end_turn"), usage.clone()],
        "ab",
        "stop",
    );
    check(&[says(0, "a"), finish("end_turn")], "a", "stop");
    check(&[says(0, "a"), stop(0), usage], "a", "cut");
    check(&[started(), says(0, "a")], "a", "cut");
    check(&[started()], "", "cut");
    check(&[], "", "cut");
    check(&[says(0, "a"), stop(0), says(1, "b"), finish("end_turn")], "ab", "stop");
    // The connection ends within a message.
    let mut cut = stream(&[says(0, "a"), finish("end_turn")]);
    cut.truncate(cut.len() - 1);
    assert_eq!(summary(read(&WIRE, &cut)), ("a".to_owned(), "cut".to_owned()));
}

#[test]
fn every_stop_reason_has_its_word() {
    for (raw, word) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filtered", "filter"),
        ("guardrail_intervened", "filter"),
        ("refusal", "refusal"),
        ("malformed_model_output", "error"),
        ("malformed_tool_use", "error"),
        ("tool_use", "error"),
        ("something_new", "other:something_new"),
    ] {
        check(&[says(0, "a"), finish(raw)], "a", word);
    }
}

#[test]
fn an_error_is_an_error_wherever_it_stands() {
    let read_after = |before: &[Event], error: Vec<u8>| {
        read(&WIRE, &[stream(before), error].concat()).unwrap_err()
    };
    let slow = || exception("throttlingException", "Too many tokens");
    for before in [vec![], vec![says(0, "a")], vec![says(0, "a"), finish("end_turn")]] {
        let error = read_after(&before, slow());
        assert_eq!(error.message, "answered: throttlingException: Too many tokens");
        assert_eq!((error.code.as_str(), error.retryable), ("model_error", true));
    }
    for (kind, retryable) in [
        ("modelStreamErrorException", true),
        ("internalServerException", true),
        ("serviceUnavailableException", true),
        ("validationException", false),
        ("accessDeniedException", false),
    ] {
        assert_eq!(read_after(&[], exception(kind, "m")).retryable, retryable, "{kind}");
    }
    let body = |body: Value| summary(read(&WIRE, body.to_string().as_bytes()));
    let said = |text: &str| (format!("answered: {text}"), "model_error".to_owned());
    assert_eq!(body(json!({ "message": "no" })), said("no"));
    assert_eq!(body(json!({ "error": { "message": "no" } })), said("no"));
    assert_eq!(body(json!({})), said("an error"));
    let mut broken = stream(&[says(0, "a"), finish("end_turn")]);
    broken[20] ^= 1;
    let unreadable = ("sent an answer that cannot be parsed".to_owned(), "model_error".to_owned());
    assert_eq!(summary(read(&WIRE, &broken)), unreadable);
    assert_eq!(summary(read(&WIRE, b"<html>Bad gateway</html>")), unreadable);
}

#[test]
fn what_makes_no_sense_is_unreadable() {
    let unreadable = "sent an answer that cannot be parsed";
    let text = || says(0, "a");
    let signed = || reasons(0, json!({ "signature": "s" }));
    let redacted = |data: &str| reasons(0, json!({ "redactedContent": data }));
    for pair in [
        [text(), arguments(0, "{}")],
        [text(), signed()],
        [text(), redacted("AAAA")],
        [call(0, "a", "t"), text()],
        [signed(), text()],
        [signed(), redacted("AAAA")],
        [redacted("AA=="), redacted("AAAA")],
        [redacted("AAA"), redacted("AAAA")],
    ] {
        check(&pair, unreadable, "model_error");
    }
    check(&[text(), says(1, "b"), text()], unreadable, "model_error");
    let odd = [
        ("contentBlockDelta", json!({ "contentBlockIndex": "x", "delta": 7 })),
        ("contentBlockStart", Value::Null),
        ("messageStop", json!([])),
        ("somethingNew", json!({ "text": "b" })),
        ("messageStop", json!({})),
        delta(0, json!({ "citation": {} })),
        reasons(1, json!({})),
    ];
    check(&[&[text()], &odd[..], &[finish("end_turn")]].concat(), "a", "stop");
}

#[test]
fn an_event_may_have_no_payload() {
    let initial = message(&[(":event-type", "initial-response"), (":message-type", "event")], b"");
    let bytes = [initial, stream(&[says(0, "a"), finish("end_turn")])].concat();
    assert_eq!(summary(read(&WIRE, &bytes)), ("a".to_owned(), "stop".to_owned()));
}

#[test]
fn a_whole_answer_where_a_stream_was_asked_for_is_read() {
    let content = json!([
        { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "sig" } } },
        { "reasoningContent": { "redactedContent": "AAAA" } },
        { "text": "hi" },
        { "toolUse": { "toolUseId": "a", "name": "weather", "input": { "city": "Oslo" } } },
        { "toolUse": { "toolUseId": "b", "name": "now", "input": {} } }
    ]);
    let body = json!({
        "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": "tool_use",
        "usage": { "inputTokens": 3, "outputTokens": 4, "totalTokens": 7 }
    });
    let reply = read(&WIRE, body.to_string().as_bytes()).unwrap();
    assert_eq!((reply.content.as_str(), &reply.finish), ("hi", &Some(Finish::Tools)));
    assert_eq!(calls(&reply), ["a weather {\"city\":\"Oslo\"}", "b now {}"]);
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(4)));
    assert_eq!(reply.message, json!({ "role": "assistant", "content": content }));
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
        call(2, "c", "now"),
        stop(2),
        finish("tool_use"),
    ]);
    assert_eq!(
        calls(&interleaved),
        ["a weather {\"city\":\"Oslo\"}", "b time {\"city\":\"Rome\"}", "c now {}"]
    );
    assert_eq!(interleaved.finish, Some(Finish::Tools));
    let without_id = answer(&[call(0, "", "now"), finish("tool_use")]);
    assert_eq!(calls(&without_id), ["call_0 now {}"]);
    assert_eq!(without_id.message["content"][0]["toolUse"]["toolUseId"], "call_0");
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
    assert_eq!(reply.message["content"][0]["toolUse"]["input"], json!({}));
}

#[test]
fn an_answer_has_a_limit() {
    let long = "x".repeat(1_001);
    let empty = |n: u64| [says(2 * n, ""), reasons(2 * n + 1, json!({ "redactedContent": "" }))];
    let empty: Vec<_> = (0..2).flat_map(empty).collect();
    let limited = |pieces: &[Event]| {
        let mut reading = crate::model::reading::Reading::new(&WIRE, 1_000);
        reading.push(&stream(pieces)).unwrap_err().code
    };
    assert_eq!(limited(&empty), "value_too_large");
    for piece in [
        says(0, &long),
        arguments(0, &long),
        reasons(0, json!({ "text": long })),
        reasons(0, json!({ "signature": long })),
        reasons(0, json!({ "redactedContent": long })),
    ] {
        assert_eq!(limited(std::slice::from_ref(&piece)), "value_too_large", "{piece:?}");
    }
    let many: Vec<_> = (0..10_000).map(|n| call(n, &n.to_string(), "t")).collect();
    let mut reading = crate::model::reading::Reading::new(&WIRE, 4 << 20);
    assert_eq!(reading.push(&stream(&many)).unwrap_err().code, "too_many_tool_calls");
}

#[test]
fn usage_has_one_meaning() {
    let check = |usage: Value| {
        let usage = answer(&[says(0, "a"), finish("end_turn"), metadata(usage)]).usage;
        (usage.input, usage.output, usage.cached, usage.cache_written)
    };
    let cached = json!({
        "inputTokens": 10, "outputTokens": 5, "totalTokens": 22,
        "cacheReadInputTokens": 4, "cacheWriteInputTokens": 3
    });
    assert_eq!(check(cached), (Some(17), Some(5), 4, 3));
    assert_eq!(check(json!({ "outputTokens": 5 })), (None, Some(5), 0, 0));
    assert_eq!(check(Value::Null), (None, None, 0, 0));
    let huge = json!({ "inputTokens": u64::MAX, "cacheReadInputTokens": u64::MAX });
    assert_eq!(check(huge), (Some(u64::MAX), None, u64::MAX, 0));
}

/// Signed and redacted reasoning, reasoning that nobody signed, and two calls.
fn thoughtful() -> Vec<Event> {
    vec![
        started(),
        reasons(0, json!({ "text": "Let " })),
        reasons(0, json!({ "text": "me think." })),
        reasons(0, json!({ "signature": "EqQB" })),
        stop(0),
        reasons(1, json!({ "redactedContent": "AAAA" })),
        reasons(1, json!({ "redactedContent": "BB==" })),
        stop(1),
        reasons(2, json!({ "text": "unsigned" })),
        says(3, "I look "),
        says(3, "it up."),
        stop(3),
        says(4, "\n"),
        call(5, "a", "weather"),
        arguments(5, "{\"city\": \"Oslo\"}"),
        stop(5),
        call(6, "b", "time"),
        stop(6),
        finish("tool_use"),
    ]
}

#[test]
fn what_the_model_said_goes_back_unchanged() {
    let first = answer(&thoughtful());
    assert_eq!(first.content, "I look it up.\n");
    let (path, body) = encoded(&WIRE, MODEL, &second_turn(turn_of(first)));
    assert_eq!(path, "model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream");
    let base = Url::parse("https://bedrock-runtime.us-east-1.amazonaws.com/").unwrap();
    assert_eq!(base.join(&path).unwrap().path(), format!("/{path}"));
    let spec = |name: &str| {
        let tool = tool(name);
        json!({ "toolSpec": {
            "name": name, "inputSchema": { "json": tool.parameters },
            "description": tool.description
        } })
    };
    let reasoning = json!({ "text": "Let me think.", "signature": "EqQB" });
    assert_eq!(
        body,
        json!({
            "messages": [
                { "role": "user", "content": [{ "text": "Weather?" }] },
                { "role": "assistant", "content": [
                    { "reasoningContent": { "reasoningText": reasoning } },
                    { "reasoningContent": { "redactedContent": "AAAABB==" } },
                    { "text": "I look it up." },
                    { "toolUse": {
                        "toolUseId": "a", "name": "weather", "input": { "city": "Oslo" }
                    } },
                    { "toolUse": { "toolUseId": "b", "name": "time", "input": {} } }
                ] },
                { "role": "user", "content": [
                    { "toolResult": {
                        "toolUseId": "a", "content": [{ "text": "{\"celsius\":21}" }]
                    } },
                    { "toolResult": {
                        "toolUseId": "b", "content": [{ "text": "no such city" }],
                        "status": "error"
                    } }
                ] }
            ],
            "system": [{ "text": "Be brief." }],
            "inferenceConfig": {
                "maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]
            },
            "toolConfig": { "tools": [spec("weather"), spec("time")] }
        })
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
            { "text": "I look it up.\n" },
            { "toolUse": { "toolUseId": "turn1_0", "name": "weather", "input": { "city": "Oslo" } } },
            { "toolUse": { "toolUseId": "turn1_1", "name": "time", "input": {} } }
        ] })
    );
}

#[test]
fn only_some_models_take_a_results_status() {
    for (model, expected) in [
        (MODEL, json!("error")),
        ("amazon.nova-pro-v1:0", json!("error")),
        ("meta.llama3-3-70b-instruct-v1:0", Value::Null),
    ] {
        let turn = turn_of(answer(&thoughtful()));
        let body = encoded(&WIRE, model, &second_turn(turn)).1;
        assert_eq!(body["messages"][2]["content"][1]["toolResult"]["status"], expected, "{model}");
    }
}

#[test]
fn pictures_are_bytes_or_lie_in_s3() {
    let with_image = |image: Image| {
        let parts = vec![ContentPart::Text { text: "What?".into() }, ContentPart::Image { image }];
        let messages = vec![ModelMessage::User { content: Content::Parts(parts) }];
        ModelCall { messages, ..ModelCall::default() }
    };
    let base64 = Image::Base64 { media_type: "image/jpg".into(), data: "AAAA".into() };
    for image in [base64, Image::Url("data:image/jpeg;base64,AAAA".into())] {
        assert_eq!(
            encoded(&WIRE, MODEL, &with_image(image)).1,
            json!({ "messages": [{ "role": "user", "content": [
                { "text": "What?" },
                { "image": { "format": "jpeg", "source": { "bytes": "AAAA" } } }
            ] }] })
        );
    }
    let stored = encoded(&WIRE, MODEL, &with_image(Image::Url("s3://bucket/a.b/c.JPG".into()))).1;
    assert_eq!(
        stored["messages"][0]["content"][1],
        json!({ "image": {
            "format": "jpeg", "source": { "s3Location": { "uri": "s3://bucket/a.b/c.JPG" } }
        } })
    );
    for (url, why) in [
        ("https://example.com/a.png", "base64"),
        ("s3://bucket/a", "PNG"),
        ("s3://bucket/a.pdf", "PNG"),
    ] {
        let call = with_image(Image::Url(url.into()));
        let refused = WIRE.encode(&Ask::new("p", MODEL, &call, Enforcement::Prompt)).err().unwrap();
        assert_eq!(refused.code, "invalid_request");
        assert!(refused.message.contains(why), "{}", refused.message);
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
            messages: vec![ModelMessage::user("x")],
            tools,
            temperature: Some(0.5),
            schema: Some(schema.clone()),
            ..ModelCall::default()
        };
        encoded(&WIRE, model, &call).1
    };
    let messages = json!([{ "role": "user", "content": [{ "text": "x" }] }]);
    let settings = json!({ "temperature": 0.5 });
    let strict = "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"number\",\
                  \"description\":\"minimum: 1\"}},\"required\":[\"n\"],\
                  \"additionalProperties\":false}";
    assert_eq!(
        body("us.anthropic.claude-opus-4-5-20251101-v1:0", &schema, vec![]),
        json!({
            "messages": messages, "inferenceConfig": settings,
            "outputConfig": { "textFormat": { "type": "json_schema", "structure": {
                "jsonSchema": { "name": "answer", "schema": strict }
            } } }
        })
    );
    let answer = json!({ "toolSpec": {
        "name": "answer", "description": "Gives the final answer.",
        "inputSchema": { "json": schema }
    } });
    for model in [MODEL, "amazon.nova-lite-v1:0", "mistral.mistral-large-2407-v1:0"] {
        assert_eq!(
            body(model, &schema, vec![]),
            json!({
                "messages": messages, "inferenceConfig": settings,
                "toolConfig": { "tools": [answer], "toolChoice": { "any": {} } }
            })
        );
    }
    let prompted = |model: &str, schema: &Value, tools: Vec<ModelTool>| {
        let body = body(model, schema, tools);
        assert_eq!(body.get("outputConfig"), None);
        assert_eq!(body["toolConfig"].get("toolChoice"), None);
        let system = body["system"][0]["text"].as_str().unwrap();
        assert!(system.contains("JSON Schema"), "{system}");
    };
    let llama = "meta.llama3-3-70b-instruct-v1:0";
    prompted("anthropic.claude-opus-5", &json!({ "type": "object" }), vec![]);
    prompted("anthropic.claude-v2:1", &schema, vec![]);
    prompted(llama, &schema, vec![tool("weather")]);
}

#[test]
fn a_key_is_a_token_or_signs() {
    let url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream";
    let url = Url::parse(url).unwrap();
    let request = Unsigned { url: &url, body: b"{}", now: Timestamp(1_440_938_160_000) };
    let headers = WIRE.authorize("ABSKQmVkcm9jaw==", &request).unwrap();
    assert_eq!(headers[header::AUTHORIZATION], "Bearer ABSKQmVkcm9jaw==");
    assert_eq!(headers.len(), 1);
    let headers = WIRE.authorize("AKIDEXAMPLE:secret:token", &request).unwrap();
    let signed = headers[header::AUTHORIZATION].to_str().unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, ";
    assert!(signed.starts_with(scope), "{signed}");
    assert_eq!(headers.len(), 3);
    assert_eq!(WIRE.secrets("AKID:secret:token"), ["AKID:secret:token", "secret", "token"]);
    assert_eq!(WIRE.secrets("ABSK"), ["ABSK"]);
}
