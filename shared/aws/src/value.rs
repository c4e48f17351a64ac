//! Stores values of any size: plain or compressed in their row, or as chunks in separate items.

use std::io::{Read, Write as _};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use crate::item::{Item, Key, number, text};
use crate::table::Table;

/// DynamoDB's limit is 400 KB, names included.
pub(crate) const MAX_ITEM_BYTES: usize = 350_000;
/// Below this, compression gains little: writes are billed in whole kilobytes.
const MIN_COMPRESSED: usize = 900;
/// Approximate bytes that a reference to chunks takes in its row.
const REFERENCE_BYTES: usize = 64;

/// Packs values; says where their chunks are stored.
#[derive(Debug, Clone)]
pub(crate) struct Packer {
    pub(crate) pk: String,
    /// Part of the chunks' names: a refused writer can delete its own chunks and nobody else's.
    pub(crate) salt: String,
    /// `None`: chunks stay until they are deleted.
    pub(crate) expires_at: Option<AttributeValue>,
}

/// A value as its row holds it, and the chunks to write before the row.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) attribute: AttributeValue,
    pub(crate) chunks: Vec<Item>,
}

impl Packed {
    /// Returns the bytes it takes in its row.
    pub(crate) fn bytes(&self) -> usize {
        packed_bytes(&self.attribute)
    }
}

/// Returns the bytes that a packed value takes in its row.
pub(crate) fn packed_bytes(attribute: &AttributeValue) -> usize {
    match attribute {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => REFERENCE_BYTES,
    }
}

impl Packer {
    /// Keeps the value in its row if it takes at most `max_inline` bytes there.
    pub(crate) fn pack(&self, value: String, max_inline: usize) -> Packed {
        let attribute = inline(value);
        let packed = Packed { attribute, chunks: Vec::new() };
        if packed.bytes() <= max_inline {
            return packed;
        }
        match packed.attribute {
            AttributeValue::S(text) => self.cut(&deflate(text.as_bytes())),
            AttributeValue::B(bytes) => self.cut(bytes.as_ref()),
            attribute => Packed { attribute, chunks: Vec::new() },
        }
    }

    fn cut(&self, bytes: &[u8]) -> Packed {
        let digest =
            Sha256::new().chain_update(&self.salt).chain_update([0]).chain_update(bytes).finalize();
        let name: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let chunks: Vec<Item> = bytes
            .chunks(MAX_ITEM_BYTES)
            .enumerate()
            .map(|(index, chunk)| self.chunk(&name, index, chunk))
            .collect();
        let attribute = AttributeValue::M(
            [("v".to_owned(), text(name)), ("n".to_owned(), number(chunks.len()))].into(),
        );
        Packed { attribute, chunks }
    }

    fn chunk(&self, name: &str, index: usize, bytes: &[u8]) -> Item {
        let item = Item::new(chunk_key(&self.pk, name, index))
            .with("bytes", AttributeValue::B(Blob::new(bytes)));
        item.with_some("expires_at", self.expires_at.clone())
    }
}

/// Packs a value known to be small in its row, compressed if that helps.
pub(crate) fn inline(value: String) -> AttributeValue {
    if value.len() < MIN_COMPRESSED {
        return AttributeValue::S(value);
    }
    let compressed = deflate(value.as_bytes());
    if compressed.len() < value.len() {
        AttributeValue::B(Blob::new(compressed))
    } else {
        AttributeValue::S(value)
    }
}

/// Returns the keys of a value's chunks.
pub(crate) fn chunk_keys(pk: &str, attribute: &AttributeValue) -> Result<Vec<Key>> {
    let AttributeValue::M(reference) = attribute else { return Ok(Vec::new()) };
    let reference = Item(reference.clone());
    let name = reference.text("v")?;
    Ok((0..reference.number("n")?).map(|index| chunk_key(pk, name, index)).collect())
}

fn chunk_key(pk: &str, name: &str, index: usize) -> Key {
    Key::new(pk, format!("V#{name}#{index:03}"))
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Neither can fail: both write to memory.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory takes what is written")
}

fn inflate(bytes: &[u8]) -> Result<String> {
    let mut value = String::new();
    DeflateDecoder::new(bytes)
        .read_to_string(&mut value)
        .context("a stored value does not decompress")?;
    Ok(value)
}

/// Unpacks a value that is in its row.
pub(crate) fn unpack_inline(attribute: &AttributeValue) -> Result<String> {
    match attribute {
        AttributeValue::S(text) => Ok(text.clone()),
        AttributeValue::B(bytes) => inflate(bytes.as_ref()),
        _ => anyhow::bail!("a stored value is of no known kind"),
    }
}

impl Table {
    /// Unpacks values of rows in one partition, reading all their chunks together.
    pub(crate) async fn unpack<const N: usize>(
        &self,
        pk: &str,
        attributes: [Option<&AttributeValue>; N],
    ) -> Result<[Option<String>; N]> {
        let values = self.unpack_all(pk, attributes.into_iter().flatten()).await?;
        let mut values = values.into_iter();
        Ok(attributes.map(|attribute| attribute.and_then(|_| values.next())))
    }

    pub(crate) async fn unpack_all<'a>(
        &self,
        pk: &str,
        attributes: impl Iterator<Item = &'a AttributeValue>,
    ) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let attributes: Vec<_> = attributes
            .map(|attribute| Ok((attribute, chunk_keys(pk, attribute)?)))
            .collect::<Result<_>>()?;
        keys.extend(attributes.iter().flat_map(|(_, keys)| keys.iter().cloned()));
        let count = keys.len();
        let chunks = if keys.is_empty() { Vec::new() } else { self.get_all(&keys, None).await? };
        ensure!(chunks.len() == count, "a part of a stored value is missing");
        let mut chunks = chunks.into_iter();
        attributes
            .into_iter()
            .map(|(attribute, keys)| {
                if keys.is_empty() {
                    unpack_inline(attribute)
                } else {
                    joined(chunks.by_ref().take(keys.len()))
                }
            })
            .collect()
    }
}

fn joined(chunks: impl Iterator<Item = Item>) -> Result<String> {
    let mut whole = Vec::new();
    for chunk in chunks {
        let bytes = chunk
            .value("bytes")?
            .as_b()
            .map_err(|_| anyhow::anyhow!("a part of a stored value is not bytes"))?;
        whole.extend_from_slice(bytes.as_ref());
    }
    inflate(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packer(salt: &str) -> Packer {
        Packer { pk: "RUN#1".into(), salt: salt.into(), expires_at: Some(number(7)) }
    }

    #[test]
    fn small_values_stay_readable_and_larger_ones_get_smaller() {
        let small = packer("a").pack("{\"n\":1}".into(), 4096);
        assert_eq!((small.attribute, small.chunks.len()), (text("{\"n\":1}"), 0));
        let large = "abc".repeat(10_000);
        let packed = packer("a").pack(large.clone(), 4096);
        assert!(packed.bytes() < 1000 && packed.chunks.is_empty());
        assert_eq!(unpack_inline(&packed.attribute).unwrap(), large);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_comes_back() {
        let noise: String =
            (0..120_000_u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect();
        let packed = packer("a").pack(noise.clone(), 4096);
        assert!(packed.chunks.len() >= 2 && packed.bytes() == REFERENCE_BYTES);
        let keys = chunk_keys("RUN#1", &packed.attribute).unwrap();
        assert_eq!(
            keys,
            packed.chunks.iter().map(|chunk| chunk.key().unwrap()).collect::<Vec<_>>()
        );
        assert!(packed.chunks.iter().all(|chunk| chunk.has("expires_at")));
        assert!(joined(packed.chunks.into_iter()).unwrap() == noise);
        let others = packer("b").pack(noise, 4096);
        assert!(
            chunk_keys("RUN#1", &others.attribute).unwrap() != keys,
            "two writers never share a chunk"
        );
    }
}
