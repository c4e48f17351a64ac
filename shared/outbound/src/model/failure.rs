//! The errors of providers, from statuses, bodies and streams.

use std::time::Duration;

use flowgate_core::time::{Timestamp, millis};
use flowgate_engine::call::CallError;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{failed, retryable};
use crate::mask::Masks;
use crate::status::status_error;

pub(crate) const MAX_ERROR_BYTES: usize = 64 << 10;
const MAX_ERROR_CHARACTERS: usize = 500;

/// Words in the `code`, `type` or `status` of an error that another attempt would meet again.
const FINAL: &[&str] = &[
    "insufficient_quota",
    "invalid_request",
    "invalid_argument",
    "authentication",
    "invalid_api_key",
    "permission",
    "unauthenticated",
    "not_found",
    "billing",
    "failed_precondition",
    "context_length_exceeded",
    "tool_use_failed",
    "validationexception",
    "accessdenied",
    "resourcenotfound",
    "payment_required",
    "invalid_prompt",
    "invalid_image",
    "invalid_base64_image",
    "unsupported_image",
    "image_too",
];

/// Converts an answer with a failure status. The text may repeat the key.
pub(crate) fn of_status(
    provider: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    masks: &Masks,
    now: Timestamp,
) -> CallError {
    // Masked before it is cut: nobody recognizes half a secret.
    let text = masks.text(&String::from_utf8_lossy(body));
    let body = text.as_bytes();
    let parsed: Value = flowgate_engine::json::parse(body).unwrap_or_default();
    let code = status.as_u16();
    let may_pass = status.is_server_error() || matches!(code, 408 | 409 | 425 | 429);
    // OpenAI answers 429 to an account without money.
    let is_final = code == 429 && is_final(&parsed);
    let message =
        format!("{provider} answered {code}: {}", text_of(&parsed).unwrap_or(shorten(&text)));
    let error = status_error("model_error", message, may_pass && !is_final, (status, headers), now);
    let stated = retry_after(headers, &parsed).filter(|_| matches!(code, 429 | 503 | 529));
    let error = CallError { retry_after_ms: stated.map(millis).or(error.retry_after_ms), ..error };
    // Of a request that is wrong nothing is generated. All else may have been.
    if status.is_client_error() && !may_pass { super::unsent(error) } else { error }
}

/// Converts an error that stands in the answer itself. It is the provider's fault, not the
/// request's, unless it says so.
pub(super) fn stated(answer: &Value) -> CallError {
    let message = format!("answered: {}", text_of(answer).unwrap_or_else(|| "an error".to_owned()));
    let error = if is_final(answer) {
        failed("model_error", message)
    } else {
        retryable("model_error", message)
    };
    CallError { retry_after_ms: retry_delay(answer).map(millis), ..error }
}

/// The error of an answer, if it is one. Some providers leave the field empty.
pub(crate) fn error_in(answer: &Value) -> Option<CallError> {
    let error = answer.get("error")?;
    let is_none = match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    (!is_none).then(|| stated(answer))
}

/// Names the provider in a decoder's error.
pub(crate) fn about(provider: &str, error: CallError) -> CallError {
    CallError { message: format!("{provider} {}", error.message), ..error }
}

fn is_final(answer: &Value) -> bool {
    const PLACES: [&str; 7] = [
        "/error/code",
        "/error/type",
        "/error/status",
        "/error/error_type",
        "/code",
        "/type",
        "/__type",
    ];
    let words = PLACES.iter().filter_map(|place| answer.pointer(place));
    let is_final = |word: &Value| match word {
        Value::String(word) => {
            let word = word.to_ascii_lowercase();
            FINAL.iter().any(|part| word.contains(part))
        }
        // OpenRouter has statuses there.
        Value::Number(status) => {
            status.as_u64().is_some_and(|code| matches!(code, 400..=404 | 422))
        }
        _ => false,
    };
    words.into_iter().any(is_final)
}

/// Returns the words of an error in any provider's shape.
fn text_of(answer: &Value) -> Option<String> {
    const PLACES: [&str; 7] = [
        "/error/message",
        "/message",
        "/Message",
        "/error",
        "/0/error/message",
        "/detail",
        "/errors/0",
    ];
    let text = PLACES.iter().find_map(|place| answer.pointer(place)?.as_str());
    text.filter(|text| !text.trim().is_empty()).map(shorten)
}

fn shorten(text: &str) -> String {
    text.trim().chars().take(MAX_ERROR_CHARACTERS).collect()
}

/// OpenAI has a header in ms; Gemini has the time in the body.
fn retry_after(headers: &HeaderMap, body: &Value) -> Option<Duration> {
    let header = headers.get("retry-after-ms").and_then(|value| value.to_str().ok());
    let in_header = header.and_then(|text| text.trim().parse().ok()).map(Duration::from_millis);
    in_header.or_else(|| retry_delay(body))
}

/// Reads Gemini's `retryDelay: "26.5s"`.
fn retry_delay(body: &Value) -> Option<Duration> {
    let details = body.pointer("/error/details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn of(status: u16, body: &Value) -> CallError {
        let status = StatusCode::from_u16(status).unwrap();
        let body = body.to_string();
        let masks = Masks::default();
        of_status("p", status, &HeaderMap::new(), body.as_bytes(), &masks, Timestamp(0))
    }

    #[test]
    fn every_shape_of_error_is_read() {
        for (body, text) in [
            (json!({"error": {"message": "a"}}), "a"),
            (json!({"error": "b", "code": "x"}), "b"),
            (json!({"message": "c"}), "c"),
            (json!({"Message": "d"}), "d"),
            (json!([{"error": {"message": "e"}}]), "e"),
            (json!({"detail": "f"}), "f"),
            (json!({"what": 1}), "{\"what\":1}"),
        ] {
            assert_eq!(of(500, &body).message, format!("p answered 500: {text}"));
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let quota = json!({"error": {"message": "m", "code": "insufficient_quota"}});
        for (status, body, expected) in [
            (400, &Value::Null, false),
            (401, &Value::Null, false),
            (402, &Value::Null, false),
            (408, &Value::Null, true),
            (429, &Value::Null, true),
            (429, &quota, false),
            (500, &Value::Null, true),
            (529, &Value::Null, true),
        ] {
            assert_eq!(of(status, body).retryable, expected, "{status} {body}");
        }
        for (answer, expected) in [
            (json!({"error": {"type": "overloaded_error"}}), true),
            (json!({"error": {"type": "invalid_request_error"}}), false),
            (json!({"error": {"code": 402}}), false),
            (json!({"error": {"code": 502}}), true),
            (json!({"code": "Client specified an invalid argument", "error": "x"}), true),
        ] {
            assert_eq!(error_in(&answer).unwrap().retryable, expected, "{answer}");
        }
        for answer in
            [json!({"error": null}), json!({"error": {}}), json!({"error": ""}), json!({})]
        {
            assert_eq!(error_in(&answer), None, "{answer}");
        }
    }

    /// A caller who chooses the length of what stands before it could read it bit by bit.
    #[test]
    fn a_secret_is_masked_before_the_text_is_cut() {
        let mut masks = Masks::default();
        masks.add("sk-live-0123456789");
        for before in 470..500 {
            let body = json!({ "error": format!("{}sk-live-0123456789", "x".repeat(before)) });
            let body = body.to_string();
            let (status, headers) = (StatusCode::UNAUTHORIZED, HeaderMap::new());
            let error = of_status("p", status, &headers, body.as_bytes(), &masks, Timestamp(0));
            assert!(!error.message.contains("sk"), "{}", error.message);
        }
    }

    #[test]
    fn a_provider_says_how_long_to_wait() {
        let delay = json!({"error": {"message": "m", "details": [
            {"@type": "type.googleapis.com/google.rpc.Help"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "26.5s"},
        ]}});
        assert_eq!(of(429, &delay).retry_after_ms, Some(26_500));
        let millis = HeaderMap::from_iter([(
            "retry-after-ms".parse().unwrap(),
            HeaderValue::from_static("350"),
        )]);
        let error = of_status(
            "p",
            StatusCode::TOO_MANY_REQUESTS,
            &millis,
            b"",
            &Masks::default(),
            Timestamp(0),
        );
        assert_eq!(error.retry_after_ms, Some(350));
        for odd in ["-1s", "NaNs", "1e400s", "soon"] {
            let body = json!({"error": {"details": [{"retryDelay": odd}]}});
            assert_eq!(of(429, &body).retry_after_ms, None, "{odd}");
        }
    }
}
