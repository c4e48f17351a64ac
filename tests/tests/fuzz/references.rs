//! References and templates: a value arrives as it is, and is never read again as a template.

use std::sync::Arc;

use flowgate_engine::{Document, ENGINE, Outcome, Run, RunStart, Step, Workflow};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::budget::fuzz;
use crate::words::odd_text;

/// Returns what a workflow of one template leaves; `None` if it does not compile or fails.
fn rendered(template: &Value, input: Value) -> Option<Value> {
    let document = json!({
        "input": [{ "name": "x", "type": "string" }],
        "nodes": [{ "id": "say", "type": "template", "template": template }],
        "output": { "said": "<say.content>" }
    });
    let document = Document::parse(&document.to_string()).ok()?;
    let workflow = Arc::new(Workflow::compile(&document).0?);
    let start = RunStart {
        run_id: "run_1".into(),
        started_at_ms: 1_000,
        input: Arc::new(input),
        engine: ENGINE,
        spending_limit: flowgate_engine::SpendingLimit::default(),
    };
    let mut run = Run::new(workflow, start);
    while !matches!(run.step(), Step::Done) {}
    match run.outcome()? {
        Outcome::Succeeded { output } => Some(output["said"].clone()),
        _ => None,
    }
}

#[test]
fn values_are_never_read_as_templates() {
    let texts = (odd_text(12), odd_text(12));
    fuzz("values_are_never_read_as_templates", &texts, |(one, other)| {
        let input = json!({ "x": format!("{one}<say.content>{{{{SECRET}}}}{other}") });
        let said = rendered(&json!("before <api.x> after"), input.clone());
        let whole = format!("before {} after", input["x"].as_str().unwrap());
        prop_assert_eq!(said, Some(Value::from(whole)));
        prop_assert_eq!(rendered(&json!("<api.x>"), input.clone()), Some(input["x"].clone()));
        Ok(())
    });
}

/// Any text compiles to itself or to problems; where it holds `<api.x>`, only that is replaced.
#[test]
fn templates_replace_references_and_nothing_else() {
    let text = "[^<{]{0,20}";
    fuzz("templates_replace_references_and_nothing_else", &(text, text), |(before, after)| {
        let said = rendered(&json!(format!("{before}<api.x>{after}")), json!({ "x": "value" }));
        let expected = if before.is_empty() && after.is_empty() {
            "value".to_owned()
        } else {
            format!("{before}value{after}")
        };
        prop_assert_eq!(said, Some(Value::from(expected)));
        Ok(())
    });
}

#[test]
fn templates_of_any_text() {
    fuzz("templates_of_any_text", &odd_text(40), |text| {
        // Whatever it is, it ends; a secret or an unknown node is a problem.
        let _ = rendered(&json!(text), json!({ "x": "value" }));
        Ok(())
    });
}
