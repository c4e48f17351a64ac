//! Counts what requests and answers take in this process, for the key that they come from.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use flowgate_app::memory::{Charge, Holder, Memory};
use flowgate_app::overload::Overloaded;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http_body::{Frame, SizeHint};

use super::caller::presents_credential;

/// The body as bytes, and its texts.
const COPIES: usize = 2;
/// What a value takes beyond its text, at most; and how many a body may have.
const VALUE_BYTES: usize = 300;
const MAX_VALUES: usize = flowgate_engine::json::MAX_VALUES;
/// Smaller answers are gone before they are counted.
const MIN_ANSWER: u64 = 16 << 10;

/// Whom the request is counted for. The key is not checked yet: whoever presents a wrong one is
/// refused before its body is read.
pub(super) fn holder(headers: &HeaderMap) -> Holder {
    if !presents_credential(headers) {
        return Holder::of_nobody();
    }
    let presented = headers.get(AUTHORIZATION).or_else(|| headers.get("x-api-key"));
    let text = presented.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = text.find("fg_").and_then(|at| text.get(at + "fg_".len()..)?.get(..12));
    Holder::of_key(id)
}

/// A request's body, counted as it is read, until the guard is dropped.
pub(super) fn metered(memory: &Arc<Memory>, holder: &Holder, body: Body) -> (Body, Guard) {
    let guard = Guard(Arc::new(Mutex::new(memory.empty_charge(holder))));
    let metered = MeteredBody { body, charge: guard.0.clone(), values: 0 };
    (Body::new(metered), guard)
}

pub(super) struct Guard(Arc<Mutex<Charge>>);

struct MeteredBody {
    body: Body,
    charge: Arc<Mutex<Charge>>,
    values: usize,
}

impl MeteredBody {
    fn count(&mut self, data: &[u8]) -> Result<(), Overloaded> {
        let begins = |byte: &&u8| matches!(byte, b',' | b'[' | b'{');
        let values = data.iter().filter(begins).count().min(MAX_VALUES - self.values);
        self.values += values;
        let mut charge = self.charge.lock().unwrap_or_else(PoisonError::into_inner);
        charge.add(COPIES * data.len() + VALUE_BYTES * values)
    }
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let body = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut body.body).poll_frame(context));
        let counted = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(Ok(()), |data| body.count(data)),
            _ => Ok(()),
        };
        Poll::Ready(match counted {
            Ok(()) => frame,
            Err(overloaded) => Some(Err(axum::Error::new(overloaded))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counts a large answer until its last byte is sent. `Err`: there is no memory for it.
pub(super) fn counted(
    memory: &Arc<Memory>,
    holder: &Holder,
    response: Response,
) -> Result<Response, Overloaded> {
    let size = response.body().size_hint().exact().unwrap_or(0);
    if size < MIN_ANSWER {
        return Ok(response);
    }
    let charge = memory.charge(holder, usize::try_from(size).unwrap_or(usize::MAX / 2))?;
    Ok(response.map(|body| Body::new(HeldBody { body, _charge: charge })))
}

struct HeldBody {
    body: Body,
    _charge: Charge,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use flowgate_app::Error;
    use flowgate_app::memory::MemoryLimits;

    use super::*;
    use crate::http::body::not_read;

    #[test]
    fn the_holder_is_the_key_that_is_presented() {
        let of = |name: &'static str, value: &'static str| {
            holder(&HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )]))
        };
        let key = Holder::of_key(Some("abcdefghijkl"));
        assert_eq!(of("authorization", "Bearer fg_abcdefghijkl_secret"), key);
        assert_eq!(of("x-api-key", "fg_abcdefghijkl_secret"), key);
        assert_eq!(of("x-api-key", "fg_abc"), Holder::of_key(None));
        assert_eq!(of("authorization", "Bearer an-operator"), Holder::of_key(None));
    }

    #[tokio::test]
    async fn a_body_is_counted_while_it_is_read_and_freed_with_its_request() {
        let memory = Memory::new(MemoryLimits { process: 10_000, holder: 10_000 });
        let holder = Holder::of_key(None);
        let (body, guard) = metered(&memory, &holder, Body::from("[1,2]"));
        axum::body::to_bytes(body, 100).await.unwrap();
        assert_eq!(memory.used(), 2 * 5 + 300 * 2);
        drop(guard);
        assert_eq!(memory.used(), 0);

        let (body, _guard) = metered(&memory, &holder, Body::from("x".repeat(6_000)));
        let refused = axum::body::to_bytes(body, 10_000).await.unwrap_err();
        assert!(matches!(not_read(refused), Error::Overloaded { .. }));
    }

    #[tokio::test]
    async fn an_answer_is_counted_until_it_is_gone() {
        let memory = Memory::new(MemoryLimits { process: 50_000, holder: 50_000 });
        let holder = Holder::of_key(None);
        let answer = || Response::new(Body::from("x".repeat(30_000)));
        let first = counted(&memory, &holder, answer()).unwrap();
        assert_eq!(first.body().size_hint().exact(), Some(30_000));
        assert!(counted(&memory, &holder, answer()).is_err());
        drop(first);
        assert_eq!(memory.used(), 0);
    }
}
