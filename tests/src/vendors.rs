//! Fakes of the vendors that make pictures, speech and predictions, on one port. They speak the
//! real wire formats, and refuse what the real ones refuse: a wrong key, and unknown fields.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;

pub const KEY: &str = "sk-of-the-vendor-0123456789";

/// A request as the fakes saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `POST /v1/images/generations`
    pub what: String,
    /// The JSON body, or the fields of a form: files as `{type, filename, size}`.
    pub body: Value,
    pub headers: HeaderMap,
}

#[derive(Clone)]
pub struct Vendors {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    url: Mutex<String>,
    seen: Mutex<Vec<Seen>>,
    /// Of each picture that is drawn.
    picture_bytes: usize,
    /// Looks before a prediction succeeds.
    looks: usize,
    /// Starts of predictions are answered once it is true.
    starts: watch::Sender<bool>,
}

impl Vendors {
    pub async fn start(picture_bytes: usize, looks: usize) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let shared = Arc::new(Shared {
            url: Mutex::new(url.clone()),
            seen: Mutex::default(),
            picture_bytes,
            looks,
            starts: watch::Sender::new(true),
        });
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, shared }
    }

    /// The secrets that lead to the fakes.
    pub fn secrets(&self) -> Vec<(&'static str, String)> {
        let url = &self.url;
        vec![
            ("OPENAI_API_KEY", KEY.to_owned()),
            ("OPENAI_BASE_URL", format!("{url}/v1")),
            ("GEMINI_API_KEY", KEY.to_owned()),
            ("GEMINI_BASE_URL", format!("{url}/v1beta")),
            ("STABILITY_API_KEY", KEY.to_owned()),
            ("STABILITY_BASE_URL", url.clone()),
            ("REPLICATE_API_KEY", KEY.to_owned()),
            ("REPLICATE_BASE_URL", format!("{url}/replicate/v1")),
        ]
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("no test panics while it holds it").clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.seen().iter().filter(|seen| seen.what.starts_with(what)).count()
    }

    /// Holds the answers to starts of predictions back, or lets them go.
    pub fn hold_starts(&self, holds: bool) {
        self.shared.starts.send_replace(!holds);
    }
}

/// A PNG of so many bytes. Nobody decodes it.
pub fn picture(bytes: usize) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend((0..bytes.saturating_sub(20)).map(|at| (at * 31 % 251).to_le_bytes()[0]));
    png.extend_from_slice(b"\0\0\0\0IEND\xaeB`\x82");
    png
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let what = format!("{method} {}", uri.path());
    let body = read_body(&headers, &body);
    let seen = Seen { what: what.clone(), body: body.clone(), headers: headers.clone() };
    let before = {
        let mut all = shared.seen.lock().expect("no test panics while it holds it");
        let before = all.iter().filter(|seen| seen.what == what).count();
        all.push(seen);
        before
    };
    if what.starts_with("GET /out/") {
        return ([(header::CONTENT_TYPE, "image/png")], picture(shared.picture_bytes))
            .into_response();
    }
    let key = headers.get("x-goog-api-key").or(headers.get("authorization"));
    let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default();
    if key.trim_start_matches("Bearer ") != KEY {
        let message = format!("Incorrect API key provided: {key}");
        return failure(401, &json!({"error": {"message": message, "code": "invalid_api_key"}}));
    }
    let path = uri.path();
    match () {
        () if path.starts_with("/v1/") => openai(&shared, &what, &body, before),
        () if path.starts_with("/v1beta/") => gemini(&shared, path, &body),
        () if path.starts_with("/v2beta/") => stability(&shared, path, &headers, &body),
        () => replicate(&shared, &what, &headers, &body, before).await,
    }
}

fn openai(shared: &Shared, what: &str, body: &Value, before: usize) -> Response {
    let model = body["model"].as_str().unwrap_or_default();
    let known: &[&str] = match what {
        "POST /v1/images/generations" if model.starts_with("dall-e") => {
            &["model", "prompt", "n", "size", "quality", "style", "response_format", "user"]
        }
        "POST /v1/images/generations" => &[
            "model",
            "prompt",
            "n",
            "size",
            "quality",
            "background",
            "moderation",
            "output_format",
            "output_compression",
            "user",
        ],
        "POST /v1/images/edits" => &[
            "model",
            "prompt",
            "image",
            "image[]",
            "mask",
            "n",
            "size",
            "quality",
            "output_format",
            "background",
            "input_fidelity",
            "user",
        ],
        "POST /v1/audio/speech" => {
            &["model", "input", "voice", "response_format", "instructions", "speed"]
        }
        "POST /v1/audio/transcriptions" => {
            &["model", "file", "language", "prompt", "response_format", "temperature"]
        }
        _ => return failure(404, &json!({"error": {"message": "no such path"}})),
    };
    if let Some(unknown) = unknown_field(body, known) {
        let message = format!("Unknown parameter: '{unknown}'.");
        return failure(
            400,
            &json!({"error": {"message": message, "type": "invalid_request_error",
                "param": unknown, "code": "unknown_parameter"}}),
        );
    }
    let prompt = body["prompt"].as_str().or(body["input"].as_str()).unwrap_or_default();
    match prompt {
        "filtered" => {
            return failure(
                400,
                &json!({"error": {"message": "Your request was rejected \
            by the safety system.", "type": "image_generation_user_error", "param": null,
            "code": "moderation_blocked"}}),
            );
        }
        "busy" if before == 0 => {
            let error =
                json!({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}});
            return (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, "1")],
                error.to_string(),
            )
                .into_response();
        }
        "broken" => return failure(500, &json!({"error": {"message": format!("oops {KEY}")}})),
        "error in 200" => {
            return ok(
                &json!({"error": {"message": "quota is gone", "type": "insufficient_quota"}}),
            );
        }
        "page" => return ok(&json!({"data": [{"b64_json": STANDARD.encode("<html>")}]})),
        "garbage" => return ok(&json!({"data": [{"b64_json": "<not base64>"}]})),
        "half" => {
            let half = picture(1_000)[..500].to_vec();
            return ok(&json!({"data": [{"b64_json": STANDARD.encode(half)}]}));
        }
        "cut" => {
            let body = format!("{{\"data\":[{{\"b64_json\":\"{}", "A".repeat(1_000));
            return ([(header::CONTENT_TYPE, "application/json")], body).into_response();
        }
        "address" => {
            let url = shared.url.lock().expect("nobody panics").clone();
            return ok(&json!({"data": [{"url": format!("{url}/out/picture.png")}]}));
        }
        _ => {}
    }
    match what {
        "POST /v1/audio/speech" => {
            let sound = [b"ID3\x04".to_vec(), vec![7; 2_000]].concat();
            ([(header::CONTENT_TYPE, "audio/mpeg")], sound).into_response()
        }
        "POST /v1/audio/transcriptions" => ok(&json!({"task": "transcribe", "language": "english",
            "duration": 60.0, "text": "Hello Ada.", "segments": [{"id": 0, "start": 0.0,
            "end": 1.5, "text": " Hello Ada."}], "usage": {"type": "duration", "seconds": 60}})),
        _ => {
            let usage = json!({"input_tokens": 20, "output_tokens": 1000, "total_tokens": 1020,
                "input_tokens_details": {"text_tokens": 20, "image_tokens": 0}});
            let mut answer = json!({"created": 1, "data": [{"b64_json":
                STANDARD.encode(picture(shared.picture_bytes))}]});
            if !model.starts_with("dall-e") {
                answer["usage"] = usage;
                answer["output_format"] = json!("png");
            }
            ok(&answer)
        }
    }
}

fn gemini(shared: &Shared, path: &str, body: &Value) -> Response {
    if let Some(unknown) =
        unknown_field(body, &["contents", "generationConfig", "instances", "parameters"])
    {
        let message = format!("Invalid JSON payload received. Unknown name \"{unknown}\"");
        return failure(
            400,
            &json!({"error": {"code": 400, "message": message,
            "status": "INVALID_ARGUMENT"}}),
        );
    }
    if path.ends_with(":predict") {
        return ok(&json!({"predictions": [{"mimeType": "image/png",
            "bytesBase64Encoded": STANDARD.encode(picture(shared.picture_bytes))}]}));
    }
    let config = &body["generationConfig"];
    let (mime, data) = if config["responseModalities"][0] == "AUDIO" {
        ("audio/L16;codec=pcm;rate=24000", STANDARD.encode([1, 0, 2, 0]))
    } else if config.is_null() {
        return ok(&json!({"candidates": [{"finishReason": "STOP", "content": {"role": "model",
            "parts": [{"text": "Hello Ada.\n"}]}}], "usageMetadata": {"promptTokenCount": 40,
            "candidatesTokenCount": 4, "totalTokenCount": 44}}));
    } else {
        ("image/png", STANDARD.encode(picture(shared.picture_bytes)))
    };
    if body["contents"][0]["parts"][0]["text"] == "filtered" {
        return ok(&json!({"promptFeedback": {"blockReason": "SAFETY"}}));
    }
    ok(&json!({"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts":
        [{"inlineData": {"mimeType": mime, "data": data}}]}}], "usageMetadata":
        {"promptTokenCount": 10, "candidatesTokenCount": 1290, "candidatesTokensDetails":
        [{"modality": "IMAGE", "tokenCount": 1290}]}}))
}

fn stability(shared: &Shared, path: &str, headers: &HeaderMap, body: &Value) -> Response {
    let known = [
        "prompt",
        "negative_prompt",
        "aspect_ratio",
        "seed",
        "output_format",
        "model",
        "mode",
        "image",
        "strength",
        "style_preset",
    ];
    let bad =
        |errors: &str| failure(400, &json!({"id": "1", "name": "bad_request", "errors": [errors]}));
    if headers["accept"] != "image/*" {
        return bad("accept: must be image/* or application/json");
    }
    if let Some(unknown) = unknown_field(body, &known) {
        return bad(&format!("{unknown}: unknown field"));
    }
    if body["image"].is_object() && !path.ends_with("/sd3") && !path.ends_with("/ultra") {
        return bad("image: unknown field");
    }
    let reason = if body["prompt"] == "filtered" { "CONTENT_FILTERED" } else { "SUCCESS" };
    let headers = [("content-type", "image/png"), ("finish-reason", reason), ("seed", "1")];
    (headers, picture(shared.picture_bytes)).into_response()
}

async fn replicate(
    shared: &Shared,
    what: &str,
    headers: &HeaderMap,
    body: &Value,
    before: usize,
) -> Response {
    let url = shared.url.lock().expect("nobody panics").clone();
    let prediction = |status: &str, more: Value| {
        let mut prediction = json!({"id": "gm3qorzdhgbfurvjtvhg6dckhu", "model": "acme/upscale",
            "version": "hidden", "input": body["input"], "logs": "step 1\n", "output": null,
            "error": null, "status": status, "created_at": "2026-11-27T00:00:00Z",
            "data_removed": false, "urls": {"get": url, "cancel": url, "web": url}});
        more.as_object().into_iter().flatten().for_each(|(name, value)| {
            prediction[name] = value.clone();
        });
        prediction
    };
    let is_start = what.ends_with("/predictions");
    if is_start {
        let known: &[&str] = match what {
            "POST /replicate/v1/predictions" => &["version", "input", "webhook", "stream"],
            _ => &["input", "webhook", "stream"],
        };
        if unknown_field(body, known).is_some() || !body["input"].is_object() {
            return failure(
                422,
                &json!({"title": "Input validation failed",
                "detail": "- input: is required\n", "status": 422}),
            );
        }
        assert!(headers.contains_key("cancel-after"));
        let mut starts = shared.starts.subscribe();
        let _ = starts.wait_for(|goes| *goes).await;
        return match body["input"]["prompt"].as_str() {
            Some("fails") => ok(&prediction("failed", json!({"error": "CUDA out of memory"}))),
            Some("busy") if before == 0 => (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, "1")],
                json!({"detail": "Request was throttled.", "status": 429}).to_string(),
            )
                .into_response(),
            Some("broken") => failure(500, &json!({"detail": "Internal error", "status": 500})),
            _ => {
                (StatusCode::CREATED, prediction("starting", json!({})).to_string()).into_response()
            }
        };
    }
    match what {
        "POST /replicate/v1/files" => {
            let file = &body["content"];
            (
                StatusCode::CREATED,
                json!({"id": "f1", "content_type": file["type"], "size": file["size"],
                    "urls": {"get": format!("{url}/replicate/v1/files/f1")}})
                .to_string(),
            )
                .into_response()
        }
        what if what.ends_with("/cancel") => ok(&prediction("canceled", json!({}))),
        // The second look meets a server that is busy.
        _ if before == 1 => failure(503, &json!({"detail": "Service unavailable"})),
        _ if before < shared.looks => ok(&prediction("processing", json!({}))),
        _ => {
            let output = json!([format!("{url}/out/upscaled.png")]);
            let metrics = json!({"predict_time": 2.5});
            ok(&prediction("succeeded", json!({"output": output, "metrics": metrics})))
        }
    }
}

fn ok(body: &Value) -> Response {
    axum::Json(body.clone()).into_response()
}

fn failure(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(body.clone())).into_response()
}

fn unknown_field(body: &Value, known: &[&str]) -> Option<String> {
    let fields = body.as_object()?;
    fields.keys().find(|name| !known.contains(&name.as_str())).cloned()
}

/// Reads JSON, or a form.
fn read_body(headers: &HeaderMap, body: &[u8]) -> Value {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let Some(boundary) = content_type.strip_prefix("multipart/form-data; boundary=") else {
        return serde_json::from_slice(body).unwrap_or_default();
    };
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    for part in split(body, format!("--{boundary}").as_bytes()) {
        let Some(end) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let content = &part[end + 4..part.len().saturating_sub(2)];
        let quoted = |name: &str| {
            let (_, rest) = head.split_once(&format!("{name}=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        let Some(name) = quoted("; name") else { continue };
        let value = match quoted("filename") {
            Some(filename) => {
                let (_, media_type) = head.split_once("content-type: ").unwrap_or_default();
                json!({"filename": filename, "type": media_type.trim(), "size": content.len()})
            }
            None => json!(String::from_utf8_lossy(content)),
        };
        fields.insert(name, value);
    }
    json!(fields)
}

fn split<'b>(bytes: &'b [u8], mark: &[u8]) -> Vec<&'b [u8]> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while let Some(at) = find(rest, mark) {
        parts.push(&rest[..at]);
        rest = &rest[at + mark.len()..];
    }
    parts
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    // The first byte of a boundary or of a head's end is rare: no search tree is needed.
    bytes.windows(mark.len()).position(|window| window == mark)
}
