//! The caller of a route that public workflows serve without a key.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use flowgate_app::Error;
use flowgate_app::access::Caller;
use http::request::Parts;

use super::{Authenticated, KnownCaller, Platform, presents_credential};
use crate::http::request::Segments;

/// The caller of a route whose path names a workflow alone: who presents no credential is the key
/// that the workflow is public on behalf of.
pub(crate) struct KeyedOrPublic<R> {
    caller: Authenticated<R>,
    /// It presented no credential.
    pub(crate) is_keyless: bool,
}

impl<R> Deref for KeyedOrPublic<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Platform, R: From<Error> + IntoResponse> FromRequestParts<S> for KeyedOrPublic<R> {
    type Rejection = R;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, R> {
        if presents_credential(&parts.headers) {
            let caller = Authenticated::<R>::from_request_parts(parts, state).await?;
            return Ok(Self { caller, is_keyless: false });
        }
        let Ok(Segments(workflow)) = Segments::<String>::from_request_parts(parts, state).await
        else {
            return Err(Error::Unauthorized.into());
        };
        let caller = state.app().caller_without_key(&workflow).await?;
        KnownCaller::note(parts, &caller, true);
        Ok(Self { caller: Authenticated(caller, PhantomData), is_keyless: true })
    }
}
