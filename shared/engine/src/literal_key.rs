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

const NAMES: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "signature",
    "apikey",
    "appid",
    "passwd",
    "pwd",
];
const NAME_ENDINGS: [&str; 12] = [
    "api-key",
    "token",
    "secret",
    "password",
    "access-key",
    "account-key",
    "auth-key",
    "functions-key",
    "private-key",
    "secret-key",
    "service-key",
    "subscription-key",
];
/// Addresses whose path is the key: what is before it, and the parts that it has.
const KEYS_IN_PATHS: [(&str, usize); 4] = [
    ("hooks.slack.com/services/", 3),
    ("discord.com/api/webhooks/", 2),
    ("discordapp.com/api/webhooks/", 2),
    ("webhook.office.com/webhookb2/", 4),
];
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
    let row = name_of_row(fields);
    for (name, field) in fields {
        push_segment(path, name);
        let called = row.filter(|_| is_value_of_row(name)).unwrap_or(name);
        walk(field, path, [called, around], found);
        path.truncate(outer);
    }
}

/// Of a row, such as `{ name: api_key, value: … }`, what its value is called.
pub fn name_of_row(fields: &Map<String, Value>) -> Option<&str> {
    ["name", "key", "Key"].iter().find_map(|name| fields.get(*name)?.as_str())
}

pub fn is_value_of_row(field: &str) -> bool {
    matches!(field, "value" | "Value" | "default")
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
        let found = in_query(text).chain(in_address(text)).chain(recognised(text));
        keys.extend(found.map(str::to_owned));
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

/// Returns what gives access as a part of an address: the path of a webhook, the token of a bot,
/// the user and password before a host.
fn in_address(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')');
    let addresses = text.split(ends).filter_map(|word| Some(word.split_once("://")?.1));
    addresses.flat_map(|address| {
        let (authority, path) = address.split_once('/').unwrap_or((address, ""));
        let login = authority.rsplit_once('@').map(|(login, _)| login);
        let login = login.filter(|login| login.contains(':') && login.len() >= MIN_KEY);
        let bot = path.split('/').next().and_then(|part| part.strip_prefix("bot"));
        let bot = bot.filter(|bot| bot.len() >= 2 * MIN_TAIL && bot.contains(':'));
        login.into_iter().chain(bot).chain(path_of_webhook(address))
    })
}

fn path_of_webhook(address: &str) -> Option<&str> {
    let after = |(prefix, parts): &(&str, usize)| {
        let (before, path) = address.split_once(prefix)?;
        let is_host = before.is_empty() || before.ends_with('.');
        let path = path.split(['?', '#']).next()?;
        let end = path.match_indices('/').nth(*parts - 1).map_or(path.len(), |(end, _)| end);
        let key = &path[..end];
        (is_host && key.len() >= MIN_TAIL && key.split('/').count() == *parts).then_some(key)
    };
    KEYS_IN_PATHS.iter().find_map(after)
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
        check(
            json!({"input": [{"name": "stripe_api_key", "value": "9f8e7d6c"}]}),
            &[("/input/0/value", "9f8e7d6c")],
        );
        check(
            json!({"headers": {"Ocp-Apim-Subscription-Key": "12345678"}}),
            &[("/headers/Ocp-Apim-Subscription-Key", "12345678")],
        );
        check(json!({"url": "https://w.org/data?q=Bonn&appid=12345678"}), &[("/url", "12345678")]);
        for (url, key) in [
            (
                "https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/send",
                "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
            ),
            (
                "see https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX",
                "T00000000/B00000000/XXXXXXXXXXXXXXXX",
            ),
            (
                "https://ptb.discord.com/api/webhooks/1234567890/abcdefghijkl-_0?wait=true",
                "1234567890/abcdefghijkl-_0",
            ),
            ("https://user:passw0rd@db.example/x", "user:passw0rd"),
        ] {
            check(json!({"url": url}), &[("/url", key)]);
        }
        for innocent in [
            json!({"url": "https://medium.com/@somebody:else/a-story"}),
            json!({"url": "https://bot.example/bots/discord.com/api/webhooks"}),
            json!({"input": [{"name": "city", "value": "Ludwigshafen"}], "name": "token",
                "text": "at http://localhost:8080/ or a:b@c"}),
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
