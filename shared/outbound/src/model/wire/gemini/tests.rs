use flowgate_core::time::Timestamp;
use flowgate_engine::call::{ModelCall, TurnCall};

use super::*;
use crate::model::provider::Provider;
use crate::model::reply::Reply;
use crate::model::wire::tests::{
    calls, encoded, events, read, second_turn, summary, tool, turn_of,
};

const MODEL: &str = "gemini-3.1-pro";

fn chunk(parts: Value, finish: &str) -> Value {
    let mut candidate = json!({ "content": { "role": "model", "parts": parts }, "index": 0 });
    if !finish.is_empty() {
        candidate["finishReason"] = finish.into();
    }
    json!({ "candidates": [candidate], "modelVersion": "m", "responseId": "r" })
}

fn says(text: &str, finish: &str) -> Value {
    chunk(json!([{ "text": text }]), finish)
}

fn ends(finish: &str) -> Value {
    json!({ "candidates": [{ "finishReason": finish, "index": 0 }] })
}

fn answer(chunks: &[Value]) -> Reply {
    read(&Gemini, &events(chunks, "")).unwrap()
}

fn check(chunks: &[Value], end: &str, text: &str, finish: &str) {
    let read = summary(read(&Gemini, &events(chunks, end)));
    assert_eq!(read, (text.to_owned(), finish.to_owned()));
}

#[test]
fn an_answer_is_whole_only_with_a_finish_reason() {
    check(&[says("a", ""), says("b", "STOP")], "", "ab", "stop");
    check(&[says("a", ""), ends("STOP")], ": keep-alive\n\n", "a", "stop");
    check(&[says("a", "")], "", "a", "cut");
    check(&[says("a", "")], "data: {\"candidates\":[{\"content\":{\"parts\":[{\"te", "a", "cut");
    check(&[], "", "", "cut");
    check(&[says("a", "STOP"), says("", "")], "", "a", "stop");
}

#[test]
fn every_finish_reason_has_its_word() {
    for (raw, word) in [
        ("MAX_TOKENS", "length"),
        ("SAFETY", "filter"),
        ("RECITATION", "filter"),
        ("LANGUAGE", "filter"),
        ("BLOCKLIST", "filter"),
        ("PROHIBITED_CONTENT", "filter"),
        ("SPII", "filter"),
        ("IMAGE_SAFETY", "filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("UNEXPECTED_TOOL_CALL", "error"),
        ("TOO_MANY_TOOL_CALLS", "error"),
        ("MISSING_THOUGHT_SIGNATURE", "error"),
        ("MALFORMED_RESPONSE", "error"),
        ("OTHER", "other:OTHER"),
        ("SOMETHING_NEW", "other:SOMETHING_NEW"),
    ] {
        check(&[says("a", ""), ends(raw)], "", "a", word);
    }
}

#[test]
fn a_prompt_that_is_blocked_is_filtered() {
    for reason in ["SAFETY", "OTHER", "SOMETHING_NEW"] {
        let blocked = json!({
            "promptFeedback": { "blockReason": reason },
            "usageMetadata": { "promptTokenCount": 8, "totalTokenCount": 8 }
        });
        check(std::slice::from_ref(&blocked), "", "", "filter");
        let usage = answer(&[blocked]).usage;
        assert_eq!((usage.input, usage.output), (Some(8), Some(0)));
    }
    let rated = json!({ "promptFeedback": { "safetyRatings": [] } });
    check(&[rated, says("a", "STOP")], "", "a", "stop");
}

#[test]
fn an_error_is_an_error_wherever_it_stands() {
    let error = json!({ "error": {
        "code": 503, "message": "overloaded", "status": "UNAVAILABLE",
        "details": [{ "@type": "RetryInfo", "retryDelay": "26s" }]
    } });
    check(std::slice::from_ref(&error), "", "answered: overloaded", "model_error");
    check(&[says("a", ""), error.clone()], "", "answered: overloaded", "model_error");
    for body in [error.clone(), json!([error]), json!([says("a", ""), error])] {
        let error = read(&Gemini, body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.message, "answered: overloaded");
        assert_eq!((error.retryable, error.retry_after_ms), (true, Some(26_000)));
    }
    let wrong = json!({ "error": { "code": 400, "message": "no", "status": "INVALID_ARGUMENT" } });
    assert!(!read(&Gemini, wrong.to_string().as_bytes()).unwrap_err().retryable);
    let unreadable = summary(read(&Gemini, b"data: {not json}\n\n"));
    assert_eq!(unreadable.1, "model_error");
}

#[test]
fn a_whole_answer_where_a_stream_was_asked_for_is_read() {
    for body in [says("hi", "STOP"), json!([says("h", ""), says("i", "STOP")])] {
        let text = format!("\u{feff}{body:#}");
        let read = summary(read(&Gemini, text.as_bytes()));
        assert_eq!(read, ("hi".to_owned(), "stop".to_owned()));
    }
}

#[test]
fn calls_come_whole_with_or_without_ids() {
    let call = |call: Value| json!({ "functionCall": call });
    let oslo = json!({ "city": "Oslo" });
    let together = answer(&[chunk(
        json!([
            call(json!({ "name": "weather", "args": oslo })),
            call(json!({ "name": "now", "args": {} })),
            call(json!({ "name": "now" })),
        ]),
        "STOP",
    )]);
    let expected = ["call_0 weather {\"city\":\"Oslo\"}", "call_1 now {}", "call_2 now {}"];
    assert_eq!(calls(&together), expected);
    assert_eq!(together.finish, Some(Finish::Tools));
    let apart = answer(&[
        chunk(json!([call(json!({ "id": "a", "name": "weather", "args": oslo }))]), ""),
        chunk(json!([call(json!({ "id": "b", "name": "weather", "args": oslo }))]), ""),
        ends("STOP"),
    ]);
    let expected = ["a weather {\"city\":\"Oslo\"}", "b weather {\"city\":\"Oslo\"}"];
    assert_eq!(calls(&apart), expected);
    let odd = answer(&[chunk(json!([call(json!({ "name": "t", "args": [1] }))]), "STOP")]);
    assert_eq!((calls(&odd), odd.calls[0].invalid.is_some()), (vec!["call_0 t [1]".into()], true));
}

#[test]
fn calls_of_an_answer_that_did_not_end_are_not_made() {
    let begun = chunk(json!([{ "functionCall": { "name": "weather", "args": {} } }]), "");
    for (chunks, finish) in [
        (vec![begun.clone()], None),
        (vec![begun.clone(), ends("MAX_TOKENS")], Some(Finish::Length)),
        (vec![begun.clone(), ends("SAFETY")], Some(Finish::Filter)),
    ] {
        let reply = answer(&chunks);
        assert_eq!((reply.calls.len(), reply.finish), (0, finish));
    }
    let cut = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"w\",";
    let reply = read(&Gemini, &events(&[says("a", "")], cut)).unwrap();
    assert_eq!((reply.calls.len(), reply.finish), (0, None));
}

#[test]
fn thoughts_are_no_answer() {
    let thinks = chunk(json!([{ "text": "hm", "thought": true }]), "");
    check(&[thinks, says("yes", "STOP")], "", "yes", "stop");
    let second =
        json!({ "candidates": [{ "index": 1, "content": { "parts": [{ "text": "b" }] } }] });
    check(&[says("a", ""), second, ends("STOP")], "", "a", "stop");
}

#[test]
fn usage_has_one_meaning() {
    let check = |reports: &[Value]| {
        let report = |usage: &Value| json!({ "candidates": [], "usageMetadata": usage });
        let reports: Vec<_> = reports.iter().map(report).collect();
        let usage = answer(&[&reports[..], &[says("a", "STOP")]].concat()).usage;
        (usage.input, usage.output, usage.cached)
    };
    let all = json!({
        "promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
        "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4, "totalTokenCount": 20
    });
    assert_eq!(check(std::slice::from_ref(&all)), (Some(12), Some(8), 4));
    // Cut while it thought.
    let thought = json!({ "promptTokenCount": 10, "thoughtsTokenCount": 800 });
    assert_eq!(check(&[thought]), (Some(10), Some(800), 0));
    assert_eq!(check(&[json!({ "promptTokenCount": 10 }), all]), (Some(12), Some(8), 4));
    assert_eq!(check(&[json!({ "promptTokenCount": 10 })]), (Some(10), None, 0));
    let cached = json!({ "promptTokenCount": 10, "cachedContentTokenCount": 4 });
    assert_eq!(check(&[cached, json!({ "candidatesTokenCount": 5 })]), (Some(10), Some(5), 4));
    let odd = json!({ "promptTokenCount": 10, "totalTokenCount": 3 });
    assert_eq!(check(&[odd]), (Some(10), None, 0));
    assert_eq!(check(&[Value::Null]), (None, None, 0));
}

/// A turn with a signature on text, on a thought and on the first call.
fn first_turn() -> Reply {
    answer(&[
        chunk(json!([{ "text": "hm", "thought": true, "thoughtSignature": "s0" }]), ""),
        chunk(json!([{ "text": "Let me see.", "thoughtSignature": "s1" }]), ""),
        chunk(
            json!([
                {
                    "functionCall": { "id": "a", "name": "weather", "args": { "city": "Oslo" } },
                    "thoughtSignature": "s2"
                },
                { "functionCall": { "name": "time", "args": {} } }
            ]),
            "",
        ),
        chunk(json!([{ "text": "", "thoughtSignature": "s3" }]), "STOP"),
    ])
}

#[test]
fn what_the_model_said_goes_back_unchanged() {
    let (path, body) = encoded(&Gemini, MODEL, &second_turn(turn_of(first_turn())));
    assert_eq!(path, "models/gemini-3.1-pro:streamGenerateContent?alt=sse");
    let function = |name: &str| {
        let tool = tool(name);
        json!({
            "name": name, "description": tool.description, "parametersJsonSchema": tool.parameters
        })
    };
    assert_eq!(
        body,
        json!({
            "systemInstruction": { "parts": [{ "text": "Be brief." }] },
            "contents": [
                { "role": "user", "parts": [{ "text": "Weather?" }] },
                { "role": "model", "parts": [
                    { "text": "hm", "thought": true, "thoughtSignature": "s0" },
                    { "text": "Let me see.", "thoughtSignature": "s1" },
                    {
                        "functionCall": {
                            "id": "a", "name": "weather", "args": { "city": "Oslo" }
                        },
                        "thoughtSignature": "s2"
                    },
                    { "functionCall": { "name": "time", "args": {} } },
                    { "text": "", "thoughtSignature": "s3" }
                ] },
                { "role": "user", "parts": [
                    { "functionResponse": {
                        "id": "a", "name": "weather", "response": { "output": "{\"celsius\":21}" }
                    } },
                    { "functionResponse": {
                        "name": "time", "response": { "error": "no such city" }
                    } }
                ] }
            ],
            "tools": [{ "functionDeclarations": [function("weather"), function("time")] }],
            "generationConfig": {
                "temperature": 0.5, "topP": 0.9, "maxOutputTokens": 100, "seed": 7,
                "stopSequences": ["END"]
            }
        })
    );
}

#[test]
fn another_providers_turn_is_rebuilt() {
    let call = |name: &str| TurnCall {
        id: format!("id_{name}"),
        name: name.to_owned(),
        arguments: json!({ "city": "Oslo" }).as_object().unwrap().clone(),
        invalid: None,
    };
    let turn = Turn {
        provider: "other".into(),
        content: "Let me see.".into(),
        calls: vec![call("weather"), call("time")],
        message: json!({ "role": "model", "parts": [{ "text": "stolen" }] }),
    };
    let contents = |model: &str, turn: &Turn| {
        encoded(&Gemini, model, &second_turn(turn.clone())).1["contents"].clone()
    };
    let third = contents(MODEL, &turn);
    assert_eq!(
        third[1]["parts"],
        json!([
            { "text": "Let me see." },
            {
                "functionCall": { "name": "weather", "args": { "city": "Oslo" } },
                "thoughtSignature": "skip_thought_signature_validator"
            },
            { "functionCall": { "name": "time", "args": { "city": "Oslo" } } }
        ])
    );
    assert_eq!(third[2]["parts"][0]["functionResponse"].get("id"), None);
    assert_eq!(contents("gemini-2.5-pro", &turn)[1]["parts"][1].get("thoughtSignature"), None);
    // A turn of ours whose message was not kept.
    let own = Turn { provider: "p".into(), message: Value::Null, ..turn };
    assert_eq!(contents(MODEL, &own)[1], third[1]);
}

#[test]
fn results_have_the_ids_of_the_turn_that_they_answer() {
    let own = turn_of(first_turn());
    let other = Turn { provider: "other".into(), ..own.clone() };
    let mut call = second_turn(own);
    call.messages.extend(second_turn(other).messages.split_off(2));
    let body = encoded(&Gemini, MODEL, &call).1;
    let id = |content: usize| {
        body["contents"][content]["parts"][0]["functionResponse"].get("id").cloned()
    };
    assert_eq!((id(2), id(4)), (Some(json!("a")), None));
}

#[test]
fn pictures_are_data_or_files() {
    let image = |image| ContentPart::Image { image };
    let parts = vec![
        ContentPart::Text { text: "What?".into() },
        image(Image::Url("https://example.com/a.PNG?size=2".into())),
        image(Image::Url("https://example.com/picture".into())),
        image(Image::Base64 { media_type: "image/png".into(), data: "AAAA".into() }),
    ];
    let call = ModelCall {
        messages: vec![ModelMessage::User { content: Content::Parts(parts) }],
        ..ModelCall::default()
    };
    assert_eq!(
        encoded(&Gemini, MODEL, &call).1,
        json!({ "contents": [{ "role": "user", "parts": [
            { "text": "What?" },
            { "fileData": {
                "fileUri": "https://example.com/a.PNG?size=2", "mimeType": "image/png"
            } },
            { "fileData": { "fileUri": "https://example.com/picture" } },
            { "inlineData": { "mimeType": "image/png", "data": "AAAA" } }
        ] }] })
    );
}

#[test]
fn a_schema_is_enforced_as_the_model_can() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "number" } } });
    let call = ModelCall {
        messages: vec![ModelMessage::Assistant { content: "x".into() }],
        schema: Some(schema.clone()),
        ..ModelCall::default()
    };
    let with_tools = ModelCall { tools: vec![tool("weather")], ..call.clone() };
    let format = json!({ "responseMimeType": "application/json", "responseJsonSchema": schema });
    let said = json!([{ "role": "model", "parts": [{ "text": "x" }] }]);
    for model in ["gemini-2.5-flash", "gemini-3-flash", "tuned"] {
        let body = encoded(&Gemini, model, &call).1;
        assert_eq!(body, json!({ "contents": said, "generationConfig": format }), "{model}");
    }
    for model in ["gemini-3-flash", "gemini-10", "gemini-flash-latest"] {
        let body = encoded(&Gemini, model, &with_tools).1;
        assert_eq!((&body["generationConfig"], body.get("toolConfig")), (&format, None), "{model}");
    }
    for model in ["gemini-2.5-flash", "gemini-1.5-pro", "gemma-3-27b-it", "gemini-exp"] {
        let body = encoded(&Gemini, model, &with_tools).1;
        let functions = &body["tools"][0]["functionDeclarations"];
        assert_eq!(functions[1]["name"], "answer", "{model}");
        assert_eq!(functions[1]["parametersJsonSchema"], schema);
        assert_eq!(body["toolConfig"], json!({ "functionCallingConfig": { "mode": "ANY" } }));
        assert_eq!(body.get("generationConfig"), None);
    }
}

#[test]
fn the_path_is_joined_and_the_key_is_a_header() {
    let url = |name: &str| {
        let provider = Provider::named(name);
        let wire = provider.wire(MODEL, false).unwrap();
        let (path, _) = encoded(wire, MODEL, &ModelCall::default());
        Url::parse(provider.address().unwrap()).unwrap().join(&path).unwrap()
    };
    assert_eq!(url("google"), url("gemini"));
    let url = url("gemini");
    assert_eq!(
        url.as_str(),
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.1-pro:\
         streamGenerateContent?alt=sse"
    );
    let unsigned = Unsigned { url: &url, body: b"", now: Timestamp(0) };
    let headers = Gemini.authorize("key", &unsigned).unwrap();
    assert_eq!((headers.len(), &headers["x-goog-api-key"]), (1, &"key".parse().unwrap()));
    assert!(headers["x-goog-api-key"].is_sensitive());
    let error = Gemini.authorize("bad\nkey", &unsigned).unwrap_err();
    assert!(!error.message.contains("bad"));
}

#[test]
fn an_answer_has_a_limit() {
    let read = |chunk: &Value, count: usize| {
        let mut reading = crate::model::reading::Reading::new(&Gemini, 1_000);
        reading.push(&events(&vec![chunk.clone(); count], "")).err().map(|error| error.code)
    };
    let said = says(&"x".repeat(100), "");
    assert_eq!((read(&said, 1), read(&said, 10)), (None, Some("value_too_large".into())));
    let thought = chunk(json!([{ "thought": true, "text": "x".repeat(100) }]), "");
    assert_eq!((read(&thought, 1), read(&thought, 10)), (None, Some("value_too_large".into())));
}
