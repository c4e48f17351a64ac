//! Files that mean harm, or are broken: all problems at once, in bounded time, without a panic.

use std::time::{Duration, Instant};

use flowgate_engine::{Document, Workflow};
use flowgate_import::{Options, import};
use serde_json::{Value, json};

use crate::Case;
use crate::drive::*;

pub(crate) const CASES: &[Case] = &[
    ("hostile: a thousand nodes", thousand_nodes),
    ("hostile: too many nodes", too_many_nodes),
    ("hostile: connections to nowhere", nowhere),
    ("hostile: wrong types", wrong_types),
    ("hostile: circles", circles),
    ("hostile: deep values", deep_values),
    ("hostile: huge expression", huge_expression),
    ("hostile: many lines", many_lines),
];

const MOST: Duration = Duration::from_secs(20);

/// Imports and compiles, or refuses: in time.
fn survives(file: &Value) -> Result<usize, Vec<String>> {
    let started = Instant::now();
    let found = import(file.to_string().as_bytes(), &Options::default());
    let found = found.map_err(|problems| problems.into_iter().map(|one| one.message).collect());
    if let Ok(import) = &found {
        for workflow in &import.workflows {
            if let Ok(document) = Document::parse(&workflow.document.to_string()) {
                let _ = Workflow::compile(&document);
            }
        }
    }
    assert!(started.elapsed() < MOST, "{:?}", started.elapsed());
    found.map(|import| import.workflows.len())
}

fn chain_of(count: usize) -> Value {
    let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
    let nodes = names.iter().map(|name| set(name, &[("a", "={{ $json.a + 1 }}")]));
    file(std::iter::once(hook()).chain(nodes), &format!("Hook > {}", names.join(" > ")))
}

fn thousand_nodes() {
    assert_eq!(survives(&chain_of(200)), Ok(1));
    let problems = survives(&chain_of(900)).unwrap_err();
    assert!(problems[0].contains("500 at most"), "{problems:?}");
}

fn too_many_nodes() {
    let problems = survives(&chain_of(1_200)).unwrap_err();
    assert!(problems[0].contains("1201 steps"), "{problems:?}");
}

fn nowhere() {
    let mut file = file([hook()], "Hook > A; Hook > B.7; C > Hook; M ~ai_tool> Hook");
    file["nodes"]
        .as_array_mut()
        .unwrap()
        .extend([json!({ "name": "x" }), json!({ "type": "a.b" })]);
    let problems = survives(&file).unwrap_err();
    assert_eq!(problems.len(), 6, "all at once: {problems:#?}");
}

fn wrong_types() {
    let odd = [json!(null), json!(7), json!("x"), json!([[]]), json!({ "a": [1] }), json!(true)];
    for value in &odd {
        for kind in [
            "set",
            "if",
            "switch",
            "code",
            "httpRequest",
            "merge",
            "splitInBatches",
            "aggregate",
            "splitOut",
            "wait",
            "respondToWebhook",
            "executeWorkflow",
            "filter",
        ] {
            let mut odd_node = node("Odd", kind, 2.0, value.clone());
            odd_node["typeVersion"] = value.clone();
            let names = [
                "conditions",
                "rules",
                "assignments",
                "options",
                "jsCode",
                "url",
                "mode",
                "fieldToSplitOut",
                "amount",
                "workflowId",
                "responseBody",
                "batchSize",
            ];
            let all = names.map(|name| (name.to_owned(), value.clone()));
            let full = node("Full", kind, 3.0, Value::Object(all.into_iter().collect()));
            let file = file([hook(), odd_node, full], "Hook > Odd > Full");
            let _ = survives(&file);
        }
    }
    for value in odd {
        let _ = survives(&json!({ "nodes": value, "connections": value }));
        let _ = survives(&json!({ "nodes": [hook()], "connections": { "Hook": value } }));
        let slots = json!({ "Hook": { "main": [value] } });
        let _ = survives(&json!({ "nodes": [hook()], "connections": slots, "settings": value }));
    }
}

fn circles() {
    let names: Vec<String> = (0..200).map(|at| format!("n{at}")).collect();
    let nodes = names.iter().map(|name| set(name, &[("a", "1")]));
    let mut lines = "Hook > n0".to_owned();
    for at in 0..200 {
        for to in [(at + 1) % 200, (at * 7 + 3) % 200, at] {
            lines.push_str(&format!("; n{at} > n{to}"));
        }
    }
    let _ = survives(&file(std::iter::once(hook()).chain(nodes), &lines));
}

fn deep_values() {
    let deep = |count: usize| (0..count).fold(json!("={{ $json.a }}"), |inner, _| json!([inner]));
    for count in [50, 120] {
        let parameters = json!({ "mode": "raw", "jsonOutput": deep(count) });
        let _ = survives(&file([hook(), node("Set", "set", 3.4, parameters)], "Hook > Set"));
    }
}

fn huge_expression() {
    for piece in ["a + ", "(", "{ a: ", "`${", "$json.a[", "'", "/", "$('x')."] {
        let code = format!("={{{{ {} }}}}", piece.repeat(20_000));
        let test = when(&code, "string", "equals", json!(code));
        let nodes = [
            hook(),
            set("Set", &[("a", &code)]),
            node("If", "if", 2.2, test),
            super::drive::code("Code", &code),
        ];
        let _ = survives(&file(nodes, "Hook > Set > If > Code"));
    }
}

fn many_lines() {
    let names: Vec<String> = (0..60).map(|at| format!("n{at}")).collect();
    let nodes = names.iter().map(|name| set(name, &[("a", "={{ $json.a }}")]));
    let mut lines = "Hook > n0".to_owned();
    for at in 0..60 {
        for to in at + 1..60 {
            lines.push_str(&format!("; n{at} > n{to}"));
        }
    }
    let _ = survives(&file(std::iter::once(hook()).chain(nodes), &lines));
}
