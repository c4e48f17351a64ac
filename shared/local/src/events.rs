//! The log of a run's events. What one write adds is one row, under the id of its last event.

use anyhow::Result;
use flowgate_core::event::{Event, EventId};
use flowgate_core::run::PAGE_BYTES;
use rusqlite::{Connection, params};

use crate::row::Key;
use crate::run_values::stored;

/// Events in one row, so that a reader who wants the last of them reads few others.
const MAX_ROW: usize = 64;

/// Rows of one write: the id of the last event, and the events as a JSON array.
pub(crate) struct EventValues(Vec<(EventId, String)>);

impl EventValues {
    pub(crate) fn new(events: &[Event]) -> Result<Self> {
        // A row holds events of one owner, in order, or else one could be overlooked.
        let mut events: Vec<&Event> = events.iter().collect();
        events.sort_by_key(|event| event.id);
        let of_one_owner = events.chunk_by(|before, after| before.id.fence == after.id.fence);
        let rows = of_one_owner.flat_map(|events| events.chunks(MAX_ROW));
        let rows = rows.filter_map(|events| Some((events.last()?.id, events)));
        let row = |(last, events)| Ok((last, serde_json::to_string::<[&Event]>(events)?));
        Ok(Self(rows.map(row).collect::<Result<_>>()?))
    }

    pub(crate) fn insert(&self, connection: &Connection, run: Key) -> Result<()> {
        for (last, events) in &self.0 {
            let mut insert = connection.prepare_cached(
                "INSERT OR IGNORE INTO events (run, fence, n, event) VALUES (?1, ?2, ?3, ?4)",
            )?;
            insert.execute(params![run, stored(last.fence), stored(last.n), events])?;
        }
        Ok(())
    }
}

/// Returns at most `limit` events after `after`: at most a page of them, but at least one if there
/// is any.
pub(crate) fn select(
    connection: &Connection,
    run: Key,
    after: EventId,
    limit: usize,
) -> Result<Vec<Event>> {
    let mut select = connection.prepare_cached(
        "SELECT event FROM events WHERE run = ?1 AND (fence, n) > (?2, ?3) ORDER BY fence, n \
         LIMIT ?4",
    )?;
    let bound = params![run, stored(after.fence), stored(after.n), stored(limit)];
    let mut rows = select.query(bound)?;
    let (mut events, mut bytes, mut last) = (Vec::new(), 0, after);
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str()?;
        bytes += text.len();
        if (bytes > PAGE_BYTES && !events.is_empty()) || events.len() >= limit {
            break;
        }
        for event in parsed(text)? {
            // A write that was repeated with more events holds those of the first, too.
            if event.id > last {
                last = event.id;
                events.push(event);
            }
        }
    }
    events.truncate(limit);
    Ok(events)
}

/// Earlier releases stored one event in a row.
fn parsed(text: &str) -> serde_json::Result<Vec<Event>> {
    if text.starts_with('[') {
        return serde_json::from_str(text);
    }
    Ok(vec![serde_json::from_str(text)?])
}

#[cfg(test)]
mod tests {
    use flowgate_core::time::Timestamp;

    use super::*;

    const RUN: Key = [7; 16];

    fn event(fence: u64, n: u64) -> Event {
        let chunk = serde_json::json!({
            "id": { "fence": fence, "n": n }, "at": 5, "event": "chunk", "node": "a",
            "text": format!("{fence}-{n}"),
        });
        serde_json::from_value(chunk).unwrap()
    }

    fn read(connection: &Connection, after: (u64, u64), limit: usize) -> Vec<(u64, u64)> {
        let after = EventId { fence: after.0, n: after.1 };
        let events = select(connection, RUN, after, limit).unwrap();
        assert!(events.iter().all(|event| event.at == Timestamp(5)));
        events.iter().map(|event| (event.id.fence, event.id.n)).collect()
    }

    #[test]
    fn each_event_is_read_once_and_in_order_however_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let connection = crate::schema::open(&dir.path().join("a.db")).unwrap();
        let write = |events: &[Event]| {
            EventValues::new(events).unwrap().insert(&connection, RUN).unwrap();
        };
        // As earlier releases did.
        let sql = "INSERT INTO events (run, fence, n, event) VALUES (?1, 1, ?2, ?3)";
        for n in 1..=3 {
            let text = serde_json::to_string(&event(1, n)).unwrap();
            connection.execute(sql, params![RUN, stored(n), text]).unwrap();
        }
        let of_first: Vec<_> = (4..=150).map(|n| event(1, n)).collect();
        write(&of_first[..20]);
        write(&of_first[..20]);
        write(&of_first);
        // Of two owners, and out of order.
        write(&[event(1, 151), event(2, 1), event(2, 2), event(2, 4), event(2, 3)]);
        write(&[]);

        let mut all: Vec<_> = (1..=151).map(|n| (1, n)).collect();
        all.extend([(2, 1), (2, 2), (2, 3), (2, 4)]);
        for limit in [1, 2, 7, 64, 1_000] {
            let (mut found, mut after) = (Vec::new(), (0, 0));
            loop {
                let page = read(&connection, after, limit);
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = *last;
                found.extend(page);
            }
            assert_eq!(found, all, "{limit}");
        }
        let rows: i64 =
            connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
        assert!(rows < 12, "{rows}");
    }
}
