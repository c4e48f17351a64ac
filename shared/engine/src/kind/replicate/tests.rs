//! Predictions: one start, looks with pauses, an end.

use super::*;
use crate::call::{Call, CallError, CallId, CallResult};
use crate::run::Run;
use crate::run::tests::{advance, compile, failed, ok, output_of, start};
use crate::{Document, Outcome, Workflow};

const YAML: &str = "
nodes:
  - { id: r, type: replicate, model: a/b, input: { scale: <api.input.scale>, s: 'x{{K}}' }, MORE }";

fn begin(more: &str) -> Run {
    let yaml = YAML.replace("MORE", more);
    start(&compile(&yaml), json!({ "scale": 4 }))
}

fn status(status: &str) -> CallResult {
    ok(json!({ "id": "p1", "status": status }))
}

fn only(run: &mut Run) -> (CallId, Call) {
    let (_, mut calls) = advance(run);
    assert_eq!(calls.len(), 1, "{calls:#?} {:?}", run.outcome());
    calls.remove(0)
}

fn request(call: &Call) -> Value {
    serde_json::to_value(&call.action).unwrap()
}

#[test]
fn a_prediction_is_started_once_and_looked_at() {
    let mut run = begin("timeout: 5m");
    let (id, call) = only(&mut run);
    assert_eq!(
        request(&call),
        json!({"kind": "media", "media": "prediction", "model": "replicate", "official": "a/b",
            "input": {"scale": 4, "s": "x{{K}}"}, "cancel_after_s": 300})
    );
    assert!(call.at_most_once && call.delay.is_zero());
    run.complete(&id, status("starting"), 2_000);
    for look in 1..=11_u64 {
        let (id, call) = only(&mut run);
        assert_eq!(id.place(), format!("r/look{look}"));
        assert_eq!(request(&call)["id"], "p1");
        assert!(!call.at_most_once);
        assert_eq!(call.delay, Duration::from_secs(look.min(10)));
        run.complete(&id, status("processing"), 2_000 + 1_000 * i64::try_from(look).unwrap());
    }
    let (id, _) = only(&mut run);
    let urls = json!(["https://replicate.delivery/a.png", {"b": "http://x/b"}]);
    let done = json!({"id": "p1", "status": "succeeded", "output": urls, "seconds": 1.5});
    run.complete(&id, ok(done), 20_000);
    advance(&mut run);
    assert_eq!(
        output_of(&run).unwrap(),
        json!({"output": urls, "url": "https://replicate.delivery/a.png", "files": [],
            "id": "p1", "seconds": 1.5, "cost": null})
    );
}

#[test]
fn an_end_at_the_start_needs_no_look() {
    let mut run = begin("every: 1s");
    let (id, _) = only(&mut run);
    let done = json!({"id": "p1", "status": "succeeded", "output": "text"});
    run.complete(&id, ok(done), 2_000);
    advance(&mut run);
    let output = output_of(&run).unwrap();
    assert_eq!((&output["output"], &output["url"]), (&json!("text"), &Value::Null));
}

#[test]
fn a_start_that_failed_is_not_repeated() {
    let mut run = begin("retry: { max_attempts: 3 }");
    let (id, _) = only(&mut run);
    run.complete(&id, failed("connection_lost", true), 2_000);
    advance(&mut run);
    assert_eq!(output_of(&run), Err("connection_lost".to_owned()));
    // A refused connection proves that nothing was started.
    let mut run = begin("retry: { max_attempts: 2 }");
    let (id, _) = only(&mut run);
    let error = CallError {
        code: "connect".into(),
        retryable: true,
        nothing_happened: true,
        ..CallError::default()
    };
    run.complete(&id, CallResult::Failed(error), 2_000);
    assert_eq!(only(&mut run).0.attempt(), 1);
}

#[test]
fn failed_looks_are_followed_by_others() {
    let looked = |failures: usize, retryable: bool| {
        let mut run = begin("every: 2s");
        let (id, _) = only(&mut run);
        run.complete(&id, status("starting"), 2_000);
        for _ in 0..failures {
            let (_, mut calls) = advance(&mut run);
            let Some((id, _)) = calls.pop() else { break };
            run.complete(&id, failed("model_error", retryable), 3_000);
        }
        advance(&mut run);
        run.outcome().map(|_| output_of(&run))
    };
    assert_eq!(looked(MAX_FAILED_LOOKS, true), None);
    let ended = Some(Err("model_error".to_owned()));
    assert_eq!(looked(MAX_FAILED_LOOKS + 1, true), ended);
    assert_eq!(looked(1, false), ended);
}

#[test]
fn a_prediction_that_takes_too_long_is_cancelled() {
    let mut run = begin("timeout: 10s, every: 8s");
    let (id, _) = only(&mut run);
    run.complete(&id, status("starting"), 2_000);
    let (id, call) = only(&mut run);
    assert_eq!(call.delay, Duration::from_secs(8));
    run.complete(&id, status("processing"), 10_500);
    // The last look is at the end of the time.
    let (id, call) = only(&mut run);
    assert_eq!(call.delay, Duration::from_millis(1_500));
    run.complete(&id, status("processing"), 12_100);
    let (id, call) = only(&mut run);
    assert_eq!((id.place(), &request(&call)["media"]), ("r/cancel", &json!("cancel")));
    run.complete(&id, failed("http_status", false), 12_200);
    advance(&mut run);
    let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
    assert_eq!((error.code.as_str(), error.message.contains("after 10 s")), ("timeout", true));
}

#[test]
fn a_bad_end_keeps_the_words_of_the_model() {
    for (end, message) in [
        (
            json!({"id": "p1", "status": "failed", "error": "CUDA out of memory"}),
            "the prediction is failed: CUDA out of memory",
        ),
        (json!({"id": "p1", "status": "canceled", "error": ""}), "the prediction is canceled"),
        (json!({"id": "p1", "status": "aborted"}), "the prediction is aborted"),
    ] {
        let mut run = begin("every: 1s");
        let (id, _) = only(&mut run);
        run.complete(&id, ok(end), 2_000);
        advance(&mut run);
        let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
        assert_eq!((error.code.as_str(), error.message.as_str()), ("prediction_failed", message));
    }
}

#[test]
fn addresses_in_the_output_become_files() {
    let mut run = begin("as_files: true");
    let (id, _) = only(&mut run);
    let urls = json!({"image": "https://replicate.delivery/a.png", "n": 1, "c": ["https://x/b"]});
    run.complete(&id, ok(json!({"id": "p1", "status": "succeeded", "output": urls})), 2_000);
    let (_, calls) = advance(&mut run);
    assert_eq!(calls.len(), 2);
    for (n, (id, call)) in calls.iter().enumerate() {
        let asked = request(call);
        assert_eq!((&asked["kind"], &asked["as"]), (&json!("http"), &json!("file")));
        // Nothing that the author wrote decides the host.
        let Action::Http(http) = &call.action else { panic!() };
        assert!(matches!(http.url.0.as_slice(), [Piece::Value(_)]));
        run.complete(id, ok(json!({"data": {"$file": n}, "status": 200, "headers": {}})), 3_000);
    }
    advance(&mut run);
    assert_eq!(output_of(&run).unwrap()["files"], json!([{"$file": 0}, {"$file": 1}]));
}

#[test]
fn looks_are_bounded() {
    let yaml = YAML.replace("MORE", "timeout: 30m, every: 1s");
    let mut run = start(&compile(&yaml), json!({ "scale": 4 }));
    let (id, _) = only(&mut run);
    run.complete(&id, status("starting"), 2_000);
    let mut looks = 0;
    loop {
        let (id, call) = only(&mut run);
        if id.place() == "r/cancel" {
            break;
        }
        assert_eq!(call.delay, Duration::from_millis(4_500));
        looks += 1;
        run.complete(&id, status("processing"), 2_000);
    }
    assert_eq!(looks, MAX_LOOKS);
}

#[test]
fn all_problems_are_found_at_publish() {
    let problems = |fields: &str| -> Vec<String> {
        let yaml = format!("nodes: [{{ id: r, type: replicate, {fields} }}]");
        let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
        problems.into_iter().map(|problem| problem.message).collect()
    };
    let hash = "c0".repeat(32);
    for good in [
        "model: a/b, input: {}".to_owned(),
        format!("model: 'a/b:{hash}', input: {{}}, timeout: 30m"),
        format!("version: {hash}, input: {{}}, every: 5m"),
        "model: <api.input.model>, input: {}".to_owned(),
    ] {
        assert_eq!(problems(&good), [""; 0], "{good}");
    }
    let found =
        problems("model: stable-diffusion, timeout: 31m, every: 0s, as_files: 1, inputs: {}");
    for expected in [
        "`input` is missing",
        "`model` is `owner/name` or `owner/name:version`",
        "`timeout` must be a duration",
        "`every` must be a duration",
        "`as_files` must be true or false",
        "unknown field `inputs`",
    ] {
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:#?}");
    }
    for wrong in ["model: a/b:v1", "model: a/../b", "version: latest", "model: https://x/y/z"] {
        assert_eq!(
            problems(&format!("{}, input: {{}}", wrong.replace(": ", ": '") + "'")).len(),
            1,
            "{wrong}"
        );
    }
}
