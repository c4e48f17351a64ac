//! Leases: who owns a run or an attempt, and until when.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Entropy;
use crate::hash::hex;
use crate::id::RunId;

/// The lease of a detached run; its owner renews it well before it ends.
pub const LEASE: Duration = Duration::from_secs(60);

/// Random, new for each owner. If the store already holds a refused write's token, that write was
/// ours and had been applied.
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

/// An owner's lease on a run. Every conditional write carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub run: RunId,
    pub fence: u64,
    pub owner: OwnerToken,
}

/// The outcome of a write that carries a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Written,
    /// The fence has moved on: another owner has the run.
    Lost,
}
