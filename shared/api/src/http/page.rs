//! Lists, page by page: `{items, next_cursor}` and `Link: <…>; rel="next"`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use flowgate_app::error::Result;
use flowgate_app::page::{Page, PageRequest};
use flowgate_app::runs::MAX_PAGE;
use flowgate_app::{App, Error};
use http::header::LINK;
use http::{HeaderValue, Uri};
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::form_urlencoded;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::request::{QueryPairs, TOKEN_PARAMETER};

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
    pub(crate) fn read(query: &QueryPairs, uri: &Uri) -> Result<Self> {
        let limit = match query.get("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
                let message = format!("must be a number from 1 to {MAX_PAGE}");
                limit.ok_or_else(|| bad_query("limit", &message))?
            }
        };
        let cursor = query.get("cursor").map(|cursor| cursor_of(uri.path(), cursor));
        let unknown = || bad_query("cursor", "is not the `next_cursor` of this list");
        Ok(Self { limit, cursor: cursor.map(|cursor| cursor.ok_or_else(unknown)).transpose()? })
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
    linked(app, uri, query, page.next_cursor.as_deref(), |next_cursor| {
        let items: Vec<_> = page.items.iter().map(item).collect();
        List { items, next_cursor }
    })
}

/// The same for a list with more in it than its items. `next` is the place of the next page, for
/// which `list` gets the cursor.
pub(crate) fn linked<L: Serialize>(
    app: &App,
    uri: &Uri,
    query: &QueryPairs,
    next: Option<&str>,
    list: impl FnOnce(Option<String>) -> L,
) -> Response {
    let cursor = next.map(|place| next_cursor(uri.path(), place));
    let mut response = Json(list(cursor.clone())).into_response();
    let link = cursor
        .as_deref()
        .map(|cursor| next_link(&app.settings.public_url, uri.path(), query, cursor));
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    response
}

pub(crate) fn bad_query(name: &str, message: &str) -> Error {
    Error::bad_field("", format!("`{name}` in the query {message}"))
}

/// The cursor that stands for a place in the list at this path.
pub(crate) fn next_cursor(path: &str, place: &str) -> String {
    let check = check_of(path, place);
    BASE64_URL.encode([check.as_slice(), place.as_bytes()].concat())
}

/// The place that the cursor stands for. `None`: it is cut, or of another list.
pub(crate) fn cursor_of(path: &str, cursor: &str) -> Option<String> {
    let bytes = BASE64_URL.decode(cursor).ok()?;
    let (check, place) = bytes.split_first_chunk::<4>()?;
    let place = str::from_utf8(place).ok()?;
    (*check == check_of(path, place)).then(|| place.to_owned())
}

/// Tells a cursor from other text. It keeps nobody from making one: it names a place, not a right.
fn check_of(path: &str, place: &str) -> [u8; 4] {
    let hash = Sha256::new().chain_update(path).chain_update([0]).chain_update(place).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The same filters, from the cursor on. A token does not belong into a link.
fn next_link(public_url: &str, path: &str, query: &QueryPairs, cursor: &str) -> String {
    let kept = query.pairs().filter(|(name, _)| !["cursor", TOKEN_PARAMETER].contains(name));
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    let query = pairs.extend_pairs(kept).append_pair("cursor", cursor).finish();
    format!("<{public_url}{path}?{query}>; rel=\"next\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_filters() {
        let query = QueryPairs::of(&"/x?user=a%26b&cursor=old&limit=2&token=t".parse().unwrap());
        assert_eq!(
            next_link("http://h/s", "/v1/keys", &query, "a/b="),
            "<http://h/s/v1/keys?user=a%26b&limit=2&cursor=a%2Fb%3D>; rel=\"next\""
        );
    }

    #[test]
    fn limits_are_bounded() {
        let limit = |uri: &str| {
            let uri = uri.parse().unwrap();
            PageQuery::read(&QueryPairs::of(&uri), &uri).map(|page| page.limit).ok()
        };
        assert_eq!(limit("/"), Some(DEFAULT_LIMIT));
        assert_eq!(limit("/?limit=100"), Some(100));
        for bad in ["/?limit=0", "/?limit=101", "/?limit=-1", "/?limit=x"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_list() {
        for place in ["run_1", "", "17", "0000#é", "a/b=&"] {
            let cursor = next_cursor("/v1/keys", place);
            assert_eq!(cursor_of("/v1/keys", &cursor).as_deref(), Some(place));
            assert_eq!(cursor_of("/v1/workflows", &cursor), None);
            assert_eq!(cursor_of("/v1/keys", &cursor[1..]), None);
            assert_eq!(cursor_of("/v1/keys", &format!("{cursor}AA")), None);
        }
        for bad in ["x", "run_1", "====", "%", "00000000"] {
            let uri: Uri = "/v1/keys".parse().unwrap();
            let query = QueryPairs::of(&format!("/v1/keys?cursor={bad}").parse().unwrap());
            let error = PageQuery::read(&query, &uri).unwrap_err().to_string();
            assert!(error.starts_with("`cursor` in the query is not"), "{error}");
        }
    }
}
