//! Runs, versions and jobs: deleted whole, and nothing else with them.

use anyhow::Result;
use flowgate_core::job::{Job, Times};
use flowgate_core::lease::Written;
use flowgate_core::run::{Created, Deleted, FinishedRun, RunFilter, RunState};
use flowgate_core::secret::SigningPin;
use flowgate_core::work::Message;
use flowgate_core::workflow::{Draft, NewVersion, UseOfSecrets};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a deleted run leaves nothing, and its neighbour is whole", delete_run),
        guarantee("a run in flight is not deleted", delete_open),
        guarantee("an id that a deleted run had can be chosen again", delete_chosen),
        guarantee("the versions of one workflow are deleted, some at a time", delete_versions),
        guarantee("a job is saved by one of two workers", save_job),
        guarantee("a job is due until it has ended", due_job),
        guarantee("open jobs are listed oldest first", open_jobs),
    ]
}

async fn ended_run(world: &World, n: u32) -> Result<()> {
    let lease = claimed(world, n, "a").await?;
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?;
    world.runs.mark_started(&lease, "a").await?;
    let deliveries = vec![delivery(n, 0, 900)?, delivery(n, 1, 900)?];
    world.runs.finish(&lease, FinishedRun { deliveries, ..ending(RunState::Failed) }).await?;
    Ok(())
}

async fn delete_run(world: World) -> Result<()> {
    for n in 1..=2 {
        ended_run(&world, n).await?;
    }
    let kept = stored(&world, 2).await?;
    assert_eq!(world.runs.delete(&run_id(1)?).await?, Deleted::Deleted);
    assert_eq!(world.runs.delete(&run_id(1)?).await?, Deleted::Unknown);

    let gone = run_id(1)?;
    assert!(world.runs.read(&gone).await?.is_none() && world.runs.progress(&gone).await?.is_none());
    assert!(world.runs.trace(&gone).await?.is_none());
    assert!(world.runs.checkpoints(&gone, None).await?.is_empty());
    assert!(world.runs.started(&gone).await?.is_empty());
    assert!(world.runs.events(&gone, None, 10).await?.is_empty());
    assert!(world.deliveries.of_run(&gone).await?.is_empty());
    assert!(world.deliveries.read(&delivery(1, 0, 0)?.id).await?.is_none());
    let listed = world.runs.list(WORKFLOW_UID, RunFilter::default(), first_page(9)).await?.items;
    assert_eq!(listed.len(), 1);

    assert_eq!(stored(&world, 2).await?, kept);
    assert!(world.runs.trace(&run_id(2)?).await?.is_some());
    assert_eq!(world.runs.checkpoints(&run_id(2)?, None).await?.len(), 1);
    assert_eq!(world.runs.events(&run_id(2)?, None, 10).await?.len(), 1);
    assert_eq!(world.deliveries.of_run(&run_id(2)?).await?.len(), 2);
    assert_eq!(world.due.due(at(99_000), 10).await?.len(), 2, "its deliveries");
    Ok(())
}

async fn delete_open(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    claimed(&world, 2, "a").await?;
    for n in 1..=2 {
        let before = stored(&world, n).await?;
        assert_eq!(world.runs.delete(&run_id(n)?).await?, Deleted::Open);
        assert_eq!(stored(&world, n).await?, before);
    }
    Ok(())
}

async fn delete_chosen(world: World) -> Result<()> {
    let mut first = detached(1)?;
    first.unique_rows.run_id = Some(flowgate_core::idempotency::IdempotencyRow {
        key: flowgate_core::idempotency::chosen_id_key(WORKFLOW_UID, "mine"),
        body_hash: String::new(),
        expires_at: at(50_000),
    });
    let mut head = head(1)?;
    head.chosen_id = Some("mine".into());
    first.head = std::sync::Arc::new(head);
    let rows = first.unique_rows.clone();
    world.runs.create_ended(first, ending(RunState::Succeeded)).await?;
    let second = flowgate_core::run::NewRun { unique_rows: rows, ..detached(2)? };
    assert_eq!(world.runs.create(second.clone()).await?, Created::IdTaken);
    assert_eq!(world.runs.delete(&run_id(1)?).await?, Deleted::Deleted);
    assert_eq!(world.runs.create(second).await?, Created::Created);
    Ok(())
}

async fn delete_versions(world: World) -> Result<()> {
    for (id, uid) in [("a", "uid a"), ("b", "uid b")] {
        let draft = Draft {
            name: id.into(),
            document: "draft".into(),
            etag: "etag".into(),
            saved_at: at(1),
            saved_by: None,
        };
        let signing = SigningPin { master: 1, epoch: 0 };
        world.workflows.save_draft(id, draft, uid, signing, None).await?;
        for number in 0..5 {
            let version = NewVersion {
                document: format!("document {number}").into(),
                hash: format!("hash {number}"),
                name: id.into(),
                notes: None,
                use_of_secrets: UseOfSecrets::default(),
                at: at(2),
                schedules: Vec::new(),
            };
            world.workflows.publish(id, version).await?;
        }
    }
    let mut left = Vec::new();
    for _ in 0..4 {
        let deleted = world.workflows.delete_versions("uid a", 2).await?;
        left.push((deleted, world.workflows.versions("uid a", first_page(9)).await?.items.len()));
    }
    assert_eq!(left, [(2, 3), (2, 1), (1, 0), (0, 0)]);
    assert_eq!(world.workflows.versions("uid b", first_page(9)).await?.items.len(), 5);
    Ok(())
}

fn next(job: &Job) -> Job {
    let mut next = Job { revision: job.revision + 1, ..job.clone() };
    next.progress.deleted += 1;
    next
}

async fn save_job(world: World) -> Result<()> {
    let job = workflow_job(1, "uid")?;
    for _ in 0..2 {
        world.jobs.create(job.clone()).await?;
    }
    let times = Times { sweep_at: Some(at(3_000)), expires_at: None };
    let first = next(&job);
    for _ in 0..2 {
        assert_eq!(world.jobs.save(&first, times).await?, Written::Written, "a retry succeeds");
    }
    let mut other = next(&job);
    other.progress.deleted = 7;
    assert_eq!(world.jobs.save(&other, times).await?, Written::Lost);
    assert_eq!(world.jobs.save(&next(&next(&first)), times).await?, Written::Lost);
    assert_eq!(world.jobs.read(&job.id).await?, Some(first.clone()));
    world.jobs.create(job.clone()).await?;
    assert_eq!(world.jobs.read(&job.id).await?, Some(first), "created once");
    assert_eq!(world.jobs.read(&workflow_job(2, "uid")?.id).await?, None);
    Ok(())
}

async fn due_job(world: World) -> Result<()> {
    let job = workflow_job(1, "uid")?;
    world.jobs.create(job.clone()).await?;
    assert!(world.due.due(at(1_999), 10).await?.is_empty());
    let due = world.due.due(at(2_000), 10).await?;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].what, Message::JobV1 { job: job.id.clone() });
    assert_eq!((due[0].since, due[0].sweep_at), (at(2_000), at(2_000)));
    assert!(world.due.postpone(&due[0], at(5_000)).await?.is_some());
    assert!(world.due.postpone(&due[0], at(6_000)).await?.is_none());
    assert!(world.due.due(at(4_999), 10).await?.is_empty());

    let walking = next(&job);
    let times = Times { sweep_at: Some(at(9_000)), expires_at: None };
    world.jobs.save(&walking, times).await?;
    assert!(world.due.due(at(8_999), 10).await?.is_empty());
    assert_eq!(world.due.due(at(9_000), 10).await?.len(), 1);
    let done = next(&walking).ended(at(9_500));
    let times = Times { sweep_at: None, expires_at: Some(at(99_000)) };
    world.jobs.save(&done, times).await?;
    assert!(world.due.due(at(999_000), 10).await?.is_empty());
    assert_eq!(world.jobs.read(&job.id).await?, Some(done));
    Ok(())
}

async fn open_jobs(world: World) -> Result<()> {
    for n in [3, 1, 2] {
        world.jobs.create(workflow_job(n, "uid")?).await?;
    }
    let done = next(&workflow_job(2, "uid")?).ended(at(9_000));
    world.jobs.save(&done, Times::default()).await?;
    let first = world.jobs.open(first_page(1)).await?;
    assert_eq!(first.items, [workflow_job(1, "uid")?]);
    let cursor = first.next_cursor.or(Some(first.items[0].id.as_str().to_owned()));
    let rest = world.jobs.open(flowgate_core::page::PageRequest { limit: 5, cursor }).await?;
    assert_eq!(rest.items, [workflow_job(3, "uid")?]);
    Ok(())
}
