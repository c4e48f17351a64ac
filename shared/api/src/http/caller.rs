//! Whose request it is, alike in every API.

#[cfg(feature = "starts")]
pub(crate) mod public;

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use flowgate_app::access::Caller;
use flowgate_app::{App, Error, Result, signed_token};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use super::known_query;
use super::request::{QueryPairs, TOKEN_PARAMETER};

/// Router state from which the [`App`] can be reached.
pub(crate) trait Platform: Send + Sync {
    fn app(&self) -> &Arc<App>;
}

impl Platform for Arc<App> {
    fn app(&self) -> &Arc<App> {
        self
    }
}

/// Says who makes a request once it is known, also when the request is refused.
#[derive(Clone, Default)]
pub(crate) struct KnownCaller(Arc<OnceLock<Known>>);

pub(crate) struct Known {
    pub(crate) caller: Caller,
    /// It presented no credential.
    pub(crate) is_keyless: bool,
}

impl KnownCaller {
    pub(crate) fn get(&self) -> Option<&Known> {
        self.0.get()
    }

    /// Remembers whose request this is.
    fn note(parts: &Parts, caller: &Caller, is_keyless: bool) {
        if let Some(known) = parts.extensions.get::<Self>() {
            known.0.get_or_init(|| Known { caller: caller.clone(), is_keyless });
        }
    }
}

/// The caller, once its credential has been checked. `R` is how the API that it calls refuses.
pub(crate) struct Authenticated<R>(Caller, PhantomData<fn() -> R>);

impl<R> Deref for Authenticated<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<S: Platform, R: From<Error> + IntoResponse> FromRequestParts<S> for Authenticated<R> {
    type Rejection = R;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, R> {
        let caller = state.app().authenticate(&credential(parts)?).await?;
        KnownCaller::note(parts, &caller, false);
        known_query::check(parts)?;
        Ok(Self(caller, PhantomData))
    }
}

/// Returns whether a header is there to hold a credential for us, good or bad, even an empty one.
pub(crate) fn presents_credential(headers: &HeaderMap) -> bool {
    let for_us = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii();
        let scheme = value.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"bearer") || scheme.starts_with(b"fg")
    };
    headers.contains_key("x-api-key") || headers.get_all(AUTHORIZATION).iter().any(for_us)
}

/// The credential of a request: in `Authorization: Bearer`, in `X-API-Key`, or, where a browser can
/// set no header, a short-lived token in the query. Refuses two that differ: nobody could tell
/// which of them was checked on the way.
fn credential(parts: &Parts) -> Result<String> {
    let in_query = query_token(parts);
    let found = [bearer(&parts.headers)?, api_key(&parts.headers)?, in_query.as_deref()];
    let mut found = found.into_iter().flatten();
    let first = found.next().ok_or(Error::Unauthorized)?;
    if found.any(|other| other != first) {
        return Err(Error::Unauthorized);
    }
    Ok(first.to_owned())
}

/// `?token=`, for `EventSource`, which makes GET requests alone. Keys live too long to stand in a
/// URL.
fn query_token(parts: &Parts) -> Option<String> {
    if parts.method != Method::GET {
        return None;
    }
    let query = QueryPairs::of(&parts.uri);
    // What is no token of ours is refused, not passed over.
    query.get(TOKEN_PARAMETER).map(|token| match token.starts_with(signed_token::PREFIX) {
        true => token.to_owned(),
        false => String::new(),
    })
}

fn api_key(headers: &HeaderMap) -> Result<Option<&str>> {
    let values = headers.get_all("x-api-key").iter().map(|value| value.as_bytes().trim_ascii());
    only(values.filter(|value| !value.is_empty()))
}

/// Credentials of other schemes (Basic, Digest) are for a proxy on the way.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let values = headers.get_all(AUTHORIZATION).iter().map(|value| value.as_bytes().trim_ascii());
    only(values.filter_map(bearer_token))
}

/// `None`: it is empty, or not for us.
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    let (scheme, token) = value.split_at(end);
    let token = token.trim_ascii();
    // A key that stands there without its scheme is a mistake, not another scheme.
    if token.is_empty() && scheme.starts_with(b"fg") {
        return Some(b"");
    }
    (scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty()).then_some(token)
}

fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a str>> {
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => str::from_utf8(value).map(Some).map_err(|_| Error::Unauthorized),
        (Some(_), Some(_)) => Err(Error::Unauthorized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "fgt_abc";

    fn read(uri: &str, headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut parts = http::Request::get(uri).body(()).unwrap().into_parts().0;
        for (name, value) in headers {
            parts.headers.append(*name, value.parse().unwrap());
        }
        credential(&parts).ok()
    }

    fn check(headers: &[(&'static str, &'static str)], expected: Option<&str>) {
        assert_eq!(read("/", headers).as_deref(), expected, "{headers:?}");
    }

    #[test]
    fn one_credential_in_either_header() {
        check(&[("authorization", "Bearer abc")], Some("abc"));
        check(&[("authorization", "bEARER  abc ")], Some("abc"));
        check(&[("x-api-key", " abc ")], Some("abc"));
        check(&[("x-api-key", "abc"), ("authorization", "Bearer abc")], Some("abc"));
    }

    #[test]
    fn what_is_empty_or_for_a_proxy_is_passed_over() {
        for other in ["Basic abc", "Digest a=\"b\"", "", "  ", "Bearer", "Bearer ", "Negotiate"] {
            check(&[("authorization", other), ("x-api-key", "abc")], Some("abc"));
            check(&[("authorization", other)], None);
        }
        let both = [("authorization", "Basic a"), ("authorization", "Bearer abc")];
        check(&both, Some("abc"));
        check(&[("x-api-key", ""), ("authorization", "Bearer abc")], Some("abc"));
        check(&[("x-api-key", ""), ("x-api-key", "abc")], Some("abc"));
    }

    #[test]
    fn none_or_several_are_refused() {
        check(&[], None);
        check(&[("authorization", "abc")], None);
        check(&[("authorization", "fg_abc"), ("x-api-key", "abc")], None);
        check(&[("x-api-key", "abc"), ("authorization", "Bearer abd")], None);
        check(&[("x-api-key", "abc"), ("x-api-key", "abc")], None);
        check(&[("authorization", "Bearer a"), ("authorization", "Bearer a")], None);
    }

    #[test]
    fn a_credential_is_presented_even_if_it_is_bad() {
        let presents = |headers: &[(&'static str, &'static str)]| {
            let pairs = headers.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            presents_credential(&pairs.collect())
        };
        for value in ["Bearer abc", "bEARER\tabc", "Bearer", "Bearer ", "fg_abc", "fgt_abc x"] {
            assert!(presents(&[("authorization", value)]), "{value}");
        }
        assert!(presents(&[("x-api-key", "")]) && presents(&[("x-api-key", "abc")]));
        assert!(presents(&[("authorization", "Basic a"), ("authorization", "Bearer a")]));
        for value in ["", " ", "Basic abc", "Bearers abc", "Negotiate", "abc"] {
            assert!(!presents(&[("authorization", value)]), "{value}");
        }
        assert!(!presents(&[]));
    }

    #[test]
    fn a_token_may_stand_in_the_query_of_a_get() {
        let uri = format!("/v1/runs/r/events?token={TOKEN}");
        assert_eq!(read(&uri, &[]).as_deref(), Some(TOKEN));
        assert_eq!(read(&uri, &[("x-api-key", TOKEN)]).as_deref(), Some(TOKEN));
        assert_eq!(read(&uri, &[("x-api-key", "abc")]), None);
        assert_eq!(read("/?token=fg_key", &[]).as_deref(), Some(""), "it is nobody's");
        let mut parts = http::Request::post(&uri).body(()).unwrap().into_parts().0;
        assert!(credential(&parts).is_err());
        parts.headers.insert("x-api-key", "abc".parse().unwrap());
        assert_eq!(credential(&parts).unwrap(), "abc");
    }
}
