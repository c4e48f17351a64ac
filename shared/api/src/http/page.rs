//! Lists, page by page: `{items, next_cursor}` and `Link: <…>; rel="next"`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::Result;
use flowgate_app::page::{Page, PageRequest};
use flowgate_app::runs::MAX_PAGE;
use flowgate_app::{App, Error};
use http::header::LINK;
use http::{HeaderValue, Uri};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::request::QueryPairs;

const DEFAULT_LIMIT: usize = 20;

/// Which page of a list is asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items a page has.
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    limit: usize,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    pub(crate) fn read(query: &QueryPairs) -> Result<Self> {
        let limit = match query.get("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
                let message = format!("must be a number from 1 to {MAX_PAGE}");
                limit.ok_or_else(|| bad_query("limit", &message))?
            }
        };
        Ok(Self { limit, cursor: query.get("cursor").map(str::to_owned) })
    }
}

impl From<PageQuery> for PageRequest {
    fn from(PageQuery { limit, cursor }: PageQuery) -> Self {
        Self { limit, cursor }
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    /// Asks for the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
}

/// Derived, it would hold a copy of the item's schema.
impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let next_cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Asks for the next page; null on the last one."));
        let list = ObjectBuilder::new().property("items", items).required("items");
        list.property("next_cursor", next_cursor).required("next_cursor").into()
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T> List<T> {
    /// A list that always has one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// The page, and where the next one is.
pub(crate) fn response<'a, T, I: Serialize>(
    app: &App,
    uri: &Uri,
    query: &QueryPairs,
    page: &'a Page<T>,
    item: impl Fn(&'a T) -> I,
) -> Response {
    let items: Vec<_> = page.items.iter().map(item).collect();
    let mut response = Json(List { items, next_cursor: page.next_cursor.clone() }).into_response();
    let cursor = page.next_cursor.as_deref();
    let link = cursor.map(|cursor| next_link(&app.settings.public_url, uri.path(), query, cursor));
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    response
}

pub(crate) fn bad_query(name: &str, message: &str) -> Error {
    Error::bad_field("", format!("`{name}` in the query {message}"))
}

/// The same filters, from the cursor on.
fn next_link(public_url: &str, path: &str, query: &QueryPairs, cursor: &str) -> String {
    let kept = query.pairs().filter(|(name, _)| *name != "cursor");
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    let query = pairs.extend_pairs(kept).append_pair("cursor", cursor).finish();
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
        let limit = |uri: &str| {
            PageQuery::read(&QueryPairs::of(&uri.parse().unwrap())).map(|page| page.limit).ok()
        };
        assert_eq!(limit("/"), Some(DEFAULT_LIMIT));
        assert_eq!(limit("/?limit=100"), Some(100));
        for bad in ["/?limit=0", "/?limit=101", "/?limit=-1", "/?limit=x"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }
}
