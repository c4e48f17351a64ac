//! API keys as callers write them, `fg_<id12>_<secret43>_<crc6>`: generating and parsing.

use flowgate_core::clock::Entropy;

/// The parts of `fg_<id12>_<secret43>_<crc6>`, with a valid checksum.
pub(crate) struct PresentedKey<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

impl<'a> PresentedKey<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (body, checksum) = text.rsplit_once('_')?;
        let (id, secret) = body.strip_prefix("fg_")?.split_once('_')?;
        let good = id.len() == 12
            && secret.len() == 43
            && is_base62(id)
            && is_base62(secret)
            && checksum == self::checksum(body);
        good.then_some(Self { id, secret })
    }
}

pub(crate) fn with_checksum(id: &str, secret: &str) -> String {
    let body = format!("fg_{id}_{secret}");
    format!("{body}_{}", checksum(&body))
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// Returns `length` base62 characters without bias: discards bytes past the last multiple of 62.
pub(crate) fn random_base62(entropy: &dyn Entropy, length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 64];
        entropy.fill(&mut bytes);
        let fair = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| char::from(BASE62[(byte % 62) as usize]));
        text.extend(fair.take(length - text.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_apart_only_with_its_checksum() {
        let body = format!("fg_{}_{}", "a".repeat(12), "B".repeat(43));
        let key = format!("{body}_{}", checksum(&body));
        assert_eq!(PresentedKey::parse(&key).unwrap().id, "aaaaaaaaaaaa");
        for bad in [
            key.replacen('B', "C", 1),
            body,
            "fg_".into(),
            String::new(),
            format!("{key}x"),
            key.to_uppercase(),
        ] {
            assert!(PresentedKey::parse(&bad).is_none(), "{bad}");
        }
    }
}
