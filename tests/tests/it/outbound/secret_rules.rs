//! A secret goes only where its owner meant it to, and only from workflows that may use it.

use flowgate_core::secret::{SecretHost, SecretWorkflows};
use flowgate_tests::receiver::{Receiver, Reply};

use super::*;

const SECRET: &str = "t0p-secret-value";

fn value(text: impl Into<String>) -> Piece {
    Piece::Value(text.into())
}

fn written(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

fn named() -> Piece {
    Piece::Secret("TOKEN".into())
}

/// Returns the host and port of a server on loopback.
fn authority(url: &str) -> String {
    url.strip_prefix("http://").unwrap().to_owned()
}

fn world_of(secrets: &[(&str, &str)], hosts: &[&str], workflows: &SecretWorkflows) -> World {
    let world = world_with_secrets(secrets);
    for record in world.secrets.values.lock().unwrap().values_mut() {
        let hosts = hosts.iter().map(|host| SecretHost::parse(host).unwrap()).collect();
        record.rule = SecretRule { hosts, workflows: workflows.clone() };
    }
    world
}

/// The ways in which an http node can carry a secret.
fn carrying(url: Vec<Piece>) -> Vec<HttpCall> {
    let call = HttpCall { url: RenderedUrl(url.clone()), ..get_from("") };
    let body = Rendered::Object(vec![("k".into(), Rendered::Array(vec![secret("a ", "TOKEN")]))]);
    let in_query = [url.as_slice(), &[written("?k="), named()]].concat();
    vec![
        HttpCall {
            headers: vec![("authorization".into(), secret("Bearer ", "TOKEN"))],
            ..call.clone()
        },
        HttpCall { query: vec![("k".into(), secret("", "TOKEN"))], ..call.clone() },
        HttpCall { body: Some(RequestBody::Plain(body)), ..call.clone() },
        HttpCall { url: RenderedUrl(in_query), ..call },
    ]
}

/// URLs in which a reference decides the host, and all of which lead to this server.
fn decided_by_a_reference(url: &str) -> Vec<Vec<Piece>> {
    let host = authority(url);
    let (name, port) = host.split_once(':').unwrap();
    vec![
        vec![value(url), written("/x")],
        vec![written("http://"), value(&host), written("/x")],
        vec![written("http://"), value(name), written(format!(":{port}/x"))],
        vec![written(format!("http://{name}:")), value(port), written("/x")],
        vec![written("ht"), value("tp"), written(format!("://{host}/x"))],
        vec![written("http:/"), value(&host), written("/x")],
    ]
}

#[tokio::test]
async fn a_caller_cannot_move_an_authors_secret_to_its_own_host() {
    let receiver = Receiver::ok().await;
    let world = world_with_secrets(&[("TOKEN", SECRET)]);
    for url in decided_by_a_reference(&receiver.url) {
        for call in carrying(url) {
            let error = world.http(call.clone()).await.unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.retryable),
                ("refused_secret", false),
                "{call:?}"
            );
            assert!(error.message.contains("TOKEN"), "{error:?}");
        }
    }
    assert_eq!(receiver.received().len(), 0);
    // Without a secret a reference may decide the host.
    for url in decided_by_a_reference(&receiver.url) {
        world.http(HttpCall { url: RenderedUrl(url), ..get_from("") }).await.unwrap();
    }
    assert_eq!(receiver.count("/x"), 6);
}

/// Under a rule that allows the caller's host, the same calls carry the secret there.
#[tokio::test]
async fn f32_without_the_host_rule() {
    let receiver = Receiver::ok().await;
    let host = authority(&receiver.url);
    let world = world_of(&[("TOKEN", SECRET)], &[&host], &SecretWorkflows::default());
    for call in decided_by_a_reference(&receiver.url).into_iter().flat_map(carrying) {
        world.http(call).await.unwrap();
    }
    let got = receiver.received();
    assert_eq!(got.len(), 24);
    for request in got {
        let body = String::from_utf8_lossy(&request.body);
        let all = format!("{} {:?} {body}", request.uri, request.headers);
        assert!(all.contains(SECRET), "the attack does not notice that the rule is missing: {all}");
    }
}

#[tokio::test]
async fn a_secret_goes_to_the_host_that_the_author_wrote() {
    let receiver = Receiver::ok().await;
    let world =
        world_with_secrets(&[("TOKEN", SECRET), ("PLACE", &format!("{}/base", receiver.url))]);
    let written_host = vec![written(format!("{}/p/", receiver.url)), value("../../etc")];
    let secret_host = vec![Piece::Secret("PLACE".into()), written("/"), value("?a#b")];
    let calls = carrying(written_host).into_iter().chain(carrying(secret_host));
    for call in calls {
        world.http(call).await.unwrap();
    }
    assert_eq!(receiver.count("/p/..%2F..%2Fetc"), 4);
    assert_eq!(receiver.count("/base/%3Fa%23b"), 4);
}

#[tokio::test]
async fn a_secret_with_hosts_goes_to_them_alone() {
    let (mine, other) = (Receiver::ok().await, Receiver::ok().await);
    let world =
        world_of(&[("TOKEN", SECRET)], &[&authority(&mine.url)], &SecretWorkflows::default());
    for url in decided_by_a_reference(&mine.url) {
        for call in carrying(url) {
            world.http(call).await.unwrap();
        }
    }
    assert_eq!(mine.count("/x"), 24);
    let urls = decided_by_a_reference(&other.url);
    for url in urls.into_iter().chain([vec![written(format!("{}/x", other.url))]]) {
        for call in carrying(url) {
            assert_eq!(world.http(call).await.unwrap_err().code, "refused_secret");
        }
    }
    assert_eq!(other.received().len(), 0);
}

#[tokio::test]
async fn a_secret_does_not_follow_a_redirect() {
    let other = Receiver::ok().await;
    let location = format!("{}/stolen", other.url);
    let redirecting = Receiver::start(move |_, _| {
        Reply::With(
            StatusCode::TEMPORARY_REDIRECT,
            vec![("location", location.clone())],
            String::new(),
        )
    })
    .await;
    let world = world_with_secrets(&[("TOKEN", SECRET)]);
    for call in carrying(vec![written(format!("{}/x", redirecting.url))]) {
        // A body would have to follow: it is refused.
        let expected = if call.body.is_some() { Err("refused_secret") } else { Ok(json!(200)) };
        let ended = world.http(call).await;
        let ended = ended.as_ref().map(|answer| answer["status"].clone());
        assert_eq!(ended.map_err(|error| error.code.as_str()), expected);
    }
    let hook = OutgoingWebhook {
        headers: vec![("x-token".into(), vec![named()])],
        url: vec![written(&redirecting.url)],
        ..webhook("")
    };
    assert_eq!(world.outbound.send_webhook(hook, &user()).await.status, Some(307));
    assert_eq!((redirecting.received().len(), other.received().len()), (5, 3));
    for request in other.received() {
        let all = format!("{} {:?} {:?}", request.uri, request.headers, request.body);
        assert!(!all.contains(SECRET), "{all}");
    }
}

#[tokio::test]
async fn a_webhook_obeys_the_same_rule() {
    let receiver = Receiver::ok().await;
    let world = world_with_secrets(&[("TOKEN", SECRET)]);
    for url in decided_by_a_reference(&receiver.url) {
        for hook in [
            OutgoingWebhook {
                headers: vec![("AI_FLOW_SIGNATURE".into(), vec![named()])],
                url: url.clone(),
                ..webhook("")
            },
            OutgoingWebhook {
                url: [url.as_slice(), &[written("?k="), named()]].concat(),
                ..webhook("")
            },
        ] {
            let outcome = world.outbound.send_webhook(hook, &user()).await;
            assert_eq!((outcome.status, outcome.refused), (None, false));
            assert!(outcome.error.unwrap().contains("TOKEN"));
        }
    }
    assert_eq!(receiver.received().len(), 0);
    let hook = OutgoingWebhook {
        headers: vec![("AI_FLOW_SIGNATURE".into(), vec![named()])],
        url: vec![written(format!("{}/p/", receiver.url)), value("a/b")],
        query: vec![("status".into(), "succeeded".into())],
        ..webhook("")
    };
    assert_eq!(world.outbound.send_webhook(hook, &user()).await.status, Some(200));
    let received = &receiver.received()[0];
    assert_eq!(received.uri.to_string(), "/p/a%2Fb?status=succeeded");
    assert_eq!(received.headers["AI_FLOW_SIGNATURE"], SECRET);
}

#[tokio::test]
async fn a_models_own_key_goes_to_its_provider_alone() {
    let receiver = Receiver::ok().await;
    let (url, host) = (format!("{}/v1/", receiver.url), authority(&receiver.url));
    let refused = async |world: &World, call: ModelCall| {
        let error = world.model(call).await.0.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("refused_secret", false));
        assert_eq!(receiver.received().len(), 0);
    };
    let own = |name: &str, base_url: RenderedUrl| ModelCall {
        base_url: Some(base_url),
        api_key: None,
        ..model(name, None, "x")
    };
    let world = world_with_secrets(&[("OPENAI_API_KEY", SECRET), ("STRIPE_API_KEY", SECRET)]);
    for name in ["openai/gpt-4o", "stripe/x"] {
        // Neither a reference nor the author moves it.
        refused(&world, own(name, RenderedUrl(vec![value(&url)]))).await;
        refused(&world, own(name, RenderedUrl::of_author(&url))).await;
    }
    // A named key goes where the author wrote, not where a reference leads.
    let given = ModelCall {
        base_url: Some(RenderedUrl(vec![value(&url)])),
        ..model("openai/gpt-4o", Some(url.clone()), "x")
    };
    refused(&world, given).await;
    let moved = world_with_secrets(&[("OPENAI_API_KEY", SECRET), ("EVIL_BASE_URL", &url)]);
    let given_provider = ModelCall {
        has_given_provider: true,
        api_key: Some(secret("", "OPENAI_API_KEY")),
        ..model("evil/gpt-4o", None, "x")
    };
    refused(&moved, given_provider).await;

    let arrives = async |world: &World, call: ModelCall| {
        let before = receiver.received().len();
        let _ = world.model(call).await;
        assert_eq!(receiver.received().len(), before + 1);
        assert_eq!(
            receiver.received()[before].headers["authorization"],
            format!("Bearer {SECRET}")
        );
    };
    arrives(&world, model("openai/gpt-4o", Some(url.clone()), "x")).await;
    let stored = world_with_secrets(&[("OPENAI_API_KEY", SECRET), ("OPENAI_BASE_URL", &url)]);
    arrives(&stored, model("openai/gpt-4o", None, "x")).await;
    arrives(&stored, own("openai/gpt-4o", RenderedUrl::of_author(&url))).await;
    let with_hosts = world_of(&[("OPENAI_API_KEY", SECRET)], &[&host], &SecretWorkflows::default());
    arrives(&with_hosts, own("openai/gpt-4o", RenderedUrl(vec![value(&url)]))).await;
}

#[tokio::test]
async fn the_name_of_a_model_leads_to_no_other_path() {
    let receiver = Receiver::ok().await;
    let world =
        world_with_secrets(&[("GEMINI_API_KEY", SECRET), ("GEMINI_BASE_URL", &receiver.url)]);
    for name in
        ["../../x", "a/../../b", "x?alt=y", "x#y", "x\\..\\y", "%2e%2e/x", "a//b", "x y", "ä"]
    {
        let error = world.model(model(&format!("gemini/{name}"), None, "x")).await.0.unwrap_err();
        assert_eq!(error.code, "unknown_model", "{name}");
    }
    assert_eq!(receiver.received().len(), 0);
    let _ = world.model(model("gemini/gemini-2.5-pro", None, "x")).await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_secret_is_used_by_the_workflows_that_may() {
    let receiver = Receiver::ok().await;
    let only = |id: &str| SecretWorkflows::Only([id.to_owned()].into());
    for (workflows, publisher, allowed) in [
        (SecretWorkflows::OfPlatform, Publisher::Platform, true),
        (SecretWorkflows::OfPlatform, Publisher::Workflow, false),
        (SecretWorkflows::All, Publisher::Workflow, true),
        (only("w"), Publisher::Workflow, true),
        (only("other"), Publisher::Platform, false),
    ] {
        let secrets = [
            ("TOKEN", SECRET),
            ("OPENAI_API_KEY", SECRET),
            ("OPENAI_BASE_URL", receiver.url.as_str()),
        ];
        let world = world_of(&secrets, &[], &workflows);
        let user = SecretUser { workflow_id: "w".into(), published_by: publisher };
        let before = receiver.received().len();
        let mut actions: Vec<Action> =
            carrying(vec![written(&receiver.url)]).into_iter().map(Action::Http).collect();
        actions.push(Action::Model(model("openai/gpt-4o", None, "x")));
        let calls = actions.len();
        for action in actions {
            let result = world.perform_as(&user, action).await;
            let is_refused = result.is_err_and(|error| error.code == "refused_secret");
            assert_eq!(is_refused, !allowed, "{workflows:?} {publisher:?}");
        }
        let hook = OutgoingWebhook {
            headers: vec![("x-token".into(), vec![named()])],
            url: vec![written(&receiver.url)],
            ..webhook("")
        };
        let outcome = world.outbound.send_webhook(hook, &user).await;
        assert_eq!(outcome.status.is_some(), allowed, "{outcome:?}");
        let arrived = receiver.received().len() - before;
        assert_eq!(arrived, if allowed { calls + 1 } else { 0 });
    }
}

#[tokio::test]
async fn authors_headers_are_checked_as_callers_are() {
    let receiver = Receiver::ok().await;
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "webhook-signature",
        "Webhook_Id",
        "x-forwarded-for",
    ] {
        let hook = OutgoingWebhook {
            headers: vec![(name.into(), vec![written("x")])],
            url: vec![written(&receiver.url)],
            ..webhook("")
        };
        let outcome = world().outbound.send_webhook(hook, &user()).await;
        assert!(outcome.refused && outcome.error.unwrap().contains("may not be set"), "{name}");
    }
    let hook = OutgoingWebhook {
        headers: vec![("AI_FLOW_SIGNATURE".into(), vec![value("a\r\nhost: inside")])],
        url: vec![written(&receiver.url)],
        ..webhook("")
    };
    assert!(world().outbound.send_webhook(hook, &user()).await.refused);
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_sent_is_not_tried_again() {
    for url in [
        "not a url",
        "https://[::1",
        "ftp://example.com/",
        "https://u:p@example.com/",
        "",
        "https://",
    ] {
        let outcome = world().outbound.send_webhook(webhook(url), &user()).await;
        assert!(outcome.refused && outcome.error.is_some(), "{url}: {outcome:?}");
    }
    let unknown = OutgoingWebhook { url: vec![named()], ..webhook("") };
    let outcome = world().outbound.send_webhook(unknown, &user()).await;
    assert!(!outcome.refused, "a person may store the secret: {outcome:?}");
}

/// `serve` while it listens on loopback.
#[tokio::test]
async fn loopback_is_open_to_authors_alone() {
    let receiver = Receiver::ok().await;
    let settings = OutboundSettings { allow_authors_loopback: true, ..OutboundSettings::default() };
    let world = world_with(settings, &[("BASE", &receiver.url)]);
    let port = authority(&receiver.url).split_once(':').unwrap().1.to_owned();
    for url in [
        vec![written(&receiver.url)],
        vec![written(format!("{}/", receiver.url)), value("x")],
        vec![written(format!("http://localhost:{port}/"))],
        vec![Piece::Secret("BASE".into()), written("/"), value("x")],
    ] {
        let call = HttpCall { url: RenderedUrl(url.clone()), ..get_from("") };
        world.http(call).await.unwrap();
        let hook = OutgoingWebhook { url, ..webhook("") };
        assert_eq!(world.outbound.send_webhook(hook, &user()).await.status, Some(200));
    }
    let before = receiver.received().len();
    let named = vec![written("http://"), value(format!("rebound.example:{port}")), written("/")];
    let urls = decided_by_a_reference(&receiver.url)
        .into_iter()
        .chain([vec![value(&receiver.url)], named]);
    for url in urls {
        let call = HttpCall { url: RenderedUrl(url.clone()), ..get_from("") };
        let code = world.http(call).await.unwrap_err().code;
        assert!(["refused_address", "invalid_url"].contains(&code.as_str()), "{url:?} {code}");
        let hook = OutgoingWebhook { url, ..webhook("") };
        assert!(world.outbound.send_webhook(hook, &user()).await.refused);
    }
    assert!(world.outbound.check_resolved(&receiver.url).await.is_err(), "a caller's webhook");
    assert_eq!(receiver.received().len(), before);
}
