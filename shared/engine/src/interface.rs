//! A workflow as its callers see it: what it takes, what it leaves, which nodes stream.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::expr::reference::{PathStep, Piece, scan};
use crate::input::{InputField, InputType};
use crate::kind::OutputFields;
use crate::workflow::Workflow;

/// The kind whose calls send their text while it is written.
const STREAMS: &str = "agent";

/// A value of the run's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputValue {
    pub name: String,
    /// `string`, `number`, `boolean`, `object` or `array`; `None`: it is known only when it runs.
    pub output_type: Option<&'static str>,
    /// Whether it may be `null` after the run has succeeded.
    pub nullable: bool,
    /// Whether it is there after every run that succeeded.
    pub is_certain: bool,
    /// As its author wrote it, at most 200 characters.
    pub source: String,
}

/// An agent whose text is a value of the run's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// Its path in events.
    pub node: Arc<str>,
    /// Its text may be taken back until it has finished: it has tools.
    pub thinks_aloud: bool,
}

impl Workflow {
    /// Returns the agent `x` where the output value is written as `<x.content>`.
    pub fn speaker_of(&self, value: &str) -> Option<Speaker> {
        let source = &self.outputs.iter().find(|output| output.name == value)?.source;
        let pieces = scan(source);
        let [Piece::Reference(reference)] = pieces.as_slice() else { return None };
        let [PathStep::Field(field)] = reference.path.as_slice() else { return None };
        let id = self.find_node(reference.node).filter(|_| field == "content")?.id.as_str();
        let mut nodes = self.bodies.first()?.nodes.iter();
        let node = nodes.find(|node| &*node.id == id && &*node.kind.name == STREAMS)?;
        Some(Speaker { node: node.id.clone(), thinks_aloud: node.node.thinks_aloud() })
    }

    /// Returns the values that its output nodes name, in the order in which they are merged.
    pub fn outputs(&self) -> &[OutputValue] {
        &self.outputs
    }

    /// Returns the ids of nodes that stream text, those inside containers too.
    pub fn streams(&self) -> impl Iterator<Item = &str> {
        self.infos.iter().filter(|info| &*info.kind == STREAMS).map(|info| info.id.as_str())
    }

    /// Returns the JSON Schema of the input. Models get it, too, where the workflow is their tool.
    pub fn input_schema(&self) -> Value {
        if !self.declares_input() {
            return json!({ "type": "object", "properties": {} });
        }
        let fields = self.input_fields();
        let properties: Map<String, Value> =
            fields.iter().map(|field| (field.name.clone(), parameter(field))).collect();
        let required: Vec<&str> = fields
            .iter()
            .filter(|field| field.default.is_none())
            .map(|field| field.name.as_str())
            .collect();
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    /// Returns the JSON Schema of the outputs of a run that succeeded.
    pub fn output_schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.outputs.iter().map(|value| (value.name.clone(), output(value))).collect();
        let certain = self.outputs.iter().filter(|value| value.is_certain);
        let required: Vec<&str> = certain.map(|value| value.name.as_str()).collect();
        let is_closed = matches!(self.output_fields, OutputFields::Only(_));
        // A response node may end the run before the outputs are made.
        let required = if is_closed { required } else { Vec::new() };
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": !is_closed,
        })
    }
}

fn parameter(field: &InputField) -> Value {
    let mut schema = match &field.schema {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    let json_type = match field.kind {
        InputType::File => None,
        kind => Some(kind.name()),
    };
    if let Some(json_type) = json_type.filter(|_| !schema.contains_key("type")) {
        schema.insert("type".to_owned(), json_type.into());
    }
    if !field.description.is_empty() {
        schema.insert("description".to_owned(), field.description.clone().into());
    }
    if let Some(default) = &field.default {
        schema.insert("default".to_owned(), default.clone());
        if default.is_null() && field.schema.is_none() {
            schema.remove("type");
        }
    }
    Value::Object(schema)
}

fn output(value: &OutputValue) -> Value {
    match value.output_type {
        None => json!({}),
        Some(name) if value.nullable => json!({ "type": [name, "null"] }),
        Some(name) => json!({ "type": name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::compile;

    const DOCUMENT: &str = r#"
input:
  - { name: text, type: string, description: What to read }
  - { name: n, type: number, default: 3 }
  - { name: maybe, type: object, default: null }
nodes:
  - { id: write, type: agent, model: offline/echo, prompt: <api.input.text> }
  - id: which
    type: condition
    branches: [{ name: long, if: '<api.input.n> > 2' }, { name: short }]
  - { id: more, type: template, template: x, after: which.long }
  - { id: soft, type: http, url: 'https://a.example', on_error: continue }
output:
  text: <write.content>
  cost: <write.cost>
  given: <api.input.n>
  maybe: <api.input.maybe>
  more: <more.content>
  after: <soft.status>
  both: "<write.content> <more.content>"
  fixed: [1]
  deep: <write.data.x>
"#;

    #[test]
    fn outputs_have_the_types_of_what_they_read() {
        let workflow = compile(DOCUMENT);
        let shown: Vec<_> = workflow
            .outputs()
            .iter()
            .map(|value| (value.name.as_str(), value.output_type, value.nullable))
            .collect();
        assert_eq!(
            shown,
            [
                ("text", Some("string"), false),
                ("cost", Some("number"), true),
                ("given", Some("number"), false),
                ("maybe", Some("object"), true),
                ("more", None, true),
                ("after", Some("number"), true),
                ("both", Some("string"), false),
                ("fixed", Some("array"), false),
                ("deep", None, true),
            ]
        );
        assert_eq!(workflow.outputs()[0].source, "<write.content>");
        assert_eq!(workflow.streams().collect::<Vec<_>>(), ["write"]);
    }

    #[test]
    fn schemas_name_what_is_required() {
        let workflow = compile(DOCUMENT);
        let input = workflow.input_schema();
        assert_eq!(input["required"], json!(["text"]));
        assert_eq!(input["properties"]["n"], json!({ "type": "number", "default": 3 }));
        let output = workflow.output_schema();
        assert_eq!(output["additionalProperties"], false);
        assert_eq!(output["properties"]["cost"]["type"], json!(["number", "null"]));
        assert_eq!(output["required"].as_array().unwrap().len(), 9);
    }

    #[test]
    fn an_output_node_on_a_branch_is_not_certain() {
        let workflow = compile(
            "input: [{ name: n, type: number }]\n\
             nodes:\n\
             \x20 - id: c\n\
             \x20   type: condition\n\
             \x20   branches: [{ name: a, if: '<api.input.n> > 2' }, { name: b }]\n\
             \x20 - { id: one, type: output, values: { x: 1, v: 1, w: 1 }, after: c.a }\n\
             \x20 - { id: two, type: output, values: { y: a, w: a }, after: c.b }\n\
             output: { z: <api.input.n>, v: a }\n",
        );
        assert_eq!(workflow.output_schema()["required"], json!(["v", "z"]));
        let properties = &workflow.output_schema()["properties"];
        assert_eq!(properties["v"], json!({ "type": "string" }), "the section is the last");
        assert_eq!(properties["w"], json!({}), "either of two");
        let any = compile("nodes: [{ id: t, type: template, template: x }]");
        assert_eq!(any.output_schema()["additionalProperties"], true);
        assert_eq!(any.input_schema(), json!({ "type": "object", "properties": {} }));
    }
}
