//! Takes over what the run's origin has recorded, each result for a call that is the same.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use anyhow::Result;
use flowgate_app::event::NodeTrace;
use flowgate_app::id::RunId;
use flowgate_app::run::{Checkpoint, RunHead, Runs, Takes};
use flowgate_app::time::Timestamp;
use flowgate_engine::call::{Action, INTERRUPTED, KnowledgeRequest, MediaRequest};
use flowgate_engine::{Call, CallId, CallResult, Downstream, NodeStatus, RunError, Workflow};

use super::Driver;
use super::memory::weight;

/// What a place in the index takes.
const PLACE: usize = 64;

/// What a run may take over. Holds one page of results at a time, and those that an attached run
/// left in one piece.
#[derive(Default)]
pub(super) struct Reuse {
    origin: Option<(Arc<dyn Runs>, RunId)>,
    /// The order of each result that nobody has asked for yet, by place.
    known: HashMap<String, u64>,
    /// The places of nodes that failed though none of their calls did.
    of_failed_plans: HashSet<String>,
    in_one_piece: BTreeMap<u64, Checkpoint>,
    page: VecDeque<Checkpoint>,
    bytes: usize,
    /// What was answered, and what was waited for, was for the same input and version.
    keeps_pauses: bool,
    /// There is no more to take.
    is_gone: bool,
}

/// Whether the results of an origin could be read.
enum Taken {
    Result(Box<(CallId, Call, Checkpoint)>),
    Nothing,
    /// It was wiped or deleted.
    Gone,
}

/// A result without its value.
struct Seen {
    place: String,
    order: u64,
    failed: Option<String>,
    is_reused: bool,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl From<&Checkpoint> for Seen {
    fn from(checkpoint: &Checkpoint) -> Self {
        let failed = match &checkpoint.result {
            CallResult::Succeeded(_) => None,
            CallResult::Failed(error) => Some(error.code.clone()),
        };
        Self {
            place: checkpoint.place.clone(),
            order: checkpoint.order,
            failed,
            is_reused: checkpoint.is_reused,
            started_at: checkpoint.started_at,
            ended_at: checkpoint.ended_at,
        }
    }
}

impl Reuse {
    /// Reads what there is. `None` if the origin, or what it left, is gone.
    async fn load(
        runs: Arc<dyn Runs>,
        (head, origin, takes): (&RunHead, &RunId, &Takes),
        workflow: &Workflow,
    ) -> Result<Option<Self>> {
        let Some(record) = runs.read(origin).await?.filter(|record| !record.wiped) else {
            return Ok(None);
        };
        let keeps_pauses = is_same_question(head, &record.head);
        let anew = takes.from.as_deref().and_then(|from| workflow.downstream(from));
        let anew = anew.unwrap_or_default();
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = runs.checkpoints(origin, after).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.order);
            seen.extend(page.iter().map(Seen::from));
        }
        let results = runs.results(origin).await?;
        seen.extend(results.iter().map(Seen::from));
        let places: Vec<String> = seen.iter().map(|result| result.place.clone()).collect();
        let known = known(seen, &anew, takes.failures);
        let mut of_failed_plans = HashSet::new();
        if !takes.failures {
            let trace = runs.trace(origin).await?.unwrap_or_default();
            of_failed_plans = failed_plans(&known, &places, &trace);
        }
        let kept = |result: &Checkpoint| known.get(&result.place) == Some(&result.order);
        let in_one_piece: BTreeMap<u64, Checkpoint> =
            results.into_iter().filter(kept).map(|result| (result.order, result)).collect();
        let of_plans = of_failed_plans.iter();
        let places: usize = known.keys().chain(of_plans).map(|place| PLACE + place.len()).sum();
        let bytes = places + in_one_piece.values().map(weight).sum::<usize>();
        let origin = Some((runs, origin.clone()));
        let (page, is_gone) = (VecDeque::new(), false);
        Ok(Some(Self {
            origin,
            known,
            of_failed_plans,
            in_one_piece,
            page,
            bytes,
            keeps_pauses,
            is_gone,
        }))
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.page.iter().map(weight).sum::<usize>()
    }

    /// Returns the result that the origin consumed first among those of the calls in `ready`. A
    /// call that differs from the recorded one is made anew.
    async fn next(&mut self, ready: &mut Vec<(CallId, Call)>) -> Result<Taken> {
        loop {
            let orders = ready.iter().enumerate();
            let first =
                orders.filter_map(|(at, (id, _))| Some((*self.known.get(id.place())?, at))).min();
            let Some((order, at)) = first else { return Ok(Taken::Nothing) };
            self.known.remove(ready[at].0.place());
            let (id, call) = &ready[at];
            if !self.may_take(id.place(), call) {
                continue;
            }
            let Some(result) = self.result(order).await? else { return Ok(Taken::Gone) };
            if result.input_hash == ready[at].1.input_hash {
                let (id, call) = ready.remove(at);
                return Ok(Taken::Result(Box::new((id, call, result))));
            }
        }
    }

    fn may_take(&self, place: &str, call: &Call) -> bool {
        let is_needless = self.of_failed_plans.contains(place) && may_be_repeated(call);
        let is_of_pause = call.action.is_pause();
        !is_needless && !is_write_of_its_run(&call.action) && (self.keeps_pauses || !is_of_pause)
    }

    async fn result(&mut self, order: u64) -> Result<Option<Checkpoint>> {
        if let Some(result) = self.in_one_piece.remove(&order) {
            self.bytes = self.bytes.saturating_sub(weight(&result));
            return Ok(Some(result));
        }
        let at = self.page.iter().position(|result| result.order == order);
        if let Some(result) = at.and_then(|at| self.page.remove(at)) {
            return Ok(Some(result));
        }
        let Some((runs, origin)) = &self.origin else { return Ok(None) };
        self.page = runs.checkpoints(origin, order.checked_sub(1)).await?.into();
        let is_there = self.page.front().is_some_and(|result| result.order == order);
        Ok(if is_there { self.page.pop_front() } else { None })
    }
}

/// A person who said yes saw what led there.
fn is_same_question(head: &RunHead, origin: &RunHead) -> bool {
    let hash = |head: &RunHead| head.draft.as_ref().map(|draft| draft.hash.clone());
    head.input == origin.input
        && head.version == origin.version
        && hash(head) == hash(origin)
        && head.children == origin.children
}

/// What a run puts into a store is its own until it commits, and costs nothing: a commit without
/// the parts would leave nothing of the source.
fn is_write_of_its_run(action: &Action) -> bool {
    let Action::Knowledge(call) = action else { return false };
    !matches!(call.request, KnowledgeRequest::Search { .. })
}

/// Returns the places whose results may be taken over.
fn known(mut seen: Vec<Seen>, anew: &Downstream, takes_failures: bool) -> HashMap<String, u64> {
    seen.sort_by_key(|result| result.order);
    // A later call of the same node went out after the failure: the node went on, as with another
    // model.
    let mut later_starts: HashMap<&str, Timestamp> = HashMap::new();
    let mut known = HashMap::new();
    for result in seen.iter().rev() {
        let node = node_of(&result.place);
        let later = later_starts.get(node).copied();
        let was_overcome = result.ended_at.is_some_and(|at| later.is_some_and(|later| later >= at));
        let is_taken = match result.failed.as_deref() {
            _ if result.place.contains('@') || anew.covers(&result.place) => false,
            None => true,
            Some(INTERRUPTED) => false,
            // The origin took it over for the same reasons, which its times do not show.
            Some(_) => takes_failures || was_overcome || result.is_reused,
        };
        if is_taken {
            known.insert(result.place.clone(), result.order);
        }
        if let Some(started_at) = result.started_at {
            later_starts.insert(node, later.map_or(started_at, |later| later.max(started_at)));
        }
    }
    known
}

/// Whether a call that succeeded may be made again: `at_most_once` is the author's word, but for a
/// prediction it only guards against a crash.
fn may_be_repeated(call: &Call) -> bool {
    let is_prediction = matches!(&call.action, Action::Media(media)
        if matches!(media.request, MediaRequest::Prediction(_)));
    is_prediction || !call.at_most_once
}

/// Where a node failed though no call of it did, what they gave is why: as a model that named no
/// route. Returns their places.
fn failed_plans(
    known: &HashMap<String, u64>,
    places: &[String],
    trace: &[NodeTrace],
) -> HashSet<String> {
    let statuses: HashMap<&str, Option<NodeStatus>> =
        trace.iter().map(|entry| (&*entry.node, entry.status)).collect();
    let mut of_failed: HashMap<&str, Vec<&String>> = HashMap::new();
    for place in places.iter().filter(|place| !place.contains('@')) {
        let Some(node) = maker_of(place, |path| statuses.contains_key(path)) else { continue };
        if statuses.get(node) == Some(&Some(NodeStatus::Failed)) {
            of_failed.entry(node).or_default().push(place);
        }
    }
    let is_taken = |place: &&String| known.contains_key(*place);
    let whole = of_failed.into_values().filter(|of_node| of_node.iter().all(is_taken));
    whole.flatten().cloned().collect()
}

/// Returns the longest beginning of the place that is a node's path. Children and tools of an
/// agent are nodes below a node.
fn maker_of(place: &str, is_node: impl Fn(&str) -> bool) -> Option<&str> {
    let mut path = place;
    while !is_node(path) {
        path = path.rsplit_once('/')?.0;
    }
    Some(path)
}

/// Returns the path of the node that made the call: `chapters[2]/write` of
/// `chapters[2]/write/turn2`.
fn node_of(place: &str) -> &str {
    let mut end = 0;
    for segment in place.split('/') {
        end += segment.len();
        if !segment.ends_with(']') {
            break;
        }
        end += 1;
    }
    place.get(..end).unwrap_or(place)
}

impl Driver {
    /// Takes over one result, or does what is due before. Returns whether there was anything to do.
    pub(super) async fn take_over(&mut self) -> Result<bool> {
        if self.ready.is_empty() || self.is_draining() || !self.takes_over().await? {
            return Ok(false);
        }
        // There may be thousands of results.
        let due = [Some(self.next_heartbeat), self.release_at(), Some(self.deadline())];
        if due.into_iter().flatten().any(|at| at <= self.app.now()) {
            self.store_if_new().await?;
            if !self.is_over() {
                self.tick().await?;
            }
            return Ok(true);
        }
        match self.reuse.next(&mut self.ready).await? {
            Taken::Nothing => Ok(false),
            Taken::Gone => {
                self.origin_is_gone();
                Ok(true)
            }
            Taken::Result(taken) => {
                let (id, call, result) = *taken;
                self.reuse_result(&id, &call, result).await?;
                Ok(true)
            }
        }
    }

    /// Reads the origin's results before the first of them is needed.
    async fn takes_over(&mut self) -> Result<bool> {
        let Some(origin) = self.head.origin.clone() else { return Ok(false) };
        let Some(takes) = &origin.takes else { return Ok(false) };
        if self.reuse.origin.is_some() || self.reuse.is_gone {
            return Ok(!self.reuse.is_gone);
        }
        let runs = self.app.ports.runs.clone();
        let of_run = (&*self.head, &origin.run, takes);
        match Reuse::load(runs, of_run, &self.workflow).await? {
            Some(reuse) => self.reuse = reuse,
            // An earlier owner took over what was ready, and it is recorded.
            None if self.next_order > 0 => self.reuse.is_gone = true,
            None => self.origin_is_gone(),
        }
        Ok(self.reuse.origin.is_some())
    }

    /// Without the results, calls would be paid for again that nobody asked for.
    fn origin_is_gone(&mut self) {
        self.run.abort(RunError {
            code: "origin_gone".to_owned(),
            message: "the run whose results were to be taken over was wiped or deleted".to_owned(),
            node: None,
        });
    }

    async fn reuse_result(&mut self, id: &CallId, call: &Call, result: Checkpoint) -> Result<()> {
        let ended_at = self.app.now();
        if call.action.is_pause() {
            self.pauses.note_ended(ended_at);
        }
        let (attempts, answer) = (result.attempts, result.result.clone());
        self.run.complete_reused(id, answer, attempts, ended_at.millis());
        let order = self.next_order;
        self.next_order += 1;
        self.keep(Checkpoint {
            order,
            started_at: None,
            ended_at: Some(ended_at),
            is_reused: true,
            ..result
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn a_place_begins_with_its_node() {
        for (place, node) in [
            ("ask", "ask"),
            ("ask/turn2.tool0", "ask"),
            ("each[0]/ask", "each[0]/ask"),
            ("each[0]/inner[12]/ask/turn2/get", "each[0]/inner[12]/ask"),
            ("", ""),
        ] {
            assert_eq!(node_of(place), node, "{place}");
        }
    }

    #[test]
    fn what_led_a_node_to_fail_is_made_anew() {
        let places =
            ["a", "b", "b/turn1", "c", "c/x", "d[1]/e", "d[1]/e/turn1", "s/t", "s/u", "f@0"];
        let places = places.map(str::to_owned);
        let kind = Cow::from("agent");
        let entry = |node: &str, status| NodeTrace {
            status: Some(status),
            ..NodeTrace::new(node.into(), kind.clone())
        };
        let trace = [
            entry("a", NodeStatus::Succeeded),
            entry("b", NodeStatus::Failed),
            entry("c", NodeStatus::Failed),
            entry("d", NodeStatus::Failed),
            entry("d[1]/e", NodeStatus::Failed),
            entry("s", NodeStatus::Failed),
            entry("s/t", NodeStatus::Succeeded),
            entry("s/u", NodeStatus::Failed),
            entry("f", NodeStatus::Failed),
        ];
        let orders = places.iter().zip(0..).map(|(place, order)| (place.clone(), order));
        // A call of `c` failed: it alone is made anew.
        let known: HashMap<String, u64> = orders.filter(|(_, order)| *order != 4).collect();
        let mut anew: Vec<_> = failed_plans(&known, &places, &trace).into_iter().collect();
        anew.sort_unstable();
        assert_eq!(anew, ["b", "b/turn1", "d[1]/e", "d[1]/e/turn1", "s/u"]);
    }

    #[test]
    fn a_failure_is_taken_over_only_if_its_node_went_on() {
        let seen = |place: &str, order: u64, failed: Option<&str>, from: i64, to: i64| Seen {
            place: place.into(),
            order,
            failed: failed.map(str::to_owned),
            is_reused: false,
            started_at: Some(Timestamp(from)),
            ended_at: Some(Timestamp(to)),
        };
        let all = || {
            vec![
                seen("a", 0, Some("provider"), 1, 2),
                seen("a/fallback1", 1, None, 3, 4),
                // Two tools at once: the model has not seen the failure of the first.
                seen("b", 2, None, 1, 2),
                seen("b/turn1.tool0", 3, Some("http_status"), 3, 4),
                seen("b/turn1.tool1", 4, None, 3, 5),
                seen("c@0", 5, Some("timeout"), 1, 2),
                seen("c", 6, None, 3, 4),
                seen("d", 7, Some(INTERRUPTED), 1, 2),
                seen("e", 8, Some("model_error"), 2, 2),
                // In the same millisecond.
                seen("f", 9, Some("provider"), 1, 2),
                seen("f/fallback1", 10, None, 2, 3),
                Seen { started_at: None, is_reused: true, ..seen("g", 11, Some("provider"), 1, 2) },
            ]
        };
        let places = |takes_failures| {
            let known = known(all(), &Downstream::default(), takes_failures);
            let mut orders: Vec<u64> = known.into_values().collect();
            orders.sort_unstable();
            orders
        };
        assert_eq!(places(false), [0, 1, 2, 4, 6, 9, 10, 11]);
        assert_eq!(places(true), [0, 1, 2, 3, 4, 6, 8, 9, 10, 11]);
    }
}
