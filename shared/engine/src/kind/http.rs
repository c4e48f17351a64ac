//! `http`: sends a request to another server.

mod body;
pub(crate) mod link;
mod pages;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use self::body::BodyFields;
use self::pages::Pages;
use super::{
    CallLimits, CallName, Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields,
    OutputType, Plan, Planned, Price, Role, Touches,
};
use crate::call::{Action, HttpCall, IdempotencyKey, ReadAs, Rendered, Status};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Part, Text};
use crate::field::{FieldSpec, FieldType, statuses};
use crate::run::budget::within_budget;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

const URL: FieldSpec =
    FieldSpec::new("url", FieldType::Text, "the address").required().with_secrets();
const METHOD: FieldSpec =
    FieldSpec::with_default("method", FieldType::Method(&METHODS), "GET", "the HTTP method");
const QUERY: FieldSpec =
    FieldSpec::new("query", FieldType::Texts, "name to text, added to the address").with_secrets();
const HEADERS: FieldSpec =
    FieldSpec::new("headers", FieldType::Texts, "name to text").with_secrets();
const BODY: FieldSpec = FieldSpec::new(
    "body",
    FieldType::Any,
    "text is sent as it is, anything else as JSON with its content type",
)
.with_secrets()
.at_most_one_of(body::NAMES);
const FOLLOW_REDIRECTS: FieldSpec = FieldSpec::with_default(
    "follow_redirects",
    FieldType::Boolean,
    "true",
    "`false`: a redirect is an answer like any other",
);
const ACCEPT: FieldSpec = FieldSpec::with_default(
    "accept",
    FieldType::Statuses,
    "below 400",
    "the statuses that are no failure: `any`, or a list such as `[2xx, 404]`",
);
const AS: FieldSpec = FieldSpec::with_default(
    "as",
    FieldType::OneOf(&["json", "text", "base64", "file"]),
    "as the content type says",
    "how the answer is read",
);
const PAGES: FieldSpec = FieldSpec::new(
    "pages",
    FieldType::Fields(Cow::Borrowed(pages::FIELDS)),
    "follows the pages of a list: `{ cursor: data.next, param: cursor, items: data.items }`, or \
     `{ link: data.next }`, or `{ link: header }`",
);
const IDEMPOTENCY_KEY: FieldSpec = FieldSpec::new(
    "idempotency_key",
    FieldType::Text,
    "sent as the header `Idempotency-Key`; `auto` makes one for each call, the same for all its \
     attempts",
);

const DETAILS: &str = "\
**The answer.** `data` is JSON, text or base64, as the content type says. `content_type` is set
where `data` is base64: for images, audio, video, archives, PDF and the like. Without a content
type, `data` is text. It is `null` if the answer has no body. Texts are decoded from the charset
that the answer names; gzip and deflate are undone. An answer that says that it is JSON and is
not fails as `invalid_answer`; `as: text` takes it as it is. Whole numbers stay exact up to 64
bits. Names in `headers` are lower case. Answers may have at most 4 MiB; `as: file` stores up to
50 MiB as a file of the run, and `data` is the file (`{$file, name, type, size, sha256}`).

**Failures.** A status that is not accepted is the failure `http_status`. `accept` replaces the
default: `[2xx, 404]` accepts a 404 and no redirect. Nodes behind `after: [x.error]` can read
`<x.status>`, `<x.headers>` and `<x.data>` (its first 64 KiB) of the failed answer.

**Redirects** are followed, at most 10, each under the rule for [what may be
called](operations.md#what-may-be-called). At another origin the request goes without
`authorization`, `cookie`, and headers with secrets or keys. A 303, and a POST after 301 or 302,
goes on as GET without its body; a body with a secret follows only to hosts that the secret
names.

**Bodies.** `form` is sent as `application/x-www-form-urlencoded`, `multipart` as
`multipart/form-data`, `binary` as bytes. Both take files: `file: <api.photo>`. A value of
`query`, `headers`, `form` or `multipart` that is null, or of a node that did not run, is left
out; empty text is sent.

**Pages.** Each page is a call of its own, so that no page is fetched again after a crash.
Output, in addition: `items` (of all pages), `pages` (their number), and `next` (the cursor or
link after the last page, `null` at the end); `data`, `status` and `headers` are the last
page's. A cursor or link that comes twice is the failure `page_loop`. A link to another origin
is followed only if the request carries no secret, or secrets that name its host.

[Some headers](operations.md#what-may-be-called) are refused.";

pub(super) const FIELDS: &[FieldSpec] = &[
    URL,
    METHOD,
    QUERY,
    HEADERS,
    BODY,
    body::FORM,
    body::MULTIPART,
    body::BINARY,
    FOLLOW_REDIRECTS,
    ACCEPT,
    AS,
    PAGES,
    IDEMPOTENCY_KEY,
];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "http".into(),
        summary: "Sends a request to another server.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(300),
            max_timeout: Duration::from_secs(600),
        }),
        role: Role::Step,
        operation: None,
        group: Group::Call,
        touches: Touches::Address { method: Some("GET") },
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Http::read(fields))),
    }
}

fn outputs(node: &Map<String, Value>) -> OutputFields {
    let mut fields = vec![
        OutputField::new("data", OutputType::Any),
        OutputField::new("status", OutputType::Number),
        OutputField::new("headers", OutputType::Object),
        OutputField::new("content_type", OutputType::Text).nullable(),
    ];
    if node.get(&*PAGES.name).is_some_and(|pages| !pages.is_null()) {
        fields.extend(pages::outputs());
    }
    OutputFields::Only(fields)
}

const EXAMPLE: &str = r#"{ id: user, type: http, url: "https://example.com/users/<api.id>", headers: { authorization: "Bearer {{TOKEN}}" } }"#;

#[derive(Debug)]
struct Http {
    method: String,
    url: Text,
    query: Vec<(String, Text)>,
    headers: Vec<(String, Text)>,
    body: Option<BodyFields>,
    returns_redirects: bool,
    accept: Option<Vec<Status>>,
    read_as: Option<ReadAs>,
    pages: Option<Pages>,
    idempotency_key: Option<Text>,
}

impl Http {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            url: fields.url(&URL).unwrap_or_default(),
            method: fields.method(&METHOD),
            query: fields.texts(&QUERY),
            headers: fields.request_headers(&HEADERS),
            body: BodyFields::read(fields, &BODY),
            returns_redirects: fields.boolean(&FOLLOW_REDIRECTS) == Some(false),
            accept: fields.get(&ACCEPT).and_then(statuses),
            read_as: fields.string(&AS).map(|name| match name {
                "json" => ReadAs::Json,
                "base64" => ReadAs::Base64,
                "file" => ReadAs::File,
                _ => ReadAs::Text,
            }),
            pages: Pages::read(fields, &PAGES),
            idempotency_key: fields.text(&IDEMPOTENCY_KEY),
        }
    }

    fn request(&self, scope: &Scope<'_>) -> Result<HttpCall, NodeError> {
        Ok(HttpCall {
            method: self.method.clone(),
            url: self.url.render_url(scope)?,
            query: render_texts(&self.query, scope)?,
            headers: render_texts(&self.headers, scope)?,
            body: self.body.as_ref().map(|body| body.render(scope)).transpose()?,
            returns_redirects: self.returns_redirects,
            accept: self.accept.clone(),
            read_as: self.read_as,
            idempotency_key: self.key(scope)?,
            ..HttpCall::default()
        })
    }

    /// Only the author's own `auto` is the word.
    fn key(&self, scope: &Scope<'_>) -> Result<Option<IdempotencyKey>, NodeError> {
        let Some(key) = &self.idempotency_key else { return Ok(None) };
        if matches!(key.parts.as_slice(), [Part::Text(word)] if word == "auto") {
            return Ok(Some(IdempotencyKey::Auto));
        }
        let text = key.render_string(scope)?;
        Ok((!text.is_empty()).then_some(IdempotencyKey::Text(text)))
    }
}

impl Node for Http {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(pages) = &self.pages {
            return pages.plan(|| self.request(scope), done, scope.engine());
        }
        match done.value(REQUEST)? {
            Some(output) => Ok(Plan::Done(output)),
            None => Ok(perform(REQUEST, self.request(scope)?)),
        }
    }
}

/// The first call of a node.
const REQUEST: &str = "request";

fn perform(name: impl Into<CallName>, request: HttpCall) -> Plan {
    Plan::Perform(vec![Planned::call(name, Action::Http(request), Price::Free)])
}

/// What is null stays null: it is left out of the request.
pub(crate) fn render_texts(
    texts: &[(String, Text)],
    scope: &Scope<'_>,
) -> Result<Vec<(String, Rendered)>, NodeError> {
    within_budget(texts.iter().map(|(_, text)| text.weight(scope)).sum())?;
    texts.iter().map(|(name, text)| Ok((name.clone(), text.render_optional(scope)?))).collect()
}

#[cfg(test)]
mod tests;
