//! Whose request it is: `Authorization: Bearer` or `X-API-Key`, in every API.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use flowgate_app::access::Caller;
use flowgate_app::{App, Error, Result};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

/// Router state from which the [`App`] can be reached.
pub(crate) trait Platform: Send + Sync {
    fn app(&self) -> &Arc<App>;
}

impl Platform for Arc<App> {
    fn app(&self) -> &Arc<App> {
        self
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
        let caller = state.app().authenticate(credential(&parts.headers)?).await?;
        Ok(Self(caller, PhantomData))
    }
}

/// Refuses a request with two different credentials: nobody could tell which of them was checked on
/// the way.
fn credential(headers: &HeaderMap) -> Result<&str> {
    let bearer = only(headers, AUTHORIZATION.as_str())?
        .map(|value| bearer(value).ok_or(Error::Unauthorized))
        .transpose()?;
    let api_key = only(headers, "x-api-key")?;
    match (bearer, api_key) {
        (Some(bearer), Some(api_key)) if bearer != api_key => Err(Error::Unauthorized),
        (Some(credential), _) | (None, Some(credential)) => Ok(credential),
        (None, None) => Err(Error::Unauthorized),
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(|text| Some(text.trim())).map_err(|_| Error::Unauthorized)
        }
        (Some(_), Some(_)) => Err(Error::Unauthorized),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: Option<&str>) {
        let headers = headers.iter().fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(*name, value.parse().unwrap());
            map
        });
        assert_eq!(credential(&headers).ok(), expected, "{headers:?}");
    }

    #[test]
    fn one_credential_in_either_header() {
        check(&[("authorization", "Bearer abc")], Some("abc"));
        check(&[("authorization", "bEARER  abc ")], Some("abc"));
        check(&[("x-api-key", "abc")], Some("abc"));
        check(&[("x-api-key", "abc"), ("authorization", "Bearer abc")], Some("abc"));
    }

    #[test]
    fn none_or_several_are_refused() {
        check(&[], None);
        check(&[("authorization", "Basic abc")], None);
        check(&[("authorization", "abc")], None);
        check(&[("authorization", "Basic abc"), ("x-api-key", "abc")], None);
        check(&[("x-api-key", "abc"), ("authorization", "Bearer abd")], None);
        check(&[("x-api-key", "abc"), ("x-api-key", "abc")], None);
        check(&[("authorization", "Bearer a"), ("authorization", "Bearer a")], None);
    }
}
