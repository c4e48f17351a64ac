//! Questions to people, and their answers.

use flowgate_engine::call::Question;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::RunId;
use crate::time::Timestamp;

/// A question as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// Of the run that asks. Empty in questions of earlier releases, which no list over all has.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workflow_uid: String,
    /// The path of the node that asks.
    pub node: String,
    pub question: Question,
    pub asked_at: Timestamp,
    /// From then on it cannot be answered.
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    Given {
        approved: bool,
        data: Value,
        /// Who answered, such as the id of a key.
        by: String,
        at: Timestamp,
    },
    /// Nobody answered in time.
    TimedOut,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AskedQuestion {
    /// The place of the call that asks.
    pub place: String,
    pub question: OpenQuestion,
    pub answer: Option<Answer>,
}

/// A question in a list of several runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedQuestion {
    pub run: RunId,
    pub workflow_uid: String,
    pub asked: AskedQuestion,
}

/// The outcome of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is stored. `is_due`: nobody owned the run, which is due now.
    Stored { is_due: bool },
    /// An earlier answer counts.
    Already,
    /// The run has ended, or never asked this.
    NotAsked,
}
