//! HTML: its title, text and links.

use std::collections::HashSet;

use html5gum::{Token, Tokenizer};
use htmd::HtmlToMarkdown;
use htmd::options::{BulletListMarker, Options};
use scraper::{Html, Node, Selector};
use serde_json::{Value, json};
use url::Url;

use super::{Read, Unreadable};

const MAX_DEPTH: usize = 512;
const MAX_ATTRIBUTES: usize = 1_000;
const MAX_LINKS: usize = 1_000;
/// What is not read, but run or drawn.
const SKIPPED: [&str; 9] =
    ["head", "script", "style", "noscript", "template", "svg", "iframe", "object", "canvas"];
const VOID: [&[u8]; 13] = [
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"source",
    b"track", b"wbr",
];
/// Their ends are often left out; what they may hold is counted anyway.
const ENDLESS: [&[u8]; 15] = [
    b"p", b"li", b"dt", b"dd", b"option", b"optgroup", b"tr", b"td", b"th", b"thead", b"tbody",
    b"tfoot", b"colgroup", b"rp", b"rt",
];
const BLOCKS: [&str; 34] = [
    "address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tr",
    "ul",
];

#[derive(Debug)]
pub(super) struct Page {
    pub(super) title: Option<String>,
    pub(super) text: String,
    /// `{url, text}` of each address once.
    pub(super) links: Vec<Value>,
}

/// `url` is where the page came from, whose relative links are made whole. Its menus are left out.
pub(super) fn read(html: &str, markdown: bool, url: Option<&str>) -> Read<Page> {
    let tree = parse(html)?;
    let is_skipped = |name: &str| SKIPPED.contains(&name) || (url.is_some() && name == "nav");
    let text = match markdown {
        true => to_markdown(html, url.is_some())?,
        false => to_text(&tree, is_skipped),
    };
    let links = url.and_then(|url| Url::parse(url).ok()).map(|url| links(&tree, &url));
    Ok(Page { title: title(&tree), text, links: links.unwrap_or_default() })
}

/// Parses HTML that is not too deep: others take minutes, or more stack than there is.
pub(super) fn parse(html: &str) -> Read<Html> {
    check_tokens(html)?;
    let tree = Html::parse_document(html);
    check_depth(&tree)?;
    Ok(tree)
}

/// Refuses what the parser itself would take long for.
fn check_tokens(html: &str) -> Read<()> {
    let mut open: Vec<Vec<u8>> = Vec::new();
    for token in Tokenizer::new(html) {
        let token = token.unwrap_or_else(|never| match never {});
        match token {
            Token::StartTag(tag) => {
                if tag.attributes.len() > MAX_ATTRIBUTES {
                    let message = format!("an element has more than {MAX_ATTRIBUTES} attributes");
                    return Err(Unreadable::too_large(message));
                }
                let name: &[u8] = &tag.name;
                if !VOID.contains(&name) && !ENDLESS.contains(&name) && !tag.self_closing {
                    open.push(name.to_vec());
                }
                if open.len() > MAX_DEPTH {
                    return Err(too_deep());
                }
            }
            Token::EndTag(tag) => {
                let name: &[u8] = &tag.name;
                if let Some(at) = open.iter().rposition(|open| open == name) {
                    open.truncate(at);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The tree may be deeper than its tags: not each end ends what it names.
fn check_depth(tree: &Html) -> Read<()> {
    let mut depth = 0_usize;
    for edge in tree.tree.root().traverse() {
        match edge {
            ego_tree::iter::Edge::Open(_) => depth += 1,
            ego_tree::iter::Edge::Close(_) => depth -= 1,
        }
        if depth > 2 * MAX_DEPTH {
            return Err(too_deep());
        }
    }
    Ok(())
}

fn too_deep() -> Unreadable {
    Unreadable::too_large(format!("the HTML is nested more than {MAX_DEPTH} elements deep"))
}

fn to_markdown(html: &str, without_menus: bool) -> Read<String> {
    let mut skipped = SKIPPED.to_vec();
    if without_menus {
        skipped.push("nav");
    }
    let options = Options {
        bullet_list_marker: BulletListMarker::Dash,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let converter = HtmlToMarkdown::builder().options(options).skip_tags(skipped).build();
    let text = converter.convert(html).map_err(|error| Unreadable::damaged("HTML", error))?;
    Ok(text.trim().to_owned())
}

fn to_text(tree: &Html, is_skipped: impl Fn(&str) -> bool) -> String {
    let mut text = Text::default();
    let (mut skipped, mut preformatted) = (0_usize, 0_usize);
    for edge in tree.tree.root().traverse() {
        let (node, opens) = match edge {
            ego_tree::iter::Edge::Open(node) => (node, true),
            ego_tree::iter::Edge::Close(node) => (node, false),
        };
        match node.value() {
            Node::Element(element) if is_skipped(element.name()) => match opens {
                true => skipped += 1,
                false => skipped -= 1,
            },
            _ if skipped > 0 => {}
            Node::Element(element) => {
                if element.name() == "pre" {
                    if opens { preformatted += 1 } else { preformatted -= 1 }
                }
                text.element(element.name(), opens);
            }
            Node::Text(words) if opens => text.words(words, preformatted > 0),
            _ => {}
        }
    }
    text.0.trim().to_owned()
}

/// Text as it is shown: white space runs are one space, and blocks stand on lines of their own.
#[derive(Default)]
struct Text(String);

impl Text {
    fn words(&mut self, words: &str, preformatted: bool) {
        if preformatted {
            self.0.push_str(words);
            return;
        }
        for character in words.chars() {
            match character.is_whitespace() {
                true if self.0.is_empty() || self.0.ends_with(char::is_whitespace) => {}
                true => self.0.push(' '),
                false => self.0.push(character),
            }
        }
    }

    fn element(&mut self, name: &str, opens: bool) {
        match name {
            "br" if opens => self.line(1),
            "td" | "th" if !opens => {
                self.trim();
                self.0.push('\t');
            }
            "li" | "tr" | "dt" | "dd" => self.line(1),
            name if BLOCKS.contains(&name) => self.line(2),
            _ => {}
        }
    }

    /// Ends the line, with at most `ends` ends of lines.
    fn line(&mut self, ends: usize) {
        if self.0.is_empty() {
            return;
        }
        while self.0.ends_with([' ', '\t']) {
            self.0.pop();
        }
        let there = self.0.len() - self.0.trim_end_matches('\n').len();
        (there..ends).for_each(|_| self.0.push('\n'));
    }

    fn trim(&mut self) {
        while self.0.ends_with([' ', '\n']) {
            self.0.pop();
        }
    }
}

fn title(tree: &Html) -> Option<String> {
    let title = tree.select(&selector("title")).next()?;
    let title = words(&title.text().collect::<String>());
    (!title.is_empty()).then_some(title)
}

fn links(tree: &Html, url: &Url) -> Vec<Value> {
    let base = tree.select(&selector("base[href]")).next();
    let base = base.and_then(|base| url.join(base.attr("href")?).ok());
    let base = base.unwrap_or_else(|| url.clone());
    let mut known = HashSet::new();
    let mut links = Vec::new();
    for link in tree.select(&selector("a[href]")) {
        let target = link.attr("href").and_then(|href| base.join(href.trim()).ok());
        let Some(mut target) = target.filter(|target| matches!(target.scheme(), "http" | "https"))
        else {
            continue;
        };
        target.set_fragment(None);
        if target != *url && links.len() < MAX_LINKS && known.insert(target.to_string()) {
            let text = words(&link.text().collect::<String>());
            links.push(json!({ "url": target.as_str(), "text": text }));
        }
    }
    links
}

/// Our own selectors are right.
fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("a selector of ours")
}

/// Returns the words, with one space between them.
pub(super) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
