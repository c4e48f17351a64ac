//! Runs that wait: their release, the questions they ask, and the answers.

use anyhow::Result;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{Answered, AskedQuestion, ListedQuestion, Parked, Parking};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::events::EventValues;
use crate::page::{Listed, page};
use crate::row::{Key, run_id};
use crate::run_values::{CheckpointValues, LeaseValues, stored};

/// What an owner leaves when it releases its run.
pub(crate) struct ReleaseValues {
    checkpoints: Vec<CheckpointValues>,
    events: EventValues,
    due_at: Timestamp,
    state: &'static str,
}

impl ReleaseValues {
    /// `waits`: the run is not to be driven before it is due.
    pub(crate) fn new(parking: &Parking, waits: bool) -> Result<Self> {
        Ok(Self {
            checkpoints: parking
                .checkpoints
                .iter()
                .map(CheckpointValues::new)
                .collect::<Result<_>>()?,
            events: EventValues::new(&parking.events)?,
            due_at: parking.due_at,
            state: if waits { "waiting" } else { "running" },
        })
    }

    /// The lease must be current.
    pub(crate) fn write(&self, connection: &Connection, run: Key) -> Result<()> {
        let mut new_checkpoint = false;
        for checkpoint in &self.checkpoints {
            new_checkpoint |= checkpoint.insert(connection, run)?;
        }
        self.events.insert(connection, run)?;
        let mut update = connection.prepare_cached(
            "UPDATE open_runs SET state = ?4, detached = 1, owner = NULL, handed_over_by = owner,
            due_at = ?2, look_at = ?2,
                barren_claims = iif(?3, 0, max(barren_claims - 1, 0)) WHERE run = ?1",
        )?;
        update.execute(params![run, self.due_at.0, new_checkpoint, self.state])?;
        Ok(())
    }
}

pub(crate) fn park(
    connection: &Connection,
    lease: &LeaseValues,
    release: &ReleaseValues,
    answers: u64,
) -> Result<Parked> {
    if !lease.holds(connection)? {
        // Refused because it was applied before.
        let is_ours = lease.has_handed_over(connection)?;
        return Ok(if is_ours { Parked::Parked } else { Parked::Lost });
    }
    let mut select =
        connection.prepare_cached("SELECT answers = ?2 FROM open_runs WHERE run = ?1")?;
    if !select.query_row(params![lease.key, stored(answers)], |row| row.get::<_, bool>(0))? {
        return Ok(Parked::Answered);
    }
    release.write(connection, lease.key)?;
    Ok(Parked::Parked)
}

pub(crate) fn ask(connection: &Connection, run: Key, place: &str, question: &str) -> Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO questions (run, place, question, open_since) VALUES (?1, ?2, ?3, \
         ?3 ->> '$.asked_at')",
    )?;
    if insert.execute(params![run, place, question])? == 1 {
        let sql = "UPDATE open_runs SET asked = asked + 1 WHERE run = ?1";
        connection.prepare_cached(sql)?.execute([run])?;
    }
    Ok(())
}

pub(crate) fn answer(
    connection: &Connection,
    run: Key,
    place: &str,
    answer: &str,
    now: Timestamp,
) -> Result<Answered> {
    let mut select = connection.prepare_cached(
        "SELECT answer IS NOT NULL FROM questions JOIN open_runs USING (run) WHERE run = ?1 AND \
         place = ?2",
    )?;
    match select.query_row(params![run, place], |row| row.get(0)).optional()? {
        None => return Ok(Answered::NotAsked),
        Some(true) => return Ok(Answered::Already),
        Some(false) => {}
    }
    let sql = "UPDATE questions SET answer = ?3, open_since = NULL WHERE run = ?1 AND place = ?2";
    connection.prepare_cached(sql)?.execute(params![run, place, answer])?;
    let sql = "UPDATE open_runs SET answers = answers + 1 WHERE run = ?1";
    connection.prepare_cached(sql)?.execute([run])?;
    let mut update = connection.prepare_cached(
        "UPDATE open_runs SET state = 'pending', due_at = ?2, look_at = ?2 WHERE run = ?1 AND \
         owner IS NULL",
    )?;
    let is_due = update.execute(params![run, now.0])? == 1;
    Ok(Answered::Stored { is_due })
}

pub(crate) fn questions(connection: &Connection, run: Key) -> Result<Vec<AskedQuestion>> {
    let mut select = connection.prepare_cached(
        "SELECT place, question, answer FROM questions WHERE run = ?1 ORDER BY place",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
    };
    let mut questions = Vec::new();
    for row in select.query_map([run], read)? {
        let (place, question, answer) = row?;
        questions.push(AskedQuestion {
            place,
            question: serde_json::from_str(&question)?,
            answer: answer.as_deref().map(serde_json::from_str).transpose()?,
        });
    }
    Ok(questions)
}

/// `uids` is a JSON array. The cursor is the last question's time, run and place.
pub(crate) fn open_questions(
    connection: &Connection,
    uids: &str,
    request: &PageRequest,
) -> Result<Page<ListedQuestion>> {
    let (since, run, place) =
        request.cursor.as_deref().and_then(place_of).unwrap_or((i64::MIN, Vec::new(), ""));
    let mut select = connection.prepare_cached(
        "SELECT questions.run, place, question, workflow_uid, open_since FROM questions \
         JOIN runs ON runs.id = questions.run WHERE open_since NOT NULL \
         AND (open_since, questions.run, place) > (?1, ?2, ?3) \
         AND workflow_uid IN (SELECT value FROM json_each(?4)) \
         ORDER BY open_since, questions.run, place",
    )?;
    page(request, select.query(params![since, run, place, uids])?, |row| {
        let (run, place): (Key, String) = (row.get(0)?, row.get(1)?);
        let (question, since): (String, i64) = (row.get(2)?, row.get(4)?);
        let cursor = format!("{since}#{:032x}#{place}", u128::from_be_bytes(run));
        let bytes = question.len();
        let question = serde_json::from_str(&question)?;
        let asked = AskedQuestion { place, question, answer: None };
        let item = ListedQuestion { run: run_id(run)?, workflow_uid: row.get(3)?, asked };
        Ok(Listed { item, bytes, cursor })
    })
}

fn place_of(cursor: &str) -> Option<(i64, Vec<u8>, &str)> {
    let mut parts = cursor.splitn(3, '#');
    let (since, run, place) = (parts.next()?, parts.next()?, parts.next()?);
    let run = u128::from_str_radix(run, 16).ok()?;
    Some((since.parse().ok()?, run.to_be_bytes().to_vec(), place))
}
