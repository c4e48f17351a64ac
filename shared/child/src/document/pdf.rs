//! PDF, as Markdown: without its marks the lines of tables and lists would run together.

use pdf_inspector::PdfError;

use super::{Body, Content, Read, Unreadable};

pub(super) fn read(bytes: &[u8]) -> Read<Content> {
    let explain = |error| explain(error, bytes);
    let pages = pdf_inspector::extract_pages_markdown_mem(bytes, None).map_err(explain)?;
    let title = pdf_inspector::detect_pdf_mem(bytes).ok().and_then(|found| found.title);
    let title = title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    let texts: Vec<String> =
        pages.pages.iter().map(|page| page.markdown.trim().to_owned()).collect();
    if texts.iter().all(String::is_empty) {
        let message = "the PDF holds no text: its pages are empty, or pictures such as scans";
        return Err(Unreadable::new("document_empty", message));
    }
    Ok(Content { title, body: Body::Pages(texts) })
}

fn explain(error: PdfError, bytes: &[u8]) -> Unreadable {
    // What is encrypted in an unusual way has no pages that can be read.
    let is_encrypted = || memchr::memmem::find(bytes, b"/Encrypt").is_some();
    match error {
        PdfError::Encrypted => Unreadable::protected("PDF"),
        PdfError::Parse(_) if is_encrypted() => Unreadable::protected("PDF"),
        other => Unreadable::damaged("PDF", other),
    }
}
