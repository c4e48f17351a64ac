//! A run that a response node ended answers its waiting caller as the node says, without an
//! envelope: Sim's callers always, native ones with `Prefer: return=minimal`.

use axum::response::{IntoResponse, Response};
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Result, answer};
use flowgate_engine::{NodeStatus, Workflow};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

const KIND: &str = "response";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// They belong to the connection, to the body as it is sent, or to us.
const DROPPED: [&str; 18] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "expect",
    "content-length",
    "content-encoding",
    "date",
    "vary",
    "x-request-id",
    "x-execution-id",
    "x-run-id",
    "traceparent",
    "idempotent-replayed",
    "preference-applied",
];
const DROPPED_PREFIXES: [&str; 4] = ["proxy-", "x-amz", "x-forwarded-", "access-control-"];

/// `None` where no response node ended the run.
pub(crate) async fn of(
    app: &App,
    record: &RunRecord,
    workflow: &Workflow,
) -> Result<Option<Response>> {
    let may_respond =
        record.state == RunState::Succeeded && workflow.nodes().any(|node| &*node.kind == KIND);
    if !may_respond {
        return Ok(None);
    }
    let responded = |node: &flowgate_app::event::NodeTrace| {
        let is_own = is_own(&node.node);
        is_own && node.kind == KIND && node.status == Some(NodeStatus::Succeeded)
    };
    Ok(app.trace(record).await?.iter().any(responded).then(|| rendered(answer::output(record))))
}

/// Not a child's: a response of a child ends the child alone. What a path passes through is an
/// iteration (`each[2]`), or else the node that runs a child.
fn is_own(path: &str) -> bool {
    path.rsplit('/').skip(1).all(|outer| outer.ends_with(']'))
}

fn rendered(output: &Value) -> Response {
    let status = output["status"]
        .as_u64()
        .and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    let headers = headers(&output["headers"]);
    let body = body(&output["data"], headers.get(CONTENT_TYPE));
    (status.unwrap_or(StatusCode::OK), headers, body).into_response()
}

fn headers(written: &Value) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, JSON)]);
    for (name, value) in written.as_object().into_iter().flatten() {
        let name =
            HeaderName::try_from(name.as_str()).ok().filter(|name| may_be_sent(name.as_str()));
        let value = value.as_str().and_then(|value| HeaderValue::try_from(value).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    headers
}

fn may_be_sent(name: &str) -> bool {
    !DROPPED.contains(&name) && !DROPPED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// JSON, unless the node says that its text is something else.
fn body(data: &Value, content_type: Option<&HeaderValue>) -> Vec<u8> {
    let is_json = content_type.is_none_or(|said| {
        said.to_str().is_ok_and(|said| said.to_ascii_lowercase().contains("json"))
    });
    match data {
        Value::String(text) if !is_json => text.clone().into_bytes(),
        data => serde_json::to_vec(data).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_of_the_connection_are_dropped() {
        let headers = headers(&json!({
            "X-Mine": "yes", "Content-Type": "text/plain", "Transfer-Encoding": "chunked",
            "Content-Length": "3", "Proxy-Connection": "x",
            "Access-Control-Allow-Origin": "*", "X-Run-Id": "run_1", "Vary": "X",
            "x-split": "a\r\nb: c", "no name": "x", "X-Amz-Date": "x",
        }));
        let kept: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(kept, ["content-type: text/plain", "x-mine: yes"]);
    }

    #[test]
    fn text_is_json_unless_it_is_said_to_be_something_else() {
        let body = |data: Value, content_type: &'static str| {
            String::from_utf8(body(&data, Some(&HeaderValue::from_static(content_type)))).unwrap()
        };
        assert_eq!(body(json!("hi"), "application/json"), "\"hi\"");
        assert_eq!(body(json!("<p>"), "text/html"), "<p>");
        assert_eq!(body(json!({ "a": 1 }), "text/html"), "{\"a\":1}");
    }
}
