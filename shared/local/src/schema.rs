//! The setup of a connection, and the migration of a file to the current format.

mod migrations;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rusqlite::{Connection, OpenFlags};

use migrations::MIGRATIONS;

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
