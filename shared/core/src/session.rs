//! Sessions: what runs of one conversation keep for each other, and the port that stores them.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_engine::CallError;
use flowgate_engine::call::{Change, KeptTurn};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hash::sha256_hex;
use crate::time::Timestamp;

pub use crate::session_owner::{SessionOwner, SessionUser};

/// The most that a session takes, as JSON. Then its oldest turns go.
pub const MAX_SESSION_BYTES: usize = 350 << 10;

/// A session's place: names are unique within a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub workflow_uid: String,
    /// A hash of the name: names are callers' data.
    pub id: String,
}

impl SessionKey {
    pub fn new(workflow_uid: &str, name: &str) -> Self {
        let id = sha256_hex(format!("{workflow_uid}\0{name}").as_bytes());
        Self { workflow_uid: workflow_uid.to_owned(), id }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub owner: SessionOwner,
    /// Counts its writes. [`Sessions::save`] applies the next one alone.
    pub revision: u64,
    /// Absent from then on. Each use moves it.
    pub expires_at: Timestamp,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<KeptTurn>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
}

impl Session {
    pub fn new(owner: SessionOwner) -> Self {
        Self {
            owner,
            revision: 0,
            expires_at: Timestamp(0),
            turns: Vec::new(),
            variables: Map::new(),
        }
    }

    /// Adds a turn.
    pub fn remember(&mut self, turn: KeptTurn) {
        self.turns.push(turn);
        self.forget_oldest();
    }

    /// Changes variables, all of them or none.
    pub fn set(&mut self, changes: &[Change]) -> Result<(), CallError> {
        let mut variables = self.variables.clone();
        for Change { name, how } in changes {
            let value = how.apply(variables.get(name))?;
            variables.insert(name.clone(), value);
        }
        let bytes = bytes_of(&variables);
        if bytes > MAX_SESSION_BYTES - MIN_BESIDE_VARIABLES {
            let message = format!(
                "the variables of a session take at most {} bytes, these {bytes}",
                MAX_SESSION_BYTES - MIN_BESIDE_VARIABLES
            );
            let code = "session_full".to_owned();
            return Err(CallError { code, message, ..CallError::default() });
        }
        self.variables = variables;
        self.forget_oldest();
        Ok(())
    }

    /// Returns those of the variables that are set.
    pub fn values<'a>(&self, names: impl Iterator<Item = &'a str>) -> Map<String, Value> {
        names
            .filter_map(|name| Some((name.to_owned(), self.variables.get(name)?.clone())))
            .collect()
    }

    fn forget_oldest(&mut self) {
        let mut turns: usize = self.turns.iter().map(|turn| bytes_of(turn) + 1).sum();
        let room = MAX_SESSION_BYTES
            .saturating_sub(bytes_of(&self.variables))
            .saturating_sub(MIN_BESIDE_VARIABLES);
        let mut gone = 0;
        while turns > room && gone < self.turns.len() {
            turns -= bytes_of(&self.turns[gone]) + 1;
            gone += 1;
        }
        self.turns.drain(..gone);
    }
}

/// Its owner, its revision and its times.
const MIN_BESIDE_VARIABLES: usize = 1 << 10;

fn bytes_of(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX >> 1, |text| text.len())
}

/// Names one write of one run: `<run>/<place of the call>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteMark(pub String);

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    Saved,
    /// The write of this mark was applied before: nothing is written again.
    Already,
    /// Another write came first: read again.
    Conflict,
}

#[async_trait]
pub trait Sessions: Send + Sync {
    /// Returns the session as every write before left it; `None` if it has expired.
    async fn read(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Session>>;
    /// Stores the session if the stored one is of the revision before it, and the mark is new. One
    /// that has expired counts as absent. The mark is kept for longer than a run can last.
    async fn save(
        &self,
        key: &SessionKey,
        session: &Session,
        mark: &WriteMark,
        now: Timestamp,
    ) -> Result<Saved>;
    /// Moves the expiry of a session that exists, and nothing else.
    async fn extend(&self, key: &SessionKey, until: Timestamp) -> Result<()>;
    /// Deletes some sessions of a workflow, those of one user alone if it is given, until they are
    /// in no file. Returns how many; fewer than `limit`: none is left.
    async fn delete_some(&self, uid: &str, user: Option<&str>, limit: usize) -> Result<usize>;
}

#[cfg(test)]
mod tests {
    use flowgate_engine::call::How;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_turns_make_room() {
        let mut session = Session::new(SessionOwner::default());
        let turn = |n: usize| KeptTurn {
            user: n.to_string(),
            assistant: "x".repeat(30 << 10),
            tools: Vec::new(),
        };
        (0..30).for_each(|n| session.remember(turn(n)));
        assert_eq!(session.turns.len(), 11);
        assert_eq!((&*session.turns[0].user, &*session.turns[10].user), ("19", "29"));
        assert!(bytes_of(&session) <= MAX_SESSION_BYTES);

        let set = |name: &str, bytes: usize| Change {
            name: name.to_owned(),
            how: How::Set { value: json!("y".repeat(bytes)) },
        };
        session.set(&[set("a", 200 << 10)]).unwrap();
        assert_eq!(session.turns.len(), 4, "variables push turns out");
        assert!(bytes_of(&session) <= MAX_SESSION_BYTES);
        let before = session.clone();
        let full = session.set(&[set("b", 1), set("c", 200 << 10)]).unwrap_err();
        assert_eq!(full.code, "session_full");
        assert_eq!(session, before, "nothing is half set");
    }
}
