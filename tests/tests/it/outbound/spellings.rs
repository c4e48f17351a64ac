//! Every spelling of `fixtures/refused_urls.txt`, on every way out: nobody is called.

use super::*;

/// One URL a line, as the inside of a JSON string; `# ` begins a heading.
pub(crate) fn refused_urls() -> Vec<String> {
    let lines = include_str!("../../../fixtures/refused_urls.txt").lines();
    let urls = lines.filter(|line| !line.starts_with("# "));
    urls.map(|line| serde_json::from_str(&format!("\"{line}\"")).unwrap()).collect()
}

/// What an address or a URL may be refused as.
pub(crate) const REFUSED_AS: [&str; 2] = ["refused_address", "invalid_url"];

/// How a call fails that was made.
const CALLED: [&str; 4] = ["connect", "connection_lost", "timeout", "http_status"];

#[tokio::test]
async fn every_spelling_is_refused_on_every_way_out() {
    let strict = world_with(OutboundSettings::default(), &[]);
    let urls = refused_urls();
    assert!(urls.len() > 400);
    let mut passed = Vec::new();
    for url in &urls {
        if strict.outbound.check_url(url).is_ok() {
            passed.push(format!("check_url: {url:?}"));
        }
        if strict.outbound.check_resolved(url).await.is_ok() {
            passed.push(format!("check_resolved: {url:?}"));
        }
        let node = strict.http(get_from(url.clone())).await;
        if !node.as_ref().is_err_and(|error| REFUSED_AS.contains(&error.code.as_str())) {
            passed.push(format!("http: {url:?}: {node:?}"));
        }
        let (answer, _) = strict.model(keyed(url)).await;
        if !answer.as_ref().is_err_and(|error| REFUSED_AS.contains(&error.code.as_str())) {
            passed.push(format!("model: {url:?}: {answer:?}"));
        }
        let outcome = strict.outbound.send_webhook(webhook(url), &user()).await;
        if outcome.status.is_some() || outcome.error.is_none() {
            passed.push(format!("webhook: {url:?}: {outcome:?}"));
        }
    }
    assert!(passed.is_empty(), "{} of {}:\n{}", passed.len(), urls.len(), passed.join("\n"));
}

/// With a key in the document, which may go to any host.
fn keyed(base_url: &str) -> ModelCall {
    let call = model("openai/gpt-4o", Some(base_url.to_owned()), "x");
    ModelCall { api_key: Some(text("of-nobody")), ..call }
}

/// A secret that holds a whole URL obeys the same rule.
#[tokio::test]
async fn every_spelling_is_refused_inside_a_secret() {
    for url in refused_urls().iter().filter(|url| !url.trim().is_empty()) {
        let strict = world_with(OutboundSettings::default(), &[("WHOLE", url)]);
        let error = strict
            .http(HttpCall {
                url: RenderedUrl(vec![Piece::Secret("WHOLE".into())]),
                ..get_from("")
            })
            .await;
        let error = error.unwrap_err();
        assert!(!CALLED.contains(&error.code.as_str()), "{url:?}: {error:?}");
    }
}
