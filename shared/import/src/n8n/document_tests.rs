//! What files of n8n become, as documents.

use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Value, json};

use crate::{Import, Options, Outcome, import};

fn imported(nodes: Value, connections: Value) -> Import {
    let file = json!({ "name": "Trial", "nodes": nodes, "connections": connections });
    let found = import(file.to_string().as_bytes(), &Options::default());
    let found = found.unwrap_or_else(|problems| panic!("{problems:#?}"));
    for workflow in &found.workflows {
        let document = Document::parse(&workflow.document.to_string()).unwrap();
        let (_, problems) = Workflow::compile(&document);
        let errors: Vec<_> =
            problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{:#}", workflow.document);
    }
    found
}

fn node(name: &str, kind: &str, version: f64, parameters: Value) -> Value {
    let kind = format!("n8n-nodes-base.{kind}");
    json!({ "name": name, "type": kind, "typeVersion": version, "parameters": parameters })
}

/// Connects each name with those behind it, output by output.
fn lines(pairs: &[(&str, &[&[&str]])]) -> Value {
    let end = |name: &&str| json!({ "node": name, "type": "main", "index": 0 });
    let slots = |outputs: &[&[&str]]| -> Value {
        outputs.iter().map(|names| names.iter().map(end).collect::<Value>()).collect()
    };
    let all =
        pairs.iter().map(|(from, outputs)| (from.to_string(), json!({ "main": slots(outputs) })));
    Value::Object(all.collect())
}

fn nodes(found: &Import) -> &Vec<Value> {
    found.workflows[0].document["nodes"].as_array().unwrap()
}

fn by_id<'a>(list: &'a [Value], id: &str) -> &'a Value {
    list.iter()
        .find(|node| node["id"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(id)))
        .unwrap_or_else(|| panic!("{id}: {list:#?}"))
}

#[test]
fn what_callers_send_is_the_input_and_items_are_references() {
    let found = imported(
        json!([
            node("Hook", "webhook", 2.0, json!({ "path": "orders", "httpMethod": "POST" })),
            node(
                "Edit Fields",
                "set",
                3.4,
                json!({ "assignments": { "assignments": [
                { "name": "who.name", "type": "string", "value": "={{ $json.body.name }}" },
                { "name": "text", "type": "string", "value": "=Hi {{ $json.body.name }}!" },
                { "name": "n", "type": "number", "value": "5" },
            ] } })
            ),
            node(
                "Answer",
                "respondToWebhook",
                1.1,
                json!({ "respondWith": "json",
                "responseBody": "={ \"a\": \"{{ $json.who.name }}\", \
                                 \"b\": {{ $('Edit Fields').item.json.n }} }" })
            ),
        ]),
        lines(&[("Hook", &[&["Edit Fields"]]), ("Edit Fields", &[&["Answer"]])]),
    );
    assert_eq!(found.workflows[0].id, "orders");
    let set = by_id(nodes(&found), "edit_fields");
    let expected =
        json!({ "who": { "name": "<api.input.name>" }, "text": "Hi <api.input.name>!", "n": 5 });
    assert_eq!(set["value"], expected);
    let answer = by_id(nodes(&found), "answer");
    assert_eq!(
        answer["data"],
        json!({ "a": "<edit_fields.value.who.name>", "b": "<edit_fields.value.n>" })
    );
    assert_eq!(answer["after"], json!(["edit_fields"]));
}

#[test]
fn many_items_run_in_one_loop() {
    let found = imported(
        json!([
            node("Start", "manualTrigger", 1.0, json!({})),
            node("Get", "httpRequest", 4.2, json!({ "url": "https://example.com/list" })),
            node("Split", "splitOut", 1.0, json!({ "fieldToSplitOut": "items" })),
            node(
                "One",
                "httpRequest",
                4.2,
                json!({ "url": "=https://example.com/{{ $json.id }}" })
            ),
            node(
                "Two",
                "set",
                3.4,
                json!({ "assignments": { "assignments": [
                { "name": "x", "type": "string", "value": "={{ $('Split').item.json.name }}" },
                { "name": "y", "type": "string", "value": "={{ $json.y }}" }] } })
            ),
            node("All", "aggregate", 1.0, json!({ "aggregate": "aggregateAllItemData" })),
        ]),
        lines(&[
            ("Start", &[&["Get"]]),
            ("Get", &[&["Split"]]),
            ("Split", &[&["One"]]),
            ("One", &[&["Two"]]),
            ("Two", &[&["All"]]),
        ]),
    );
    let list = nodes(&found);
    let each = by_id(list, "each_One");
    assert_eq!(each["each"], "<Split.result>");
    let inner = each["nodes"].as_array().unwrap();
    assert_eq!(by_id(inner, "one")["url"], "https://example.com/<loop.item.id>");
    assert_eq!(
        by_id(inner, "two")["value"],
        json!({ "x": "<loop.item.name>", "y": "<One.data.y>" })
    );
    assert_eq!(each["result"], json!({ "out1": "<Two.value>" }));
    assert!(by_id(list, "all")["code"].as_str().unwrap().contains("<All_items.result>"));
}

#[test]
fn branches_hand_on_the_item_as_it_is() {
    let found = imported(
        json!([
            node("Hook", "webhook", 2.0, json!({ "path": "x", "httpMethod": "POST" })),
            node(
                "Check",
                "if",
                2.2,
                json!({ "conditions": { "combinator": "and", "conditions": [
                { "leftValue": "={{ $json.body.n }}", "rightValue": 3,
                  "operator": { "type": "number", "operation": "gt" } }] } })
            ),
            node(
                "Yes",
                "set",
                3.4,
                json!({ "assignments": { "assignments": [
                { "name": "a", "type": "string", "value": "={{ $json.body.n }}" }] } })
            ),
            node("No", "set", 3.4, json!({ "assignments": { "assignments": [] } })),
        ]),
        lines(&[("Hook", &[&["Check"]]), ("Check", &[&["Yes"], &["No"]])]),
    );
    let list = nodes(&found);
    let check = by_id(list, "check");
    assert_eq!(check["branches"][0]["if"], "<Check_values.result.v1> == true");
    assert_eq!(by_id(list, "yes")["after"], json!(["Check.true"]));
    assert_eq!(by_id(list, "yes")["value"], json!({ "a": "<api.input.n>" }));
    assert_eq!(by_id(list, "no")["after"], json!(["Check.false"]));
}

#[test]
fn batches_and_circles_are_loops() {
    let found = imported(
        json!([
            node("Start", "manualTrigger", 1.0, json!({})),
            node(
                "List",
                "code",
                2.0,
                json!({ "jsCode": "return [1, 2].map(n => ({ json: { n } }))" })
            ),
            node("Loop", "splitInBatches", 3.0, json!({})),
            node(
                "Body",
                "httpRequest",
                4.2,
                json!({ "url": "=https://example.com/{{ $json.n }}" })
            ),
            node("Wait", "wait", 1.1, json!({ "amount": 2 })),
            node("Look", "httpRequest", 4.2, json!({ "url": "https://example.com/state" })),
            node(
                "Ready",
                "if",
                2.2,
                json!({ "conditions": { "combinator": "and", "conditions": [
                { "leftValue": "={{ $json.state }}", "rightValue": "done",
                  "operator": { "type": "string", "operation": "equals" } }] } })
            ),
            node(
                "End",
                "set",
                3.4,
                json!({ "assignments": { "assignments": [
                { "name": "s", "type": "string", "value": "={{ $json.state }}" }] } })
            ),
        ]),
        lines(&[
            ("Start", &[&["List", "Wait"]]),
            ("List", &[&["Loop"]]),
            ("Loop", &[&[], &["Body"]]),
            ("Body", &[&["Loop"]]),
            ("Wait", &[&["Look"]]),
            ("Look", &[&["Ready"]]),
            ("Ready", &[&["End"], &["Wait"]]),
        ]),
    );
    let list = nodes(&found);
    let batches = by_id(list, "loop_2");
    assert_eq!(batches["each"], "<List.result>");
    assert_eq!(batches["nodes"][0]["url"], "https://example.com/<loop.item.n>");
    assert_eq!(batches["result"], json!({ "item": "<Body.data>" }));
    let repeat = by_id(list, "repeat_wait");
    assert_eq!(repeat["until"], "<loop.last.next> == null");
    assert!(repeat["result"]["next"].as_str().unwrap().ends_with(".value>"), "{repeat:#}");
}

#[test]
fn what_is_unknown_throws_and_is_said() {
    let found = imported(
        json!([
            node("Start", "manualTrigger", 1.0, json!({})),
            node("Odd", "odd", 1.0, json!({ "a": "b" }))
        ]),
        lines(&[("Start", &[&["Odd"]])]),
    );
    let odd = by_id(nodes(&found), "odd");
    assert!(odd["code"].as_str().unwrap().starts_with("throw new Error("));
    let entry = found.report.entries.iter().find(|entry| entry.name == "Odd").unwrap();
    assert_eq!(entry.outcome, Outcome::Unsupported);
}

#[test]
fn connections_to_nowhere_are_problems() {
    let file = json!({
        "nodes": [node("Start", "manualTrigger", 1.0, json!({}))],
        "connections": { "Start": { "main": [[{ "node": "Gone" }]] }, "0815": { "main": [] } },
    });
    let problems = import(file.to_string().as_bytes(), &Options::default()).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:#?}");
}

/// Every operation that is mapped exists in the connector, with its fields and its item.
#[test]
fn mappings_name_what_connectors_have() {
    for (kind, resource, operations) in [
        ("slack", "message", "post update delete"),
        ("slack", "channel", "getAll history replies"),
        ("slack", "reaction", "add"),
        ("telegram", "message", "sendMessage sendPhoto sendDocument editMessageText deleteMessage"),
        ("telegram", "message", "sendChatAction"),
        ("telegram", "file", "get"),
        ("gmail", "message", "send reply get getAll addLabels removeLabels markAsRead delete"),
        ("gmail", "draft", "create"),
        ("gmail", "label", "getAll"),
        ("googleSheets", "sheet", "read append update appendOrUpdate"),
        ("googleDrive", "file", "download createFromText copy move deleteFile list"),
        ("googleDrive", "folder", "create"),
        ("googleCalendar", "event", "create update get getAll delete"),
        ("airtable", "record", "search get create update deleteRecord"),
        ("notion", "databasePage", "getAll create update get"),
        ("notion", "page", "create archive search"),
        ("notion", "block", "append getAll"),
        ("discord", "message", "send getAll"),
        ("github", "issue", "create get createComment"),
        ("github", "repository", "getIssues"),
        ("github", "file", "get create"),
        ("supabase", "row", "create get update delete"),
        ("hubspot", "contact", "upsert getAll get"),
        ("wordpress", "post", "create update get getAll"),
    ] {
        for operation in operations.split(' ') {
            let file = all_parameters(kind, resource, operation);
            let found = import(file.to_string().as_bytes(), &Options::default()).unwrap();
            let entry = found.report.entries.iter().find(|entry| entry.name == "Call").unwrap();
            let is_fault = |note: &&String| {
                note.contains("has no field") || note.contains("is empty in the file")
            };
            let faults: Vec<_> = entry.notes.iter().filter(is_fault).collect();
            assert!(faults.is_empty(), "{kind} {resource} {operation}: {faults:?}");
            assert_ne!(entry.outcome, Outcome::Unsupported, "{kind} {resource} {operation}");
            let document = Document::parse(&found.workflows[0].document.to_string()).unwrap();
            let (_, problems) = Workflow::compile(&document);
            let is_fault = |problem: &&flowgate_engine::Problem| {
                problem.severity == Severity::Error && problem.message.contains("has no field")
            };
            let faults: Vec<_> = problems.iter().filter(is_fault).collect();
            assert!(faults.is_empty(), "{kind} {resource} {operation}: {faults:?}");
        }
    }
}

fn all_parameters(kind: &str, resource: &str, operation: &str) -> Value {
    let names = "channelId text ts timestamp name chatId file messageId action fileId message \
        sendTo subject labelIds documentId sheetName folderId content calendar eventId start end \
        base table id filterByFormula pageId databaseId blockId title owner repository issueNumber \
        body filePath fileContent commitMessage tableId email contactId postId";
    let mut parameters: serde_json::Map<String, Value> =
        names.split_whitespace().map(|name| (name.to_owned(), "1".into())).collect();
    parameters.insert("resource".into(), resource.into());
    parameters.insert("operation".into(), operation.into());
    let row = json!({ "value": { "a": "1", "id": "rec1" }, "matchingColumns": ["id"] });
    parameters.insert("columns".into(), row);
    parameters.insert("blockUi".into(), json!({ "blockValues": [{ "textContent": "x" }] }));
    parameters.insert("additionalFields".into(), json!({ "content": "x" }));
    let select = json!([{ "key": "State|select", "selectValue": "x" }]);
    parameters.insert("propertiesUi".into(), json!({ "propertyValues": select }));
    let filter = json!([{ "keyName": "id", "condition": "eq", "keyValue": "1" }]);
    parameters.insert("filters".into(), json!({ "conditions": filter, "q": "x" }));
    let field = json!([{ "fieldId": "a", "fieldValue": "1" }]);
    parameters.insert("fieldsUi".into(), json!({ "fieldValues": field }));
    json!({ "name": "x", "nodes": [
        node("Start", "manualTrigger", 1.0, json!({})),
        node("Call", kind, 2.2, parameters.into()),
        node("After", "set", 3.4, json!({ "assignments": { "assignments": [
            { "name": "item", "type": "object", "value": "={{ $json }}" }] } })),
    ], "connections": lines(&[("Start", &[&["Call"]]), ("Call", &[&["After"]])]) })
}
