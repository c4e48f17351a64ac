//! Knowledge: stores of texts with their vectors, and the port that keeps and searches them.

use anyhow::Result;
use async_trait::async_trait;
pub use flowgate_engine::call::Chunked;
use serde::{Deserialize, Serialize};

use crate::hash::sha256_hex;

/// The most numbers in a vector.
pub const MAX_DIMENSIONS: usize = 4_096;

/// A store: the hash of whose it is and of its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreId(pub String);

impl StoreId {
    pub fn of_workflow(uid: &str, name: &str) -> Self {
        Self(sha256_hex(format!("own\0{uid}\0{name}").as_bytes()))
    }

    /// The one of this name for all workflows.
    pub fn shared(name: &str) -> Self {
        Self(sha256_hex(format!("shared\0{name}").as_bytes()))
    }
}

/// What is fixed when a store begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreHead {
    /// The workflow that it belongs to.
    pub workflow_uid: String,
    /// The model that embeds.
    pub model: String,
    pub dimensions: usize,
}

/// A part of a source that is being added. Nobody finds it before its source is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which adding of the source: unique to the node of the run.
    pub version: String,
    pub number: usize,
    pub user: Option<String>,
    pub chunks: Vec<Chunked>,
    /// A vector of length 1 for each chunk.
    pub vectors: Vec<Vec<f32>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub name: String,
    pub version: String,
    pub parts: usize,
    pub chunks: usize,
    pub user: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The store has this many chunks now.
    Committed { total: usize },
    /// It would have more than `max` chunks. The source is what it was before.
    Full { max: usize },
    /// Its parts are gone, and there is no such source: both were deleted since.
    Deleted,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    pub source: String,
    pub score: f32,
    pub chunk: Chunked,
}

#[async_trait]
pub trait Knowledge: Send + Sync {
    async fn head(&self, store: &StoreId) -> Result<Option<StoreHead>>;
    /// Begins the store unless it is there. Returns the stored head.
    async fn begin(&self, store: &StoreId, head: StoreHead) -> Result<StoreHead>;
    /// Put-if-absent by store, version and number.
    async fn put(&self, store: &StoreId, part: Part) -> Result<()>;
    /// Replaces what the source was before by its version, once. A version whose parts are gone
    /// was replaced itself: nothing changes.
    async fn commit(&self, store: &StoreId, source: Source) -> Result<Committed>;
    /// Returns how many chunks the source had.
    async fn delete_source(&self, store: &StoreId, source: &str) -> Result<usize>;
    /// Returns the `top` chunks of committed sources whose vectors are closest, the best first.
    async fn search(
        &self,
        store: &StoreId,
        vector: &[f32],
        top: usize,
        min_score: Option<f32>,
    ) -> Result<Vec<Match>>;
    /// Deletes the stores of a workflow; of one user, the parts that its runs have put, committed
    /// or not. Returns how many stores were touched; fewer than `limit`: none is left.
    async fn delete_some(&self, uid: &str, user: Option<&str>, limit: usize) -> Result<usize>;
}

/// Returns the vector in length 1; `None` if it has no direction.
pub fn normalized(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "the quotient is at most 1")]
    let scaled = |number: &f32| (f64::from(*number) / length) as f32;
    (length.is_finite() && length > 0.0).then(|| vector.iter().map(scaled).collect())
}

/// The cosine of two vectors of length 1. In lanes, which the compiler computes at once.
pub fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (lanes, rest) = left.as_chunks::<16>();
    let (others, other_rest) = right.as_chunks::<16>();
    let mut sums = [0f32; 16];
    for (lane, other) in lanes.iter().zip(others) {
        for at in 0..16 {
            sums[at] += lane[at] * other[at];
        }
    }
    let rest: f32 = rest.iter().zip(other_rest).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f32>() + rest
}

/// Keeps the best of many scores, each with where it was found.
pub struct Best<P> {
    top: usize,
    min_score: f32,
    /// The best first.
    found: Vec<(f32, P)>,
}

impl<P> Best<P> {
    pub fn new(top: usize, min_score: Option<f32>) -> Self {
        Self { top, min_score: min_score.unwrap_or(f32::NEG_INFINITY), found: Vec::new() }
    }

    pub fn offer(&mut self, score: f32, place: impl FnOnce() -> P) {
        let is_last = self.found.len() == self.top;
        if score.is_nan()
            || score < self.min_score
            || (is_last && self.found.last().is_none_or(|(worst, _)| score <= *worst))
        {
            return;
        }
        let at = self.found.partition_point(|(other, _)| *other >= score);
        self.found.insert(at, (score, place()));
        self.found.truncate(self.top);
    }

    pub fn into_found(self) -> Vec<(f32, P)> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_length_one() {
        let unit = normalized(&[3.0, 4.0]).unwrap();
        assert_eq!(unit, [0.6, 0.8]);
        assert_eq!(normalized(&[0.0, 0.0]), None);
        assert_eq!(normalized(&[f32::NAN, 1.0]), None);
        assert_eq!(normalized(&[f32::INFINITY]), None);
        let long: Vec<f32> = (0..37u8).map(f32::from).collect();
        let expected: f32 = long.iter().map(|number| number * number).sum();
        assert!((dot(&long, &long) - expected).abs() < 0.01);
    }

    #[test]
    fn the_best_are_kept_in_order() {
        let mut best = Best::new(3, Some(0.1));
        for (place, score) in [0.5, 0.05, 0.9, f32::NAN, 0.7, 0.9, 0.2].into_iter().enumerate() {
            best.offer(score, || place);
        }
        assert_eq!(best.into_found(), [(0.9, 2), (0.9, 5), (0.7, 4)]);
        let mut none = Best::new(0, None);
        none.offer(1.0, || ());
        assert_eq!(none.into_found().len(), 0);
    }
}
