//! Lists of the runs of several workflows, in one order.

use anyhow::ensure;

use super::*;

const UIDS: [&str; 3] = [WORKFLOW_UID, "uid-b", "uid-c"];

fn uids(of: &[&str]) -> Vec<String> {
    of.iter().map(|uid| (*uid).to_owned()).collect()
}

/// Runs 1 to 60, in turn of three workflows; every fifth is of a key, every fourth of a version.
async fn filled(world: &World) -> Result<()> {
    for n in 1..=60_u32 {
        let key_id = n.is_multiple_of(5).then(|| "key5".to_owned());
        let version = if n.is_multiple_of(4) { "1.0.4" } else { "1.0.0" }.to_owned();
        let workflow_uid = UIDS[n as usize % 3].to_owned();
        let run_head = Arc::new(RunHead { workflow_uid, key_id, version, ..head(n)? });
        if n.is_multiple_of(2) {
            let end = ending(RunState::Failed);
            let error = RunError { code: "timeout".into(), message: "no".into(), node: None };
            let ended_at = end.end.started_at + std::time::Duration::from_millis(u64::from(n));
            let failed = RunEnd { error: Some(error), ended_at, ..RunEnd::clone(&end.end) };
            let end = FinishedRun {
                end: Arc::new(failed),
                workflow_uid: run_head.workflow_uid.clone(),
                ..end
            };
            world.runs.create_ended(NewRun { head: run_head, ..attached(n)? }, end).await?;
        } else {
            world.runs.create(NewRun { head: run_head, ..detached(n)? }).await?;
        }
    }
    Ok(())
}

async fn numbers(world: &World, of: &[&str], filter: &RunFilter, limit: usize) -> Result<Vec<i64>> {
    let (mut numbers, mut cursor) = (Vec::new(), None);
    for _ in 0..200 {
        let request = PageRequest { limit, cursor };
        let page = world.runs.list_of(&uids(of), filter.clone(), request).await?;
        ensure!(page.items.len() <= limit, "a page holds {} runs", page.items.len());
        numbers.extend(page.items.iter().map(|run| run.head.created_at.millis() - at(0).millis()));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(numbers);
        }
    }
    bail!("the list does not end")
}

pub(super) async fn several(world: World) -> Result<()> {
    filled(&world).await?;
    let text = |text: &str| Some(text.to_owned());
    let of = |selection: Selection| RunFilter::from(selection);
    type IsMeant = fn(u32) -> bool;
    let cases: [(RunFilter, IsMeant); 10] = [
        (RunFilter::default(), |_| true),
        (of(Selection { key: text("key5"), ..Selection::default() }), |n| n % 5 == 0),
        (of(Selection { version: text("1.0.4"), ..Selection::default() }), |n| n % 4 == 0),
        (of(Selection { code: text("timeout"), ..Selection::default() }), |n| n % 2 == 0),
        (of(Selection { min_duration_ms: Some(40), ..Selection::default() }), |n| {
            n % 2 == 0 && n >= 40
        }),
        (of(Selection { state: Some(RunState::Pending), ..Selection::default() }), |n| n % 2 == 1),
        (RunFilter { ended: Some(true), ..RunFilter::default() }, |n| n % 2 == 0),
        (RunFilter { ended: Some(false), ..RunFilter::default() }, |n| n % 2 == 1),
        (
            of(Selection {
                created_from: Some(at(20)),
                created_before: Some(at(40)),
                key: text("key5"),
                ..Selection::default()
            }),
            |n| n % 5 == 0 && (20..40).contains(&n),
        ),
        (of(Selection { key: text("nobody"), ..Selection::default() }), |_| false),
    ];
    for (filter, is_meant) in cases {
        for names in [&UIDS[..], &UIDS[1..], &UIDS[..1], &[]] {
            let is_of = |n: &u32| names.contains(&UIDS[*n as usize % 3]) && is_meant(*n);
            let expected: Vec<i64> = (1..=60).filter(is_of).map(i64::from).collect();
            for (oldest_first, limit) in [(true, 7), (true, 100), (false, 1), (false, 100)] {
                let filter = RunFilter { oldest_first, ..filter.clone() };
                let mut found = numbers(&world, names, &filter, limit).await?;
                if !oldest_first {
                    found.reverse();
                }
                ensure!(found == expected, "{filter:?} {names:?}: {found:?} for {expected:?}");
            }
        }
        // The list of one workflow has the same.
        let only = world.runs.list("uid-b", filter.clone(), first_page(100)).await?;
        let same = world.runs.list_of(&uids(&["uid-b"]), filter, first_page(100)).await?;
        assert_eq!(only.items, same.items);
    }
    Ok(())
}
