//! Lists of runs: those of a workflow by its indexes, and those of several by one index over all.

use anyhow::Result;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{RunFilter, RunRecord, Selection};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::page::{Listed, page};
use crate::row::{Key, RunRow, run_id, run_key};

/// Entries of the index over all that a page reads: about 30 ms.
const MAX_SCANNED: usize = 50_000;

/// A condition stands alone where it applies, or else its index could not be used.
pub(crate) fn list_sql(filter: &RunFilter) -> String {
    let Selection { user, code, node, .. } = &filter.selection;
    let user = if user.is_some() { "user = ?5" } else { "?5 IS NULL" };
    let failed = |wanted: &Option<String>, field: &str, parameter: &str| match wanted {
        Some(_) => format!("runs.state = 'failed' AND {field} = {parameter}"),
        None => format!("{parameter} IS NULL"),
    };
    format!(
        "{} WHERE workflow_uid = ?1 AND id BETWEEN ?2 AND ?3
            AND (?4 IS NULL OR coalesce(open_runs.state, runs.state) = ?4)
            AND {user} AND {} AND {}
        ORDER BY id {}",
        RunRow::select(filter.include),
        failed(code, "error_code", "?6"),
        failed(node, "error_node", "?7"),
        if filter.oldest_first { "ASC" } else { "DESC" }
    )
}

/// Whether the runs of one workflow have an index by the conditions, or need none.
fn has_own_index(filter: &RunFilter) -> bool {
    let Selection { version, key, min_duration_ms, .. } = &filter.selection;
    let is_plain = version.is_none() && key.is_none() && min_duration_ms.is_none();
    is_plain && filter.ended.is_none()
}

pub(crate) fn list(
    connection: &Connection,
    workflow_uid: &str,
    filter: &RunFilter,
    request: &PageRequest,
) -> Result<Page<RunRecord>> {
    if !has_own_index(filter) {
        let uids = serde_json::to_string(&[workflow_uid])?;
        return list_of(connection, &uids, filter, request);
    }
    let Some(ids) = filter.ids(request.cursor.as_deref()) else {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    };
    let (first, last) = (run_key(ids.start())?, run_key(ids.end())?);
    let mut select = connection.prepare_cached(&list_sql(filter))?;
    let Selection { state, user, code, node, .. } = &filter.selection;
    let state = state.map(|state| state.as_str());
    let rows = select.query(params![workflow_uid, first, last, state, user, code, node])?;
    page(request, rows, |row| listed(row, filter))
}

fn listed(row: &Row<'_>, filter: &RunFilter) -> Result<Listed<RunRecord>> {
    let row = RunRow::read(row)?;
    let bytes = row.bytes();
    let item = row.record(filter.include)?;
    Ok(Listed { cursor: item.head.id.to_string(), item, bytes })
}

/// The conditions on an entry of the index over all, and the values that they bind. Only the rows
/// of runs in flight are read for it.
struct Conditions<'f> {
    sql: String,
    values: Vec<Box<dyn ToSql + 'f>>,
}

impl<'f> Conditions<'f> {
    fn of(filter: &'f RunFilter) -> Self {
        let selection = &filter.selection;
        let mut all = Self { sql: String::new(), values: Vec::new() };
        if let Some(ended) = filter.ended {
            all.sql.push_str(if ended { " AND state NOT NULL" } else { " AND state IS NULL" });
        }
        if let Some(state) = selection.only_state() {
            let state_of = if state.has_ended() {
                "state"
            } else {
                "ifnull(state, (SELECT state FROM open_runs WHERE run = id))"
            };
            all.push(&format!("{state_of} ="), state.as_str());
        }
        let texts = [
            ("user", &selection.user),
            ("error_code", &selection.code),
            ("error_node", &selection.node),
            ("version", &selection.version),
            ("key_id", &selection.key),
        ];
        for (value, text) in texts {
            if let Some(text) = text {
                all.push(&format!("{value} ="), text.as_str());
            }
        }
        if let Some(least) = selection.min_duration_ms {
            all.push("duration_ms >=", i64::try_from(least).unwrap_or(i64::MAX));
        }
        all
    }

    fn push(&mut self, condition: &str, value: impl ToSql + 'f) {
        self.values.push(Box::new(value));
        self.sql.push_str(&format!(" AND {condition} ?{}", FIXED + self.values.len()));
    }
}

/// Parameters of [`list_of`] before those of the conditions: workflows, first and last id, limit.
const FIXED: usize = 4;

/// `uids` is a JSON array.
pub(crate) fn list_of(
    connection: &Connection,
    uids: &str,
    filter: &RunFilter,
    request: &PageRequest,
) -> Result<Page<RunRecord>> {
    let Some(ids) = filter.ids(request.cursor.as_deref()) else {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    };
    let (mut first, mut last) = (run_key(ids.start())?, run_key(ids.end())?);
    let frontier = frontier(connection, (first, last), filter.oldest_first)?;
    if let Some(frontier) = frontier {
        *(if filter.oldest_first { &mut last } else { &mut first }) = frontier;
    }
    let (sql, values) = list_of_sql(filter);
    let limit = i64::try_from(request.limit.saturating_add(1)).unwrap_or(i64::MAX);
    let fixed: [&dyn ToSql; FIXED] = [&uids, &first, &last, &limit];
    let bound: Vec<&dyn ToSql> =
        fixed.into_iter().chain(values.iter().map(|value| &**value)).collect();
    let mut select = connection.prepare_cached(&sql)?;
    let mut found = page(request, select.query(&bound[..])?, |row| listed(row, filter))?;
    if found.next_cursor.is_none() {
        found.next_cursor = frontier.map(run_id).transpose()?.map(|run| run.to_string());
    }
    Ok(found)
}

/// Returns the query, and the values of its conditions.
pub(crate) fn list_of_sql(filter: &RunFilter) -> (String, Vec<Box<dyn ToSql + '_>>) {
    let order = if filter.oldest_first { "ASC" } else { "DESC" };
    let Conditions { sql: conditions, values } = Conditions::of(filter);
    let sql = format!(
        "{} WHERE runs.id IN (
            SELECT id FROM runs INDEXED BY runs_over_all WHERE id BETWEEN ?2 AND ?3
            AND workflow_uid IN (SELECT value FROM json_each(?1)){conditions}
            ORDER BY id {order} LIMIT ?4
        ) ORDER BY id {order}",
        RunRow::select(filter.include),
    );
    (sql, values)
}

/// Returns the last run that a page may look at, if there are more behind it.
pub(crate) fn frontier(
    connection: &Connection,
    (first, last): (Key, Key),
    oldest_first: bool,
) -> Result<Option<Key>> {
    let order = if oldest_first { "ASC" } else { "DESC" };
    let mut select = connection.prepare_cached(&format!(
        "SELECT id FROM runs WHERE id BETWEEN ?1 AND ?2 ORDER BY id {order} LIMIT 1 OFFSET ?3"
    ))?;
    let offset = i64::try_from(MAX_SCANNED - 1)?;
    Ok(select.query_row(params![first, last, offset], |row| row.get(0)).optional()?)
}
