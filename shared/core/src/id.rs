//! Run ids.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// `run_` and a UUIDv7, so that ids sort by creation time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

impl RunId {
    pub fn new(uuid: uuid::Uuid) -> Self {
        Self(format!("run_{}", uuid.simple()).into())
    }

    /// Returns `None` for text that is not a run id, so that no store is asked for it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("run_")?;
        let hex = digits.len() == 32
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        hex.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns when the run was created, which its id begins with.
    pub fn created_at(&self) -> Option<Timestamp> {
        i64::try_from(self.number()? >> BITS_AFTER_TIME).ok().map(Timestamp)
    }

    /// Returns the digits as a number. Numbers sort as ids do.
    pub(crate) fn number(&self) -> Option<u128> {
        u128::from_str_radix(self.0.strip_prefix("run_")?, 16).ok()
    }

    pub(crate) fn of_number(number: u128) -> Self {
        Self(format!("run_{number:032x}").into())
    }

    /// Returns the smallest number of a run created at this time or later.
    pub(crate) fn first_number_at(at: Timestamp) -> u128 {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        u128::from(millis).saturating_mul(1 << BITS_AFTER_TIME)
    }
}

/// The first 48 of the 128 bits of a UUIDv7 are milliseconds.
const BITS_AFTER_TIME: u32 = 80;

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
