//! The number of calls to AWS that a run costs.

use super::*;

/// Returns the calls of these functions since they were last cleared, one per line.
async fn calls(server: &TestServer, functions: &[&str]) -> Vec<Value> {
    let all = server.double().inspect("calls").await;
    let of_these = |call: &&Value| functions.iter().any(|function| call["function"] == *function);
    all.as_array().unwrap().iter().filter(of_these).cloned().collect()
}

fn described(calls: &[Value]) -> String {
    let began = calls.iter().filter_map(|call| call["start_ms"].as_i64()).min().unwrap_or_default();
    let line = |call: &Value| {
        let at = |field: &str| call[field].as_i64().unwrap_or_default() - began;
        format!(
            "{:>5}-{:<5} {} {} {}\n",
            at("start_ms"),
            at("end_ms"),
            call["function"],
            call["action"],
            call["subject"]
        )
    };
    calls.iter().map(line).collect()
}

/// Counts sequential calls: the longest chain in which each call began after the one before ended.
fn in_sequence(calls: &[Value]) -> usize {
    let mut ends: Vec<(i64, i64)> = calls
        .iter()
        .map(|call| (call["end_ms"].as_i64().unwrap(), call["start_ms"].as_i64().unwrap()))
        .collect();
    ends.sort_unstable();
    let mut last_end = i64::MIN;
    ends.iter()
        .filter(|(end, start)| {
            *start >= last_end && {
                last_end = *end;
                true
            }
        })
        .count()
}

async fn forget(server: &TestServer) {
    // Wait for work beside the run before: the last use of its key is stored.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.double().command("calls/clear", json!({})).await;
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_costs_few_calls() {
    // The sweeper's calls do not belong to a run.
    let server = on_aws(&["--sweep-every-ms", "3600000"]).await;
    let called_at = Arc::new(Mutex::new(Vec::new()));
    let times = called_at.clone();
    let receiver = Receiver::start(move |_, _| {
        times.lock().unwrap().push(SystemClock.now().millis());
        Reply::After(Duration::from_millis(30), StatusCode::OK, r#"{"said":"at last"}"#.to_owned())
    })
    .await;
    server.publish("hello", HELLO).await;
    server.publish("call", &calling(&receiver)).await;
    let key = server.key(&["hello", "call"], &["run"]).await;
    let start = |workflow: &str, body: Value| {
        server.post(&format!("/v1/workflows/{workflow}/runs"), &key).json(&body)
    };

    let hello = || start("hello", json!({ "input": { "name": "Ada" } }));
    assert_eq!(answer(hello()).await.0, 200, "to warm it");
    forget(&server).await;
    assert_eq!(answer(hello()).await.0, 200);
    let pure = calls(&server, &["invoke"]).await;
    eprintln!("attached, no outside call: {} calls\n{}", pure.len(), described(&pure));

    assert_eq!(answer(start("call", json!({}))).await.0, 200, "to warm it");
    forget(&server).await;
    assert_eq!(answer(start("call", json!({}))).await.0, 200);
    let attached = calls(&server, &["invoke"]).await;
    let outside = *called_at.lock().unwrap().last().unwrap();
    let (before, after): (Vec<Value>, Vec<Value>) =
        attached.iter().cloned().partition(|call| call["start_ms"].as_i64().unwrap() <= outside);
    eprintln!(
        "attached, one outside call: {} before it, {} after it\n{}",
        before.len(),
        after.len(),
        described(&attached)
    );

    let detached = async || {
        let (status, run) =
            answer(start("call", json!({})).header("prefer", "respond-async")).await;
        assert_eq!(status, 202, "{run}");
        ended(&server, run["id"].as_str().unwrap()).await;
        all_quiet(&server).await;
    };
    detached().await;
    forget(&server).await;
    detached().await;
    let detached = calls(&server, &["invoke", "worker"]).await;
    eprintln!(
        "detached, one outside call: {} calls, {} in sequence\n{}",
        detached.len(),
        in_sequence(&detached),
        described(&detached)
    );

    // A rollup takes a second request where a name is new to its shard of the hour.
    assert!(pure.len() <= 3, "one transaction in total, and the rollup: {}", described(&pure));
    assert!(before.len() <= 1 && after.len() <= 3, "{}", described(&attached));
    let most = "six, one for the outside call, and the rollup";
    assert!(detached.len() <= 8, "{most}: {}", described(&detached));
}
