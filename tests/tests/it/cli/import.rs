//! `flowgate import`, which needs no server.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use flowgate_tests::server::program;
use serde_json::{Value, json};

const SAMPLES: &str = "shared/import/tests/aiflow";

fn flowgate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null());
    command.output().unwrap()
}

fn out(said: &Output) -> String {
    String::from_utf8(said.stdout.clone()).unwrap()
}

fn err(said: &Output) -> String {
    String::from_utf8(said.stderr.clone()).unwrap()
}

/// Imports one file that holds a value.
fn import(folder: &Path, content: &[u8], arguments: &[&str]) -> Output {
    std::fs::write(folder.join("flow.json"), content).unwrap();
    flowgate(folder, &[&["import", "flow.json", "--out", "made"], arguments].concat())
}

#[test]
fn every_sample_becomes_a_document_without_errors() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let samples: Vec<String> = std::fs::read_dir(root.join(SAMPLES))
        .unwrap()
        .map(|file| file.unwrap().path().to_str().unwrap().to_owned())
        .filter(|file| file.ends_with(".json"))
        .collect();
    let mut arguments = vec!["import", "--out", "made", "-o", "json"];
    arguments.extend(samples.iter().map(String::as_str));
    let said = flowgate(folder.path(), &arguments);
    assert_eq!(said.status.code(), Some(0), "{} {}", out(&said), err(&said));
    let files: Value = serde_json::from_str(&out(&said)).unwrap();
    assert_eq!(files.as_array().unwrap().len(), samples.len());
    for file in files.as_array().unwrap() {
        let report = &file["report"];
        let listed = report["entries"].as_array().unwrap().len() as u64;
        let counts = ["mapped", "approximated", "unsupported"].map(|of| report[of].as_u64());
        assert_eq!(counts.into_iter().flatten().sum::<u64>(), listed, "{file:#}");
        for workflow in file["workflows"].as_array().unwrap() {
            let written = workflow["written"].as_str().unwrap();
            let checked = flowgate(folder.path(), &["validate", written]);
            assert_eq!(checked.status.code(), Some(0), "{}", out(&checked));
        }
    }
}

#[test]
fn the_report_names_what_differs_and_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = "sk-0123456789abcdef0";
    let flow = json!([
        { "name": "in", "processorType": "input-text", "inputText": format!("use {key}") },
        { "name": "get", "processorType": "http-get-processor",
          "url": format!("https://api.example.com/?token={key}") },
        { "name": "odd", "processorType": "dancing-robot", "api_key": key,
          "inputs": [{ "inputNode": "in", "inputNodeOutputKey": 0 }] },
    ]);
    let said = import(folder.path(), flow.to_string().as_bytes(), &[]);
    let text = out(&said);
    assert_eq!(said.status.code(), Some(0), "{text} {}", err(&said));
    for expected in [
        "1 mapped, 1 approximated, 1 unsupported; wrote made/flow.yaml",
        "`dancing-robot` has no counterpart",
        "at /1, {{API_EXAMPLE_COM_KEY}} has its place",
        "flowgate secrets set API_EXAMPLE_COM_KEY --host api.example.com",
        "`***` has its place",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let document = std::fs::read_to_string(folder.path().join("made/flow.yaml")).unwrap();
    assert!(document.contains("?token={{API_EXAMPLE_COM_KEY}}"), "{document}");
    assert!(!document.contains(key) && !text.contains(key), "{document} {text}");
    assert_eq!(flowgate(folder.path(), &["validate", "made/flow.yaml"]).status.code(), Some(0));
}

#[test]
fn nothing_is_overwritten_unless_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let flow = br#"[{ "name": "a", "processorType": "input-text", "inputText": "new" }]"#;
    std::fs::create_dir(folder.path().join("made")).unwrap();
    let made = folder.path().join("made/flow.yaml");
    std::fs::write(&made, "mine").unwrap();
    let said = import(folder.path(), flow, &[]);
    assert_eq!(said.status.code(), Some(2));
    assert!(err(&said).contains("made/flow.yaml exists already"), "{}", err(&said));
    assert_eq!(std::fs::read_to_string(&made).unwrap(), "mine");
    assert_eq!(import(folder.path(), flow, &["--force"]).status.code(), Some(0));
    assert!(std::fs::read_to_string(&made).unwrap().contains("template: \"new\""));
    let said = import(folder.path(), flow, &["flow.json", "--force"]);
    assert_eq!(said.status.code(), Some(2), "two files of one id");
}

#[test]
fn what_cannot_be_imported_is_refused_with_all_its_problems() {
    let folder = tempfile::tempdir().unwrap();
    let node = |name: &str, from: &str| {
        let inputs = json!([{ "inputNode": from }]);
        json!({ "name": name, "processorType": "display", "inputs": inputs })
    };
    let check = |content: &[u8], expected: &[&str]| {
        let said = import(folder.path(), content, &[]);
        let text = out(&said);
        assert_eq!(said.status.code(), Some(2), "{text} {}", err(&said));
        for expected in expected {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!folder.path().join("made").exists(), "{text}");
    };
    let check_json = |value: Value, expected: &[&str]| {
        check(value.to_string().as_bytes(), expected);
    };
    check(b"[{ \"name\": ", &["flow.json:1:", "1 error; nothing was written"]);
    check(b"\xff\xfe\x00", &["not UTF-8"]);
    check(b"PK\x03\x04...", &["a zip archive"]);
    check(&[b"[".repeat(100_000), b"]".repeat(100_000)].concat(), &["1 error"]);
    check(&b" ".repeat(flowgate_import::MAX_FILE_BYTES + 1), &["longer than 4194304 bytes"]);
    check_json(json!({ "openapi": "3.1.0" }), &["an OpenAPI document", "AI-Flow"]);
    check_json(json!([node("a", "b"), node("b", "a")]), &["in a circle: a, b"]);
    check_json(
        json!([node("a", "x"), node("a", "y"), { "processorType": "file" }]),
        &["no node is called `x`", "the name `a` comes twice", "needs a `name`", "3 errors"],
    );
    let many: Vec<Value> = (0..1_001).map(|n| node(&format!("n{n}"), "n0")).collect();
    check_json(many.into(), &["1001 steps; at most 1000"]);

    let said = flowgate(folder.path(), &["import", "nowhere.json", "--out", "made"]);
    assert_eq!(said.status.code(), Some(2));
    assert!(err(&said).contains("nowhere.json cannot be read"), "{}", err(&said));
}

#[test]
fn one_bad_file_keeps_the_others_from_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let good = r#"[{ "name": "a", "processorType": "input-text", "inputText": "x" }]"#;
    std::fs::write(folder.path().join("good.json"), good).unwrap();
    let said = import(folder.path(), b"{}", &["good.json", "-o", "json"]);
    assert_eq!(said.status.code(), Some(2));
    let refused: Value = serde_json::from_str(&out(&said)).unwrap();
    assert_eq!(refused[0]["file"], "flow.json");
    assert!(!folder.path().join("made").exists());
}

#[test]
fn a_folder_is_counted_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let flow = |kind: &str| json!([{ "name": "a", "processorType": kind }]).to_string();
    let deep = folder.path().join("deep");
    std::fs::create_dir(&deep).unwrap();
    std::fs::write(deep.join("good.json"), flow("input-text")).unwrap();
    std::fs::write(folder.path().join("odd.json"), flow("dancing-robot")).unwrap();
    std::fs::write(folder.path().join("none.json"), "{}").unwrap();
    std::fs::write(folder.path().join("none.png"), "x").unwrap();
    let said = flowgate(folder.path(), &["import", "--count", ".", "-o", "json"]);
    assert_eq!(said.status.code(), Some(0), "{} {}", out(&said), err(&said));
    let count: Value = serde_json::from_str(&out(&said)).unwrap();
    assert_eq!(
        count["systems"],
        json!({ "AI-Flow": { "files": 2, "whole_files": 1, "workflows": 2, "whole": 1,
                "publishable": 2, "mapped": 1, "approximated": 0, "unsupported": 1,
                "missing": [["dancing-robot", 1]] } })
    );
    assert_eq!(count["refused"].as_array().unwrap().len(), 1);
    let said = flowgate(folder.path(), &["import", "--count", "."]);
    let text = out(&said);
    assert!(text.contains("1 (50 %)") && text.contains("dancing-robot 1"), "{text}");
    assert_eq!(flowgate(folder.path(), &["import"]).status.code(), Some(2));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn files_with_different_keys_for_one_host_have_different_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for (name, key) in [("one.json", "sk-0123456789abcdef0"), ("two.json", "sk-0123456789abcdef1")]
    {
        let flow = json!([{ "name": "get", "processorType": "http-get-processor",
            "url": format!("https://api.example.com/?token={key}") }]);
        std::fs::write(folder.path().join(name), flow.to_string()).unwrap();
    }
    let arguments = ["import", "one.json", "two.json", "--out", "made", "-o", "json"];
    let said = flowgate(folder.path(), &arguments);
    let files: Value = serde_json::from_str(&out(&said)).unwrap();
    assert_eq!(files[0]["secrets"][0]["name"], "API_EXAMPLE_COM_KEY");
    assert_eq!(files[1]["secrets"][0]["name"], "API_EXAMPLE_COM_KEY_2");
}

/// 10 MB: not read to its end, and nothing is written.
#[test]
fn a_file_over_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = import(folder.path(), &vec![b' '; 10 << 20], &[]);
    assert_eq!(said.status.code(), Some(2), "{}", err(&said));
    let shown = format!("{}{}", out(&said), err(&said));
    assert!(shown.contains("longer than 4194304 bytes"), "{shown}");
    assert!(shown.contains("nothing was written") && !folder.path().join("made").exists());
}
