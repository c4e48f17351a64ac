//! A document to be read, as plain data.

use serde::Serialize;

use super::HttpCall;
use crate::file::FileId;

/// Output: what the reading leaves; of an answer to a request also `url` and `status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadCall {
    pub source: Source,
    pub reading: Reading,
}

/// Where the document is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The answer to a request.
    Http(Box<HttpCall>),
    Text(String),
    /// Also as a `data:` URL.
    Base64(String),
    File(FileId),
}

/// What of the document is the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// `{type, title, text, pages, rows}`.
    File(Layout),
    /// `{type, title, text, links}`, as people see a page.
    Page { markdown: bool },
    /// `{text}`.
    Html { markdown: bool },
    /// `{data}`.
    Select(Vec<Selector>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    Text,
    Markdown,
    Pages,
    Rows {
        /// The first row names the fields of the others.
        header: bool,
        /// `None`: the first one.
        #[serde(skip_serializing_if = "Option::is_none")]
        sheet: Option<String>,
    },
}

/// What becomes the field `name` of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selector {
    pub name: String,
    /// CSS.
    pub selector: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub html: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}
