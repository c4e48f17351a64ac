//! Text in any charset.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

use super::{Read, Unreadable};

/// Pages name their charset in this many bytes.
const START_OF_PAGE: usize = 1_024;
/// A charset is guessed from this many bytes.
const MAX_GUESSED: usize = 256 * 1024;

/// Whether bytes can be text: none of them is zero, except in UTF-16.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    Encoding::for_bom(bytes).is_some() || !bytes.contains(&0)
}

/// Decodes by the byte order mark, then by the charset that the sender declares, then by a guess.
pub(super) fn of(bytes: &[u8], declared: Option<&str>) -> Read<String> {
    let charset = declared.and_then(charset_of);
    if let Some(name) = charset
        && Encoding::for_label(name.as_bytes()).is_none()
    {
        let name: String = name.chars().take(40).collect();
        return Err(Unreadable::unsupported(format!("its charset {name:?} is unknown")));
    }
    Ok(decode(bytes, charset.and_then(|name| Encoding::for_label(name.as_bytes()))))
}

/// A page names its charset itself, if its sender does not; what is wrong is ignored, as browsers
/// do.
pub(super) fn of_html(bytes: &[u8], declared: Option<&str>) -> String {
    let start = &bytes[..bytes.len().min(START_OF_PAGE)];
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let label = |name: &str| Encoding::for_label(name.as_bytes());
    let encoding = declared.and_then(charset_of).and_then(label);
    decode(bytes, encoding.or_else(|| charset_of(&start).and_then(label)))
}

fn decode(bytes: &[u8], encoding: Option<&'static Encoding>) -> String {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned();
    }
    if encoding.is_none_or(|encoding| encoding == UTF_8)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return text.to_owned();
    }
    let encoding = encoding.unwrap_or_else(|| guess(bytes));
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(MAX_GUESSED)], bytes.len() <= MAX_GUESSED);
    detector.guess(None, Utf8Detection::Deny)
}

/// Returns what follows `charset=`.
fn charset_of(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find("charset")? + "charset".len();
    let rest = text[at..].trim_start().strip_prefix('=')?.trim_start_matches([' ', '"', '\'']);
    let end = rest.find(|end: char| !end.is_ascii_alphanumeric() && !"-_:.".contains(end));
    let name = &rest[..end.unwrap_or(rest.len())];
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded() {
        let check = |bytes: &[u8], declared: Option<&str>, expected: &str| {
            assert_eq!(of(bytes, declared).unwrap(), expected, "{declared:?}");
        };
        check("é".as_bytes(), None, "é");
        check(b"\xef\xbb\xbf\xc3\xa9", Some("text/plain; charset=latin1"), "é");
        check(b"\xff\xfea\0b\0", None, "ab");
        check(b"caf\xe9", Some("text/csv; charset=\"ISO-8859-1\""), "café");
        check(b"un caf\xe9 tr\xe8s serr\xe9, d\xe9j\xe0 vu", None, "un café très serré, déjà vu");
        assert!(of(b"a", Some("text/plain; charset=klingon")).is_err());
        assert_eq!(
            of_html(b"<meta charset=gbk><p>\xc4\xe3\xba\xc3", None),
            "<meta charset=gbk><p>你好"
        );
        assert_eq!(of_html(b"a", Some("text/html; charset=klingon")), "a");
        assert!(is_text(b"\xff\xfea\0") && !is_text(b"a\0"));
    }
}
