//! PDF, as text or Markdown.

use pdf_inspector::{MarkdownOptions, PdfError, PdfOptions};

use super::{Body, Content, Read, Unreadable};

pub(super) fn read(bytes: &[u8], markdown: bool) -> Read<Content> {
    let pages = pdf_inspector::extract_pages_markdown_mem(bytes, None).map_err(explain)?;
    let title = pdf_inspector::detect_pdf_mem(bytes).ok().and_then(|found| found.title);
    let title = title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    let texts: Vec<String> =
        pages.pages.iter().map(|page| page.markdown.trim().to_owned()).collect();
    if texts.iter().all(String::is_empty) {
        let message = match pages.pages_needing_ocr.is_empty() {
            true => "the PDF holds no text",
            false => "the PDF holds no text: its pages are pictures, such as scans",
        };
        return Err(Unreadable::new("document_empty", message));
    }
    let texts = match markdown {
        true => texts,
        false => plain(bytes, texts.len())?.unwrap_or(texts),
    };
    Ok(Content { title, body: Body::Pages(texts) })
}

/// Returns the pages without marks of Markdown; `None` if they cannot be told apart.
fn plain(bytes: &[u8], count: usize) -> Read<Option<Vec<String>>> {
    let options = PdfOptions::new().markdown(MarkdownOptions {
        detect_headers: false,
        detect_lists: false,
        detect_code: false,
        detect_bold: false,
        detect_italic: false,
        detect_underline: false,
        format_urls: false,
        include_images: false,
        include_links: false,
        include_page_numbers: true,
        ..MarkdownOptions::default()
    });
    let read = pdf_inspector::process_pdf_mem_with_options(bytes, options).map_err(explain)?;
    let Some(text) = read.markdown else { return Ok(None) };
    Ok(split(&text, count))
}

/// Splits at the marks `<!-- Page 2 -->` that stand alone on a line.
fn split(text: &str, count: usize) -> Option<Vec<String>> {
    let mut pages = vec![String::new(); count];
    let mut at = 0;
    for line in text.lines() {
        let mark = line.trim().strip_prefix("<!-- Page ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(page) = mark.and_then(|number| number.parse::<usize>().ok())
            && page > at
        {
            at = page;
            continue;
        }
        let page = pages.get_mut(at.saturating_sub(1))?;
        page.push_str(line);
        page.push('\n');
    }
    Some(pages.into_iter().map(|page| page.trim().to_owned()).collect())
}

fn explain(error: PdfError) -> Unreadable {
    match error {
        PdfError::Encrypted => Unreadable::protected("PDF"),
        other => Unreadable::damaged("PDF", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_split_at_their_marks() {
        let text = "<!-- Page 1 -->\none\n\n<!-- Page 3 -->\n\nthree\n<!-- Page 2 -->";
        let expected = ["one", "", "three\n<!-- Page 2 -->"];
        assert_eq!(split(text, 3).unwrap(), expected);
        assert_eq!(split("alone", 1).unwrap(), ["alone"]);
        assert_eq!(split("<!-- Page 9 -->\nx", 2), None);
    }
}
