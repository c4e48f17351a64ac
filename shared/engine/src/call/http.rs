//! An HTTP request, as plain data.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{AnswerRules, CallError, Expired, Rendered, RenderedUrl};
use crate::file::FileId;

/// Output: `{data, status, headers}`, and `content_type` where `data` is base64. What an `Option`
/// or a list leaves out is not hashed: requests that use none of it hash as they always did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HttpCall {
    pub method: String,
    pub url: RenderedUrl,
    /// Links that earlier answers gave, each relative to the one before and the first one to `url`.
    /// The request goes to the last one. Answers decide them, never the author.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "null_as_text")]
    pub query: Vec<(String, Rendered)>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "null_as_text")]
    pub headers: Vec<(String, Rendered)>,
    #[serde(flatten)]
    pub body: Option<Body>,
    /// A redirect is an answer like any other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub returns_redirects: bool,
    /// The statuses that are no failure. `None`: those below 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Vec<Status>>,
    /// `None`: as the content type says.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub read_as: Option<ReadAs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// The only hosts that the request, its redirects and links may go to; none: any. They decide
    /// where its secrets go, together with the secrets' own hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// A secret that is `user:password`, sent as basic authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<Rendered>,
    /// Which answers are failures whatever their status says, and what failures are called.
    #[serde(skip)]
    pub rules: Option<AnswerRules>,
    /// Which answers say that the login has expired.
    #[serde(skip)]
    pub expired: Option<Expired>,
    /// The secret with another address of the connector's vendor, `<CONNECTOR>_BASE_URL`. It need
    /// not exist.
    #[serde(skip)]
    pub base_secret: Option<String>,
    /// The hash of a shipped connector's request: of what the author asked and what earlier answers
    /// gave, so that a release may word the request otherwise while runs are in flight.
    #[serde(skip)]
    pub asked: Option<String>,
    /// Names the call in its run: the same for every attempt and after a crash. Made when the call
    /// goes out.
    #[serde(skip)]
    pub call_key: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A string is sent as it is, anything else as JSON.
    #[serde(rename = "body")]
    Plain(Rendered),
    /// `application/x-www-form-urlencoded`. A value that is null is left out.
    Form(#[serde(serialize_with = "null_as_text")] Vec<(String, Rendered)>),
    /// `multipart/form-data`. A part whose content is null is left out.
    Multipart(Vec<FormPart>),
    Binary {
        base64: Rendered,
        /// The content type.
        #[serde(rename = "type")]
        media_type: String,
    },
    /// The bytes of a file of the run.
    File {
        file: FileId,
        /// `None`: the file's own.
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
    },
    /// Texts and files, one behind the other.
    Pieces {
        pieces: Vec<SentPiece>,
        #[serde(rename = "type")]
        media_type: String,
    },
}

/// A part of a body that is sent as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SentPiece {
    Text(String),
    File(FileId),
    /// In base64, in lines of 76 characters as in e-mails.
    FileBase64(FileId),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormPart {
    pub name: String,
    #[serde(flatten)]
    pub content: PartContent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartContent {
    Value(Rendered),
    Base64(Rendered),
    /// The bytes of a file of the run, under its name and type unless the part has its own.
    File(FileId),
}

/// One status, or some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Any,
    /// `2xx`: those that begin with this digit.
    Class(u16),
    Code(u16),
}

/// How the body of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAs {
    Json,
    Text,
    Base64,
    /// As a file of the run.
    File,
}

/// What the header `Idempotency-Key` says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdempotencyKey {
    /// The call's own key, [`HttpCall::call_key`].
    Auto,
    Text(String),
}

impl HttpCall {
    /// Returns whether the status is no failure.
    pub fn accepts(&self, status: u16) -> bool {
        match &self.accept {
            None => status < 400,
            Some(statuses) => statuses.iter().any(|accepted| accepted.includes(status)),
        }
    }

    /// Returns the failure that an answer is by the connector's rules. They say nothing about a
    /// status that the request accepts by name. `answer` is `{data, status, headers}`; `failed` is
    /// what its status alone makes of it.
    pub fn judge(
        &self,
        answer: &Value,
        failed: Option<&CallError>,
        now_ms: i64,
    ) -> Option<CallError> {
        let status = answer.get("status").and_then(Value::as_u64).unwrap_or(0);
        let code = u16::try_from(status).map(Status::Code);
        if code.is_ok_and(|code| self.accept.iter().flatten().any(|accepted| *accepted == code)) {
            return None;
        }
        self.rules.as_ref()?.judge(answer, failed, now_ms)
    }

    /// Iterates over the fields that may hold secrets, besides the URL.
    pub fn fields(&self) -> impl Iterator<Item = &Rendered> {
        let named = self.query.iter().chain(&self.headers).map(|(_, field)| field);
        named.chain(&self.basic).chain(self.body.iter().flat_map(Body::fields))
    }
}

impl Body {
    /// Returns the fields that may hold secrets.
    pub fn fields(&self) -> Vec<&Rendered> {
        match self {
            Self::Plain(body) => vec![body],
            Self::Form(fields) => fields.iter().map(|(_, field)| field).collect(),
            Self::Multipart(parts) => {
                parts.iter().filter_map(|part| part.content.field()).collect()
            }
            Self::Binary { base64, .. } => vec![base64],
            Self::File { .. } | Self::Pieces { .. } => Vec::new(),
        }
    }

    /// Returns the files whose bytes it sends.
    pub fn files(&self) -> Vec<&FileId> {
        match self {
            Self::File { file, .. } => vec![file],
            Self::Multipart(parts) => parts.iter().filter_map(|part| part.content.file()).collect(),
            Self::Pieces { pieces, .. } => pieces.iter().filter_map(SentPiece::file).collect(),
            _ => Vec::new(),
        }
    }
}

impl SentPiece {
    fn file(&self) -> Option<&FileId> {
        match self {
            Self::Text(_) => None,
            Self::File(file) | Self::FileBase64(file) => Some(file),
        }
    }
}

impl PartContent {
    pub fn field(&self) -> Option<&Rendered> {
        match self {
            Self::Value(field) | Self::Base64(field) => Some(field),
            Self::File(_) => None,
        }
    }

    fn file(&self) -> Option<&FileId> {
        match self {
            Self::File(file) => Some(file),
            Self::Value(_) | Self::Base64(_) => None,
        }
    }
}

impl Status {
    /// Reads `any`, `404` or `4xx`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "any" {
            return Some(Self::Any);
        }
        if let Some(class) = text.strip_suffix("xx") {
            return class.parse().ok().filter(|class| (1..=5).contains(class)).map(Self::Class);
        }
        text.parse().ok().filter(|code| (100..=599).contains(code)).map(Self::Code)
    }

    fn includes(self, status: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Class(class) => status / 100 == class,
            Self::Code(code) => status == code,
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str("any"),
            Self::Class(class) => serializer.serialize_str(&format!("{class}xx")),
            Self::Code(code) => serializer.serialize_u16(*code),
        }
    }
}

/// Hashes null as empty text: so it was sent when runs in flight were started.
pub(super) fn null_as_text<S: Serializer>(
    fields: &[(String, Rendered)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let empty = Rendered::Json("".into());
    let shown = |field| if Rendered::is_null(field) { &empty } else { field };
    serializer.collect_seq(fields.iter().map(|(name, field)| (name, shown(field))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_a_class_or_any() {
        let check = |text: &str, expected: Option<Status>| {
            assert_eq!(Status::parse(text), expected, "{text}");
        };
        check("any", Some(Status::Any));
        check("404", Some(Status::Code(404)));
        check("4xx", Some(Status::Class(4)));
        for wrong in ["", "xx", "0xx", "6xx", "44xx", "-1xx", "99", "600", "all", "4XX", "65936"] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_is_accepted_replaces_the_default() {
        let check = |accept: Option<&[Status]>, accepted: &[u16], refused: &[u16]| {
            let call = HttpCall { accept: accept.map(<[_]>::to_vec), ..HttpCall::default() };
            assert!(accepted.iter().all(|status| call.accepts(*status)), "{accept:?}");
            assert!(!refused.iter().any(|status| call.accepts(*status)), "{accept:?}");
        };
        check(None, &[200, 204, 302, 399], &[400, 404, 500]);
        check(Some(&[Status::Any]), &[200, 404, 599, 999], &[]);
        check(Some(&[Status::Class(2), Status::Code(404)]), &[200, 299, 404], &[302, 403, 500]);
    }
}
