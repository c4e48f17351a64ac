//! Documents: what they say, as text, Markdown, pages, rows, or what CSS selectors find. Found by
//! their content, whatever their name or sender says.

mod css;
mod docx;
mod html;
mod pdf;
mod select;
mod sniff;
mod table;
mod text;
mod tree;
mod workbook;

use flowgate_child_protocol::{Document, Layout, MAX_MESSAGE_CHARS, Reading, Reply};
use serde_json::{Value, json};

use super::memory;
use sniff::Format;

const MEMORY_BYTES: usize = 192 * 1024 * 1024;

/// Reads one document.
pub(crate) fn read(asked: &Document, bytes: &[u8]) -> Reply {
    memory::limit(Some(MEMORY_BYTES));
    let declared = asked.declared.as_deref();
    let result = match &asked.reading {
        Reading::File(layout) => file(asked, layout, bytes),
        Reading::Page { markdown } => page(asked, *markdown, bytes),
        Reading::Html { markdown } => html::read(&text::of_html(bytes, declared), *markdown, None)
            .map(|page| json!({ "text": page.text })),
        Reading::Select(selectors) => select::all(&text::of_html(bytes, declared), selectors)
            .map(|data| json!({ "data": data })),
    };
    match result.map(|value| value.to_string()) {
        Ok(result) if result.len() > asked.max_result_bytes => Reply::TooLarge,
        Ok(result) => Reply::Done { result, stdout: String::new() },
        Err(Unreadable { code, message }) => Reply::Unreadable {
            code: code.to_owned(),
            message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
        },
    }
}

/// Why a document cannot be read.
#[derive(Debug, PartialEq, Eq)]
struct Unreadable {
    code: &'static str,
    message: String,
}

impl Unreadable {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// It is not what it says that it is.
    fn damaged(what: &str, error: impl std::fmt::Display) -> Self {
        Self::new("document_damaged", format!("the {what} is damaged: {error}"))
    }

    fn unsupported(message: impl Into<String>) -> Self {
        Self::new("document_unsupported", message)
    }

    fn too_large(message: impl Into<String>) -> Self {
        Self::new("document_too_large", message)
    }

    fn protected(what: &str) -> Self {
        let message = format!("the {what} is protected by a password, and cannot be read");
        Self::new("document_protected", message)
    }
}

type Read<T> = Result<T, Unreadable>;

/// What a document says: of a table its rows, of all others their pages.
struct Content {
    title: Option<String>,
    body: Body,
}

enum Body {
    /// Each page as Markdown or plain text. Most formats have a single one.
    Pages(Vec<String>),
    Sheets(Vec<table::Sheet>),
}

fn file(asked: &Document, layout: &Layout, bytes: &[u8]) -> Read<Value> {
    let format = match sniff::format(bytes, asked.declared.as_deref())? {
        Format::Text if matches!(layout, Layout::Rows { .. }) => Format::Csv,
        format => format,
    };
    let markdown = matches!(layout, Layout::Markdown);
    let declared = asked.declared.as_deref();
    let content = match format {
        Format::Pdf => pdf::read(bytes)?,
        Format::Docx => docx::read(bytes, markdown)?,
        Format::Xlsx => workbook::read(bytes, &wanted_sheet(layout))?,
        Format::Html => {
            let page = html::read(&text::of_html(bytes, declared), markdown, asked.url.as_deref())?;
            Content { title: page.title, body: Body::Pages(vec![page.text]) }
        }
        Format::Csv if !matches!(layout, Layout::Text | Layout::Pages) => {
            let sheet = table::of_csv(&text::of(bytes, declared)?)?;
            Content { title: None, body: Body::Sheets(vec![sheet]) }
        }
        Format::Csv | Format::Text | Format::Json | Format::Xml => {
            Content { title: None, body: Body::Pages(vec![text::of(bytes, declared)?]) }
        }
    };
    laid_out(content, format, layout)
}

/// Other sheets are not read.
fn wanted_sheet(layout: &Layout) -> workbook::Wanted<'_> {
    match layout {
        Layout::Rows { sheet: Some(name), .. } => workbook::Wanted::Named(name),
        Layout::Rows { sheet: None, .. } => workbook::Wanted::First,
        _ => workbook::Wanted::All,
    }
}

fn laid_out(content: Content, format: Format, layout: &Layout) -> Read<Value> {
    let mut value = json!({
        "type": format.name(), "title": content.title, "text": null, "pages": null, "rows": null
    });
    match (layout, content.body) {
        (Layout::Rows { header, .. }, Body::Sheets(sheets)) => {
            let first = sheets.into_iter().next();
            value["rows"] = first.map_or_else(|| json!([]), |sheet| sheet.into_rows(*header));
        }
        (Layout::Rows { .. }, Body::Pages(_)) => {
            let message = format!("{} has no rows; read it as `text`", format.shown());
            return Err(Unreadable::unsupported(message));
        }
        (_, body) => {
            let markdown = matches!(layout, Layout::Markdown);
            let pages = match body {
                Body::Pages(pages) => pages,
                Body::Sheets(sheets) => table::texts(sheets, markdown),
            };
            if pages.iter().all(|page| page.trim().is_empty()) {
                let message = format!("{} holds no text", format.shown());
                return Err(Unreadable::new("document_empty", message));
            }
            match layout {
                Layout::Pages => value["pages"] = pages.into(),
                _ => value["text"] = pages.join("\n\n").into(),
            }
        }
    }
    Ok(value)
}

fn page(asked: &Document, markdown: bool, bytes: &[u8]) -> Read<Value> {
    let layout = if markdown { Layout::Markdown } else { Layout::Text };
    let declared = asked.declared.as_deref();
    if bytes.is_empty() {
        return Ok(json!({ "type": "text", "title": null, "text": "", "links": [] }));
    }
    match sniff::format(bytes, declared)? {
        Format::Html => {
            let text = text::of_html(bytes, declared);
            let page = html::read(&text, markdown, asked.url.as_deref())?;
            let (title, text, links) = (page.title, page.text, page.links);
            Ok(json!({ "type": "html", "title": title, "text": text, "links": links }))
        }
        _ => {
            let mut value = file(asked, &layout, bytes)?;
            Ok(json!({
                "type": value["type"].take(), "title": value["title"].take(),
                "text": value["text"].take(), "links": []
            }))
        }
    }
}
