//! Rich text of Jira and Notion, made of a little Markdown: headings, lists, code, quotes,
//! paragraphs, and in them bold, italic, code and links.

use serde_json::{Value, json};

/// Notion's limit of one piece of text, in characters.
const MAX_NOTION_TEXT: usize = 2_000;
/// Notion's limit of one block, in pieces.
const MAX_NOTION_PIECES: usize = 100;

enum Block<'t> {
    Heading(usize, &'t str),
    Bullet(&'t str),
    Numbered(&'t str),
    Quote(&'t str),
    Code(&'t str, String),
    Rule,
    Paragraph(String),
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut paragraph = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some(language) = trimmed.strip_prefix("```") {
            end(&mut paragraph, &mut blocks);
            let code: Vec<&str> = lines.by_ref().take_while(|it| it.trim() != "```").collect();
            blocks.push(Block::Code(language.trim(), code.join("\n")));
            continue;
        }
        match block_of(trimmed) {
            Some(block) => {
                end(&mut paragraph, &mut blocks);
                blocks.push(block);
            }
            None if trimmed.is_empty() => end(&mut paragraph, &mut blocks),
            None => {
                if !paragraph.is_empty() {
                    paragraph.push('\n');
                }
                paragraph.push_str(trimmed);
            }
        }
    }
    end(&mut paragraph, &mut blocks);
    blocks
}

fn end(paragraph: &mut String, blocks: &mut Vec<Block<'_>>) {
    if !paragraph.is_empty() {
        blocks.push(Block::Paragraph(std::mem::take(paragraph)));
    }
}

fn block_of(line: &str) -> Option<Block<'_>> {
    if matches!(line, "---" | "***" | "___") {
        return Some(Block::Rule);
    }
    let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&hashes)
        && let Some(heading) = line[hashes..].strip_prefix(' ')
    {
        return Some(Block::Heading(hashes, heading.trim()));
    }
    if let Some(item) = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some(Block::Bullet(item.trim()));
    }
    if let Some(quote) = line.strip_prefix('>') {
        return Some(Block::Quote(quote.trim()));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let item = line[digits..].strip_prefix(". ").filter(|_| (1..=9).contains(&digits));
    item.map(|item| Block::Numbered(item.trim()))
}

#[derive(Clone, Copy, PartialEq)]
enum Style<'t> {
    Plain,
    Bold,
    Italic,
    Code,
    Link(&'t str),
}

/// Pieces of a line, each with its style. A mark without its end is text.
fn spans(text: &str) -> Vec<(&str, Style<'_>)> {
    let mut spans = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while at < text.len() {
        let Some((inner, style, length)) = styled(&text[at..]) else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if plain < at {
            spans.push((&text[plain..at], Style::Plain));
        }
        spans.push((inner, style));
        at += length;
        plain = at;
    }
    if plain < text.len() {
        spans.push((&text[plain..], Style::Plain));
    }
    spans
}

/// Marks are looked for this far, so that a text of marks costs little.
const MAX_SPAN: usize = 1_000;

fn styled(text: &str) -> Option<(&str, Style<'_>, usize)> {
    let text = &text[..text.floor_char_boundary(MAX_SPAN)];
    for (mark, style) in [("**", Style::Bold), ("`", Style::Code), ("*", Style::Italic)] {
        if let Some(rest) = text.strip_prefix(mark) {
            let end = rest.find(mark).filter(|end| *end > 0 && !rest.starts_with(' '))?;
            return Some((&rest[..end], style, end + 2 * mark.len()));
        }
    }
    let rest = text.strip_prefix('[')?;
    let (name, after) = rest.split_once("](")?;
    let (url, _) = after.split_once(')')?;
    let is_link = !name.is_empty() && !name.contains('[') && url.starts_with("http");
    is_link.then(|| (name, Style::Link(url), name.len() + url.len() + 4))
}

/// Atlassian's document format.
pub(super) fn adf(text: &str) -> Value {
    let mut content: Vec<Value> = Vec::new();
    for block in blocks(text) {
        let (list, item) = match block {
            Block::Bullet(item) => ("bulletList", item),
            Block::Numbered(item) => ("orderedList", item),
            other => {
                content.push(adf_block(&other));
                continue;
            }
        };
        let item = json!({ "type": "listItem", "content": [
            { "type": "paragraph", "content": adf_text(item) }
        ] });
        match content.last_mut().filter(|last| last["type"] == list) {
            Some(last) => {
                if let Some(items) = last["content"].as_array_mut() {
                    items.push(item);
                }
            }
            None => content.push(json!({ "type": list, "content": [item] })),
        }
    }
    json!({ "type": "doc", "version": 1, "content": content })
}

fn adf_block(block: &Block<'_>) -> Value {
    match block {
        Block::Heading(level, text) => json!({
            "type": "heading", "attrs": { "level": level }, "content": adf_text(text)
        }),
        Block::Quote(text) => json!({ "type": "blockquote", "content": [
            { "type": "paragraph", "content": adf_text(text) }
        ] }),
        Block::Code(language, code) => {
            let content =
                if code.is_empty() { json!([]) } else { json!([{ "type": "text", "text": code }]) };
            let mut block = json!({ "type": "codeBlock", "content": content });
            if !language.is_empty() {
                block["attrs"] = json!({ "language": language });
            }
            block
        }
        Block::Rule => json!({ "type": "rule" }),
        Block::Paragraph(text) => json!({ "type": "paragraph", "content": adf_text(text) }),
        Block::Bullet(text) | Block::Numbered(text) => {
            json!({ "type": "paragraph", "content": adf_text(text) })
        }
    }
}

fn adf_text(text: &str) -> Value {
    let mut pieces = Vec::new();
    for (piece, style) in spans(text) {
        for (at, line) in piece.split('\n').enumerate() {
            if at > 0 {
                pieces.push(json!({ "type": "hardBreak" }));
            }
            if line.is_empty() {
                continue;
            }
            let mark = match style {
                Style::Plain => None,
                Style::Bold => Some(json!({ "type": "strong" })),
                Style::Italic => Some(json!({ "type": "em" })),
                Style::Code => Some(json!({ "type": "code" })),
                Style::Link(url) => Some(json!({ "type": "link", "attrs": { "href": url } })),
            };
            let mut node = json!({ "type": "text", "text": line });
            if let Some(mark) = mark {
                node["marks"] = json!([mark]);
            }
            pieces.push(node);
        }
    }
    Value::Array(pieces)
}

/// Notion's blocks. One request takes 100 of them.
pub(super) fn notion_blocks(text: &str) -> Value {
    let mut made = Vec::new();
    for block in blocks(text) {
        let (kind, text, more) = match &block {
            Block::Heading(level, text) => {
                (["heading_1", "heading_2", "heading_3"][(*level).min(3) - 1], *text, json!({}))
            }
            Block::Bullet(text) => ("bulleted_list_item", *text, json!({})),
            Block::Numbered(text) => ("numbered_list_item", *text, json!({})),
            Block::Quote(text) => ("quote", *text, json!({})),
            Block::Code(language, code) => {
                ("code", code.as_str(), json!({ "language": notion_language(language) }))
            }
            Block::Rule => {
                made.push(json!({ "object": "block", "type": "divider", "divider": {} }));
                continue;
            }
            Block::Paragraph(text) => ("paragraph", text.as_str(), json!({})),
        };
        let pieces = notion_text(text, kind == "code");
        // A block without text is one, too.
        for at in (0..pieces.len().max(1)).step_by(MAX_NOTION_PIECES) {
            let mut inner = more.clone();
            inner["rich_text"] = pieces[at..pieces.len().min(at + MAX_NOTION_PIECES)].into();
            made.push(json!({ "object": "block", "type": kind, kind: inner }));
        }
    }
    Value::Array(made)
}

/// Notion refuses a language that it does not know.
fn notion_language(written: &str) -> &str {
    const SHORT: [(&str, &str); 10] = [
        ("js", "javascript"),
        ("ts", "typescript"),
        ("py", "python"),
        ("rb", "ruby"),
        ("rs", "rust"),
        ("sh", "shell"),
        ("yml", "yaml"),
        ("md", "markdown"),
        ("cs", "c#"),
        ("dockerfile", "docker"),
    ];
    const KNOWN: [&str; 37] = [
        "bash",
        "c",
        "c#",
        "c++",
        "clojure",
        "css",
        "dart",
        "diff",
        "docker",
        "elixir",
        "go",
        "graphql",
        "haskell",
        "html",
        "java",
        "javascript",
        "json",
        "kotlin",
        "latex",
        "lua",
        "makefile",
        "markdown",
        "mermaid",
        "perl",
        "php",
        "powershell",
        "python",
        "r",
        "ruby",
        "rust",
        "scala",
        "shell",
        "sql",
        "swift",
        "typescript",
        "xml",
        "yaml",
    ];
    let long = SHORT.iter().find(|(short, _)| *short == written).map(|(_, long)| *long);
    long.or_else(|| KNOWN.into_iter().find(|known| *known == written)).unwrap_or("plain text")
}

fn notion_text(text: &str, is_plain: bool) -> Vec<Value> {
    let spans = if is_plain { vec![(text, Style::Plain)] } else { spans(text) };
    let mut pieces = Vec::new();
    for (piece, style) in spans {
        let characters: Vec<char> = piece.chars().collect();
        for part in characters.chunks(MAX_NOTION_TEXT) {
            let mut content = json!({ "content": part.iter().collect::<String>() });
            if let Style::Link(url) = style {
                content["link"] = json!({ "url": url });
            }
            let mut node = json!({ "type": "text", "text": content });
            let mark = match style {
                Style::Bold => Some("bold"),
                Style::Italic => Some("italic"),
                Style::Code => Some("code"),
                Style::Plain | Style::Link(_) => None,
            };
            if let Some(mark) = mark {
                node["annotations"] = json!({ mark: true });
            }
            pieces.push(node);
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
