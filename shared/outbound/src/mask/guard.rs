//! Finds secrets in the bytes of files, which cannot be masked. They pass in pieces, and any of
//! them may end within a secret.

use super::{Masks, spelling};

/// Bytes that are looked through at once.
const WINDOW: usize = 64 << 10;

pub(crate) struct Guard<'m> {
    masks: &'m Masks,
    /// The end of what was looked through, and what came since.
    held: Vec<u8>,
}

impl<'m> Guard<'m> {
    pub(super) fn new(masks: &'m Masks) -> Self {
        Self { masks, held: Vec::new() }
    }

    /// Returns whether a secret has passed. It may be noticed later, but before [`Self::end`].
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> bool {
        if self.masks.is_empty() {
            return false;
        }
        // No secret is longer; each byte is looked at twice at most.
        let tail = self.masks.hold();
        while !bytes.is_empty() {
            let room = (tail + WINDOW.max(tail)).saturating_sub(self.held.len());
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.held.extend_from_slice(now);
            bytes = later;
            if now.len() == room {
                if self.masks.stand_in(&self.held) {
                    return true;
                }
                self.held.drain(..self.held.len() - tail);
            }
        }
        false
    }

    /// Returns whether a secret stands in the rest.
    pub(crate) fn end(self) -> bool {
        !self.masks.is_empty() && self.masks.stand_in(&self.held)
    }
}

impl Masks {
    fn stand_in(&self, bytes: &[u8]) -> bool {
        let found = |bytes: &[u8]| self.spellings.iter().any(|s| s.find(bytes).is_some());
        found(bytes)
            || spelling::decoded(&String::from_utf8_lossy(bytes))
                .iter()
                .any(|view| found(&view.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(secret: &str, bytes: &[u8], size: usize) -> bool {
        let mut masks = Masks::default();
        masks.add(secret);
        let mut guard = masks.guard();
        bytes.chunks(size).any(|piece| guard.push(piece)) || guard.end()
    }

    #[test]
    fn a_secret_is_seen_wherever_it_is_cut() {
        for length in [0, 1, 100, WINDOW - 3, WINDOW, WINDOW + 70, 3 * WINDOW - 5] {
            for size in [1, 7, 1 << 10, 1 << 20] {
                let mut bytes = vec![0xff; length];
                bytes.extend_from_slice(b"token-0123456789");
                bytes.extend_from_slice(&[b'x'; 10]);
                assert!(passes("token-0123456789", &bytes, size), "{length} by {size}");
                bytes[length] = b'T';
                assert!(!passes("token-0123456789", &bytes, size), "{length} by {size}");
            }
        }
    }

    #[test]
    fn other_spellings_are_seen_among_other_bytes() {
        for spelled in ["a%2fb%20c!d", "a\\/b c\\u0021d", "YS9iIGMhZ", "612f6220632164", "a/b+c!d"]
        {
            let bytes = [b"\xff\xfe\xe2".as_slice(), spelled.as_bytes(), b"\xe2\x82"].concat();
            assert!(passes("a/b c!d", &bytes, 3), "{spelled}");
        }
        assert!(!passes("abc", b"abc", 1), "too short to be masked");
        assert!(!passes("", b"abc", 1));
    }

    #[test]
    fn little_is_held() {
        let mut masks = Masks::default();
        masks.add("token-0123456789");
        let mut guard = masks.guard();
        for _ in 0..200 {
            assert!(!guard.push(&[b'x'; 5_000]));
            assert!(guard.held.len() < masks.hold() + WINDOW);
        }
    }
}
