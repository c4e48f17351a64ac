//! The tables, their migrations, and the setup of a connection.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rusqlite::{Connection, OpenFlags};

/// One entry per `user_version`. Entries are added, never changed: existing files were made with
/// them.
///
/// A run's row is written at its start and at its end. What changes in between is in the small row
/// of `open_runs`, so that a heartbeat does not rewrite megabytes of input. Ids are 16 bytes (their
/// hex digits). Columns that no query filters by hold JSON.
const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE runs (
    id               BLOB NOT NULL UNIQUE,
    workflow_uid     TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    user             TEXT,
    -- From here on NULL until the run has ended; `open_runs` has them.
    state            TEXT,
    detached         INTEGER,
    fence            INTEGER,
    cancel_requested INTEGER,
    expires_at       INTEGER,
    -- When a run that is not to be saved must be wiped.
    look_at          INTEGER,
    wiped            INTEGER NOT NULL DEFAULT 0,
    head             TEXT NOT NULL,
    ending           TEXT,
    trace            TEXT
);
CREATE INDEX runs_of_workflow ON runs (workflow_uid, id);
CREATE INDEX runs_by_look ON runs (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX runs_by_expiry ON runs (expires_at) WHERE expires_at IS NOT NULL;

-- Runs that have not ended. `due_at` ends the lease or the wait; `look_at` is when the sweeper sees the row next.
CREATE TABLE open_runs (
    run              BLOB PRIMARY KEY,
    state            TEXT NOT NULL,
    detached         INTEGER NOT NULL,
    fence            INTEGER NOT NULL,
    owner            TEXT,
    handed_over_by   TEXT,
    due_at           INTEGER NOT NULL,
    look_at          INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    barren_claims    INTEGER NOT NULL DEFAULT 0,
    started_at       INTEGER
) WITHOUT ROWID;
CREATE INDEX open_runs_by_look ON open_runs (look_at);

CREATE TABLE checkpoints (
    run        BLOB NOT NULL,
    place      TEXT NOT NULL,
    ordinal    INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    UNIQUE (run, place)
);
CREATE TABLE started_calls (
    run   BLOB NOT NULL,
    place TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
CREATE TABLE events (
    run   BLOB NOT NULL,
    fence INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (run, fence, n)
) WITHOUT ROWID;
CREATE TABLE idempotency (
    scope      TEXT NOT NULL,
    key        TEXT NOT NULL,
    run        BLOB NOT NULL,
    body_hash  TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE deliveries (
    id           BLOB NOT NULL UNIQUE,
    run          BLOB NOT NULL,
    workflow_id  TEXT NOT NULL,
    workflow_uid TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    state        TEXT NOT NULL,
    due_at       INTEGER,
    look_at      INTEGER,
    owner        TEXT,
    recorded_by  TEXT,
    step         INTEGER NOT NULL,
    signing      TEXT NOT NULL,
    wiped        INTEGER NOT NULL DEFAULT 0,
    attempts     TEXT NOT NULL,
    request      TEXT NOT NULL
);
CREATE INDEX deliveries_of_run ON deliveries (run);
CREATE INDEX deliveries_by_look ON deliveries (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE workflows (
    id             TEXT PRIMARY KEY,
    uid            TEXT NOT NULL,
    active_version TEXT,
    activated_at   INTEGER,
    created_at     INTEGER NOT NULL,
    signing        TEXT NOT NULL,
    signing_before TEXT,
    draft          TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE versions (
    uid          TEXT NOT NULL,
    number       INTEGER NOT NULL,
    version      TEXT NOT NULL,
    hash         TEXT NOT NULL,
    notes        TEXT,
    published_at INTEGER NOT NULL,
    name         TEXT NOT NULL,
    document     TEXT NOT NULL,
    UNIQUE (uid, number)
);
CREATE UNIQUE INDEX versions_by_name ON versions (uid, version);

CREATE TABLE keys (
    id           TEXT NOT NULL UNIQUE,
    ends_at      INTEGER,
    last_used_at INTEGER,
    record       TEXT NOT NULL
);
CREATE TABLE key_audit (
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    key_id TEXT NOT NULL,
    UNIQUE (key_id, at, action, actor)
);
CREATE TABLE secrets (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE keyring (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    keyring TEXT NOT NULL
);
",
    "
-- Of what was active before, nothing is known: as if it had been every older version in its turn.
ALTER TABLE workflows ADD COLUMN rollback_targets TEXT NOT NULL DEFAULT '[]';
UPDATE workflows SET rollback_targets = (
    SELECT json_group_array(number ORDER BY number) FROM (
        SELECT number FROM versions WHERE uid = workflows.uid AND (workflows.active_version IS NULL OR number < (
            SELECT number FROM versions active WHERE active.uid = workflows.uid AND active.version = workflows.active_version
        )) ORDER BY number DESC LIMIT 100
    )
);
",
    "
-- What a run was given ('input') and what it gave ('output'), where it is large: lists of runs do without it.
CREATE TABLE run_values (
    run   BLOB NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (run, name)
);
",
    "
-- Where a secret may go, and for whom; which secrets a version uses, and who published it.
ALTER TABLE secrets ADD COLUMN rule TEXT NOT NULL DEFAULT '{}';
ALTER TABLE versions ADD COLUMN use_of_secrets TEXT NOT NULL DEFAULT '{}';
",
    "
-- The id of the key that seals `secrets` and `keyring`; no row: they are plain still.
-- `scrubbed`: the file was rewritten since, or never held a plain value.
CREATE TABLE sealed_by (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    key      TEXT NOT NULL,
    scrubbed INTEGER NOT NULL
);
",
    "
CREATE TABLE jobs (
    id         BLOB PRIMARY KEY,
    job        TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    -- NULL once it has ended.
    due_at     INTEGER,
    look_at    INTEGER,
    expires_at INTEGER
) WITHOUT ROWID;
CREATE INDEX jobs_by_look ON jobs (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX idempotency_of_run ON idempotency (run);
-- Earlier entries stay for a year, which is the default.
ALTER TABLE key_audit ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
UPDATE key_audit SET expires_at = at + 31536000000;
",
    "
-- Whose work it is: the key of a run, the receiving host of a delivery. Groups take turns.
ALTER TABLE open_runs ADD COLUMN work_group TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN work_group TEXT NOT NULL DEFAULT '';
DROP INDEX open_runs_by_look;
DROP INDEX deliveries_by_look;
CREATE INDEX open_runs_by_group ON open_runs (work_group, look_at);
CREATE INDEX deliveries_by_group ON deliveries (work_group, look_at) WHERE look_at IS NOT NULL;
",
    "
-- All attempts; `attempts` holds the last ones.
ALTER TABLE deliveries ADD COLUMN attempts_made INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET attempts_made = json_array_length(attempts);
",
    "
-- Hosts without a success since. Enabling one deletes its row.
CREATE TABLE failing_receivers (
    workflow_uid TEXT NOT NULL,
    receiver     TEXT NOT NULL,
    since        INTEGER NOT NULL,
    disabled_at  INTEGER,
    PRIMARY KEY (workflow_uid, receiver)
) WITHOUT ROWID;
",
    "
CREATE TABLE questions (
    run      BLOB NOT NULL,
    place    TEXT NOT NULL,
    question TEXT NOT NULL,
    answer   TEXT,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
-- How many questions a run has asked, and how many of them were answered.
ALTER TABLE open_runs ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE open_runs ADD COLUMN answers INTEGER NOT NULL DEFAULT 0;
",
    "
-- Files. Their bytes lie beside the database, in the folder `files`.
CREATE TABLE files (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    type       TEXT NOT NULL,
    size       INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    -- Its bytes are there, all of them.
    whole      INTEGER NOT NULL DEFAULT 0,
    -- It is being deleted: nobody gets it any more.
    going      INTEGER NOT NULL DEFAULT 0,
    made_by    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When its last owner may be gone; NULL: a stored run owns it.
    look_at    INTEGER
) WITHOUT ROWID;
CREATE INDEX files_by_look ON files (look_at) WHERE look_at IS NOT NULL;
CREATE TABLE file_owners (
    run   BLOB NOT NULL,
    file  BLOB NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (run, file)
) WITHOUT ROWID;
CREATE INDEX file_owners_by_file ON file_owners (file);
",
    "
-- Of the active versions. `due_at` is the next tick.
CREATE TABLE schedules (
    uid      TEXT NOT NULL,
    number   INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    last     TEXT,
    revision INTEGER NOT NULL,
    due_at   INTEGER,
    look_at  INTEGER,
    PRIMARY KEY (uid, number)
);
CREATE INDEX schedules_by_look ON schedules (look_at) WHERE look_at IS NOT NULL;
",
    "
-- What the runs came to that ended in an hour.
CREATE TABLE rollups (
    workflow_uid TEXT NOT NULL,
    hour         INTEGER NOT NULL,
    rollup       TEXT NOT NULL,
    PRIMARY KEY (workflow_uid, hour)
) WITHOUT ROWID;
CREATE INDEX rollups_by_hour ON rollups (hour);
-- What the runs of a key have spent in a period, and which calls are in it.
CREATE TABLE key_spending (
    key         TEXT NOT NULL,
    since       INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    nano_usd    INTEGER NOT NULL,
    tokens_unmetered INTEGER NOT NULL,
    cost_unmetered   INTEGER NOT NULL,
    unknown     INTEGER NOT NULL,
    PRIMARY KEY (key, since)
) WITHOUT ROWID;
CREATE TABLE spent_calls (
    run  BLOB NOT NULL,
    call TEXT NOT NULL,
    PRIMARY KEY (run, call)
) WITHOUT ROWID;
",
    "
CREATE TABLE sessions (
    uid        TEXT NOT NULL,
    id         TEXT NOT NULL,
    user       TEXT,
    revision   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    session    TEXT NOT NULL,
    PRIMARY KEY (uid, id)
);
CREATE INDEX sessions_of_user ON sessions (uid, user);
CREATE INDEX sessions_expired ON sessions (expires_at);
-- The writes that were applied, so that none is applied twice.
CREATE TABLE session_writes (
    uid  TEXT NOT NULL,
    id   TEXT NOT NULL,
    mark TEXT NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (uid, id, mark)
) WITHOUT ROWID;
CREATE INDEX session_writes_at ON session_writes (at);
CREATE TABLE knowledge_stores (
    id     TEXT PRIMARY KEY,
    uid    TEXT NOT NULL,
    head   TEXT NOT NULL,
    -- Those of its sources.
    chunks INTEGER NOT NULL
);
CREATE INDEX knowledge_stores_of ON knowledge_stores (uid);
CREATE TABLE knowledge_sources (
    store   TEXT NOT NULL,
    source  TEXT NOT NULL,
    version TEXT NOT NULL,
    chunks  INTEGER NOT NULL,
    user    TEXT,
    PRIMARY KEY (store, source)
);
-- Parts of versions of sources. Those that no source names are not found.
CREATE TABLE knowledge_parts (
    store   TEXT NOT NULL,
    version TEXT NOT NULL,
    number  INTEGER NOT NULL,
    user    TEXT,
    vectors BLOB NOT NULL,
    chunks  TEXT NOT NULL,
    PRIMARY KEY (store, version, number)
);
CREATE INDEX knowledge_parts_of_user ON knowledge_parts (store, user);
",
    "
-- The runs of a user, and those that failed with a code or at a node. Others are in none of these.
CREATE INDEX runs_of_user ON runs (workflow_uid, user, id) WHERE user IS NOT NULL;
CREATE INDEX runs_by_code ON runs (workflow_uid, ending ->> '$.error.code', id)
    WHERE state = 'failed';
CREATE INDEX runs_by_node ON runs (workflow_uid, ending ->> '$.error.node', id)
    WHERE state = 'failed';
",
    "
-- What lists over all workflows filter by. The index holds it all: they read no row that they skip.
CREATE INDEX runs_over_all ON runs (
    id, workflow_uid, state, user, head ->> '$.version', head ->> '$.key_id',
    ending ->> '$.error.code', ending ->> '$.error.node',
    (ending ->> '$.ended_at') - (ending ->> '$.started_at')
);
CREATE INDEX deliveries_over_all ON deliveries (created_at, id, workflow_uid, state);
-- When it was asked, until it is answered or its run has ended.
ALTER TABLE questions ADD COLUMN open_since INTEGER;
UPDATE questions SET open_since = question ->> '$.asked_at'
    WHERE answer IS NULL AND run IN (SELECT run FROM open_runs);
CREATE INDEX open_questions ON questions (open_since, run, place) WHERE open_since NOT NULL;
",
    "
-- The value of such a secret is the key that its login is sealed with; this is the key's id.
ALTER TABLE secrets ADD COLUMN login TEXT;
CREATE TABLE logins (
    name     TEXT NOT NULL,
    key_id   TEXT NOT NULL,
    revision INTEGER NOT NULL,
    info     TEXT NOT NULL,
    sealed   TEXT NOT NULL,
    lease    TEXT,
    PRIMARY KEY (name, key_id)
) WITHOUT ROWID;
-- Logins that began in a browser, by a hash of what it carries.
CREATE TABLE begun_logins (
    state   TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    sealed  TEXT NOT NULL,
    ends_at INTEGER NOT NULL
) WITHOUT ROWID;
",
    "
-- What lists of runs filter by, beside head and ending that have it, too: an index over parts of
-- JSON parses them again and again. The last three are NULL until the run has ended.
ALTER TABLE runs ADD COLUMN version TEXT;
ALTER TABLE runs ADD COLUMN key_id TEXT;
ALTER TABLE runs ADD COLUMN error_code TEXT;
ALTER TABLE runs ADD COLUMN error_node TEXT;
ALTER TABLE runs ADD COLUMN duration_ms INTEGER;
DROP INDEX runs_over_all;
DROP INDEX runs_by_code;
DROP INDEX runs_by_node;
UPDATE runs SET version = head ->> '$.version', key_id = head ->> '$.key_id',
    error_code = ending ->> '$.error.code', error_node = ending ->> '$.error.node',
    duration_ms = (ending ->> '$.ended_at') - (ending ->> '$.started_at');
CREATE INDEX runs_by_code ON runs (workflow_uid, error_code, id) WHERE state = 'failed';
CREATE INDEX runs_by_node ON runs (workflow_uid, error_node, id) WHERE state = 'failed';
CREATE INDEX runs_over_all ON runs (
    id, workflow_uid, state, user, version, key_id, error_code, error_node, duration_ms
);
",
];

pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// For a lock that somebody else holds, such as a backup: no other process of ours writes here. All
/// callers wait meanwhile.
const WRITER_PATIENCE: Duration = Duration::from_secs(2);
const PAGE_BYTES: i64 = 8192;
const LOG_BYTES_KEPT: i64 = 64 << 20;
const CACHE_KIB: i64 = 32 << 10;
const STATEMENTS_KEPT: usize = 128;

/// The connection that writes.
pub(crate) fn open(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(WRITER_PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Takes effect only on a new file. A commit of many runs writes half as many pages.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit survives a power cut, not just the death of the process.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Without it macOS keeps a synced write in the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // What is deleted or replaced is overwritten with zeros, or it could be read in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    migrate(&connection)?;
    // A process that died may have left what was erased in the log.
    truncate_log(&connection)?;
    Ok(connection)
}

/// Copies the write-ahead log into the file and cuts it to nothing: it holds earlier contents of
/// pages. `false`: a reader still uses it.
pub(crate) fn truncate_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "PRAGMA wal_checkpoint(TRUNCATE)",
        [],
        |row| Ok(row.get::<_, i64>(0)? == 0),
    )
}

/// The connection that copies the log into the file (`wal.rs`), and syncs as the writer does.
pub(crate) fn open_copier(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Opens the log.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

pub(crate) fn open_reader(file: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

fn migrate(connection: &Connection) -> Result<()> {
    let version: usize = connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?
        .try_into()?;
    ensure!(
        version <= MIGRATIONS.len(),
        "the file was written by a newer flowgate (its format is {version}, this one knows {})",
        MIGRATIONS.len()
    );
    ensure!(
        is_ours(connection)? || (version == 0 && is_new(connection)?),
        "the file is a database of another program: choose another folder"
    );
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let reached = index + 1;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {migration} PRAGMA user_version = {reached}; COMMIT;"
        ))?;
    }
    Ok(())
}

/// A file as it was before its secrets were sealed.
#[cfg(test)]
pub(crate) fn of_earlier_release(file: &Path) -> Connection {
    let connection = Connection::open(file).unwrap();
    for migration in &MIGRATIONS[..3] {
        connection.execute_batch(migration).unwrap();
    }
    connection.pragma_update(None, "user_version", 3).unwrap();
    connection
}

fn is_new(connection: &Connection) -> Result<bool> {
    Ok(!connection.prepare("SELECT 1 FROM sqlite_schema")?.exists([])?)
}

fn is_ours(connection: &Connection) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'open_runs'";
    Ok(connection.prepare(sql)?.exists([])?)
}

#[cfg(test)]
mod tests {
    use flowgate_core::workflow::RollbackTargets;

    use super::*;

    #[test]
    fn writes_survive_a_power_cut_and_the_format_is_current() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(&dir.path().join("a.db")).unwrap();
        let pragma = |name: &str| {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .unwrap()
        };
        assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".into()));
        assert_eq!(pragma("synchronous"), rusqlite::types::Value::Integer(2));
        assert_eq!(
            pragma("user_version"),
            rusqlite::types::Value::Integer(MIGRATIONS.len() as i64)
        );
    }

    /// Without a known history, a rollback goes where it went before the migration.
    #[test]
    fn workflows_of_the_first_format_can_be_rolled_back_to_older_versions() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let old = Connection::open(&file).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        for (id, active) in [("up", Some("1.0.2")), ("down", None), ("new", None)] {
            let sql = "INSERT INTO workflows (id, uid, active_version, created_at, signing, draft) \
                       VALUES (?1, ?1, ?2, 0, '', '')";
            old.execute(sql, rusqlite::params![id, active]).unwrap();
        }
        for (uid, versions) in [("up", 5), ("down", 150)] {
            for number in 0..versions {
                let sql = "INSERT INTO versions (uid, number, version, hash, published_at, name, \
                           document) VALUES (?1, ?2, ?3, '', 0, '', '')";
                old.execute(sql, rusqlite::params![uid, number, format!("1.0.{number}")]).unwrap();
            }
        }
        drop(old);
        let opened = open(&file).unwrap();
        for (id, expected) in [
            ("up", RollbackTargets::all_below(2)),
            ("down", RollbackTargets::all_below(150)),
            ("new", RollbackTargets::default()),
        ] {
            let sql = "SELECT rollback_targets FROM workflows WHERE id = ?1";
            let stored: String = opened.query_row(sql, [id], |row| row.get(0)).unwrap();
            assert_eq!(serde_json::from_str::<RollbackTargets>(&stored).unwrap(), expected, "{id}");
        }
    }

    /// Also the runs of the time when lists filtered by parts of JSON.
    #[test]
    fn runs_of_earlier_formats_are_found_by_what_lists_filter_by() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let old = Connection::open(&file).unwrap();
        let before_columns = &MIGRATIONS[..17];
        for migration in before_columns {
            old.execute_batch(migration).unwrap();
        }
        old.pragma_update(None, "user_version", 17).unwrap();
        for (id, ending) in [
            (1_u8, None),
            (2, Some(r#"{"error":null,"started_at":10,"ended_at":15}"#)),
            (3, Some(r#"{"error":{"code":"c","node":"n"},"started_at":10,"ended_at":10}"#)),
        ] {
            let sql = "INSERT INTO runs (id, workflow_uid, created_at, head, ending) VALUES (?1, \
                       'w', 0, '{\"version\":\"1.0.0\",\"key_id\":\"k\"}', ?2)";
            old.execute(sql, rusqlite::params![[id; 16], ending]).unwrap();
        }
        drop(old);
        let opened = open(&file).unwrap();
        let columns = "ifnull(error_code, '-') || ' ' || ifnull(error_node, '-') || ' ' || \
                       ifnull(duration_ms, '-')";
        let sql = format!("SELECT version || ' ' || key_id || ' ' || {columns} FROM runs");
        let mut select = opened.prepare(&sql).unwrap();
        let found: Vec<String> =
            select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(found, ["1.0.0 k - - -", "1.0.0 k - - 5", "1.0.0 k c n 0"]);
    }

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (name, version) in [("a.db", 0), ("b.db", 1)] {
            let file = dir.path().join(name);
            let other = Connection::open(&file).unwrap();
            other.execute_batch("CREATE TABLE theirs (x)").unwrap();
            other.pragma_update(None, "user_version", version).unwrap();
            let refused = open(&file).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains("another program"), "{refused}");
        }
    }

    #[test]
    fn a_file_of_a_newer_release_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(
            open(&file)
                .unwrap_err()
                .to_string()
                .starts_with("the file was written by a newer flowgate")
        );
    }
}
