//! Lists of runs: pages, filters, time ranges, and parts on request.

use super::*;

pub(super) async fn list_pages(world: World) -> Result<()> {
    for n in 1..=25 {
        if n % 2 == 0 {
            world.runs.create_ended(attached(n)?, ending(RunState::Succeeded)).await?;
        } else {
            world.runs.create(detached(n)?).await?;
        }
    }
    let elsewhere = RunHead { workflow_uid: "other-uid".into(), ..head(26)? };
    world.runs.create(NewRun { head: Arc::new(elsewhere), ..detached(26)? }).await?;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world
            .runs
            .list(WORKFLOW_UID, RunFilter::default(), PageRequest { limit: 10, cursor })
            .await?;
        assert!(page.items.len() <= 10);
        seen.extend(page.items.into_iter().map(|run| run.head.id.clone()));
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_none() || pages > 10 {
            break;
        }
    }
    assert_eq!(seen, (1..=25).rev().map(run_id).collect::<Result<Vec<_>>>()?);
    let whole = RunFilter { include: Include::ALL, ..RunFilter::default() };
    let all = world.runs.list(WORKFLOW_UID, whole, first_page(25)).await?;
    assert_eq!((all.items.len(), all.items.first()), (25, Some(&stored(&world, 25).await?)));
    Ok(())
}

pub(super) async fn list_filters(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    world.runs.create_ended(attached(2)?, ending(RunState::Failed)).await?;
    let users = RunHead { user: Some("ada".into()), ..head(3)? };
    world.runs.create(NewRun { head: Arc::new(users), ..detached(3)? }).await?;
    claimed(&world, 4, "a").await?;
    let cases: [(RunFilter, &[u32]); 8] = [
        (
            RunFilter::from(Selection { state: Some(RunState::Pending), ..Selection::default() }),
            &[3, 1],
        ),
        (
            RunFilter::from(Selection { state: Some(RunState::Running), ..Selection::default() }),
            &[4],
        ),
        (
            RunFilter::from(Selection { state: Some(RunState::Failed), ..Selection::default() }),
            &[2],
        ),
        (RunFilter::from(Selection { user: Some("ada".into()), ..Selection::default() }), &[3]),
        (RunFilter::from(Selection { created_from: Some(at(3)), ..Selection::default() }), &[4, 3]),
        (
            RunFilter::from(Selection { created_before: Some(at(3)), ..Selection::default() }),
            &[2, 1],
        ),
        (
            RunFilter::from(Selection {
                state: Some(RunState::Pending),
                created_from: Some(at(2)),
                ..Selection::default()
            }),
            &[3],
        ),
        (RunFilter { oldest_first: true, ..RunFilter::default() }, &[1, 2, 3, 4]),
    ];
    for (filter, expected) in cases {
        let said = format!("{filter:?}");
        let page = world.runs.list(WORKFLOW_UID, filter, first_page(10)).await?;
        let ids: Vec<_> = page.items.iter().map(|run| run.head.id.clone()).collect();
        assert_eq!(ids, expected.iter().map(|n| run_id(*n)).collect::<Result<Vec<_>>>()?, "{said}");
    }
    Ok(())
}

pub(super) async fn list_includes(world: World) -> Result<()> {
    let large = |what: &str| json!({ what: what.repeat(100_000) });
    let runs = [
        (1, json!({"n": 1}), json!({"a": 1})),
        (2, large("in"), json!({"a": 2})),
        (3, json!({"n": 3}), large("out")),
    ];
    for (n, input, output) in runs {
        let run_head = RunHead { input: Arc::new(input), ..head(n)? };
        world.runs.create(NewRun { head: Arc::new(run_head), ..detached(n)? }).await?;
        let (held, _) = claim(&world, n, "a", 100, 1_000).await?;
        let end = ending(RunState::Succeeded);
        let end = FinishedRun {
            end: Arc::new(RunEnd { output: Arc::new(output), ..RunEnd::clone(&end.end) }),
            ..end
        };
        world.runs.finish(&held, end).await?;
    }
    for include in [
        Include::default(),
        Include { input: true, output: false },
        Include { input: false, output: true },
        Include::ALL,
    ] {
        let listed = world
            .runs
            .list(WORKFLOW_UID, RunFilter { include, ..RunFilter::default() }, first_page(10))
            .await?;
        assert_eq!(listed.items.len(), 3);
        for (run, n) in listed.items.into_iter().zip([3, 2, 1]) {
            let mut expected = stored(&world, n).await?;
            if !include.input {
                expected.head = Arc::new(RunHead {
                    input: Arc::default(),
                    input_as_sent: None,
                    ..RunHead::clone(&expected.head)
                });
            }
            if !include.output {
                expected.end = expected
                    .end
                    .map(|end| Arc::new(RunEnd { output: Arc::default(), ..RunEnd::clone(&end) }));
            }
            assert!(run == expected, "run {n} {include:?}");
        }
    }
    for n in 1..=3 {
        world.runs.wipe(&run_id(n)?).await?;
    }
    let whole = RunFilter { include: Include::ALL, ..RunFilter::default() };
    for run in world.runs.list(WORKFLOW_UID, whole, first_page(10)).await?.items {
        assert!(
            run.wiped
                && run.head.input.is_null()
                && run.end.is_some_and(|end| end.output.is_null())
        );
    }
    Ok(())
}

pub(super) async fn list_ranges(world: World) -> Result<()> {
    for n in 1..=20 {
        world.runs.create(detached(n)?).await?;
    }
    let list = async |from: Option<i64>,
                      before: Option<i64>,
                      oldest_first,
                      limit,
                      cursor: Option<u32>| {
        let (created_from, created_before) = (from.map(at), before.map(at));
        let filter = RunFilter {
            oldest_first,
            ..Selection { created_from, created_before, ..Selection::default() }.into()
        };
        let cursor = cursor.map(run_id).transpose()?.map(|run| run.to_string());
        let page = world.runs.list(WORKFLOW_UID, filter, PageRequest { limit, cursor }).await?;
        let numbers: Vec<i64> =
            page.items.iter().map(|run| run.head.created_at.millis() - at(0).millis()).collect();
        let next = page
            .next_cursor
            .map(|cursor| Ok::<_, anyhow::Error>(u32::from_str_radix(&cursor[24..], 16)?))
            .transpose()?;
        anyhow::Ok((numbers, next))
    };
    for oldest_first in [false, true] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (some, next) = list(Some(5), Some(15), oldest_first, 4, cursor).await?;
            seen.extend(some);
            cursor = next;
            if cursor.is_none() || seen.len() > 20 {
                break;
            }
        }
        let expected: Vec<i64> =
            if oldest_first { (5..15).collect() } else { (5..15).rev().collect() };
        assert_eq!(seen, expected);
    }
    // A cursor outside the range: the list continues after it.
    assert_eq!(list(Some(5), Some(15), false, 2, Some(18)).await?, (vec![14, 13], Some(13)));
    assert_eq!(list(Some(5), Some(15), false, 2, Some(2)).await?, (vec![], None));
    assert_eq!(list(Some(5), Some(15), true, 2, Some(2)).await?, (vec![5, 6], Some(6)));
    assert_eq!(list(Some(5), Some(15), true, 2, Some(18)).await?, (vec![], None));
    for (from, before) in [
        (Some(15), Some(5)),
        (Some(5), Some(5)),
        (Some(21), None),
        (None, Some(1)),
        (None, Some(-i64::MAX / 2)),
    ] {
        assert_eq!(
            list(from, before, false, 10, None).await?,
            (vec![], None),
            "{from:?} {before:?}"
        );
    }
    Ok(())
}

pub(super) async fn list_bad_cursor(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    for cursor in ["", "nonsense", "run_", "'; DROP TABLE runs", "\u{0}ä"] {
        let page = world
            .runs
            .list(
                WORKFLOW_UID,
                RunFilter::default(),
                PageRequest { limit: 10, cursor: Some(cursor.into()) },
            )
            .await?;
        assert_eq!(page.items.len(), 1, "{cursor:?}");
    }
    Ok(())
}
