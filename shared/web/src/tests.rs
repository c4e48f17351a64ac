//! What is answered where: the page to browsers, files by their names, the rest to the API.

use super::*;

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

fn request(method: Method, path: &str, accept: &str) -> (Method, String, HeaderMap) {
    let accept = HeaderValue::from_str(accept).unwrap();
    (method, path.to_owned(), HeaderMap::from_iter([(ACCEPT, accept)]))
}

fn found(method: Method, path: &str, accept: &str) -> Option<Response> {
    let (method, path, headers) = request(method, path, accept);
    find(&method, &path, &headers, "/prod/")
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_browser_gets_the_page_at_every_place() {
    for path in ["/", "/workflows", "/workflows/a/try", "/runs/run_1", "/index.html", "/nowhere"] {
        let page = found(Method::GET, path, HTML).unwrap();
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        assert_eq!(header(&page, "vary"), "Accept");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        assert_eq!(header(&page, "cross-origin-opener-policy"), "same-origin");
        let policy = header(&page, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(text(page).await.contains("<base href=\"/prod/\""));
    }
}

/// It is for programs, too: whoever asks for it gets it, under the policy of the console.
#[tokio::test]
async fn the_reference_is_at_one_path_for_everybody() {
    for accept in [HTML, "*/*", "application/json", ""] {
        let page = found(Method::GET, "/docs", accept).unwrap();
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8", "{accept}");
        let policy = header(&page, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let page = text(page).await;
        assert!(page.contains("<base href=\"/prod/\"") && page.contains("assets/docs-"), "{page}");
    }
    assert!(found(Method::POST, "/docs", HTML).is_none());
    for other in ["/docs/a", "/docs.html", "/Docs"] {
        assert!(found(Method::GET, other, "*/*").is_none(), "{other}");
    }
}

#[tokio::test]
async fn head_has_the_headers_alone_and_304_no_body() {
    let page = found(Method::HEAD, "/", HTML).unwrap();
    let etag = header(&page, "etag").to_owned();
    assert_ne!(header(&page, "content-length"), "0");
    assert_eq!(text(page).await, "");
    let (method, path, mut headers) = request(Method::GET, "/", HTML);
    headers.insert("if-none-match", etag.parse().unwrap());
    let known = find(&method, &path, &headers, "/prod/").unwrap();
    assert_eq!((known.status().as_u16(), header(&known, "etag")), (304, etag.as_str()));
    assert_eq!(text(known).await, "");
    let elsewhere = find(&method, &path, &headers, "/").unwrap();
    assert_eq!(elsewhere.status(), 200, "another base is another page");
}

#[test]
fn what_is_not_the_consoles_is_left_to_others() {
    for accept in ["*/*", "application/json", "", "text/htmlx"] {
        assert!(found(Method::GET, "/workflows", accept).is_none(), "{accept}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        assert!(found(method, "/", HTML).is_none());
    }
    for path in ["/assets/gone-1234.js", "/assets/", "/assets/../index.html"] {
        assert!(found(Method::GET, path, HTML).is_none(), "{path}");
    }
}

/// No path is a path of the file system: what is no name of the build is a place of the page.
#[test]
fn no_path_leads_out_of_the_build() {
    for path in ["/../Cargo.toml", "/..%2f..%2fetc/passwd", "/.//index.html", "/%69ndex.html", "//"]
    {
        assert!(found(Method::GET, path, "*/*").is_none(), "{path}");
    }
}

#[tokio::test]
async fn alone_it_refuses_in_the_shape_of_the_api() {
    let parts = http::Request::get("/nothing").body(()).unwrap().into_parts().0;
    let refused = answer(&parts, "/prod/", "id");
    assert_eq!(refused.status(), 404);
    assert_eq!(header(&refused, "content-type"), "application/problem+json");
    assert!(text(refused).await.contains("\"code\":\"path_not_found\""));
}

#[test]
fn the_base_is_the_path_of_the_public_url() {
    for (url, base) in [
        ("http://127.0.0.1:8080", "/"),
        ("https://a.example/", "/"),
        ("https://x.execute-api.eu-central-1.amazonaws.com/prod", "/prod/"),
        ("https://a.example/a/b", "/a/b/"),
        ("nonsense", "/"),
    ] {
        assert_eq!(base_of(url), base, "{url}");
    }
}
