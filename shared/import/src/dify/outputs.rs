//! How the outputs of a step are read, and the nodes that only pass values on.

use flowgate_engine::expr::reference::PathStep;
use serde_json::{Map, Value};

use super::flow::Flow;
use super::graph::Step;
use super::read::{file_field, selector_of, steps};
use super::start::input_name;
use super::{containers, jinja, tools};
use crate::draft::Node;
use crate::json::{filled, items, text};
use crate::text::Text;

/// The usage of a model, and what ours is called.
const USAGE: [(&str, &[&str]); 4] = [
    ("prompt_tokens", &["tokens", "input"]),
    ("completion_tokens", &["tokens", "output"]),
    ("total_tokens", &["tokens", "total"]),
    ("total_price", &["cost"]),
];

impl<'a> Flow<'a, '_, '_> {
    /// What a selector reads of a step that runs.
    pub(super) fn output(&mut self, reader: &Step<'_>, of: &Step<'a>, path: &[String]) -> Text {
        if of.is_start() {
            return self.input_of(reader, of, path);
        }
        let id = self.id(of);
        let read = match path[0].as_str() {
            "error_message" | "error_type" if of.has_default() => None,
            "error_message" => Some(own(&id, &["error"], &[])),
            "error_type" => Some(own(&id, &["code"], &[])),
            _ if self.obstacle(of).is_some() => Some(own(&id, &["result"], path)),
            _ => self.own_output(reader, of, path),
        };
        read.unwrap_or_else(|| {
            let note = format!("`{}` of `{}` is empty here", path.join("."), of.origin.name);
            self.draft.entry(reader.id()).approximated(note);
            Text::default()
        })
    }

    fn own_output(&mut self, reader: &Step<'_>, of: &Step<'a>, path: &[String]) -> Option<Text> {
        let id = self.id(of);
        let (first, rest) = (path[0].as_str(), &path[1..]);
        Some(match (of.kind(), first) {
            ("llm" | "agent", "text" | "output") => own(&id, &["content"], &[]),
            ("llm", "structured_output") => own(&id, &["data"], rest),
            ("llm" | "question-classifier", "finish_reason") => own(&id, &["finish_reason"], &[]),
            ("llm" | "parameter-extractor", "usage" | "__usage") => {
                let name = rest.first()?;
                let (_, ours) = USAGE.iter().find(|(theirs, _)| theirs == name)?;
                own(&id, ours, &[])
            }
            ("code", _) => own(&id, &["result"], path),
            ("template-transform", "output") => match jinja::is_plain(&of.text("template")) {
                true => own(&id, &["content"], &[]),
                false => own(&id, &["result"], &[]),
            },
            ("answer", "answer") => own(&id, &["content"], &[]),
            ("if-else", "result" | "selected_case_id") => own(&id, &["branch"], &[]),
            ("question-classifier", "class_name" | "class_id" | "class_label") => {
                let class = self.class_of(of);
                own(&class, &["result"], path)
            }
            ("parameter-extractor", "__is_success") => Text::literal("1"),
            ("parameter-extractor", "__reason") => return None,
            ("parameter-extractor", _) => own(&id, &["data"], path),
            ("http-request", "body") => own(&id, &["data"], rest),
            ("http-request", "status_code") => own(&id, &["status"], &[]),
            ("http-request", "headers") => own(&id, &["headers"], rest),
            ("variable-aggregator" | "variable-assigner", _) => own(&id, &["result"], path),
            ("list-operator", _) => own(&id, &["result"], path),
            ("knowledge-retrieval", _) => own(&self.outcome_of(of), &["result"], path),
            ("document-extractor", "text") => match of.is("is_array_file") {
                true => own(&id, &["results"], &[]),
                false => own(&id, &["text"], &[]),
            },
            ("iteration", "output") => match containers::is_reworked(of, self.graph) {
                true => own(&self.outcome_of(of), &["result"], rest),
                false => own(&id, &["results"], rest),
            },
            ("iteration", "item" | "index") => return self.of_iteration(reader, of, path),
            ("loop", _) => {
                let name = self.loop_variable(of, first)?;
                own("variable", &[&name], rest)
            }
            ("human-input", "__action_id" | "__rendered_content") => return None,
            ("human-input", _) => own(&id, &["data"], path),
            ("tool", _) => {
                let (node, ours) = tools::output(of, first)?;
                let node = if node { self.outcome_of(of) } else { id };
                own(&node, ours, rest)
            }
            _ => return None,
        })
    }

    /// A field of the input. Dify knows more of a file than ours say.
    fn input_of(&mut self, reader: &Step<'_>, start: &Step<'_>, path: &[String]) -> Text {
        let is_named = |variable: &&Value| text(variable.get("variable")) == path[0];
        let variable = start.list("variables").iter().find(is_named);
        let is_file = variable.is_some_and(|variable| text(variable.get("type")) == "file");
        match path {
            [name, field, ..] if is_file => match file_field(field) {
                Some(field) => own("api", &[input_name(name), field], &[]),
                None => self.nothing(reader, path),
            },
            [name, rest @ ..] => own("api", &[input_name(name)], rest),
            [] => Text::default(),
        }
    }

    /// The node behind that of a step, which leaves what the step leaves in Dify.
    pub(super) fn outcome_of(&mut self, step: &Step<'_>) -> String {
        let source = format!("{}#outcome", step.id());
        if let Some(id) = self.draft.ids.of(&source) {
            return id.to_owned();
        }
        let wanted = format!("{}_outcome", self.id(step));
        self.draft.ids.claim(&source, &wanted)
    }

    pub(super) fn end(&mut self, step: &Step<'_>) {
        let mut values = Map::new();
        for output in step.list("outputs") {
            let Some(name) = filled(output.get("variable")) else { continue };
            let value = self.value(step, &selector_of(output.get("value_selector")));
            values.insert(name.to_owned(), value);
        }
        let id = self.id(step);
        let node = match values.is_empty() {
            true => Node::new(id, "template").with("template", ""),
            false => Node::new(id, "output").with("values", values),
        };
        self.add(step, node);
    }

    /// An answer of a chat. The workflow returns them all, joined.
    pub(super) fn reply(&mut self, step: &Step<'_>) {
        let answer = self.template(step, &step.text("answer"));
        let answer = self.draft.only_text(&answer);
        let node = Node::new(self.id(step), "template").with("template", answer);
        self.add(step, node);
    }

    /// The first variable that is there, of all or of each group.
    pub(super) fn aggregator(&mut self, step: &Step<'_>) {
        let settings = step.object("advanced_settings");
        let is_grouped = crate::json::is_true(settings.get("group_enabled"));
        let mut code = Text::literal("return { ");
        let groups: Vec<(String, &[Value])> = match is_grouped {
            false => vec![("output".to_owned(), step.list("variables"))],
            true => items(settings.get("groups"))
                .iter()
                .map(|group| (text(group.get("group_name")), items(group.get("variables"))))
                .collect(),
        };
        for (at, (name, variables)) in groups.iter().enumerate() {
            code.append(Text::literal(if at > 0 { ", " } else { "" }));
            let name = crate::js::string(name);
            code.append(Text::literal(match is_grouped {
                true => format!("{name}: {{ output: "),
                false => "output: ".to_owned(),
            }));
            for variable in *variables {
                let value = self.expression(step, &selector_of(Some(variable)));
                code.append(value);
                code.append(Text::literal(" ?? "));
            }
            code.append(Text::literal(if is_grouped { "null }" } else { "null" }));
        }
        code.append(Text::literal(" }"));
        let code = self.draft.javascript(&code);
        self.add(step, Node::new(self.id(step), "function").with("code", code));
    }
}

/// `node.fields.rest`.
fn own(node: &str, fields: &[&str], rest: &[String]) -> Text {
    let fields = fields.iter().map(|field| PathStep::Field((*field).to_owned()));
    let path: Vec<PathStep> = fields.chain(steps(rest)).collect();
    Text::reference(node, &path)
}
