//! `flowgate connectors`, and what a publish says of missing secrets.

use super::*;

#[tokio::test]
async fn connectors_are_listed_and_explained() {
    let server = TestServer::start().await;
    let shell = Shell::new(&server);
    let all = shell.run("connectors").await.out;
    assert!(all.contains("slack.send_message") && all.contains("github."), "{all}");
    let slack = shell.run("connectors slack").await.out;
    assert!(slack.contains("slack.list_channels") && !slack.contains("github."), "{slack}");
    let one = shell.run("connectors slack.send_message").await.out;
    for part in ["write, goes out at most once", "SLACK_TOKEN", "channel", "- id: "] {
        assert!(one.contains(part), "{part}: {one}");
    }
    let one = shell.run("connectors slack.send_message -o json").await.out;
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(
        (&one["name"], &one["effect"], &one["login"]),
        (&json!("slack.send_message"), &json!("write"), &json!("SLACK_TOKEN"))
    );
    assert_eq!(one["fields"]["properties"]["channel"]["type"], "string");
    let all = shell.run("connectors -o json").await.out;
    let all: Value = serde_json::from_str(&all).unwrap();
    assert!(all.as_array().unwrap().iter().any(|it| it["name"] == "slack"), "{all}");
    let unknown = shell.run("connectors slack.shout").await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("no connector or operation `slack.shout`"), "{}", unknown.err);
}

#[tokio::test]
async fn a_publish_warns_of_a_missing_secret() {
    let server = TestServer::start().await;
    let shell = Shell::new(&server);
    let document = "nodes:\n  - { id: a, type: slack.list_channels }\n";
    std::fs::write(shell.folder.path().join("w.yaml"), document).unwrap();
    let published = shell.run("publish w.yaml --id w").await;
    assert_eq!(published.code, 0, "{}", published.err);
    let said = format!("{}{}", published.out, published.err);
    assert!(said.contains("warning") && said.contains("no secret SLACK_TOKEN yet"), "{said}");
}
