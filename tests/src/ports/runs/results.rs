//! What an ended run leaves in one piece for a rerun, and what a run keeps of its origin.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use flowgate_core::run::{
    Created, Finished, FinishedRun, Include, NewRun, Origin, RunFilter, RunHead, RunState, Takes,
    TriedDraft,
};
use flowgate_engine::Part;
use serde_json::json;

use crate::ports::World;
use crate::ports::sample::*;

/// Text that cannot be compressed to much less.
fn noise(bytes: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state % 90).unwrap_or_default())
    };
    (0..bytes).map(|_| next()).collect()
}

pub(super) async fn results(world: World) -> Result<()> {
    for (n, value) in [(1, "x".to_owned()), (2, noise(40_000)), (3, noise(1_000_000))] {
        let results = vec![checkpoint("a", 0, &value), checkpoint("b[1]/c", 1, "y")];
        let end = FinishedRun { results: results.clone(), ..ending(RunState::Failed) };
        if n == 1 {
            assert_eq!(world.runs.create_ended(attached(n)?, end).await?, Created::Created);
        } else {
            let lease = claimed(&world, n, "a").await?;
            assert!(world.runs.results(&run_id(n)?).await?.is_empty());
            assert_eq!(world.runs.finish(&lease, end.clone()).await?, Finished::Finished);
            // A retry of a write that was applied.
            assert!(matches!(world.runs.finish(&lease, end).await?, Finished::Already(_)));
        }
        let id = run_id(n)?;
        assert!(world.runs.results(&id).await? == results, "run {n}");
        assert!(world.runs.checkpoints(&id, None).await?.is_empty());
        world.runs.wipe(&id).await?;
        assert!(world.runs.results(&id).await?.is_empty(), "run {n} is wiped");
        assert!(stored(&world, n).await?.wiped);
    }
    assert!(world.runs.results(&run_id(9)?).await?.is_empty());
    Ok(())
}

pub(super) async fn origins(world: World) -> Result<()> {
    for (n, document) in [(1, "nodes: []".to_owned()), (2, noise(600_000))] {
        let takes = Takes {
            started_at: at(5),
            seed_root: run_id(7)?,
            from: Some("b".to_owned()),
            failures: true,
        };
        let pins = BTreeMap::from([("a".to_owned(), Arc::new(json!({ "content": document })))]);
        let draft = TriedDraft { hash: "h".to_owned(), document: document.as_str().into() };
        let of_run = RunHead {
            origin: Some(Box::new(Origin { run: run_id(8)?, takes: Some(takes) })),
            draft: Some(Box::new(draft)),
            part: Part { until: Some("b".to_owned()), pins },
            ..head(n)?
        };
        let new = NewRun { head: Arc::new(of_run.clone()), ..detached(n)? };
        world.runs.create(new).await?;
        assert!(*stored(&world, n).await?.head == of_run, "run {n}");
        let (lease, record) = claim(&world, n, "a", 100, 1_000).await?;
        assert!(*record.head == of_run, "run {n}");
        let filter = RunFilter { include: Include::default(), ..RunFilter::default() };
        let listed = world.runs.list(WORKFLOW_UID, filter, first_page(1)).await?.items;
        assert_eq!(listed[0].head.origin, of_run.origin);
        assert_eq!(listed[0].head.input, Arc::default());
        world.runs.finish(&lease, ending(RunState::Succeeded)).await?;
        world.runs.wipe(&run_id(n)?).await?;
        let wiped = stored(&world, n).await?;
        assert_eq!(*wiped.head, of_run.wiped());
        assert!(wiped.head.part.pins.is_empty() && wiped.head.is_draft());
    }
    Ok(())
}
