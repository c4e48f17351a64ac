//! Parameters: text with expressions becomes text with references.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::asked;
use super::expression::{self, Base, Found, Part as Piece, Pick, Step};
use super::flow::Flow;
use super::items::{Item, Items};
use super::prelude::{Named, Prelude};
use crate::draft::Node;
use crate::json::text;
use crate::secrets::secret_name;
use crate::text::{Part, Text};

/// The most that is computed for one node, and that a tool asks a model for.
const MAX_VALUES: usize = 1_000;

/// Asks the model for a text of this name; returns the reference to it, if it is not one too many.
pub(super) fn ask(asked: &mut Map<String, Value>, name: &str) -> Option<String> {
    let name = crate::ids::slug(name);
    if asked.len() >= MAX_VALUES && !asked.contains_key(&name) {
        return None;
    }
    let reference = format!("tool.{name}");
    asked.entry(name).or_insert_with(|| json!({ "type": "string" }));
    Some(reference)
}

impl Flow<'_, '_, '_> {
    /// A parameter as text. What is more than a reference is computed by a function before the
    /// node.
    pub(super) fn text(&mut self, value: Option<&Value>) -> Text {
        let Some(Value::String(parameter)) = value else {
            let literal = match value {
                Some(value @ (Value::Object(_) | Value::Array(_))) => value.to_string(),
                other => text(other),
            };
            return Text::literal(literal);
        };
        let mut whole = Text::default();
        let pieces = expression::split(parameter);
        if pieces.len() > expression::MAX_PARTS {
            self.unsupported("a text with too many expressions: the last ones stay as they are");
        }
        for piece in pieces {
            match piece {
                Piece::Text(text) => whole.push(Part::Literal(text)),
                Piece::Code(code) => whole.append(self.computed(&code)),
            }
        }
        whole
    }

    pub(super) fn written(&mut self, value: Option<&Value>) -> Value {
        let text = self.text(value);
        self.draft.text(&text)
    }

    /// Whether the step at hand computes with what it asks of the model: this cannot be said here,
    /// and is reported.
    pub(super) fn computes_with_asked(&mut self) -> bool {
        let computes = asked::is_computed_with(self.current().parameters);
        if computes {
            self.unsupported("it computes with `$fromAI(…)`, which must stand alone");
        }
        computes
    }

    /// A parameter inside any JSON: a lone expression keeps its type.
    pub(super) fn any(&mut self, value: &Value) -> Value {
        match value {
            Value::String(parameter) => {
                if let Some(value) = lone_literal(parameter) {
                    return value;
                }
                if let Some(item) = self.lone_item(parameter) {
                    return item.json();
                }
                let text = self.text(Some(value));
                self.draft.any(&text)
            }
            Value::Array(items) => items.iter().map(|item| self.any(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, field)| (name.clone(), self.any(field)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    /// `={{ $json }}` of an item that is made of several references.
    fn lone_item(&mut self, parameter: &str) -> Option<Item> {
        let pieces = expression::split(parameter);
        let [Piece::Code(code)] = pieces.as_slice() else { return None };
        let found = expression::bare(code)?;
        let item = self.found(&found)?;
        (!matches!(item, Item::Reference(_))).then_some(item)
    }

    fn computed(&mut self, code: &str) -> Text {
        let asked = self.asked.as_mut().zip(asked::name(code));
        if let Some(name) = asked.and_then(|(asked, name)| asked.named(&name)) {
            return Text(vec![Part::Reference(format!("tool.{name}"))]);
        }
        if let Some(literal) = expression::literal(code) {
            return Text::literal(match literal {
                Value::Null => String::new(),
                other => text(Some(&other)),
            });
        }
        if let Some(found) = expression::bare(code).filter(|found| !ends_in_length(found)) {
            let sends = matches!(self.current().kind.as_str(), "httpRequest" | "graphql");
            if let (Base::Setting(name), true) = (&found.base, sends) {
                let name = secret_name(name);
                self.approximated(format!("the secret `{name}` is to be set"));
                return Text::secret(name);
            }
            if let Some(item) = self.found(&found) {
                return match item {
                    Item::Fields(_) => self.value_text(code),
                    other => other.text(),
                };
            }
        }
        self.value_text(code)
    }

    fn value_text(&mut self, code: &str) -> Text {
        let next = self.here.values.len() + 1;
        let known = self.here.values.get(code).copied();
        if known.is_none() && next > MAX_VALUES {
            self.unsupported(format!("more than {MAX_VALUES} expressions: the rest is empty"));
            return Text::default();
        }
        let number = known.unwrap_or_else(|| {
            self.here.values.insert(code.to_owned(), next);
            next
        });
        let id = self.values_id();
        Text(vec![Part::Reference(format!("{id}.result.v{number}"))])
    }

    /// The id is made once: `claim` finds it again. What is computed for an agent's tool is
    /// computed for the agent, so it goes by the agent's id.
    fn values_id(&mut self) -> String {
        let source = format!("{}\u{0}values", self.here.id);
        match self.draft.ids.of(&source) {
            Some(id) => id.to_owned(),
            None => self.draft.ids.claim(&source, &format!("{}_values", self.here.id)),
        }
    }

    /// Adds the function for all that is computed for the node at hand.
    pub(super) fn flush_values(&mut self) {
        if self.here.values.is_empty() {
            return;
        }
        let mut values: Vec<_> = std::mem::take(&mut self.here.values).into_iter().collect();
        values.sort_unstable_by_key(|(_, number)| *number);
        let mut body = String::from("return {\n");
        for (code, number) in values {
            body.push_str(&format!("  v{number}: attempt(() => ({code}\n)),\n"));
        }
        body.push_str("};");
        let mut code = self.prelude(&body, false);
        code.push(Part::Literal(super::lexer::shielded(&body)));
        let id = self.values_id();
        let code = self.draft.javascript(&code);
        let after = self.here.after.clone();
        self.place(Node::new(id, "function").with("code", code), self.here.inside, &after);
        let source = self.current().origin.id.clone();
        self.draft
            .entry(&source)
            .note("what is computed in its parameters is a function before it");
    }

    /// Names that the author's code reads.
    pub(super) fn prelude(&mut self, body: &str, is_code: bool) -> Text {
        let found = expression::references(body);
        let (mut seen, mut names) = (HashSet::new(), Vec::new());
        let mut known = HashSet::new();
        for base in found.iter().map(|one| &one.base).filter(|base| seen.insert(*base)) {
            match base {
                Base::Node { name, .. } | Base::Binary { node: Some(name) } => {
                    names.extend(known.insert(name).then(|| name.clone()));
                }
                Base::Unknown(what) => self.unsupported(format!("`{what}` in code")),
                Base::Binary { node: None } if self.here.items.file.is_none() => {
                    self.unsupported("`$binary` in code");
                }
                Base::Setting(name) => {
                    self.approximated(format!("`{name}` is not known in code: it is undefined"));
                }
                _ => {}
            }
        }
        let reads_lists = [".all(", ".first(", ".last(", "$items("];
        let reads_lists = reads_lists.iter().any(|word| body.contains(word));
        let mut nodes = Vec::new();
        for name in names {
            let at = self.graph.by_name.get(&name).copied();
            let current = at.and_then(|at| self.current_of(at));
            let items = match &current {
                Some(current) if !reads_lists => Some(current.clone()),
                _ => self.items_of(&name),
            };
            let items = items.unwrap_or_else(|| {
                self.approximated(format!("`{name}` has not run before it: it has no items"));
                Items::many(Item::Null)
            });
            if !self.draft.may_copy(&items.list()) {
                self.unsupported("code that names more than fits beside it");
                break;
            }
            let current = current.map(|current| current.item).filter(|_| items.many);
            nodes.push(Named { name, items, current });
        }
        let prelude = Prelude {
            body,
            items: &self.here.items,
            nodes: &nodes,
            is_code,
            name: &self.draft.name,
            in_loop: self.here.inside.is_some(),
        };
        prelude.written()
    }

    /// All items of a node, as they are seen from the step at hand.
    fn items_of(&mut self, name: &str) -> Option<Items> {
        let at = self.graph.by_name.get(name).copied()?;
        if self.comes_too_late(at) {
            return self.current_of(at);
        }
        self.waits_for(at);
        let output = self.best_output(at);
        let out = self.see(at, output, self.here.inside);
        Some(out.items)
    }

    /// The item of a node that the iteration at hand works on.
    fn current_of(&mut self, at: usize) -> Option<Items> {
        if self.here.items.sources.contains(&at) && !self.here.items.many {
            return Some(self.here.items.clone());
        }
        let around = self.ancestors(self.here.inside);
        let home = *around.iter().find(|one| {
            let container = &self.containers[**one];
            container.is_each && container.sources.contains(&at)
        })?;
        let item = Item::Reference("loop.item".to_owned());
        let item = if around.first() == Some(&home) { item } else { self.kept(&item, Some(home)) };
        Some(Items::one(item))
    }

    fn best_output(&self, at: usize) -> usize {
        match self.step(at).kind.as_str() {
            "splitInBatches" => usize::from(self.step(at).version >= 3.0),
            _ => 0,
        }
    }

    /// Where the value of a reference is; `None` if that must be computed, or is not known.
    pub(super) fn found(&mut self, found: &Found) -> Option<Item> {
        match &found.base {
            Base::Item => {
                let item = self.here.items.item.clone();
                Some(match self.here.items.many {
                    true => item.at(&[Step::Item(0)]).at(&found.path),
                    false => item.at(&found.path),
                })
            }
            Base::Node { name, pick } => {
                let at = self.graph.by_name.get(name).copied()?;
                let current = if *pick == Pick::Current { self.current_of(at) } else { None };
                let items = match current {
                    Some(items) => items,
                    None => self.items_of(name)?,
                };
                picked(&items, *pick).map(|item| item.at(&found.path))
            }
            Base::Run(name) if name == "$itemIndex" && self.here.inside.is_some() => {
                Some(Item::Reference("loop.index".to_owned()))
            }
            Base::Binary { node } => {
                let file = match node {
                    None => self.here.items.file.clone(),
                    Some(name) => self.items_of(name).and_then(|items| items.file),
                };
                file.map(Item::Reference)
            }
            _ => None,
        }
    }

    /// The file that the item at hand has.
    pub(super) fn file(&mut self) -> Option<Value> {
        let file = self.here.items.file.clone();
        if file.is_none() {
            self.unsupported("no file of a node before it is known");
        }
        file.map(|file| format!("<{file}>").into())
    }
}

/// `={{ true }}` is no text.
fn lone_literal(parameter: &str) -> Option<Value> {
    match expression::split(parameter).as_slice() {
        [Piece::Code(code)] => expression::literal(code)
            .filter(|value| !(value.is_string() || value.is_object() || value.is_array())),
        _ => None,
    }
}

fn ends_in_length(found: &Found) -> bool {
    matches!(found.path.last(), Some(Step::Field(name)) if name == "length")
        || matches!(&found.base, Base::Node { pick: Pick::All, .. })
}

fn picked(items: &Items, pick: Pick) -> Option<Item> {
    match (items.many, pick) {
        (_, Pick::All) => None,
        (true, Pick::Current) => Some(items.item.at(&[Step::Item(0)])),
        (true, Pick::At(index)) => Some(items.item.at(&[Step::Item(index)])),
        (true, Pick::Last) => None,
        (false, _) => Some(items.item.clone()),
    }
}

/// n8n reads a text where it wants JSON.
const PARSED: &str = "x => typeof x === 'string' ? JSON.parse(x) : x";

/// JSON text in which expressions stand, as JSON.
impl Flow<'_, '_, '_> {
    pub(super) fn json_text(&mut self, value: Option<&Value>) -> Result<Value, Text> {
        match value {
            None | Some(Value::Null) => return Ok(Value::Object(Map::new())),
            Some(value @ (Value::Object(_) | Value::Array(_))) => return Ok(self.any(value)),
            _ => {}
        }
        let parameter = text(value);
        let pieces = expression::split(&parameter);
        if let [Piece::Code(code)] = pieces.as_slice() {
            let is_item = expression::bare(code).is_some_and(|found| found.path.is_empty());
            let parameter = match is_item || expression::literal(code).is_some() {
                true => parameter,
                false => format!("={{{{ ({PARSED})({code}) }}}}"),
            };
            return Ok(self.any(&Value::String(parameter)));
        }
        let (mut marked, mut codes) = (Marked::default(), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Text(text) => marked.push(&text),
                Piece::Code(code) => {
                    marked.mark(codes.len());
                    codes.push(code);
                }
            }
        }
        match serde_json::from_str::<Value>(&marked.text) {
            Ok(value) => Ok(self.unmarked(&value, &codes)),
            Err(_) => Err(self.text(Some(&Value::String(parameter)))),
        }
    }

    fn unmarked(&mut self, value: &Value, codes: &[String]) -> Value {
        match value {
            Value::String(text) => {
                let mut whole = Vec::new();
                let mut rest = text.as_str();
                while let Some(begin) = rest.find('\u{1}') {
                    let Some(end) = rest[begin + 1..].find('\u{1}') else { break };
                    let index: Option<usize> = rest[begin + 1..begin + 1 + end].parse().ok();
                    whole.push(rest[..begin].to_owned());
                    let code = index.and_then(|index| codes.get(index));
                    whole.push(code.map_or_else(String::new, |code| format!("{{{{ {code} }}}}")));
                    rest = &rest[begin + end + 2..];
                }
                if whole.is_empty() {
                    return self.draft.any(&Text::literal(text.clone()));
                }
                let text = format!("={}{rest}", whole.concat());
                self.any(&Value::String(text))
            }
            Value::Array(items) => items.iter().map(|item| self.unmarked(item, codes)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.map(|(name, field)| (name.clone(), self.unmarked(field, codes)));
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }
}

/// JSON in which marks stand for expressions: in quotes, unless they already are inside of some.
#[derive(Default)]
struct Marked {
    text: String,
    is_quoted: bool,
    is_escaped: bool,
}

impl Marked {
    fn push(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' if self.is_quoted => self.is_escaped = true,
                '"' => self.is_quoted = !self.is_quoted,
                _ => {}
            }
        }
        self.text.push_str(text);
    }

    fn mark(&mut self, index: usize) {
        let quote = if self.is_quoted { "" } else { "\"" };
        self.push(&format!("{quote}\\u0001{index}\\u0001{quote}"));
    }
}
