//! Rows as earlier releases wrote them are still read as they were meant.

use anyhow::{Context, Result};
use flowgate_core::workflow::NewVersion;
use flowgate_tests::ports::sample::*;
use flowgate_tests::stores::Stores;
use serde_json::json;

use super::{aws, draft, world};

/// Nothing is known of what was active before: a rollback goes where it went then, to the version before.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_workflow_without_rollback_targets_can_be_rolled_back() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let workflows = world(&aws(&config, 0)).workflows;
    workflows.save_draft("story", draft("one"), "uid", SIGNING, None).await?;
    let version = |text: &str| NewVersion { document: text.into(), hash: text.into(), name: "A story".into(), notes: None, at: at(20) };
    for text in ["one", "two", "three"] {
        workflows.publish("story", version(text)).await?;
    }
    let forget = json!({
        "TableName": config.table,
        "Key": { "pk": { "S": "WF#story" }, "sk": { "S": "WF" } },
        "UpdateExpression": "REMOVE rollback_targets",
    });
    let target = async || anyhow::Ok(workflows.read("story").await?.context("the workflow is there")?.rollback_targets.last());
    double.call("DynamoDB_20120810.UpdateItem", &forget).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.1"));
    workflows.set_active("story", None, at(30)).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.2"), "the one that was taken down");
    double.call("DynamoDB_20120810.UpdateItem", &forget).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.2"));
    workflows.set_active("story", Some("1.0.1"), at(30)).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.0"));
    workflows.publish("story", version("four")).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.1"), "not the one that was rolled back from");
    Ok(())
}
