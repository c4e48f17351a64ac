//! The web console and the API's reference: their files, embedded in the program, and the HTTP that
//! serves them.

mod files;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::json;

use self::files::File;

/// Where the API's reference is, for browsers and programs alike.
const DOCS: &str = "docs";

/// Serves the console where the API has no path of its own. `owns` says which paths the API has;
/// `public_url` is where browsers reach the server.
pub fn before(api: Router, public_url: &str, owns: fn(&str) -> bool) -> Router {
    let base: Arc<str> = base_of(public_url).into();
    api.layer(from_fn(move |request: Request, next: Next| {
        let base = base.clone();
        async move {
            let (method, path) = (request.method(), request.uri().path());
            let found =
                if owns(path) { None } else { find(method, path, request.headers(), &base) };
            match found {
                Some(response) => response,
                None => next.run(request).await,
            }
        }
    }))
}

/// Answers a request that no other function of a deployment answers. `base` is the stage's path.
pub fn answer(request: &Parts, base: &str, request_id: &str) -> Response {
    let path = request.uri.path();
    find(&request.method, path, &request.headers, base).unwrap_or_else(|| not_found(request_id))
}

/// As the API answers for a path that it does not have.
fn not_found(request_id: &str) -> Response {
    let problem = json!({
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "path_not_found",
        "detail": "there is nothing at this path",
        "request_id": request_id,
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let media_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// The path of the URL, with a slash at its end.
fn base_of(public_url: &str) -> String {
    let uri = public_url.parse::<Uri>().unwrap_or_default();
    format!("{}/", uri.path().trim_end_matches('/'))
}

/// A file, the reference, or for a browser the console, which knows its own places. A missing asset
/// is not a place.
fn find(method: &Method, path: &str, headers: &HeaderMap, base: &str) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let name = path.strip_prefix('/')?;
    let found = match File::named(name) {
        Some(file) if !page::is_page(name) => file.response(headers),
        _ if name == DOCS => page::response(files::REFERENCE, headers, base),
        _ if name.starts_with(files::ASSETS) || !accepts_html(headers) => return None,
        _ => page::response(files::PAGE, headers, base),
    };
    Some(if method == Method::HEAD { without_body(found) } else { found })
}

/// Browsers name it when they open a page. Programs that take anything (`*/*`) want the API.
fn accepts_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let name = range.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("text/html")
    })
}

fn without_body(response: Response) -> Response {
    response.map(|_| Body::empty())
}

#[cfg(test)]
mod tests;
