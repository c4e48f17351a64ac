//! Nodes that ask a model. What hangs on such a node (a model, a memory, tools, a parser) becomes
//! its settings.

mod agent;
mod http_tool;
mod model;
mod schema;
mod tasks;
mod tools;
mod vendor;

use super::flow::{Flow, Out};
use super::kinds;

pub(super) fn is_ai(kind: &str) -> bool {
    let known = matches!(
        kind,
        "agent"
            | "chainLlm"
            | "chainSummarization"
            | "informationExtractor"
            | "textClassifier"
            | "sentimentAnalysis"
            | "openAi"
            | "lc:openAi"
            | "chainRetrievalQa"
            | "googleGemini"
            | "anthropic"
    );
    known || kind.starts_with("vectorStore")
}

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    match flow.current().kind.as_str() {
        "agent" | "chainLlm" => agent::read(flow),
        "chainSummarization" => tasks::summary(flow),
        "informationExtractor" => tasks::extractor(flow),
        "textClassifier" | "sentimentAnalysis" => tasks::classifier(flow),
        "openAi" | "lc:openAi" | "googleGemini" | "anthropic" => vendor::read(flow),
        "chainRetrievalQa" => kinds::unsupported(flow, "answers out of a store of another system"),
        _ => kinds::unsupported(flow, "a store of vectors of another system"),
    }
}
