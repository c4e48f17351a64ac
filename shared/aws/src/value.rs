//! Values of any size in rows of a limited one: as they are, or compressed, or in items of their own beside the row.

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

/// DynamoDB's items hold 400 KB with their names.
pub(crate) const MOST_IN_AN_ITEM: usize = 350_000;
/// Below it there is little to win: a write is counted in whole kilobytes.
const WORTH_COMPRESSING: usize = 900;
/// The bytes of a value in its row that lies beside it, about.
const REFERENCE: usize = 64;

/// Where the items lie that a row's values need beside it.
#[derive(Debug, Clone)]
pub(crate) struct Packer {
    pub(crate) pk: String,
    /// Told apart from what others write in the same partition: a writer that was refused can take away what it wrote, and nothing else.
    pub(crate) salt: String,
    /// `None`: they stay until they are taken away.
    pub(crate) expires_at: Option<AttributeValue>,
}

/// A value as its row holds it, and the items to be written before the row.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) attribute: AttributeValue,
    pub(crate) chunks: Vec<Item>,
}

impl Packed {
    /// What it takes in its row.
    pub(crate) fn bytes(&self) -> usize {
        match &self.attribute {
            AttributeValue::S(text) => text.len(),
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            _ => REFERENCE,
        }
    }
}

impl Packer {
    /// In the row if it takes at most so many bytes there.
    pub(crate) fn pack(&self, value: String, most_inline: usize) -> Packed {
        let attribute = inline(value);
        let packed = Packed { attribute, chunks: Vec::new() };
        if packed.bytes() <= most_inline {
            return packed;
        }
        match packed.attribute {
            AttributeValue::S(text) => self.cut(&deflate(text.as_bytes())),
            AttributeValue::B(bytes) => self.cut(bytes.as_ref()),
            attribute => Packed { attribute, chunks: Vec::new() },
        }
    }

    fn cut(&self, bytes: &[u8]) -> Packed {
        let digest = Sha256::new().chain_update(&self.salt).chain_update([0]).chain_update(bytes).finalize();
        let name: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let chunks: Vec<Item> = bytes.chunks(MOST_IN_AN_ITEM).enumerate().map(|(index, chunk)| self.chunk(&name, index, chunk)).collect();
        let attribute = AttributeValue::M([("v".to_owned(), text(name)), ("n".to_owned(), number(chunks.len()))].into());
        Packed { attribute, chunks }
    }

    fn chunk(&self, name: &str, index: usize, bytes: &[u8]) -> Item {
        let item = Item::new(chunk_key(&self.pk, name, index)).with("bytes", AttributeValue::B(Blob::new(bytes)));
        item.with_some("expires_at", self.expires_at.clone())
    }
}

/// A value that is known to be small: in its row, compressed if that helps.
pub(crate) fn inline(value: String) -> AttributeValue {
    if value.len() < WORTH_COMPRESSING {
        return AttributeValue::S(value);
    }
    let compressed = deflate(value.as_bytes());
    if compressed.len() < value.len() { AttributeValue::B(Blob::new(compressed)) } else { AttributeValue::S(value) }
}

/// The items beside its row that a value names.
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
    // Neither fails: it writes to memory.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory takes what is written")
}

fn inflate(bytes: &[u8]) -> Result<String> {
    let mut value = String::new();
    DeflateDecoder::new(bytes).read_to_string(&mut value).context("a stored value does not decompress")?;
    Ok(value)
}

/// A value that lies in its row.
pub(crate) fn unpack_inline(attribute: &AttributeValue) -> Result<String> {
    match attribute {
        AttributeValue::S(text) => Ok(text.clone()),
        AttributeValue::B(bytes) => inflate(bytes.as_ref()),
        _ => anyhow::bail!("a stored value is of no known kind"),
    }
}

impl Table {
    /// Values of rows in one partition; at most one more request for all of them, however large.
    pub(crate) async fn unpack<const N: usize>(&self, pk: &str, attributes: [Option<&AttributeValue>; N]) -> Result<[Option<String>; N]> {
        let values = self.unpack_all(pk, attributes.into_iter().flatten()).await?;
        let mut values = values.into_iter();
        Ok(attributes.map(|attribute| attribute.and_then(|_| values.next())))
    }

    pub(crate) async fn unpack_all<'a>(&self, pk: &str, attributes: impl Iterator<Item = &'a AttributeValue>) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let attributes: Vec<_> = attributes.map(|attribute| Ok((attribute, chunk_keys(pk, attribute)?))).collect::<Result<_>>()?;
        keys.extend(attributes.iter().flat_map(|(_, keys)| keys.iter().cloned()));
        let count = keys.len();
        let chunks = if keys.is_empty() { Vec::new() } else { self.get_all(&keys, None).await? };
        ensure!(chunks.len() == count, "a part of a stored value is missing");
        let mut chunks = chunks.into_iter();
        attributes
            .into_iter()
            .map(|(attribute, keys)| if keys.is_empty() { unpack_inline(attribute) } else { joined(chunks.by_ref().take(keys.len())) })
            .collect()
    }
}

fn joined(chunks: impl Iterator<Item = Item>) -> Result<String> {
    let mut whole = Vec::new();
    for chunk in chunks {
        let bytes = chunk.value("bytes")?.as_b().map_err(|_| anyhow::anyhow!("a part of a stored value is not bytes"))?;
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
        let noise: String = (0..120_000_u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect();
        let packed = packer("a").pack(noise.clone(), 4096);
        assert!(packed.chunks.len() >= 2 && packed.bytes() == REFERENCE);
        let keys = chunk_keys("RUN#1", &packed.attribute).unwrap();
        assert_eq!(keys, packed.chunks.iter().map(|chunk| chunk.key().unwrap()).collect::<Vec<_>>());
        assert!(packed.chunks.iter().all(|chunk| chunk.has("expires_at")));
        assert!(joined(packed.chunks.into_iter()).unwrap() == noise);
        let others = packer("b").pack(noise, 4096);
        assert!(chunk_keys("RUN#1", &others.attribute).unwrap() != keys, "two writers never share a chunk");
    }
}
