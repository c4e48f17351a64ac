//! Finds the run of a request that is repeated, so that none is paid twice.
//!
//! OpenAI's clients repeat a request up to twice, and send no `Idempotency-Key`. What they send is
//! the number of the attempt. So a first attempt leaves a row that stands for its key and body, and
//! a later one looks for it. The same body may be sent again on purpose: each first attempt takes
//! the next of a few places, and one that finds all of them taken leaves no row. A repeat joins the
//! run of the last place: it had the same key and the same body, shortly before. Whose attempt it
//! repeats nobody can know, so it may be given an answer that a twin of that attempt had.

use std::time::Duration;

use flowgate_app::access::Caller;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Result};
use flowgate_runner::Runner;
use flowgate_runner::start::IdempotencyRequest;
use http::{HeaderMap, Uri};

use crate::http::idempotency;

const RETRY_COUNT: &str = "x-stainless-retry-count";
/// How many runs of the same body are distinguished at a time.
const PLACES: usize = 4;
/// How long after the longest wait a client may still repeat itself.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) enum Repeat {
    /// Nothing says that it may be repeated.
    Never,
    /// The caller's own key says what is the same.
    Key(IdempotencyRequest),
    Client {
        body_hash: String,
        window: Duration,
        is_again: bool,
    },
}

impl Repeat {
    pub(super) fn read(app: &App, headers: &HeaderMap, uri: &Uri, body: &[u8]) -> Result<Self> {
        if let Some(request) = idempotency::read(headers, uri, body)? {
            return Ok(Self::Key(request));
        }
        let count = headers.get(RETRY_COUNT).and_then(|count| count.to_str().ok());
        let Some(count) = count.and_then(|count| count.trim().parse::<u32>().ok()) else {
            return Ok(Self::Never);
        };
        Ok(Self::Client {
            body_hash: idempotency::body_hash(uri, body),
            window: app.settings.longest_wait + GRACE,
            is_again: count > 0,
        })
    }

    /// Whether an earlier run answers the request.
    pub(super) fn joins(&self) -> bool {
        !matches!(self, Self::Client { is_again: false, .. })
    }

    /// The rows that the run may leave, one of them.
    pub(super) fn places(&self) -> Vec<IdempotencyRequest> {
        match self {
            Self::Never => Vec::new(),
            Self::Key(request) => vec![request.clone()],
            Self::Client { body_hash, window, .. } => {
                // With spaces, which no key that a caller sends has.
                let place = |place| IdempotencyRequest {
                    key: format!("repeat {place} {body_hash}"),
                    body_hash: body_hash.clone(),
                    window: *window,
                };
                (0..PLACES).map(place).collect()
            }
        }
    }

    /// Returns the latest run of earlier attempts, without starting one.
    pub(super) async fn find(
        &self,
        runner: &Runner,
        caller: &Caller,
        workflow_uid: &str,
    ) -> Result<Option<Box<RunRecord>>> {
        if !matches!(self, Self::Client { is_again: true, .. }) {
            return Ok(None);
        }
        // Places become free one by one, so the last one may be older than another.
        let mut latest: Option<Box<RunRecord>> = None;
        for place in &self.places() {
            let found = runner.run_of(caller, workflow_uid, place).await?;
            let created_at = |record: &RunRecord| record.head.created_at;
            latest = latest.into_iter().chain(found).max_by_key(|record| created_at(record));
        }
        Ok(latest)
    }
}
