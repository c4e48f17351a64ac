//! Requests of connectors: their hosts, their logins, and the rules for their answers.

use flowgate_engine::call::Body;
use flowgate_engine::call::SentPiece;
use flowgate_engine::connector;

use super::*;

fn slack() -> Arc<connector::Operation> {
    shipped("slack", "send_message")
}

fn shipped(connector: &str, operation: &str) -> Arc<connector::Operation> {
    let operations = &connector::find(connector).unwrap().operations;
    operations.iter().find(|it| it.name == operation).unwrap().clone()
}

#[tokio::test]
async fn nothing_goes_to_a_host_that_the_connector_does_not_name() {
    let server = Server::answering(answer(200, "", "ok")).await;
    let check = async |hosts: &[&str], expected: Result<(), &str>| {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let sent = world().send(HttpCall { hosts, ..get(&server.url) }).await;
        assert_eq!(sent.map(|_| ()).map_err(|error| error.code), expected.map_err(str::to_owned));
    };
    check(&["127.0.0.1"], Ok(())).await;
    check(&[&server.host], Ok(())).await;
    check(&["api.example.com", "127.0.0.1:1"], Err("refused_host")).await;
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_secret_that_is_the_address_is_held_to_the_hosts_too() {
    let server = Server::answering(answer(200, "", "ok")).await;
    let url = RenderedUrl(vec![Piece::Secret("TOKEN".into())]);
    let hosts = vec!["discord.example".to_owned()];
    let call = HttpCall { url, hosts, ..get(&server.url) };
    let error = world().send(call).await.unwrap_err();
    assert!(!error.message.contains(SECRET), "{}", error.message);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn redirects_and_links_stay_at_the_hosts() {
    let other = Server::answering(answer(200, "", "ok")).await;
    let server = Server::answering(redirect(302, &other.url)).await;
    let first = vec![server.host.clone()];
    let call = HttpCall { hosts: first.clone(), ..get(&server.url) };
    assert_eq!(world().code(call).await, "refused_host");
    let links = vec![other.url.clone()];
    let call = HttpCall { hosts: first, links, ..get(&server.url) };
    assert_eq!(world().code(call).await, "refused_host");
    assert!(other.received().is_empty());
    let both = vec![server.host.clone(), other.host.clone()];
    world().send(HttpCall { hosts: both, ..get(&server.url) }).await.unwrap();
    assert_eq!(other.received().len(), 1);
}

#[tokio::test]
async fn a_login_goes_to_an_address_of_an_answer_only_among_the_hosts() {
    let server = Server::answering(answer(200, "", "ok")).await;
    let given = HttpCall {
        url: RenderedUrl(vec![Piece::Value(server.url.clone())]),
        headers: vec![("authorization".into(), secret())],
        ..get("")
    };
    assert_eq!(world().code(given.clone()).await, "refused_secret");
    let named = HttpCall { hosts: vec![server.host.clone()], ..given.clone() };
    world().send(named.clone()).await.unwrap();
    assert_eq!(header(&server.received()[0], "authorization"), Some(SECRET));
    let settings = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
    let elsewhere = world_with(settings, &["other.example"]);
    assert_eq!(elsewhere.code(named).await, "refused_secret");
}

#[tokio::test]
async fn a_basic_login_is_sent_in_base64_and_masked_in_answers() {
    let server =
        Server::start(|request| once(answer(200, "", header(request, "authorization").unwrap())))
            .await;
    let call = HttpCall { basic: Some(secret()), ..get(&server.url) };
    let left = world().send(call).await.unwrap();
    let sent = header(&server.received()[0], "authorization").unwrap().to_owned();
    assert_eq!(sent, "Basic cy1zZWNyZXQtMTIzNDU=");
    assert!(!left.to_string().contains("cy1zZWNyZXQtMTIzNDU"), "{left}");
}

#[tokio::test]
async fn an_answer_of_success_may_be_a_failure() {
    let check = async |reply: Vec<u8>, expected: (&str, bool, bool, Option<u64>)| {
        let server = Server::answering(reply).await;
        let call = HttpCall { rules: slack().rules.clone(), ..get(&server.url) };
        let error = world().send(call).await.unwrap_err();
        let CallError { code, retryable, nothing_happened, retry_after_ms, .. } = error;
        assert_eq!((&*code, retryable, nothing_happened, retry_after_ms), expected);
    };
    let json = "content-type: application/json\r\n";
    let reply =
        |status, headers: &str, body: &str| answer(status, &format!("{json}{headers}"), body);
    check(
        reply(200, "", r#"{"ok":false,"error":"channel_not_found"}"#),
        ("not_found", false, false, None),
    )
    .await;
    check(
        reply(200, "retry-after: 7\r\n", r#"{"ok":false,"error":"ratelimited"}"#),
        ("rate_limited", true, true, Some(7_000)),
    )
    .await;
    check(reply(429, "retry-after: 3\r\n", "{}"), ("rate_limited", true, true, Some(3_000))).await;
    check(reply(503, "", "{}"), ("vendor_down", true, false, None)).await;
    // Text has no fields: no rule matches.
    let server = Server::answering(answer(200, "", r#"{"ok":false}"#)).await;
    let call = HttpCall { rules: slack().rules.clone(), ..get(&server.url) };
    world().send(call).await.unwrap();
}

#[tokio::test]
async fn pieces_are_sent_one_behind_the_other() {
    let server = Server::answering(answer(200, "", "ok")).await;
    let pieces = ["a\r\n", "b"].map(|text| SentPiece::Text(text.to_owned())).to_vec();
    let body = Some(Body::Pieces { pieces, media_type: "message/rfc822".into() });
    world().send(HttpCall { method: "POST".into(), body, ..get(&server.url) }).await.unwrap();
    let received = server.received();
    assert_eq!(header(&received[0], "content-type"), Some("message/rfc822"));
    assert_eq!(super::body(&received[0]), "a\r\nb");
}

/// What a vendor says back about the address that it was asked at: in a message, in pieces, in
/// headers, and in a message that is cut off in the middle of it.
fn echoes(request: &str) -> Vec<Vec<u8>> {
    let path = line(request).split(' ').nth(1).unwrap().to_owned();
    let token = path.rsplit('/').next().unwrap().to_owned();
    let json = "content-type: application/json\r\n";
    let said = |status: u16, description: &str| {
        let body = json!({
            "ok": false, "error_code": status, "description": description, "message": description,
            "parameters": { path.clone(): [path.trim_start_matches('/'), token] }
        });
        answer(status, &format!("{json}x-path: {path}\r\n"), body.to_string())
    };
    let mut echoes = vec![
        said(200, &format!("no method {path}")),
        said(404, &format!("no method {path}")),
        answer(400, "", format!("<p>{path}</p>")),
        answer(500, "content-type: application/json\r\n", format!("{{\"{path}")),
        redirect(302, &format!("http://other.example{path}")),
        answer(200, "content-encoding: gzip\r\n", &path),
        answer(200, json, format!("{{ {path}")),
    ];
    let cut = (470..500).map(|length| said(400, &format!("{}{path}", "x".repeat(length))));
    echoes.extend(cut);
    echoes
}

/// What the calls leave in runs, their events and traces: each is answered in another way.
async fn left_by(operation: &connector::Operation, url: &[Piece], value: &str) -> Vec<String> {
    let at = Arc::new(Mutex::new(0));
    let next = at.clone();
    let server = Server::start(move |request| {
        let mut next = next.lock().unwrap();
        *next += 1;
        once(echoes(request)[*next - 1].clone())
    })
    .await;
    let secret = OneSecret { value: value.replace("SERVER", &server.url), hosts: Vec::new() };
    let settings = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
    let world = world_of(secret, settings, Arc::new(SystemClock));
    let url = url.iter().map(|piece| match piece {
        Piece::Text(text) => Piece::Text(text.replace("SERVER", &server.url)),
        other => other.clone(),
    });
    let call = HttpCall {
        method: "POST".into(),
        url: RenderedUrl(url.collect()),
        hosts: vec!["127.0.0.1".to_owned()],
        rules: operation.rules.clone(),
        ..HttpCall::default()
    };
    let mut left = Vec::new();
    for _ in 0..echoes("GET / HTTP/1.1").len() {
        left.push(format!("{:?}", world.send(call.clone()).await));
    }
    // And where it may not go.
    let refused = HttpCall { hosts: vec!["other.example".to_owned()], ..call.clone() };
    left.push(format!("{:?}", world.send(refused).await));
    left
}

#[tokio::test]
async fn a_token_in_the_path_is_left_nowhere() {
    const BOT: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
    let url = [
        Piece::Text("SERVER/bot".into()),
        Piece::Secret("TELEGRAM_TOKEN".into()),
        Piece::Text("/sendMessage".into()),
    ];
    for left in left_by(&shipped("telegram", "send_message"), &url, BOT).await {
        assert!(!left.contains("AAHd") && !left.contains("11020154"), "{left}");
    }
}

#[tokio::test]
async fn an_address_that_is_a_secret_is_left_nowhere() {
    const HOOK: &str = "SERVER/api/webhooks/1101/kZ3vQ-xJ8_token0123456789abcdefghij";
    let url = [Piece::Secret("DISCORD_WEBHOOK".into())];
    for left in left_by(&shipped("discord", "send_webhook"), &url, HOOK).await {
        assert!(!left.contains("kZ3v") && !left.contains("webhooks/1101"), "{left}");
    }
}
