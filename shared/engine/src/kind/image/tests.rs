//! Pictures: one call each, with files by their ids.

use super::*;
use crate::call::{Call, CallOutput, CallResult};
use crate::run::tests::{advance, compile, drive, failed, output_of, start};
use crate::{Document, Workflow};

const ID: &str = "file_00000000000000000000000000000001";

fn file(id: &str) -> Value {
    let sha256 = "0".repeat(64);
    json!({ "$file": id, "name": "a.png", "type": "image/png", "size": 3, "sha256": sha256 })
}

fn drawn(n: u64, cost_nano_usd: Option<u64>) -> CallResult {
    let id = format!("file_{n:032x}");
    let value = json!({ "image": file(&id), "url": format!("/v1/files/{id}"), "prompt": "better",
        "model": "openai/m", "tokens": null, "cost": null });
    CallResult::Succeeded(CallOutput { value, tokens: Some(1), cost_nano_usd })
}

fn workflow(fields: &str) -> String {
    format!(
        "nodes: [{{ id: p, type: image, model: openai/gpt-image-1, prompt: <api.input.prompt>, \
         {fields} }}]"
    )
}

fn asked(call: &Call) -> &ImageRequest {
    let Action::Media(MediaCall { request: MediaRequest::Image(image), .. }) = &call.action else {
        panic!("{call:?}")
    };
    image
}

#[test]
fn each_picture_is_a_call() {
    let mut run = start(&compile(&workflow("n: <api.input.n>")), json!({"prompt": "p", "n": "3"}));
    let (_, calls) = advance(&mut run);
    let names: Vec<&str> = calls.iter().map(|(id, _)| id.place()).collect();
    assert_eq!(names, ["p", "p/picture2", "p/picture3"]);
    // The last ends first.
    for (n, (id, _)) in calls.iter().enumerate().rev() {
        run.complete(id, drawn(n as u64 + 1, Some(500_000_000)), 2_000);
    }
    advance(&mut run);
    let output = output_of(&run).unwrap();
    let ids: Vec<&Value> =
        output["images"].as_array().unwrap().iter().map(|i| &i["$file"]).collect();
    assert_eq!(ids[0], ID);
    assert_eq!((ids.len(), &output["image"]), (3, &file(ID)));
    assert_eq!(output["url"], format!("/v1/files/{ID}"));
    assert_eq!((&output["cost"], &output["prompt"]), (&json!(1.5), &json!("better")));
}

#[test]
fn an_unknown_cost_is_null_and_a_failure_fails_the_node() {
    let run = |second: CallResult| {
        let mut run = start(&compile(&workflow("n: 2")), json!({"prompt": "p"}));
        drive(&mut run, |id, _| match id.place() {
            "p" => drawn(1, Some(1)),
            _ => second.clone(),
        });
        output_of(&run)
    };
    assert_eq!(run(drawn(2, None)).unwrap()["cost"], Value::Null);
    assert_eq!(run(failed("filter", false)), Err("filter".to_owned()));
}

#[test]
fn files_go_out_as_their_ids() {
    let fields = "image: <api.input.photos>, size: '3:2', seed: 4294967294, n: 2";
    let yaml = workflow(fields).replace("openai/gpt-image-1", "stability/ultra");
    let request = |photos: Value| {
        let mut run = start(&compile(&yaml), json!({"prompt": "p", "photos": photos}));
        let (_, calls) = advance(&mut run);
        calls.iter().map(|(_, call)| asked(call).clone()).collect::<Vec<_>>()
    };
    let both = request(json!([file(ID), file(ID)]));
    assert_eq!(both[0].images.iter().map(|id| id.as_str()).collect::<Vec<_>>(), [ID, ID]);
    assert_eq!(both[0].size.unwrap().to_string(), "3:2");
    assert_eq!((both[0].seed, both[1].seed), (Some(4_294_967_294), Some(0)));
    assert_eq!(request(file(ID))[0].images.len(), 1);
    assert!(request(Value::Null)[0].images.is_empty() && request(json!([]))[0].images.is_empty());
    let hashed = serde_json::to_value(&both[0]).unwrap();
    assert_eq!(hashed["images"], json!([ID, ID]));
}

#[test]
fn what_a_caller_gets_wrong_is_named() {
    let check = |fields: &str, input: Value, expected: &str| {
        let mut run = start(&compile(&workflow(fields)), input);
        advance(&mut run);
        let Some(crate::Outcome::Failed { error, .. }) = run.outcome() else { panic!("{fields}") };
        assert_eq!(error.code, "invalid_field");
        assert!(error.message.contains(expected), "{}", error.message);
    };
    let with = |name: &str, value: Value| json!({ "prompt": "p", name: value });
    check("n: 1", json!({"prompt": " "}), "`prompt` is empty");
    check("n: <api.input.n>", with("n", json!(11)), "`n` must be a whole number from 1 to 10");
    check("size: <api.input.s>", with("s", json!("huge")), "`size` is such as");
    let image = "image: <api.input.i>";
    check(image, with("i", json!("file_1")), "`image` must be a file");
    check(image, with("i", json!([file(ID), {"$file": 1}])), "`image[1]` ");
    check(image, with("i", json!(vec![file(ID); 17])), "at most 16 files, not 17");
}

#[test]
fn all_problems_are_found_at_publish() {
    let problems = |fields: &str| -> Vec<String> {
        let yaml = format!("nodes: [{{ id: p, type: image, {fields} }}]");
        let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
        problems
            .into_iter()
            .map(|problem| format!("{} {}", problem.path, problem.message))
            .collect()
    };
    let found =
        problems("model: opnai/m, size: big, n: 0, image: 'x <run.id>', format: gif, sze: 1");
    for (path, message) in [
        ("", "`prompt` is missing"),
        ("/model", "`opnai` is not a known provider"),
        ("/size", "`size` is such as"),
        ("/n", "must be a whole number from 1 to 10"),
        ("/image", "needs one reference to a file"),
        ("/format", "must be one of png, jpeg, webp"),
        ("/sze", "unknown field `sze`"),
    ] {
        let is_there = found
            .iter()
            .any(|one| one.starts_with(&format!("/nodes/0{path}")) && one.contains(message));
        assert!(is_there, "{message}: {found:#?}");
    }
    assert_eq!(problems("model: anthropic/claude, prompt: x").len(), 1);
    assert_eq!(problems("model: openai/m, prompt: x, negative: y, seed: 1").len(), 2);
    assert_eq!(problems("model: gemini/m, prompt: x, quality: y, format: png").len(), 2);
    assert_eq!(problems("model: stability/core, prompt: x, negative: y, seed: 1"), [""; 0]);
    let own = "model: mine/m, base_url: 'https://e.com/v1', prompt: x, negative: y, seed: 1";
    assert_eq!(problems(own), [""; 0]);
}

#[test]
fn a_key_that_is_used_without_its_name_is_known() {
    let yaml = "nodes: [{ id: p, type: image, model: stability/core, prompt: x }]";
    let workflow = compile(yaml);
    let names: Vec<&str> = workflow.secrets.iter().map(|used| used.name.as_str()).collect();
    assert_eq!(names, ["STABILITY_API_KEY"]);
}
