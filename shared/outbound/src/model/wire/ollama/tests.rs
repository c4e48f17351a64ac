use flowgate_engine::call::ModelCall;

use super::*;
use crate::model::provider::Provider;
use crate::model::reply::{Finish, Reply};
use crate::model::wire::tests::{calls, encoded, read, second_turn, summary, tool, turn_of};

fn line(message: Value) -> Value {
    json!({
        "model": "m", "created_at": "2025-01-01T00:00:00Z", "message": message, "done": false
    })
}

fn says(text: &str) -> Value {
    line(json!({ "role": "assistant", "content": text }))
}

fn calls_tools(calls: Value) -> Value {
    line(json!({ "role": "assistant", "content": "", "tool_calls": calls }))
}

fn done(more: Value) -> Value {
    let mut line = says("");
    line["done"] = true.into();
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

fn ends(reason: &str) -> Value {
    done(json!({ "done_reason": reason }))
}

fn lines(lines: &[Value], end: &str) -> Vec<u8> {
    let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    text.push_str(end);
    text.into_bytes()
}

fn answer(frames: &[Value]) -> Reply {
    read(&Ollama, &lines(frames, "")).unwrap()
}

fn check(frames: &[Value], end: &str, text: &str, finish: &str) {
    let read = summary(read(&Ollama, &lines(frames, end)));
    assert_eq!(read, (text.to_owned(), finish.to_owned()));
}

#[test]
fn an_answer_is_whole_only_with_its_last_line() {
    check(&[says("a"), says("b"), ends("stop")], "", "ab", "stop");
    check(&[says("a")], "", "a", "cut");
    check(&[says("a")], "{\"model\":\"m\",\"message\":{\"content\":\"b\"},\"do", "a", "cut");
    check(&[], "", "", "cut");
    check(&[], "\n\n", "", "cut");
    // The last line end is missing, and empty lines keep the connection open.
    check(&[says("a")], &format!("\r\n\n{}", ends("stop")), "a", "stop");
    // Older servers give no reason.
    check(&[says("a"), done(json!({}))], "", "a", "stop");
    let whole = json!({
        "message": { "role": "assistant", "content": "hi" }, "done": true, "done_reason": "stop"
    });
    check(&[], &format!("\u{feff}{whole}"), "hi", "stop");
}

#[test]
fn every_finish_reason_has_its_word() {
    for (raw, word) in
        [("length", "length"), ("load", "other:load"), ("something_new", "other:something_new")]
    {
        check(&[says("a"), ends(raw)], "", "a", word);
    }
}

#[test]
fn an_error_is_an_error_wherever_it_stands() {
    let error = json!({ "error": "model runner has stopped" });
    let message = "answered: model runner has stopped";
    check(std::slice::from_ref(&error), "", message, "model_error");
    check(&[says("a"), error.clone()], "", message, "model_error");
    check(&[says("a")], &error.to_string(), message, "model_error");
    for text in ["{not json}\n", "<html>Bad gateway</html>\n", "null\u{0}\n"] {
        check(&[], text, "sent an answer that cannot be parsed", "model_error");
    }
    assert!(read(&Ollama, &lines(&[error], "")).unwrap_err().retryable);
}

#[test]
fn calls_come_whole() {
    let call = |name: &str, arguments: Value| {
        let function = json!({ "name": name, "arguments": arguments });
        json!({ "function": function })
    };
    let oslo = call("weather", json!({ "city": "Oslo" }));
    let mut named = oslo.clone();
    named["id"] = "a".into();
    let apart = answer(&[
        calls_tools(json!([oslo, call("now", json!({}))])),
        calls_tools(json!([named, { "function": { "name": "now" } }])),
        ends("stop"),
    ]);
    let expected = [
        "call_0 weather {\"city\":\"Oslo\"}",
        "call_1 now {}",
        "a weather {\"city\":\"Oslo\"}",
        "call_3 now {}",
    ];
    assert_eq!(
        (calls(&apart), &apart.finish),
        (expected.map(String::from).into(), &Some(Finish::Tools))
    );
    let odd = answer(&[calls_tools(json!([call("t", json!([1]))])), ends("stop")]);
    assert_eq!((calls(&odd), odd.calls[0].invalid.is_some()), (vec!["call_0 t [1]".into()], true));
    let begun = calls_tools(json!([oslo]));
    for (frames, finish) in
        [(vec![begun.clone()], None), (vec![begun, ends("length")], Some(Finish::Length))]
    {
        let reply = answer(&frames);
        assert_eq!((reply.calls.len(), reply.finish), (0, finish));
    }
    let cut = "{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"weather\",\"arguments\":{";
    let reply = read(&Ollama, &lines(&[says("a")], cut)).unwrap();
    assert_eq!((reply.calls.len(), reply.finish), (0, None));
}

#[test]
fn usage_has_one_meaning() {
    let check = |counts: Value| {
        let usage = answer(&[says("a"), done(counts)]).usage;
        (usage.input, usage.output)
    };
    let both = json!({ "prompt_eval_count": 10, "eval_count": 5, "eval_duration": 7 });
    assert_eq!(check(both), (Some(10), Some(5)));
    assert_eq!(check(json!({ "eval_count": 5 })), (None, Some(5)));
    assert_eq!(check(json!({ "eval_count": -5 })), (None, None));
}

#[test]
fn what_the_model_said_goes_back_unchanged() {
    let weather = json!({
        "id": "a", "function": { "index": 0, "name": "weather", "arguments": { "city": "Oslo" } }
    });
    let time = json!({ "function": { "name": "time", "arguments": {} } });
    let first = answer(&[
        line(json!({ "role": "assistant", "content": "", "thinking": "h" })),
        line(json!({ "role": "assistant", "content": "", "thinking": "m" })),
        says("Let me see."),
        calls_tools(json!([weather])),
        calls_tools(json!([time])),
        ends("stop"),
    ]);
    assert_eq!(first.content, "Let me see.");
    let (path, body) = encoded(&Ollama, "qwen3:8b", &second_turn(turn_of(first)));
    assert_eq!(path, "api/chat");
    let function = |name: &str| {
        let tool = tool(name);
        json!({ "type": "function", "function": {
            "name": name, "description": tool.description, "parameters": tool.parameters
        } })
    };
    assert_eq!(
        body,
        json!({
            "model": "qwen3:8b",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "Weather?" },
                {
                    "role": "assistant", "content": "Let me see.", "thinking": "hm",
                    "tool_calls": [weather, time]
                },
                { "role": "tool", "tool_name": "weather", "content": "{\"celsius\":21}" },
                { "role": "tool", "tool_name": "time", "content": "no such city" }
            ],
            "tools": [function("weather"), function("time")],
            "options": {
                "temperature": 0.5, "top_p": 0.9, "num_predict": 100, "seed": 7, "stop": ["END"]
            },
            "stream": true, "truncate": false, "shift": false
        })
    );
}

#[test]
fn another_providers_turn_is_rebuilt() {
    let call = |id: &str| TurnCall {
        id: id.into(),
        name: "weather".into(),
        arguments: json!({ "city": "Oslo" }).as_object().unwrap().clone(),
        invalid: None,
    };
    for (provider, message) in
        [("other", json!({ "role": "assistant", "content": "stolen" })), ("p", Value::Null)]
    {
        let turn = Turn {
            provider: provider.into(),
            content: "Let me see.".into(),
            calls: vec![call("a"), call("b")],
            message,
        };
        let rebuilt = json!({ "function": { "name": "weather", "arguments": { "city": "Oslo" } } });
        let body = encoded(&Ollama, "m", &second_turn(turn)).1;
        assert_eq!(
            body["messages"][2],
            json!({
                "role": "assistant", "content": "Let me see.", "tool_calls": [rebuilt, rebuilt]
            })
        );
    }
}

fn with_parts(parts: Vec<ContentPart>) -> ModelCall {
    ModelCall {
        messages: vec![ModelMessage::User { content: Content::Parts(parts) }],
        ..ModelCall::default()
    }
}

#[test]
fn pictures_are_data_only() {
    let text = |text: &str| ContentPart::Text { text: text.into() };
    let image = |image| ContentPart::Image { image };
    let data =
        |data: &str| image(Image::Base64 { media_type: "image/png".into(), data: data.into() });
    let call = with_parts(vec![text("What"), data("AAAA"), text("is it?"), data("BBBB")]);
    assert_eq!(
        encoded(&Ollama, "m", &call).1["messages"],
        json!([{ "role": "user", "content": "What\nis it?", "images": ["AAAA", "BBBB"] }])
    );
    let call = with_parts(vec![text("plain")]);
    assert_eq!(
        encoded(&Ollama, "m", &call).1["messages"],
        json!([{ "role": "user", "content": "plain" }])
    );
    let call = with_parts(vec![data("AAAA"), image(Image::Url("https://secret.example/a".into()))]);
    let refused = Ollama.encode(&Ask::new("ollama", "m", &call, Enforcement::Provider));
    let error = refused.err().unwrap();
    assert_eq!(error.message, "ollama takes pictures as base64 data, not as URLs");
    assert_eq!((error.code.as_str(), error.retryable), ("invalid_request", false));
}

#[test]
fn a_schema_is_a_format_unless_there_are_tools() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "number" } } });
    let call = ModelCall {
        messages: vec![ModelMessage::Assistant { content: "x".into() }],
        schema: Some(schema.clone()),
        ..ModelCall::default()
    };
    assert_eq!(
        encoded(&Ollama, "m", &call).1,
        json!({
            "model": "m", "messages": [{ "role": "assistant", "content": "x" }],
            "format": schema, "stream": true, "truncate": false, "shift": false
        })
    );
    let body = encoded(&Ollama, "m", &ModelCall { tools: vec![tool("weather")], ..call }).1;
    assert_eq!((body.get("format"), body["tools"].as_array().map(Vec::len)), (None, Some(1)));
    assert_eq!(body["messages"][0]["role"], "system");
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("JSON Schema"));
}

#[test]
fn an_answer_has_a_limit() {
    let thinks = line(json!({ "role": "assistant", "content": "", "thinking": "x".repeat(100) }));
    let asks = calls_tools(json!([{ "function": { "name": "t", "arguments": {} } }]));
    for frame in [says(&"x".repeat(100)), thinks, asks] {
        let push = |count: usize| {
            let mut reading = crate::model::reading::Reading::new(&Ollama, 1_000);
            let pushed = reading.push(&lines(&vec![frame.clone(); count], ""));
            pushed.err().map(|error| error.code)
        };
        assert_eq!((push(1), push(30)), (None, Some("value_too_large".into())), "{frame}");
    }
}

#[test]
fn its_lines_are_no_events() {
    assert_eq!(Ollama.framing(), Framing::Lines);
    let provider = Provider::named("ollama");
    assert_eq!(provider.address(), Some("http://localhost:11434/"));
    assert_eq!(
        encoded(provider.wire("m", true).unwrap(), "m", &ModelCall::default()).0,
        "api/chat"
    );
}
