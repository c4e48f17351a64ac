//! Webhooks that go out: what comes back, and how long they may take.

use super::*;

#[tokio::test]
async fn a_webhook_reports_what_came_back() {
    async fn receive(headers: HeaderMap, body: String) -> Response {
        let text = format!(
            "{} {} {body}",
            headers["webhook-id"].to_str().unwrap(),
            headers["authorization"].to_str().unwrap()
        );
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "7")], text).into_response()
    }
    let url = serve(
        Router::new().route("/", post(receive)).route("/big", post(async || "é".repeat(1 << 20))),
    )
    .await;
    let world = world();
    let outcome = world.outbound.send_webhook(webhook(&url), &user()).await;
    assert_eq!(
        (outcome.status, outcome.retry_after, outcome.answer.as_str()),
        (Some(503), Some(Duration::from_secs(7)), "whd_1 *** {}")
    );
    let outcome = world.outbound.send_webhook(webhook(&format!("{url}/big")), &user()).await;
    assert_eq!((outcome.status, outcome.error, outcome.answer.len()), (Some(200), None, 4096));
}

/// The paused clock advances while all tasks wait, so the 20 s do not pass for real.
#[tokio::test(start_paused = true)]
async fn a_webhook_ends_after_20_seconds() {
    let mut drip =
        vec![(Duration::ZERO, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec())];
    drip.extend((0..1000).map(|_| (Duration::from_secs(1), vec![b'x'])));
    let address = serve_raw(drip).await;
    let outcome =
        world().outbound.send_webhook(webhook(&format!("http://{address}/")), &user()).await;
    assert_eq!(outcome.error.as_deref(), Some("no whole answer within 20 s"));
    assert!((20_000..20_500).contains(&outcome.duration_ms), "{}", outcome.duration_ms);
}
