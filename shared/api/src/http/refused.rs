//! What an operation may refuse, for the OpenAPI document: statuses, with the body of their API.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// The body with which an API refuses.
pub(crate) trait RefusalBody: ToSchema {
    const MEDIA_TYPE: &'static str = "application/json";
    /// The statuses that every operation with a caller may answer.
    const DENIED: &'static [u16] = &[401, 403, 500, 503];
}

/// One status.
pub(crate) struct Refused<B, const STATUS: u16>(PhantomData<B>);

/// What every operation with a caller may refuse.
pub(crate) struct Denied<B>(PhantomData<B>);

impl<B: RefusalBody, const STATUS: u16> IntoResponses for Refused<B, STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        each::<B>(&[STATUS])
    }
}

impl<B: RefusalBody> IntoResponses for Denied<B> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        each::<B>(B::DENIED)
    }
}

pub(crate) fn each<B: RefusalBody>(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    statuses.iter().map(|status| (status.to_string(), response::<B>(*status).into())).collect()
}

fn response<B: RefusalBody>(status: u16) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(B::name()))).build();
    ResponseBuilder::new().description(reason(status)).content(B::MEDIA_TYPE, body).build()
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "The request is wrong; every wrong field is named.",
        401 => "The key is missing, wrong, revoked or expired.",
        403 => "The key lacks the scope.",
        404 => "It does not exist, or the key may not know of it.",
        409 => "The state of the workflow or of the run does not allow it.",
        410 => "The run was not to be saved, and is wiped.",
        412 => "The draft is not, or is no longer, what `If-Match` or `If-None-Match` says.",
        413 => "The body is too large.",
        415 => "The body is compressed.",
        422 => "The document has errors, or the `Idempotency-Key` was used with another request.",
        429 => "A limit of the key is used up; nothing was started. See `Retry-After`.",
        508 => "Too many runs have each started the next: the workflow starts itself.",
        503 => "No capacity now: nothing was done. See `Retry-After`.",
        _ => "An internal error. The request id finds its cause in the log.",
    }
}
