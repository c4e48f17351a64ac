//! What an item of n8n is here: a reference to an object, or an object made of references.

use std::collections::BTreeSet;

use flowgate_engine::expr::reference::PathStep;
use serde_json::{Map, Value};

use super::expression::Step;
use crate::js;
use crate::text::{Part, Text, reference};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Item {
    #[default]
    Null,
    Reference(String),
    Fields(Vec<(String, Item)>),
}

impl Item {
    pub(super) fn of(node: &str, path: &str) -> Self {
        Self::Reference(format!("{node}.{path}"))
    }

    pub(super) fn fields<'n>(fields: impl IntoIterator<Item = (&'n str, Item)>) -> Self {
        Self::Fields(fields.into_iter().map(|(name, item)| (name.to_owned(), item)).collect())
    }

    pub(super) fn at(&self, path: &[Step]) -> Self {
        let Some((first, rest)) = path.split_first() else { return self.clone() };
        match (self, first) {
            (Self::Reference(base), _) => {
                let path: Vec<PathStep> = path.iter().map(step).collect();
                Self::Reference(reference(base, &path))
            }
            (Self::Fields(fields), Step::Field(wanted)) => {
                let found = fields.iter().find(|(name, _)| name == wanted);
                found.map_or(Self::Null, |(_, item)| item.at(rest))
            }
            _ => Self::Null,
        }
    }

    pub(super) fn references(&self) -> Vec<&str> {
        match self {
            Self::Null => Vec::new(),
            Self::Reference(reference) => vec![reference],
            Self::Fields(fields) => fields.iter().flat_map(|(_, item)| item.references()).collect(),
        }
    }

    /// The bytes that it takes.
    fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Reference(reference) => reference.len(),
            Self::Fields(fields) => {
                fields.iter().map(|(name, item)| name.len() + item.size()).sum()
            }
        }
    }

    /// Replaces references.
    pub(super) fn mapped(&self, change: &mut dyn FnMut(&str) -> String) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Reference(reference) => Self::Reference(change(reference)),
            Self::Fields(fields) => {
                let fields = fields.iter().map(|(name, item)| (name.clone(), item.mapped(change)));
                Self::Fields(fields.collect())
            }
        }
    }

    /// As a value in any JSON.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Reference(reference) => format!("<{reference}>").into(),
            Self::Fields(fields) => {
                let fields = fields.iter().map(|(name, item)| (name.clone(), item.json()));
                Map::from_iter(fields).into()
            }
        }
    }

    /// As JavaScript.
    pub(super) fn code(&self) -> Text {
        match self {
            Self::Null => Text::literal("null"),
            Self::Reference(reference) => Text(vec![Part::Reference(reference.clone())]),
            Self::Fields(fields) => {
                let mut code = Text::literal("{ ");
                for (name, item) in fields {
                    code.push(Part::Literal(format!("{}: ", js::string(name))));
                    code.append(item.code());
                    code.push(Part::Literal(", ".to_owned()));
                }
                code.push(Part::Literal("}".to_owned()));
                code
            }
        }
    }

    /// As a list in JavaScript: itself, or with itself as its only item; empty if there is none.
    pub(super) fn listed(&self, is_list: bool) -> Text {
        let (open, close) = match (is_list, self) {
            (true, _) => ("(", " ?? []).filter(x => x !== null)"),
            (false, Self::Fields(_)) => ("[", "]"),
            (false, _) => ("[", "].filter(x => x !== null)"),
        };
        let mut code = Text::literal(open);
        code.append(self.code());
        code.push(Part::Literal(close.to_owned()));
        code
    }

    pub(super) fn text(&self) -> Text {
        match self {
            Self::Reference(reference) => Text(vec![Part::Reference(reference.clone())]),
            _ => Text::default(),
        }
    }
}

fn step(step: &Step) -> PathStep {
    match step {
        Step::Field(name) => PathStep::Field(name.clone()),
        Step::Item(index) => PathStep::Item(*index),
    }
}

/// What a node hands on: one item, or a list of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    /// The item, or the reference to the list.
    pub item: Item,
    pub many: bool,
    /// The file that goes with the item.
    pub file: Option<String>,
    /// The nodes whose items these are: `$('Sheet').item` reads the item at hand.
    pub sources: BTreeSet<usize>,
}

impl Items {
    pub(super) fn one(item: Item) -> Self {
        Self { item, ..Self::default() }
    }

    pub(super) fn many(list: Item) -> Self {
        Self { item: list, many: true, ..Self::default() }
    }

    pub(super) fn with_file(mut self, file: Option<String>) -> Self {
        self.file = file;
        self
    }

    pub(super) fn from(mut self, at: usize) -> Self {
        self.sources.insert(at);
        self
    }

    /// The bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.item.size() + self.file.as_ref().map_or(0, String::len)
    }

    /// The list, as a value in any JSON.
    pub(super) fn listed(&self) -> Value {
        let item = self.item.json();
        if self.many { item } else { Value::Array(vec![item]) }
    }

    /// The list, as JavaScript.
    pub(super) fn list(&self) -> Text {
        self.item.listed(self.many)
    }
}
