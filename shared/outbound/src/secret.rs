//! Provider secrets on their way out: read through the port, filled into requests, and masked in
//! answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::clock::Clock;
use flowgate_core::secret::Secrets;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{CallError, Piece, Rendered};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Position, Url};

use super::{failed, retryable};

const KEPT_FOR: Duration = Duration::from_secs(60);
/// Masking shorter ones would black out ordinary text.
const MIN_MASKED_BYTES: usize = 4;
const MIN_MASKED_PATH_BYTES: usize = 8;
const MASK: &str = "***";

/// Keeps secrets for a minute. A missing secret is read again each time: it may be set at any
/// moment.
pub(super) struct SecretCache {
    port: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    found: Mutex<HashMap<String, (Timestamp, SecretString)>>,
}

impl SecretCache {
    pub(super) fn new(port: Arc<dyn Secrets>, clock: Arc<dyn Clock>) -> Self {
        Self { port, clock, found: Mutex::default() }
    }

    /// Returns the field with its secrets filled in, and adds them to `masks`.
    pub(super) async fn fill(
        &self,
        field: &Rendered,
        masks: &mut Masks,
    ) -> Result<Value, CallError> {
        let mut values = HashMap::new();
        for name in secret_names(field) {
            let secret = self.get(name).await?.ok_or_else(|| unknown_secret(name))?;
            masks.add(secret.expose_secret());
            values.insert(name, secret);
        }
        field.fill(&mut |name| {
            values
                .get(name)
                .map(|value| value.expose_secret().to_owned())
                .ok_or_else(|| unknown_secret(name))
        })
    }

    pub(super) fn forget(&self, name: &str) {
        self.found().remove(name);
    }

    /// Returns masks for every cached secret, for calls that do not say which ones they used.
    pub(super) fn masks(&self) -> Masks {
        let mut masks = Masks::default();
        self.found().values().for_each(|(_, secret)| masks.add(secret.expose_secret()));
        masks
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<SecretString>, CallError> {
        let now = self.clock.now();
        let kept = self.found().get(name).cloned();
        if let Some((at, value)) = kept
            && now.since(at) < KEPT_FOR
        {
            return Ok(Some(value));
        }
        let stored = self.port.get(name).await.map_err(|error| {
            tracing::error!(
                secret.name = name,
                error = format!("{error:#}"),
                "could not read a secret"
            );
            retryable("secrets_unavailable", "the secret store cannot be read now")
        })?;
        let stored = stored.map(SecretString::from);
        match &stored {
            Some(value) => self.found().insert(name.to_owned(), (now, value.clone())),
            None => self.found().remove(name),
        };
        Ok(stored)
    }

    fn found(&self) -> MutexGuard<'_, HashMap<String, (Timestamp, SecretString)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn unknown_secret(name: &str) -> CallError {
    failed("unknown_secret", format!("there is no secret {name}"))
}

fn secret_names(field: &Rendered) -> Vec<&str> {
    match field {
        Rendered::Json(_) => Vec::new(),
        Rendered::Text(pieces) => pieces.iter().filter_map(secret_name).collect(),
        Rendered::Array(items) => items.iter().flat_map(secret_names).collect(),
        Rendered::Object(fields) => {
            fields.iter().flat_map(|(_, field)| secret_names(field)).collect()
        }
    }
}

fn secret_name(piece: &Piece) -> Option<&str> {
    match piece {
        Piece::Text(_) => None,
        Piece::Secret(name) => Some(name),
    }
}

/// The secrets that one call used, in every spelling in which a server may send them back.
#[derive(Default)]
pub(super) struct Masks {
    /// Longest first: one may begin with another.
    spellings: Vec<String>,
}

impl Masks {
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() < MIN_MASKED_BYTES {
            return;
        }
        let in_json = Value::from(secret).to_string();
        let mut spellings =
            vec![secret.to_owned(), secret.trim().to_owned(), in_json.trim_matches('"').to_owned()];
        spellings.push(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
        spellings.extend(in_url(secret));
        self.spellings
            .extend(spellings.into_iter().filter(|spelling| spelling.len() >= MIN_MASKED_BYTES));
        self.spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.spellings.dedup();
    }

    pub(super) fn text(&self, text: &str) -> String {
        self.spellings.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret) { text.replace(secret, MASK) } else { text }
        })
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
        CallError { message: self.text(&error.message), ..error }
    }

    pub(super) fn stream(&self) -> MaskedStream<'_> {
        MaskedStream { masks: self, held: String::new() }
    }
}

/// Returns the spellings of a secret in a URL: as host, as part of the path, as written into the
/// path or the query, or as the URL itself.
fn in_url(secret: &str) -> Vec<String> {
    let mut spellings = vec![secret.to_lowercase()];
    if let Ok(mut url) = Url::parse("https://x/") {
        url.set_path(secret);
        spellings.push(url.path().trim_start_matches('/').to_owned());
    }
    let written = [format!("https://x/{secret}"), format!("https://x/?{secret}")]
        .map(|text| Url::parse(&text));
    spellings.extend(written.into_iter().flatten().map(|url| {
        url[Position::BeforePath..Position::AfterQuery].trim_start_matches(['/', '?']).to_owned()
    }));
    if let Ok(url) = Url::parse(secret)
        && url.has_host()
    {
        let parts = [
            &url[..Position::AfterQuery],
            &url[..Position::AfterPath],
            &url[Position::BeforePath..Position::AfterQuery],
            url.path(),
        ];
        // A path such as `/v1/` is not secret.
        spellings.extend(
            parts.into_iter().filter(|part| part.len() >= MIN_MASKED_PATH_BYTES).map(str::to_owned),
        );
    }
    spellings
}

/// Masks streamed text. Text that may be the start of a secret waits for the next part.
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
        self.held = self.masks.text(&self.held);
        let begins_secret =
            |tail: &str| self.masks.spellings.iter().any(|secret| secret.starts_with(tail));
        let longest = self.masks.spellings.first().map_or(0, String::len);
        let first = self.held.len().saturating_sub(longest);
        let waits_from = self
            .held
            .char_indices()
            .map(|(at, _)| at)
            .find(|at| *at >= first && begins_secret(&self.held[*at..]));
        let waiting = self.held.split_off(waits_from.unwrap_or(self.held.len()));
        std::mem::replace(&mut self.held, waiting)
    }

    pub(super) fn end(self) -> String {
        self.held
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
    fn the_longer_secret_is_masked_first() {
        assert_eq!(masks(&["secret", "secret-longer"]).text("secret-longer secret"), "*** ***");
    }

    #[test]
    fn a_secret_cut_in_parts_is_masked() {
        for parts in
            [&["it is sec", "ret-1", "!"][..], &["it is s", "e", "cret-1!"], &["it is secret-1!"]]
        {
            let masks = masks(&["secret-1"]);
            let mut stream = masks.stream();
            let mut sent: String = parts.iter().map(|part| stream.push(part)).collect();
            sent.push_str(&stream.end());
            assert_eq!(sent, "it is ***!");
        }
    }

    #[test]
    fn what_only_looked_like_a_secret_is_sent() {
        let masks = masks(&["secret-1"]);
        let mut stream = masks.stream();
        assert_eq!(stream.push("a sec"), "a ");
        assert_eq!(stream.push("ond"), "second");
        assert_eq!(stream.push("ä se"), "ä ");
        assert_eq!(stream.end(), "se");
    }
}
