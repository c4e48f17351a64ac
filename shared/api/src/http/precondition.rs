//! What a request says must be stored for it to apply (RFC 9110, 13.1): `If-Match` and
//! `If-None-Match`.

use flowgate_app::Error;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

/// Returns the one etag of `If-Match`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = only(headers, &IF_MATCH)? else { return Ok(None) };
    let etag =
        value.to_str().ok().and_then(|value| value.trim().strip_prefix('"')?.strip_suffix('"'));
    let etag = etag.filter(|etag| !etag.contains('"')).ok_or_else(|| wrong(&IF_MATCH))?;
    Ok(Some(etag.to_owned()))
}

/// Returns whether `If-None-Match: *` says that nothing may be stored yet.
pub(crate) fn is_new(headers: &HeaderMap) -> Result<bool, Error> {
    match only(headers, &IF_NONE_MATCH)? {
        None => Ok(false),
        Some(value) if value == "*" => Ok(true),
        Some(_) => Err(wrong(&IF_NONE_MATCH)),
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Error> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(wrong(name)),
        (value, None) => Ok(value),
    }
}

fn wrong(name: &HeaderName) -> Error {
    let message = match *name {
        IF_MATCH => "the header If-Match must be one ETag in double quotes",
        _ => "the header If-None-Match must be *",
    };
    Error::bad_field("", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().fold(HeaderMap::new(), |mut headers, value| {
            headers.append(name.clone(), HeaderValue::from_static(value));
            headers
        })
    }

    #[test]
    fn if_match_is_one_quoted_etag() {
        let read = |values: &[&'static str]| if_match(&headers(IF_MATCH, values)).ok();
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&["\"abc\""]), Some(Some("abc".to_owned())));
        for bad in
            [&["*"][..], &["abc"], &["\"a\", \"b\""], &["\"a\"", "\"b\""], &["W/\"a\""], &["\""]]
        {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn if_none_match_is_a_star() {
        let read = |values: &[&'static str]| is_new(&headers(IF_NONE_MATCH, values)).ok();
        assert_eq!((read(&[]), read(&["*"])), (Some(false), Some(true)));
        for bad in [&["\"abc\""][..], &[""], &["*", "*"]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
