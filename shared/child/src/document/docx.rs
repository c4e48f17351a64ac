//! DOCX: its paragraphs, headings, lists and tables, in their order.

use std::io::{Cursor, Read as _};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::{Body, Content, Read, Unreadable};

const MAX_XML_BYTES: u64 = 32 * 1024 * 1024;
const MAX_TITLE_BYTES: u64 = 64 * 1024;
const MAX_DEPTH: usize = 256;

pub(super) fn read(bytes: &[u8], markdown: bool) -> Read<Content> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let title = part(&mut archive, "docProps/core.xml", MAX_TITLE_BYTES).ok();
    let document = part(&mut archive, "word/document.xml", MAX_XML_BYTES)?;
    let text = Writer { markdown, ..Writer::default() }.read(&document)?;
    let title = title.and_then(|core| title_in(&core));
    Ok(Content { title, body: Body::Pages(vec![text]) })
}

/// Unpacks a part, up to a limit: its size in the archive may lie.
fn part(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: u64) -> Read<String> {
    let file = archive.by_name(name).map_err(|error| match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            Unreadable::protected("DOCX document")
        }
        other => damaged(other),
    })?;
    let mut xml = Vec::new();
    file.take(limit + 1).read_to_end(&mut xml).map_err(damaged)?;
    if xml.len() as u64 > limit {
        return Err(Unreadable::too_large(format!("the document's text is over {limit} bytes")));
    }
    Ok(super::text::of_html(&xml, None))
}

fn damaged(error: impl std::fmt::Display) -> Unreadable {
    Unreadable::damaged("DOCX document", error)
}

fn title_in(core: &str) -> Option<String> {
    let mut reader = Reader::from_str(core);
    let (mut inside, mut title) = (false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => inside = tag.local_name().as_ref() == "title",
            Event::End(_) if inside => break,
            Event::Text(text) if inside => title.push_str(&text.xml10_content()),
            Event::GeneralRef(name) if inside => title.push_str(&entity(&name).ok()?),
            Event::Eof => break,
            _ => {}
        }
    }
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

/// An entity of XML itself, or a character. Others could only come from a DOCTYPE.
fn entity(name: &quick_xml::events::BytesRef<'_>) -> Read<String> {
    if let Some(character) = name.resolve_char_ref().map_err(damaged)? {
        return Ok(character.to_string());
    }
    let name = name.xml10_content();
    let known = quick_xml::escape::resolve_predefined_entity(&name);
    known.map(str::to_owned).ok_or_else(|| damaged(format!("it has the entity `{name}`")))
}

#[derive(Default)]
struct Writer {
    markdown: bool,
    text: String,
    paragraph: String,
    /// `# ` of a heading, `- ` of a list's item.
    mark: &'static str,
    in_text: bool,
    depth: usize,
    /// The depth of the element whose content is left out.
    left_out: Option<usize>,
    /// The open tables, the innermost last.
    tables: Vec<Table>,
}

#[derive(Default)]
struct Table {
    rows: usize,
    cells: Vec<String>,
    /// The paragraphs of the open cell.
    cell: Vec<String>,
}

impl Writer {
    fn read(mut self, xml: &str) -> Read<String> {
        let mut reader = Reader::from_str(xml);
        loop {
            match reader.read_event().map_err(damaged)? {
                Event::Start(tag) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(damaged("it is nested too deeply"));
                    }
                    self.start(&tag);
                }
                Event::Empty(tag) => {
                    self.depth += 1;
                    self.start(&tag);
                    self.end(tag.local_name().as_ref());
                }
                Event::End(tag) => self.end(tag.local_name().as_ref()),
                Event::Text(text) if self.reads() => {
                    self.paragraph.push_str(&text.xml10_content());
                }
                Event::CData(text) if self.reads() => {
                    self.paragraph.push_str(&text.xml10_content());
                }
                Event::GeneralRef(name) => {
                    let text = entity(&name)?;
                    self.paragraph.push_str(if self.reads() { &text } else { "" });
                }
                Event::DocType(_) => return Err(damaged("it has a DOCTYPE")),
                Event::Eof if self.depth > 0 => return Err(damaged("it is cut off")),
                Event::Eof => return Ok(self.text.trim().to_owned()),
                _ => {}
            }
        }
    }

    fn reads(&self) -> bool {
        self.in_text && self.left_out.is_none()
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        if self.left_out.is_some() {
            return;
        }
        match tag.local_name().as_ref() {
            // It repeats what stands before it, for older programs.
            "Fallback" => self.left_out = Some(self.depth),
            "p" => self.paragraph.clear(),
            "t" => self.in_text = true,
            "tab" => self.paragraph.push('\t'),
            "br" | "cr" => self.paragraph.push('\n'),
            "noBreakHyphen" => self.paragraph.push('-'),
            "pStyle" => self.mark = heading(tag).unwrap_or(self.mark),
            "numPr" if self.mark.is_empty() => self.mark = "- ",
            "tbl" => self.tables.push(Table::default()),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        let depth = self.depth;
        self.depth = self.depth.saturating_sub(1);
        if let Some(left_out) = self.left_out {
            if left_out == depth {
                self.left_out = None;
            }
            return;
        }
        match (name, self.tables.last_mut()) {
            ("t", _) => self.in_text = false,
            ("p", _) => self.end_paragraph(),
            ("tc", Some(table)) => {
                let cell = std::mem::take(&mut table.cell).join(" ");
                table.cells.push(cell);
            }
            ("tr", Some(table)) => {
                let cells = std::mem::take(&mut table.cells);
                table.rows += 1;
                let is_first = table.rows == 1;
                let row = super::table::row(&cells, self.markdown, is_first);
                if is_first && self.tables.len() == 1 && !self.text.ends_with("\n\n") {
                    self.text.push('\n');
                }
                self.push(&row, "\n");
            }
            ("tbl", Some(_)) => {
                self.tables.pop();
                if self.tables.is_empty() {
                    self.text.push('\n');
                }
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        let mark = std::mem::take(&mut self.mark);
        let paragraph = paragraph.trim();
        if paragraph.is_empty() {
            return;
        }
        match self.tables.last_mut() {
            Some(table) => table.cell.push(paragraph.replace('\n', " ")),
            None => {
                let mark = if self.markdown || mark == "- " { mark } else { "" };
                let paragraph = format!("{mark}{paragraph}");
                let end = if mark == "- " { "\n" } else { "\n\n" };
                self.push(&paragraph, end);
            }
        }
    }

    /// A table inside a cell becomes text of the cell.
    fn push(&mut self, text: &str, end: &str) {
        let outer = self.tables.len().checked_sub(2).and_then(|at| self.tables.get_mut(at));
        match outer {
            Some(outer) => outer.cell.push(text.replace(['\n', '\t', '|'], " ")),
            None => {
                if end == "\n\n" && !self.text.is_empty() && !self.text.ends_with("\n\n") {
                    self.text.push('\n');
                }
                self.text.push_str(text);
                self.text.push_str(end);
            }
        }
    }
}

fn heading(style: &BytesStart<'_>) -> Option<&'static str> {
    let name = style.attributes().flatten().find(|one| one.key.local_name().as_ref() == "val")?;
    let name = name.value.to_ascii_lowercase();
    let level = match name.strip_prefix("heading") {
        Some(level) => level.trim().parse::<usize>().ok()?,
        None if name == "title" => 1,
        None if name.starts_with("list") => return Some("- "),
        None => return None,
    };
    let marks = ["# ", "## ", "### ", "#### ", "##### ", "###### "];
    marks.get(level.checked_sub(1)?).copied()
}
