//! `fetch`: reads a page of the web.

use std::sync::Arc;
use std::time::Duration;

use super::http::render_texts;
use super::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType,
    Plan, Planned, Price, Role, Touches,
};
use crate::call::{Action, HttpCall, ReadCall, Reading, Source};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};

const URL: FieldSpec =
    FieldSpec::new("url", FieldType::Text, "the address").required().with_secrets();
const HEADERS: FieldSpec =
    FieldSpec::new("headers", FieldType::Texts, "name to text").with_secrets();
const AS: FieldSpec = FieldSpec::with_default(
    "as",
    FieldType::OneOf(&["markdown", "text"]),
    "markdown",
    "how `text` is written",
);

const DETAILS: &str = "\
`text` is what people see of the page: no scripts, no styles, no menus (`nav`). `links` are at
most 1,000 `{ url, text }`, with whole addresses; Links inside Markdown stay as the page has
them. `url` is where the last redirect led. `type` is what the answer is by its content: `html`,
`pdf`, `docx`, `xlsx`, `csv`, `json`, `xml` or `text`. All of them are read as
[`document`](#document) does; what it cannot read is its failure (`document_unsupported` of a
picture, for example).

The request obeys the same rules as that of [`http`](#http), redirects too. A status of 400 or
more is the failure `http_status`. Scripts do not run: a page that is made by them is nearly
empty. The charset is that of the answer, of the page's `meta`, or guessed. Pages may have at
most 16 MiB, their text 4 MiB; HTML is at most 512 elements deep.";

pub(super) const FIELDS: &[FieldSpec] = &[URL, HEADERS, AS];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "fetch".into(),
        summary: "Reads a page of the web, or a document there, as text.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::Only(outputs()),
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(60),
            max_timeout: Duration::from_secs(300),
        }),
        role: Role::Step,
        operation: None,
        group: Group::Call,
        touches: Touches::Address { method: None },
        example: r#"{ id: page, type: fetch, url: <api.url> }"#.into(),
        read: Arc::new(|fields| Box::new(Fetch::read(fields))),
    }
}

fn outputs() -> Vec<OutputField> {
    vec![
        OutputField::new("title", OutputType::Text).nullable(),
        OutputField::new("text", OutputType::Text),
        OutputField::new("links", OutputType::List),
        OutputField::new("type", OutputType::Text),
        OutputField::new("url", OutputType::Text),
        OutputField::new("status", OutputType::Number),
    ]
}

#[derive(Debug)]
struct Fetch {
    url: Text,
    headers: Vec<(String, Text)>,
    markdown: bool,
}

impl Fetch {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            url: fields.url(&URL).unwrap_or_default(),
            headers: fields.request_headers(&HEADERS),
            markdown: fields.string(&AS) != Some("text"),
        }
    }
}

impl Node for Fetch {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("page")? {
            return Ok(Plan::Done(output));
        }
        let request = HttpCall {
            method: "GET".to_owned(),
            url: self.url.render_url(scope)?,
            headers: render_texts(&self.headers, scope)?,
            ..HttpCall::default()
        };
        let source = Source::Http(Box::new(request));
        let call = ReadCall { source, reading: Reading::Page { markdown: self.markdown } };
        Ok(Plan::Perform(vec![Planned::call("page", Action::Read(call), Price::Free)]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::run::tests::only_call;

    #[test]
    fn the_page_is_one_call() {
        let yaml = "nodes: [{ id: p, type: fetch, url: 'https://example.com/<api.input.p>', \
                    headers: { accept-language: de }, as: text }]";
        let call = only_call(yaml, json!({"p": "a b"}));
        assert_eq!(call.timeout.as_secs(), 60);
        let action = serde_json::to_value(&call.action).unwrap();
        assert_eq!(action["reading"], json!({"page": {"markdown": false}}));
        assert_eq!(action["source"]["http"]["method"], "GET");
        assert_eq!(action["source"]["http"]["headers"], json!([["accept-language", "de"]]));
    }
}
