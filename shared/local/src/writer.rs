//! The one thread that writes. It commits all waiting writes as one group and answers after the
//! commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::group::Group;
use crate::overload::{Place, Waiting, classified};
use crate::wal::Log;

/// Enough for every connection of a busy server, yet bounded, so that no write waits long for later
/// ones.
const MAX_GROUP: usize = 512;
/// A group waits for more writes at most this fraction (one tenth) of the previous commit's
/// duration.
const PATIENCE_PART: u32 = 10;

pub(crate) struct Writer {
    /// `None` only during drop.
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    waiting: Waiting,
}

/// The operation succeeded, but the commit of its group failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NotCommitted {
    #[error("the group of writes was not committed")]
    Refused(#[source] Arc<rusqlite::Error>),
    #[error("the group of writes was rolled back by SQLite")]
    RolledBack,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Result<Self> {
        let (jobs, waiting) = channel();
        let mut log = Log::start(&connection)?;
        let thread =
            std::thread::Builder::new().name("flowgate-writer".into()).spawn(move || {
                serve(&connection, &waiting, &mut log);
                let file = log.stop();
                drop(connection);
                drop(file);
            })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), waiting: Waiting::default() })
    }

    /// Once sent, the operation runs even if the caller stops waiting. It may run again, after its
    /// writes were rolled back, and must not have changed anything else.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        op: impl Fn(&Group<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.send(op, Erases::No).await
    }

    /// The same for an operation after which earlier contents of the file must not be left.
    pub(crate) async fn erase<T: Send + 'static>(
        &self,
        op: impl Fn(&Group<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.send(op, Erases::Yes).await
    }

    async fn send<T: Send + 'static>(
        &self,
        op: impl Fn(&Group<'_>) -> Result<T> + Send + 'static,
        erases: Erases,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().context("the store is closed")?;
        let place = Some(self.waiting.enter()?);
        jobs.send(Box::new(Operation { op, outcome: None, reply, erases, _place: place }))
            .map_err(|_| anyhow!("the store's writer has stopped"))?;
        answer.await.context("the store's writer has stopped")?.map_err(classified)
    }
}

impl Drop for Writer {
    /// Waits until all sent operations are done and the file is closed.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

trait Job: Send {
    /// Runs the operation, once more if it ran before. Returns `false` if it failed and its writes
    /// must be rolled back.
    fn run(&mut self, group: &Group<'_>) -> bool;
    fn erases(&self) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), NotCommitted>);
}

#[derive(Clone, Copy, PartialEq)]
enum Erases {
    Yes,
    No,
}

struct Operation<T, F> {
    op: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
    erases: Erases,
    /// Held until it is answered.
    _place: Option<Place>,
}

impl<T: Send, F: Fn(&Group<'_>) -> Result<T> + Send> Job for Operation<T, F> {
    fn run(&mut self, group: &Group<'_>) -> bool {
        let op = &self.op;
        // A panic fails this operation alone: what it left half-done is rolled back.
        let outcome = catch_unwind(AssertUnwindSafe(|| op(group)))
            .unwrap_or_else(|_| Err(anyhow!("the write panicked")));
        self.outcome.insert(outcome).is_ok()
    }

    fn erases(&self) -> bool {
        self.erases == Erases::Yes
    }

    fn answer(self: Box<Self>, committed: Result<(), NotCommitted>) {
        let answer = match (self.outcome, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(not_committed)) => Err(not_committed.into()),
            (Some(outcome), Ok(())) => outcome,
            (None, Ok(())) => Err(anyhow!("the write was not run")),
        };
        // The caller may be gone; the write stays.
        let _ = self.reply.send(answer);
    }
}

fn serve(connection: &Connection, waiting: &Receiver<Box<dyn Job>>, log: &mut Log) {
    let (mut answered, mut patience) = (0, Duration::ZERO);
    loop {
        let mut group = match gather(waiting, answered, patience, log.cut_at) {
            Ok(group) => group,
            Err(RecvTimeoutError::Timeout) => {
                log.cut(connection);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let started = Instant::now();
        let committed = commit(connection, &mut group);
        if let Err(error) = &committed {
            tracing::error!(
                error = error as &dyn std::error::Error,
                writes = group.len(),
                "group of writes not committed"
            );
            abandon(connection);
        }
        patience = started.elapsed() / PATIENCE_PART;
        answered = group.len();
        if group.iter().any(|job| job.erases()) {
            log.erased();
        }
        for job in group {
            job.answer(committed.clone());
        }
        log.tend(connection);
    }
}

/// Returns all waiting writes; waits for the first, at most until `until`. Callers that were just
/// answered are likely to write again: without a little patience, two halves would take turns, each
/// waiting for the other's commit.
fn gather(
    waiting: &Receiver<Box<dyn Job>>,
    answered: usize,
    patience: Duration,
    until: Option<Instant>,
) -> Result<Vec<Box<dyn Job>>, RecvTimeoutError> {
    let first = match until {
        Some(until) => waiting.recv_timeout(until.saturating_duration_since(Instant::now()))?,
        None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected)?,
    };
    let mut group = vec![first];
    group.extend(waiting.try_iter().take(MAX_GROUP - 1));
    let expected = (group.len() + answered).min(MAX_GROUP);
    let until = Instant::now() + patience;
    while answered > 1 && group.len() < expected {
        match waiting.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(job) => group.push(job),
            Err(_) => break,
        }
    }
    Ok(group)
}

/// Savepoints cost more than most operations write: SQLite copies each page that is first changed
/// after one. Hence they are set only where an operation of the group has failed without.
fn commit(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), NotCommitted> {
    if run_all(connection, jobs)? {
        return Ok(());
    }
    execute(connection, "ROLLBACK")?;
    let is_alone = jobs.len() == 1;
    if is_alone { Ok(()) } else { run_in_savepoints(connection, jobs) }
}

/// Returns whether all succeeded and were committed. Otherwise the transaction is open.
fn run_all(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<bool, NotCommitted> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let group = Group::new(connection);
    for job in jobs {
        let has_succeeded = job.run(&group);
        still_open(connection)?;
        if !has_succeeded {
            return Ok(false);
        }
    }
    close(group)?;
    Ok(true)
}

fn run_in_savepoints(
    connection: &Connection,
    jobs: &mut [Box<dyn Job>],
) -> Result<(), NotCommitted> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let group = Group::new(connection);
    for job in jobs {
        let savepoint = group.savepoint();
        execute(connection, "SAVEPOINT operation")?;
        let has_succeeded = job.run(&group);
        still_open(connection)?;
        if !has_succeeded {
            group.roll_back_to(&savepoint);
            execute(connection, "ROLLBACK TO operation")?;
        }
        execute(connection, "RELEASE operation")?;
    }
    close(group)
}

fn close(group: Group<'_>) -> Result<(), NotCommitted> {
    let connection = group.close().map_err(|error| NotCommitted::Refused(Arc::new(error)))?;
    execute(connection, "COMMIT")
}

fn execute(connection: &Connection, sql: &str) -> Result<(), NotCommitted> {
    let done = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    done.map(|_| ()).map_err(|error| NotCommitted::Refused(Arc::new(error)))
}

/// SQLite ends a transaction by itself on some errors (disk full, I/O, memory). Continuing would
/// then commit each following write by itself.
fn still_open(connection: &Connection) -> Result<(), NotCommitted> {
    if connection.is_autocommit() { Err(NotCommitted::RolledBack) } else { Ok(()) }
}

fn abandon(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = execute(connection, "ROLLBACK") {
        tracing::error!(error = &error as &dyn std::error::Error, "rollback failed");
    }
}

#[cfg(test)]
mod tests {
    use flowgate_core::stats::Tally;

    use super::*;

    /// A writer on a table of unique numbers. Its thread blocks until `release` is dropped:
    /// everything sent until then is one group.
    struct Blocked {
        writer: Writer,
        release: std::sync::mpsc::Sender<()>,
        _dir: tempfile::TempDir,
    }

    fn blocked() -> Blocked {
        let dir = tempfile::tempdir().unwrap();
        let connection = crate::schema::open(&dir.path().join("a.db")).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE numbers (n INTEGER UNIQUE, parent REFERENCES numbers (n) DEFERRABLE \
                 INITIALLY DEFERRED)",
            )
            .unwrap();
        let writer = Writer::start(connection).unwrap();
        let (release, hold) = channel::<()>();
        let (entered, has_entered) = channel();
        let op = move |_: &Group<'_>| {
            entered.send(()).unwrap();
            let _ = hold.recv();
            Ok(())
        };
        queue(&writer, op);
        has_entered.recv().unwrap();
        Blocked { writer, release, _dir: dir }
    }

    /// Sends the operation without waiting for it.
    fn queue<T: Send + 'static>(
        writer: &Writer,
        op: impl Fn(&Group<'_>) -> Result<T> + Send + 'static,
    ) -> oneshot::Receiver<Result<T>> {
        let (reply, answer) = oneshot::channel();
        let operation = Operation { op, outcome: None, reply, erases: Erases::No, _place: None };
        writer.jobs.as_ref().unwrap().send(Box::new(operation)).unwrap();
        answer
    }

    type Op = Box<dyn Fn(&Group<'_>) -> Result<()> + Send>;

    fn sql(text: &'static str) -> Op {
        Box::new(move |connection| Ok(connection.execute_batch(text)?))
    }

    /// Returns the answers to the operations of one group, and the numbers stored afterwards.
    async fn check(group: Vec<Op>) -> (Vec<String>, Vec<i64>) {
        let Blocked { writer, release, _dir } = blocked();
        let mut answers = Vec::new();
        for op in group {
            answers.push(queue(&writer, op));
        }
        drop(release);
        let mut results = Vec::new();
        for answer in answers {
            results.push(
                answer.await.unwrap().map_or_else(|error| error.to_string(), |()| "ok".into()),
            );
        }
        let numbers = writer.write(|connection| {
            let mut select = connection.prepare("SELECT n FROM numbers ORDER BY n")?;
            Ok(select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
        });
        (results, numbers.await.unwrap())
    }

    #[tokio::test]
    async fn a_failed_operation_takes_only_its_own_writes_back() {
        let group = vec![
            sql("INSERT INTO numbers (n) VALUES (1)"),
            sql("INSERT INTO numbers (n) VALUES (2); INSERT INTO numbers (n) VALUES (1)"),
            sql("INSERT INTO numbers (n) VALUES (3)"),
        ];
        let (results, numbers) = check(group).await;
        assert_eq!((results[0].as_str(), results[2].as_str()), ("ok", "ok"));
        assert!(results[1].contains("UNIQUE"), "{}", results[1]);
        assert_eq!(numbers, [1, 3]);
    }

    #[tokio::test]
    async fn a_panic_is_one_operations_error() {
        let panics: Op = Box::new(|connection| {
            connection.execute_batch("INSERT INTO numbers (n) VALUES (2)")?;
            panic!("on purpose")
        });
        let (results, numbers) = check(vec![
            sql("INSERT INTO numbers (n) VALUES (1)"),
            panics,
            sql("INSERT INTO numbers (n) VALUES (3)"),
        ])
        .await;
        assert_eq!(results, ["ok", "the write panicked", "ok"]);
        assert_eq!(numbers, [1, 3]);
    }

    #[tokio::test]
    async fn a_refused_commit_is_everybodys_error() {
        let orphan = sql("INSERT INTO numbers (n, parent) VALUES (2, 99)");
        let (results, numbers) =
            check(vec![sql("INSERT INTO numbers (n) VALUES (1)"), orphan, sql("SELECT 1")]).await;
        assert_eq!(results, ["the group of writes was not committed"; 3]);
        assert_eq!(numbers, Vec::<i64>::new());
    }

    #[tokio::test]
    async fn a_rollback_of_sqlites_own_is_everybodys_error() {
        let rolls_back: Op = Box::new(|connection| {
            let _ = connection.execute_batch("INSERT OR ROLLBACK INTO numbers (n) VALUES (1)");
            Ok(())
        });
        let (results, numbers) = check(vec![
            sql("INSERT INTO numbers (n) VALUES (1)"),
            rolls_back,
            sql("INSERT INTO numbers (n) VALUES (3)"),
        ])
        .await;
        assert_eq!(results, ["the group of writes was rolled back by SQLite"; 3]);
        assert_eq!(numbers, Vec::<i64>::new());
    }

    #[tokio::test]
    async fn alone_a_failed_operation_and_a_refused_commit_leave_nothing() {
        for (op, expected) in [
            (
                sql("INSERT INTO numbers (n) VALUES (1); INSERT INTO numbers (n) VALUES (1)"),
                "UNIQUE",
            ),
            (
                sql("INSERT INTO numbers (n, parent) VALUES (2, 99)"),
                "the group of writes was not committed",
            ),
        ] {
            let (results, numbers) = check(vec![op]).await;
            assert!(results[0].contains(expected), "{}", results[0]);
            assert_eq!(numbers, Vec::<i64>::new());
        }
    }

    #[tokio::test]
    async fn dropping_the_writer_finishes_what_was_sent() {
        let Blocked { writer, release, _dir } = blocked();
        let answer = queue(&writer, sql("INSERT INTO numbers (n) VALUES (1)"));
        drop(release);
        drop(writer);
        answer.await.unwrap().unwrap();
    }

    fn counts_a_run() -> Arc<Tally> {
        let head = serde_json::json!({
            "id": "run_00000000000070008000000000000001", "workflow_id": "w", "workflow_uid": "w",
            "workflow_name": "w", "version": "1.0.0", "dialect": "native", "save": true,
            "signing": { "master": 1, "epoch": 1 }, "created_at": 0, "deadline_at": 0,
        });
        let end = serde_json::json!({
            "state": "succeeded", "error": null, "started_at": 0, "ended_at": 1,
            "usage": { "tokens": 0, "cost_nano_usd": 0 },
        });
        let (head, end) = (serde_json::from_value(head), serde_json::from_value(end));
        Arc::new(Tally::of(&head.unwrap(), &end.unwrap()))
    }

    /// The runs that are in the rollup after the groups, one after the other.
    fn check_counted(groups: Vec<Vec<Op>>) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        let connection = crate::schema::open(&dir.path().join("a.db")).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        for group in groups {
            let job = |op| -> Box<dyn Job> {
                let (reply, _) = oneshot::channel();
                let erases = Erases::No;
                Box::new(Operation { op, outcome: None, reply, erases, _place: None })
            };
            let mut jobs: Vec<_> = group.into_iter().map(job).collect();
            if commit(&connection, &mut jobs).is_err() {
                abandon(&connection);
            }
        }
        let sql = "SELECT ifnull(sum(rollup ->> '$.all.succeeded'), 0) FROM rollups";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
    }

    #[test]
    fn runs_are_counted_with_their_operations_and_not_without() {
        let kept = || -> Op { Box::new(|group| group.count(&counts_a_run())) };
        let failed = || -> Op {
            Box::new(|group| {
                group.count(&counts_a_run())?;
                anyhow::bail!("on purpose")
            })
        };
        let panicked = || -> Op {
            Box::new(|group| {
                group.count(&counts_a_run())?;
                panic!("on purpose")
            })
        };
        let breaks_the_rollup = sql("UPDATE rollups SET rollup = '{'");
        // The commit fails: a parent is missing.
        let breaks_the_group = sql(
            "CREATE TABLE p (n INTEGER UNIQUE, of REFERENCES p (n) DEFERRABLE INITIALLY DEFERRED); \
             INSERT INTO p VALUES (1, 2)",
        );
        assert_eq!(check_counted(vec![vec![kept()], vec![kept(), kept()]]), 3);
        assert_eq!(check_counted(vec![vec![failed()], vec![panicked()], vec![kept()]]), 1);
        assert_eq!(check_counted(vec![vec![kept(), failed(), panicked(), kept()]]), 2);
        assert_eq!(check_counted(vec![vec![kept()], vec![kept(), breaks_the_group]]), 1);
        // Written once it could be read again.
        let mends = sql("UPDATE rollups SET rollup = '{}'");
        let groups = vec![vec![kept()], vec![breaks_the_rollup], vec![kept(), mends], vec![kept()]];
        assert_eq!(check_counted(groups), 1);
    }
}
