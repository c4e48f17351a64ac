//! A document that the child reads.

use serde::{Deserialize, Serialize};

/// The frame that follows the request.
pub const MAX_DOCUMENT_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub reading: Reading,
    /// What its sender says of it: a content type, for the charset, and to compare.
    pub declared: Option<String>,
    /// Where it came from: relative links of a page begin there.
    pub url: Option<String>,
    pub timeout_ms: u64,
    pub max_result_bytes: usize,
}

/// What of a document becomes the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// `{type, title, text, pages, rows, sheets}`: those that the layout does not have are null.
    File(Layout),
    /// `{type, title, text, links}` of a page of the web.
    Page { markdown: bool },
    /// `{text}`.
    Html { markdown: bool },
    /// `{data}`.
    Select(Vec<Selector>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    Text,
    Markdown,
    Pages,
    Rows {
        /// The first row names the fields of the others.
        header: bool,
        /// Of a workbook. `None`: the first one.
        sheet: Option<String>,
    },
}

/// What of a page becomes the field `name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    pub name: String,
    /// CSS.
    pub selector: String,
    /// Of the element. `None`: its text.
    pub attribute: Option<String>,
    /// The HTML inside the element, not its text.
    pub html: bool,
    /// A list of all matches, not the first one.
    pub all: bool,
}
