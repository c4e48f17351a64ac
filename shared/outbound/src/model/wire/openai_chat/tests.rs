use flowgate_engine::call::{Content, ContentPart, Image, ModelCall, ModelMessage, Turn};
use serde_json::{Value, json};

use super::*;
use crate::model::reply::{Finish, Reply};
use crate::model::wire::tests::{
    calls, encoded, events, read, second_turn, summary, tool, turn_of,
};

const WIRE: OpenAiChat = OpenAiChat(&COMPATIBLE);
const DONE: &str = "data: [DONE]\n\n";

fn delta(delta: Value) -> Value {
    json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

fn says(text: &str) -> Value {
    delta(json!({ "content": text }))
}

fn finish(reason: &str) -> Value {
    json!({ "id": "c", "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
}

fn call(index: Value, id: Value, name: &str, arguments: Value) -> Value {
    let function = json!({ "name": name, "arguments": arguments });
    let mut call = json!({ "index": index, "id": id, "type": "function", "function": function });
    call.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    delta(json!({ "tool_calls": [call] }))
}

fn more(index: u64, arguments: &str) -> Value {
    delta(json!({ "tool_calls": [{ "index": index, "function": { "arguments": arguments } }] }))
}

fn answer(frames: &[Value], end: &str) -> Reply {
    read(&WIRE, &events(frames, end)).unwrap()
}

fn check(frames: &[Value], end: &str, text: &str, finish: &str) {
    let read = summary(read(&WIRE, &events(frames, end)));
    assert_eq!(read, (text.to_owned(), finish.to_owned()));
}

#[test]
fn an_answer_is_whole_only_with_a_finish_reason() {
    check(&[says("a"), says("b"), finish("stop")], DONE, "ab", "stop");
    check(&[says("a"), finish("stop")], "", "a", "stop");
    check(&[says("a")], DONE, "a", "cut");
    check(&[says("a")], "", "a", "cut");
    check(&[says("a")], "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b", "a", "cut");
    check(&[], "", "", "cut");
    check(&[], DONE, "", "cut");
    check(&[says("a"), finish("stop")], "data: {\"choices\":[],\"usa", "a", "stop");
    // The last empty line is missing.
    check(&[says("a")], &format!("data: {}", finish("stop")), "a", "stop");
}

#[test]
fn every_finish_reason_has_its_word() {
    for (raw, word) in [
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "filter"),
        ("error", "error"),
        ("insufficient_system_resource", "error"),
        ("tool_calls", "error"),
        ("eos", "stop"),
        ("something_new", "other:something_new"),
    ] {
        check(&[says("a"), finish(raw)], DONE, "a", word);
    }
    check(&[delta(json!({ "refusal": "I can't." })), finish("stop")], DONE, "I can't.", "refusal");
}

#[test]
fn an_error_is_an_error_wherever_it_stands() {
    let said = |text: &str| format!("answered: {text}");
    let error = json!({ "error": { "message": "overloaded", "type": "server_error" } });
    check(&[says("a"), error.clone()], "", &said("overloaded"), "model_error");
    check(
        &[json!({ "code": "x", "error": "grok says no" })],
        DONE,
        &said("grok says no"),
        "model_error",
    );
    let in_choice = json!({
        "choices": [{ "index": 0, "delta": {}, "error": { "message": "upstream", "code": 502 } }]
    });
    check(&[in_choice], "", &said("upstream"), "model_error");
    let body = |body: Value| summary(read(&WIRE, body.to_string().as_bytes()));
    assert_eq!(body(error), (said("overloaded"), "model_error".to_owned()));
    let unreadable = ("sent an answer that cannot be parsed".to_owned(), "model_error".to_owned());
    assert_eq!(summary(read(&WIRE, b"data: {not json}\n\n")), unreadable);
    assert_eq!(summary(read(&WIRE, b"data: \xff\n\n")), unreadable);
    assert_eq!(
        summary(read(&WIRE, b"<html>Bad gateway</html>")),
        (String::new(), "cut".to_owned())
    );
}

#[test]
fn a_whole_answer_where_a_stream_was_asked_for_is_read() {
    let body = json!({
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "hi", "refusal": null },
            "finish_reason": "stop"
        }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4 },
        "error": null
    });
    let reply = read(&WIRE, format!("\u{feff}\n{body:#}\n").as_bytes()).unwrap();
    assert_eq!((reply.content.as_str(), reply.finish), ("hi", Some(Finish::Stop)));
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(1)));
}

#[test]
fn line_ends_comments_and_marks_are_the_standards() {
    let text = format!(
        "\u{feff}: OPENROUTER PROCESSING\r\n\r\nevent: message\r\nid: 1\r\ndata:{}\r\n\r\n\
         : keep-alive\rdata: {}\r\rretry: 5\n\ndata: {}\n\n",
        says("a"),
        says("b"),
        finish("stop")
    );
    assert_eq!(summary(read(&WIRE, text.as_bytes())), ("ab".to_owned(), "stop".to_owned()));
    // An event may have several lines of data.
    let pretty: String =
        format!("{:#}", says("a")).lines().map(|line| format!("data: {line}\n")).collect();
    let text = format!("{pretty}\ndata: {}\n\n", finish("stop"));
    assert_eq!(summary(read(&WIRE, text.as_bytes())), ("a".to_owned(), "stop".to_owned()));
}

#[test]
fn tool_calls_come_in_pieces() {
    let interleaved = answer(
        &[
            call(json!(0), json!("a"), "weather", json!("")),
            call(json!(1), json!("b"), "time", json!("{\"ci")),
            more(0, "{\"city\":"),
            more(1, "ty\":\"Rome\"}"),
            more(0, "\"Oslo\"}"),
            finish("tool_calls"),
        ],
        DONE,
    );
    let expected = ["a weather {\"city\":\"Oslo\"}", "b time {\"city\":\"Rome\"}"];
    assert_eq!(calls(&interleaved), expected);
    assert_eq!(interleaved.finish, Some(Finish::Tools));
    let without_index = answer(
        &[
            call(Value::Null, json!("a"), "weather", json!("{\"city\":\"Oslo\"}")),
            call(Value::Null, json!("b"), "time", json!({ "city": "Rome" })),
            finish("stop"),
        ],
        DONE,
    );
    assert_eq!(calls(&without_index), expected);
    assert_eq!(without_index.finish, Some(Finish::Tools));
    let same_index = answer(
        &[
            call(json!(0), json!("a"), "weather", json!("{\"city\":\"Oslo\"}")),
            call(json!(0), json!("b"), "time", json!("{\"city\":\"Rome\"}")),
            finish("tool_calls"),
        ],
        DONE,
    );
    assert_eq!(calls(&same_index), expected);
    let without_ids = answer(
        &[
            call(json!(0), json!("null"), "now", Value::Null),
            call(json!(1), Value::Null, "now", json!("")),
            finish("tool_calls"),
        ],
        DONE,
    );
    assert_eq!(calls(&without_ids), ["call_0 now {}", "call_1 now {}"]);
}

#[test]
fn calls_that_may_be_cut_are_not_made() {
    let begun = call(json!(0), json!("a"), "weather", json!("{\"city\":"));
    let cut = answer(std::slice::from_ref(&begun), DONE);
    assert_eq!((cut.calls.len(), cut.finish), (0, None));
    let full = answer(&[begun, finish("length")], DONE);
    assert_eq!((full.calls.len(), full.finish), (0, Some(Finish::Length)));
}

#[test]
fn arguments_that_are_no_object_are_kept_as_they_came() {
    let check = |arguments: &str, expected: &str| {
        let call = call(json!(0), json!("a"), "t", json!(arguments));
        let reply = answer(&[call, finish("tool_calls")], DONE);
        assert_eq!(calls(&reply), [format!("a t {expected}")]);
        reply.calls[0].invalid.is_some()
    };
    assert!(check("{\"a\": ", "{\"a\": "));
    assert!(check("[1]", "[1]"));
    assert!(!check("  ", "{}"));
    assert!(!check("\"{\\\"a\\\":1}\"", "{\"a\":1}"));
}

#[test]
fn one_turn_asks_for_a_bounded_number_of_calls() {
    let frames: Vec<_> =
        (0..10_000).map(|n| call(json!(n), json!(n.to_string()), "t", json!("{}"))).collect();
    let mut reading = crate::model::reading::Reading::new(&WIRE, 4 << 20);
    let error = reading.push(&events(&frames, DONE)).unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("too_many_tool_calls", false));
}

#[test]
fn an_answer_has_a_limit() {
    let mut reading = crate::model::reading::Reading::new(&WIRE, 1_000);
    let error = reading.push(&events(&[says(&"x".repeat(1_001))], DONE)).unwrap_err();
    assert_eq!(error.code, "value_too_large");
    let mut reading = crate::model::reading::Reading::new(&WIRE, 1_000);
    let endless = "x".repeat(64 << 10);
    let pushed = (0..1_000).find_map(|_| reading.push(endless.as_bytes()).err());
    assert_eq!(pushed.unwrap().code, "value_too_large");
}

#[test]
fn usage_has_one_meaning() {
    let check = |usage: Value| {
        let last = json!({ "choices": [], "usage": usage });
        let usage = answer(&[says("a"), finish("stop"), last], DONE).usage;
        (usage.input, usage.output, usage.cached, usage.reported_nano_usd)
    };
    assert_eq!(
        check(json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": { "cached_tokens": 4 },
            "completion_tokens_details": { "reasoning_tokens": 3 }
        })),
        (Some(10), Some(5), 4, None)
    );
    // xAI counts reasoning apart, DeepSeek names its cache otherwise, OpenRouter gives the price.
    assert_eq!(
        check(json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 18,
            "completion_tokens_details": { "reasoning_tokens": 3 }
        })),
        (Some(10), Some(8), 0, None)
    );
    assert_eq!(
        check(json!({
            "prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 2,
            "cost": 0.00012
        })),
        (Some(10), Some(5), 2, Some(120_000))
    );
    assert_eq!(check(json!({ "prompt_tokens": 10, "cost": -1 })), (Some(10), None, 0, None));
    assert_eq!(check(Value::Null), (None, None, 0, None));
    let groq = json!({
        "choices": [], "x_groq": { "usage": { "prompt_tokens": 1, "completion_tokens": 2 } }
    });
    let usage = answer(&[says("a"), finish("stop"), groq], DONE).usage;
    assert_eq!((usage.input, usage.output), (Some(1), Some(2)));
}

#[test]
fn only_the_answer_is_content() {
    let mistral = delta(json!({ "content": [
        { "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] },
        { "type": "text", "text": "yes" }
    ] }));
    check(&[mistral, finish("stop")], DONE, "yes", "stop");
    check(
        &[delta(json!({ "reasoning_content": "hm" })), says("a"), finish("stop")],
        DONE,
        "a",
        "stop",
    );
    let other = json!({ "choices": [{ "index": 1, "delta": { "content": "b" } }] });
    check(&[says("a"), other, finish("stop")], DONE, "a", "stop");
}

#[test]
fn what_the_model_said_goes_back_unchanged() {
    let detail = json!({ "type": "reasoning.encrypted", "data": "abc" });
    let first = answer(
        &[
            delta(json!({ "reasoning_content": "hm", "reasoning_details": [detail] })),
            says("Let me see."),
            call(json!(0), json!("a"), "weather", json!("{\"city\": \"Oslo\"}")),
            call(json!(1), json!("b"), "time", json!("")),
            finish("tool_calls"),
        ],
        DONE,
    );
    let (path, body) = encoded(&WIRE, "m", &second_turn(turn_of(first)));
    assert_eq!(path, "chat/completions");
    let function = |name: &str| {
        let tool = tool(name);
        json!({ "type": "function", "function": {
            "name": name, "description": tool.description, "parameters": tool.parameters
        } })
    };
    assert_eq!(
        body,
        json!({
            "model": "m",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "Weather?" },
                {
                    "role": "assistant", "content": "Let me see.",
                    "tool_calls": [
                        { "id": "a", "type": "function", "function": {
                            "name": "weather", "arguments": "{\"city\": \"Oslo\"}"
                        } },
                        { "id": "b", "type": "function", "function": {
                            "name": "time", "arguments": "{}"
                        } }
                    ],
                    "reasoning_content": "hm",
                    "reasoning_details": [detail]
                },
                { "role": "tool", "tool_call_id": "a", "content": "{\"celsius\":21}" },
                { "role": "tool", "tool_call_id": "b", "content": "no such city" }
            ],
            "tools": [function("weather"), function("time")],
            "temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "seed": 7, "stop": ["END"],
            "stream": true, "stream_options": { "include_usage": true }
        })
    );
}

#[test]
fn another_providers_turn_is_put_in_our_words() {
    let turn = Turn {
        provider: "other".into(),
        content: String::new(),
        calls: vec![flowgate_engine::call::TurnCall {
            id: "a".into(),
            name: "weather".into(),
            arguments: json!({ "city": "Oslo" }).as_object().unwrap().clone(),
            invalid: None,
        }],
        message: json!({ "thinking": "signed" }),
    };
    // The second one is ours, but by OpenAI's other protocol.
    let items = Turn { provider: "p".into(), message: json!([{ "id": "rs" }]), ..turn.clone() };
    for turn in [turn, items] {
        let call = ModelCall {
            messages: vec![ModelMessage::Turn { turn: turn.into() }],
            ..ModelCall::default()
        };
        assert_eq!(
            encoded(&WIRE, "m", &call).1["messages"],
            json!([{ "role": "assistant", "content": null, "tool_calls": [{
                "id": "a", "type": "function",
                "function": { "name": "weather", "arguments": "{\"city\":\"Oslo\"}" }
            }] }])
        );
    }
}

#[test]
fn pictures_are_urls() {
    let image = |image| ContentPart::Image { image };
    let parts = vec![
        ContentPart::Text { text: "What?".into() },
        image(Image::Url("https://example.com/a.png".into())),
        image(Image::Base64 { media_type: "image/png".into(), data: "AAAA".into() }),
    ];
    let call = ModelCall {
        messages: vec![ModelMessage::User { content: Content::Parts(parts) }],
        ..ModelCall::default()
    };
    assert_eq!(
        encoded(&WIRE, "m", &call).1["messages"][0]["content"],
        json!([
            { "type": "text", "text": "What?" },
            { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }
        ])
    );
}

#[test]
fn each_dialect_gets_what_it_knows() {
    let schema = json!({
        "type": "object", "properties": { "n": { "type": "number" } }, "required": ["n"]
    });
    let call = ModelCall {
        messages: vec![ModelMessage::user("x")],
        seed: Some(1),
        max_tokens: Some(5),
        temperature: Some(0.1),
        schema: Some(schema),
        ..ModelCall::default()
    };
    let with_tools = ModelCall { tools: vec![tool("weather")], ..call.clone() };
    let body = |dialect: &'static Dialect, model: &str, call: &ModelCall| {
        encoded(&OpenAiChat(dialect), model, call).1
    };
    let openai = body(&OPENAI, "gpt-4o", &call);
    assert_eq!(openai["response_format"]["json_schema"]["strict"], true);
    assert_eq!(
        (&openai["max_completion_tokens"], &openai["temperature"]),
        (&json!(5), &json!(0.1))
    );
    let reasoning = body(&OPENAI, "gpt-5-mini", &call);
    assert_eq!(
        (&reasoning["max_completion_tokens"], reasoning.get("temperature")),
        (&json!(5), None)
    );
    let mistral = body(&MISTRAL, "mistral-medium", &with_tools);
    assert_eq!((&mistral["random_seed"], &mistral["model"]), (&json!(1), &json!("mistral-medium")));
    assert_eq!((mistral.get("seed"), mistral.get("stream_options")), (None, None));
    let deepseek = body(&DEEPSEEK, "deepseek-chat", &with_tools);
    assert_eq!(deepseek["response_format"], json!({ "type": "json_object" }));
    assert!(deepseek["messages"][0]["content"].as_str().unwrap().contains("JSON Schema"));
    // Groq streams no JSON, and takes no format with tools.
    let groq = body(&GROQ, "llama", &call);
    assert_eq!((&groq["stream"], groq.get("stream_options")), (&json!(false), None));
    let groq = body(&GROQ, "llama", &with_tools);
    assert_eq!((&groq["tool_choice"], groq.get("response_format")), (&json!("required"), None));
    assert_eq!(groq["tools"][1]["function"]["name"], "answer");
    let openrouter = body(&OPENROUTER, "x/y", &call);
    assert_eq!(openrouter["provider"], json!({ "require_parameters": true }));
}

#[test]
fn a_call_of_the_answer_tool_is_the_answer() {
    let call_data = ModelCall {
        tools: vec![tool("answer")],
        schema: Some(json!({ "type": "object" })),
        ..ModelCall::default()
    };
    let ask = Ask::new("groq", "m", &call_data, Enforcement::Tool);
    let frames = [call(json!(0), json!("a"), "answer_", json!("{\"n\":1}")), finish("tool_calls")];
    let reply = ask.settle(answer(&frames, DONE));
    assert_eq!((reply.content.as_str(), reply.calls.len()), ("{\"n\":1}", 0));
    assert_eq!(reply.finish, Some(Finish::Stop));
}

#[test]
fn calls_of_an_unknown_finish_are_made_only_if_whole() {
    let named = call(json!(0), json!("a"), "t", Value::Null);
    let cut = answer(&[named, finish("abort")], DONE);
    assert_eq!((cut.calls.len(), cut.finish), (0, Some(Finish::Other("abort".into()))));
    let whole = call(json!(0), json!("a"), "t", json!("{}"));
    assert_eq!(answer(&[whole, finish("abort")], DONE).finish, Some(Finish::Tools));
}

#[test]
fn whole_calls_without_ids_and_indexes_stay_apart() {
    let function = |name: &str| json!({ "function": { "name": name, "arguments": "{}" } });
    let body = json!({ "choices": [{
        "message": { "tool_calls": [function("a"), function("b"), function("b")] },
        "finish_reason": "tool_calls"
    }] });
    let reply = read(&WIRE, body.to_string().as_bytes()).unwrap();
    assert_eq!(calls(&reply), ["call_0 a {}", "call_1 b {}", "call_2 b {}"]);
}

/// Servers parse what they get back.
#[test]
fn arguments_that_are_no_object_do_not_go_back() {
    let cut = call(json!(0), json!("a"), "t", json!("{\"a\": "));
    let reply = answer(&[cut, finish("tool_calls")], DONE);
    assert_eq!(reply.message["tool_calls"][0]["function"]["arguments"], "{}");
    assert!(reply.calls[0].invalid.is_some());
}

#[test]
fn absurd_counts_stay_counts() {
    let last = json!({ "choices": [], "usage": {
        "prompt_tokens": u64::MAX, "completion_tokens": u64::MAX, "total_tokens": 5,
        "completion_tokens_details": { "reasoning_tokens": 7 }
    } });
    let usage = answer(&[says("a"), finish("stop"), last], DONE).usage;
    assert_eq!((usage.output, usage.total()), (Some(u64::MAX), Some(u64::MAX)));
}
