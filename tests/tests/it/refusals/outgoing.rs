//! What a caller may have the server call: webhooks, own addresses, secrets.

use super::*;

#[tokio::test]
async fn webhooks() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    for dialect in ALL {
        for url in [
            "http://169.254.169.254/latest",
            "https://169.254.169.254/",
            "http://10.0.0.1/",
            "https://10.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "ftp://example.com/",
            "https://user:pass@example.com/",
            "not a url",
        ] {
            let Some(body) = dialect.with_webhooks(&[url]) else { continue };
            let refused =
                dialect.refused(Case::BadInput, dialect.run(&server, ADMIN_KEY, "w", body)).await;
            assert!(refused.message.contains("url"), "{dialect:?} {url}: {refused:?}");
        }
        let Some(body) = dialect.with_webhooks(&["https://example.com/"; 6]) else { continue };
        let refused =
            dialect.refused(Case::BadInput, dialect.run(&server, ADMIN_KEY, "w", body)).await;
        assert!(refused.message.contains("webhook"), "{dialect:?}: {refused:?}");
    }
    nothing_was_made(&server, "w").await;
}

#[tokio::test]
async fn without_the_loopback_allowance_its_every_spelling_is_refused() {
    let server = TestServer::start_calling_out(
        settings(|_| {}),
        OutboundSettings { allow_loopback: false, ..outbound_settings() },
    )
    .await;
    server.publish("w", STRICT).await;
    for dialect in ALL {
        for host in ["2130706433", "127.0.0.1", "0x7f.1", "localhost", "[::1]", "0"] {
            for scheme in ["http", "https"] {
                let Some(body) = dialect.with_webhooks(&[&format!("{scheme}://{host}/")]) else {
                    continue;
                };
                let refused = dialect
                    .refused(Case::BadInput, dialect.run(&server, ADMIN_KEY, "w", body))
                    .await;
                assert!(
                    refused.message.contains("url"),
                    "{dialect:?} {scheme}://{host}: {refused:?}"
                );
            }
        }
    }
    nothing_was_made(&server, "w").await;
}

#[tokio::test]
async fn a_secret_that_a_caller_sends_stays_text() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    assert!(
        server
            .request(Method::PUT, "/v1/secrets/SECRET", ADMIN_KEY)
            .json(&json!({ "value": "hidden" }))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    for dialect in [Native, Gptbots, Sim, SimV2] {
        let answer: Value = dialect
            .run(
                &server,
                ADMIN_KEY,
                "w",
                dialect.body(&json!({ "name": "{{SECRET}} <say.content>" })),
            )
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let answer = if dialect == SimV2 { &answer["data"] } else { &answer };
        assert_eq!(answer["output"]["said"], "{{SECRET}} <say.content>", "{dialect:?}");
    }
}
