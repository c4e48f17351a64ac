//! Lists, documents, knowledge, and people.

use serde_json::{Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::read::selector_of;
use crate::draft::Node;
use crate::ids::slug;
use crate::json::{fields, filled, is_true, items, number, text};
use crate::text::Text;

/// A search of Dify leaves other names than ours.
const FOUND: &str = ".map((match) => ({ content: match.text, title: match.source, \
url: match.metadata?.url ?? \"\", icon: \"\", files: [], \
metadata: { ...match.metadata, score: match.score, document_name: match.source } }))";

impl<'a> Flow<'a, '_, '_> {
    /// Filter, one record, order, limit: in this order.
    pub(super) fn list_operator(&mut self, step: &Step<'a>) {
        let list = self.expression(step, &selector_of(step.data.get("variable")));
        let mut code = Text::literal("let list = ");
        code.append(list);
        code.append(Text::literal(" ?? []\n"));
        let filter = step.object("filter_by");
        if is_true(filter.get("enabled")) {
            for condition in items(filter.get("conditions")) {
                let test = self.of_item(step, condition);
                code.append(Text::literal("list = list.filter((item) => "));
                code.append(test);
                code.append(Text::literal(")\n"));
            }
        }
        let one = step.object("extract_by");
        if is_true(one.get("enabled")) {
            let serial = self.joined(step, &text(one.get("serial")));
            code.append(Text::literal("list = list.slice(Number("));
            code.append(serial.clone());
            code.append(Text::literal(") - 1, Number("));
            code.append(serial);
            code.append(Text::literal("))\n"));
        }
        let order = step.object("order_by");
        if is_true(order.get("enabled")) {
            let key = filled(order.get("key"))
                .map_or(String::new(), |key| format!("?.[{}]", crate::js::string(key)));
            let (less, more) = if text(order.get("value")) == "desc" { (1, -1) } else { (-1, 1) };
            code.append(Text::literal(format!(
                "const key = (item) => item{key}\n\
                 list = [...list].sort((a, b) => \
                 key(a) < key(b) ? {less} : key(a) > key(b) ? {more} : 0)\n"
            )));
        }
        let limit = step.object("limit");
        if is_true(limit.get("enabled")) {
            let size = number(limit.get("size")).unwrap_or(10.0).max(0.0) as u64;
            code.append(Text::literal(format!("list = list.slice(0, {size})\n")));
        }
        code.append(Text::literal(
            "return { result: list, first_record: list[0] ?? null, \
             last_record: list.at(-1) ?? null }",
        ));
        let code = self.with_operators(code);
        self.add(step, Node::new(self.id(step), "function").with("code", code));
    }

    fn of_item(&mut self, step: &Step<'a>, condition: &Value) -> Text {
        let key = text(condition.get("key"));
        let item = match key.is_empty() {
            true => "item".to_owned(),
            false => format!("fileField(item, {})", crate::js::string(&key)),
        };
        self.test_of(step, condition, Text::literal(item))
    }

    /// A file becomes its text, and a list of files the list of their texts.
    pub(super) fn documents(&mut self, step: &Step<'a>) {
        let id = self.id(step);
        let selector = selector_of(step.data.get("variable_selector"));
        let files = self.value(step, &selector);
        let note = "PDF, DOCX, XLSX, CSV, HTML and plain text are read";
        self.draft.entry(step.id()).note(note);
        if !step.is("is_array_file") {
            let node = Node::new(&id, "document").with("file", files);
            let node = self.failing(step, node, Some(json!({ "text": "" })));
            return self.add(step, node);
        }
        let read = self.beside(step, "read");
        let node =
            Node::new(&id, "loop").with("each", files).with("result", format!("<{read}.text>"));
        self.add(step, node);
        let document = Node::new(&read, "document").with("file", "<loop.item>");
        self.draft.add(step.id(), document.inside(Some(&id)));
    }

    /// A search in an index that is empty: the texts are not in the file.
    pub(super) fn knowledge(&mut self, step: &Step<'a>) {
        let id = self.id(step);
        let query = self.value(step, &selector_of(step.data.get("query_variable_selector")));
        let multiple = step.object("multiple_retrieval_config");
        let top = number(multiple.get("top_k")).unwrap_or(4.0).clamp(1.0, 50.0) as u64;
        let score = number(multiple.get("score_threshold"))
            .filter(|_| multiple.get("score_threshold_enabled") != Some(&Value::Bool(false)));
        let store = slug(&step.origin.name);
        let store = if store == "node" { slug(&id) } else { store };
        let node = Node::new(&id, "knowledge")
            .with("action", "search")
            .with("store", store.as_str())
            .with("model", "openai/text-embedding-3-small")
            .with("query", query)
            .with("top", top)
            .with_some("min_score", score.filter(|score| (-1.0..=1.0).contains(score)));
        self.add(step, node);
        let note = format!("fill the store `{store}`: the file does not have its texts");
        self.draft.entry(step.id()).approximated(note);
        let outcome = self.outcome_of(step);
        let code = format!(
            "const result = (<{id}.matches> ?? []){FOUND}\n\
             return {{ result, text: result.map((one) => one.content).join(\"\\n\") }}"
        );
        self.help(step, Node::new(&outcome, "function").with("code", code));
        self.chain(step, &[&id, &outcome]);
    }

    pub(super) fn human(&mut self, step: &Step<'a>) {
        let message = self.template(step, &step.text("form_content"));
        let message = self.draft.text(&message);
        let mut asked = Vec::new();
        for input in step.list("inputs") {
            let Some(name) = filled(input.get("output_variable_name")) else { continue };
            let default = fields(input.get("default"));
            let value = match text(default.get("type")).as_str() {
                "variable" => self.value(step, &selector_of(default.get("selector"))),
                _ => text(default.get("value")).into(),
            };
            asked.push(json!({ "name": name, "type": "string", "value": value }));
        }
        let timeout = number(step.data.get("timeout")).filter(|timeout| *timeout >= 1.0);
        let unit = if step.text("timeout_unit") == "day" { "d" } else { "h" };
        let timeout = timeout.map(|timeout| {
            let max = if unit == "d" { 30.0 } else { 720.0 };
            format!("{}{unit}", timeout.min(max) as u64)
        });
        if step.list("delivery_methods").iter().any(|method| text(method.get("type")) == "email") {
            let note = "it sends no mail; `webhook` can send the question to another server";
            self.draft.entry(step.id()).approximated(note);
        }
        let node = Node::new(self.id(step), "approval")
            .with("message", message)
            .with_some("fields", (!asked.is_empty()).then_some(asked))
            .with_some("timeout", timeout);
        self.add(step, node);
    }

    /// The context of a model: the texts that a search has found.
    pub(super) fn context(&mut self, step: &Step<'_>) -> Text {
        let context = step.object("context");
        let selector = selector_of(context.get("variable_selector"));
        let found = selector.first().and_then(|id| self.graph.step(id));
        match found.filter(|step| step.kind() == "knowledge-retrieval") {
            Some(found) if self.graph.is_reached(found.id()) => {
                let outcome = self.outcome_of(found);
                let path = ["result".to_owned(), "text".to_owned()];
                Text::reference(&outcome, &super::read::steps(&path))
            }
            _ if selector.is_empty() => Text::default(),
            _ => self.selected(step, &selector),
        }
    }
}

pub(super) fn human_obstacle(step: &Step<'_>) -> Option<String> {
    let actions = step.list("user_actions").len();
    (actions > 2).then(|| format!("{actions} answers to choose from; an approval has two"))
}

/// The branch of an approval that an edge follows.
pub(super) fn decision(step: &Step<'_>, handle: &str) -> Option<String> {
    let actions = step.list("user_actions");
    let at = actions.iter().position(|action| text(action.get("id")) == handle)?;
    Some(if at == 0 { "approved" } else { "rejected" }.to_owned())
}
