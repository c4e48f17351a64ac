//! Runs what the files say their operations do. The files are read when the test runs, so that an
//! author needs no compiler between two tries.

use super::*;
use crate::connector::tries::Try;
use crate::kind::agent::tests::turns::said;

/// What one run of an operation asked and left.
struct Tried {
    calls: Vec<HttpCall>,
    /// The output, or the code of the failure.
    left: Result<Value, String>,
}

/// Runs a workflow of one node, and answers its calls in turn.
fn run(workflow: &Arc<Workflow>, answers: &[Value]) -> Tried {
    let mut run = start(workflow, json!({}));
    let mut answers = answers.iter();
    let mut calls = Vec::new();
    loop {
        match run.step() {
            Step::Emit(_) | Step::Drop(_) => {}
            Step::Perform(id, call) => {
                let Action::Http(http) = &call.action else { panic!("{:?}", call.action) };
                let answer = answers.next().cloned().unwrap_or_else(|| json!({}));
                run.complete(&id, result_of(http, &answer), 1_000);
                calls.push(http.clone());
            }
            Step::Wait(_) => panic!("a call is open"),
            Step::Done => break,
        }
    }
    let left = match Run::outcome(&run).unwrap().clone() {
        Outcome::Succeeded { output } => Ok(output),
        Outcome::Failed { error, .. } => Err(error.code),
        other => panic!("{other:?}"),
    };
    Tried { calls, left }
}

/// Runs the operation as the tool of a model that calls it once, with all that a model can give.
fn run_as_tool(operation: &Operation, tried: &Try, own: &Value) -> Tried {
    let is_setting = |name: &str| operation.settings.iter().any(|setting| setting.name == name);
    let is_file = |name: &str| own_schema(operation, name)["format"] == "file";
    let (mut fixed, mut given) = (Map::new(), Map::new());
    let mut tool = json!({ "connector": operation.full_name(), "name": "it", "allow": "delete" });
    for (name, value) in tried.with.clone() {
        match name.as_str() {
            "login" => tool["login"] = value,
            name if is_setting(name) || is_file(name) => drop(fixed.insert(name.into(), value)),
            _ => {
                let value = operation.fitted(&name, value);
                given.insert(name, value);
            }
        }
    }
    tool["with"] = fixed.into();
    let agent = json!({
        "id": "step", "type": "agent", "model": "openai/m", "prompt": "x", "tools": [tool]
    });
    let document = json!({ "nodes": [agent], "connectors": [own] });
    let Ok(workflow) = compile(&document) else {
        return Tried { calls: Vec::new(), left: Err("invalid_field".to_owned()) };
    };
    let mut run = start(&workflow, json!({}));
    let mut answers = tried.calls.iter().map(|call| &call["answer"]);
    let (mut calls, mut left) = (Vec::new(), None);
    loop {
        match run.step() {
            Step::Perform(id, call) => {
                let result = match &call.action {
                    Action::Http(http) => {
                        calls.push(http.clone());
                        result_of(http, answers.next().unwrap_or(&Value::Null))
                    }
                    Action::Model(model) => {
                        left = said_by_tool(&serde_json::to_value(&model.messages).unwrap());
                        let asked = [("c", "it", given.clone().into())];
                        said("", if left.is_none() { &asked } else { &[] })
                    }
                    other => panic!("{other:?}"),
                };
                run.complete(&id, result, 1_000);
            }
            Step::Wait(_) => panic!("a call is open"),
            Step::Done => break,
            _ => {}
        }
    }
    Tried { calls, left: left.unwrap_or_else(|| Err(format!("{:?}", run.outcome()))) }
}

fn own_schema<'o>(operation: &'o Operation, name: &str) -> &'o Value {
    operation.properties().find(|(known, _)| *known == name).map_or(&Value::Null, |(_, it)| it)
}

/// What the model got of its call.
fn said_by_tool(messages: &Value) -> Option<Result<Value, String>> {
    let results = messages.as_array()?.last()?.get("results")?;
    let content = results[0]["content"].as_str()?;
    Some(match results[0]["is_error"] == true {
        false => Ok(serde_json::from_str(content).unwrap_or_else(|_| content.into())),
        true => {
            let code = content.trim_start_matches("error ").split(':').next().unwrap_or_default();
            // What does not fit is refused before the node runs.
            Err(code.replace("invalid_arguments", "invalid_field"))
        }
    })
}

fn document(operation: &str, with: &Map<String, Value>, own: &Value) -> Value {
    let mut node = json!({ "id": "step", "type": operation });
    node.as_object_mut().unwrap().extend(with.clone());
    json!({ "nodes": [node], "connectors": [own] })
}

/// Returns what is wrong with a try.
fn faults(operation: &Operation, tried: &Try, own: &Value) -> Vec<String> {
    let answers: Vec<Value> = tried.calls.iter().map(|call| call["answer"].clone()).collect();
    let document = document(&operation.full_name(), &tried.with, own);
    let mut faults = match compile(&document) {
        Ok(workflow) => faults_of_run(tried, &run(&workflow, &answers), false),
        // Refused where the author writes it.
        Err(_) if tried.fails.as_deref() == Some("invalid_field") && answers.is_empty() => {
            Vec::new()
        }
        Err(problems) => problems.into_iter().map(|problem| problem.message).collect(),
    };
    if faults.is_empty() {
        // The ids that it makes are others under another node.
        let makes_ids = own["operations"][&operation.name].to_string().contains("\"$key\"");
        let of_tool = faults_of_run(tried, &run_as_tool(operation, tried, own), makes_ids);
        faults.extend(of_tool.iter().map(|fault| format!("as an agent's tool: {fault}")));
    }
    faults
}

fn faults_of_run(tried: &Try, run: &Tried, makes_other_ids: bool) -> Vec<String> {
    // A try of a failure may leave the requests to the others.
    let is_compared = |call: &Value| tried.fails.is_none() || call.get("request").is_some();
    let mut faults = Vec::new();
    for (call, tried) in run.calls.iter().zip(&tried.calls).filter(|(_, it)| is_compared(it)) {
        match makes_other_ids {
            false => faults.extend(unlike(call, tried)),
            true if tried["request"]["method"] == call.method => {}
            true => faults.push(format!("the method is {}", call.method)),
        }
    }
    if run.calls.len() != tried.calls.len() {
        let urls: Vec<Value> = run.calls.iter().map(|call| json!(call)["url"].clone()).collect();
        faults.push(format!("{} calls expected, made: {urls:?}", tried.calls.len()));
    }
    match (&run.left, &tried.fails, &tried.leaves) {
        (Ok(output), None, Some(leaves)) if output != leaves && !makes_other_ids => {
            faults.push(format!("`leaves` is not what it leaves: {output}"));
        }
        (Ok(_), None, _) => {}
        (Err(code), Some(expected), _) if code == expected => {}
        (left, ..) => faults.push(format!("it ended otherwise: {left:?}")),
    }
    faults
}

/// Returns what a request has that its try does not name, or names otherwise. The login is sent as
/// `auth` says, and so are the hosts; a request without a login has `auth: none` in its try.
fn unlike(call: &HttpCall, tried: &Value) -> Vec<String> {
    let mut asked = serde_json::to_value(call).unwrap();
    let is_login = |field: &Rendered| matches!(field, Rendered::Text(pieces) if has_secret(pieces));
    let login = call.headers.iter().filter(|(_, value)| is_login(value)).map(|(name, _)| name);
    let login: Vec<String> = login.map(|name| name.to_ascii_lowercase()).collect();
    if login.is_empty() && call.basic.is_none() && !has_secret(&call.url.0) {
        asked["auth"] = "none".into();
    }
    let wanted = tried["request"].as_object().cloned().unwrap_or_default();
    let mut faults = Vec::new();
    for field in ["query", "headers", "form"] {
        let mut pairs = pairs_of(&asked[field]);
        let wanted = pairs_of(wanted.get(field).unwrap_or(&Value::Null));
        pairs.retain(|(name, _)| !login.contains(name) || wanted.iter().any(|it| it.0 == *name));
        if pairs != wanted {
            faults.push(format!("`{field}` of {} is {}", asked["url"], json!(pairs)));
        }
    }
    let must = ["method", "url", "links", "body", "multipart", "file", "pieces", "type", "auth"];
    let may =
        ["as", "accept", "hosts", "basic"].into_iter().filter(|name| wanted.contains_key(*name));
    for field in must.into_iter().chain(may) {
        if asked[field] != wanted.get(field).cloned().unwrap_or_default() {
            faults.push(format!("`{field}` of {} is {}", asked["url"], asked[field]));
        }
    }
    faults
}

fn has_secret(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Secret(_)))
}

/// Reads `{name: value | [values]}` or `[[name, value]]`, in the order of the names.
fn pairs_of(written: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut add = |name: &str, value: &Value| {
        for value in value.as_array().map_or(std::slice::from_ref(value), |values| values) {
            pairs.push((name.to_ascii_lowercase(), text_of(value)));
        }
    };
    match written {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| add(name, value)),
        Value::Array(list) => {
            list.iter().for_each(|pair| add(pair[0].as_str().unwrap_or_default(), &pair[1]));
        }
        _ => {}
    }
    pairs.sort();
    pairs
}

/// Returns all that is wrong with a file.
fn faults_of(file: &str, text: &str) -> Vec<String> {
    let (connector, problems) = parse(text);
    let Some(connector) = connector else {
        let shown =
            |it: &Problem| format!("{file}:{}: {} {}", it.line.unwrap_or(0), it.path, it.message);
        return problems.iter().map(shown).collect();
    };
    let own = Value::Object(Document::parse(text).unwrap().root().clone());
    let mut found = Vec::new();
    if connector.summary.is_empty() {
        found.push(format!("{file}: it has no summary"));
    }
    for operation in &connector.operations {
        let name = operation.full_name();
        let leaves = |tried: &Try| tried.fails.is_none() && tried.leaves.is_some();
        if !operation.tries.iter().any(leaves) {
            found.push(format!("{name}: no try that leaves something"));
        }
        for (at, tried) in operation.tries.iter().enumerate() {
            let faults = faults(operation, tried, &own);
            found.extend(faults.iter().map(|fault| format!("{name}: try {at}: {fault}")));
        }
    }
    found
}

#[test]
fn every_operation_does_what_its_tries_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../connectors");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        found.extend(faults_of(file, &std::fs::read_to_string(&path).unwrap()));
    }
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// Every part of the format.
#[test]
fn the_format_does_what_its_tries_say() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/connector/tests/format.yaml"
    ));
    let found = faults_of("format.yaml", &text.unwrap());
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// Each thing that a request has, a try must name.
#[test]
fn a_try_names_the_whole_request() {
    let check = |request: Value, expected: &[&str]| {
        let call = HttpCall {
            method: "POST".into(),
            url: RenderedUrl(vec![Piece::Text("https://a.example".into())]),
            query: vec![("q".into(), Rendered::Json("1".into()))],
            headers: vec![("X-Of".into(), Rendered::Json("2".into()))],
            body: Some(Body::Plain(Rendered::Json(json!({ "a": 1 })))),
            ..HttpCall::default()
        };
        let faults = unlike(&call, &json!({ "request": request }));
        let named: Vec<&str> = faults.iter().map(|it| it.split('`').nth(1).unwrap()).collect();
        assert_eq!(named, expected, "{request}");
    };
    let whole = json!({
        "method": "POST", "url": "https://a.example", "query": { "q": "1" },
        "headers": { "x-of": "2" }, "body": { "a": 1 }, "auth": "none"
    });
    check(whole.clone(), &[]);
    check(json!({}), &["query", "headers", "method", "url", "body", "auth"]);
    let mut other = whole;
    other["body"]["b"] = 2.into();
    other["query"]["r"] = "".into();
    other["form"] = json!({ "f": 1 });
    check(other, &["query", "form", "body"]);
}
