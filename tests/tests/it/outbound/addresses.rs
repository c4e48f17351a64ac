//! The address rule: forbidden addresses are never called, whoever leads there.

use super::*;

#[tokio::test]
async fn a_redirect_obeys_the_address_rule_and_no_webhook_follows_one() {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = hits.clone();
    let inside = serve(
        Router::new().fallback(async move || counted.fetch_add(1, Ordering::SeqCst).to_string()),
    )
    .await;
    let metadata = "http://169.254.169.254/latest/meta-data/".to_owned();
    let for_authors =
        OutboundSettings { allow_authors_loopback: true, ..OutboundSettings::default() };
    for (location, settings) in [(metadata, None), (inside, Some(for_authors))] {
        let router = Router::new().fallback(move || async move {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)])
        });
        let url = serve(router).await;
        let world = settings.map_or_else(world, |settings| world_with(settings, &[]));
        assert_eq!(world.http(get_from(&url)).await.unwrap_err().code, "refused_address");
        let hook = OutgoingWebhook { url: vec![Piece::Text(url)], ..webhook("") };
        let outcome = world.outbound.send_webhook(hook, &user()).await;
        assert_eq!((outcome.status, outcome.error), (Some(307), None));
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn forbidden_addresses_are_never_called() {
    let (serving, strict) = (world(), world_with(OutboundSettings::default(), &[]));
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = port.local_addr().unwrap().port();
    let refused = async |world: &World, url: &str| world.http(get_from(url)).await.unwrap_err();
    for url in [
        "https://metadata.example/",
        "https://private.example/",
        "http://169.254.169.254/",
        "https://10.0.0.1/",
        "http://[::ffff:169.254.169.254]/",
    ] {
        let error = refused(&serving, url).await;
        assert_eq!((error.code.as_str(), error.retryable), ("refused_address", false), "{url}");
        assert!(!error.message.contains("169.254") || url.contains("169.254"), "{}", error.message);
        assert!(serving.outbound.check_resolved(url).await.is_err(), "{url}");
        let outcome = serving.outbound.send_webhook(webhook(url), &user()).await;
        assert!(outcome.refused && outcome.status.is_none(), "{url}: {outcome:?}");
    }
    for url in [
        format!("https://2130706433:{local}/"),
        format!("http://localhost:{local}/"),
        format!("https://rebound.example:{local}/"),
    ] {
        assert_eq!(refused(&strict, &url).await.code, "refused_address", "{url}");
    }
    assert!(
        serving.outbound.check_resolved("https://gone.example/").await.is_ok(),
        "it may be there later"
    );
    let unresolved = refused(&serving, "https://gone.example/").await;
    assert_eq!((unresolved.code.as_str(), unresolved.retryable), ("connect", true));
    for url in [
        "http://public.example/",
        "ftp://public.example/",
        "not a url",
        "https://user:pass@public.example/",
    ] {
        assert_eq!(refused(&serving, url).await.code, "invalid_url", "{url}");
    }
    let waited = tokio::time::timeout(Duration::from_millis(100), port.accept()).await;
    assert!(waited.is_err(), "somebody connected");
}
