//! Lists, page by page: `{items, next_cursor}` and `Link: <…>; rel="next"`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::Result;
use flowgate_app::page::{Page, PageRequest};
use flowgate_app::runs::MAX_PAGE;
use flowgate_app::{App, Error};
use http::header::LINK;
use http::{HeaderValue, Uri};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::request::QueryPairs;

const USUAL_PAGE: usize = 20;

pub(super) fn request(query: &QueryPairs) -> Result<PageRequest> {
    let limit = match query.get("limit") {
        None => USUAL_PAGE,
        Some(text) => {
            let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
            limit.ok_or_else(|| bad_query("limit", &format!("must be a number from 1 to {MAX_PAGE}")))?
        }
    };
    Ok(PageRequest { limit, cursor: query.get("cursor").map(str::to_owned) })
}

pub(super) fn answer<T>(app: &App, uri: &Uri, query: &QueryPairs, page: &Page<T>, item: impl Fn(&T) -> Value) -> Response {
    let items: Vec<_> = page.items.iter().map(item).collect();
    let mut response = Json(json!({ "items": items, "next_cursor": page.next_cursor })).into_response();
    let link = page.next_cursor.as_deref().map(|cursor| next_link(&app.settings.public_url, uri.path(), query, cursor));
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    response
}

/// A list that has one page.
pub(super) fn whole(items: Vec<Value>) -> Json<Value> {
    Json(json!({ "items": items, "next_cursor": null }))
}

pub(super) fn bad_query(name: &str, message: &str) -> Error {
    Error::bad_field("", format!("`{name}` in the query {message}"))
}

/// The same filters, from the cursor on.
fn next_link(public_url: &str, path: &str, query: &QueryPairs, cursor: &str) -> String {
    let kept = query.pairs().filter(|(name, _)| *name != "cursor");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("cursor", cursor).finish();
    format!("<{public_url}{path}?{query}>; rel=\"next\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_filters() {
        let query = QueryPairs::of(&"/x?user=a%26b&cursor=old&limit=2".parse().unwrap());
        assert_eq!(
            next_link("http://h/s", "/v1/keys", &query, "a/b="),
            "<http://h/s/v1/keys?user=a%26b&limit=2&cursor=a%2Fb%3D>; rel=\"next\""
        );
    }

    #[test]
    fn limits_are_bounded() {
        let limit = |uri: &str| request(&QueryPairs::of(&uri.parse().unwrap())).map(|page| page.limit).ok();
        assert_eq!(limit("/"), Some(USUAL_PAGE));
        assert_eq!(limit("/?limit=100"), Some(100));
        for bad in ["/?limit=0", "/?limit=101", "/?limit=-1", "/?limit=x"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }
}
