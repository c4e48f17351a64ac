//! Where requests go: redirects, and links to further pages.

use flowgate_engine::call::Body;

use super::*;

fn post(url: &str, content: Rendered) -> HttpCall {
    HttpCall { method: "POST".into(), body: Some(Body::Plain(content)), ..get(url) }
}

/// Redirects `/` to `location` and answers everything else with `ok`.
async fn redirecting(status: u16, location: &str) -> Server {
    let location = location.to_owned();
    Server::start(move |request| {
        once(match line(request) {
            "GET /" | "POST /" | "PUT /" | "HEAD /" => redirect(status, &location),
            _ => answer(200, "", "ok"),
        })
    })
    .await
}

#[tokio::test]
async fn a_redirect_keeps_or_changes_the_method() {
    for (status, method, expected) in [
        (301, "POST", "GET /next"),
        (302, "POST", "GET /next"),
        (303, "POST", "GET /next"),
        (307, "POST", "POST /next"),
        (308, "POST", "POST /next"),
        (302, "PUT", "PUT /next"),
        (303, "PUT", "GET /next"),
        (303, "HEAD", "HEAD /next"),
    ] {
        let server = redirecting(status, "/next#part").await;
        let call =
            HttpCall { method: method.into(), ..post(&server.url, Rendered::Json(json!([1]))) };
        world().send(call).await.unwrap();
        let received = server.received();
        assert_eq!(line(&received[1]), expected, "{status} {method}");
        let is_kept = !expected.starts_with("GET");
        assert_eq!(body(&received[1]), if is_kept { "[1]" } else { "" }, "{status} {method}");
        assert_eq!(header(&received[1], "content-type").is_some(), is_kept, "{status} {method}");
    }
}

#[tokio::test]
async fn what_is_no_redirect_is_an_answer() {
    let server = redirecting(307, "/next").await;
    let kept = HttpCall { returns_redirects: true, ..get(&server.url) };
    assert_eq!(world().send(kept).await.unwrap()["status"], 307);
    let nowhere = Server::answering(answer(302, "", "")).await;
    assert_eq!(world().send(get(&nowhere.url)).await.unwrap()["status"], 302);
    let choices = Server::answering(redirect(300, "/next")).await;
    assert_eq!(world().send(get(&choices.url)).await.unwrap()["status"], 300);
    assert_eq!((nowhere.received().len(), choices.received().len()), (1, 1));
}

#[tokio::test]
async fn secrets_stay_at_their_origin() {
    let other = Server::answering(answer(200, "", "ok")).await;
    let server = redirecting(307, &format!("{}/elsewhere", other.url)).await;
    let own = redirecting(307, "/next").await;
    let call = |url: &str| HttpCall {
        headers: vec![
            ("x-token".into(), secret()),
            ("x-key".into(), text(KEY)),
            ("Authorization".into(), text("Bearer of-the-caller")),
            ("Cookie".into(), text("a=b")),
            ("x-plain".into(), text("kept")),
        ],
        query: vec![("k".into(), null())],
        ..get(url)
    };
    let names = ["x-token", "x-key", "authorization", "cookie", "x-plain"];
    let sent = |request: &str| names.map(|name| header(request, name).is_some());
    // Not even a secret that names the other host follows: nothing but the answer says so.
    for world in [world(), world_with(settings(), &[&server.host, &other.host, &own.host])] {
        world.send(call(&server.url)).await.unwrap();
        assert_eq!(sent(server.received().last().unwrap()), [true; 5]);
        assert_eq!(sent(other.received().last().unwrap()), [false, false, false, false, true]);
        world.send(call(&own.url)).await.unwrap();
        assert_eq!(sent(own.received().last().unwrap()), [true; 5], "the same origin");
    }
    assert!(!other.received().concat().contains(SECRET));
}

fn settings() -> OutboundSettings {
    OutboundSettings { allow_loopback: true, ..OutboundSettings::default() }
}

#[tokio::test]
async fn what_was_dropped_does_not_come_back() {
    let back = Server::start(|_| once(answer(200, "", "ok"))).await;
    let other = redirecting(307, &format!("{}/back", back.url)).await;
    let location = other.url.clone();
    let first = Server::start(move |_| once(redirect(307, &location))).await;
    let call = HttpCall { headers: vec![("x-token".into(), secret())], ..get(&first.url) };
    world().send(call).await.unwrap();
    assert_eq!(header(&back.received()[0], "x-token"), None);
}

#[tokio::test]
async fn a_body_with_a_secret_follows_only_to_a_host_that_it_names() {
    let other = Server::answering(answer(200, "", "ok")).await;
    let server = redirecting(307, &format!("{}/elsewhere", other.url)).await;
    let stays = world_with(settings(), &[&server.host]);
    let field = || Rendered::Object(vec![("k".into(), secret())]);
    for world in [&world(), &stays] {
        let error = world.send(post(&server.url, field())).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("refused_secret", false));
        assert!(error.message.contains("TOKEN") && !error.message.contains(SECRET), "{error:?}");
    }
    assert_eq!(world().code(post(&server.url, text(KEY))).await, "refused_secret");
    assert_eq!(other.received().len(), 0);
    world().send(post(&server.url, text("plain"))).await.unwrap();
    let goes = world_with(settings(), &[&server.host, &other.host]);
    goes.send(post(&server.url, field())).await.unwrap();
    assert_eq!(body(&other.received()[1]), format!("{{\"k\":\"{SECRET}\"}}"));
    let dropped = redirecting(303, &format!("{}/elsewhere", other.url)).await;
    world().send(post(&dropped.url, field())).await.unwrap();
    assert_eq!(body(&other.received()[2]), "");
}

#[tokio::test]
async fn each_hop_obeys_the_address_rule() {
    let hidden = Server::answering(answer(200, "", "inside")).await;
    for (location, code) in [
        ("http://169.254.169.254/latest", "refused_address"),
        ("https://metadata.example/", "refused_address"),
        ("https://10.0.0.1/", "refused_address"),
        ("//169.254.169.254/", "refused_address"),
        ("http://[::ffff:169.254.169.254]/", "refused_address"),
        ("ftp://127.0.0.1/", "invalid_url"),
        ("file:///etc/passwd", "invalid_url"),
        ("http://user:pass@127.0.0.1/", "invalid_url"),
        ("http://", "invalid_url"),
        ("javascript:1", "invalid_url"),
    ] {
        let last = location.to_owned();
        let server = Server::start(move |request| {
            once(match line(request) {
                "GET /" => redirect(302, "/second"),
                _ => redirect(302, &last),
            })
        })
        .await;
        let error = world().send(get(&server.url)).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), (code, false), "{location}: {error:?}");
        assert_eq!(server.received().len(), 2, "{location}");
    }
    // Loopback is allowed for what the author wrote, and not for what an answer gives.
    let for_authors =
        OutboundSettings { allow_authors_loopback: true, ..OutboundSettings::default() };
    let world = world_with(for_authors, &[]);
    let elsewhere = redirecting(302, &hidden.url).await;
    assert_eq!(world.code(get(&elsewhere.url)).await, "refused_address");
    assert_eq!(hidden.received().len(), 0);
    let own = redirecting(302, "/next").await;
    assert_eq!(world.send(get(&own.url)).await.unwrap()["data"], "ok");
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = Server::answering(redirect(302, "/again?token=x")).await;
    let error = world().send(get(&server.url)).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("too_many_redirects", false));
    assert_eq!(server.received().len(), 11);
    assert!(!error.message.contains("token"), "{}", error.message);
}

#[tokio::test]
async fn after_a_redirect_something_may_have_happened() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = redirecting(303, &format!("http://{closed}/")).await;
    let error = world().send(get(&server.url)).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.nothing_happened), ("connect", false));
    let error = world().send(get(format!("http://{closed}/"))).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.nothing_happened), ("connect", true));
    let busy = Server::answering(answer(429, "", "")).await;
    let server = redirecting(303, &busy.url).await;
    let error = world().send(get(&server.url)).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.nothing_happened), ("http_status", false));
}

fn page(url: &str, links: &[&str]) -> HttpCall {
    HttpCall { links: links.iter().map(|link| (*link).to_owned()).collect(), ..get(url) }
}

#[tokio::test]
async fn a_link_goes_on_from_the_one_before() {
    let server = Server::answering(answer(200, "", "ok")).await;
    let url = format!("{}/a/b?size=2", server.url);
    let absolute = format!("{}/z?p=4", server.url);
    for (links, expected) in [
        (&["?page=2"][..], "GET /a/b?page=2"),
        (&["c?page=2"], "GET /a/c?page=2"),
        (&["/x/y", "z"], "GET /x/z"),
        (&[&absolute, "?p=5"], "GET /z?p=5"),
    ] {
        world().send(page(&url, links)).await.unwrap();
        assert_eq!(line(server.received().last().unwrap()), expected, "{links:?}");
    }
}

#[tokio::test]
async fn a_link_gets_only_the_secret_part_of_the_query() {
    let server = Server::answering(answer(200, "", "ok")).await;
    let call = HttpCall {
        query: vec![("size".into(), text("2")), ("k".into(), secret()), ("key".into(), text(KEY))],
        ..page(&server.url, &["/?page=2&k=***&size=3"])
    };
    world().send(call).await.unwrap();
    let expected = format!("GET /?page=2&size=3&k={SECRET}&key={KEY}");
    assert_eq!(line(&server.received()[0]), expected);
}

#[tokio::test]
async fn a_link_to_another_origin_gets_no_secret() {
    let other = Server::answering(answer(200, "", "ok")).await;
    let link = format!("{}/?page=2", other.url);
    let link = [link.as_str()];
    let server = Server::answering(answer(200, "", "ok")).await;
    let url = server.url.as_str();
    let with = |name: &str, field: Rendered| vec![(name.to_owned(), field)];
    let carrying = [
        HttpCall { headers: with("x-token", secret()), ..page(url, &link) },
        HttpCall { query: with("k", secret()), ..page(url, &link) },
        HttpCall { body: Some(Body::Plain(secret())), ..page(url, &link) },
        HttpCall { body: Some(Body::Form(with("k", secret()))), ..page(url, &link) },
        HttpCall { body: Some(Body::Plain(text(KEY))), ..page(url, &link) },
    ];
    for call in &carrying {
        assert_eq!(world().code(call.clone()).await, "refused_secret", "{call:?}");
    }
    assert_eq!(other.received().len(), 0);
    let named = world_with(settings(), &[&server.host, &other.host]);
    named.send(carrying[0].clone()).await.unwrap();
    assert_eq!(header(&other.received()[0], "x-token"), Some(SECRET));

    let plain = HttpCall {
        headers: vec![
            ("authorization".into(), text("Bearer of-the-caller")),
            ("x-key".into(), text(KEY)),
            ("x-plain".into(), text("kept")),
        ],
        query: with("key", text(KEY)),
        ..page(url, &link)
    };
    world().send(plain).await.unwrap();
    let sent = &other.received()[1];
    let sent_headers = ["authorization", "x-key", "x-plain"].map(|name| header(sent, name));
    assert_eq!((line(sent), sent_headers), ("GET /?page=2", [None, None, Some("kept")]));
    assert_eq!(server.received().len(), 0);
}

#[tokio::test]
async fn a_link_obeys_the_address_rule() {
    let server = Server::answering(answer(200, "", "ok")).await;
    for (link, code) in [
        ("http://169.254.169.254/", "refused_address"),
        ("https://metadata.example/", "refused_address"),
        ("http://user@127.0.0.1/", "invalid_url"),
        ("data:text/plain,x", "invalid_url"),
        ("http://[", "invalid_url"),
    ] {
        assert_eq!(world().code(page(&server.url, &[link])).await, code, "{link}");
    }
    let for_authors =
        OutboundSettings { allow_authors_loopback: true, ..OutboundSettings::default() };
    let world = world_with(for_authors, &[]);
    let other = Server::answering(answer(200, "", "ok")).await;
    assert_eq!(world.code(page(&server.url, &[&other.url])).await, "refused_address");
    world.send(page(&server.url, &["/2"])).await.unwrap();
    assert_eq!((server.received().len(), other.received().len()), (1, 0));
}
