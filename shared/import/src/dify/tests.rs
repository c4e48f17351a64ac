//! What each type of node becomes, by its exact document.

use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Value, json};

use crate::{Import, Options, import};

/// An app whose nodes follow each other, between a start and an end.
fn app(mode: &str, nodes: &[Value]) -> Value {
    let variables = json!([
        { "variable": "text", "type": "paragraph", "required": true },
        { "variable": "list", "type": "array", "required": false },
        { "variable": "paper", "type": "file", "required": false },
        { "variable": "papers", "type": "file-list", "required": false },
        { "variable": "n", "type": "number", "required": false },
    ]);
    let mut all = vec![json!({ "id": "1", "data": { "type": "start", "variables": variables } })];
    all.extend(nodes.iter().cloned());
    let outer: Vec<&str> = all
        .iter()
        .filter(|node| node.get("parentId").is_none())
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    let edges: Vec<Value> =
        outer.windows(2).map(|pair| json!({ "source": pair[0], "target": pair[1] })).collect();
    json!({
        "kind": "app", "version": "0.3.0", "app": { "name": "Trial", "mode": mode },
        "workflow": { "graph": { "nodes": all, "edges": edges } },
    })
}

fn imported(app: &Value) -> Import {
    let imported = import(app.to_string().as_bytes(), &Options::default());
    let imported = imported.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let document = Document::parse(&imported.workflows[0].document.to_string()).unwrap();
    let (_, problems) = Workflow::compile(&document);
    let is_error = |problem: &flowgate_engine::Problem| problem.severity == Severity::Error;
    let errors: Vec<_> = problems.into_iter().filter(is_error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{:#}", imported.workflows[0].document);
    imported
}

/// The document's nodes, and what the report says, as a snapshot of this name.
fn check(name: &str, app: &Value) {
    let imported = imported(app);
    let mut shown = String::new();
    for node in imported.workflows[0].document["nodes"].as_array().unwrap() {
        shown.push_str(&format!("{}\n", serde_json::to_string_pretty(node).unwrap()));
    }
    for field in ["input", "variables", "schedule", "output"] {
        if let Some(value) = imported.workflows[0].document.get(field).filter(|_| field != "input")
        {
            shown.push_str(&format!("{field}: {value}\n"));
        }
    }
    for entry in imported.report.entries.iter().filter(|entry| !entry.notes.is_empty()) {
        let (kind, notes) = (&entry.kind, entry.notes.join("; "));
        shown.push_str(&format!("{:?} {kind}: {notes}\n", entry.outcome));
    }
    insta::assert_snapshot!(name, shown);
}

fn node(id: &str, data: Value) -> Value {
    json!({ "id": id, "data": data })
}

fn inside(id: &str, container: &str, data: Value) -> Value {
    let mut data = data;
    data["iteration_id"] = container.into();
    json!({ "id": id, "parentId": container, "data": data })
}

fn end(selector: &[&str]) -> Value {
    let outputs = json!([{ "variable": "result", "value_selector": selector }]);
    node("9", json!({ "type": "end", "outputs": outputs }))
}

fn model() -> Value {
    json!({ "provider": "langgenius/google/google", "name": "gemini-2.5-pro", "mode": "chat",
        "completion_params": { "temperature": 0.5, "top_k": 3, "stop": ["x"] } })
}

#[test]
fn a_model_has_its_prompts_and_parameters() {
    let prompts = json!([
        { "role": "system", "text": "Be brief. <b.c> {{NAME}}" },
        { "role": "user", "text": "Shorten {{#1.text#}}" },
    ]);
    let retry = json!({ "retry_enabled": true, "max_retries": 2, "retry_interval": 500 });
    let default = json!([{ "key": "text", "type": "string", "value": "none" }]);
    let data = json!({ "type": "llm", "title": "Brief", "model": model(), "retry_config": retry,
        "prompt_template": prompts, "error_strategy": "default-value", "default_value": default });
    check("llm", &app("workflow", &[node("2", data), end(&["2", "text"])]));
}

#[test]
fn a_chat_remembers_by_its_conversation() {
    let data = json!({ "type": "llm", "model": model(),
        "prompt_template": [{ "role": "system", "text": "Turn {{#sys.dialogue_count#}}" }],
        "memory": { "window": { "enabled": true, "size": 10 } } });
    let answer = node("3", json!({ "type": "answer", "answer": "So: {{#2.text#}}" }));
    check("chat", &app("advanced-chat", &[node("2", data), answer]));
}

#[test]
fn a_condition_compares_as_dify_does() {
    let condition = |selector: Value, operator: &str, value: &str| {
        let mut condition = json!({ "variable_selector": selector, "value": value });
        condition["comparison_operator"] = operator.into();
        condition
    };
    let first = json!({ "case_id": "true", "logical_operator": "and", "conditions": [
        condition(json!(["1", "text"]), "contains", "a"),
        condition(json!(["1", "n"]), "≥", "3"),
    ]});
    let second = json!({ "case_id": "5c1", "logical_operator": "or", "conditions": [
        condition(json!(["1", "text"]), "is not", "{{#1.text#}}!"),
        condition(json!(["1", "paper", "extension"]), "in", "[\".pdf\"]"),
    ]});
    let mut app = app(
        "workflow",
        &[node("2", json!({ "type": "if-else", "cases": [first, second] })), end(&["2", "result"])],
    );
    app["workflow"]["graph"]["edges"] = json!([
        { "source": "1", "target": "2" },
        { "source": "2", "sourceHandle": "5c1", "target": "9" },
        { "source": "2", "sourceHandle": "false", "target": "9" },
    ]);
    check("if_else", &app);
}

#[test]
fn code_is_called_with_its_variables() {
    let python = json!({ "type": "code", "code_language": "python3",
        "code": "import time\ndef main(a, b):\n    time.sleep(1)\n    return {'x': a + '<d.e>'}",
        "outputs": { "x": { "type": "string" } },
        "variables": [{ "variable": "a", "value_selector": ["1", "text"] },
            { "variable": "b", "value_selector": ["sys", "user_id"] }] });
    let script = json!({ "type": "code", "code_language": "javascript",
        "code": "function main({ x }) { return { y: x } }",
        "variables": [{ "variable": "x", "value_selector": ["2", "x"] }] });
    let network = json!({ "type": "code", "code_language": "python3", "variables": [],
        "code": "import requests\ndef main():\n    return requests.get('x')" });
    check(
        "code",
        &app(
            "workflow",
            &[node("2", python), node("3", script), node("4", network), end(&["3", "y"])],
        ),
    );
}

#[test]
fn templates_become_references_or_javascript() {
    let variables = json!([{ "variable": "a", "value_selector": ["1", "text"] },
        { "variable": "l", "value_selector": ["1", "list"] }]);
    let template = |id: &str, template: &str| {
        node(
            id,
            json!({ "type": "template-transform", "template": template,
            "variables": variables }),
        )
    };
    check(
        "template",
        &app(
            "workflow",
            &[
                template("2", "{{ a }}: {{l[0].b}} {#x#}\n"),
                template(
                    "3",
                    "{% for x in l -%}\n{{ loop.index }}. {{ x.name | default('-') }}\n{% endfor %}\
                     {% if a and not l %}none{% else %}{{ l | length }}{% endif %}",
                ),
                template("4", "{% macro x() %}{% endmacro %}"),
                template("5", "{{ l }}"),
                end(&["3", "output"]),
            ],
        ),
    );
}

#[test]
fn a_request_reads_text_and_hides_keys() {
    let authorization = json!({ "type": "api-key",
        "config": { "type": "basic", "api_key": "user:word" } });
    let body = json!({ "type": "json", "data": [
        { "type": "text", "value": "{\"q\": \"{{#1.text#}}\", \"n\": 1}" }] });
    let request = json!({ "type": "http-request", "method": "post", "ssl_verify": false,
        "url": "https://api.example.org/v1/{{#1.text#}}", "headers": "X-A: 1\n\nX-B:{{#1.n#}}",
        "params": "page:2", "authorization": authorization, "body": body,
        "timeout": { "read": 30 } });
    let raw = json!({ "type": "http-request", "method": "put", "url": "https://example.org",
        "body": { "type": "json", "data": "{\"n\": {{#1.n#}}}" },
        "error_strategy": "fail-branch" });
    let form = json!({ "type": "http-request", "method": "POST", "url": "https://example.org",
        "body": { "type": "form-data", "data": [
            { "key": "a", "type": "text", "value": "{{#1.text#}}" },
            { "key": "f", "type": "file", "file": ["1", "paper"] }] } });
    check(
        "http_request",
        &app(
            "workflow",
            &[node("2", request), node("3", raw), node("4", form), end(&["2", "body"])],
        ),
    );
}

#[test]
fn an_iteration_leaves_what_dify_leaves() {
    let iteration = json!({ "type": "iteration", "iterator_selector": ["1", "list"],
        "output_selector": ["3", "parts"], "start_node_id": "2s", "is_parallel": true,
        "parallel_nums": 4, "error_handle_mode": "remove-abnormal-output" });
    let code = json!({ "type": "code", "code": "def main(x):\n    return {'parts': [x]}",
        "outputs": { "parts": { "type": "array[string]" } },
        "variables": [{ "variable": "x", "value_selector": ["2", "item"] }] });
    let start = json!({ "type": "iteration-start" });
    let mut app = app(
        "workflow",
        &[
            node("2", iteration),
            inside("2s", "2", start),
            inside("3", "2", code),
            end(&["2", "output"]),
        ],
    );
    let edges = app["workflow"]["graph"]["edges"].as_array_mut().unwrap();
    edges.push(json!({ "source": "2s", "target": "3" }));
    check("iteration", &app);
}

#[test]
fn a_loop_has_variables_and_ends_early() {
    let variables = json!([{ "label": "sum", "var_type": "number", "value_type": "constant",
        "value": "0" }]);
    let breaks = json!([{ "variable_selector": ["2", "sum"], "comparison_operator": "≥",
        "value": "10" }]);
    let outer = json!({ "type": "loop", "loop_count": 5, "loop_variables": variables,
        "break_conditions": breaks, "logical_operator": "and", "start_node_id": "2s" });
    let assign = json!({ "type": "assigner", "version": "2", "items": [
        { "variable_selector": ["2", "sum"], "operation": "+=", "input_type": "constant",
            "value": 4 }] });
    let mut app = app(
        "workflow",
        &[
            node("2", outer),
            inside("2s", "2", json!({ "type": "loop-start" })),
            inside("3", "2", assign),
            end(&["2", "sum"]),
        ],
    );
    let edges = app["workflow"]["graph"]["edges"].as_array_mut().unwrap();
    edges.push(json!({ "source": "2s", "target": "3" }));
    check("loop", &app);
}

#[test]
fn a_conversation_keeps_its_variables() {
    let mut app = app(
        "advanced-chat",
        &[
            node(
                "2",
                json!({ "type": "assigner", "write_mode": "append",
            "assigned_variable_selector": ["conversation", "topics"],
            "input_variable_selector": ["sys", "query"] }),
            ),
            node(
                "3",
                json!({ "type": "assigner", "items": [
            { "variable_selector": ["conversation", "topics"], "operation": "remove-first" },
            { "variable_selector": ["conversation", "name"], "operation": "over-write",
                "input_type": "variable", "value": ["sys", "query"] },
            { "variable_selector": ["sys", "query"], "operation": "clear" }] }),
            ),
            node("4", json!({ "type": "answer", "answer": "{{#conversation.name#}}" })),
        ],
    );
    app["workflow"]["conversation_variables"] = json!([
        { "name": "topics", "value": [], "value_type": "array[string]" },
        { "name": "name", "value": "", "value_type": "string" },
    ]);
    check("assigner", &app);
}

#[test]
fn what_is_found_and_chosen_keeps_its_names() {
    let classes = json!([{ "id": "a1", "name": "Billing" }, { "id": "b2", "name": "Other" }]);
    let parameters = json!([
        { "name": "city", "type": "string", "description": "The city", "required": true },
        { "name": "days", "type": "array[number]" }]);
    let mut app = app(
        "workflow",
        &[
            node(
                "2",
                json!({ "type": "question-classifier", "model": model(), "classes": classes,
            "query_variable_selector": ["1", "text"] }),
            ),
            node(
                "3",
                json!({ "type": "parameter-extractor", "model": model(),
            "parameters": parameters, "query": ["1", "text"], "instruction": "Of today" }),
            ),
            node(
                "4",
                json!({ "type": "knowledge-retrieval", "title": "Handbook",
            "query_variable_selector": ["3", "city"],
            "multiple_retrieval_config": { "top_k": 3, "score_threshold": 0.4 } }),
            ),
            node(
                "5",
                json!({ "type": "llm", "model": model(),
            "context": { "enabled": true, "variable_selector": ["4", "result"] },
            "prompt_template": [{ "role": "user", "text": "{{#context#}} {{#2.class_name#}}" }] }),
            ),
            end(&["5", "text"]),
        ],
    );
    app["workflow"]["graph"]["edges"][1]["sourceHandle"] = "a1".into();
    check("models", &app);
}

#[test]
fn lists_and_documents_are_read() {
    let operator = json!({ "type": "list-operator", "variable": ["1", "papers"],
        "filter_by": { "enabled": true, "conditions": [
            { "key": "extension", "comparison_operator": "is", "value": ".pdf" }] },
        "order_by": { "enabled": true, "key": "size", "value": "desc" },
        "limit": { "enabled": true, "size": 2 } });
    check(
        "lists",
        &app(
            "workflow",
            &[
                node("2", operator),
                node(
                    "3",
                    json!({ "type": "document-extractor", "variable_selector": ["2", "result"],
            "is_array_file": true }),
                ),
                node(
                    "4",
                    json!({ "type": "document-extractor", "variable_selector": ["1", "paper"] }),
                ),
                node(
                    "5",
                    json!({ "type": "variable-aggregator",
            "variables": [["4", "text"], ["3", "text"]] }),
                ),
                end(&["5", "output"]),
            ],
        ),
    );
}

#[test]
fn tools_with_a_counterpart_are_called() {
    let tool = |id: &str, provider: &str, name: &str, parameters: Value| {
        node(
            id,
            json!({ "type": "tool", "provider_name": provider, "tool_name": name,
            "tool_parameters": parameters, "tool_configurations": {} }),
        )
    };
    let text = json!({ "type": "mixed", "value": "{{#1.text#}}" });
    check(
        "tools",
        &app(
            "workflow",
            &[
                tool("2", "time", "current_time", json!({})),
                tool("3", "langgenius/jina_tool/jina_tool", "jina_reader", json!({ "url": text })),
                tool("4", "tavily", "tavily_search", json!({ "query": text })),
                tool("5", "acme", "do", json!({ "a": text })),
                end(&["4", "text"]),
            ],
        ),
    );
    let spoken = json!({ "text": text, "model": "groq#playai", "voice#groq#playai": "Fritz" });
    let elsewhere = json!({ "text": text, "model": "siliconflow#cosy" });
    let heard = json!({ "model": "langgenius/openai/openai#whisper-1",
        "audio_file": { "type": "variable", "value": ["1", "paper"] } });
    let translated = json!({ "content": text, "dest": "en" });
    check(
        "voices",
        &app(
            "workflow",
            &[
                tool("2", "audio", "tts", spoken),
                tool("3", "audio", "tts", elsewhere),
                tool("4", "langgenius/audio/audio", "asr", heard),
                tool("5", "audio", "tts", json!({ "text": text, "model": "tongyi#tts-1" })),
                tool("6", "google_translate", "translate", translated),
                end(&["6", "text"]),
            ],
        ),
    );
}

#[test]
fn an_input_named_input_has_another_name() {
    let mut app = app("workflow", &[end(&["1", "input"])]);
    app["workflow"]["graph"]["nodes"][0]["data"]["variables"] =
        json!([{ "variable": "input", "type": "text-input", "required": true }]);
    let imported = imported(&app);
    let document = &imported.workflows[0].document;
    assert_eq!(document["input"][0]["name"], "input_value");
    assert!(document["nodes"].to_string().contains("<api.input_value>"), "{document:#}");
    assert_eq!((imported.report.unsupported, imported.report.approximated), (0, 1));
}

#[test]
fn modules_of_python_stand_before_the_code() {
    let code = "import random, time\ndef main(n):\n    return {'at': time.time(), \
                'one': random.choice([n])}";
    let code = json!({ "type": "code", "code_language": "python3", "code": code,
        "variables": [{ "variable": "n", "value_selector": ["1", "n"] }] });
    let imported = imported(&app("workflow", &[node("2", code), end(&["2", "one"])]));
    let nodes = imported.workflows[0].document["nodes"].as_array().unwrap();
    let [seed, python, ..] = nodes.as_slice() else { panic!("{nodes:#?}") };
    assert_eq!((&seed["id"], &seed["type"]), (&json!("2_seed"), &json!("random")));
    let written = python["code"].as_str().unwrap();
    assert!(written.starts_with("from datetime import datetime as _now"), "{written}");
    assert!(written.contains("int(<2_seed.value>.replace("), "{written}");
    assert!(written.contains("\nrandom = _random; time = _time\ndef main(n):"), "{written}");
    assert_eq!((imported.report.unsupported, imported.report.approximated), (0, 1));
}

#[test]
fn what_nothing_leads_to_is_a_note() {
    let mut app = app(
        "workflow",
        &[
            node("2", json!({ "type": "template-transform", "template": "a", "variables": [] })),
            end(&["3", "text"]),
        ],
    );
    let nodes = app["workflow"]["graph"]["nodes"].as_array_mut().unwrap();
    nodes.push(node("3", json!({ "type": "llm", "title": "Alone", "model": model() })));
    nodes.push(json!({ "id": "4", "type": "custom-note", "data": { "type": "",
        "text": "{\"root\":{\"children\":[{\"children\":[{\"text\":\"a\"}]},\
            {\"text\":\"b\"}]}}" } }));
    let edges = app["workflow"]["graph"]["edges"].as_array_mut().unwrap();
    edges.push(json!({ "source": "77", "target": "2" }));
    check("unreached", &app);
}

#[test]
fn an_app_without_a_graph_is_a_model() {
    let form = json!([{ "paragraph": { "variable": "tone", "label": "Tone", "required": true } }]);
    check(
        "model_config",
        &json!({
            "app": { "mode": "chat", "name": "Talk" },
            "model_config": {
                "model": model(), "pre_prompt": "Be {{tone}}.", "user_input_form": form,
            },
        }),
    );
}

#[test]
fn secrets_of_the_environment_stay_out_of_the_document() {
    let mut app = app(
        "workflow",
        &[
            node(
                "2",
                json!({ "type": "http-request", "method": "get",
            "url": "{{#env.base#}}/x", "headers": "X-Key:{{#env.api_key#}}" }),
            ),
            node(
                "3",
                json!({ "type": "template-transform", "template": "{{ k }}",
            "variables": [{ "variable": "k", "value_selector": ["env", "api_key"] }] }),
            ),
            end(&["2", "status_code"]),
        ],
    );
    app["workflow"]["environment_variables"] = json!([
        { "name": "base", "value": "https://example.org", "value_type": "string" },
        { "name": "api_key", "value": "0123456789abcdef", "value_type": "string" },
    ]);
    check("environment", &app);
    assert!(!imported(&app).workflows[0].document.to_string().contains("0123456789abcdef"));
}

#[test]
fn broken_files_are_refused_with_all_their_problems() {
    let check = |app: Value, expected: &[&str]| {
        let problems = import(app.to_string().as_bytes(), &Options::default()).unwrap_err();
        let found: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        assert_eq!(found, expected);
    };
    let nodes = json!([{ "id": "1", "data": { "type": "start" } }, { "data": { "type": "end" } },
        { "id": "1", "data": { "type": "end" } }]);
    check(
        json!({ "workflow": { "graph": { "nodes": nodes, "edges": [] } } }),
        &[
            "/workflow/graph/nodes/1: a node needs an `id` and `data`",
            "/workflow/graph/nodes/2: the id `1` comes twice",
        ],
    );
    check(
        json!({ "kind": "rag_pipeline" }),
        &[": a pipeline that fills a knowledge base; only apps can be imported"],
    );
    check(
        json!({ "app": { "mode": "chat" }, "model_config": {} }),
        &[": the app has neither a graph nor a model"],
    );
}

#[test]
fn no_value_of_any_field_panics() {
    let odd = [
        json!(null),
        json!(true),
        json!(-1.5e300),
        json!("{{#"),
        json!("{{#a.b#}}\u{0}é"),
        json!([]),
        json!([["x"], { "a": [null] }]),
        json!({ "a": { "b": [1] } }),
        json!("{% if"),
    ];
    let kinds = [
        "start",
        "end",
        "answer",
        "llm",
        "question-classifier",
        "parameter-extractor",
        "agent",
        "code",
        "template-transform",
        "if-else",
        "http-request",
        "iteration",
        "loop",
        "variable-aggregator",
        "assigner",
        "document-extractor",
        "list-operator",
        "knowledge-retrieval",
        "human-input",
        "tool",
        "trigger-schedule",
        "trigger-webhook",
    ];
    let fields = [
        "variables",
        "outputs",
        "answer",
        "model",
        "prompt_template",
        "classes",
        "parameters",
        "agent_parameters",
        "code",
        "template",
        "cases",
        "conditions",
        "url",
        "body",
        "headers",
        "authorization",
        "iterator_selector",
        "output_selector",
        "loop_count",
        "loop_variables",
        "break_conditions",
        "items",
        "variable_selector",
        "filter_by",
        "memory",
        "query",
        "tool_parameters",
        "retry_config",
        "default_value",
        "timeout",
        "title",
        "context",
        "structured_output",
        "vision",
        "user_actions",
        "inputs",
        "visual_config",
    ];
    for kind in kinds {
        for value in &odd {
            let data = fields.iter().map(|field| ((*field).to_owned(), value.clone()));
            let mut data: serde_json::Map<String, Value> = data.collect();
            data.insert("type".to_owned(), kind.into());
            let app = app("advanced-chat", &[node("2", data.into()), end(&["2", "x"])]);
            let _ = import(app.to_string().as_bytes(), &Options::default());
        }
    }
}

#[test]
fn a_file_cannot_make_much_more_of_itself() {
    let template = "{{#env.long#}}".repeat(2_000) + &"{{#".repeat(20_000) + "#}}";
    let mut app = app(
        "workflow",
        &[
            node(
                "2",
                json!({ "type": "llm", "model": model(),
            "prompt_template": [{ "role": "user", "text": template }] }),
            ),
            end(&["2", "text"]),
        ],
    );
    app["workflow"]["environment_variables"] =
        json!([{ "name": "long", "value": "x".repeat(1 << 20), "value_type": "string" }]);
    let imported = import(app.to_string().as_bytes(), &Options::default());
    let size = imported.map_or(0, |imported| imported.workflows[0].document.to_string().len());
    assert!(size < 8 << 20, "{size}");
}

#[test]
fn an_edge_by_an_unknown_handle_leads_nowhere() {
    let case = json!({ "case_id": "a", "logical_operator": "and", "conditions": [] });
    let which = node("2", json!({ "type": "if-else", "cases": [case] }));
    let code = |id: &str| {
        node(
            id,
            json!({ "type": "code", "code_language": "javascript",
        "code": "function main() { return {} }", "outputs": {}, "variables": [] }),
        )
    };
    let mut app = app("workflow", &[which, code("3"), code("4")]);
    let edge = |a: &str, on: &str, b: &str| json!({ "source": a, "sourceHandle": on, "target": b });
    app["workflow"]["graph"]["edges"] =
        json!([edge("1", "source", "2"), edge("2", "a", "3"), edge("2", "b", "4")]);
    let imported = imported(&app);
    let nodes = imported.workflows[0].document["nodes"].as_array().unwrap();
    assert_eq!(nodes.iter().find(|node| node["id"] == "4").unwrap()["type"], "note");
    let which = imported.report.entries.iter().find(|entry| entry.node == "2").unwrap();
    assert!(which.notes.iter().any(|note| note.contains("`b`")), "{which:?}");
}

#[test]
fn a_key_where_no_secret_may_stand_is_masked_and_becomes_none() {
    let prompts = json!([{ "role": "user", "text": "say sk-0123456789abcdef0" }]);
    let data = json!({ "type": "llm", "model": model(), "prompt_template": prompts });
    let imported = imported(&app("workflow", &[node("2", data), end(&["2", "text"])]));
    assert_eq!(imported.workflows[0].document["nodes"][0]["prompt"], "say ***");
    assert!(imported.secrets.is_empty(), "{:?}", imported.secrets);
}

#[test]
fn an_iteration_does_not_count_failures_that_are_caught_inside() {
    let http = |id: &str, strategy: Value| {
        let mut data = json!({ "type": "http-request", "method": "get", "url": "https://x.org" });
        data["error_strategy"] = strategy;
        inside(id, "2", data)
    };
    let iteration = node(
        "2",
        json!({ "type": "iteration", "iterator_selector": ["1", "list"],
        "output_selector": ["3", "body"], "error_handle_mode": "remove-abnormal-output" }),
    );
    let nodes =
        [iteration, http("3", Value::Null), http("4", "fail-branch".into()), end(&["2", "output"])];
    let imported = imported(&app("workflow", &nodes));
    let nodes = imported.workflows[0].document["nodes"].as_array().unwrap();
    let iteration = nodes.iter().find(|node| node["id"] == "2").unwrap();
    assert_eq!(iteration["result"]["errors"], json!(["<3.error>"]));
}
