//! The systems whose files can be read, and which of them a file is of.

use std::fmt;

use flowgate_engine::Problem;
use serde::Serialize;
use serde_json::Value;

use crate::content::Content;
use crate::{Importing, Root, aiflow, dify, gptbots, n8n, problem, sim};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    Sim,
    AiFlow,
    Gptbots,
    Dify,
    N8n,
}

impl System {
    pub const ALL: [Self; 5] = [Self::Sim, Self::AiFlow, Self::Gptbots, Self::Dify, Self::N8n];

    fn is_of(self, root: &Value) -> bool {
        match self {
            Self::Sim => sim::is_sim(root),
            Self::AiFlow => aiflow::is_aiflow(root),
            Self::Gptbots => gptbots::is_gptbots(root),
            Self::Dify => dify::is_dify(root),
            Self::N8n => n8n::is_n8n(root),
        }
    }

    pub(crate) fn read(self, root: &Root<'_>, importing: &mut Importing<'_>) {
        match self {
            Self::Sim => sim::read(root, importing),
            Self::AiFlow => aiflow::read(root, importing),
            Self::Gptbots => gptbots::read(root, importing),
            Self::Dify => dify::read(root, importing),
            Self::N8n => n8n::read(root, importing),
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sim => "Sim",
            Self::AiFlow => "AI-Flow",
            Self::Gptbots => "GPTBots",
            Self::Dify => "Dify",
            Self::N8n => "n8n",
        })
    }
}

/// Finds the system of a file by its content, and where in it the workflow stands.
pub(crate) fn detect(content: &Content) -> Result<(System, Root<'_>), Vec<Problem>> {
    let candidates = content.candidates();
    for root in &candidates {
        if let Some(system) = System::ALL.into_iter().find(|system| system.is_of(root.value)) {
            return Ok((system, root.clone()));
        }
    }
    Err(vec![problem("", unknown(candidates[0].value))])
}

/// Says what a file is that cannot be imported.
fn unknown(root: &Value) -> String {
    let has = |path: &str| root.pointer(path).is_some();
    let other = if has("/openapi") || has("/swagger") {
        "an OpenAPI document"
    } else if has("/nodes/0/data/inputParams") || has("/nodes/0/data/inputAnchors") {
        "a flow of Flowise"
    } else if has("/data/nodes") && has("/data/edges") {
        "a flow of Langflow"
    } else if has("/flow") && has("/name") {
        "a scenario of Make"
    } else if has("/nodes/0/id") && has("/nodes/0/type") && !has("/connections") {
        return "this seems to be a document of Flowgate, which needs no import".into();
    } else {
        return "the file is of no known system: Sim, AI-Flow, GPTBots, Dify, n8n".into();
    };
    format!(
        "this seems to be {other}; files of Sim, AI-Flow, GPTBots, Dify and n8n can be imported"
    )
}
