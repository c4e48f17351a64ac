//! Which importer reads which type of node, and what cannot be imported.

use super::flow::Flow;
use super::graph::Step;
use super::{agents, code, jinja, lists, model, tools};

/// Why a step cannot become anything that does the same. Follows from the step alone, since
/// references to it are read in another way then.
pub(super) fn obstacle(step: &Step<'_>) -> Option<String> {
    match step.kind() {
        "code" => code::obstacle(step),
        "template-transform" => jinja::obstacle(&step.text("template")),
        "llm" | "question-classifier" | "parameter-extractor" => model::obstacle(step),
        "agent" => agents::obstacle(step),
        "tool" => tools::obstacle(step),
        "human-input" => lists::human_obstacle(step),
        "http-request" => super::http::obstacle(step),
        "start"
        | "end"
        | "answer"
        | "if-else"
        | "iteration"
        | "iteration-start"
        | "loop"
        | "loop-start"
        | "loop-end"
        | "assigner"
        | "variable-assigner"
        | "note"
        | "variable-aggregator"
        | "document-extractor"
        | "list-operator"
        | "knowledge-retrieval" => None,
        kind if kind.starts_with("trigger-") => None,
        kind => Some(format!("`{kind}` has no counterpart")),
    }
}

impl<'a> Flow<'a, '_, '_> {
    pub(super) fn convert(&mut self, step: &Step<'a>) {
        match step.kind() {
            "end" => self.end(step),
            "answer" => self.reply(step),
            "llm" => self.llm(step),
            "question-classifier" => self.classifier(step),
            "parameter-extractor" => self.extractor(step),
            "agent" => self.agent(step),
            "code" => self.code(step),
            "template-transform" => self.transform(step),
            "if-else" => self.condition(step),
            "http-request" => self.http(step),
            "iteration" => self.iteration(step),
            "loop" => self.repeat(step),
            "loop-end" => self.loop_end(step),
            // An old name of the aggregator, too.
            "variable-assigner" | "variable-aggregator" => self.aggregator(step),
            "assigner" => self.assigner(step),
            "document-extractor" => self.documents(step),
            "list-operator" => self.list_operator(step),
            "knowledge-retrieval" => self.knowledge(step),
            "human-input" => self.human(step),
            _ => self.tool(step),
        }
    }
}
