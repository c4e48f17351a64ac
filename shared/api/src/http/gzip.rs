//! Request bodies that were sent compressed, inflated as they are read: whoever counts or bounds a
//! body sees what it holds.

use std::fmt;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::Frame;

/// A byte inflates to 1,032 at most, so what one step makes is bounded.
const STEP: usize = 64;
/// The most that is read: parts that inflate to nothing count, too.
const MAX_READ: usize = 16 << 20;
/// What is handed on at once, at least, while there is more.
const MIN_FRAME: usize = 32 << 10;

#[derive(Debug)]
pub(super) struct NotGzip;

impl fmt::Display for NotGzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is not whole, valid gzip")
    }
}

impl std::error::Error for NotGzip {}

/// Takes the coding out of the headers if it is gzip alone. Any other is left to be refused.
pub(super) fn inflated(headers: &mut HeaderMap, body: Body) -> Body {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let is_gzip = codings.next().is_some_and(|coding| {
        let coding = coding.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
    });
    if !is_gzip || codings.next().is_some() {
        return body;
    }
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    let decoder = Some(MultiGzDecoder::new(Vec::new()));
    Body::new(Inflated { body, left: MAX_READ, read: Bytes::new(), decoder })
}

struct Inflated {
    body: Body,
    /// Bytes that may still be read.
    left: usize,
    /// Read, and not yet inflated.
    read: Bytes,
    /// `None` after the end, or after an error.
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
}

impl Inflated {
    /// Inflates until a frame is full, or nothing is left of what was read.
    fn inflate(&mut self) -> Result<Option<Bytes>, NotGzip> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        while !self.read.is_empty() && decoder.get_ref().len() < MIN_FRAME {
            let step = self.read.split_to(STEP.min(self.read.len()));
            decoder.write_all(&step).map_err(|_| NotGzip)?;
        }
        let made = std::mem::take(decoder.get_mut());
        Ok((!made.is_empty()).then(|| made.into()))
    }

    /// What the decoder still held.
    fn finish(&mut self) -> Result<Option<Bytes>, NotGzip> {
        let Some(decoder) = self.decoder.take() else { return Ok(None) };
        let rest = decoder.finish().map_err(|_| NotGzip)?;
        Ok((!rest.is_empty()).then(|| rest.into()))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        loop {
            match self.inflate() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(None) if self.decoder.is_none() => return Poll::Ready(None),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(self.failed(error)))),
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    self.read = frame.into_data().unwrap_or_default();
                    match self.left.checked_sub(self.read.len()) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(Some(Err(self.failed(NotGzip)))),
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let rest = self.finish().map_err(|error| self.failed(error));
                    return Poll::Ready(rest.transpose());
                }
            }
        }
    }

    fn failed(&mut self, error: NotGzip) -> axum::Error {
        self.decoder = None;
        self.read.clear();
        axum::Error::new(error)
    }
}

impl HttpBody for Inflated {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.get_mut().poll(context).map(|data| data.map(|data| data.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use futures_util::StreamExt as _;

    use super::*;

    fn zipped(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads a body that arrives in parts. Returns its parts, inflated, and how it ended.
    async fn read(sent: Vec<u8>, part: usize) -> (Vec<Bytes>, bool) {
        let parts: Vec<_> = sent.chunks(part).map(|part| Ok::<_, NotGzip>(part.to_vec())).collect();
        let mut headers = HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().unwrap())]);
        let body = inflated(&mut headers, Body::from_stream(futures_util::stream::iter(parts)));
        assert!(headers.is_empty());
        let mut read = Vec::new();
        let mut body = body.into_data_stream();
        while let Some(data) = body.next().await {
            match data {
                Ok(data) => read.push(data),
                Err(_) => return (read, false),
            }
        }
        (read, true)
    }

    #[tokio::test]
    async fn a_body_is_inflated_whatever_its_parts_are() {
        let content: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for part in [1, 63, 64, 65, 10_000, 1_000_000] {
            let (read, is_whole) = read(zipped(&content), part).await;
            assert!(is_whole && read.concat() == content, "{part}");
        }
        assert_eq!(read(zipped(b""), 5).await, (Vec::new(), true));
        let two = [zipped(b"one, "), zipped(b"two")].concat();
        assert_eq!(read(two, 7).await.0.concat(), b"one, two");
    }

    #[tokio::test]
    async fn no_part_is_much_larger_than_what_is_handed_on_at_once() {
        let (read, _) = read(zipped(&vec![0; 50_000_000]), 1 << 20).await;
        assert!(read.iter().all(|part| part.len() <= MIN_FRAME + 1_032 * STEP));
    }

    #[tokio::test]
    async fn what_is_not_whole_or_not_gzip_is_an_error() {
        let whole = zipped(b"some words that are long enough");
        for sent in [whole[..whole.len() - 1].to_vec(), whole[..12].to_vec(), b"{}".to_vec()] {
            assert!(!read(sent, 4).await.1);
        }
        let mut broken = whole.clone();
        let last = broken.len() - 6;
        broken[last] ^= 1;
        assert!(!read(broken, 4).await.1, "its sum is wrong");
    }

    #[test]
    fn other_codings_are_left_to_be_refused() {
        for coding in ["br", "identity", "gzip, gzip", "identity, gzip", ""] {
            let mut headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
            let _ = inflated(&mut headers, Body::empty());
            assert_eq!(headers.len(), 1, "{coding}");
        }
    }
}
