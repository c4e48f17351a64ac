//! The request of a step: read from the file, and filled in for a call.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::file::{Auth, Common, check_headers};
use super::read::{Names, Reader, at, given};
use super::template::{Part, Reference, Template, Values, parts, text_of};
use crate::call::{
    Body, FormPart, HttpCall, PartContent, Piece, ReadAs, Rendered, SentPiece, Status,
};
use crate::expr::reference::PathStep;
use crate::field::statuses;
use crate::file::{ANY_TYPE, FileRef};
use crate::kind::NodeError;
use crate::url::RenderedUrl;

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
const BODIES: [&str; 5] = ["body", "form", "multipart", "related", "bytes"];
const FIELDS: [&str; 12] = [
    "method",
    "path",
    "url",
    "query",
    "headers",
    "body",
    "form",
    "multipart",
    "related",
    "bytes",
    "type",
    "read",
];

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    url: Vec<Part>,
    query: Option<Template>,
    headers: Vec<Template>,
    body: Option<(&'static str, Template)>,
    /// The content type of bytes.
    media_type: Option<Template>,
    read_as: Option<ReadAs>,
    /// The statuses below 400, and these.
    accept: Vec<Status>,
}

impl Request {
    pub(super) fn read(
        reader: &mut Reader,
        owner: (&Map<String, Value>, &str),
        names: &Names,
        common: &Common,
        auth: &Auth,
    ) -> Option<Self> {
        let (step, path) = owner;
        let accept = given(step, "accept").map(|accept| statuses(accept).ok_or(()));
        if matches!(accept, Some(Err(()))) {
            reader.error(&at(path, "accept"), "`accept` is a list of statuses such as `[404]`");
        }
        let Some(object) = reader.object(step, path, "request") else {
            reader.error(path, "`request` is missing");
            return None;
        };
        let path = &at(path, "request");
        reader.known(object, path, &FIELDS);
        let method = reader.one_of(object, path, ("method", &METHODS)).unwrap_or("GET");
        let url = read_url(reader, object, path, names, common, auth);
        let has = BODIES.iter().filter(|name| object.contains_key(**name)).count();
        if has > 1 {
            reader.error(path, format!("only one of {} may be given", BODIES.join(", ")));
        }
        let template = |reader: &mut Reader, name: &str| {
            given(object, name).map(|value| Template::read(reader, value, &at(path, name), names))
        };
        if let Some(headers) = reader.object(object, path, "headers") {
            check_headers(reader, headers, &at(path, "headers"));
        }
        let query = template(reader, "query");
        let headers = template(reader, "headers");
        let media_type = template(reader, "type");
        let kind = BODIES.iter().find(|name| object.contains_key(**name));
        let body = kind.and_then(|name| template(reader, name).map(|body| (*name, body)));
        let read_as = reader.one_of(object, path, ("read", &["json", "text", "file", "base64"]));
        Some(Self {
            method,
            url,
            query,
            headers: headers.into_iter().collect(),
            body,
            media_type,
            read_as: read_as.map(|read| match read {
                "text" => ReadAs::Text,
                "file" => ReadAs::File,
                "base64" => ReadAs::Base64,
                _ => ReadAs::Json,
            }),
            accept: accept.and_then(Result::ok).unwrap_or_default(),
        })
    }

    pub(super) fn call(&self, values: &Values<'_>) -> Result<HttpCall, NodeError> {
        let headers = self.headers.iter().map(|headers| pairs(headers, values));
        let headers = headers.collect::<Result<Vec<_>, _>>()?.concat();
        let accept = (!self.accept.is_empty()).then(|| {
            let usual = [Status::Class(2), Status::Class(3)];
            usual.into_iter().chain(self.accept.iter().copied()).collect()
        });
        let query = self.query.as_ref().map_or(Ok(Vec::new()), |query| pairs(query, values))?;
        Ok(HttpCall {
            method: self.method.to_owned(),
            url: url(&self.url, values)?,
            query,
            headers,
            body: self.body(values)?,
            accept,
            read_as: self.read_as,
            ..HttpCall::default()
        })
    }

    fn body(&self, values: &Values<'_>) -> Result<Option<Body>, NodeError> {
        let Some((kind, template)) = &self.body else { return Ok(None) };
        let media_type = |default: &str| -> Result<String, NodeError> {
            let given = self.media_type.as_ref().map(|it| it.fill_text(values)).transpose()?;
            Ok(given.flatten().unwrap_or_else(|| default.to_owned()))
        };
        if *kind == "form" {
            return Ok(Some(Body::Form(pairs(template, values)?)));
        }
        let Some(filled) = template.fill(values)? else { return Ok(None) };
        Ok(Some(match *kind {
            "multipart" => Body::Multipart(multipart(filled)?),
            "related" => related(filled)?,
            "bytes" => match FileRef::is_marked(&filled) {
                true => {
                    let given = self.media_type.as_ref().map(|it| it.fill_text(values));
                    Body::File { file: file_id(&filled)?, media_type: given.transpose()?.flatten() }
                }
                false => {
                    Body::Pieces { pieces: pieces(filled)?, media_type: media_type(ANY_TYPE)? }
                }
            },
            _ => Body::Plain(Rendered::Json(filled)),
        }))
    }
}

/// The rest of an address that the base and the path make, or a whole one.
fn read_url(
    reader: &mut Reader,
    request: &Map<String, Value>,
    path: &str,
    names: &Names,
    common: &Common,
    auth: &Auth,
) -> Vec<Part> {
    let is_url = *auth == Auth::Url;
    let url = match (reader.text(request, path, "url"), reader.text(request, path, "path")) {
        (Some(url), None) => parts(reader, url, &at(path, "url"), names, is_url),
        (None, Some(rest)) => {
            if !rest.starts_with(['/', ':']) {
                reader.error(&at(path, "path"), "`path` begins with a slash");
            }
            if common.base.is_empty() {
                reader.error(&at(path, "path"), "without `base` a request needs a `url`");
            }
            let mut url = common.base.clone();
            url.extend(parts(reader, rest, &at(path, "path"), names, is_url));
            url
        }
        _ => {
            reader.error(path, "one of `path` and `url` is needed");
            Vec::new()
        }
    };
    if is_url && !url.iter().any(|part| matches!(part, Part::Login)) {
        reader.error(path, "with `auth: {type: url}` the address holds <login>");
    }
    url
}

/// What a reference gives fills one segment of a path, `<in.path...>` several. A setting is text
/// of the author: the pattern bounds it.
fn url(parts: &[Part], values: &Values<'_>) -> Result<RenderedUrl, NodeError> {
    let login = values.find(super::template::LOGIN).and_then(Value::as_str).unwrap_or_default();
    let settings = values.find("settings").and_then(Value::as_object);
    let is_setting = |reference: &Reference| match reference.path.as_slice() {
        [PathStep::Field(name)] if reference.root == "in" => {
            settings.is_some_and(|settings| settings.contains_key(name))
        }
        _ => false,
    };
    let mut pieces = Vec::new();
    for part in parts {
        let reference = match part {
            Part::Text(text) => {
                pieces.push(Piece::Text(text.clone()));
                continue;
            }
            Part::Login => {
                pieces.push(Piece::Secret(login.to_owned()));
                continue;
            }
            Part::Reference(reference) => reference,
        };
        let Some(value) = values.read(reference) else {
            let message = format!("the address needs {}, which is not there", reference.written());
            return Err(NodeError::new("invalid_field", message));
        };
        let text = text_of(value);
        match (is_setting(reference), reference.is_rest) {
            (true, _) => pieces.push(Piece::Text(text)),
            (false, false) => pieces.push(segment(text, reference.written())?),
            (false, true) => {
                for (at, part) in text.split('/').enumerate() {
                    if at > 0 {
                        pieces.push(Piece::Text("/".to_owned()));
                    }
                    pieces.push(segment(part.to_owned(), reference.written())?);
                }
            }
        }
    }
    Ok(RenderedUrl(joined(pieces)))
}

fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

fn segment(text: String, written: String) -> Result<Piece, NodeError> {
    if matches!(text.as_str(), "" | "." | "..") {
        let message = format!("{written} is {text:?}, which no part of an address can be");
        return Err(NodeError::new("invalid_field", message));
    }
    Ok(Piece::Value(text))
}

/// Name and value; a list repeats its name.
fn pairs(template: &Template, values: &Values<'_>) -> Result<Vec<(String, Rendered)>, NodeError> {
    let Some(Value::Object(fields)) = template.fill(values)? else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for (name, value) in fields {
        let values = match value {
            Value::Array(items) => items,
            Value::Null => continue,
            one => vec![one],
        };
        let text = |value: Value| Rendered::Json(text_of(&value).into());
        pairs.extend(values.into_iter().map(|value| (name.clone(), text(value))));
    }
    Ok(pairs)
}

fn file_id(value: &Value) -> Result<crate::file::FileId, NodeError> {
    FileRef::id_of(value).map_err(|why| NodeError::new("invalid_file", format!("it {why}")))
}

/// Name to text or file, or to `{content, filename, type}`.
fn multipart(filled: Value) -> Result<Vec<FormPart>, NodeError> {
    let Value::Object(fields) = filled else {
        return Err(NodeError::new("invalid_field", "the parts of a form are an object"));
    };
    let mut parts = Vec::new();
    for (name, value) in fields {
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let (content, filename, content_type) = match value.get("content") {
            Some(content) => (content, text("filename"), text("type")),
            None => (&value, None, None),
        };
        let content = match FileRef::is_marked(content) {
            true => PartContent::File(file_id(content)?),
            false => PartContent::Value(Rendered::Json(text_of(content).into())),
        };
        parts.push(FormPart { name, content, filename, content_type });
    }
    Ok(parts)
}

/// A text, a file, a file in base64, or a list of them.
fn pieces(filled: Value) -> Result<Vec<SentPiece>, NodeError> {
    match filled {
        Value::Array(items) => {
            let pieces: Result<Vec<_>, _> = items.into_iter().map(pieces).collect();
            Ok(pieces?.into_iter().flatten().collect())
        }
        Value::Object(ref object) if object.contains_key("$base64") => {
            Ok(vec![SentPiece::FileBase64(file_id(&object["$base64"])?)])
        }
        file if FileRef::is_marked(&file) => Ok(vec![SentPiece::File(file_id(&file)?)]),
        other => Ok(vec![SentPiece::Text(text_of(&other))]),
    }
}

/// `multipart/related`: `[{type, body | bytes}]`.
fn related(filled: Value) -> Result<Body, NodeError> {
    let digest = Sha256::digest(filled.to_string());
    // A hash of all parts: none of them can contain it.
    let boundary = crate::run::hex(&digest[..16]);
    let mut sent = Vec::new();
    for part in filled.as_array().into_iter().flatten() {
        let bytes = part.get("bytes").cloned();
        let own = bytes.as_ref().and_then(|bytes| bytes.get("type")).and_then(Value::as_str);
        let given = part.get("type").and_then(Value::as_str);
        let media_type = given.or(own).unwrap_or("application/json");
        if media_type.contains(['\r', '\n']) {
            return Err(NodeError::new("invalid_field", "a content type is one line"));
        }
        let head = format!("--{boundary}\r\nContent-Type: {media_type}\r\n\r\n");
        sent.push(SentPiece::Text(head));
        match (bytes, part.get("body")) {
            (Some(bytes), _) => sent.extend(pieces(bytes)?),
            (None, body) => sent.push(SentPiece::Text(body.unwrap_or(&Value::Null).to_string())),
        }
        sent.push(SentPiece::Text("\r\n".to_owned()));
    }
    sent.push(SentPiece::Text(format!("--{boundary}--\r\n")));
    let media_type = format!("multipart/related; boundary={boundary}");
    Ok(Body::Pieces { pieces: sent, media_type })
}
