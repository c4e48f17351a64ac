//! What a list of runs selects and includes.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::Value;

use super::record::{RunEnd, RunHead, RunInput, RunRecord, RunState};
use super::selection::Selection;
use crate::id::RunId;

#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    pub selection: Selection,
    /// `true`: only runs that have ended; `false`: only those that have not.
    pub ended: Option<bool>,
    pub oldest_first: bool,
    /// With a user, code or node: finds runs that earlier releases wrote, too, in a home that lists
    /// by these only runs of this release. It may read every run of the workflow for that.
    pub complete: bool,
    pub include: Include,
}

/// What a list includes of its runs besides their heads and ends. Excluded values read as null;
/// large ones are not read from the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Include {
    pub input: bool,
    pub output: bool,
}

impl Include {
    pub const ALL: Self = Self { input: true, output: true };

    /// Reverses [`RunHead::split`].
    pub fn head(self, stored: RunHead, beside: Option<RunInput>) -> RunHead {
        let mut head = stored;
        match (self.input, beside) {
            (true, None) => {}
            (true, Some(beside)) => beside.put_back(&mut head),
            (false, _) => (head.input, head.input_as_sent) = (Arc::default(), None),
        }
        head
    }

    /// Reverses [`RunEnd::split`].
    pub fn end(self, stored: RunEnd, beside: Option<Value>) -> RunEnd {
        let output = match (self.output, beside) {
            (true, None) => return stored,
            (true, Some(beside)) => Arc::new(beside),
            (false, _) => Arc::default(),
        };
        RunEnd { output, ..stored }
    }
}

impl From<Selection> for RunFilter {
    fn from(selection: Selection) -> Self {
        Self { selection, ..Self::default() }
    }
}

impl RunFilter {
    pub fn matches(&self, run: &RunRecord) -> bool {
        self.ended.is_none_or(|ended| ended == run.state.has_ended()) && self.selection.matches(run)
    }

    /// Returns the ids that a page after `cursor` can hold; `None` if it can hold none. An id
    /// starts with the creation time of its run, so that times are a range of keys.
    pub fn ids(&self, cursor: Option<&str>) -> Option<RangeInclusive<RunId>> {
        let Selection { created_from, created_before, .. } = self.selection;
        let state = self.selection.only_state();
        let is_contradiction = self.selection.is_of_failures() && state != Some(RunState::Failed)
            || state
                .is_some_and(|state| self.ended.is_some_and(|ended| ended != state.has_ended()));
        if is_contradiction {
            return None;
        }
        let mut first = created_from.map_or(0, RunId::first_number_at);
        let mut last = match created_before {
            Some(before) => RunId::first_number_at(before).checked_sub(1)?,
            None => u128::MAX,
        };
        if let Some(shown) = cursor.and_then(RunId::parse).and_then(|run| run.number()) {
            if self.oldest_first {
                first = first.max(shown.checked_add(1)?);
            } else {
                last = last.min(shown.checked_sub(1)?);
            }
        }
        (first <= last).then(|| RunId::of_number(first)..=RunId::of_number(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_page_is_a_range_of_ids() {
        let id = |millis: u64, rest: u128| RunId::of_number(u128::from(millis) << 80 | rest);
        let rest = (1 << 80) - 1;
        let check =
            |from: Option<i64>, before: Option<i64>, oldest_first, cursor: Option<&RunId>| {
                let (created_from, created_before) = (from.map(Timestamp), before.map(Timestamp));
                let selection = Selection { created_from, created_before, ..Selection::default() };
                let filter = RunFilter { oldest_first, ..selection.into() };
                filter.ids(cursor.map(RunId::as_str)).map(|ids| ids.into_inner())
            };
        let all = (id(0, 0), RunId::of_number(u128::MAX));
        assert_eq!(check(None, None, false, None), Some(all.clone()));
        assert_eq!(check(Some(5), Some(8), false, None), Some((id(5, 0), id(7, rest))));
        assert_eq!(check(Some(5), Some(8), false, Some(&id(6, 3))), Some((id(5, 0), id(6, 2))));
        assert_eq!(check(Some(5), Some(8), true, Some(&id(6, 3))), Some((id(6, 4), id(7, rest))));
        // A cursor of another list.
        assert_eq!(check(Some(5), Some(8), false, Some(&id(9, 0))), Some((id(5, 0), id(7, rest))));
        assert_eq!(check(Some(5), Some(8), false, Some(&id(4, 0))), None);
        assert_eq!(check(Some(5), Some(8), true, Some(&id(9, 0))), None);
        // Times that no id can have.
        for (from, before) in
            [(Some(8), Some(8)), (None, Some(0)), (None, Some(-1)), (Some(8), Some(5))]
        {
            assert_eq!(check(from, before, false, None), None, "{from:?} {before:?}");
        }
        assert_eq!(check(Some(-5), None, false, None), Some(all));
        assert!(check(Some(i64::MAX), Some(i64::MAX), false, None).is_none());
        assert!(check(None, None, true, Some(&RunId::of_number(u128::MAX))).is_none());
        let failed = |state| {
            let code = Some("x".to_owned());
            RunFilter::from(Selection { code, state, ..Selection::default() })
        };
        assert!(failed(None).ids(None).is_some());
        assert!(failed(Some(RunState::Failed)).ids(None).is_some());
        assert!(failed(Some(RunState::Succeeded)).ids(None).is_none());
        let open = RunFilter { ended: Some(false), ..failed(None) };
        assert!(open.ids(None).is_none());
        let foreign = RunFilter::default().ids(Some("run_of_another_kind")).unwrap();
        assert_eq!(foreign.start(), &id(0, 0));
    }
}
