//! Operators on e-mails: making one, and reading the text of one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::text::{decode, disposition};
use crate::connector::template::{Values, text_of};
use crate::file::FileRef;
use crate::kind::NodeError;

const HEADERS: [(&str, &str); 8] = [
    ("from", "From"),
    ("to", "To"),
    ("cc", "Cc"),
    ("bcc", "Bcc"),
    ("reply_to", "Reply-To"),
    ("subject", "Subject"),
    ("in_reply_to", "In-Reply-To"),
    ("references", "References"),
];
const READ_HEADERS: [&str; 8] =
    ["From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "References"];
/// A line of base64 in a mail.
const LINE: usize = 76;
/// A header goes on in a line that begins with a space.
const FOLD: &str = "\r\n ";
/// The longest text that stands in one line of a header; a line may have 998 bytes.
const MAX_PLAIN: usize = 900;
const MAX_PARTS_DEEP: usize = 20;

/// Makes a message of `{from, to, cc, bcc, reply_to, subject, in_reply_to, references, text, html,
/// attachments}`, as pieces for a body of `bytes`: texts, and files in base64.
pub(super) fn mime(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    let field = |name: &str| value.get(name).filter(|field| !field.is_null());
    let mut head = String::new();
    for (name, header) in HEADERS {
        let Some(field) = field(name) else { continue };
        let lines = match field {
            Value::Array(items) => items.iter().map(text_of).collect(),
            other => vec![text_of(other)],
        };
        if lines.iter().any(|line| line.contains(char::is_control)) {
            let message = format!("`{name}` of a message must be one line of text");
            return Err(NodeError::new("invalid_field", message));
        }
        values.count_text(4 * lines.iter().map(String::len).sum::<usize>())?;
        let written = encoded_header(name, &lines);
        if !written.is_empty() {
            head.push_str(&format!("{header}: {written}\r\n"));
        }
    }
    head.push_str("MIME-Version: 1.0\r\n");
    let (text, html) = (field("text").map(text_of), field("html").map(text_of));
    values.count_text(
        4 * (text.as_ref().map_or(0, String::len) + html.as_ref().map_or(0, String::len)),
    )?;
    let attachments = match field("attachments") {
        Some(Value::Array(files)) => files.clone(),
        Some(file) => vec![file.clone()],
        None => Vec::new(),
    };
    let boundary = boundary(value);
    let body = content(text.as_deref(), html.as_deref(), &boundary);
    if attachments.is_empty() {
        return Ok(Some(json!([format!("{head}{body}")])));
    }
    let mut pieces = vec![json!(format!(
        "{head}Content-Type: multipart/mixed; boundary=\"m{boundary}\"\r\n\r\n\
         --m{boundary}\r\n{body}"
    ))];
    for file in attachments {
        let of = FileRef::parse(&file)
            .map_err(|why| NodeError::new("invalid_file", format!("an attachment {why}")))?;
        pieces.push(json!(format!(
            "\r\n--m{boundary}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: {}\r\n\r\n",
            of.media_type,
            disposition(&of.name).replace("; filename*=", ";\r\n filename*=")
        )));
        pieces.push(json!({ "$base64": file }));
    }
    pieces.push(json!(format!("\r\n--m{boundary}--\r\n")));
    Ok(Some(Value::Array(pieces)))
}

/// The headers and the text of the part that people read.
fn content(text: Option<&str>, html: Option<&str>, boundary: &str) -> String {
    match (text, html) {
        (Some(text), Some(html)) => format!(
            "Content-Type: multipart/alternative; boundary=\"a{boundary}\"\r\n\r\n\
             --a{boundary}\r\n{}\r\n--a{boundary}\r\n{}\r\n--a{boundary}--\r\n",
            leaf("plain", text),
            leaf("html", html)
        ),
        (None, Some(html)) => leaf("html", html),
        (text, None) => leaf("plain", text.unwrap_or_default()),
    }
}

fn leaf(subtype: &str, text: &str) -> String {
    let encoded = STANDARD.encode(text.replace("\r\n", "\n").replace('\n', "\r\n"));
    let mut leaf = format!(
        "Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        leaf.push_str(line);
        leaf.push_str("\r\n");
        rest = after;
    }
    leaf
}

/// The value of a header, folded: no line is longer than mail servers take.
fn encoded_header(name: &str, lines: &[String]) -> String {
    match name {
        "subject" => encoded_text(&lines.join(", ")),
        "in_reply_to" | "references" => {
            let ids = lines.iter().flat_map(|line| line.split_ascii_whitespace());
            ids.collect::<Vec<_>>().join(FOLD)
        }
        _ => {
            let addresses = lines.iter().flat_map(|line| addresses(line));
            addresses.map(encoded_address).collect::<Vec<_>>().join(&format!(",{FOLD}"))
        }
    }
}

/// Splits a list of addresses at the commas that stand outside of quotes.
fn addresses(list: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_comma = |c: char| {
        let is_mark = !std::mem::take(&mut is_escaped);
        match c {
            '"' if is_mark => is_quoted = !is_quoted,
            '\\' if is_mark => is_escaped = true,
            _ => {}
        }
        c == ',' && !is_quoted
    };
    list.split(is_comma).map(str::trim).filter(|address| !address.is_empty()).collect()
}

/// Of `Name <address>`, the name is encoded if it has to be.
fn encoded_address(address: &str) -> String {
    match address.rsplit_once('<') {
        Some((name, rest)) if !is_plain(name) => {
            let plain = name.trim();
            let quoted = plain.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
            let name = quoted.map(|name| name.replace("\\\"", "\"").replace("\\\\", "\\"));
            format!("{} <{rest}", encoded_words(name.as_deref().unwrap_or(plain)))
        }
        _ => address.to_owned(),
    }
}

fn encoded_text(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { encoded_words(text) }
}

/// Whether a text can stand in a header as it is. One that looks encoded cannot: it would be read
/// as something else.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && text.len() <= MAX_PLAIN && !text.contains("=?")
}

/// An encoded word has at most 75 characters.
fn encoded_words(text: &str) -> String {
    const MAX_BYTES: usize = 42;
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(rest.len().min(MAX_BYTES)));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = after;
    }
    words.join(FOLD)
}

/// A hash of the message: no part of it can contain it.
fn boundary(value: &Value) -> String {
    crate::run::hex(&Sha256::digest(value.to_string())[..12])
}

pub(super) fn reply_subject(subject: &str) -> String {
    let is_reply = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    if is_reply { subject.to_owned() } else { format!("Re: {subject}") }
}

/// Reads Gmail's payload of a message: `{from, to, cc, reply_to, subject, date, message_id,
/// references, text, html}`. What it does not have is null.
pub(super) fn mime_text(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    values.count(value)?;
    let mut read = json!({
        "text": part(value, "text/plain", 0), "html": part(value, "text/html", 0)
    });
    for header in READ_HEADERS {
        read[header.to_ascii_lowercase().replace('-', "_")] = header_of(value, header).into();
    }
    Ok(Some(read))
}

fn header_of(payload: &Value, name: &str) -> Option<String> {
    let mut headers = payload.get("headers")?.as_array()?.iter();
    let is_named = |header: &&Value| {
        header["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    headers.find(is_named)?["value"].as_str().map(unfolded)
}

fn unfolded(value: &str) -> String {
    match value.contains(['\r', '\n']) {
        true => value.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        false => value.to_owned(),
    }
}

/// The first part of a type that is no attachment.
fn part(payload: &Value, wanted: &str, depth: usize) -> Option<String> {
    let is_attached =
        payload.get("filename").and_then(Value::as_str).is_some_and(|n| !n.is_empty());
    if payload.get("mimeType").and_then(Value::as_str) == Some(wanted) && !is_attached {
        let data = payload.pointer("/body/data").and_then(Value::as_str)?;
        return decode(data).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    }
    if depth == MAX_PARTS_DEEP {
        return None;
    }
    let parts = payload.get("parts").and_then(Value::as_array)?;
    parts.iter().find_map(|inner| part(inner, wanted, depth + 1))
}

#[cfg(test)]
mod tests;
