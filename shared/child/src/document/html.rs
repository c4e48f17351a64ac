//! HTML: its title, text and links.

use std::collections::HashSet;

use htmd::HtmlToMarkdown;
use htmd::options::{BulletListMarker, Options};
use serde_json::{Value, json};
use url::Url;

use super::tree::{Edge, Element, Tree};
use super::{Read, Unreadable};

const MAX_LINKS: usize = 1_000;
/// What is not read, but run or drawn.
const SKIPPED: [&str; 9] =
    ["head", "script", "style", "noscript", "template", "svg", "iframe", "object", "canvas"];
const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tr",
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
    let tree = Tree::parse(html)?;
    let is_skipped = |name: &str| SKIPPED.contains(&name) || (url.is_some() && name == "nav");
    let text = match markdown {
        true => to_markdown(html, url.is_some())?,
        false => to_text(&tree, is_skipped),
    };
    let links = url.and_then(|url| Url::parse(url).ok()).map(|url| links(&tree, &url));
    Ok(Page { title: title(&tree), text, links: links.unwrap_or_default() })
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

fn to_text(tree: &Tree, is_skipped: impl Fn(&str) -> bool) -> String {
    let mut text = Text::default();
    let (mut skipped, mut preformatted) = (0_usize, 0_usize);
    tree.walk(None, |edge| match edge {
        Edge::Open(element) if is_skipped(&element.name) => skipped += 1,
        Edge::Close(element) if is_skipped(&element.name) => skipped -= 1,
        _ if skipped > 0 => {}
        Edge::Open(element) => {
            preformatted += usize::from(element.name == "pre");
            text.element(&element.name, true);
        }
        Edge::Close(element) => {
            preformatted -= usize::from(element.name == "pre");
            text.element(&element.name, false);
        }
        Edge::Text(words) => text.words(words, preformatted > 0),
    });
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

fn title(tree: &Tree) -> Option<String> {
    let title = tree.elements().find(|at| is_named(tree, *at, "title"))?;
    let title = words(&tree.text(title));
    (!title.is_empty()).then_some(title)
}

fn is_named(tree: &Tree, at: usize, name: &str) -> bool {
    tree.element(at).is_some_and(|element| element.name == name)
}

fn links(tree: &Tree, url: &Url) -> Vec<Value> {
    let href = |element: &Element| element.attribute("href").map(|href| href.trim().to_owned());
    let mut bases = tree.elements().filter(|at| is_named(tree, *at, "base"));
    let base = bases.find_map(|at| tree.element(at).and_then(href));
    let base = base.and_then(|base| url.join(&base).ok()).unwrap_or_else(|| url.clone());
    let mut known = HashSet::new();
    let mut links = Vec::new();
    for at in tree.elements().filter(|at| is_named(tree, *at, "a")) {
        let target = tree.element(at).and_then(href).and_then(|href| base.join(&href).ok());
        let Some(mut target) = target.filter(|target| matches!(target.scheme(), "http" | "https"))
        else {
            continue;
        };
        target.set_fragment(None);
        if target != *url && links.len() < MAX_LINKS && known.insert(target.to_string()) {
            links.push(json!({ "url": target.as_str(), "text": words(&tree.text(at)) }));
        }
    }
    links
}

/// Returns the words, with one space between them.
pub(super) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
