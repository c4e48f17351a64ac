//! Rows of earlier releases are still read correctly.

use std::sync::Arc;

use anyhow::{Context, Result};
use flowgate_core::run::{Include, RunFilter, RunState};
use flowgate_core::workflow::{NewVersion, UseOfSecrets};
use flowgate_tests::ports::sample::*;
use flowgate_tests::stores::Stores;
use serde_json::json;

use super::{aws, draft, noise, with_input, world};

/// These rows do not record earlier active versions, so a rollback goes to the version before, as
/// then.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_workflow_without_rollback_targets_can_be_rolled_back() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let workflows = world(&aws(&config, 0)).workflows;
    workflows.save_draft("story", draft("one"), "uid", SIGNING, None).await?;
    let version = |text: &str| NewVersion {
        document: text.into(),
        hash: text.into(),
        name: "A story".into(),
        notes: None,
        at: at(20),
        use_of_secrets: UseOfSecrets::default(),
        schedules: Vec::new(),
    };
    for text in ["one", "two", "three"] {
        workflows.publish("story", version(text)).await?;
    }
    let forget = json!({
        "TableName": config.table,
        "Key": { "pk": { "S": "WF#story" }, "sk": { "S": "WF" } },
        "UpdateExpression": "REMOVE rollback_targets",
    });
    let target = async || {
        anyhow::Ok(
            workflows
                .read("story")
                .await?
                .context("the workflow is there")?
                .rollback_targets
                .last(),
        )
    };
    double.call("DynamoDB_20120810.UpdateItem", &forget).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.1"));
    workflows.set_active("story", None, at(30), Vec::new()).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.2"), "the one that was taken down");
    double.call("DynamoDB_20120810.UpdateItem", &forget).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.2"));
    workflows.set_active("story", Some("1.0.1"), at(30), Vec::new()).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.0"));
    workflows.publish("story", version("four")).await?;
    assert_eq!(target().await?.as_deref(), Some("1.0.1"), "not the one that was rolled back from");
    Ok(())
}

/// A head contained its input and an end its output, whatever their size.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_with_its_values_in_its_row_is_read_listed_and_wiped() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    let run = with_input(detached(1)?, json!({ "text": noise(20_000) }));
    world.runs.create(run.clone()).await?;
    let (held, _) = claim(&world, 1, "a", 100, 1_000).await?;
    let mut end = ending(RunState::Succeeded);
    Arc::make_mut(&mut end.end).output = Arc::new(json!({ "text": noise(20_000) }));
    world.runs.finish(&held, end.clone()).await?;
    let row = async || {
        let items = double.dump(&config.table).await?;
        anyhow::Ok(
            items.into_iter().find(|item| item["sk"]["S"] == "META").context("the row is there")?,
        )
    };
    let kept = row().await?;
    assert!(
        kept["input"].is_object()
            && kept["output"].is_object()
            && kept["head"].to_string().len() < 2_000,
        "{kept}"
    );
    let as_before = json!({
        "TableName": config.table,
        "Key": { "pk": kept["pk"], "sk": kept["sk"] },
        "UpdateExpression": "SET head = :head, #end = :end REMOVE #input, #output",
        "ExpressionAttributeNames": { "#end": "end", "#input": "input", "#output": "output" },
        "ExpressionAttributeValues": {
            ":head": { "S": serde_json::to_string(&*run.head)? },
            ":end": { "S": serde_json::to_string(&*end.end)? },
        },
    });
    double.call("DynamoDB_20120810.UpdateItem", &as_before).await?;

    let read = stored(&world, 1).await?;
    assert!(read.head == run.head && read.end == Some(end.end), "the run has changed");
    let list = async |include| {
        world
            .runs
            .list(WORKFLOW_UID, RunFilter { include, ..RunFilter::default() }, first_page(10))
            .await
    };
    assert!(list(Include::ALL).await?.items == [read]);
    let [brief] = &list(Include::default()).await?.items[..] else {
        anyhow::bail!("one run is listed")
    };
    assert!(
        brief.head.input.is_null() && brief.end.as_ref().is_some_and(|end| end.output.is_null())
    );
    world.runs.wipe(&run_id(1)?).await?;
    assert!(row().await?.to_string().len() < 3_000, "nothing of it is left");
    assert!(stored(&world, 1).await?.head.input.is_null());
    Ok(())
}
