//! Regular expressions, of authors and of callers: bounded in memory and in time.

mod find;

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::{self, NFA};

pub(crate) use find::find_all;

/// `\w{20}` takes about 600 kB.
const MAX_NFA_BYTES: usize = 1 << 20;
/// States times bytes of text. The worst pattern visits each state for each byte, 50 to 100
/// million in a second.
const MAX_WORK: usize = 20_000_000;

/// Returns the number of states of the pattern, or why it is not allowed.
pub(crate) fn states(pattern: &str) -> Result<usize, String> {
    compile(pattern).map(|nfa| nfa.states().len())
}

/// Returns the pattern's states, or why it is not allowed.
pub(crate) fn compile(pattern: &str) -> Result<NFA, String> {
    let config = thompson::Config::new().nfa_size_limit(Some(MAX_NFA_BYTES));
    let nfa = thompson::Compiler::new().configure(config).build(pattern);
    nfa.map_err(|error| match error.size_limit() {
        Some(_) => "the pattern is too large".to_owned(),
        None => format!("not a regular expression: {error}"),
    })
}

/// Returns whether the pattern occurs in the text, or why that is not to be found out.
pub fn is_match(pattern: &str, text: &str) -> Result<bool, String> {
    if states(pattern)?.saturating_mul(text.len()) > MAX_WORK {
        return Err("the text is too long for such a pattern".to_owned());
    }
    let regex =
        Regex::new(pattern).map_err(|error| format!("not a regular expression: {error}"))?;
    Ok(regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there() {
        assert_eq!(is_match("^[^@\\s]+@[^@\\s]+$", "a@b.example"), Ok(true));
        assert_eq!(is_match("^[^@\\s]+@[^@\\s]+$", &"x".repeat(10_000)), Ok(false));
    }

    #[test]
    fn refuses_what_could_take_long() {
        assert!(is_match("(", "x").unwrap_err().contains("not a regular expression"));
        assert!(is_match("(\\w{100}){100}", "x").unwrap_err().contains("too large"));
        let slow = "(a|b)*a(a|b){500}";
        assert_eq!(is_match(slow, "ab"), Ok(false));
        assert!(is_match(slow, &"ab".repeat(100_000)).unwrap_err().contains("too long"));
    }
}
