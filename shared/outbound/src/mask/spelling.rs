//! The spellings of a secret: encoded forms to look for, and encoded texts to look into.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use url::{Position, Url};

/// Masking shorter ones would black out ordinary text.
const MIN_MASKED_BYTES: usize = 4;
const MIN_MASKED_ENCODED_BYTES: usize = 8;
/// Shorter parts of a path are words.
const MIN_TOKEN_BYTES: usize = 20;

/// Returns the secret as it is, as parts of URLs, in base64 and in hex.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let trimmed = secret.trim();
    let mut spellings: Vec<String> =
        vec![secret.to_owned(), trimmed.to_owned(), trimmed.to_lowercase()];
    spellings.retain(|spelling| spelling.len() >= MIN_MASKED_BYTES);
    if spellings.is_empty() {
        return Vec::new();
    }
    spellings.extend(in_url(trimmed));
    let mut encoded = vec![hex(trimmed), hex(trimmed).to_ascii_uppercase()];
    for text in [secret, trimmed] {
        encoded.extend((0..3).flat_map(|offset| in_base64(text.as_bytes(), offset)));
    }
    encoded.retain(|spelling| spelling.len() >= MIN_MASKED_ENCODED_BYTES);
    spellings.extend(encoded);
    spellings.sort();
    spellings.dedup();
    spellings.into_iter().map(String::into_bytes).collect()
}

/// Returns what the URL parser makes of a secret that is written into a URL or is one.
fn in_url(secret: &str) -> Vec<String> {
    let written = [format!("https://x/{secret}"), format!("https://x/?{secret}")]
        .map(|text| Url::parse(&text));
    let mut spellings: Vec<String> = written
        .into_iter()
        .flatten()
        .map(|url| {
            let shown = &url[Position::BeforePath..Position::AfterQuery];
            shown.trim_start_matches(['/', '?']).to_owned()
        })
        .filter(|spelling| spelling.len() >= MIN_MASKED_BYTES)
        .collect();
    if let Ok(url) = Url::parse(secret)
        && url.has_host()
    {
        let parts = [
            &url[..Position::AfterQuery],
            &url[..Position::AfterPath],
            &url[Position::BeforePath..Position::AfterQuery],
            url.path(),
            url.path().trim_start_matches('/'),
        ];
        // A path such as `/v1/` is not secret.
        let long = parts.into_iter().filter(|part| part.len() >= MIN_MASKED_ENCODED_BYTES);
        spellings.extend(long.map(str::to_owned));
        // The address of a webhook holds its token between slashes.
        let tokens = url.path().split('/').filter(|part| part.len() >= MIN_TOKEN_BYTES);
        spellings.extend(tokens.map(str::to_owned));
    }
    spellings
}

/// Returns the characters of a base64 text that a secret alone decides when it stands in the text
/// behind `offset` other bytes, modulo 3.
fn in_base64(secret: &[u8], offset: usize) -> [String; 2] {
    let bytes = [&[0; 2][..offset], secret].concat();
    let (from, to) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|engine| {
        let text = engine.encode(&bytes);
        text.get(from..to).unwrap_or_default().to_owned()
    })
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A text with its escapes undone.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// Where each byte comes from; one more than there are bytes.
    starts: Vec<u32>,
}

impl View {
    fn new(text: &str) -> Self {
        Self { bytes: Vec::with_capacity(text.len()), starts: Vec::with_capacity(text.len() + 1) }
    }

    fn push(&mut self, bytes: &[u8], at: usize) {
        self.bytes.extend_from_slice(bytes);
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.starts.extend(std::iter::repeat_n(at, bytes.len()));
    }

    /// Returns where a match in the view stands in the text.
    pub(super) fn source(&self, at: usize, length: usize) -> Range<usize> {
        let place = |index: usize| self.starts.get(index).map_or(0, |at| *at as usize);
        let last = place(at + length - 1);
        // The bytes of one escape begin together; the match ends where the next escape begins.
        let end = self.starts[at + length..].iter().find(|start| **start as usize > last);
        place(at)..end.map_or(last, |end| *end as usize)
    }
}

/// Returns the text without percent escapes, as a form, and without the escapes of JSON.
pub(super) fn decoded(text: &str) -> Vec<View> {
    let mut views = Vec::new();
    if text.contains('%') {
        views.push(view(text, unpercent));
    }
    if text.contains('+') {
        views.push(view(text, unform));
    }
    if text.contains('\\') {
        views.push(view(text, unescape));
    }
    views
}

/// `decode` returns the bytes at the beginning of a text, and how many bytes they take there.
fn view(text: &str, decode: fn(&[u8]) -> (Decoded, usize)) -> View {
    let mut view = View::new(text);
    let mut at = 0;
    while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let (decoded, length) = decode(rest);
        match decoded {
            Decoded::Byte(byte) => view.push(&[byte], at),
            Decoded::Character(character) => {
                view.push(character.encode_utf8(&mut [0; 4]).as_bytes(), at);
            }
        }
        at += length;
    }
    view.starts.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
    view
}

enum Decoded {
    Byte(u8),
    Character(char),
}

fn unpercent(text: &[u8]) -> (Decoded, usize) {
    match text {
        [b'%', high, low, ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => (Decoded::Byte(high << 4 | low), 3),
            _ => (Decoded::Byte(b'%'), 1),
        },
        [byte, ..] => (Decoded::Byte(*byte), 1),
        [] => (Decoded::Byte(0), 1),
    }
}

fn unform(text: &[u8]) -> (Decoded, usize) {
    if text.first() == Some(&b'+') { (Decoded::Byte(b' '), 1) } else { unpercent(text) }
}

fn unescape(text: &[u8]) -> (Decoded, usize) {
    let byte = |byte: u8| (Decoded::Byte(byte), 2);
    match text {
        [b'\\', b'u', rest @ ..] => match code_unit(rest) {
            Some(high @ 0xd800..0xdc00) => surrogates(high, &rest[4..]),
            Some(code) => (character(code), 6),
            None => (Decoded::Byte(b'\\'), 1),
        },
        [b'\\', b'n', ..] => byte(b'\n'),
        [b'\\', b'r', ..] => byte(b'\r'),
        [b'\\', b't', ..] => byte(b'\t'),
        [b'\\', b'b', ..] => byte(8),
        [b'\\', b'f', ..] => byte(12),
        [b'\\', escaped @ (b'"' | b'\\' | b'/' | b'\''), ..] => byte(*escaped),
        [first, ..] => (Decoded::Byte(*first), 1),
        [] => (Decoded::Byte(0), 1),
    }
}

/// Reads the second half of a pair; without one, the first half is no character.
fn surrogates(high: u32, rest: &[u8]) -> (Decoded, usize) {
    let low = rest.strip_prefix(b"\\u").and_then(code_unit);
    match low.filter(|low| (0xdc00..0xe000).contains(low)) {
        Some(low) => (character(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12),
        None => (character(high), 6),
    }
}

fn character(code: u32) -> Decoded {
    Decoded::Character(char::from_u32(code).unwrap_or('\u{fffd}'))
}

fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.iter().try_fold(0, |code, byte| Some(code << 4 | u32::from(digit(*byte)?)))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
pub(super) mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    pub(in super::super) fn encodings(bytes: &[u8]) -> Vec<String> {
        vec![
            STANDARD.encode(bytes),
            STANDARD_NO_PAD.encode(bytes),
            URL_SAFE.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
        ]
    }

    #[test]
    fn views_undo_escapes_and_know_where_they_stood() {
        let shown = |text: &str, decode: fn(&[u8]) -> (Decoded, usize)| {
            String::from_utf8_lossy(&view(text, decode).bytes).into_owned()
        };
        assert_eq!(shown("a%2Fb%2f%zz%4", unpercent), "a/b/%zz%4");
        assert_eq!(shown("a+b%20", unform), "a b ");
        assert_eq!(shown(r#"\"\\\/\n\u00e9\ud83d\ude00\ud83dx\u00g"#, unescape), {
            "\"\\/\né😀\u{fffd}x\\u00g"
        });
        let view = view("x%41%42y", unpercent);
        assert_eq!((view.source(1, 2), view.source(3, 1)), (1..7, 7..8));
    }
}
