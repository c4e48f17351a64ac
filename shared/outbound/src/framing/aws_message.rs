//! The messages of `application/vnd.amazon.eventstream`, in which AWS streams.
//!
//! Checked against the "Amazon Event Stream Specification" of Smithy: lengths of the message and of
//! its headers, their CRC-32, headers, payload, the CRC-32 of all before it; all big-endian.

use serde_json::{Value, json};

use super::{Fault, Frame, MAX_FRAME_BYTES};

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
const MIN_MESSAGE_BYTES: usize = PRELUDE_BYTES + CHECKSUM_BYTES;

/// Cuts bytes into messages.
#[derive(Default)]
pub(crate) struct Messages {
    pub(super) held: Vec<u8>,
}

impl Messages {
    /// Returns the messages that end within these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, Fault> {
        self.held.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut begin = 0;
        while let Some(length) = message_length(&self.held[begin..])?
            && let Some(message) = self.held[begin..].get(..length)
        {
            frames.extend(frame(message)?);
            begin += length;
        }
        self.held.drain(..begin);
        Ok(frames)
    }
}

/// Returns the length of the first message, checked before the rest of it is waited for.
fn message_length(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(prelude) = bytes.get(..PRELUDE_BYTES) else { return Ok(None) };
    if crc32fast::hash(&prelude[..8]) != number(&prelude[8..])? {
        return Err(Fault::Unreadable);
    }
    let length = size(&prelude[..4])?;
    if length > MAX_FRAME_BYTES {
        return Err(Fault::TooLarge("a message of the answer"));
    }
    let headers = size(&prelude[4..8])?;
    let is_possible = length >= MIN_MESSAGE_BYTES && headers <= length - MIN_MESSAGE_BYTES;
    if is_possible { Ok(Some(length)) } else { Err(Fault::Unreadable) }
}

/// Reads a whole message. An event has its type as name; an exception becomes an error in the
/// common shape; what is neither says nothing.
fn frame(message: &[u8]) -> Result<Option<Frame>, Fault> {
    let (body, checksum) = message.split_at(message.len() - CHECKSUM_BYTES);
    if crc32fast::hash(body) != number(checksum)? {
        return Err(Fault::Unreadable);
    }
    let headers = size(&body[4..8])?;
    let (headers, payload) = body[PRELUDE_BYTES..].split_at(headers);
    let headers = Headers::read(headers)?;
    let payload = std::str::from_utf8(payload).map_err(|_| Fault::Unreadable)?;
    Ok(match headers.message_type {
        "event" => Some(Frame { name: headers.event_type.to_owned(), data: payload.to_owned() }),
        "exception" => {
            let stated: Value =
                flowgate_engine::json::parse(payload.as_bytes()).unwrap_or_default();
            let text = stated["message"].as_str().or(stated["Message"].as_str());
            Some(failure(headers.exception_type, text.unwrap_or_default()))
        }
        "error" => Some(failure(headers.error_code, headers.error_message)),
        _ => None,
    })
}

fn failure(kind: &str, text: &str) -> Frame {
    let message = format!("{kind}: {text}");
    let data = json!({ "error": { "type": kind, "message": message } }).to_string();
    Frame { name: kind.to_owned(), data }
}

#[derive(Default)]
struct Headers<'m> {
    message_type: &'m str,
    event_type: &'m str,
    exception_type: &'m str,
    error_code: &'m str,
    error_message: &'m str,
}

impl<'m> Headers<'m> {
    fn read(mut bytes: &'m [u8]) -> Result<Self, Fault> {
        let mut headers = Self::default();
        while !bytes.is_empty() {
            let length = take(&mut bytes, 1)?[0];
            let name = take(&mut bytes, usize::from(length))?;
            let value = header_value(&mut bytes)?;
            let field = match name {
                b":message-type" => &mut headers.message_type,
                b":event-type" => &mut headers.event_type,
                b":exception-type" => &mut headers.exception_type,
                b":error-code" => &mut headers.error_code,
                b":error-message" => &mut headers.error_message,
                _ => continue,
            };
            *field = std::str::from_utf8(value).map_err(|_| Fault::Unreadable)?;
        }
        Ok(headers)
    }
}

/// Returns the bytes of a value of any type.
fn header_value<'m>(bytes: &mut &'m [u8]) -> Result<&'m [u8], Fault> {
    let length = match take(bytes, 1)?[0] {
        // True and false.
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        // A long, and a time.
        5 | 8 => 8,
        // Bytes, and a string.
        6 | 7 => {
            let length = take(bytes, 2)?;
            usize::from(u16::from_be_bytes([length[0], length[1]]))
        }
        // A UUID.
        9 => 16,
        _ => return Err(Fault::Unreadable),
    };
    take(bytes, length)
}

fn take<'m>(bytes: &mut &'m [u8], length: usize) -> Result<&'m [u8], Fault> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Fault::Unreadable)?;
    *bytes = rest;
    Ok(taken)
}

fn size(bytes: &[u8]) -> Result<usize, Fault> {
    usize::try_from(number(bytes)?).map_err(|_| Fault::Unreadable)
}

fn number(bytes: &[u8]) -> Result<u32, Fault> {
    bytes.try_into().map(u32::from_be_bytes).map_err(|_| Fault::Unreadable)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message with string headers.
    pub(crate) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        for (name, value) in headers {
            encoded.push(u8::try_from(name.len()).unwrap());
            encoded.extend_from_slice(name.as_bytes());
            encoded.push(7);
            encoded.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            encoded.extend_from_slice(value.as_bytes());
        }
        sealed(&encoded, payload)
    }

    fn sealed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = headers.len() + payload.len() + MIN_MESSAGE_BYTES;
        let mut message = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        message.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
        message.extend_from_slice(headers);
        message.extend_from_slice(payload);
        message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
        message
    }

    fn event(name: &str, payload: &str) -> Vec<u8> {
        message(&[(":event-type", name), (":message-type", "event")], payload.as_bytes())
    }

    fn frames(bytes: &[u8]) -> Result<Vec<Frame>, Fault> {
        Messages::default().push(bytes)
    }

    fn named(name: &str, data: &str) -> Frame {
        Frame { name: name.to_owned(), data: data.to_owned() }
    }

    fn bytes_of(hex: &str) -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn a_published_message_is_read() {
        // From the tests of AWS's own libraries: a content type, and `{'foo':'bar'}`.
        let published = bytes_of(
            "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f\
             6e7b27666f6f273a27626172277d8d9c08b1",
        );
        let encoded = message(&[("content-type", "application/json")], b"{'foo':'bar'}");
        assert_eq!(encoded, published);
        // It does not say what it is.
        assert_eq!(frames(&published), Ok(vec![]));
    }

    #[test]
    fn messages_end_where_they_say() {
        let stream = [event("a", "{\"n\":1}"), event("b", ""), event("c", "3")].concat();
        let expected = [named("a", "{\"n\":1}"), named("b", ""), named("c", "3")];
        assert_eq!(frames(&stream), Ok(expected.to_vec()));
        for at in 0..stream.len() {
            let mut messages = Messages::default();
            let mut read = messages.push(&stream[..at]).unwrap();
            read.extend(messages.push(&stream[at..]).unwrap());
            assert_eq!((read.as_slice(), messages.held.len()), (&expected[..], 0), "{at}");
        }
        let mut messages = Messages::default();
        let bytes = stream.iter().map(|byte| messages.push(&[*byte]).unwrap());
        assert_eq!(bytes.flatten().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_failure_has_its_word() {
        let exception = |kind: &str, payload: &str| {
            let headers = [(":exception-type", kind), (":message-type", "exception")];
            frames(&message(&headers, payload.as_bytes())).unwrap().remove(0)
        };
        let failure = |kind: &str, text: &str| {
            let error = json!({ "type": kind, "message": text });
            named(kind, &json!({ "error": error }).to_string())
        };
        let kind = "throttlingException";
        let slow = failure(kind, "throttlingException: slow down");
        assert_eq!(exception(kind, "{\"message\":\"slow down\"}"), slow);
        assert_eq!(exception(kind, "{\"Message\":\"slow down\"}"), slow);
        assert_eq!(exception(kind, "<html>"), failure(kind, "throttlingException: "));
        let headers =
            [(":message-type", "error"), (":error-code", "500"), (":error-message", "broken")];
        assert_eq!(frames(&message(&headers, b"")), Ok(vec![failure("500", "500: broken")]));
    }

    #[test]
    fn headers_of_every_type_are_passed_over() {
        let mut headers = Vec::new();
        for (kind, length) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
            headers.extend_from_slice(&[1, b'h', kind]);
            headers.extend(std::iter::repeat_n(0xff, length));
        }
        headers.extend_from_slice(&[1, b'h', 6, 0, 2, 0xff, 0xff]);
        headers.extend_from_slice(b"\x0d:message-type\x07\x00\x05event");
        headers.extend_from_slice(b"\x0b:event-type\x07\x00\x01a");
        assert_eq!(frames(&sealed(&headers, b"x")), Ok(vec![named("a", "x")]));
        let unknown = [1, b'h', 10];
        let without_value = [1, b'h', 7, 0, 9, b'x'];
        let without_name = [9, b'h'];
        let not_text = b"\x0b:event-type\x07\x00\x01\xff";
        for headers in [&unknown[..], &without_value, &without_name, not_text, &[1]] {
            assert_eq!(frames(&sealed(headers, b"x")), Err(Fault::Unreadable), "{headers:?}");
        }
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let sound = event("a", "{\"n\":1}");
        for at in 0..sound.len() * 8 {
            let mut message = sound.clone();
            message[at / 8] ^= 1 << (at % 8);
            assert_eq!(frames(&message), Err(Fault::Unreadable), "bit {at}");
        }
        let not_text = message(&[(":message-type", "event")], b"\xff");
        assert_eq!(frames(&not_text), Err(Fault::Unreadable));
    }

    #[test]
    fn lengths_are_checked_before_the_message_comes() {
        let prelude = |length: usize, headers: usize| {
            let mut prelude = u32::try_from(length).unwrap().to_be_bytes().to_vec();
            prelude.extend_from_slice(&u32::try_from(headers).unwrap().to_be_bytes());
            prelude.extend_from_slice(&crc32fast::hash(&prelude).to_be_bytes());
            frames(&prelude)
        };
        assert_eq!(prelude(MAX_FRAME_BYTES, 0), Ok(vec![]));
        let too_large = Err(Fault::TooLarge("a message of the answer"));
        assert_eq!(prelude(MAX_FRAME_BYTES + 1, 0), too_large);
        assert_eq!(prelude(u32::MAX as usize, 0), too_large);
        for (length, headers) in [(0, 0), (15, 0), (16, 1), (20, 5), (20, u32::MAX as usize)] {
            assert_eq!(prelude(length, headers), Err(Fault::Unreadable), "{length}");
        }
        assert_eq!(prelude(20, 4), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes: Vec<u8>, headers: Vec<u8>, payload: Vec<u8>) {
            let _ = frames(&bytes);
            let _ = frames(&sealed(&headers, &payload));
        }
    }
}
