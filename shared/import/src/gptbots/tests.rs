use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Value, json};

use crate::{Import, Options, Outcome, import};

fn file(nodes: Value, edges: Value) -> Value {
    json!({ "formatVersion": "1.0", "exportType": "WORKFLOW", "exportTime": 1_764_000_000_000_u64,
            "name": "Demo", "botType": "Workflow",
            "workflow": { "workflowNodes": nodes, "workflowEdges": edges } })
}

fn edge(from: &str, handle: &str, to: &str) -> Value {
    json!({ "id": format!("{from}{to}"), "sourceNodeID": from, "targetNodeID": to,
            "sourceHandle": handle, "targetHandle": format!("target-{to}") })
}

fn imported(file: &Value) -> Import {
    let import = import(file.to_string().as_bytes(), &Options::default()).unwrap();
    let text = import.workflows[0].document.to_string();
    let (_, problems) = Workflow::compile(&Document::parse(&text).unwrap());
    let errors: Vec<_> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{:#}", import.workflows[0].document);
    import
}

fn node<'i>(import: &'i Import, id: &str) -> &'i Value {
    let nodes = import.workflows[0].document["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["id"] == id).unwrap()
}

#[test]
fn branches_join_and_end() {
    let operand =
        |source: &str, value: &str| json!({ "source": source, "type": "STRING", "value": value });
    let nodes = json!([
        { "id": "s", "name": "Start", "type": "START", "outputs": [
            { "id": "q", "name": "q", "type": "STRING", "required": true, "desc": "what" },
            { "id": "n", "name": "n", "type": "INTEGER" }] },
        { "id": "c", "name": "Which", "type": "CONDITION",
            "conditionParam": { "conditionBranches": [
            { "type": "IF", "sourceHandle": "h-if", "logicOperator": "AND", "conditions": [
                { "leftOperand": operand("NODE", "s#q#q"), "operator": "eq",
                    "rightOperand": operand("DIRECT", "a") }] },
            { "type": "ELSE", "sourceHandle": "h-else", "conditions": [] }] } },
        { "id": "t1", "name": "A", "type": "TEXT_PROCESS", "textProcessParam": { "mode": "JOIN",
            "joinText": "A:{{q}} {{zz}}" },
          "outputs": [{ "id": "t", "name": "t", "type": "STRING" }] },
        { "id": "t2", "name": "B", "type": "LLM", "llmParam": { "userPrompt": "B:{{x}}",
            "chatModelVersionId": "v" },
          "inputs": [{ "name": "x", "source": "NODE", "value": "s#n#n" }],
          "outputs": [{ "id": "t", "name": "t", "type": "STRING" }] },
        { "id": "g", "name": "First", "type": "VARIABLE_AGGREGATE",
            "variableAggregateParam": { "groups": [
            { "groupName": "r", "variables": [operand("NODE", "t1#t#t"), operand("NODE",
                "t2#t#t")] }] },
          "outputs": [{ "id": "r", "name": "r", "type": "STRING" }] },
        { "id": "e", "name": "End", "type": "END", "endParam": { "outputType": "TEXT",
            "outputText": "is {{r}}" } },
    ]);
    let edges = json!([
        edge("s", "source-s", "c"),
        edge("c", "h-if", "t1"),
        edge("c", "h-else", "t2"),
        edge("t1", "source-t1", "g"),
        edge("t2", "source-t2", "g"),
        edge("g", "source-g", "e"),
    ]);
    let import = imported(&file(nodes, edges));
    let document = &import.workflows[0].document;
    assert_eq!(
        document["input"][0],
        json!({ "name": "q", "type": "string", "description": "what" })
    );
    assert_eq!(document["input"][1]["default"], Value::Null);
    assert_eq!(document["output"], json!({ "output": "is <first.result.r>" }));
    assert_eq!(node(&import, "t1")["after"], json!(["c.case_1"]));
    assert_eq!(node(&import, "t1")["template"], "A:<api.q> <texts.t1>");
    assert_eq!(node(&import, "t2")["prompt"], "B:<api.n>");
    assert_eq!(node(&import, "g")["code"], "return {\"r\": <a.content> ?? <b.content> ?? null, }");
    let test = node(&import, "which_test")["code"].as_str().unwrap();
    assert!(test.contains("if (((a, b) => a == b)(<api.q>, \"a\")) return \"case_1\""), "{test}");
    assert_eq!(import.report.unsupported, 0, "{:#?}", import.report);
    assert_eq!(import.report.approximated, 1);
}

#[test]
fn loops_hold_their_subworkflows() {
    let inner = json!({ "workflowNodes": [
        { "id": "ls", "name": "In", "type": "START" },
        { "id": "f", "name": "Double", "type": "CODE", "codeParam": { "language": "JS",
            "code": "return params.x * 2" },
          "inputs": [{ "name": "x", "source": "NODE", "value": "l#item#1" }],
              "outputs": [{ "name": "y" }] },
        { "id": "b", "name": "Stop", "type": "BREAK" },
    ], "workflowEdges": [edge("ls", "x", "f"), edge("f", "x", "b")] });
    let nodes = json!([
        { "id": "s", "name": "Start", "type": "START", "outputs": [{ "name": "list",
            "type": "ARRAY_NUMBER", "required": true }] },
        { "id": "l", "name": "Each", "type": "LOOP", "loopParam": { "loopType": "ARRAY_BASED",
            "inputArrays": [{ "name": "item", "source": "NODE", "value": "s#list#1" }] },
                "subWorkflow": inner },
        { "id": "h", "name": "Call", "type": "HTTP",
            "httpParam": { "request": { "url": "https://x.org/{{all}}", "method": "post",
            "headers": [{ "key": "X-A", "value": "1" }, { "key": "Host", "value": "y" }],
                "body": { "type": "JSON", "content": "{\"n\": 1}" } } },
          "inputs": [{ "name": "all", "source": "NODE", "value": "l#out#1" }] },
        { "id": "e", "name": "End", "type": "END", "endParam": { "outputType": "VARIABLE" },
          "inputs": [{ "name": "status", "source": "NODE", "value": "h#statusCode#2" }] },
    ]);
    let edges = json!([edge("s", "x", "l"), edge("l", "x", "h"), edge("h", "x", "e")]);
    let import = imported(&file(nodes, edges));
    let list = node(&import, "l");
    assert_eq!(list["each"], "<api.list>");
    assert_eq!(
        list["nodes"][0]["code"],
        "const params = {\"x\": <loop.item>, }\nreturn params.x * 2"
    );
    assert_eq!(node(&import, "h")["url"], "https://x.org/<each.results>");
    assert_eq!(node(&import, "h")["headers"], json!({ "X-A": "1" }));
    assert_eq!(import.workflows[0].document["output"], json!({ "status": "<call.status>" }));
    let broken = import.report.entries.iter().find(|entry| entry.node == "b").unwrap();
    assert_eq!(broken.outcome, Outcome::Unsupported);
}

#[test]
fn broken_files_are_refused_with_all_problems() {
    let nodes =
        json!([{ "id": "a", "type": "START" }, { "id": "a", "type": "END" }, { "id": "x" }]);
    let broken = file(nodes, json!([edge("a", "x", "nowhere")]));
    let problems = import(broken.to_string().as_bytes(), &Options::default()).unwrap_err();
    let found: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        found,
        [
            "the id `a` comes twice",
            "a node needs an `id` and a `type`",
            "no node has the id `nowhere`"
        ]
    );
    let agent = json!({ "exportType": "BOT", "botType": "FlowAgent", "formatVersion": "1.0" });
    let problems = import(agent.to_string().as_bytes(), &Options::default()).unwrap_err();
    assert!(problems[0].message.contains("an agent, not a workflow"));
}

fn start() -> Value {
    json!({ "id": "s", "name": "Start", "type": "START" })
}

fn joined(id: &str, written: &str) -> Value {
    json!({ "id": id, "name": id, "type": "TEXT_PROCESS",
        "textProcessParam": { "mode": "JOIN", "joinText": written } })
}

#[test]
fn copies_of_an_input_are_bounded() {
    let mut many = joined("t", &"{{a}}".repeat(100_000));
    many["inputs"] = json!([{ "name": "a", "source": "DIRECT", "value": "x".repeat(1 << 20) }]);
    let bomb = file(json!([start(), many]), json!([edge("s", "x", "t")]));
    let problems = import(bomb.to_string().as_bytes(), &Options::default()).unwrap_err();
    assert!(problems[0].message.contains("bytes"), "{problems:?}");
}

#[test]
fn what_no_run_comes_to_is_a_note_and_an_unknown_handle_leads_nowhere() {
    let branches = json!([{ "type": "ELSE", "sourceHandle": "h-else", "conditions": [] }]);
    let condition = json!({ "id": "c", "name": "Which", "type": "CONDITION",
        "conditionParam": { "conditionBranches": branches } });
    let nodes =
        json!([start(), condition, joined("yes", "1"), joined("odd", "2"), joined("alone", "3")]);
    let edges =
        json!([edge("s", "x", "c"), edge("c", "h-else", "yes"), edge("c", "h-none", "odd")]);
    let import = imported(&file(nodes, edges));
    assert_eq!(node(&import, "yes")["after"], json!(["c.else"]));
    assert_eq!(node(&import, "odd")["type"], "note");
    assert_eq!(node(&import, "alone")["type"], "note");
    let which = import.report.entries.iter().find(|entry| entry.node == "c").unwrap();
    assert!(which.notes.iter().any(|note| note.contains("`h-none`")), "{which:?}");
}
