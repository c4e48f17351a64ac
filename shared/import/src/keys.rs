//! Keys that stood in a file in clear: none of them stays in the document.

use std::collections::HashMap;

use flowgate_engine::literal_key::{is_value_of_row, keys_in, name_of_row};
use serde_json::{Map, Value};

use crate::secrets::Secrets;

pub(crate) const MASK: &str = "***";
/// A text with more keys than that is no text: it is masked as a whole.
const MAX_KEYS: usize = 200;
/// No key is shorter.
const MIN_KEY: usize = 8;
/// How deep a setting is looked into.
const MAX_DEPTH: usize = 100;

/// Takes the keys out of a node, by the name of their field (`api_key`), or by their look
/// (`sk-…`). Where a secret may stand, its name takes the place of the key, else `***` does:
/// returns whether that happened. `place` is where the step stands in the file.
pub(crate) fn take_out(node: &mut Map<String, Value>, secrets: &mut Secrets, place: &str) -> bool {
    let kind = node.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut keys = Keys { secrets, place, host: host(node), masked: false };
    for (name, field) in node.iter_mut() {
        keys.value(field, [name, ""], takes_secrets(&kind, name));
    }
    keys.masked
}

/// Puts `***` in the place of keys; returns whether there were any.
pub(crate) fn mask(value: &mut Value) -> bool {
    let mut keys = Keys { secrets: &mut Secrets::default(), place: "", host: None, masked: false };
    keys.value(value, ["", ""], false);
    keys.masked
}

pub(crate) fn mask_text(text: &mut String) -> bool {
    let keys = keys_in(text, ["", ""]);
    if !keys.is_empty() {
        *text = replaced(text, &keys, |_| MASK.to_owned());
    }
    !keys.is_empty()
}

/// Puts `***` in the place of the keys of a setting, whatever its form: objects, texts that hold
/// JSON, and rows such as `{ key: "Authorization", value: … }`.
pub(crate) fn mask_setting(name: &str, setting: &mut Value) {
    mask_within(name, setting, MAX_DEPTH);
}

fn mask_within(name: &str, setting: &mut Value, depth: usize) {
    match setting {
        _ if depth == 0 => *setting = MASK.into(),
        Value::String(text) => match inner_json(text) {
            Some(mut inner) => {
                mask_within(name, &mut inner, depth - 1);
                *text = inner.to_string();
            }
            None => {
                let keys = keys_in(text, [&hyphenated(name), "headers"]);
                if !keys.is_empty() {
                    *text = replaced(text, &keys, |_| MASK.to_owned());
                }
            }
        },
        Value::Array(items) => {
            items.iter_mut().for_each(|item| mask_within(name, item, depth - 1));
        }
        Value::Object(fields) => {
            let row = name_of_row(fields).map(str::to_owned);
            for (field, value) in fields.iter_mut() {
                let name = row.as_ref().filter(|_| is_value_of_row(field)).unwrap_or(field);
                mask_within(name, value, depth - 1);
            }
        }
        _ => {}
    }
}

fn inner_json(text: &str) -> Option<Value> {
    let is_json = text.trim_start().starts_with(['{', '[']);
    flowgate_engine::json::parse(text.as_bytes()).ok().filter(|_| is_json)
}

/// `my-Api-Key` of `myApiKey`.
fn hyphenated(name: &str) -> String {
    let mut hyphenated = String::new();
    let mut was_small = false;
    for character in name.chars() {
        if was_small && character.is_uppercase() {
            hyphenated.push('-');
        }
        was_small = character.is_lowercase();
        hyphenated.push(character);
    }
    hyphenated
}

/// A text whose keys are replaced, in one pass. Of keys that begin alike, the longest counts.
fn replaced(text: &str, keys: &[String], mut shown: impl FnMut(&str) -> String) -> String {
    if keys.len() > MAX_KEYS {
        return MASK.to_owned();
    }
    cut(text, keys).into_iter().fold(String::new(), |whole, piece| match piece {
        Piece::Text(text) => whole + text,
        Piece::Key(key) => whole + &shown(key),
    })
}

/// A part of a text with keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    Key(&'t str),
}

/// Cuts a text at its keys. If there are too many, it is one key.
pub(crate) fn cut<'t>(text: &'t str, keys: &[String]) -> Vec<Piece<'t>> {
    if keys.len() > MAX_KEYS {
        return vec![Piece::Key(text)];
    }
    let mut by_begin: HashMap<&[u8], Vec<&str>> = HashMap::new();
    for key in keys.iter().filter(|key| key.len() >= MIN_KEY) {
        by_begin.entry(&key.as_bytes()[..MIN_KEY]).or_default().push(key);
    }
    by_begin.values_mut().for_each(|alike| alike.sort_by_key(|key| std::cmp::Reverse(key.len())));
    let (mut pieces, mut plain, mut at) = (Vec::new(), 0, 0);
    while let Some(begin) = text.as_bytes().get(at..at + MIN_KEY) {
        let alike = by_begin.get(begin).into_iter().flatten();
        match alike.copied().find(|key| text.as_bytes()[at..].starts_with(key.as_bytes())) {
            Some(key) => {
                pieces.push(Piece::Text(&text[plain..at]));
                at += key.len();
                pieces.push(Piece::Key(&text[at - key.len()..at]));
                plain = at;
            }
            None => at += 1,
        }
    }
    pieces.push(Piece::Text(&text[plain..]));
    pieces
}

/// Whether secrets are filled in in a field of a node.
fn takes_secrets(kind: &str, field: &str) -> bool {
    match kind {
        "http" => matches!(field, "url" | "query" | "headers" | "body" | "form"),
        "fetch" => matches!(field, "url" | "headers"),
        "webhook" => matches!(field, "url" | "headers" | "signature"),
        "agent" | "router" | "evaluator" | "knowledge" => matches!(field, "api_key" | "base_url"),
        "mcp" => field == "headers",
        _ => false,
    }
}

struct Keys<'s> {
    secrets: &'s mut Secrets,
    place: &'s str,
    host: Option<String>,
    masked: bool,
}

impl Keys<'_> {
    /// `names` are those of the value and of the object around it.
    fn value(&mut self, value: &mut Value, names: [&str; 2], takes: bool) {
        match value {
            Value::String(text) => self.text(text, names, takes),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, names, takes)),
            Value::Object(fields) => self.fields(fields, names[0], takes),
            _ => {}
        }
    }

    fn fields(&mut self, fields: &mut Map<String, Value>, around: &str, takes: bool) {
        // A tool of an agent: `{ http: { url, … } }`, `{ mcp, headers }`.
        let is_request = matches!(around, "http" | "fetch");
        let is_server = fields.contains_key("mcp");
        let is_raw = fields.contains_key("raw") || fields.contains_key("$raw");
        let outer = is_request.then(|| std::mem::replace(&mut self.host, host(fields)));
        let row = name_of_row(fields).map(str::to_owned);
        for (name, field) in fields.iter_mut() {
            let kind = if is_server { "mcp" } else { around };
            let is_own = (is_request || is_server) && takes_secrets(kind, name);
            let called = row.as_ref().filter(|_| is_value_of_row(name)).unwrap_or(name);
            self.value(field, [called, around], is_own || (takes && !is_raw));
        }
        if let Some(outer) = outer {
            self.host = outer;
        }
    }

    fn text(&mut self, text: &mut String, names: [&str; 2], takes: bool) {
        let keys = keys_in(text, names);
        if !keys.is_empty() {
            self.masked |= keys.len() > MAX_KEYS;
            *text = replaced(text, &keys, |key| self.shown(key, names[0], takes));
        }
    }

    /// What stands in the place of a key.
    fn shown(&mut self, key: &str, field: &str, takes: bool) -> String {
        if !takes || self.secrets.is_full() {
            self.masked = true;
            return MASK.to_owned();
        }
        let host = self.host.as_deref();
        let hint = host.map_or_else(|| field.to_owned(), |host| format!("{host}_KEY"));
        format!("{{{{{}}}}}", self.secrets.add(&hint, key, host, self.place))
    }
}

/// The host of a request, if its address says it literally.
fn host(request: &Map<String, Value>) -> Option<String> {
    host_of(request.get("url")?.as_str()?)
}

/// `api.example.com` of `https://api.example.com/x`.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let (_, after) = url.split_once("://")?;
    let authority = after.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric()) && host.len() <= 253;
    (is_host && host.contains('.') && host.chars().all(is_plain)).then(|| host.to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_longest_key_goes_first_and_many_go_at_once() {
        let mut text = "sk-AAAAAAAAAAAAAAAA é sk-AAAAAAAAAAAAAAAABBBB".to_owned();
        assert!(mask_text(&mut text));
        assert_eq!(text, "*** é ***");
        let many = (0..100_000).map(|n| format!("sk-{n:016} "));
        let mut text: String = many.collect();
        assert!(mask_text(&mut text));
        assert_eq!(text, MASK);
        let mut text = "sk-0123456789abcdef ".repeat(200_000);
        assert!(mask_text(&mut text));
        assert_eq!(text, "*** ".repeat(200_000));
    }

    #[test]
    fn settings_lose_keys_of_any_depth() {
        let mut setting = json!({
            "apiKey": "9f8e7d6c5b4a", "openaiApiKey": "9f8e7d6c5b4a", "model": "a-long-model-name",
            "text": "{\"deep\": [{\"password\": \"9f8e7d6c5b4a\"}]}",
            "rows": [{ "cells": { "Key": "Authorization", "Value": "Bearer 9f8e7d6c5b4a" } }],
        });
        mask_setting("param", &mut setting);
        let masked = json!({
            "apiKey": "***", "openaiApiKey": "***", "model": "a-long-model-name",
            "text": "{\"deep\":[{\"password\":\"***\"}]}",
            "rows": [{ "cells": { "Key": "Authorization", "Value": "Bearer ***" } }],
        });
        assert_eq!(setting, masked);
    }

    #[test]
    fn keys_become_secrets_where_these_may_stand() {
        let key = "sk-0123456789abcdef0";
        let url = format!("https://api.x.org/?token={key}&page=2");
        let mut secrets = Secrets::avoiding(&["API_X_ORG_KEY".to_owned()], "");
        let mut check = |node: Value, expected: Value, is_masked: bool| {
            let mut fields = node.as_object().unwrap().clone();
            let masked = take_out(&mut fields, &mut secrets, "/nodes/0");
            assert_eq!(Value::Object(fields), expected);
            assert_eq!(masked, is_masked, "{expected}");
        };
        let clean = "https://api.x.org/?token={{API_X_ORG_KEY_2}}&page=2";
        check(
            json!({ "type": "http", "url": url }),
            json!({ "type": "http", "url": clean }),
            false,
        );
        check(
            json!({ "type": "agent", "prompt": format!("say {key}"),
                    "tools": [{ "http": { "url": url } }] }),
            json!({ "type": "agent", "prompt": "say ***",
                "tools": [{ "http": { "url": clean } }] }),
            true,
        );
        check(
            json!({ "type": "http", "url": { "raw": url } }),
            json!({ "type": "http", "url": { "raw": "https://api.x.org/?token=***&page=2" } }),
            true,
        );
        check(
            json!({ "type": "agent", "api_key": "abcdefghijkl" }),
            json!({ "type": "agent", "api_key": "{{API_KEY}}" }),
            false,
        );
        check(
            json!({ "type": "http", "url": "https://api.x.org/", "multipart": [
                { "name": "stripe_api_key", "value": "9f8e7d6c5b4a" } ] }),
            json!({ "type": "http", "url": "https://api.x.org/", "multipart": [
                { "name": "stripe_api_key", "value": "***" } ] }),
            true,
        );
        let found = secrets.found();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].hosts, ["api.x.org"]);
        assert_eq!((found[0].value.reveal(), found[1].value.reveal()), (key, "abcdefghijkl"));
    }
}
