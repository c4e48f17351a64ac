//! The files of `web/dist`, as they were built.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

/// The page that every place of the console begins with.
pub(crate) const PAGE: &str = "index.html";
/// The reference of the API, a page of its own.
pub(crate) const REFERENCE: &str = "docs.html";
/// Their names contain a hash of their content.
pub(crate) const ASSETS: &str = "assets/";
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A browser may keep it, and asks each time whether it is still the same.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");
/// The page loads only what comes with it, and nobody frames it. `base-uri` is `'self'`, not
/// `'none'`: browsers would ignore the page's `<base>`, without which its relative URLs are wrong
/// on every place below `/`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src \
     'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'none'",
);
const PROTECTION: [(&str, HeaderValue); 4] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", HeaderValue::from_static("nosniff")),
    ("referrer-policy", HeaderValue::from_static("no-referrer")),
    ("cross-origin-opener-policy", HeaderValue::from_static("same-origin")),
];

static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
static FILES: LazyLock<BTreeMap<&str, File>> = LazyLock::new(|| read(EMBEDDED));

/// One file, and its compressed form if the build made one.
pub(crate) struct File {
    name: &'static str,
    pub content: &'static [u8],
    gzip: Option<&'static [u8]>,
    etag: String,
}

/// A compressed form is no file of its own.
fn read(embedded: &'static [(&str, &[u8])]) -> BTreeMap<&'static str, File> {
    let all: BTreeMap<&str, &[u8]> = embedded.iter().copied().collect();
    let plain = all.iter().filter(|(name, _)| !name.ends_with(".gz") && !name.ends_with(".br"));
    plain
        .map(|(&name, &content)| {
            let gzip = all.get(format!("{name}.gz").as_str()).copied();
            (name, File { name, content, gzip, etag: etag_of(content) })
        })
        .collect()
}

/// A strong one, in its quotes.
pub(crate) fn etag_of(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

impl File {
    /// Names are compared with those of the build alone, so that no path leads out of it.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FILES.get(name)
    }

    pub(crate) fn response(&self, headers: &HeaderMap) -> Response {
        let caching = if self.name.starts_with(ASSETS) { IMMUTABLE } else { REVALIDATED };
        let gzip = self.gzip.filter(|_| accepts_gzip(headers));
        // The two forms are different bytes.
        let etag = match gzip {
            Some(_) => format!("{}-gzip\"", self.etag.trim_end_matches('"')),
            None => self.etag.clone(),
        };
        let mut response = fresh(headers, gzip.unwrap_or(self.content).into(), &etag, caching);
        let answer = response.headers_mut();
        answer.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(self.name)));
        answer.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if gzip.is_some() {
            answer.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// The content, or 304 where the browser has it.
pub(crate) fn fresh(
    headers: &HeaderMap,
    content: Vec<u8>,
    etag: &str,
    caching: HeaderValue,
) -> Response {
    let is_known = has_it(headers, etag);
    let length = HeaderValue::from(content.len());
    let mut response = Response::new(if is_known { Body::empty() } else { content.into() });
    let answer = response.headers_mut();
    if !is_known {
        answer.insert(CONTENT_LENGTH, length);
    }
    if let Ok(etag) = HeaderValue::try_from(etag) {
        answer.insert(ETAG, etag);
    }
    answer.insert(CACHE_CONTROL, caching);
    for (name, value) in PROTECTION {
        answer.insert(HeaderName::from_static(name), value);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

/// Compared weakly, as a GET does: a proxy that compressed the answer may have made it weak.
fn has_it(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag
    })
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map(str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight, Some(Ok(0.0)))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: &[(&str, &[u8])] = &[
        ("assets/index-1a2b.js", b"let a = 1;"),
        ("assets/index-1a2b.js.br", b"br"),
        ("assets/index-1a2b.js.gz", b"gz"),
        ("icon.svg", b"<svg/>"),
    ];

    fn response(name: &str, headers: &[(HeaderName, &'static str)]) -> Response {
        let files = read(BUILT);
        let given =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        files[name].response(&given.collect())
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    async fn body(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), 1_000).await.unwrap().to_vec()
    }

    #[test]
    fn compressed_forms_are_no_files() {
        assert_eq!(
            read(BUILT).into_keys().collect::<Vec<_>>(),
            ["assets/index-1a2b.js", "icon.svg"]
        );
    }

    #[tokio::test]
    async fn an_asset_is_kept_for_ever_and_sent_as_it_may_be() {
        let plain = response("assets/index-1a2b.js", &[]);
        assert_eq!(header(&plain, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header(&plain, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&plain, "vary"), "Accept-Encoding");
        assert_eq!(header(&plain, "content-length"), "10");
        assert_eq!(header(&plain, "x-content-type-options"), "nosniff");
        assert_eq!(header(&plain, "content-encoding"), "");
        let etag = header(&plain, "etag").to_owned();
        assert_eq!(body(plain).await, b"let a = 1;");
        let gzip = response("assets/index-1a2b.js", &[(ACCEPT_ENCODING, "br, gzip;q=0.5")]);
        assert_eq!(header(&gzip, "content-encoding"), "gzip");
        assert_ne!(header(&gzip, "etag"), etag);
        assert_eq!(body(gzip).await, b"gz");
        for refused in ["br", "gzip;q=0", "identity", "xgzip"] {
            let plain = response("assets/index-1a2b.js", &[(ACCEPT_ENCODING, refused)]);
            assert_eq!(header(&plain, "content-encoding"), "", "{refused}");
        }
    }

    #[tokio::test]
    async fn what_has_no_compressed_form_is_sent_plain() {
        let icon = response("icon.svg", &[(ACCEPT_ENCODING, "gzip")]);
        assert_eq!(header(&icon, "content-encoding"), "");
        assert_eq!(header(&icon, "cache-control"), "no-cache");
        assert_eq!(body(icon).await, b"<svg/>");
    }

    #[test]
    fn an_etag_matches_weakly_and_in_lists() {
        let etag = etag_of(b"x");
        let has = |value: String| {
            has_it(&HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]), &etag)
        };
        assert!(has(etag.clone()) && has(format!("W/{etag}")) && has("*".to_owned()));
        assert!(has(format!("\"a\", {etag}")));
        assert!(!has("\"a\"".to_owned()) && !has(etag.trim_matches('"').to_owned()));
    }
}
