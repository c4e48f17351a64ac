//! What a document is, by its first bytes.

use std::io::Cursor;

use zip::ZipArchive;

use super::{Read, Unreadable};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Pdf,
    Docx,
    Xlsx,
    Html,
    Csv,
    Json,
    Xml,
    Text,
}

/// How far text is searched for what it is.
const START: usize = 2_048;
/// A PDF may begin with what a printer or a mail program put before it.
const MAX_BEFORE_PDF: usize = 1_024;
const MAX_ZIP_ENTRIES: usize = 10_000;

/// Formats that are known, but not read.
const OTHERS: [(&[u8], &str); 16] = [
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a WebP image, or sound"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"{\\rtf", "RTF"),
    (b"ID3", "sound"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
];

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Text => "text",
        }
    }

    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Pdf => "the PDF",
            Self::Docx => "the DOCX document",
            Self::Xlsx => "the workbook",
            Self::Html => "the HTML",
            Self::Csv => "the table",
            Self::Json => "the JSON",
            Self::Xml => "the XML",
            Self::Text => "the text",
        }
    }
}

/// `declared`, a content type, decides only between kinds of text.
pub(super) fn format(bytes: &[u8], declared: Option<&str>) -> Read<Format> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::new("document_empty", "the document is empty"));
    }
    let start = &bytes[..bytes.len().min(MAX_BEFORE_PDF)];
    if memchr::memmem::find(start, b"%PDF-").is_some() {
        return Ok(Format::Pdf);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return in_zip(bytes);
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Err(in_compound_file(bytes));
    }
    let is_other = |(magic, _): &&(&[u8], &str)| {
        bytes.starts_with(magic) && (magic.len() > 2 || bytes.contains(&0))
    };
    let lies = |name: &str| {
        let type_of = declared.filter(|declared| declared.contains('/'));
        let says = type_of.map(|declared| format!(", whatever its type ({declared}) says"));
        Unreadable::unsupported(format!("the document is {name}{}", says.unwrap_or_default()))
    };
    if let Some((_, name)) = OTHERS.iter().find(is_other) {
        return Err(lies(name));
    }
    if !super::text::is_text(bytes) {
        return Err(lies("of an unknown binary format"));
    }
    Ok(of_text(bytes, declared.unwrap_or_default()))
}

fn of_text(bytes: &[u8], declared: &str) -> Format {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(START)]).to_ascii_lowercase();
    let start = start.replace('\0', "");
    let start = start.trim_start_matches(['\u{feff}', '\u{fffd}']).trim_start();
    let says = |name: &str| declared.to_ascii_lowercase().contains(name);
    let begins = |names: &[&str]| names.iter().any(|name| start.starts_with(name));
    if begins(&["<!doctype html", "<html", "<head", "<body"]) || start.contains("<html") {
        return Format::Html;
    }
    if begins(&["<?xml", "<rss", "<feed", "<svg", "<!doctype"]) {
        return Format::Xml;
    }
    if begins(&["{", "["]) && !says("csv") {
        return Format::Json;
    }
    match () {
        () if says("html") => Format::Html,
        () if begins(&["<"]) && start.contains("</") && !says("text/plain") => Format::Html,
        () if says("csv") || says("tab-separated") => Format::Csv,
        () => Format::Text,
    }
}

fn in_zip(bytes: &[u8]) -> Read<Format> {
    let archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| Unreadable::damaged("ZIP archive", error))?;
    if archive.len() > MAX_ZIP_ENTRIES {
        return Err(Unreadable::too_large("the document has too many parts"));
    }
    let has = |name: &str| archive.index_for_name(name).is_some();
    let any = |start: &str| archive.file_names().flatten().any(|name| name.starts_with(start));
    let unsupported = |name: &str| Err(Unreadable::unsupported(format!("the document is {name}")));
    match () {
        () if has("word/document.xml") => Ok(Format::Docx),
        () if has("xl/workbook.xml") => Ok(Format::Xlsx),
        () if has("xl/workbook.bin") => unsupported("a binary workbook (XLSB); save it as XLSX"),
        () if any("word/") => Err(Unreadable::damaged("DOCX document", "its text is missing")),
        () if any("xl/") => Err(Unreadable::damaged("workbook", "its list of sheets is missing")),
        () if any("ppt/") => unsupported("a presentation (PPTX); export it as PDF"),
        () if has("META-INF/container.xml") => unsupported("an EPUB book"),
        () if has("content.xml") => unsupported("of OpenDocument; save it as DOCX, XLSX or PDF"),
        () => unsupported("a ZIP archive"),
    }
}

/// Office of before 2007, and the envelope of protected documents since.
fn in_compound_file(bytes: &[u8]) -> Unreadable {
    let wide = |name: &str| -> Vec<u8> { name.bytes().flat_map(|byte| [byte, 0]).collect() };
    let has = |name: &str| memchr::memmem::find(bytes, &wide(name)).is_some();
    match () {
        () if has("EncryptedPackage") => Unreadable::protected("document"),
        () if has("WordDocument") => {
            Unreadable::unsupported("the document is an old DOC; save it as DOCX")
        }
        () if has("Workbook") || has("Book") => {
            Unreadable::unsupported("the document is an old XLS; save it as XLSX")
        }
        () => Unreadable::unsupported("the document is an old file of Office"),
    }
}
