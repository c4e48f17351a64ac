//! Searches runs for a text.

use std::sync::Arc;

use flowgate_core::id::RunId;
use flowgate_core::memory::Holder;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{Include, RunFilter, RunRecord};
use flowgate_engine::json::size;
use serde_json::Value;

use super::list::{FoundRuns, Searched};
use crate::access::Caller;
use crate::answer::output;
use crate::error::Result;
use crate::platform::App;

/// Runs that a page looks at.
const MAX_LOOKED_AT: usize = 1_000;
/// Those that it reads at a time, with their inputs and outputs: megabytes each, perhaps.
const AT_A_TIME: usize = 50;
/// Reads of a page. One that skips many runs may return few.
const MAX_READS: usize = 40;
/// Bytes of inputs and outputs that a page keeps.
const MAX_KEPT: usize = 16 << 20;

impl App {
    pub(super) async fn search_runs(
        &self,
        caller: &Caller,
        uids: &[String],
        filter: RunFilter,
        (text, page): (&str, PageRequest),
    ) -> Result<FoundRuns> {
        let text: Arc<str> = text.to_lowercase().into();
        let holder = Holder::of_key(caller.key_id());
        let include = filter.include;
        let mut search = Search { items: Vec::new(), kept: 0, looked_at: 0, limit: page.limit };
        let mut cursor = page.cursor;
        for _ in 0..MAX_READS {
            let limit = AT_A_TIME.min(MAX_LOOKED_AT - search.looked_at);
            let whole = RunFilter { include: Include::ALL, ..filter.clone() };
            let request = PageRequest { limit, cursor: cursor.take() };
            let found = self.runs_of(uids, whole, request).await?;
            let text = text.clone();
            let judged = self.compute.run(&holder, move || judged(found.items, &text)).await;
            cursor = match search.take(judged, include) {
                Some(last) => Some(last),
                None => found.next_cursor,
            };
            if cursor.is_none() || search.is_over() {
                break;
            }
        }
        let at = cursor.as_deref().and_then(RunId::parse).and_then(|run| run.created_at());
        let searched = Some(at.map_or(Searched::All, Searched::BackTo));
        Ok(FoundRuns { page: Page { items: search.items, next_cursor: cursor }, searched })
    }
}

/// A page that is being filled.
struct Search {
    items: Vec<RunRecord>,
    kept: usize,
    looked_at: usize,
    limit: usize,
}

impl Search {
    fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.kept >= MAX_KEPT
    }

    fn is_over(&self) -> bool {
        self.is_full() || self.looked_at >= MAX_LOOKED_AT
    }

    /// Returns the last run that it looked at, if there is another behind it.
    fn take(&mut self, judged: Vec<(RunRecord, bool)>, include: Include) -> Option<String> {
        let mut judged = judged.into_iter().peekable();
        while let Some((run, is_meant)) = judged.next() {
            self.looked_at += 1;
            let id = run.head.id.clone();
            if is_meant {
                let run = reduced(run, include);
                self.kept += size(&run.head.input) + size(output(&run));
                self.items.push(run);
            }
            if self.is_full() && judged.peek().is_some() {
                return Some(id.to_string());
            }
        }
        None
    }
}

fn judged(runs: Vec<RunRecord>, text: &str) -> Vec<(RunRecord, bool)> {
    let judge = |run: RunRecord| {
        let is_meant = mentions(&run, text);
        (run, is_meant)
    };
    runs.into_iter().map(judge).collect()
}

/// Drops what the list does not include.
fn reduced(run: RunRecord, include: Include) -> RunRecord {
    let head =
        if include.input { run.head } else { Arc::new(include.head((*run.head).clone(), None)) };
    let end = if include.output {
        run.end
    } else {
        run.end.map(|end| Arc::new(include.end((*end).clone(), None)))
    };
    RunRecord { head, end, ..run }
}

/// `text` is in lower case.
fn mentions(run: &RunRecord, text: &str) -> bool {
    let error = run.end.as_ref().and_then(|end| end.error.as_ref());
    let texts = [
        Some(run.head.id.as_str()),
        run.head.chosen_id.as_deref(),
        run.head.user.as_deref(),
        error.map(|error| error.message.as_str()),
    ];
    texts.into_iter().flatten().any(|own| own.to_lowercase().contains(text))
        || value_mentions(&run.head.input, text)
        || value_mentions(output(run), text)
}

fn value_mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => value.to_string().contains(text),
        Value::String(own) => own.to_lowercase().contains(text),
        Value::Array(items) => items.iter().any(|item| value_mentions(item, text)),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.to_lowercase().contains(text) || value_mentions(value, text)),
    }
}
