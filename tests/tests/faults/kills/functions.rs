//! F01 on AWS: SIGKILL to every function that has an event.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use flowgate_tests::double::Double;
use flowgate_tests::faults::seed::{Figures, report};
use flowgate_tests::receiver::Receiver;
use flowgate_tests::server::{outbound_settings, publish, settings};
use reqwest::Client;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{KILL_EVERY, accept_all, all_arrived, assert_one_id_each, document, kill_seconds};
use super::{receiver, until_ended};

const FUNCTIONS: [&str; 4] = ["invoke", "worker", "webhook", "sweeper"];
/// A lease that has just begun, a sweep that has just been, and what is left to do.
const MAX_RECOVERY: Duration = Duration::from_secs(150);

/// When each call was recorded, by its path at the receiver.
async fn recorded(double: &Double, ids: &[String]) -> HashMap<String, SystemTime> {
    let calls = double.inspect("calls").await;
    let written: Vec<&Value> =
        calls.as_array().into_iter().flatten().filter(|call| call["succeeded"] == true).collect();
    let mut recorded = HashMap::new();
    for (i, run) in ids.iter().enumerate() {
        for node in ["a", "b", "c"] {
            let hash = Sha256::digest(node);
            let hash: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let item = format!("RUN#{run}/CP#{hash}");
            let of_item = |call: &&&Value| {
                let is_write = call["action"].as_str().is_some_and(|action| {
                    ["TransactWriteItems", "PutItem"].iter().any(|write| action.ends_with(write))
                });
                let subject = call["subject"].as_str().unwrap_or_default();
                is_write && subject.split(',').any(|key| key == item)
            };
            let Some(call) = written.iter().find(of_item) else { continue };
            let at = Duration::from_millis(call["end_ms"].as_u64().unwrap());
            recorded.insert(format!("/{node}/{i}"), SystemTime::UNIX_EPOCH + at);
        }
    }
    recorded
}

/// Kills until then. Returns how many died, and when the last of them did.
async fn storm(double: &Double, until: Instant) -> (u64, Instant) {
    let (mut kills, mut last) = (0, Instant::now());
    while Instant::now() < until {
        tokio::time::sleep(KILL_EVERY).await;
        for function in FUNCTIONS {
            let killed = double.kill(function).await;
            kills += killed;
            if killed > 0 {
                last = Instant::now();
            }
        }
    }
    (kills, last)
}

fn calls_after_their_record(
    receiver: &Receiver,
    recorded: &HashMap<String, SystemTime>,
) -> Vec<String> {
    let (now, at_wall) = (Instant::now(), SystemTime::now());
    let received = receiver.received();
    let late = received.iter().filter(|call| {
        recorded.get(call.uri.path()).is_some_and(|then| at_wall - (now - call.at) > *then)
    });
    late.map(|call| call.uri.path().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn f01_the_functions_are_killed_every_200_ms() {
    let (began, seconds) = (Instant::now(), kill_seconds());
    let (receiver, client) = (receiver(Duration::from_millis(60)).await, Client::new());
    // As often as the template's timer.
    let rare = ["--sweep-every-ms", "60000"];
    let double = Double::start(&settings(|_| {}), &outbound_settings(), &rare).await;
    publish(&client, &double.url, "w", &document(&receiver.url)).await;
    let url = watch::Sender::new(double.url.clone());
    let until = Instant::now() + Duration::from_secs(seconds);
    let (ids, (kills, last)) =
        tokio::join!(accept_all(&client, &url, seconds), storm(&double, until));
    let lost = until_ended(&client, &double.url, &ids, MAX_RECOVERY).await;
    let recovery = last.elapsed();
    assert!(lost.is_empty(), "{} of {} runs after {kills} kills: {lost:#?}", lost.len(), ids.len());
    receiver.until(all_arrived(ids.len())).await;
    assert_one_id_each(&receiver);
    let recorded = recorded(&double, &ids).await;
    // The double forgets a write whose function is killed before it is answered.
    assert!(recorded.len() > 5 * ids.len() / 2, "{} records are found", recorded.len());
    let repeated = calls_after_their_record(&receiver, &recorded);
    assert!(repeated.is_empty(), "recorded calls were made again: {repeated:#?}");
    let made = receiver.received();
    let calls = made.iter().filter(|call| recorded.contains_key(call.uri.path())).count();
    let what = format!("f01_functions {kills} kills, {} runs", ids.len());
    let extra_calls = calls - recorded.len();
    let figures = Figures { extra_calls, recovery, ..Figures::default() };
    report(&what, 1, &figures, began.elapsed());
}
