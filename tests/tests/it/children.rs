//! The children that run code: shared by all runs of a process, fairly, and ended in time.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowgate_engine::call::Chunk;
use flowgate_outbound::{CodeGroup, Outbound};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::code::{CHILD, call, group, outbound, outbound_with, outcome};
use crate::outbound::user;

const ENDLESS: &str = "for (;;) {}";
const SHORT: Duration = Duration::from_secs(5);

/// A program that writes down its process id and becomes the child.
struct Noted {
    folder: tempfile::TempDir,
}

impl Noted {
    fn new() -> Self {
        let noted = Self { folder: tempfile::tempdir().unwrap() };
        let ids = noted.folder.path().join("ids");
        let script = format!("#!/bin/sh\necho $$ >> {}\nexec {CHILD} \"$@\"\n", ids.display());
        write_program(&noted.program(), &script);
        noted
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    /// Returns the process ids of all children so far.
    fn all(&self) -> BTreeSet<u32> {
        let ids = std::fs::read_to_string(self.folder.path().join("ids")).unwrap_or_default();
        ids.lines().map(|id| id.parse().unwrap()).collect()
    }

    fn alive(&self) -> BTreeSet<u32> {
        self.all().into_iter().filter(|id| is_there(*id)).collect()
    }

    async fn all_gone_within(&self, limit: Duration) {
        let began = Instant::now();
        while !self.alive().is_empty() {
            assert!(began.elapsed() < limit, "{:?} are left", self.alive());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn is_there(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

fn write_program(path: &Path, script: &str) {
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn run(
    outbound: &Outbound,
    group: &CodeGroup,
    code: &str,
    limit: Duration,
) -> Result<Value, String> {
    outcome(outbound.perform(&call(code, json!({}), limit), &user(), group, &mut |_| {}).await)
}

/// There are at most eight places.
#[tokio::test]
async fn a_call_that_waits_for_a_place_has_not_started() {
    let outbound = outbound(CHILD);
    let group = group();
    let began = Instant::now();
    let calls = (0..24).map(|_| async {
        let mut started = None;
        let mut note = |chunk| match chunk {
            Chunk::Started(_) => started = Some(began.elapsed()),
            Chunk::Text(text) => panic!("{text}"),
        };
        let call = call("let n = 0; while (n < 300000) n++; return n", json!({}), SHORT);
        let result = outbound.perform(&call, &user(), &group, &mut note).await;
        assert_eq!(outcome(result), Ok(json!(300_000)));
        (started.unwrap(), began.elapsed())
    });
    let times: Vec<_> = calls.collect::<FuturesUnordered<_>>().collect().await;
    let first_end = times.iter().map(|(_, ended)| *ended).min().unwrap();
    let late = times.iter().filter(|(started, _)| *started >= first_end).count();
    assert!((16..24).contains(&late), "{times:?}");
}

/// Two groups use the same child, one after the other.
#[tokio::test]
async fn a_call_leaves_nothing_for_the_next_one_in_the_same_child() {
    let noted = Noted::new();
    let outbound = outbound(noted.program());
    let dirty = "console.log('printed'); globalThis.left = 1; \
                 Array.prototype.map = () => 'broken'; Object.prototype.x = 1; \
                 JSON.stringify = null; Date.now = () => 1; Math.random = () => 1; return 1";
    assert_eq!(run(&outbound, &CodeGroup::new("one"), dirty, SHORT).await, Ok(json!(1)));
    let look = "return [typeof left, [1].map(n => n + 1), ({}).x === undefined, Date.now() > 1, \
                Math.random() < 1]";
    assert_eq!(
        run(&outbound, &CodeGroup::new("other"), look, SHORT).await,
        Ok(json!(["undefined", [2], true, true, true]))
    );
    let look = call("return 1", json!({}), SHORT);
    let flowgate_engine::call::CallResult::Succeeded(output) =
        outbound.perform(&look, &user(), &CodeGroup::new("other"), &mut |_| {}).await
    else {
        panic!("it succeeds")
    };
    assert_eq!(output.value["stdout"], "");
    assert_eq!(noted.all().len(), 1, "one child served all of them");
}

#[tokio::test]
async fn calls_share_a_bounded_number_of_children() {
    let noted = Noted::new();
    let outbound = outbound(noted.program());
    let work = "let n = 0; for (let i = 0; i < 1e5; i++) n += i; return n";
    let groups: Vec<CodeGroup> = (0..10).map(|n| CodeGroup::new(&n.to_string())).collect();
    let mut calls: FuturesUnordered<_> = groups
        .iter()
        .flat_map(|group| [group; 10])
        .map(|group| run(&outbound, group, work, SHORT))
        .collect();
    while let Some(result) = calls.next().await {
        assert_eq!(result, Ok(json!(4_999_950_000_u64)));
    }
    assert!(noted.all().len() <= max_children(), "{:?}", noted.all());
}

fn max_children() -> usize {
    (2 * std::thread::available_parallelism().unwrap().get()).min(8)
}

/// Without fairness the neighbour would wait for fifty endless calls, one second each.
#[tokio::test]
async fn a_flood_of_endless_calls_does_not_delay_a_neighbour() {
    let outbound = outbound(CHILD);
    let flood = CodeGroup::new("flood");
    let mut endless: FuturesUnordered<_> =
        (0..50).map(|_| run(&outbound, &flood, ENDLESS, Duration::from_secs(1))).collect();
    let neighbour = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let result = run(&outbound, &CodeGroup::new("neighbour"), "return 1", SHORT).await;
        (result, began.elapsed())
    };
    tokio::pin!(neighbour);
    let (result, waited) = loop {
        tokio::select! {
            ended = &mut neighbour => break ended,
            Some(_) = endless.next() => {}
        }
    };
    assert_eq!(result, Ok(json!(1)));
    assert!(waited < Duration::from_millis(900), "{waited:?}");
}

/// The wait for a place is not the code's time.
#[tokio::test]
async fn a_call_has_its_whole_timeout_once_it_has_a_place() {
    let outbound = outbound(CHILD);
    let (group, second) = (group(), Duration::from_secs(1));
    let share = max_children() / 2;
    let endless: FuturesUnordered<_> =
        (0..share).map(|_| run(&outbound, &group, ENDLESS, second)).collect();
    let waiting = async {
        let began = Instant::now();
        tokio::time::sleep(second / 10).await;
        let result = run(&outbound, &group, "return 1", second * 7 / 10).await;
        (result, began.elapsed())
    };
    let (_, (result, waited)) = tokio::join!(endless.collect::<Vec<_>>(), waiting);
    assert_eq!(result, Ok(json!(1)));
    assert!(waited > second * 9 / 10, "{waited:?}: it found a place at once");
}

#[tokio::test]
async fn no_child_outlives_its_deadline_or_a_dropped_call() {
    let noted = Noted::new();
    let outbound = outbound(noted.program());
    let native = "const a = []; a.length = 2 ** 32 - 2; a.join('')";
    run(&outbound, &group(), native, Duration::from_secs(1)).await.unwrap_err();
    assert!(noted.alive().is_empty(), "reaped before the answer left");

    run(&outbound, &group(), "return 1", SHORT).await.unwrap();
    assert_eq!(noted.alive().len(), 1, "kept for the next call");

    let (group, long) = (group(), Duration::from_secs(60));
    let endless = run(&outbound, &group, ENDLESS, long);
    tokio::time::timeout(Duration::from_millis(700), endless).await.unwrap_err();
    noted.all_gone_within(Duration::from_secs(1)).await;

    run(&outbound, &group, "return 1", SHORT).await.unwrap();
    assert_eq!(noted.alive().len(), 1);
    drop(outbound);
    noted.all_gone_within(Duration::from_secs(1)).await;
}

/// Every way to fail, each followed by a call that works.
#[tokio::test]
async fn a_child_whose_code_failed_is_not_used_again() {
    let noted = Noted::new();
    let outbound = outbound(noted.program());
    let failing = ["throw 1", "return 'x'.repeat(5e6)", "return 'x'.repeat(2 ** 29)", "not code"];
    for code in failing {
        run(&outbound, &group(), code, SHORT).await.unwrap_err();
        assert!(noted.alive().is_empty(), "after {code}");
    }
    assert_eq!(run(&outbound, &group(), "return 1", SHORT).await, Ok(json!(1)));
    assert_eq!(noted.all().len(), failing.len() + 1);
}

/// A child that died while nobody used it is replaced, and no call fails for it.
#[tokio::test]
async fn an_idle_child_that_died_is_replaced() {
    let noted = Noted::new();
    let outbound = outbound(noted.program());
    run(&outbound, &group(), "return 1", SHORT).await.unwrap();
    let first = noted.all().into_iter().next().unwrap();
    let kill = std::process::Command::new("kill").args(["-9", &first.to_string()]).status();
    assert!(kill.unwrap().success());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(run(&outbound, &group(), "return 2", SHORT).await, Ok(json!(2)));
}

#[tokio::test]
async fn an_idle_child_holds_little_memory() {
    let noted = Noted::new();
    let outbound = outbound(noted.program());
    let hungry = "const a = []; for (let i = 0; i < 2e5; i++) a.push({i, s: 'x' + i}); \
                  return a.length";
    assert_eq!(run(&outbound, &group(), hungry, SHORT).await, Ok(json!(200_000)));
    for id in noted.alive() {
        let sizes = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap();
        let pages: usize = sizes.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(pages * 4096 <= 32 << 20, "{pages} pages");
    }
}

#[tokio::test]
async fn variables_that_no_child_takes_are_refused() {
    let text = "x".repeat(4_000_000);
    let variables: serde_json::Map<String, Value> =
        (0..9).map(|n| (format!("v{n}"), json!(text))).collect();
    let call = call("return 1", Value::Object(variables), SHORT);
    let result = outcome(outbound(CHILD).perform(&call, &user(), &group(), &mut |_| {}).await);
    assert_eq!(
        result,
        Err("value_too_large: the code with its variables is larger than 33554432 bytes".into())
    );
}

#[tokio::test]
async fn a_program_that_is_no_child_is_reported() {
    let unavailable =
        "code_unavailable: this server cannot start flowgate-child, the program that runs code";
    for program in ["/bin/false", "/bin/cat", "/does/not/exist"] {
        let result = run(&outbound(program), &group(), "return 1", SHORT).await;
        assert_eq!(result, Err(unavailable.into()), "{program}");
    }
    assert_eq!(
        run(&outbound_with(Vec::new()), &group(), "return 1", SHORT).await,
        Err(unavailable.into())
    );
}

/// A half-finished upgrade: the child is of another build. The next program is tried.
#[tokio::test]
async fn a_child_of_another_build_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let stale = folder.path().join("stale");
    let hello = json!({ "build": 1, "layers": {
        "parent_death": true, "not_dumpable": true, "no_new_privileges": true, "landlock": "full",
        "limits": true, "seccomp": true
    } });
    let (hello, length) = (hello.to_string(), hello.to_string().len());
    write_program(
        &stale,
        &format!("#!/bin/sh\nprintf '\\000\\000\\000\\{length:03o}%s' '{hello}'\nexec cat\n"),
    );
    let result = run(&outbound(&stale), &group(), "return 1", SHORT).await;
    assert!(result.unwrap_err().starts_with("code_unavailable: "));
    let with_next = outbound_with(vec![stale, CHILD.into()]);
    assert_eq!(run(&with_next, &group(), "return 1", SHORT).await, Ok(json!(1)));
    assert_eq!(with_next.child().unwrap().program, Path::new(CHILD));
}

/// The kernel kills a child when the *thread* that started it ends.
#[test]
fn a_child_outlives_the_thread_that_asked_for_it() {
    let noted = Noted::new();
    let outbound = std::sync::Arc::new(outbound(noted.program()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let run_in_a_thread = |code: &'static str| {
        let (outbound, handle) = (outbound.clone(), runtime.handle().clone());
        let thread =
            std::thread::spawn(move || handle.block_on(run(&outbound, &group(), code, SHORT)));
        thread.join().unwrap()
    };
    assert_eq!(run_in_a_thread("return 1"), Ok(json!(1)));
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(run_in_a_thread("return 2"), Ok(json!(2)));
    assert_eq!(noted.all().len(), 1);
}
