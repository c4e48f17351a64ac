//! Problems of a workflow document, with their positions.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The workflow cannot be published.
    Error,
    /// It can be published, but may not do what its author expects.
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    /// JSON pointer into the document: `/nodes/3/prompt`.
    pub path: String,
    /// Counted from 1; of the nearest ancestor whose position is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    pub message: String,
}

/// Returns `; did you mean …?`, or nothing if no candidate is near.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let word = word.to_lowercase();
    let near = candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .min();
    match near {
        Some((distance, candidate)) if distance <= 2 && distance < candidate.chars().count() => {
            format!("; did you mean `{candidate}`?")
        }
        _ => String::new(),
    }
}

/// `a`, `b` and `c`.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted = |name: &&str| format!("`{name}`");
    match names {
        [] => String::new(),
        [only] => quoted(only),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(quoted).collect();
            format!("{} and {}", first.join(", "), quoted(last))
        }
    }
}

/// Truncates messages of libraries, which may quote their input at any length.
pub(crate) fn shortened(message: &str) -> String {
    match message.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// Returns the Levenshtein distance, or a large number if the lengths alone rule a match out.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let left: Vec<char> = left.chars().take(100).collect();
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_near_neighbours_only() {
        assert_eq!(did_you_mean("promt", ["model", "prompt"]), "; did you mean `prompt`?");
        assert_eq!(did_you_mean("URL", ["url"]), "; did you mean `url`?");
        assert_eq!(did_you_mean("zzz", ["url", "x"]), "");
        assert_eq!(did_you_mean("", []), "");
    }
}
