//! Rows of earlier releases are still read correctly.

use std::sync::Arc;

use anyhow::{Context, Result};
use flowgate_core::page::PageRequest;
use flowgate_core::run::{Include, NewRun, RunFilter, RunHead, RunState, Selection};
use flowgate_core::workflow::{NewVersion, UseOfSecrets};
use flowgate_engine::RunError;
use flowgate_tests::ports::sample::*;
use flowgate_tests::stores::Stores;
use serde_json::{Value, json};

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

/// Its shard was one of 16, and a heartbeat moved its place in the index.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_of_the_sixteen_shards_is_swept_and_goes_on() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    for (n, shard) in [(1, "00"), (2, "09"), (3, "10"), (4, "15")] {
        claimed(&world, n, "a").await?;
        let as_before = json!({
            "TableName": config.table,
            "Key": { "pk": { "S": format!("RUN#{}", run_id(n)?) }, "sk": { "S": "META" } },
            "UpdateExpression": "SET due_shard = :shard, due_at = :until, look_at = :until",
            "ExpressionAttributeValues": {
                ":shard": { "S": shard }, ":until": { "N": at(5_000).millis().to_string() },
            },
        });
        double.call("DynamoDB_20120810.UpdateItem", &as_before).await?;
    }
    assert!(world.due.due(at(4_999), 10).await?.is_empty());
    assert_eq!(world.due.due(at(5_000), 10).await?.len(), 4);
    let (lease, record) = claim(&world, 1, "b", 5_000, 6_000).await?;
    assert_eq!((lease.fence, record.due_at), (2, Some(at(6_000))));
    world.runs.heartbeat(&lease, at(7_000)).await?;
    assert_eq!(stored(&world, 1).await?.due_at, Some(at(7_000)));
    assert_eq!(world.due.due(at(6_500), 10).await?.len(), 3);
    assert_eq!(world.due.due(at(7_000), 10).await?.len(), 4);
    Ok(())
}

/// The list of a workflow's runs was one partition of the index.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn runs_of_the_one_list_are_listed_among_the_others() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    for n in 1..=40 {
        world.runs.create(detached(n)?).await?;
        if n % 3 == 0 {
            let as_before = json!({
                "TableName": config.table,
                "Key": { "pk": { "S": format!("RUN#{}", run_id(n)?) }, "sk": { "S": "META" } },
                "UpdateExpression": "SET list_pk = :list",
                "ExpressionAttributeValues": { ":list": { "S": format!("RUNS#{WORKFLOW_UID}") } },
            });
            double.call("DynamoDB_20120810.UpdateItem", &as_before).await?;
        }
    }
    for oldest_first in [false, true] {
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let filter = RunFilter { oldest_first, ..RunFilter::default() };
            let page = PageRequest { limit: 7, cursor };
            let page = world.runs.list(WORKFLOW_UID, filter, page).await?;
            listed.extend(page.items.into_iter().map(|run| run.head.id.clone()));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let mut all = (1..=40).map(run_id).collect::<Result<Vec<_>>>()?;
        if !oldest_first {
            all.reverse();
        }
        assert_eq!(listed, all, "oldest first: {oldest_first}");
    }
    Ok(())
}

/// Nothing pointed to the runs of a user, nor to those that failed.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn runs_without_pointers_are_found_by_who_reads_the_whole_list() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    for n in 1..=40 {
        let run_head = RunHead { user: Some("ada".into()), ..head(n)? };
        let mut end = ending(RunState::Failed);
        let error = RunError { code: "timeout".into(), message: String::new(), node: None };
        Arc::make_mut(&mut end.end).error = Some(error);
        let run = NewRun { head: Arc::new(run_head), ..attached(n)? };
        world.runs.create_ended(run, end).await?;
    }
    let items = double.dump(&config.table).await?;
    let is_pointer = |item: &&Value| item["pk"]["S"].as_str().unwrap().starts_with("LIST#");
    let pointers: Vec<_> = items.iter().filter(is_pointer).collect();
    assert_eq!(pointers.len(), 80, "of the user and of the code");
    for item in pointers {
        let (pk, expiry) = (item["pk"]["S"].as_str().unwrap(), &item["expires_at"]);
        assert!(expiry.is_object() && !pk.contains("ada") && !pk.contains("timeout"), "{item}");
        let key = json!({ "pk": item["pk"], "sk": item["sk"] });
        let delete = json!({ "TableName": config.table, "Key": key });
        double.call("DynamoDB_20120810.DeleteItem", &delete).await?;
    }
    let (user, code) = (Some("ada".to_owned()), Some("timeout".to_owned()));
    for (filter, complete, expected) in [
        (RunFilter::from(Selection { user: user.clone(), ..Selection::default() }), false, 0),
        (RunFilter::from(Selection { code: code.clone(), ..Selection::default() }), false, 0),
        (RunFilter::from(Selection { user: user.clone(), ..Selection::default() }), true, 40),
        (RunFilter::from(Selection { code: code.clone(), ..Selection::default() }), true, 40),
        (RunFilter::from(Selection { user, code, ..Selection::default() }), true, 40),
        (RunFilter::default(), false, 40),
    ] {
        let filter = RunFilter { complete, ..filter };
        let page = world.runs.list(WORKFLOW_UID, filter.clone(), first_page(100)).await?;
        assert_eq!(page.items.len(), expected, "{filter:?}");
    }
    world.runs.delete(&run_id(1)?).await?;
    assert!(world.runs.read(&run_id(1)?).await?.is_none());
    Ok(())
}
