//! Assembles URLs from the author's text, secrets, and the values of references.
//!
//! A value can fill its place and nothing more: it stays in its path segment or query value, and
//! where the author wrote the host, it cannot change it. A field that is one reference as a whole
//! is a URL that somebody else gave.

use flowgate_engine::call::{CallError, Piece};
use flowgate_engine::url::{UrlPart, part_after};
use url::Url;

use super::address::AddressRule;
use super::failed;

/// Who decided the host of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenBy {
    /// The author, in the document or with a secret.
    Author,
    /// A reference or a caller.
    Value,
}

#[derive(Debug)]
pub(super) struct Assembled {
    text: String,
    /// The same with a harmless word in the place of each value.
    model: String,
    given_by: GivenBy,
    /// The whole URL was given: there is no structure to keep.
    is_whole: bool,
}

const HARMLESS: &str = "x";

impl Assembled {
    pub(super) fn new<'s>(
        pieces: &[Piece],
        secret: &impl Fn(&str) -> &'s str,
    ) -> Result<Self, CallError> {
        let mut assembled = Self {
            text: String::new(),
            model: String::new(),
            given_by: GivenBy::Author,
            is_whole: matches!(pieces, [Piece::Value(_)]),
        };
        for piece in pieces {
            match piece {
                Piece::Text(text) => assembled.push_written(text),
                Piece::Secret(name) => assembled.push_written(secret(name)),
                Piece::Value(value) => assembled.push_value(value)?,
            }
        }
        Ok(assembled)
    }

    pub(super) fn given_by(&self) -> GivenBy {
        self.given_by
    }

    /// Parses the URL under the address rule. Fails if a value has changed more than its place.
    pub(super) fn check(&self, rule: &AddressRule) -> Result<Url, CallError> {
        let url = rule.check_url(&self.text)?;
        if self.is_whole || self.text == self.model {
            return Ok(url);
        }
        let model = Url::parse(&self.model).ok();
        if model.is_some_and(|model| self.has_structure_of(&url, &model)) {
            Ok(url)
        } else {
            Err(failed("invalid_url", "a reference in the URL would change more than its place"))
        }
    }

    fn push_written(&mut self, text: &str) {
        self.text.push_str(text);
        self.model.push_str(text);
    }

    fn push_value(&mut self, value: &str) -> Result<(), CallError> {
        match part_after(&self.text) {
            UrlPart::Path | UrlPart::Query => {
                push_encoded(&mut self.text, value);
                self.model.push_str(HARMLESS);
            }
            UrlPart::Start => {
                self.given_by = GivenBy::Value;
                self.push_written(value);
            }
            UrlPart::Authority => {
                self.given_by = GivenBy::Value;
                if value.contains(|c: char| r"/\?#@%".contains(c) || c <= ' ' || c.is_control()) {
                    let message = "a reference in the host of a URL can give a part of the host \
                                   and no more";
                    return Err(failed("invalid_url", message));
                }
                self.push_written(value);
            }
        }
        Ok(())
    }

    fn has_structure_of(&self, url: &Url, model: &Url) -> bool {
        let segments = |url: &Url| url.path_segments().map(Iterator::count);
        let keys = |url: &Url| -> Vec<String> {
            url.query_pairs().map(|(key, _)| key.into_owned()).collect()
        };
        url.origin() == model.origin()
            && segments(url) == segments(model)
            && keys(url).len() == keys(model).len()
    }
}

/// Leaves only what has no meaning in any part of a URL.
fn push_encoded(text: &mut String, value: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            text.push('%');
            text.extend(digits.map(char::from));
        }
    }
}

#[cfg(test)]
mod tests;
