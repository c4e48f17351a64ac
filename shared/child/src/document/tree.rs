//! The tree of a page, in one list: an element, then all that is inside it.

use std::rc::Rc;

use html5ever::tendril::TendrilSink as _;
use html5ever::{ParseOpts, parse_document};
use html5gum::{Token, Tokenizer};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

use super::{Read, Unreadable};

const MAX_DEPTH: usize = 512;
const MAX_ATTRIBUTES: usize = 1_000;
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];
/// Their ends are often left out; what they may hold is counted anyway.
const ENDLESS: [&[u8]; 15] = [
    b"p",
    b"li",
    b"dt",
    b"dd",
    b"option",
    b"optgroup",
    b"tr",
    b"td",
    b"th",
    b"thead",
    b"tbody",
    b"tfoot",
    b"colgroup",
    b"rp",
    b"rt",
];

pub(super) struct Tree(Vec<Node>);

struct Node {
    /// `None`: the document.
    parent: Option<usize>,
    /// Where what is inside ends.
    end: usize,
    content: Content,
}

enum Content {
    Element(Element),
    Text(String),
}

#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

/// A step through the tree.
pub(super) enum Edge<'t> {
    Open(&'t Element),
    Close(&'t Element),
    Text(&'t str),
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Tree {
    /// Parses HTML that is not too deep: others take minutes, or more stack than there is.
    pub(super) fn parse(html: &str) -> Read<Self> {
        check_tokens(html)?;
        let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
        Self::flat(&dom.document)
    }

    fn flat(document: &Handle) -> Read<Self> {
        let mut tree = Self(Vec::new());
        let children = |node: &Handle| {
            let children: Vec<Handle> = node.children.borrow().iter().map(Rc::clone).collect();
            children.into_iter()
        };
        // The open elements, each with what is still to come inside it.
        let mut open: Vec<(Option<usize>, _)> = vec![(None, children(document))];
        while let Some((at, inside)) = open.last_mut() {
            let at = *at;
            let Some(node) = inside.next() else {
                open.pop();
                if let Some(at) = at {
                    tree.0[at].end = tree.0.len();
                }
                continue;
            };
            let content = match &node.data {
                NodeData::Element { name, attrs, .. } => Content::Element(Element {
                    name: name.local.to_string(),
                    attributes: attrs
                        .borrow()
                        .iter()
                        .map(|one| (one.name.local.to_string(), one.value.to_string()))
                        .collect(),
                }),
                NodeData::Text { contents } => Content::Text(contents.borrow().to_string()),
                _ => continue,
            };
            let index = tree.0.len();
            let is_element = matches!(content, Content::Element(_));
            tree.0.push(Node { parent: at, end: index + 1, content });
            if is_element {
                open.push((Some(index), children(&node)));
            }
            // The tree may be deeper than its tags: not each end ends what it names.
            if open.len() > 2 * MAX_DEPTH {
                return Err(too_deep());
            }
        }
        Ok(tree)
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len()).filter(|at| self.element(*at).is_some())
    }

    pub(super) fn element(&self, at: usize) -> Option<&Element> {
        match &self.0.get(at)?.content {
            Content::Element(element) => Some(element),
            Content::Text(_) => None,
        }
    }

    /// An element, or text that is not only white space.
    pub(super) fn is_content(&self, at: usize) -> bool {
        match &self.0[at].content {
            Content::Element(_) => true,
            Content::Text(text) => !text.trim().is_empty(),
        }
    }

    pub(super) fn parent(&self, at: usize) -> Option<usize> {
        self.0[at].parent
    }

    pub(super) fn ancestors(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.parent(at), |at| self.parent(*at))
    }

    /// All that is inside, at any depth.
    pub(super) fn inside(&self, at: usize) -> impl Iterator<Item = usize> {
        at + 1..self.0[at].end
    }

    /// The sibling elements before this one, the nearest first.
    pub(super) fn before(&self, at: usize) -> impl Iterator<Item = usize> {
        let parent = self.parent(at);
        let first = parent.map_or(0, |parent| parent + 1);
        (first..at)
            .rev()
            .filter(move |other| self.parent(*other) == parent && self.element(*other).is_some())
    }

    /// The sibling elements after this one.
    pub(super) fn after(&self, at: usize) -> impl Iterator<Item = usize> {
        let parent = self.parent(at);
        let end = parent.map_or(self.0.len(), |parent| self.0[parent].end);
        std::iter::successors(Some(self.0[at].end), |next| self.0.get(*next).map(|node| node.end))
            .take_while(move |next| *next < end)
            .filter(|next| self.element(*next).is_some())
    }

    /// The text inside, as it is.
    pub(super) fn text(&self, at: usize) -> String {
        let text = |inner: usize| match &self.0[inner].content {
            Content::Text(text) => Some(text.as_str()),
            Content::Element(_) => None,
        };
        self.inside(at).filter_map(text).collect()
    }

    /// Goes through the whole tree, or through what is inside an element.
    pub(super) fn walk<'t>(&'t self, inside: Option<usize>, mut step: impl FnMut(Edge<'t>)) {
        let range = inside.map_or(0..self.0.len(), |at| at + 1..self.0[at].end);
        let mut open: Vec<usize> = Vec::new();
        let close = |open: &mut Vec<usize>, until: usize, step: &mut dyn FnMut(Edge<'t>)| {
            while let Some(last) = open.last().copied().filter(|last| self.0[*last].end <= until) {
                open.pop();
                if let Some(element) = self.element(last) {
                    step(Edge::Close(element));
                }
            }
        };
        for at in range.clone() {
            close(&mut open, at, &mut step);
            match &self.0[at].content {
                Content::Element(element) => {
                    step(Edge::Open(element));
                    open.push(at);
                }
                Content::Text(text) => step(Edge::Text(text)),
            }
        }
        close(&mut open, range.end, &mut step);
    }

    /// The HTML inside an element.
    pub(super) fn html(&self, at: usize) -> String {
        let mut html = String::new();
        let mut raw = 0_usize;
        self.walk(Some(at), |edge| match edge {
            Edge::Open(element) => {
                html.push('<');
                html.push_str(&element.name);
                for (name, value) in &element.attributes {
                    let value = value.replace('&', "&amp;").replace('"', "&quot;");
                    html.push_str(&format!(" {name}=\"{value}\""));
                }
                html.push('>');
                raw += usize::from(is_raw(element));
            }
            Edge::Close(element) => {
                raw -= usize::from(is_raw(element));
                if !VOID.contains(&element.name.as_str()) {
                    html.push_str(&format!("</{}>", element.name));
                }
            }
            Edge::Text(text) if raw > 0 => html.push_str(text),
            Edge::Text(text) => {
                html.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
            }
        });
        html
    }
}

/// Nothing is escaped inside.
fn is_raw(element: &Element) -> bool {
    matches!(element.name.as_str(), "script" | "style")
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
                let is_void = VOID.iter().any(|void| void.as_bytes() == name);
                if !is_void && !ENDLESS.contains(&name) && !tag.self_closing {
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

fn too_deep() -> Unreadable {
    Unreadable::too_large(format!("the HTML is nested more than {MAX_DEPTH} elements deep"))
}
