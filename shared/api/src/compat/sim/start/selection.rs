//! `selectedOutputs`: which outputs of which blocks a caller wants streamed.

use flowgate_engine::Workflow;
use serde_json::Value;

use crate::compat::sim::record::follow;

/// One output of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) block_id: String,
    /// Empty for all that the block leaves.
    pub(super) path: String,
}

/// What an agent says while it goes on is this output of it.
const SPOKEN: &str = "content";

/// `name.path` and `id.path` (split at the first dot), `id_path`, or an id alone. What names no
/// block selects nothing.
pub(super) fn resolve(selectors: &[String], workflow: &Workflow) -> Vec<Selected> {
    let mut selected = Vec::new();
    for selector in selectors {
        let found = dotted(selector, workflow).or_else(|| by_id(selector, workflow));
        match found {
            Some(found) if !selected.contains(&found) => selected.push(found),
            Some(_) => {}
            None => tracing::debug!(selector, "a selected output names no block"),
        }
    }
    selected
}

impl Selected {
    pub(super) fn is_spoken(&self) -> bool {
        self.path.is_empty() || self.path == SPOKEN
    }

    /// As it is streamed: text as it is, all else as indented JSON. `None` where there is no such
    /// output.
    pub(super) fn text(&self, output: &Value) -> Option<String> {
        match follow(output, &self.path)? {
            Value::String(text) => Some(text.clone()),
            other => serde_json::to_string_pretty(other).ok(),
        }
    }
}

fn dotted(selector: &str, workflow: &Workflow) -> Option<Selected> {
    let (name, path) = selector.split_once('.')?;
    let node = workflow.find_node(name)?;
    Some(Selected { block_id: node.id.clone(), path: path.to_owned() })
}

/// The longest id that the selector begins with: ids may have underscores themselves.
fn by_id(selector: &str, workflow: &Workflow) -> Option<Selected> {
    let rest = |id: &str| match selector.strip_prefix(id)? {
        "" => Some(""),
        rest => rest.strip_prefix('_'),
    };
    let node = workflow
        .nodes()
        .filter(|node| rest(&node.id).is_some())
        .max_by_key(|node| node.id.len())?;
    Some(Selected { block_id: node.id.clone(), path: rest(&node.id)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use flowgate_engine::document::Document;
    use serde_json::json;

    use super::*;

    const DOCUMENT: &str = r#"
nodes:
  - { id: 7b7735b9-19e5-4bd6-818b-46aae2596e9f, name: Agent 1, type: agent, model: offline/echo, prompt: hello }
  - { id: look_up, type: template, template: x }
  - { id: look, type: template, template: x }
"#;

    fn check(selector: &str, expected: Option<(&str, &str)>) {
        let (workflow, problems) = Workflow::compile(&Document::parse(DOCUMENT).unwrap());
        let workflow = workflow.unwrap_or_else(|| panic!("{problems:?}"));
        let found = resolve(&[selector.to_owned()], &workflow);
        let found = found.first().map(|found| (found.block_id.as_str(), found.path.as_str()));
        assert_eq!(found, expected, "{selector}");
    }

    #[test]
    fn blocks_are_named_by_name_or_id() {
        const AGENT: &str = "7b7735b9-19e5-4bd6-818b-46aae2596e9f";
        check("agent1.content", Some((AGENT, "content")));
        check("AGENT 1.tokens.total", Some((AGENT, "tokens.total")));
        check(&format!("{AGENT}_content"), Some((AGENT, "content")));
        check(&format!("{AGENT}.content"), Some((AGENT, "content")));
        check(&format!("{AGENT}_data.items"), Some((AGENT, "data.items")));
        check(AGENT, Some((AGENT, "")));
        check("look_up.content", Some(("look_up", "content")));
        check("look_up", Some(("look_up", "")));
        check("look_content", Some(("look", "content")));
    }

    #[test]
    fn what_names_no_block_selects_nothing() {
        check("agent_1.content", None);
        check("agent1", None);
        check("nobody.content", None);
        check("", None);
    }

    #[test]
    fn outputs_are_found_by_path_and_sent_as_text() {
        let output = json!({ "content": "hi", "data": { "items": [{ "n": 1 }, { "n": 2 }] } });
        let text =
            |path: &str| Selected { block_id: String::new(), path: path.to_owned() }.text(&output);
        assert_eq!(text("content").unwrap(), "hi");
        assert_eq!(text("data.items[1].n").unwrap(), "2");
        assert_eq!(text("data.items.0").unwrap(), "{\n  \"n\": 1\n}");
        assert_eq!(text("data.items[7].n"), None);
        assert_eq!(text("content.x"), None);
        assert!(text("").unwrap().starts_with("{\n  \"content\": \"hi\""));
    }
}
