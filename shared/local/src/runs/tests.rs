//! Lists of runs: what they read of the file, and runs of earlier releases.

use rusqlite::StatementStatus;
use rusqlite::types::Null;
use serde_json::{Value, json};

use flowgate_core::run::Selection;

use super::*;
use crate::run_lists::{frontier, list_of_sql, list_sql};

fn run(input: &Value) -> NewRun {
    let head = json!({
        "id": "run_00000000000070008000000000000001", "workflow_id": "w",
        "workflow_uid": "w", "workflow_name": "w", "version": "1.0.0",
        "dialect": "native", "input": input, "input_as_sent": "sent", "save": true,
        "signing": { "master": 1, "epoch": 1 },
        "created_at": 0, "deadline_at": 0,
    });
    NewRun {
        head: serde_json::from_value(head).unwrap(),
        mode: flowgate_core::run::Mode::Detached,
        owner: None,
        due_at: Timestamp(0),
        unique_rows: flowgate_core::idempotency::UniqueRows::default(),
    }
}

#[test]
fn a_list_does_not_read_a_large_input_and_a_run_of_an_earlier_release_has_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let connection = crate::schema::open(&dir.path().join("a.db")).unwrap();
    let run = run(&json!({ "text": "x".repeat(100_000) }));
    let (key, head) = (run_key(&run.head.id).unwrap(), run.head.clone());
    RunValues::new(run).unwrap().insert_open(&connection).unwrap();
    let bytes: i64 =
        connection.query_row("SELECT length(head) FROM runs", [], |row| row.get(0)).unwrap();
    assert!(bytes < 1_000 && !list_sql(&RunFilter::default()).contains("run_values"), "{bytes}");

    let request = PageRequest { limit: 1, cursor: None };
    let listed = |include| {
        let filter = RunFilter { include, ..RunFilter::default() };
        list(&connection, "w", &filter, &request).unwrap().items.remove(0).head
    };
    for _ in 0..2 {
        assert_eq!(
            select_run(&connection, key).unwrap().unwrap().record(Include::ALL).unwrap().head,
            head
        );
        assert_eq!(listed(Include::ALL), head);
        let brief = listed(Include::default());
        assert!(brief.input.is_null() && brief.input_as_sent.is_none());
        // The old form: everything in the head.
        connection
            .execute("UPDATE runs SET head = ?1", [serde_json::to_string(&*head).unwrap()])
            .unwrap();
        connection.execute("DELETE FROM run_values", []).unwrap();
    }
}

/// Rows outside the time range are not scanned: neither newer nor older runs, nor those before
/// the cursor.
#[test]
fn a_page_reads_a_range_of_the_index_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let connection = crate::schema::open(&dir.path().join("a.db")).unwrap();
    let id = |n: u32| RunId::parse(&format!("run_{n:012x}70008000000000000000")).unwrap();
    for n in 0..2_000 {
        let sql = "INSERT INTO runs (id, workflow_uid, created_at, state, head) VALUES (?1, \
                   'w', ?2, 'failed', '{}')";
        connection.execute(sql, params![run_key(&id(n)).unwrap(), n]).unwrap();
    }
    for oldest_first in [false, true] {
        let (created_from, created_before) = (Some(Timestamp(1_000)), Some(Timestamp(1_010)));
        let filter = RunFilter {
            oldest_first,
            ..Selection { created_from, created_before, ..Selection::default() }.into()
        };
        let mut explain =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {}", list_sql(&filter))).unwrap();
        let plan: Vec<String> =
            explain.query_map([Null; 7], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(
            plan[0].ends_with("USING INDEX runs_of_workflow (workflow_uid=? AND id>? AND id<?)"),
            "{plan:?}"
        );
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");

        let steps = |cursor: Option<&RunId>| {
            let ids = filter.ids(cursor.map(RunId::as_str)).unwrap();
            let mut select = connection.prepare(&list_sql(&filter)).unwrap();
            let bound = params![
                &"w",
                run_key(ids.start()).unwrap(),
                run_key(ids.end()).unwrap(),
                Null,
                Null,
                Null,
                Null
            ];
            let count = select.query_map(bound, |_| Ok(())).unwrap().count();
            (count, select.get_status(StatementStatus::VmStep))
        };
        let ((all, most), (half, fewer)) = (steps(None), steps(Some(&id(1_005))));
        assert_eq!((all, half), (10, if oldest_first { 4 } else { 5 }));
        assert!(fewer < most && most < 500, "{fewer} {most}");
    }
}

/// The runs of other users, and those that failed otherwise or not at all, are not scanned.
#[test]
fn a_user_a_code_and_a_node_are_ranges_of_their_own_indexes() {
    let dir = tempfile::tempdir().unwrap();
    let connection = crate::schema::open(&dir.path().join("a.db")).unwrap();
    let filter = |user: bool, code: bool, node: bool| {
        let given = |given: bool| given.then(|| "x".to_owned());
        let (user, code, node) = (given(user), given(code), given(node));
        RunFilter::from(Selection { user, code, node, ..Selection::default() })
    };
    let check = |filter: &RunFilter, index: &str| {
        let sql = format!("EXPLAIN QUERY PLAN {}", list_sql(filter));
        let mut explain = connection.prepare(&sql).unwrap();
        let plan: Vec<String> =
            explain.query_map([Null; 7], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(plan[0].contains(index) && plan[0].contains("AND id>? AND id<?"), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
    };
    for oldest_first in [false, true] {
        for (of, index) in [
            (filter(true, false, false), "INDEX runs_of_user (workflow_uid=? AND user=?"),
            (filter(false, true, false), "INDEX runs_by_code (workflow_uid=? AND error_code=?"),
            (filter(false, false, true), "INDEX runs_by_node (workflow_uid=? AND error_node=?"),
            // Any of its indexes will do.
            (filter(true, true, true), "INDEX runs_"),
        ] {
            let state = Some(flowgate_core::run::RunState::Failed);
            check(&RunFilter { oldest_first, ..of.clone() }, index);
            let selection = Selection { state, ..of.selection };
            check(&RunFilter { oldest_first, ..selection.into() }, index);
        }
    }
    // Only failed runs, and those of a user, are in them.
    for n in 0..30_u8 {
        let (user, state, code) = match n % 3 {
            0 => (None, "succeeded", None),
            1 => (Some("x"), "failed", Some("x")),
            _ => (None, "cancelled", Some("x")),
        };
        let sql = "INSERT INTO runs (id, workflow_uid, created_at, user, state, head, error_code, \
                   error_node) VALUES (?1, 'w', 0, ?2, ?3, '{}', ?4, ?4)";
        connection.execute(sql, params![[n; 16], user, state, code]).unwrap();
    }
    for index in ["runs_of_user", "runs_by_code", "runs_by_node"] {
        let sql = match index {
            "runs_of_user" => "user IS NOT NULL",
            _ => "state = 'failed'",
        };
        let sql = format!("SELECT count(*) FROM runs INDEXED BY {index} WHERE {sql}");
        let count: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 10, "{index}");
    }
}

/// What a list over all workflows skips costs an entry of an index, and no row.
#[test]
fn a_list_over_all_reads_one_index_and_the_rows_of_its_page() {
    let dir = tempfile::tempdir().unwrap();
    let connection = crate::schema::open(&dir.path().join("a.db")).unwrap();
    let of = |selection: Selection| RunFilter::from(selection);
    let text = || Some("x".to_owned());
    for filter in [
        RunFilter::default(),
        of(Selection {
            state: Some(flowgate_core::run::RunState::Running),
            ..Selection::default()
        }),
        of(Selection { user: text(), code: text(), node: text(), ..Selection::default() }),
        of(Selection { version: text(), key: text(), ..Selection::default() }),
        of(Selection { min_duration_ms: Some(1), ..Selection::default() }),
        RunFilter { ended: Some(false), oldest_first: true, ..RunFilter::default() },
    ] {
        let (sql, values) = list_of_sql(&filter);
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nulls = vec![Null; 4 + values.len()];
        let plan = explain.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3)).unwrap();
        let plan: Vec<String> = plan.map(Result::unwrap).collect();
        let over_all = "SEARCH runs USING COVERING INDEX runs_over_all (id>? AND id<?)";
        assert!(plan.iter().any(|step| step == over_all), "{plan:?}");
        assert!(plan[0].starts_with("SEARCH runs USING INDEX sqlite_autoindex_runs_1"), "{plan:?}");
    }
    assert_eq!(frontier(&connection, ([0; 16], [255; 16]), false).unwrap(), None);
}

/// 100,000 runs of 20 workflows with a kilobyte of input each: every page comes within 50 ms, also
/// one that no run belongs on.
#[test]
#[ignore = "fills a file with 100,000 runs, and measures"]
fn a_page_of_100_000_runs_is_quick() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.db");
    let connection = crate::schema::open(&file).unwrap();
    connection.execute_batch("BEGIN").unwrap();
    for n in 0..100_000_u32 {
        let mut new = run(&json!({ "text": "x".repeat(1_000) }));
        let head = std::sync::Arc::make_mut(&mut new.head);
        head.id = RunId::parse(&format!("run_{n:012x}70008000000000000000")).unwrap();
        (head.workflow_uid, head.created_at) = (format!("w{}", n % 20), Timestamp(i64::from(n)));
        let values = RunValues::new(new).unwrap();
        values.insert_open(&connection).unwrap();
        let sql = "UPDATE runs SET state = 'succeeded', detached = 1, fence = 1, \
                   cancel_requested = 0, trace = ?2, ending = \
                   '{\"started_at\":1,\"ended_at\":2,\"state\":\"succeeded\",\"error\":null,\
                   \"usage\":{\"tokens\":0,\"cost_nano_usd\":0}}' WHERE id = ?1";
        connection
            .prepare_cached(sql)
            .unwrap()
            .execute(params![values.key, "x".repeat(500)])
            .unwrap();
        connection.prepare_cached("DELETE FROM open_runs").unwrap().execute([]).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    let reader = crate::schema::open_reader(&file).unwrap();
    let uids: Vec<String> = (0..20).map(|n| format!("w{n}")).collect();
    let uids = serde_json::to_string(&uids).unwrap();
    let text = || Some("x".to_owned());
    let middle = format!("run_{:012x}70008000000000000000", 50_000);
    for (what, cursor, selection) in [
        ("first page", None, Selection::default()),
        ("page in the middle", Some(middle), Selection::default()),
        ("nobody's", None, Selection { user: text(), ..Selection::default() }),
        ("no such key", None, Selection { key: text(), ..Selection::default() }),
        ("none so long", None, Selection { min_duration_ms: Some(9), ..Selection::default() }),
        ("none failed", None, Selection { code: text(), ..Selection::default() }),
    ] {
        let request = PageRequest { limit: 100, cursor };
        let filter = RunFilter::from(selection);
        let mut times = Vec::new();
        for _ in 0..5 {
            let began = std::time::Instant::now();
            list_of(&reader, &uids, &filter, &request).unwrap();
            times.push(began.elapsed());
        }
        times.sort();
        assert!(times[2] < std::time::Duration::from_millis(50), "{what}: {times:?}");
    }
}
