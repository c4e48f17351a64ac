//! Lists of a user's runs, and of those that failed with a code or at a node, among many others.

use anyhow::ensure;

use super::*;

/// Returns the numbers of the runs that a filter selects, read in pages.
async fn numbers(world: &World, filter: &RunFilter, limit: usize) -> Result<Vec<i64>> {
    let (mut numbers, mut cursor) = (Vec::new(), None);
    for _ in 0..200 {
        let request = PageRequest { limit, cursor };
        let page = world.runs.list(WORKFLOW_UID, filter.clone(), request).await?;
        ensure!(page.items.len() <= limit, "a page holds {} runs", page.items.len());
        numbers.extend(page.items.iter().map(|run| run.head.created_at.millis() - at(0).millis()));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(numbers);
        }
    }
    bail!("the list does not end")
}

/// In both orders, in pages of any size, and by the way that finds older runs, too.
async fn check(world: &World, selection: Selection, newest_first: &[i64]) -> Result<()> {
    let oldest_first: Vec<i64> = newest_first.iter().rev().copied().collect();
    for (is_oldest_first, expected) in [(false, newest_first), (true, &oldest_first)] {
        for (limit, complete) in [(1, false), (3, false), (100, false), (7, true)] {
            let filter =
                RunFilter { oldest_first: is_oldest_first, complete, ..selection.clone().into() };
            let found = numbers(world, &filter, limit).await?;
            ensure!(found == expected, "{filter:?}, {limit}: {found:?} for {expected:?}");
        }
    }
    Ok(())
}

fn of_user(run: NewRun, user: &str) -> NewRun {
    let head = RunHead { user: Some(user.into()), ..RunHead::clone(&run.head) };
    NewRun { head: Arc::new(head), ..run }
}

fn by_user(user: &str) -> Selection {
    Selection { user: Some(user.into()), ..Selection::default() }
}

pub(super) async fn by_users(world: World) -> Result<()> {
    for n in 1..=60 {
        let user = match n % 10 {
            0 => "ada",
            1 => "ada#1",
            _ => "bob",
        };
        match n % 20 {
            0 => {
                let run = of_user(attached(n)?, user);
                world.runs.create_ended(run, ending(RunState::Succeeded)).await?;
            }
            2 => drop(world.runs.create(detached(n)?).await?),
            _ => drop(world.runs.create(of_user(detached(n)?, user)).await?),
        }
    }
    let elsewhere = RunHead { workflow_uid: "other-uid".into(), ..head(70)? };
    let elsewhere = NewRun { head: Arc::new(elsewhere), ..detached(70)? };
    world.runs.create(of_user(elsewhere, "ada")).await?;

    check(&world, by_user("ada"), &[60, 50, 40, 30, 20, 10]).await?;
    check(&world, by_user("ada#1"), &[51, 41, 31, 21, 11, 1]).await?;
    for unknown in ["ad", "", "ada#", "ada' OR 1=1 --"] {
        check(&world, by_user(unknown), &[]).await?;
    }
    let (created_from, created_before) = (Some(at(20)), Some(at(50)));
    check(&world, Selection { created_from, created_before, ..by_user("ada") }, &[40, 30, 20])
        .await?;
    for (state, expected) in
        [(RunState::Pending, [50, 30, 10]), (RunState::Succeeded, [60, 40, 20])]
    {
        check(&world, Selection { state: Some(state), ..by_user("ada") }, &expected).await?;
    }
    check(&world, Selection { code: Some("timeout".into()), ..by_user("ada") }, &[]).await?;
    let other = world.runs.list("other-uid", by_user("ada").into(), first_page(10)).await?;
    assert_eq!(other.items.len(), 1);
    let whole = RunFilter { include: Include::ALL, ..by_user("ada").into() };
    let whole = world.runs.list(WORKFLOW_UID, whole, first_page(1)).await?;
    assert_eq!(whole.items, [stored(&world, 60).await?]);

    // A run that was not created is not listed.
    let key = |n| anyhow::Ok(with_idempotency(of_user(detached(n)?, "cy"), "k"));
    world.runs.create(key(80)?).await?;
    assert!(matches!(world.runs.create(key(81)?).await?, Created::Repeated(_)));
    check(&world, by_user("cy"), &[80]).await
}

fn failing(state: RunState, code: &str, node: Option<&str>) -> FinishedRun {
    let error = RunError { code: code.into(), message: "no".into(), node: node.map(str::to_owned) };
    let end = ending(state);
    let failed = RunEnd { error: Some(error), ..RunEnd::clone(&end.end) };
    FinishedRun { end: Arc::new(failed), ..end }
}

fn code_of(n: u32) -> &'static str {
    if n.is_multiple_of(2) { "timeout" } else { "http_status" }
}

fn node_of(n: u32) -> Option<&'static str> {
    [Some("a"), Some("b"), None][n as usize % 3]
}

async fn fail(world: &World, n: u32) -> Result<()> {
    let end = failing(RunState::Failed, code_of(n), node_of(n));
    let user = |run| if n.is_multiple_of(5) { of_user(run, "ada") } else { run };
    if n.is_multiple_of(4) {
        world.runs.create(user(detached(n)?)).await?;
        let (lease, _) = claim(world, n, "a", 100, 1_000).await?;
        world.runs.finish(&lease, end).await?;
    } else {
        world.runs.create_ended(user(attached(n)?), end).await?;
    }
    Ok(())
}

/// Checks each combination of filters on the failed runs 1 to 40 but those that are gone.
async fn check_failures(world: &World, gone: &[u32]) -> Result<()> {
    for (code, node) in [
        (Some("timeout"), None),
        (Some("http_status"), Some("b")),
        (None, Some("a")),
        (Some("a"), None),
        (None, Some("timeout")),
    ] {
        for user in [None, Some("ada")] {
            let expected = (1..=40).rev().filter(|n| {
                code.is_none_or(|code| code == code_of(*n))
                    && (node.is_none() || node == node_of(*n))
                    && (user.is_none() || n.is_multiple_of(5))
                    && !gone.contains(n)
            });
            let expected: Vec<i64> = expected.map(i64::from).collect();
            let [code, node, user] = [code, node, user].map(|given| given.map(str::to_owned));
            let filter = Selection { code, node, user, ..Selection::default() };
            check(world, filter.clone(), &expected).await?;
            let failed = Selection { state: Some(RunState::Failed), ..filter.clone() };
            check(world, failed, &expected).await?;
            let (created_from, created_before) = (Some(at(10)), Some(at(20)));
            let of_time = Selection { created_from, created_before, ..filter.clone() };
            let within = expected.into_iter().filter(|n| (10..20).contains(n));
            check(world, of_time, &within.collect::<Vec<_>>()).await?;
            let other = Selection { state: Some(RunState::Succeeded), ..filter };
            check(world, other, &[]).await?;
        }
    }
    Ok(())
}

pub(super) async fn by_failures(world: World) -> Result<()> {
    for n in 1..=40 {
        fail(&world, n).await?;
    }
    world.runs.create_ended(attached(41)?, ending(RunState::Succeeded)).await?;
    let cancelled = failing(RunState::Cancelled, "timeout", Some("a"));
    world.runs.create_ended(attached(42)?, cancelled).await?;
    world.runs.create(detached(43)?).await?;
    let elsewhere = RunHead { workflow_uid: "other-uid".into(), ..head(44)? };
    let elsewhere = NewRun { head: Arc::new(elsewhere), ..attached(44)? };
    let end = failing(RunState::Failed, "timeout", Some("a"));
    let end = FinishedRun { workflow_uid: "other-uid".into(), ..end };
    world.runs.create_ended(elsewhere, end).await?;

    // The end that an earlier owner names counts for nothing.
    let late = claimed(&world, 45, "a").await?;
    let (lease, _) = claim(&world, 45, "b", 2_000, 3_000).await?;
    world.runs.finish(&lease, ending(RunState::Succeeded)).await?;
    world.runs.finish(&late, failing(RunState::Failed, "timeout", Some("a"))).await?;
    check_failures(&world, &[]).await?;

    world.runs.wipe(&run_id(6)?).await?;
    world.runs.wipe(&run_id(10)?).await?;
    check_failures(&world, &[]).await?;
    for n in [10, 12, 35] {
        world.runs.delete(&run_id(n)?).await?;
    }
    check_failures(&world, &[10, 12, 35]).await
}
