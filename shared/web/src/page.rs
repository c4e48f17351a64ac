//! The pages, which say where they are: the `<base>` is the path under which the server is reached.

use axum::response::Response;
use http::header::{CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};

use super::files::{self, File, PAGE, REFERENCE, etag_of};

/// How the build writes it.
const BUILT_BASE: &str = "<base href=\"/\"";

/// Returns whether a file of the build is filled in before it is served.
pub(crate) fn is_page(name: &str) -> bool {
    matches!(name, PAGE | REFERENCE)
}

pub(crate) fn response(name: &str, headers: &HeaderMap, base: &str) -> Response {
    let built = File::named(name).map_or(&[][..], |file| file.content);
    let page = with_base(&String::from_utf8_lossy(built), base);
    let etag = etag_of(page.as_bytes());
    let revalidated = HeaderValue::from_static("no-cache");
    let mut response = files::fresh(headers, page.into_bytes(), &etag, revalidated);
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // The same path may answer programs in JSON.
    answer.insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn with_base(page: &str, base: &str) -> String {
    page.replacen(BUILT_BASE, &format!("<base href=\"{}\"", escaped(base)), 1)
}

/// It comes from the server's own address. It is escaped all the same.
fn escaped(base: &str) -> String {
    base.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pages_have_a_base_to_fill_in() {
        for name in [PAGE, REFERENCE] {
            let built = File::named(name).expect("a file of web/dist").content;
            let page = with_base(&String::from_utf8_lossy(built), "/prod/");
            assert!(page.contains("<base href=\"/prod/\""), "{page}");
            assert!(!page.contains(BUILT_BASE));
            assert!(!page.contains("src=\"/") && !page.contains("href=\"/a"), "relative: {page}");
            assert!(!page.contains("<script>") && !page.contains("<style"), "inline code: {page}");
        }
    }

    #[test]
    fn a_base_cannot_leave_its_attribute() {
        assert_eq!(with_base("<base href=\"/\">", "/\"><b"), "<base href=\"/&quot;>&lt;b\">");
    }
}
