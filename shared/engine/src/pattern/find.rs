//! Finds all matches of a pattern, in a bounded number of steps.
//!
//! A search for one match may read all of the text, so that a search for each match takes the
//! square of its length. The engine of `regex-automata` does not say how much it reads; this one
//! counts.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

/// Times that a state of the pattern is reached. A second takes 50 to 100 million.
const MAX_STEPS: usize = 50_000_000;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooCostly;

/// Returns where the matches begin and end: each is the leftmost one after the match before, and of
/// several that begin there the one that the pattern prefers.
pub(crate) fn find_all(nfa: &NFA, text: &str) -> Result<Vec<(usize, usize)>, TooCostly> {
    let mut finder = Finder::new(nfa, text);
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at <= text.len() {
        let Some((start, end)) = finder.find(at)? else { break };
        let is_empty = start == end;
        if is_empty && found.last().is_some_and(|(_, last)| *last == end) {
            let Some(character) = text[at..].chars().next() else { break };
            at += character.len_utf8();
            continue;
        }
        found.push((start, end));
        at = end;
    }
    Ok(found)
}

/// A simulation of all ways through the pattern at once, those that it prefers first.
struct Finder<'p> {
    nfa: &'p NFA,
    text: &'p str,
    left: usize,
    /// The round in which a state was reached last.
    reached: Vec<usize>,
    round: usize,
    stack: Vec<StateID>,
}

/// A way through the pattern that has come to a state, and where it began.
type Way = (StateID, usize);

impl<'p> Finder<'p> {
    fn new(nfa: &'p NFA, text: &'p str) -> Self {
        let reached = vec![0; nfa.states().len()];
        Self { nfa, text, left: MAX_STEPS, reached, round: 0, stack: Vec::new() }
    }

    fn find(&mut self, from: usize) -> Result<Option<(usize, usize)>, TooCostly> {
        let (mut now, mut next): (Vec<Way>, Vec<Way>) = (Vec::new(), Vec::new());
        let mut best = None;
        self.round += 1;
        for at in from..=self.text.len() {
            if best.is_none() && self.text.is_char_boundary(at) {
                self.reach((self.nfa.start_anchored(), at), at, &mut now)?;
            }
            if now.is_empty() && best.is_some() {
                break;
            }
            self.round += 1;
            for (state, start) in now.drain(..) {
                if let State::Match { .. } = self.nfa.state(state) {
                    // What comes later in the list is preferred less.
                    best = Some((start, at));
                    break;
                }
                if let Some(state) = self.after_byte(state, at) {
                    self.reach((state, start), at + 1, &mut next)?;
                }
            }
            std::mem::swap(&mut now, &mut next);
            self.left = self.left.checked_sub(1).ok_or(TooCostly)?;
        }
        Ok(best)
    }

    fn after_byte(&self, state: StateID, at: usize) -> Option<StateID> {
        let text = self.text.as_bytes();
        match self.nfa.state(state) {
            State::ByteRange { trans } => trans.matches(text, at).then_some(trans.next),
            State::Sparse(sparse) => sparse.matches(text, at),
            State::Dense(dense) => dense.matches(text, at),
            _ => None,
        }
    }

    /// Adds the states that wait for a byte, or match, and are reached without one.
    fn reach(
        &mut self,
        (state, start): Way,
        at: usize,
        ways: &mut Vec<Way>,
    ) -> Result<(), TooCostly> {
        self.stack.push(state);
        while let Some(state) = self.stack.pop() {
            self.left = self.left.checked_sub(1).ok_or(TooCostly)?;
            if std::mem::replace(&mut self.reached[state.as_usize()], self.round) == self.round {
                continue;
            }
            match self.nfa.state(state) {
                State::Look { look, next } => {
                    let matcher = self.nfa.look_matcher();
                    if matcher.matches(*look, self.text.as_bytes(), at) {
                        self.stack.push(*next);
                    }
                }
                State::Union { alternates } => self.stack.extend(alternates.iter().rev()),
                State::BinaryUnion { alt1, alt2 } => self.stack.extend([*alt2, *alt1]),
                State::Capture { next, .. } => self.stack.push(*next),
                State::Fail => {}
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => {
                    ways.push((state, start));
                }
                State::Match { .. } => ways.push((state, start)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::meta::Regex;

    use super::*;
    use crate::pattern::compile;

    fn check(pattern: &str, text: &str) {
        let Ok(nfa) = compile(pattern) else { return };
        let expected: Vec<_> =
            Regex::new(pattern).unwrap().find_iter(text).map(|m| (m.start(), m.end())).collect();
        assert_eq!(find_all(&nfa, text), Ok(expected), "{pattern:?} {text:?}");
    }

    #[test]
    fn matches_are_those_of_the_other_engine() {
        for pattern in [
            "", "a", "a|ab", "ab|a", "a*", "a*?", "(a|b)+?c", "^a|b$", r"\b\w+\b", "(?i)É",
            "(?m)^", "[^a]+", "a??", "|a", "(?s).", r"\s+", "(a*)*", "x{2,3}", "é|😀?", "$", r"\B",
        ] {
            for text in ["", "a", "aab abc\nb", "éÉ😀x xxxx", "  \n\t ", "bcab"] {
                check(pattern, text);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 500, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn random_patterns_match_alike(
            pattern in "[abé.*+?|()\\[\\]^${},2\\\\wbs-]{0,10}", text in "[abé \n2]{0,12}"
        ) {
            check(&pattern, &text);
        }
    }

    #[test]
    fn what_takes_the_square_of_the_text_is_stopped() {
        let nfa = compile("(?s)a.*b|a").unwrap();
        let text = "a".repeat(100_000);
        assert_eq!(find_all(&nfa, &text), Err(TooCostly));
        let words = "some  words\n".repeat(20_000);
        assert_eq!(find_all(&compile(r"\s+").unwrap(), &words).unwrap().len(), 40_000);
    }
}
