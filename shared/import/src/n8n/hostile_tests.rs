//! Files that would take all the memory, the stack or the time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::expression::{bare, literal, references, split};
use super::lexer;
use crate::{Import, Options, Outcome, Problem, import};

/// Imports on a small stack, as a server's thread has it, and in time.
fn imported(file: Value) -> Import {
    read_in_time(file).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The same for what may become too large a document.
fn read_in_time(file: Value) -> Result<Import, Vec<Problem>> {
    let work = move || {
        let begin = Instant::now();
        let found = import(file.to_string().as_bytes(), &Options::default());
        (found, begin.elapsed())
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap();
    let (found, took) = thread.join().unwrap();
    // What is not linear takes hours; a busy machine, seconds.
    assert!(took < Duration::from_secs(300), "{took:?}");
    found
}

fn node(name: &str, kind: &str, version: f64, parameters: Value) -> Value {
    json!({ "name": name, "type": kind, "typeVersion": version, "parameters": parameters })
}

fn start() -> Value {
    node("Start", "n8n-nodes-base.manualTrigger", 1.0, json!({}))
}

fn end(name: &str, kind: &str) -> Value {
    json!({ "node": name, "type": kind, "index": 0 })
}

/// A trigger, and the nodes in a row behind it.
fn row(nodes: Vec<Value>) -> Value {
    let all: Vec<Value> = std::iter::once(start()).chain(nodes).collect();
    let names: Vec<&str> = all.iter().map(|node| node["name"].as_str().unwrap()).collect();
    let lines = names.windows(2).map(|pair| {
        let main = json!({ "main": [[end(pair[1], "main")]] });
        (pair[0].to_owned(), main)
    });
    let lines: serde_json::Map<_, _> = lines.collect();
    json!({ "name": "Trial", "nodes": all, "connections": lines })
}

/// One node behind the trigger, and what hangs on nodes.
fn with_helpers(node: Value, helpers: &[(&str, &str, &str)], nodes: &[Value]) -> Value {
    let mut file = row(vec![node]);
    file["nodes"].as_array_mut().unwrap().extend(nodes.iter().cloned());
    for (helper, kind, owner) in helpers {
        let ends = &mut file["connections"][*helper][*kind];
        if ends.is_null() {
            *ends = json!([[]]);
        }
        ends[0].as_array_mut().unwrap().push(end(owner, kind));
    }
    file
}

fn set(value: &str) -> Value {
    let one = json!({ "name": "x", "type": "string", "value": value });
    node("Set", "n8n-nodes-base.set", 3.4, json!({ "assignments": { "assignments": [one] } }))
}

fn is_noted(found: &Import, name: &str, part: &str) -> bool {
    let mut entries = found.report.entries.iter().filter(|entry| entry.name == name);
    entries.any(|entry| entry.notes.iter().any(|note| note.contains(part)))
}

fn document_size(found: &Import) -> usize {
    found.workflows.iter().map(|workflow| workflow.document.to_string().len()).sum()
}

#[test]
fn many_dots_in_a_name_are_no_depth() {
    let named = |name: String| {
        let one = json!({ "name": name, "type": "number", "value": 1 });
        let parameters = json!({ "assignments": { "assignments": [one] } });
        let found = imported(row(vec![node("Set", "n8n-nodes-base.set", 3.4, parameters)]));
        found.workflows[0].document["nodes"][0]["value"].clone()
    };
    assert_eq!(named("a.b".into()), json!({ "a": { "b": 1 } }));
    let long = "a.".repeat(100_000);
    assert_eq!(named(long.clone())[&long], 1);
    let deepest = vec!["a"; 32].join(".");
    assert_eq!(
        named(deepest.clone()).pointer(&format!("/{}", deepest.replace('.', "/"))).unwrap(),
        1
    );
    let deeper = vec!["a"; 33].join(".");
    assert_eq!(named(deeper.clone())[&deeper], 1);
}

#[test]
fn paths_of_any_length_are_read() {
    let path = ".a".repeat(200_000);
    imported(row(vec![set(&format!("={{{{ $json{path} }}}}"))]));
    let html = json!({ "operation": "extractHtmlContent", "dataPropertyName": &path[1..],
        "extractionValues": { "values": [{ "key": "x", "cssSelector": "p" }] } });
    imported(row(vec![node("Page", "n8n-nodes-base.html", 1.2, html)]));
    let split = json!({ "fieldToSplitOut": &path[1..] });
    imported(row(vec![node("Split", "n8n-nodes-base.splitOut", 1.0, split)]));
    let brackets = format!("={{{{ {}$json.a{} }}}}", "(".repeat(200_000), ")".repeat(200_000));
    imported(row(vec![set(&brackets)]));
}

/// JSON in a text is as deep as its reader allows.
#[test]
fn deep_json_in_texts_is_read() {
    let deep = format!("{}1{}", "{\"a\":".repeat(120), "}".repeat(120));
    let one = json!({ "name": "x", "type": "object", "value": deep });
    let parameters = json!({ "assignments": { "assignments": [one] } });
    imported(row(vec![node("Set", "n8n-nodes-base.set", 3.4, parameters)]));
    let raw = json!({ "mode": "raw", "jsonOutput": format!("={deep}") });
    imported(row(vec![node("Set", "n8n-nodes-base.set", 3.4, raw)]));
    for field in ["jsonSchemaExample", "inputSchema"] {
        let kind = if field == "inputSchema" { "manual" } else { "fromJson" };
        let agent = node("Agent", "@n8n/n8n-nodes-langchain.agent", 1.7, json!({ "text": "x" }));
        let parser = "@n8n/n8n-nodes-langchain.outputParserStructured";
        let parser = node("P", parser, 1.2, json!({ "schemaType": kind, field: deep }));
        let found = imported(with_helpers(agent, &[("P", "ai_outputParser", "Agent")], &[parser]));
        assert!(is_noted(&found, "P", "the schema"));
    }
}

#[test]
fn what_hangs_on_itself_is_read_once() {
    let kinds = [
        ("ai_outputParser", "outputParserAutofixing"),
        ("ai_languageModel", "lmChatOpenAi"),
        ("ai_memory", "memoryBufferWindow"),
        ("ai_tool", "agentTool"),
        ("ai_tool", "toolWorkflow"),
        ("ai_tool", "toolHttpRequest"),
    ];
    for (line, kind) in kinds {
        let kind = format!("@n8n/n8n-nodes-langchain.{kind}");
        let helper = |name: &str| node(name, &kind, 1.0, json!({ "url": "https://a.example" }));
        let agent = node("Agent", "@n8n/n8n-nodes-langchain.agent", 1.7, json!({ "text": "x" }));
        let ring = [("P", line, "Agent"), ("P", line, "P")];
        imported(with_helpers(agent.clone(), &ring, &[helper("P")]));
        let ring = [("P", line, "Agent"), ("Q", line, "P"), ("P", line, "Q")];
        imported(with_helpers(agent, &ring, &[helper("P"), helper("Q")]));
    }
}

#[test]
fn a_parser_that_mends_another_has_its_schema() {
    let langchain = |kind: &str| format!("@n8n/n8n-nodes-langchain.{kind}");
    let agent = node("Agent", &langchain("agent"), 1.7, json!({ "text": "x" }));
    let mends = node("M", &langchain("outputParserAutofixing"), 1.0, json!({}));
    let example = json!({ "jsonSchemaExample": "{\"city\": \"Rome\"}" });
    let parser = node("P", &langchain("outputParserStructured"), 1.2, example);
    let helpers = [("M", "ai_outputParser", "Agent"), ("P", "ai_outputParser", "M")];
    let found = imported(with_helpers(agent, &helpers, &[mends, parser]));
    let nodes = found.workflows[0].document["nodes"].as_array().unwrap();
    let schema = nodes.iter().find_map(|node| node.get("schema")).unwrap();
    assert_eq!(schema["properties"]["city"]["type"], "string");
}

#[test]
fn lines_that_part_and_meet_do_not_double() {
    for kind in ["evaluation", "splitInBatches"] {
        let names: Vec<String> = (0..60).map(|at| format!("N{at}")).collect();
        let kind = format!("n8n-nodes-base.{kind}");
        let mut nodes: Vec<Value> =
            names.iter().map(|name| node(name, &kind, 3.0, json!({}))).collect();
        nodes.push(set("1"));
        let mut file = row(nodes);
        for (at, name) in names.iter().enumerate() {
            let next = names.get(at + 1).map_or("Set", String::as_str);
            let ends = json!([end(next, "main"), { "node": next, "type": "main", "index": 1 }]);
            file["connections"][name]["main"] = json!([ends.clone(), ends]);
        }
        let found = imported(file);
        assert!(document_size(&found) < 100_000);
    }
}

#[test]
fn many_expressions_are_read_in_time() {
    let many = |text: &str, count: usize| format!("={}", text.repeat(count));
    for text in [
        many("{{[}}", 800_000),
        many("{{", 1_000_000),
        many("{{ '}} ", 300_000),
        format!("={{{{ {} }}}}", "/[".repeat(200_000)),
        many("{{ 1 + 1 }}", 200_000),
    ] {
        let _ = read_in_time(row(vec![set(&text)]));
    }
    let fields = (0..2_000)
        .map(|n| json!({ "name": format!("f{n}"), "value": format!("={{{{ {n} + 1 }}}}") }));
    let parameters = json!({ "assignments": { "assignments": fields.collect::<Value>() } });
    let found = imported(row(vec![node("Set", "n8n-nodes-base.set", 3.4, parameters)]));
    assert!(is_noted(&found, "Set", "more than 1000 expressions"));
}

#[test]
fn json_with_many_expressions_is_read_in_time() {
    let list = "{{ $json.a }}, \"é {{ 1 + 1 }}\\\"\", ".repeat(20_000);
    let raw = json!({ "mode": "raw", "jsonOutput": format!("={{ \"list\": [{list}0] }}") });
    imported(row(vec![node("Set", "n8n-nodes-base.set", 3.4, raw)]));
}

#[test]
fn marks_stand_in_quotes() {
    let text = "={ \"a\": {{ $json.a }}, \"b\": \"x\\\" {{ $json.b }}\", \"c\": [{{ $json.c }}] }";
    let raw = json!({ "mode": "raw", "jsonOutput": text });
    let input = json!({ "inputSource": "passthrough" });
    let trigger = node("In", "n8n-nodes-base.executeWorkflowTrigger", 1.1, input);
    let mut file = row(vec![node("Set", "n8n-nodes-base.set", 3.4, raw)]);
    file["nodes"][0] = trigger;
    file["connections"]["In"] = file["connections"]["Start"].take();
    file["connections"].as_object_mut().unwrap().remove("Start");
    let found = imported(file);
    let nodes = found.workflows[0].document["nodes"].as_array().unwrap();
    let value = nodes.iter().find_map(|node| node.get("value")).unwrap();
    let expected =
        json!({ "a": "<api.input.a>", "b": "x\" <api.input.b>", "c": ["<api.input.c>"] });
    assert_eq!(*value, expected);
}

#[test]
fn code_that_names_many_nodes_is_read_in_time() {
    let code: String = (0..100_000).map(|n| format!("$('a{n}');$env.A{n};")).collect();
    let parameters = json!({ "jsCode": format!("{code} return []") });
    let _ = read_in_time(row(vec![node("Code", "n8n-nodes-base.code", 2.0, parameters)]));
}

#[test]
fn a_tool_asks_for_a_limited_number_of_things() {
    let tool = |parameters: Value| {
        let agent = node("Agent", "@n8n/n8n-nodes-langchain.agent", 1.7, json!({ "text": "x" }));
        let tool = node("T", "@n8n/n8n-nodes-langchain.toolHttpRequest", 1.1, parameters);
        let found = imported(with_helpers(agent, &[("T", "ai_tool", "Agent")], &[tool]));
        let nodes = found.workflows[0].document["nodes"].as_array().unwrap().clone();
        let tool = nodes.iter().find_map(|node| node.get("tools")).unwrap()[0].clone();
        (tool, found)
    };
    let names: String = (0..50_000).map(|n| format!("{{n{n}}}")).collect();
    let values = (0..5_000).map(|n| json!({ "name": format!("n{n}"), "description": "it" }));
    let values: Value = values.collect();
    let (asks, found) = tool(json!({ "url": format!("https://a.example/{names}"),
        "placeholderDefinitions": { "values": values } }));
    let asked = asks["parameters"]["properties"].as_object().unwrap();
    assert_eq!((asked.len(), &asked["n7"]["description"]), (1_000, &json!("it")));
    assert!(is_noted(&found, "T", "too much"));
    let url = format!("https://a.example/{}{{b}}", "{a".repeat(200_000));
    let (asks, _) = tool(json!({ "url": url }));
    assert_eq!(asks["parameters"]["required"], json!(["b"]));
}

#[test]
fn a_model_is_asked_by_a_tool_for_a_limited_number_of_things() {
    let agent = node("Agent", "@n8n/n8n-nodes-langchain.agent", 1.7, json!({ "text": "x" }));
    let value = |n: usize| format!("={{{{ $fromAI('n{n}') }}}}");
    let asks = |n: usize| json!({ "name": format!("q{n}"), "value": value(n) });
    let list: Value = (0..4_000).map(asks).collect();
    let parameters = json!({ "url": "https://a.example", "sendQuery": true,
        "queryParameters": { "parameters": list } });
    let tool = node("T", "n8n-nodes-base.httpRequestTool", 4.2, parameters);
    let found = imported(with_helpers(agent, &[("T", "ai_tool", "Agent")], &[tool]));
    let tool = found.report.entries.iter().find(|entry| entry.name == "T");
    assert_eq!(tool.map(|tool| tool.outcome), Some(Outcome::Unsupported), "{:#?}", found.report);
}

#[test]
fn what_a_file_says_once_is_not_copied_for_each_node() {
    let chain = |at: usize| {
        let text = json!({ "text": "={{ $json.a + 1 }}" });
        node(&format!("Chain {at}"), "@n8n/n8n-nodes-langchain.chainLlm", 1.5, text)
    };
    let example: serde_json::Map<_, _> =
        (0..20_000).map(|n| (format!("f{n}"), Value::from(1))).collect();
    let example = json!({ "jsonSchemaExample": Value::from(example).to_string() });
    let parser = node("P", "@n8n/n8n-nodes-langchain.outputParserStructured", 1.2, example);
    let mut file = row((0..2)
        .map(chain)
        .chain((0..200).map(|n| node(&format!("If {n}"), "n8n-nodes-base.if", 2.0, json!({}))))
        .collect());
    file["nodes"].as_array_mut().unwrap().push(parser);
    file["connections"]["P"]["ai_outputParser"] = json!([[end("Chain 0", "ai_outputParser")]]);
    let found = imported(file);
    assert!(document_size(&found) < 2_000_000, "{}", document_size(&found));
}

#[test]
fn a_long_name_is_cut_where_nodes_repeat_it() {
    let code = json!({ "jsCode": "return $workflow.name" });
    let codes = (0..200).map(|n| node(&format!("C{n}"), "n8n-nodes-base.code", 2.0, code.clone()));
    let mut file = row(codes.collect());
    file["name"] = "n".repeat(1_000_000).into();
    assert!(document_size(&imported(file)) < 500_000);

    let form = json!({ "formFields": { "values": [
        { "fieldType": "file", "fieldLabel": "l".repeat(1_000_000) }] } });
    let reads = json!({ "operation": "pdf" });
    let readers = (0..50)
        .map(|n| node(&format!("R{n}"), "n8n-nodes-base.extractFromFile", 1.0, reads.clone()));
    let mut file = row(readers.collect());
    file["nodes"][0] = node("Start", "n8n-nodes-base.formTrigger", 2.0, form);
    assert!(document_size(&imported(file)) < 100_000);
}

#[test]
fn a_field_with_a_long_name_is_not_handed_on() {
    let reads = json!({ "operation": "text", "destinationKey": "k".repeat(1_000_000) });
    let mut file = row(vec![node("Read", "n8n-nodes-base.extractFromFile", 1.0, reads)]);
    let form = json!({ "formFields": { "values": [{ "fieldType": "file", "fieldLabel": "l" }] } });
    file["nodes"][0] = node("Start", "n8n-nodes-base.formTrigger", 2.0, form);
    let found = imported(file);
    assert!(is_noted(&found, "Read", "too long to be handed on"), "{:#?}", found.report);
}

#[test]
fn a_switch_has_a_limited_number_of_rules() {
    let rules: Value = (0..5_000)
        .map(|n| {
            json!({ "conditions": { "conditions": [
        { "leftValue": "={{ $json.a }}", "rightValue": n,
          "operator": { "type": "number", "operation": "equals" } }] } })
        })
        .collect();
    let newer = json!({ "rules": { "values": rules } });
    let found = imported(row(vec![node("Switch", "n8n-nodes-base.switch", 3.0, newer), set("1")]));
    assert!(is_noted(&found, "Switch", "more than 100 rules"));

    let rules: Value = (0..100).map(|n| json!({ "value2": n, "output": 0 })).collect();
    let value = format!("={{{{ {} }}}}", "$json.a + ".repeat(40_000));
    let older = json!({ "value1": value, "rules": { "rules": rules } });
    let older = node("Switch", "n8n-nodes-base.switch", 1.0, older);
    let _ = read_in_time(row(vec![older, set("1")]));
}

#[test]
fn a_switch_by_number_computes_it_once() {
    let output = format!("={{{{ {}1 }}}}", "$json.a + ".repeat(20_000));
    let switch = node(
        "Switch",
        "n8n-nodes-base.switch",
        3.0,
        json!({ "mode": "expression", "output": output }),
    );
    let mut file = row(vec![switch, set("1")]);
    let ends: Value = (0..100).map(|_| json!([end("Set", "main")])).collect();
    file["connections"]["Switch"]["main"] = ends;
    let found = imported(file);
    assert!(document_size(&found) < 600_000, "{}", document_size(&found));
    let nodes = found.workflows[0].document["nodes"].as_array().unwrap();
    let branches = nodes.iter().find_map(|node| node.get("branches")).unwrap();
    assert_eq!(branches[3], json!({ "name": "out3", "if": "<Switch_values.result.v1> == 3" }));
}

#[test]
fn a_classifier_has_a_limited_number_of_categories() {
    let options = json!({ "categories": "a,".repeat(500_000) });
    let parameters = json!({ "inputText": "x", "options": options });
    let kind = "@n8n/n8n-nodes-langchain.sentimentAnalysis";
    let found = imported(row(vec![node("Judge", kind, 1.0, parameters)]));
    assert!(is_noted(&found, "Judge", "at most 100 categories"));
    assert!(found.report.entries.iter().any(|entry| entry.outcome != Outcome::Mapped));
}

const NASTY: [&str; 24] = [
    "$('N',",
    "$('N', 0, 1)[0].json.é['ü'].length",
    "$(",
    "$items('N', 0)[12345678901234567890].json?.a?.[0]?.(1)",
    "$items()",
    "$('N').pairedItem(",
    "$('N').all(",
    "$('N').first(0",
    "$node[\"N\"].json[\"a\"]['b'][`c`]",
    "$node[computed + 1].data",
    "$node.",
    "$item(0).$node.N.json.x",
    "$input.first().json.a + $input.item.json",
    "$input.params.x + $input?.all()",
    "`a ${ $json.b ? `${ $('N').item.json.c }` : '}}' } \\` d`",
    "'it\\'s' + \"\\u00e9\\",
    "/[/\\]}}]+/gu.test($json.x) ? /a/ : 1 / 2 / 3",
    "// }} $json\n/* {{ */ $json?.[0]?.['é']",
    "({ a: [1, { b: $json }], ...$json })",
    "$vars.A + $env?.B + $execution.resume.x + $workflow.",
    "$json['a\\",
    "$fromAI('ñ', `x`, 'string')",
    "((($json))) => { return { x: $binary.é } }",
    "return [{ json: { a: $('N').last().json, <b>: {{ C }} } }]; \u{2028} 😀$",
];

/// Each beginning of the text, and the text without one of its characters.
fn broken(text: &str) -> impl Iterator<Item = String> {
    let beginnings = text.char_indices().map(|(at, _)| text[..at].to_owned());
    let holes =
        text.char_indices().map(|(at, c)| format!("{}{}", &text[..at], &text[at + c.len_utf8()..]));
    beginnings.chain(holes).chain([text.to_owned()])
}

#[test]
fn broken_expressions_are_read() {
    for code in NASTY.into_iter().flat_map(broken) {
        let found = references(&code);
        assert!(found.iter().all(|one| code.get(one.begin..one.end).is_some()), "{code}");
        let _ = (bare(&code), literal(&code), lexer::shielded(&code));
        split(&format!("={{{{ {code} }}}} {{{{{code}"));
    }
}

#[test]
fn broken_expressions_in_files_are_read() {
    let texts: Vec<String> = NASTY.into_iter().flat_map(broken).collect();
    for some in texts.chunks(25) {
        let steps = some.iter().enumerate().map(|(at, code)| {
            let text = format!("={{{{ {code} }}}}");
            let (kind, parameters) = match at % 5 {
                0 => ("set", json!({ "mode": "raw", "jsonOutput": text })),
                1 => ("code", json!({ "jsCode": code })),
                2 => (
                    "httpRequest",
                    json!({ "url": text, "jsonBody": text, "sendBody": true,
                    "specifyBody": "json" }),
                ),
                3 => ("switch", json!({ "mode": "expression", "output": text })),
                _ => ("html", json!({ "html": format!("={code}{{{{{code}}}}}") })),
            };
            node(&format!("N{at}"), &format!("n8n-nodes-base.{kind}"), 3.4, parameters)
        });
        imported(row(steps.collect()));
    }
}

#[test]
fn broken_files_are_refused_or_read() {
    let mut file = row(vec![set("={{ $('N').item.json.é }}")]);
    file["nodes"][1]["onError"] = "continueRegularOutput".into();
    for file in broken(&file.to_string()) {
        let _ = import(file.as_bytes(), &Options::default());
    }
}
