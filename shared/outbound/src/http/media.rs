//! What the content type of an answer says: how to read it, and in which charset.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use flowgate_engine::call::ReadAs;
use http::{HeaderMap, header};

use super::{CallError, invalid_answer};

const MAX_SHOWN: usize = 40;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ContentType {
    /// In lower case; empty if there is none.
    pub(super) media_type: String,
    charset: Option<String>,
}

impl ContentType {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
        let value = String::from_utf8_lossy(value.unwrap_or_default()).to_ascii_lowercase();
        let mut parts = value.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_owned();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == "charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
        });
        Self { media_type, charset: charset.filter(|charset| !charset.is_empty()) }
    }

    pub(super) fn read_as(&self) -> ReadAs {
        let Some((class, name)) = self.media_type.split_once('/') else { return ReadAs::Text };
        let (name, suffix) = name.rsplit_once('+').unwrap_or((name, ""));
        match (class, name, suffix) {
            ("application" | "text", "json", _) | (_, _, "json") => ReadAs::Json,
            ("text" | "message" | "multipart", ..) | (_, _, "xml" | "yaml") => ReadAs::Text,
            ("application", name, _) if is_text(name) => ReadAs::Text,
            _ => ReadAs::Base64,
        }
    }

    /// Decodes text. A byte order mark says more than the charset, and is no part of the text.
    pub(super) fn decode<'b>(&self, bytes: &'b [u8]) -> Result<Decoded<'b>, CallError> {
        let (encoding, mark) = match (Encoding::for_bom(bytes), &self.charset) {
            (Some(found), _) => found,
            (None, Some(charset)) => (named(charset)?, 0),
            (None, None) => (UTF_8, 0),
        };
        let (text, has_errors) = encoding.decode_without_bom_handling(&bytes[mark..]);
        Ok(Decoded { text, has_errors })
    }
}

pub(super) struct Decoded<'b> {
    /// `\u{fffd}` where the bytes mean nothing.
    pub(super) text: Cow<'b, str>,
    pub(super) has_errors: bool,
}

/// Types of applications that are text although they do not say so.
fn is_text(name: &str) -> bool {
    let name = name.strip_prefix("x-").unwrap_or(name);
    matches!(
        name,
        "xml"
            | "xml-dtd"
            | "javascript"
            | "ecmascript"
            | "typescript"
            | "www-form-urlencoded"
            | "yaml"
            | "toml"
            | "graphql"
            | "sql"
            | "ndjson"
            | "jsonl"
            | "jsonlines"
            | "json-seq"
            | "json-lines"
            | "csv"
            | "sh"
            | "rtf"
            | "ld-json"
    )
}

fn named(charset: &str) -> Result<&'static Encoding, CallError> {
    Encoding::for_label_no_replacement(charset.as_bytes()).ok_or_else(|| {
        let shown: String = charset.chars().take(MAX_SHOWN).collect();
        invalid_answer(format!("its charset {shown:?} is unknown"))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn content_type(text: &str) -> ContentType {
        let value = HeaderValue::from_str(text).unwrap();
        ContentType::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]))
    }

    #[test]
    fn a_content_type_says_how_to_read() {
        let check = |read_as: ReadAs, types: &[&str]| {
            for text in types {
                assert_eq!(content_type(text).read_as(), read_as, "{text}");
            }
        };
        check(
            ReadAs::Json,
            &["application/json", "Text/JSON; charset=utf-8", "application/problem+json"],
        );
        check(
            ReadAs::Text,
            &[
                "",
                "nonsense",
                "text/html",
                "text/csv; header=present",
                "application/xml",
                "application/rss+xml",
                "image/svg+xml",
                "application/x-ndjson",
                "application/javascript",
            ],
        );
        check(
            ReadAs::Base64,
            &[
                "image/png",
                "audio/mpeg",
                "video/mp4",
                "font/woff2",
                "application/pdf",
                "application/zip",
                "application/gzip",
                "application/octet-stream; charset=binary",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ],
        );
        assert_eq!(ContentType::of(&HeaderMap::new()).read_as(), ReadAs::Text);
    }

    #[test]
    fn a_charset_is_found_whatever_its_spelling() {
        for (text, expected) in [
            ("text/html; charset=UTF-8", Some("utf-8")),
            ("text/html;charset=\"iso-8859-1\"", Some("iso-8859-1")),
            ("text/html; a=b; CHARSET='utf-16le'", Some("utf-16le")),
            ("text/html; charset=", None),
            ("text/html; xcharset=a", None),
        ] {
            assert_eq!(content_type(text).charset.as_deref(), expected, "{text}");
        }
    }
}
