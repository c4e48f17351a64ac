//! JSON whose large texts are base64: they are decoded as they come, and are never text in memory.
//!
//! What is left is small, and is parsed as all other JSON is. In it, such a text is the index of
//! its blob.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flowgate_engine::call::CallError;
use flowgate_engine::file::MAX_FILE;
use memchr::{memchr, memchr2};
use serde_json::Value;

use super::counted::Counted;
use super::invalid_answer;
use crate::Metered;

/// Of the JSON without its blobs.
const MAX_REST: usize = 4 << 20;
/// As a value, it takes more than its text.
const COPIES_OF_REST: usize = 4;
const MAX_BLOBS: usize = 32;
/// A multiple of four: whole groups are decoded.
const GROUP_BYTES: usize = 4096;

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) struct Lifted<'m> {
    /// The key of texts that are base64.
    key: &'static str,
    rest: Counted<'m>,
    blobs: Vec<Counted<'m>>,
    /// Characters that are not decoded yet.
    group: Vec<u8>,
    is_padded: bool,
    state: State,
    /// The last text that ended, as far as it may be the key.
    last: Vec<u8>,
    /// The last text was the key of what follows.
    follows_key: bool,
    memory: &'m Metered,
    left: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    Text { is_escaped: bool },
    Blob { is_escaped: bool },
}

impl<'m> Lifted<'m> {
    pub(super) fn new(key: &'static str, memory: &'m Metered) -> Self {
        Self {
            key,
            rest: Counted::new(MAX_REST, memory),
            blobs: Vec::new(),
            group: Vec::with_capacity(GROUP_BYTES),
            is_padded: false,
            state: State::Outside,
            last: Vec::new(),
            follows_key: false,
            memory,
            left: usize::try_from(MAX_FILE).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), CallError> {
        let (mut at, mut kept) = (0, 0);
        while at < part.len() {
            if self.state == (State::Blob { is_escaped: false }) {
                let run = memchr2(b'"', b'\\', &part[at..]).unwrap_or(part.len() - at);
                self.take(&part[at..at + run])?;
                at += run;
                kept = at;
            }
            let Some(byte) = part.get(at).copied() else { break };
            let was_blob = matches!(self.state, State::Blob { .. });
            self.step(byte)?;
            let is_blob = matches!(self.state, State::Blob { .. });
            // The index stands in the place of the text and of its quotes.
            if is_blob && !was_blob {
                self.rest.push(&part[kept..at])?;
                let index = self.blobs.len() - 1;
                self.rest.push(index.to_string().as_bytes())?;
            }
            at += 1;
            if is_blob || was_blob {
                kept = at;
            }
        }
        self.rest.push(&part[kept..])
    }

    /// Returns the rest and the blobs.
    pub(super) fn finish(self) -> Result<(Value, Vec<Vec<u8>>), CallError> {
        if self.state != State::Outside {
            return Err(invalid_answer("its answer is cut off"));
        }
        self.memory.add(COPIES_OF_REST * self.rest.as_slice().len())?;
        let value = flowgate_engine::json::parse(self.rest.as_slice())
            .map_err(|_| invalid_answer("its answer is not JSON, or is cut off"))?;
        Ok((value, self.blobs.into_iter().map(Counted::take).collect()))
    }

    fn step(&mut self, byte: u8) -> Result<(), CallError> {
        match self.state {
            State::Outside => self.step_outside(byte)?,
            State::Text { is_escaped: true } => self.state = State::Text { is_escaped: false },
            State::Text { is_escaped: false } => match byte {
                b'"' => self.state = State::Outside,
                b'\\' => {
                    // No key of ours is written with escapes.
                    self.last.push(byte);
                    self.state = State::Text { is_escaped: true };
                }
                _ if self.last.len() <= self.key.len() => self.last.push(byte),
                _ => {}
            },
            State::Blob { is_escaped: true } => {
                self.state = State::Blob { is_escaped: false };
                match byte {
                    b'n' | b'r' | b't' => {}
                    b'/' => self.take(b"/")?,
                    _ => return Err(not_base64()),
                }
            }
            State::Blob { is_escaped: false } => match byte {
                b'"' => self.end_blob()?,
                b'\\' => self.state = State::Blob { is_escaped: true },
                _ => self.take(&[byte])?,
            },
        }
        Ok(())
    }

    fn step_outside(&mut self, byte: u8) -> Result<(), CallError> {
        match byte {
            b'"' if self.follows_key => {
                if self.blobs.len() == MAX_BLOBS {
                    return Err(invalid_answer(format!("it has more than {MAX_BLOBS} files")));
                }
                self.blobs.push(Counted::new(self.left, self.memory));
                self.state = State::Blob { is_escaped: false };
                self.follows_key = false;
            }
            b'"' => {
                self.last.clear();
                self.state = State::Text { is_escaped: false };
            }
            b':' => self.follows_key = self.last == self.key.as_bytes(),
            byte if byte.is_ascii_whitespace() => {}
            _ => {
                self.follows_key = false;
                self.last.clear();
            }
        }
        Ok(())
    }

    fn take(&mut self, mut characters: &[u8]) -> Result<(), CallError> {
        if let Some(padding) = memchr(b'=', characters) {
            if characters[padding..].iter().any(|character| *character != b'=') {
                return Err(not_base64());
            }
            self.take(&characters[..padding])?;
            self.is_padded = true;
            return Ok(());
        }
        if self.is_padded && !characters.is_empty() {
            return Err(not_base64());
        }
        while !characters.is_empty() {
            let fits = (GROUP_BYTES - self.group.len()).min(characters.len());
            self.group.extend_from_slice(&characters[..fits]);
            characters = &characters[fits..];
            if self.group.len() == GROUP_BYTES {
                self.decode()?;
            }
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<(), CallError> {
        let bytes = BASE64.decode(&self.group).map_err(|_| not_base64())?;
        self.group.clear();
        self.left -= bytes.len().min(self.left);
        self.blobs.last_mut().map_or(Ok(()), |blob| blob.push(&bytes))
    }

    fn end_blob(&mut self) -> Result<(), CallError> {
        self.decode()?;
        self.is_padded = false;
        self.last.clear();
        self.state = State::Outside;
        Ok(())
    }
}

fn not_base64() -> CallError {
    invalid_answer("what should be base64 is not")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str, piece: usize) -> Result<(Value, Vec<Vec<u8>>), CallError> {
        let memory = Metered::default();
        let mut lifted = Lifted::new("b64", &memory);
        for part in text.as_bytes().chunks(piece) {
            lifted.push(part)?;
        }
        lifted.finish()
    }

    #[test]
    fn blobs_are_lifted_wherever_the_answer_is_split() {
        let large: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(&large);
        let first = format!(r#"{{"b64" : "{encoded}","n":1}}"#);
        let second = r#"{"b64":"aGk","e":"\"b64\":"}"#;
        let text = format!(r#"{{"b64":null,"x":["b64"],"d":[{first},{second}],"b64":"\/\/\n8="}}"#);
        for piece in [1, 2, 3, 7, 4096, text.len()] {
            // The key comes twice in the outer object, which our parser refuses.
            assert_eq!(read(&text, piece).unwrap_err().code, "invalid_answer");
            let text = text.replacen(r#""b64":null,"#, "", 1);
            let (value, blobs) = read(&text, piece).unwrap();
            let rest = json!({"x": ["b64"], "d": [{"b64": 0, "n": 1}, {"b64": 1, "e": "\"b64\":"}],
                "b64": 2});
            assert_eq!(value, rest);
            assert_eq!(blobs, [large.clone(), b"hi".to_vec(), vec![255, 255]]);
        }
    }

    #[test]
    fn what_is_no_base64_or_cut_is_refused() {
        let check = |text: &str| {
            let error = read(text, 3).unwrap_err();
            assert_eq!(error.code, "invalid_answer", "{text}");
        };
        check(r#"{"b64":"aGk"#);
        check(r#"{"b64":"aGk""#);
        check(r#"{"b64":"a*Gk"}"#);
        check(r#"{"b64":"aG=k"}"#);
        check(r#"{"b64":"aaaaa"}"#);
        check(r#"{"b64":"aGk\u0041"}"#);
        check("<html>");
        check("");
    }

    #[test]
    fn the_rest_and_the_blobs_are_bounded() {
        let rest = format!(r#"{{"x":"{}"}}"#, "y".repeat(MAX_REST));
        assert_eq!(read(&rest, 4096).unwrap_err().code, "value_too_large");
        let many = format!("[{}]", vec![r#"{"b64":""}"#; MAX_BLOBS + 1].join(","));
        assert_eq!(read(&many, 4096).unwrap_err().code, "invalid_answer");
        let half = "A".repeat(usize::try_from(MAX_FILE).unwrap() / 3 * 2 + 8);
        let two = format!(r#"[{{"b64":"{half}"}},{{"b64":"{half}"}}]"#);
        assert_eq!(read(&two, 1 << 16).unwrap_err().code, "value_too_large");
    }

    #[test]
    fn what_there_is_no_memory_for_is_refused() {
        use flowgate_core::memory::{Holder, Memory, MemoryLimits};
        let memory = Memory::new(MemoryLimits { process: 1 << 20, holder: 1 << 20 });
        let memory = Metered::new(memory.empty_charge(&Holder::of_key(None)));
        let mut lifted = Lifted::new("b64", &memory);
        let mut read = lifted.push(br#"{"b64":""#);
        for _ in 0..1024 {
            read = read.and_then(|()| lifted.push(&[b'A'; 4096]));
        }
        assert_eq!(read.unwrap_err().code, "overloaded");
    }
}
