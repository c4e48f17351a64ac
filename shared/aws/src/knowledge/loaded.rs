//! Vectors as 8-bit numbers: how they are stored, and those of a few stores in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::knowledge::{Best, StoreId};

use super::VECTORS;
use crate::item::Item;

/// A store takes up to 20 MB.
const MAX_STORES: usize = 3;

/// The dimensions, then for each vector its scale (f32) and its numbers (i8).
pub(super) fn packed(vectors: &[Vec<f32>]) -> AttributeValue {
    let dimensions = vectors.first().map_or(0, Vec::len);
    let mut bytes = u32::try_from(dimensions).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    for vector in vectors {
        let largest = vector.iter().fold(0f32, |largest, number| largest.max(number.abs()));
        let scale = largest / 127.0;
        bytes.extend(scale.to_le_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "the quotient is -127 to 127")]
        bytes.extend(vector.iter().map(|number| ((number / scale).round() as i8).cast_unsigned()));
    }
    AttributeValue::B(Blob::new(bytes))
}

/// The vectors of one revision of a store.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(super) parts: Vec<LoadedPart>,
}

#[derive(Debug)]
pub(super) struct LoadedPart {
    pub(super) source: String,
    /// `<version>#<number>`
    pub(super) place: String,
    bytes: Vec<u8>,
}

impl Loaded {
    /// Leaves out parts that no source names.
    pub(super) fn read(sources: &[Item], vectors: &[Item]) -> Result<Self> {
        let names: HashMap<&str, &str> = sources
            .iter()
            .filter_map(|source| Some((source.find_text("version")?, source.find_text("source")?)))
            .collect();
        let mut parts = Vec::new();
        for item in vectors {
            let place = item.text("sk")?.strip_prefix(VECTORS).context("a part has its place")?;
            let version = place.split('#').next().unwrap_or_default();
            let Some(source) = names.get(version) else { continue };
            let AttributeValue::B(blob) = item.value("vectors")? else {
                anyhow::bail!("the vectors of a part are of no known kind")
            };
            let (source, bytes) = ((*source).to_owned(), blob.as_ref().to_vec());
            parts.push(LoadedPart { source, place: place.to_owned(), bytes });
        }
        Ok(Self { parts })
    }

    /// Compares every vector. One of other dimensions is like nothing.
    pub(super) fn offer_all(&self, query: &[f32], best: &mut Best<(usize, usize)>) {
        for (number, part) in self.parts.iter().enumerate() {
            let Some((dimensions, vectors)) = part.bytes.split_first_chunk::<4>() else { continue };
            if u32::from_le_bytes(*dimensions) as usize != query.len() {
                continue;
            }
            for (index, vector) in vectors.chunks_exact(4 + query.len()).enumerate() {
                let Some((scale, numbers)) = vector.split_first_chunk::<4>() else { continue };
                let score = f32::from_le_bytes(*scale) * dot(query, numbers);
                best.offer(score, || (number, index));
            }
        }
    }
}

/// In lanes, which the compiler computes at once.
fn dot(query: &[f32], numbers: &[u8]) -> f32 {
    let number = |byte: u8| f32::from(byte.cast_signed());
    let (lanes, rest) = query.as_chunks::<16>();
    let (others, other_rest) = numbers.as_chunks::<16>();
    let mut sums = [0f32; 16];
    for (lane, other) in lanes.iter().zip(others) {
        for at in 0..16 {
            sums[at] += lane[at] * number(other[at]);
        }
    }
    let rest: f32 = rest.iter().zip(other_rest).map(|(left, right)| left * number(*right)).sum();
    sums.iter().sum::<f32>() + rest
}

/// The stores that were searched last.
#[derive(Debug, Default)]
pub(crate) struct Stores(Mutex<Vec<(StoreId, u64, Arc<Loaded>)>>);

impl Stores {
    pub(super) fn get(&self, store: &StoreId, revision: u64) -> Option<Arc<Loaded>> {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = stores.iter().position(|(id, of, _)| id == store && *of == revision)?;
        let found = stores.remove(at);
        let loaded = Arc::clone(&found.2);
        stores.insert(0, found);
        Some(loaded)
    }

    pub(super) fn keep(&self, store: &StoreId, revision: u64, loaded: &Arc<Loaded>) {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stores.retain(|(id, ..)| id != store);
        stores.insert(0, (store.clone(), revision, Arc::clone(loaded)));
        stores.truncate(MAX_STORES);
    }
}

#[cfg(test)]
mod tests {
    use flowgate_core::knowledge::{dot as exact, normalized};

    use super::*;

    #[test]
    fn scores_differ_in_the_third_digit() {
        let vector = |seed: f32| {
            let numbers: Vec<f32> = (0..1_000u16).map(|at| (f32::from(at) * seed).sin()).collect();
            normalized(&numbers).unwrap()
        };
        let (stored, query) = (vector(1.3), vector(1.301));
        let AttributeValue::B(bytes) = packed(std::slice::from_ref(&stored)) else { panic!() };
        let part =
            LoadedPart { source: "s".into(), place: "v#0".into(), bytes: bytes.as_ref().to_vec() };
        let mut best = Best::new(1, None);
        Loaded { parts: vec![part] }.offer_all(&query, &mut best);
        let (score, place) = best.into_found()[0];
        assert_eq!(place, (0, 0));
        assert!((score - exact(&stored, &query)).abs() < 0.005, "{score}");
    }
}
