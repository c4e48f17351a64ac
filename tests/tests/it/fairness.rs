//! Nobody's backlog delays another's work: not the runs of one key, not the webhooks of one
//! receiver.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::TestServer;
use serde_json::{Value, json};

const HELLO: &str = "nodes: [{ id: say, type: template, template: hi }]\n";
/// Below this, a difference is the machine's and not the queue's.
const NOISE: Duration = Duration::from_millis(250);

async fn start(server: &TestServer, key: &str, workflow: &str, body: Value) {
    let request = server
        .post(&format!("/v1/workflows/{workflow}/runs"), key)
        .header("prefer", "respond-async")
        .json(&body);
    let status = request.send().await.unwrap().status().as_u16();
    assert_eq!(status, 202);
}

/// The longest of five times between a start and the request to the receiver that it leads to.
async fn latency(
    server: &TestServer,
    key: &str,
    workflow: &str,
    body: &Value,
    receiver: &Receiver,
) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let (before, began) = (receiver.received().len(), Instant::now());
        start(server, key, workflow, body.clone()).await;
        receiver.until(|all| all.len() > before).await;
        longest = longest.max(receiver.received()[before].at.duration_since(began));
    }
    longest
}

fn assert_less_than_twice(loaded: Duration, idle: Duration) {
    eprintln!("idle {idle:?}, beside the backlog {loaded:?}");
    assert!(loaded < 2 * idle.max(NOISE), "{loaded:?} beside the backlog, {idle:?} without it");
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_a_receiver_that_hangs_delays_only_its_own_webhooks() {
    let (server, quick) = (TestServer::start().await, Receiver::ok().await);
    let pit = Receiver::start(|_, _| {
        Reply::After(Duration::from_secs(20), StatusCode::OK, String::new())
    })
    .await;
    server.publish("w", HELLO).await;
    let (greedy, other) = (server.key(&["w"], &["run"]).await, server.key(&["w"], &["run"]).await);
    let hook = json!({ "webhooks": [{ "url": quick.url }] });
    let idle = latency(&server, &other, "w", &hook, &quick).await;

    let hooks: Vec<Value> = (0..5).map(|n| json!({ "url": format!("{}/{n}", pit.url) })).collect();
    for _ in 0..40 {
        start(&server, &greedy, "w", json!({ "webhooks": hooks })).await;
    }
    pit.until(|all| all.len() == 4).await;
    let loaded = latency(&server, &other, "w", &hook, &quick).await;
    assert_less_than_twice(loaded, idle);
    assert_eq!(pit.received().len(), 4, "no more attempts are under way to one receiver");
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_a_key_with_a_thousand_runs_delays_only_its_own() {
    let (server, quick) = (TestServer::start().await, Receiver::ok().await);
    let slow = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    for (id, receiver) in [("slow", &slow), ("quick", &quick)] {
        let document = format!("nodes: [{{ id: call, type: http, url: \"{}\" }}]\n", receiver.url);
        server.publish(id, &document).await;
    }
    let (greedy, other) =
        (server.key(&["slow"], &["run"]).await, server.key(&["quick"], &["run"]).await);
    let idle = latency(&server, &other, "quick", &json!({}), &quick).await;

    for _ in 0..1_000 {
        start(&server, &greedy, "slow", json!({})).await;
    }
    // As many as one key may have at once: the others wait.
    slow.until(|all| all.len() >= 300).await;
    let loaded = latency(&server, &other, "quick", &json!({}), &quick).await;
    assert_less_than_twice(loaded, idle);
    assert!(slow.received().len() < 512, "the backlog leaves places to others");
    slow.let_go();
}

/// The due rows of a backlog do not fill the page that the sweep reads.
#[tokio::test]
async fn a_page_of_due_rows_has_some_of_each_group() {
    use flowgate_core::delivery::{Deliveries, Delivery, DeliveryId};
    use flowgate_core::group::Group;
    use flowgate_core::work::{Due, Message};
    use flowgate_tests::ports::sample::{at, delivery};

    let folder = tempfile::tempdir().unwrap();
    let local = flowgate_local::Local::open(folder.path()).unwrap();
    let put = async |place: &str, receiver: &str, due: i64| {
        let made = delivery(1, 0, due).unwrap();
        let id = DeliveryId::of(&made.run, place);
        let receiver = Group::new(receiver);
        local.put(Delivery { id: id.clone(), receiver, ..made }).await.unwrap();
        id
    };
    for n in 0..200 {
        put(&format!("backlog/{n}"), "pit.example:443", 100 + n).await;
    }
    // A receiver whose deliveries are not due takes no room.
    put("later", "later.example:443", 90_000).await;
    let other = put("other", "other.example:443", 5_000).await;
    let page = local.due(at(10_000), 50).await.unwrap();
    assert!(page.iter().any(|item| item.what == Message::WebhookV1 { delivery: other.clone() }));
    assert_eq!(page.len(), 50);
    assert!(page.is_sorted_by_key(|item| item.sweep_at));
}
