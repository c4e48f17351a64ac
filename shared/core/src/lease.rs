//! Who holds a run or an attempt, and for how long without a word.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Entropy;
use crate::hash::hex;
use crate::id::RunId;

/// Of a detached run; its owner renews it in good time.
pub const LEASE: Duration = Duration::from_secs(60);

/// Random, made anew for each owner: a refused write that carries it was ours and had been applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerToken(pub Arc<str>);

impl OwnerToken {
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(hex(&bytes).into())
    }
}

/// What an owner holds; every conditional write carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub run: RunId,
    pub fence: u64,
    pub owner: OwnerToken,
}

/// What became of a write that carries a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Written,
    /// The fence has moved on: another owner has it now.
    Lost,
}
