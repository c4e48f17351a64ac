//! Plain pages for a person in a browser, who has no key.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;\
                     padding:0 1rem;color:#1c1c1c;background:#fff}pre{white-space:pre-wrap;\
                     font:inherit}label{display:block;margin:1rem 0 .25rem;font-weight:600}\
                     small{color:#555}input,textarea,select{width:100%;font:inherit;\
                     padding:.5rem;box-sizing:border-box}textarea{min-height:8rem}button{font:\
                     inherit;padding:.6rem 1.4rem;margin:1.5rem .5rem 0 0}@media \
                     (prefers-color-scheme:dark){body{color:#eee;background:#161616}small{color:\
                     #aaa}}";

pub(crate) fn message(text: &str) -> String {
    page("Flowgate", &format!("<p>{}</p>", escaped(text)))
}

pub(crate) fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\
         <h1>{title}</h1>{body}</html>"
    )
}

pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A page may hold what a workflow wrote, and its URL may be a right: it runs no script, loads
/// nothing, and its address goes nowhere.
pub(crate) fn response(status: StatusCode, html: String) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                  frame-ancestors 'none'; base-uri 'none'";
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
