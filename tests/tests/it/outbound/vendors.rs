//! Every protocol of a provider, over real HTTP, against a server that refuses what the vendor's
//! reference page does not list. Each is asked twice: it calls a tool, and answers with its result.

use flowgate_engine::call::{ModelTool, ToolResult, Turn};

use super::*;

/// A vendor as its reference page has it.
struct Vendor {
    /// The page.
    source: &'static str,
    model: &'static str,
    path: &'static str,
    /// What the base URL ends with.
    base: &'static str,
    /// The header with the key, and what stands before it.
    key: (&'static str, &'static str),
    /// The fields of a request: `field`, or `field/inner`.
    fields: &'static [&'static str],
    /// Objects, and lists of them, whose own fields are listed too.
    checked: &'static [&'static str],
    /// What the vendor must get back of its own message, beside the call.
    kept: &'static str,
    /// Calls the tool `weather` with `{"city":"Oslo"}`.
    calls: &'static str,
    /// Says `It is hot.`, for 10 tokens in and 5 out.
    says: &'static str,
}

const OPENAI_CALLS: &str = include_str!("vendors/openai.calls");
const OPENAI_SAYS: &str = include_str!("vendors/openai.says");
const BEARER: (&str, &str) = ("authorization", "Bearer ");

const RESPONSES_FIELDS: &[&str] = &[
    // Refused by models that reason.
    "temperature",
    "top_p",
    "model",
    "instructions",
    "input",
    "input/type",
    "input/id",
    "input/status",
    "input/role",
    "input/content",
    "input/summary",
    "input/encrypted_content",
    "input/call_id",
    "input/name",
    "input/arguments",
    "input/output",
    "tools",
    "tools/type",
    "tools/name",
    "tools/description",
    "tools/parameters",
    "tools/strict",
    "tool_choice",
    "max_output_tokens",
    "store",
    "include",
    "stream",
];

/// The protocol has neither `stop` nor `seed`.
const RESPONSES: Vendor = Vendor {
    source: "OpenAI API reference: create a model response, streaming events",
    model: "openai/gpt-5-codex",
    path: "/v1/responses",
    base: "/v1/responses",
    key: BEARER,
    fields: RESPONSES_FIELDS.split_at(2).1,
    checked: &["input", "tools"],
    // A call without the thoughts that led to it is refused.
    kept: "gAAAAB-thoughts",
    calls: include_str!("vendors/responses.calls"),
    says: include_str!("vendors/responses.says"),
};

const fn of_openais_kind(
    source: &'static str,
    model: &'static str,
    fields: &'static [&'static str],
) -> Vendor {
    Vendor {
        source,
        model,
        path: "/chat/completions",
        base: "",
        key: BEARER,
        fields,
        checked: &[],
        kept: "",
        calls: OPENAI_CALLS,
        says: OPENAI_SAYS,
    }
}

const VENDORS: &[Vendor] = &[
    RESPONSES,
    // The models that think longest answer in one piece.
    Vendor {
        model: "openai/gpt-5-pro",
        calls: include_str!("vendors/responses.whole.calls"),
        says: include_str!("vendors/responses.whole.says"),
        ..RESPONSES
    },
    // A server of one's own.
    Vendor { model: "mine/llama-3.3-70b", fields: RESPONSES_FIELDS, ..RESPONSES },
    of_openais_kind(
        "OpenAI API reference: create chat completion",
        "openai/gpt-4o",
        &[
            "model",
            "messages",
            "tools",
            "stream",
            "stream_options",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "max_completion_tokens",
        ],
    ),
    of_openais_kind(
        "Mistral API: chat completion",
        "mistral/mistral-medium-latest",
        &[
            "model",
            "messages",
            "tools",
            "stream",
            "temperature",
            "top_p",
            "stop",
            "random_seed",
            "max_tokens",
        ],
    ),
    of_openais_kind(
        "Groq API reference: chat",
        "groq/llama-3.3-70b-versatile",
        &[
            "model",
            "messages",
            "tools",
            "stream",
            "stream_options",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "max_tokens",
        ],
    ),
    of_openais_kind(
        "OpenRouter API: parameters, provider routing",
        "openrouter/meta-llama/llama-3.1-8b-instruct",
        &[
            "model",
            "messages",
            "tools",
            "stream",
            "stream_options",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "max_tokens",
            "provider",
        ],
    ),
    Vendor {
        source: "Anthropic API: Messages",
        model: "anthropic/claude-3-5-haiku-latest",
        path: "/messages",
        base: "",
        key: ("x-api-key", ""),
        fields: &[
            "model",
            "messages",
            "system",
            "tools",
            "stream",
            "temperature",
            "top_p",
            "stop_sequences",
            "max_tokens",
        ],
        checked: &[],
        kept: "",
        calls: include_str!("vendors/anthropic.calls"),
        says: include_str!("vendors/anthropic.says"),
    },
    Vendor {
        source: "Gemini API: models.streamGenerateContent",
        model: "gemini/gemini-2.5-flash",
        path: "/models/gemini-2.5-flash:streamGenerateContent",
        base: "",
        key: ("x-goog-api-key", ""),
        fields: &[
            "contents",
            "systemInstruction",
            "tools",
            "generationConfig",
            "generationConfig/temperature",
            "generationConfig/topP",
            "generationConfig/stopSequences",
            "generationConfig/seed",
            "generationConfig/maxOutputTokens",
        ],
        checked: &["generationConfig"],
        kept: "c2ln",
        calls: include_str!("vendors/gemini.calls"),
        says: include_str!("vendors/gemini.says"),
    },
    Vendor {
        source: "Ollama API: generate a chat completion",
        model: "ollama/llama3.2",
        path: "/api/chat",
        base: "",
        key: ("", ""),
        fields: &[
            "model",
            "messages",
            "tools",
            "stream",
            "truncate",
            "shift",
            "options",
            "options/temperature",
            "options/top_p",
            "options/stop",
            "options/seed",
            "options/num_predict",
        ],
        checked: &["options"],
        kept: "",
        calls: include_str!("vendors/ollama.calls"),
        says: include_str!("vendors/ollama.says"),
    },
    Vendor {
        source: "Cohere API reference: chat v2 with streaming",
        model: "cohere/command-a-03-2025",
        path: "/chat",
        base: "",
        key: BEARER,
        fields: &[
            "model",
            "messages",
            "tools",
            "stream",
            "temperature",
            "p",
            "stop_sequences",
            "seed",
            "max_tokens",
        ],
        checked: &[],
        kept: "",
        calls: include_str!("vendors/cohere.calls"),
        says: include_str!("vendors/cohere.says"),
    },
    // Its frames are binary; a whole answer is read too.
    Vendor {
        source: "Amazon Bedrock API reference: ConverseStream",
        model: "bedrock/anthropic.claude-3-5-haiku-20241022-v1:0",
        path: "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse-stream",
        base: "",
        key: BEARER,
        fields: &[
            "messages",
            "system",
            "toolConfig",
            "toolConfig/tools",
            "inferenceConfig",
            "inferenceConfig/temperature",
            "inferenceConfig/topP",
            "inferenceConfig/stopSequences",
            "inferenceConfig/maxTokens",
        ],
        checked: &["toolConfig", "inferenceConfig"],
        kept: "",
        calls: include_str!("vendors/bedrock.calls"),
        says: include_str!("vendors/bedrock.says"),
    },
];

/// What the request has and the page has not.
fn unknown_fields(vendor: &Vendor, body: &Value) -> Vec<String> {
    let mut fields: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
    for object in vendor.checked {
        let items = body[object].as_array().map_or(std::slice::from_ref(&body[object]), |i| i);
        let inner = items.iter().filter_map(Value::as_object).flat_map(|inner| inner.keys());
        fields.extend(inner.map(|field| format!("{object}/{field}")));
    }
    fields.retain(|field| !vendor.fields.contains(&field.as_str()));
    fields
}

async fn vendor_server(vendor: &'static Vendor) -> String {
    let handler = async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let (header, before) = vendor.key;
        let key = parts.headers.get(header).map(|key| key.to_str().unwrap());
        let has_key = header.is_empty() || key == Some(&format!("{before}sk-secret-1234"));
        let unknown = unknown_fields(vendor, &body);
        if !unknown.is_empty() || !has_key || parts.uri.path() != vendor.path {
            let message = format!("{unknown:?}, {} as {key:?}", parts.uri.path());
            let error = axum::Json(json!({ "error": { "message": message } }));
            return (StatusCode::BAD_REQUEST, error).into_response();
        }
        let sent = body.to_string();
        let has_result = sent.contains("21 degrees");
        if has_result && !sent.contains(vendor.kept) {
            let error = axum::Json(json!({ "error": { "message": "the turn is not whole" } }));
            return (StatusCode::BAD_REQUEST, error).into_response();
        }
        if has_result { vendor.says } else { vendor.calls }.into_response()
    };
    serve(Router::new().fallback(any(handler))).await
}

fn call(vendor: &Vendor, url: &str) -> ModelCall {
    let parameters = json!({
        "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"]
    });
    let description = "Of a city.".to_owned();
    ModelCall {
        tools: vec![ModelTool { name: "weather".to_owned(), description, parameters }],
        temperature: Some(0.5),
        top_p: Some(0.9),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        max_tokens: Some(100),
        ..model(vendor.model, Some(format!("{url}{}", vendor.base)), "Weather?")
    }
}

#[tokio::test]
async fn every_protocol_is_spoken_as_its_page_has_it() {
    for vendor in VENDORS {
        let url = vendor_server(vendor).await;
        let (asked, said) = model_world().model(call(vendor, &url)).await;
        let asked = asked.unwrap_or_else(|error| panic!("{}: {error:?}", vendor.source));
        assert_eq!((asked.value["finish_reason"].as_str(), said.len()), (Some("tools"), 0));
        let turn: Turn = serde_json::from_value(asked.value["turn"].clone()).unwrap();
        assert_eq!((turn.calls.len(), turn.calls[0].name.as_str()), (1, "weather"));
        assert_eq!(Value::from(turn.calls[0].arguments.clone()), json!({ "city": "Oslo" }));
        let results = vec![ToolResult {
            id: turn.calls[0].id.clone(),
            name: "weather".to_owned(),
            content: "21 degrees".to_owned(),
            is_error: false,
        }];
        let mut second = call(vendor, &url);
        second.messages.push(ModelMessage::Turn { turn: Arc::new(turn) });
        second.messages.push(ModelMessage::Tools { results });
        let (answered, said) = model_world().model(second).await;
        let answered = answered.unwrap_or_else(|error| panic!("{}: {error:?}", vendor.source));
        assert_eq!(
            (&answered.value["content"], said.concat().as_str(), answered.tokens),
            (&json!("It is hot."), "It is hot.", Some(15)),
            "{}",
            vendor.source
        );
        assert_eq!(answered.value["finish_reason"], "stop", "{}", vendor.source);
    }
}
