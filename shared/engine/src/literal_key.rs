//! Keys that an author wrote into the document, where a secret belongs: found at compile, masked in
//! what a run shows.

use serde_json::{Map, Value};

use crate::expr::reference::{Piece, scan};
use crate::json::push_segment;

/// Masking shorter words would black out ordinary text.
const MIN_KEY: usize = 8;
/// The characters after a known prefix, or after `Bearer`.
const MIN_TAIL: usize = 16;
const MASK: &str = "***";
const MAX_FOUND: usize = 100;

const NAMES: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "signature", "apikey", "passwd"];
const NAME_ENDINGS: [&str; 5] = ["api-key", "token", "secret", "password", "access-key"];
/// What providers' keys begin with.
const PREFIXES: [&str; 18] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "AIza",
    "hf_",
    "whsec_",
    "fg_",
];
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "digest", "apikey", "bot"];

/// A key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub path: String,
    pub key: String,
}

/// Returns the keys in a document.
pub(crate) fn find(document: &Map<String, Value>) -> Vec<Found> {
    let mut found = Vec::new();
    walk_fields(document, &mut String::new(), "", &mut found);
    found
}

/// Replaces the keys in every text of a value.
pub(crate) fn mask(value: &Value, keys: &[String]) -> Value {
    match value {
        Value::String(text) => Value::String(keys.iter().fold(text.clone(), |text, key| {
            if text.contains(key.as_str()) { text.replace(key.as_str(), MASK) } else { text }
        })),
        Value::Array(items) => items.iter().map(|item| mask(item, keys)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), mask(field, keys))).collect()
        }
        other => other.clone(),
    }
}

/// `names` are those of the value and of the object around it.
fn walk(value: &Value, path: &mut String, names: [&str; 2], found: &mut Vec<Found>) {
    if found.len() >= MAX_FOUND {
        return;
    }
    match value {
        Value::String(text) => {
            let keys = keys_in(text, names);
            found.extend(keys.into_iter().map(|key| Found { path: path.clone(), key }));
        }
        Value::Array(items) => {
            let outer = path.len();
            for (index, item) in items.iter().enumerate() {
                push_segment(path, &index.to_string());
                walk(item, path, names, found);
                path.truncate(outer);
            }
        }
        Value::Object(fields) => walk_fields(fields, path, names[0], found),
        _ => {}
    }
}

fn walk_fields(
    fields: &Map<String, Value>,
    path: &mut String,
    around: &str,
    found: &mut Vec<Found>,
) {
    let outer = path.len();
    for (name, field) in fields {
        push_segment(path, name);
        walk(field, path, [name, around], found);
        path.truncate(outer);
    }
}

/// Returns the keys in a text. The names are those of its field, and of the object around it.
pub fn keys_in(text: &str, [name, around]: [&str; 2]) -> Vec<String> {
    let is_named =
        is_name_of_key(name) || (name == "key" && ["query", "headers"].contains(&around));
    let is_long = text.len() >= MIN_TAIL || text.contains('?');
    if text.len() < MIN_KEY || !is_named && !is_long {
        return Vec::new();
    }
    let literal = scan(text).into_iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Secret(_) | Piece::Reference(_) => None,
    });
    let mut keys = Vec::new();
    for text in literal {
        if is_named {
            keys.extend(words(text).filter(|word| word.len() >= MIN_KEY).map(str::to_owned));
        }
        keys.extend(in_query(text).chain(recognised(text)).map(str::to_owned));
    }
    keys.sort();
    keys.dedup();
    keys
}

fn is_name_of_key(name: &str) -> bool {
    let is = |name: &[u8], known: &str| {
        let is_same = |(own, known): (&u8, u8)| {
            own.to_ascii_lowercase() == known || (*own == b'_' && known == b'-')
        };
        name.len() == known.len() && name.iter().zip(known.bytes()).all(is_same)
    };
    let name = name.as_bytes();
    let ends_with = |ending: &&str| {
        name.len().checked_sub(ending.len()).is_some_and(|from| is(&name[from..], ending))
    };
    NAMES.iter().any(|known| is(name, known)) || NAME_ENDINGS.iter().any(ends_with)
}

/// Returns what a header or field holds, without the names of schemes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .filter(|word| !SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)))
}

/// Returns the values of a URL's query that are keys by their names.
fn in_query(text: &str) -> impl Iterator<Item = &str> {
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split(['&', '#']).filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, value)| (is_name_of_key(name) || *name == "key") && value.len() >= MIN_KEY)
        .map(|(_, value)| value)
}

/// Returns the words that look like providers' keys, and those after `Bearer`.
fn recognised(text: &str) -> impl Iterator<Item = &str> {
    let is_in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut after_bearer = false;
    text.split(move |c: char| !is_in_key(c)).filter(|word| !word.is_empty()).filter(move |word| {
        let was_bearer = std::mem::replace(&mut after_bearer, word.eq_ignore_ascii_case("bearer"));
        let is_token = word.len() >= MIN_TAIL && word.contains(|c: char| c.is_ascii_digit());
        let tail = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix));
        (was_bearer && is_token) || tail.is_some_and(|tail| tail.len() >= MIN_TAIL)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_found_by_their_place_and_their_look() {
        let check = |document: Value, expected: &[(&str, &str)]| {
            let found: Vec<_> = find(document.as_object().unwrap())
                .into_iter()
                .map(|found| (found.path, found.key))
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(path, key)| ((*path).to_owned(), (*key).to_owned()))
                .collect();
            assert_eq!(found, expected, "{document}");
        };
        check(json!({"api_key": "abcdefgh"}), &[("/api_key", "abcdefgh")]);
        check(
            json!({"headers": {"Authorization": "Basic dXNlcjpwYXNz"}}),
            &[("/headers/Authorization", "dXNlcjpwYXNz")],
        );
        check(
            json!({"nodes": [{"headers": {"X-API-Key": "12345678"}}]}),
            &[("/nodes/0/headers/X-API-Key", "12345678")],
        );
        check(
            json!({"query": {"key": "12345678"}, "key": "12345678"}),
            &[("/query/key", "12345678")],
        );
        check(json!({"url": "https://x/?a=1&access_token=12345678#f"}), &[("/url", "12345678")]);
        check(json!({"url": "https://x/?key=12345678"}), &[("/url", "12345678")]);
        check(
            json!({"prompt": "use sk-0123456789abcdef0 please"}),
            &[("/prompt", "sk-0123456789abcdef0")],
        );
        check(
            json!({"code": "fetch('Bearer 0123456789abcdef')"}),
            &[("/code", "0123456789abcdef")],
        );
        check(
            json!({"body": {"client_secret": "abcdefgh"}}),
            &[("/body/client_secret", "abcdefgh")],
        );
        for innocent in [
            json!({"api_key": "{{KEY}}", "headers": {"authorization": "Bearer {{KEY}}"}}),
            json!({"headers": {"authorization": "Bearer <api.token>"}}),
            json!({"prompt": "a token of my appreciation, bearer of bad news", "max_tokens": 100}),
            json!({"token": {"type": "string"}, "type": "task-runner", "signature": "short"}),
            json!({"url": "https://x/?page=12345678"}),
        ] {
            check(innocent, &[]);
        }
    }

    #[test]
    fn keys_are_masked_in_every_text() {
        let keys = ["abcdefgh".to_owned()];
        assert_eq!(
            mask(&json!({"h": [["a", "Bearer abcdefgh"]], "n": 1}), &keys),
            json!({"h": [["a", "Bearer ***"]], "n": 1})
        );
    }
}
