//! `document`: reads a PDF, DOCX, XLSX, CSV or HTML file.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType,
    Plan, Planned, Price, Role, Touches,
};
use crate::call::{Action, HttpCall, Layout, Piece, ReadCall, Reading, RenderedUrl, Source};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::file::FileRef;

const SOURCES: &[&str] = &["file", "base64", "text"];

const FILE: FieldSpec = FieldSpec::new(
    "file",
    FieldType::Any,
    "a reference to a file: to an input of the type `file` (which may also be a URL), or to what a \
     node left",
)
.one_of(SOURCES);
const BASE64: FieldSpec =
    FieldSpec::new("base64", FieldType::Text, "the document as base64, or as a `data:` URL")
        .one_of(SOURCES);
const TEXT: FieldSpec =
    FieldSpec::new("text", FieldType::Text, "the document as text: CSV or HTML").one_of(SOURCES);
const AS: FieldSpec = FieldSpec::with_default(
    "as",
    FieldType::OneOf(&["text", "markdown", "pages", "rows"]),
    "text",
    "what is left of it",
);
const HEADER: FieldSpec = FieldSpec::with_default(
    "header",
    FieldType::Boolean,
    "true",
    "of rows: the first one names the fields of the others; `false`: rows are lists",
);
const SHEET: FieldSpec = FieldSpec::with_default(
    "sheet",
    FieldType::Text,
    "the first one",
    "of rows: the name of a workbook's sheet",
);

const DETAILS: &str = "\
What the document is, its content says, not its name or type: `type` is `pdf`, `docx`, `xlsx`,
`csv`, `html`, `json`, `xml` or `text`. `title` is the title that it gives itself.

| `as` | leaves | of |
|---|---|---|
| `text` | `text`: tables with tabs between their cells; of a PDF its Markdown | all |
| `markdown` | `text` with headings, lists and tables | all |
| `pages` | `pages`: texts, of each page of a PDF or sheet of a workbook, else of the whole | all |
| `rows` | `rows`: objects, or lists without `header` | `xlsx`, `csv` |

What `as` does not leave is `null`. Cells of a workbook are numbers, true, false, texts and
dates as `2026-11-27`; those of CSV are texts. Columns without a name are `column3`, a name that
comes twice is `name_3`, by their number. CSV may be separated by commas, semicolons, tabs or
bars. The charset of text is that of its byte order mark, of its type, or guessed.

| failure | |
|---|---|
| `document_empty` | there is no text; pages of a PDF that are pictures (scans) hold none |
| `document_protected` | a password protects it |
| `document_damaged` | it is not what it begins as |
| `document_unsupported` | a picture, DOC, XLS, PPTX, EPUB, OpenDocument …, or `rows` of a text |
| `document_too_large` | over 192 MiB to read it, a million cells, or HTML that is too deep |
| `document_no_sheet` | the workbook has no such sheet |
| `document_timeout` | it was not read in time |

A document has at most 32 MiB, in `base64` and `text` 4 MiB; what it leaves has at most 4 MiB.";

const FIELDS: &[FieldSpec] = &[FILE, BASE64, TEXT, AS, HEADER, SHEET];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "document".into(),
        summary: "Reads a PDF, DOCX, XLSX, CSV or HTML document.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(60),
            max_timeout: Duration::from_secs(300),
        }),
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/file", "/text"]),
        example: "{ id: paper, type: document, file: <api.paper>, as: markdown }".into(),
        read: Arc::new(|fields| Box::new(Document::read(fields))),
    }
}

fn outputs(node: &Map<String, Value>) -> OutputFields {
    let layout = node.get(&*AS.name).and_then(Value::as_str).unwrap_or("text");
    let field = |name, output_type, of: &[&str]| {
        let field = OutputField::new(name, output_type);
        if of.contains(&layout) { field } else { field.nullable() }
    };
    OutputFields::Only(vec![
        field("text", OutputType::Text, &["text", "markdown"]),
        field("pages", OutputType::List, &["pages"]),
        field("rows", OutputType::List, &["rows"]),
        OutputField::new("title", OutputType::Text).nullable(),
        OutputField::new("type", OutputType::Text),
    ])
}

#[derive(Debug)]
struct Document {
    source: Given,
    layout: As,
}

#[derive(Debug)]
enum Given {
    File(Template),
    Base64(Text),
    Text(Text),
}

#[derive(Debug)]
enum As {
    Fixed(Layout),
    Rows { header: bool, sheet: Option<Text> },
}

impl Document {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let file = fields.template(&FILE).map(Given::File);
        let base64 = fields.text(&BASE64).map(Given::Base64);
        let text = fields.text(&TEXT).map(Given::Text);
        let source = file.or(base64).or(text).unwrap_or(Given::Text(Text::default()));
        let (header, sheet) = (fields.boolean(&HEADER), fields.text(&SHEET));
        let layout = match fields.string(&AS) {
            Some("markdown") => As::Fixed(Layout::Markdown),
            Some("pages") => As::Fixed(Layout::Pages),
            Some("rows") => {
                return Self { source, layout: As::Rows { header: header != Some(false), sheet } };
            }
            _ => As::Fixed(Layout::Text),
        };
        for spec in [&HEADER, &SHEET] {
            if fields.is_given(spec) {
                let message = format!("`{}` has no effect without `as: rows`", spec.name);
                fields.warning(&spec.name, message);
            }
        }
        Self { source, layout }
    }

    fn layout(&self, scope: &Scope<'_>) -> Result<Layout, NodeError> {
        Ok(match &self.layout {
            As::Fixed(layout) => layout.clone(),
            As::Rows { header, sheet } => {
                let sheet = sheet.as_ref().map(|sheet| sheet.render_string(scope)).transpose()?;
                let sheet = sheet.filter(|sheet| !sheet.is_empty());
                Layout::Rows { header: *header, sheet }
            }
        })
    }
}

impl Given {
    fn source(&self, scope: &Scope<'_>) -> Result<Source, NodeError> {
        Ok(match self {
            Self::File(file) => of_file(file.render(scope)?)?,
            Self::Base64(text) => Source::Base64(text.render_string(scope)?),
            Self::Text(text) => Source::Text(text.render_string(scope)?),
        })
    }
}

impl Node for Document {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("document")? {
            return Ok(Plan::Done(output));
        }
        let reading = Reading::File(self.layout(scope)?);
        let call = ReadCall { source: self.source.source(scope)?, reading };
        Ok(Plan::Perform(vec![Planned::call("document", Action::Read(call), Price::Free)]))
    }
}

/// An input of the type `file` may also be an address, or a `data:` URL.
fn of_file(value: Value) -> Result<Source, NodeError> {
    match value {
        Value::String(url) if url.starts_with("data:") => Ok(Source::Base64(url)),
        Value::String(url) if url.starts_with("https:") || url.starts_with("http:") => {
            let (method, url) = ("GET".to_owned(), RenderedUrl(vec![Piece::Value(url)]));
            Ok(Source::Http(Box::new(HttpCall { method, url, ..HttpCall::default() })))
        }
        other => match FileRef::parse(&other) {
            Ok(file) => Ok(Source::File(file.id)),
            Err(error) => Err(invalid(&format!("`file`: {error}"))),
        },
    }
}

fn invalid(message: &str) -> NodeError {
    NodeError::new("invalid_field", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::{error, only_call};
    use crate::{Document as Written, Workflow};

    fn yaml(fields: &Value) -> String {
        let mut node = json!({ "id": "d", "type": "document" });
        node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "nodes": [node] }).to_string()
    }

    fn asked(fields: Value, input: Value) -> Value {
        serde_json::to_value(&only_call(&yaml(&fields), input).action).unwrap()
    }

    #[test]
    fn a_document_is_one_call() {
        let file = json!({
            "$file": format!("file_{}", "a".repeat(32)), "name": "a.pdf", "type": "application/pdf",
            "size": 3, "sha256": "b".repeat(64)
        });
        let action = asked(json!({"file": "<api.input.f>"}), json!({ "f": file }));
        assert_eq!(action["kind"], "read");
        assert_eq!(action["source"], json!({ "file": file["$file"] }));
        assert_eq!(action["reading"], json!({"file": "text"}));
        let source = |file: &str| {
            asked(json!({"file": "<api.input.f>"}), json!({ "f": file }))["source"].clone()
        };
        let data = "data:text/plain;base64,YQ==";
        assert_eq!(source(data), json!({ "base64": data }));
        let url = "https://example.com/a.pdf";
        assert_eq!(source(url)["http"]["url"], url);
        let rows = json!({"text": "a,b", "as": "rows", "header": false, "sheet": "<api.input.s>"});
        let reading = |sheet: Value| asked(rows.clone(), json!({ "s": sheet }))["reading"].clone();
        assert_eq!(reading(json!("S")), json!({"file": {"rows": {"header": false, "sheet": "S"}}}));
        assert_eq!(reading(json!(null)), json!({"file": {"rows": {"header": false}}}));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for wrong in [json!(null), json!("x"), json!({"$file": "x"}), json!([1])] {
            let failed = error(&yaml(&json!({"file": "<api.input.f>"})), json!({ "f": wrong }));
            assert_eq!(failed.code, "invalid_field");
        }
    }

    #[test]
    fn fields_are_checked() {
        let problems = |fields: Value| {
            let (_, problems) = Workflow::compile(&Written::parse(&yaml(&fields)).unwrap());
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        let one = "one of `file`, `base64` and `text` is needed";
        assert_eq!(problems(json!({})), [one]);
        assert_eq!(problems(json!({"text": "a", "base64": "b"})).len(), 1);
        let header = "`header` has no effect without `as: rows`";
        assert_eq!(problems(json!({"text": "a", "header": true})), [header]);
        assert_eq!(problems(json!({"text": "a", "as": "xml", "sheet": 1})).len(), 2);
    }
}
