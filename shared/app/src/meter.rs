//! What this process has counted since it began, for an operator who collects metrics.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flowgate_core::delivery::AfterAttempt;
use flowgate_core::time::Timestamp;
use flowgate_core::work::Swept;

/// Series of requests; further ones are counted together.
const MAX_SERIES: usize = 300;
/// Seconds, as the conventions for HTTP have them.
const REQUEST_BOUNDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Seconds. The alarm for runs that wait is at 300.
const WAIT_BOUNDS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"];
/// What the conventions call any other method.
const OTHER_METHOD: &str = "_OTHER";

/// Counts nothing unless somebody collects it.
pub struct Meter {
    pub(crate) began: Timestamp,
    /// Names this process.
    pub(crate) instance: String,
    counts: Option<Mutex<Counts>>,
    dropped_spans: AtomicU64,
    /// Whether the last report of metrics failed.
    fails: AtomicBool,
}

#[derive(Debug, Clone)]
pub(crate) struct Counts {
    /// By route, empty where there is none.
    pub(crate) requests: HashMap<String, HashMap<(&'static str, u16), Histogram>>,
    pub(crate) other_requests: Histogram,
    series: usize,
    /// From acceptance until a worker took the run.
    pub(crate) waits: Histogram,
    pub(crate) delivered: u64,
    pub(crate) exhausted: u64,
    /// Attempts after which another one follows.
    pub(crate) retried: u64,
    pub(crate) receivers_disabled: u64,
    pub(crate) leases_lost: u64,
    /// Since the last report; `None`: nothing was swept.
    swept: Option<Swept>,
}

#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    pub(crate) bounds: &'static [f64],
    /// One more than bounds: the last has the rest.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.counts[self.bounds.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }
}

impl Meter {
    /// `is_on`: somebody collects what this process counts.
    pub(crate) fn new(began: Timestamp, instance: String, is_on: bool) -> Self {
        let counts = || Counts {
            requests: HashMap::new(),
            other_requests: Histogram::new(REQUEST_BOUNDS),
            series: 0,
            waits: Histogram::new(WAIT_BOUNDS),
            delivered: 0,
            exhausted: 0,
            retried: 0,
            receivers_disabled: 0,
            leases_lost: 0,
            swept: None,
        };
        let counts = is_on.then(|| Mutex::new(counts()));
        let (dropped_spans, fails) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { began, instance, counts, dropped_spans, fails }
    }

    /// `route`: the template of the path, if it has a route.
    pub fn request(&self, method: &str, route: Option<&str>, status: u16, took: Duration) {
        self.count(|counts| counts.request(method, route.unwrap_or_default(), status).add(took));
    }

    pub fn run_waited(&self, waited: Duration) {
        self.count(|counts| counts.waits.add(waited));
    }

    pub fn webhook_attempted(&self, next: &AfterAttempt) {
        self.count(|counts| match next {
            AfterAttempt::Delivered => counts.delivered += 1,
            AfterAttempt::Exhausted => counts.exhausted += 1,
            AfterAttempt::RetryAt(_) => counts.retried += 1,
        });
    }

    pub fn receiver_disabled(&self) {
        self.count(|counts| counts.receivers_disabled += 1);
    }

    pub fn lease_lost(&self) {
        self.count(|counts| counts.leases_lost += 1);
    }

    pub(crate) fn swept(&self, swept: Swept) {
        self.count(|counts| counts.swept.get_or_insert_default().add(swept));
    }

    /// Counts also where nobody collects: the log has the sum. Returns it.
    pub(crate) fn spans_dropped(&self, spans: usize) -> u64 {
        let spans = spans as u64;
        self.dropped_spans.fetch_add(spans, Ordering::Relaxed) + spans
    }

    pub(crate) fn dropped_spans(&self) -> u64 {
        self.dropped_spans.load(Ordering::Relaxed)
    }

    /// Returns whether a report of metrics went otherwise than the last one.
    pub(crate) fn is_news(&self, fails: bool) -> bool {
        self.fails.swap(fails, Ordering::Relaxed) != fails
    }

    /// Returns what was swept since the last call.
    pub(crate) fn take_swept(&self) -> Option<Swept> {
        let counts = self.counts.as_ref()?;
        counts.lock().unwrap_or_else(PoisonError::into_inner).swept.take()
    }

    pub(crate) fn counts(&self) -> Option<Counts> {
        let counts = self.counts.as_ref()?;
        Some(counts.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        if let Some(counts) = &self.counts {
            count(&mut counts.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Counts {
    fn request(&mut self, method: &str, route: &str, status: u16) -> &mut Histogram {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER_METHOD);
        let known = self.requests.get(route).is_some_and(|it| it.contains_key(&(method, status)));
        if !known && self.series >= MAX_SERIES {
            return &mut self.other_requests;
        }
        self.series += usize::from(!known);
        let of_route = match self.requests.contains_key(route) {
            true => self.requests.get_mut(route),
            false => Some(self.requests.entry(route.to_owned()).or_default()),
        };
        match of_route {
            Some(of_route) => {
                of_route.entry((method, status)).or_insert_with(|| Histogram::new(REQUEST_BOUNDS))
            }
            None => &mut self.other_requests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        Meter::new(Timestamp(0), "i".to_owned(), true)
    }

    #[test]
    fn durations_are_counted_up_to_their_bound() {
        let mut histogram = Histogram::new(REQUEST_BOUNDS);
        for ms in [0, 5, 6, 10_000, 10_001] {
            histogram.add(Duration::from_millis(ms));
        }
        assert_eq!((histogram.counts[0], histogram.counts[1]), (2, 1));
        assert_eq!((histogram.counts[13], histogram.counts[14]), (1, 1));
    }

    #[test]
    fn series_of_requests_are_bounded() {
        let meter = meter();
        for status in 0..400 {
            meter.request("GET", Some("/a"), status, Duration::ZERO);
        }
        meter.request("BREW", None, 0, Duration::ZERO);
        meter.request("GET", Some("/a"), 7, Duration::ZERO);
        let counts = meter.counts().unwrap();
        assert_eq!(counts.requests["/a"].len(), MAX_SERIES);
        assert_eq!(counts.requests["/a"][&("GET", 7)].counts[0], 2);
        assert_eq!(counts.other_requests.counts[0], 101);
    }

    #[test]
    fn what_was_swept_is_reported_once() {
        let meter = meter();
        assert_eq!(meter.take_swept(), None);
        let swept = |lag_ms, due, sent| Swept { lag_ms, due, sent };
        meter.swept(swept(5, 9, 1));
        meter.swept(swept(7, 2, 2));
        assert_eq!(meter.take_swept(), Some(swept(7, 9, 3)));
        assert_eq!(meter.take_swept(), None);
    }

    #[test]
    fn nothing_is_counted_where_nobody_collects() {
        let meter = Meter::new(Timestamp(0), String::new(), false);
        meter.lease_lost();
        meter.request("GET", None, 200, Duration::ZERO);
        assert!(meter.counts().is_none());
        assert_eq!((meter.spans_dropped(2), meter.spans_dropped(3)), (2, 5));
    }
}
