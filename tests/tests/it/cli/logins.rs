//! `flowgate secrets login`, with a person at the vendor's page.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use reqwest::Url;
use tokio::io::Lines;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_when_the_browser_comes_back() {
    let tokens = r#"{ "access_token": "an-access-token", "expires_in": 3600 }"#;
    let vendor = Receiver::start(|_, _| Reply::Now(StatusCode::OK, tokens.to_owned())).await;
    let server = TestServer::start().await;
    let mut child = Command::new(program())
        .args(["secrets", "login", "MAIL_TOKEN", "--client-id", "me", "--host", "mail.example"])
        .arg(format!("--authorize-url={}/page", vendor.url))
        .arg(format!("--token-url={}/token", vendor.url))
        .env("FLOWGATE_URL", &server.url)
        .env("FLOWGATE_KEY", ADMIN_KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"the client's secret\n").await.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let page = address(&mut lines).await;
    let state = page.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let listed = Shell::new(&server).run("secrets list").await.out;
    assert!(listed.contains("nobody yet"), "{listed}");

    let callback = format!("/v1/oauth/callback?state={state}&code=c");
    assert_eq!(server.get(&callback, "").send().await.unwrap().status(), 200);
    let ended = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && said.contains("MAIL_TOKEN is logged in"), "{said}");
    assert!(said.contains("/v1/oauth/callback"), "the vendor must know the address: {said}");
    let listed = Shell::new(&server).run("secrets list").await.out;
    assert!(listed.contains("mail.example") && listed.contains("logged in"), "{listed}");
    let asked = String::from_utf8(vendor.received()[0].body.to_vec()).unwrap();
    assert!(asked.contains("client_secret=the+client%27s+secret"), "{asked}");
}

async fn address(lines: &mut Lines<impl tokio::io::AsyncBufRead + Unpin>) -> Url {
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Ok(url) = Url::parse(line.trim()) {
            return url;
        }
    }
    panic!("no address was printed");
}
