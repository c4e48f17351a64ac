//! Masks secrets in what comes back: whole answers and streams, in every spelling that a server is
//! likely to send.

mod guard;
mod spelling;

use std::ops::Range;

use flowgate_engine::call::CallError;
use memchr::memmem::Finder;
use serde_json::Value;

pub(super) use guard::Guard;

const MASK: &str = "***";
/// Each byte of a secret may arrive as `\u0041`.
const MAX_ESCAPE: usize = 6;

/// The secrets that one call used.
#[derive(Default)]
pub(super) struct Masks {
    spellings: Vec<Finder<'static>>,
    longest: usize,
    /// A secret has white space or other characters that also stand between words.
    is_spread: bool,
}

impl Masks {
    pub(super) fn add(&mut self, secret: &str) {
        let spellings = spelling::of(secret);
        if spellings.is_empty() {
            return;
        }
        self.is_spread |= !secret.trim().bytes().all(|byte| byte.is_ascii_graphic());
        for spelling in spellings {
            self.longest = self.longest.max(spelling.len());
            self.spellings.push(Finder::new(&spelling).into_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    pub(super) fn text(&self, text: &str) -> String {
        replace(text, &self.find(text))
    }

    /// Masks the start of a text that was cut off, without the end, where half a secret may stand.
    pub(super) fn start_of(&self, cut: &str) -> String {
        let mut masked = self.text(cut);
        let kept = masked.len().saturating_sub(self.hold());
        masked.truncate(masked.floor_char_boundary(kept));
        masked
    }

    pub(super) fn value(&self, value: Value) -> Value {
        if self.spellings.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, field)| (self.text(&key), self.value(field)))
                .collect(),
            other => other,
        }
    }

    pub(super) fn error(&self, error: CallError) -> CallError {
        let output = error.output.map(|output| Box::new(self.value(*output)));
        CallError { message: self.text(&error.message), output, ..error }
    }

    pub(super) fn guard(&self) -> Guard<'_> {
        Guard::new(self)
    }

    pub(super) fn stream(&self) -> MaskedStream<'_> {
        MaskedStream { masks: self, held: String::new() }
    }

    /// Returns where secrets stand in the text: sorted, without overlaps.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        if self.spellings.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for spelling in &self.spellings {
            let starts = spelling.find_iter(text.as_bytes());
            found.extend(starts.map(|at| at..at + spelling.needle().len()));
        }
        for view in spelling::decoded(text) {
            for spelling in &self.spellings {
                let starts = spelling.find_iter(&view.bytes);
                found.extend(starts.map(|at| view.source(at, spelling.needle().len())));
            }
        }
        merged(found)
    }
}

fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn replace(text: &str, secrets: &[Range<usize>]) -> String {
    let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
    for secret in secrets {
        masked.push_str(&text[at..text.floor_char_boundary(secret.start).max(at)]);
        masked.push_str(MASK);
        at = text.ceil_char_boundary(secret.end);
    }
    masked.push_str(&text[at..]);
    masked
}

/// Masks streamed text.
///
/// When text is sent does not depend on how much of a secret it has in common: else a caller could
/// make a model repeat guesses, and read the secret letter by letter from the boundaries of the
/// chunks. Text goes out in whole words, which no secret spans; an endless word, or one that may
/// belong to a secret with white space, waits until as many bytes follow it as the longest
/// spelling has.
pub(super) struct MaskedStream<'a> {
    masks: &'a Masks,
    held: String,
}

impl MaskedStream<'_> {
    /// Returns the text that is safe to send now. It is empty if everything waits.
    pub(super) fn push(&mut self, part: &str) -> String {
        if self.masks.spellings.is_empty() {
            return part.to_owned();
        }
        self.held.push_str(part);
        let cut = self.whole_words().max(self.held.len().saturating_sub(self.masks.hold()));
        let cut = self.held.floor_char_boundary(cut);
        if cut == 0 {
            return String::new();
        }
        let mut secrets = self.masks.find(&self.held);
        secrets.retain(|secret| secret.start < cut);
        // Only a whole secret moves the end.
        let cut = secrets.last().map_or(cut, |last| cut.max(last.end));
        let waiting = self.held.split_off(self.held.ceil_char_boundary(cut));
        let sent = std::mem::replace(&mut self.held, waiting);
        replace(&sent, &secrets)
    }

    pub(super) fn end(self) -> String {
        self.masks.text(&self.held)
    }

    /// Returns the end of the last whole word.
    fn whole_words(&self) -> usize {
        if self.masks.is_spread {
            return 0;
        }
        let is_between = |character: char| !character.is_ascii_graphic();
        let last = self.held.rfind(is_between);
        last.map_or(0, |at| self.held.ceil_char_boundary(at + 1))
    }
}

impl Masks {
    fn hold(&self) -> usize {
        self.longest * MAX_ESCAPE
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masks(secrets: &[&str]) -> Masks {
        let mut masks = Masks::default();
        secrets.iter().for_each(|secret| masks.add(secret));
        masks
    }

    /// Returns what each part made the stream send, and last its end.
    fn sent(masks: &Masks, parts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
        let mut stream = masks.stream();
        let mut sent: Vec<String> =
            parts.into_iter().map(|part| stream.push(part.as_ref())).collect();
        sent.push(stream.end());
        sent
    }

    #[test]
    fn every_spelling_is_masked() {
        let masks = masks(&["p\"a ss/1", "tiny", "abc"]);
        assert_eq!(
            masks.text("p\"a ss/1 p\\\"a ss/1 p%22a+ss%2F1 /p%22a%20ss/1 tiny abc"),
            "*** *** *** /*** *** abc"
        );
        assert_eq!(masks.value(json!({"tiny": ["x tiny", 1]})), json!({"***": ["x ***", 1]}));
    }

    #[test]
    fn what_a_url_makes_of_a_secret_is_masked() {
        let check = |secret: &str, text: &str, expected: &str| {
            assert_eq!(masks(&[secret]).text(text), expected, "{secret}")
        };
        check("AbCd-Ef", "https://abcd-ef.example/", "https://***.example/");
        check("tok/a?b c%é\"", "/x/tok/a?b%20c%%C3%A9%22", "/x/***");
        check("tok/a+b", "tok%2Fa%2Bb tok%2fa%2bb %74ok%2fa+b", "*** *** ***");
        check("a&b=c d!", "a%26b%3dc+d%21 a%26b%3Dc%20d!", "*** ***");
        check(
            "http://EXAMPLE.com:80/hook/t0ken?k=1 ",
            "POST http://example.com/hook/t0ken answered 404",
            "POST *** answered 404",
        );
        check("https://example.com/hook/t0ken", "cannot POST /hook/t0ken", "cannot POST ***");
        check("https://example.com/v1", "cannot POST /v1/x", "cannot POST /v1/x");
        check("line-end\n", "Bearer line-end", "Bearer ***");
    }

    #[test]
    fn escaped_and_encoded_forms_are_masked() {
        let check = |secret: &str, text: &str, expected: &str| {
            assert_eq!(masks(&[secret]).text(text), expected, "{text}")
        };
        let secret = "sk-Tést/0123456789";
        check(secret, r#"{"k":"sk-T\u00e9st\/0123456789"}"#, r#"{"k":"***"}"#);
        check("sk-0123456789", "736b2d30313233343536373839 736B2D30313233343536373839", "*** ***");
        // The same text behind 0, 1 and 2 other bytes.
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "!", "!!"] {
                let plain = format!("{before}sk-0123456789~>?>?{after}");
                for encoded in spelling::tests::encodings(plain.as_bytes()) {
                    let masked = masks(&["sk-0123456789~>?>?"]).text(&format!("x {encoded} y"));
                    assert!(masked.contains(MASK), "{before} {after} {encoded} {masked}");
                    let left = masked.replace(MASK, "").len();
                    assert!(left <= 4 + (before.len() + after.len()) * 2 + 8, "{masked}");
                }
            }
        }
    }

    #[test]
    fn the_longer_secret_is_masked_first() {
        assert_eq!(masks(&["secret", "secret-longer"]).text("secret-longer secret"), "*** ***");
    }

    #[test]
    fn a_secret_cut_in_parts_is_masked() {
        for parts in
            [&["it is sec", "ret-1", "!"][..], &["it is s", "e", "cret-1!"], &["it is secret-1!"]]
        {
            assert_eq!(sent(&masks(&["secret-1"]), parts).concat(), "it is ***!");
            assert_eq!(sent(&masks(&["it is secret-1"]), parts).concat(), "***!");
        }
    }

    #[test]
    fn whole_words_are_sent_at_once() {
        let masks = masks(&["secret-1"]);
        assert_eq!(
            sent(&masks, ["a sec", "ond ", "ä ", "日本", "se"]),
            ["a ", "second ", "ä ", "日本", "", "se"]
        );
    }

    #[test]
    fn an_endless_word_is_sent_in_the_end_and_in_between() {
        let masks = masks(&["secret-1"]);
        let parts: Vec<String> = (0..400).map(|_| "wordwithoutend".to_owned()).collect();
        let sent = sent(&masks, &parts);
        assert_eq!(sent.concat(), parts.concat());
        assert!(sent.iter().filter(|part| !part.is_empty()).count() > 100);
        assert!(sent.last().unwrap().len() <= masks.hold());
    }

    proptest::proptest! {
        /// The attack: a model repeats a guess that begins like the secret, and the caller looks
        /// at the boundaries of the chunks.
        #[test]
        fn chunks_do_not_depend_on_how_much_of_a_guess_is_right(
            secret in "[!-~]{8,40}",
            wrong in "[!-~]{40}",
            before in "[ -~]{0,30}",
            cuts in proptest::collection::vec(0_usize..90, 0..8),
        ) {
            let masks = masks(&[&secret]);
            let mut all = Vec::new();
            for right in 0..secret.len() {
                // The same length, and no white space: only the letters in common differ.
                let guess = format!("{}{}", &secret[..right], &wrong[..secret.len() - right]);
                if !masks.find(&guess).is_empty() { continue; }
                let text = format!("{before} {guess} and {guess} so on");
                if !masks.find(&text).is_empty() { continue; }
                let mut cuts = cuts.clone();
                cuts.extend([0, text.len()]);
                cuts.iter_mut().for_each(|cut| *cut = (*cut).min(text.len()));
                cuts.sort_unstable();
                let parts = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]);
                let sent = sent(&masks, parts);
                proptest::prop_assert_eq!(sent.concat(), text);
                all.push(sent.iter().map(String::len).collect::<Vec<_>>());
            }
            all.dedup();
            proptest::prop_assert!(all.len() <= 1, "{:?}", all);
        }

        #[test]
        fn a_stream_shows_what_the_whole_text_shows(
            secret in "[ -~é]{4,12}",
            before in "[ -~é]{0,20}",
            after in "[ -~é]{0,20}",
            size in 1_usize..7,
        ) {
            let masks = masks(&[&secret]);
            let text: Vec<char> = format!("{before}{secret}{after}{secret}").chars().collect();
            let parts = text.chunks(size).map(|part| part.iter().collect::<String>());
            let sent = sent(&masks, parts).concat();
            proptest::prop_assert!(!sent.contains(secret.trim()) || secret.trim().len() < 4);
        }
    }
}
