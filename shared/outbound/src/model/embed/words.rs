//! Vectors without a model: a direction for each word, so that texts with the same words are close.

use sha2::{Digest, Sha256};

const DIMENSIONS: usize = 256;
/// Says nothing about what a text is about.
const COMMON: [&str; 24] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "do", "does", "for", "how", "in", "is", "it",
    "of", "on", "or", "the", "to", "was", "what", "when", "with",
];

pub(super) fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0f32; DIMENSIONS];
    // No text is without a direction.
    vector[0] = 0.01;
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words.filter(|word| !COMMON.contains(word)) {
        let hash = Sha256::digest(stem(word).as_bytes());
        for (place, sign) in [(hash[0], hash[1]), (hash[2], hash[3]), (hash[4], hash[5])] {
            vector[usize::from(place)] += if sign % 2 == 0 { 1.0 } else { -1.0 };
        }
    }
    vector
}

/// `Refunds` is about what `refund` is about.
fn stem(word: &str) -> &str {
    ["ing", "es", "ed", "s"]
        .iter()
        .find_map(|end| word.strip_suffix(end).filter(|rest| rest.chars().count() > 2))
        .unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use flowgate_core::knowledge::{dot, normalized};

    use super::*;

    #[test]
    fn texts_with_the_same_words_are_close() {
        let cosine = |one: &str, other: &str| {
            dot(&normalized(&vector(one)).unwrap(), &normalized(&vector(other)).unwrap())
        };
        assert!(cosine("How do refunds work?", "Refund work") > 0.99);
        assert!(cosine("How do refunds work?", "The weather of Oslo") < 0.3);
        assert!(cosine("", "").is_finite());
    }
}
