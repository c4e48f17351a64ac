//! What the rules of the shipped files make of vendors' answers: how long a caller waits, what it
//! reads, and what is kept.

use super::*;

const NOW_MS: i64 = 1_796_000_000_000;

fn judged(connector: &str, answer: &Value) -> CallError {
    let connector = find(connector).unwrap();
    let http = HttpCall { rules: connector.operations[0].rules.clone(), ..HttpCall::default() };
    let failed = CallError { code: "http_status".to_owned(), ..CallError::default() };
    let failed = (answer["status"].as_u64() >= Some(400)).then_some(&failed);
    http.judge(answer, failed, NOW_MS).unwrap()
}

#[test]
fn a_vendor_says_how_long_to_wait() {
    let check = |connector: &str, status: u16, headers: Value, data: Value, wait: Option<u64>| {
        let answer = json!({ "status": status, "headers": headers, "data": data });
        let error = judged(connector, &answer);
        let found = (&*error.code, error.retryable, error.retry_after_ms);
        assert_eq!(found, ("rate_limited", wait.is_some(), wait), "{connector}: {answer}");
        // What was refused for its rate did nothing: even a write may go out again.
        assert_eq!(error.nothing_happened, wait.is_some(), "{connector}: {answer}");
    };
    let none = || json!({});
    let in_body = json!({ "ok": false, "error_code": 429, "parameters": { "retry_after": 12 } });
    check("telegram", 429, none(), in_body.clone(), Some(12_000));
    check("telegram", 200, none(), in_body, Some(12_000));
    check("discord", 429, none(), json!({ "retry_after": 0.529 }), Some(529));
    check("discord", 429, json!({ "retry-after": "65" }), "error code 1015".into(), Some(65_000));
    let reset = |at: &str| json!({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": at });
    check("github", 403, reset("1796000090"), none(), Some(90_000));
    check("github", 429, reset("1795999990"), none(), Some(0));
    let later = json!({ "retry-after": "30", "x-ratelimit-remaining": "4000" });
    check("github", 403, later, none(), Some(30_000));
    let secondary = json!({ "message": "You have exceeded a secondary rate limit" });
    check("github", 403, json!({ "x-ratelimit-remaining": "9" }), secondary, Some(60_000));
    check("github", 429, none(), "slow down".into(), Some(60_000));
    let policy = |name: &str| json!({ "policyName": name });
    check("hubspot", 429, none(), policy("TEN_SECONDLY_ROLLING"), Some(10_000));
    check("hubspot", 429, none(), policy("SECONDLY"), Some(1_000));
    check("hubspot", 429, none(), policy("DAILY"), None);
    for connector in ["jira", "wordpress", "supabase"] {
        check(connector, 429, json!({ "retry-after": "5" }), none(), Some(5_000));
    }
}

#[test]
fn an_error_says_what_the_vendor_said() {
    let check = |connector: &str, status: u16, data: Value, expected: (&str, &str)| {
        let answer = json!({ "status": status, "headers": {}, "data": data });
        let error = judged(connector, &answer);
        assert_eq!((&*error.code, &*error.message), expected, "{connector}: {answer}");
        assert_eq!(error.output.as_deref(), Some(&answer));
    };
    let moved = json!({
        "ok": false, "description": "x", "parameters": { "migrate_to_chat_id": -100_123 }
    });
    let message = "the group has a new chat id: -100123";
    check("telegram", 400, moved, ("chat_migrated", message));
    let invalid = json!({
        "message": "Validation Failed", "errors": [{ "field": "title", "code": "missing_field" }]
    });
    let message = "Validation Failed: title is missing_field";
    check("github", 422, invalid, ("invalid_request", message));
    let invalid = json!({ "message": "Failed", "errors": [{ "message": "no such label" }] });
    check("github", 422, invalid, ("invalid_request", "Failed: no such label"));
    let partly = json!({
        "results": [{ "id": "1" }], "errors": [{ "message": "bad" }, { "message": "worse" }]
    });
    let message = "2 failed, the first one: bad";
    check("hubspot", 207, partly, ("partly_failed", message));
    let fields = json!({ "errorMessages": [], "errors": { "summary": "is needed" } });
    let message = r#"{"summary":"is needed"}"#;
    check("jira", 400, fields, ("invalid_request", message));
    let said = json!({ "errorMessages": ["no such field"], "errors": {} });
    check("jira", 400, said, ("invalid_request", "no such field"));
    let refused = json!({ "code": "42501", "message": "permission denied" });
    check("supabase", 401, refused, ("forbidden", "permission denied"));
}

/// Where a filter comes from nothing, it is missing: the request would reach every row.
#[test]
fn nothing_goes_out_without_the_filter_that_bounds_it() {
    let check = |filters: Value, expected: usize| {
        let values = json!({ "done": true });
        for mut node in [
            json!({ "type": "supabase.delete" }),
            json!({ "type": "supabase.update", "values": values }),
        ] {
            let fields = json!({
                "id": "step", "project": "abcd", "table": "people", "filters": filters
            });
            node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let workflow = compile(&json!({ "nodes": [node] })).unwrap();
            let input = json!({ "id": null, "none": {}, "list": [], "some": { "id": "eq.7" } });
            let mut run = start(&workflow, input);
            let mut calls = 0;
            loop {
                match run.step() {
                    Step::Perform(id, call) => {
                        let Action::Http(http) = &call.action else { panic!("{call:?}") };
                        calls += 1;
                        run.complete(&id, result_of(http, &json!({ "body": [] })), 1_000);
                    }
                    Step::Done => break,
                    _ => {}
                }
            }
            assert_eq!(calls, expected, "{filters}: {:?}", run.outcome());
        }
    };
    check("<api.input.some>".into(), 1);
    check(json!({ "id": "eq.<api.input.some.id>" }), 1);
    check(json!({ "id": "<api.input.id>" }), 0);
    check(json!({ "id": "<api.input.list>" }), 0);
    check("<api.input.none>".into(), 0);
    check("<api.input.list>".into(), 0);
}
