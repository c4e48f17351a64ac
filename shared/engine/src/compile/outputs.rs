//! What a run leaves, name by name: where each value comes from, and its type where that is known.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::Compiler;
use super::outline::NodeOutline;
use crate::expr::reference::{PathStep, Piece, ReferenceText, normalise, scan};
use crate::interface::OutputValue;
use crate::kind::{OutputFields, OutputType, Role, output};
use crate::workflow::{Body, OnError, When};

const MAX_SOURCE: usize = 200;
const SECTION: &str = "output";

impl Compiler<'_> {
    /// Returns the values of all output nodes, the section last: the order in which they are
    /// merged.
    pub(super) fn output_values(&self, bodies: &[Body]) -> Vec<OutputValue> {
        let (Some(outline), Some(body)) = (self.outline.bodies.first(), bodies.first()) else {
            return Vec::new();
        };
        let skippable = skippable(body);
        let nodes = outline.nodes.iter().enumerate();
        let (mut found, mut places) = (Vec::new(), HashMap::new());
        for (index, node) in nodes.filter(|(_, node)| node.role() == Role::Output) {
            let is_certain = !skippable.contains(&index);
            for (name, value) in values_of(node) {
                let (output_type, nullable) = self.type_of(value, body, &skippable);
                let source = source(value);
                let name = name.clone();
                let value = OutputValue { name, output_type, nullable, is_certain, source };
                let place = *places.entry(value.name.clone()).or_insert(found.len());
                match found.get_mut(place) {
                    Some(earlier) => replace(earlier, value),
                    None => found.push(value),
                }
            }
        }
        found
    }

    /// Returns the type of a value as it is written, and whether it may be null.
    fn type_of(
        &self,
        value: &Value,
        body: &Body,
        skippable: &BTreeSet<usize>,
    ) -> (Option<&'static str>, bool) {
        match value {
            Value::Null => (None, true),
            Value::Bool(_) => (Some("boolean"), false),
            Value::Number(_) => (Some("number"), false),
            Value::Array(_) => (Some("array"), false),
            Value::Object(object) if object.len() == 1 && object.contains_key("$text") => {
                (Some("string"), false)
            }
            // Another mark, or an object of values.
            Value::Object(object) if object.keys().any(|key| key.starts_with('$')) => (None, true),
            Value::Object(_) => (Some("object"), false),
            Value::String(text) => match scan(text).as_slice() {
                [Piece::Reference(reference)] => self.type_read(reference, body, skippable),
                _ => (Some("string"), false),
            },
        }
    }

    /// Returns what a value that is one reference becomes: it keeps the type of what it reads.
    fn type_read(
        &self,
        reference: &ReferenceText<'_>,
        body: &Body,
        skippable: &BTreeSet<usize>,
    ) -> (Option<&'static str>, bool) {
        const UNKNOWN: (Option<&str>, bool) = (None, true);
        let Some(&(0, index)) = self.outline.names.get(&normalise(reference.node)) else {
            return UNKNOWN;
        };
        let (node, compiled) = (&self.outline.bodies[0].nodes[index], &body.nodes[index]);
        let path = match (node.role(), reference.path.as_slice()) {
            (Role::Input, [PathStep::Field(first), rest @ ..]) if first == "input" => rest,
            (_, path) => path,
        };
        let (OutputFields::Only(fields), [PathStep::Field(name)]) = (&node.outputs, path) else {
            return UNKNOWN;
        };
        let Some(field) = fields.iter().find(|field| field.name == *name) else { return UNKNOWN };
        let always = !skippable.contains(&index) && matches!(compiled.on_error, OnError::Fail);
        // A default may be anything.
        let output_type = match compiled.on_error {
            OnError::Default(_) => None,
            OnError::Fail | OnError::Continue => json_type(field.output_type),
        };
        (output_type, field.nullable || !always)
    }
}

/// A later value of the same name replaces the earlier one, if its node runs.
fn replace(earlier: &mut OutputValue, later: OutputValue) {
    let before = std::mem::replace(earlier, later);
    if !earlier.is_certain {
        earlier.nullable |= before.nullable;
        earlier.is_certain = before.is_certain;
        earlier.output_type =
            earlier.output_type.filter(|later| before.output_type == Some(*later));
    }
}

/// Returns the nodes that may not run although the run succeeds.
fn skippable(body: &Body) -> BTreeSet<usize> {
    let nodes = body.nodes.iter();
    let lost = nodes.flat_map(|node| {
        let edges = node.edges.iter().filter(|edge| edge.control);
        edges.filter(|edge| edge.when != When::Done || node.catches_error)
    });
    let mut open: Vec<usize> = lost.map(|edge| edge.to).collect();
    let mut found = BTreeSet::new();
    while let Some(node) = open.pop() {
        if found.insert(node) {
            let edges = body.nodes[node].edges.iter().filter(|edge| edge.control);
            open.extend(edges.map(|edge| edge.to));
        }
    }
    found
}

fn values_of<'d>(node: &NodeOutline<'d>) -> impl Iterator<Item = (&'d String, &'d Value)> {
    let values: Option<&'d Map<String, Value>> = match node.id {
        SECTION => Some(node.object),
        _ => node.object.get(output::VALUES_FIELD).and_then(Value::as_object),
    };
    values.into_iter().flatten()
}

fn json_type(of: OutputType) -> Option<&'static str> {
    match of {
        OutputType::Any => None,
        OutputType::Text => Some("string"),
        OutputType::Number => Some("number"),
        OutputType::Object => Some("object"),
        OutputType::List => Some("array"),
    }
}

/// As the author wrote it, cut where it is long.
fn source(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(MAX_SOURCE - 1) {
        Some((end, _)) if text.chars().nth(MAX_SOURCE).is_some() => format!("{}…", &text[..end]),
        _ => text,
    }
}
