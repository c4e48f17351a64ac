//! Generated graphs of every shape: branches, nested loops, error edges, `on_error`, nodes with
//! several calls.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::several::{compile_with, get, perform, scripted_in_rounds};
use super::*;
use crate::expr::scope::Scope;
use crate::kind::{Done, NodeError, Plan};

const MAX_GRAPH: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Template,
    Http,
    Fails,
    Condition,
    Several,
    Loop,
    Parallel,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Caught {
    No,
    Continue,
    Default,
}

/// A node before it is known what it can refer to.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    kind: Kind,
    caught: Caught,
    /// Earlier nodes, and whether their error is read.
    references: Vec<(Index, bool)>,
    after: Option<(Index, u8)>,
    inner: Vec<Sketch>,
}

fn sketches(depth: u32) -> BoxedStrategy<Vec<Sketch>> {
    match depth {
        0 => Just(Vec::new()).boxed(),
        _ => prop::collection::vec(sketch(depth), 1..4).boxed(),
    }
}

fn sketch(depth: u32) -> BoxedStrategy<Sketch> {
    use Kind::{Condition, Fails, Http, Loop, Parallel, Several, Template};
    let simple = [Template, Http, Http, Fails, Condition, Several];
    let kind = prop::sample::select(match depth {
        0 | 1 => simple.to_vec(),
        _ => [&simple[..], &[Loop, Parallel]].concat(),
    });
    let caught =
        prop::sample::select(vec![Caught::No, Caught::No, Caught::Continue, Caught::Default]);
    let references = prop::collection::vec((any::<Index>(), any::<bool>()), 0..3);
    let after = prop::option::weighted(0.4, (any::<Index>(), 0..4u8));
    (kind, caught, references, after, sketches(depth.saturating_sub(1)))
        .prop_map(|(kind, caught, references, after, inner)| {
            let is_container = matches!(kind, Loop | Parallel);
            let inner = if is_container { inner } else { Vec::new() };
            Sketch { kind, caught, references, after, inner }
        })
        .boxed()
}

pub(super) fn graph() -> impl Strategy<Value = Vec<Sketch>> {
    prop::collection::vec(sketch(3), 1..20)
}

/// When an edge is live, as the documentation says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Edge {
    Done,
    Error,
    First,
    Second,
}

/// A node as it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: String,
    kind: Kind,
    caught: Caught,
    /// The nodes whose edges decide whether it runs, all in its own list.
    controls: BTreeSet<(String, Edge)>,
}

/// Writes a graph, and notes what it must do.
#[derive(Default)]
pub(super) struct Writer {
    count: usize,
    pub(super) nodes: Vec<Node>,
}

impl Writer {
    /// `outer` are the nodes around that may be referred to. Returns the nodes as written, and what
    /// they refer to outside.
    pub(super) fn list(
        &mut self,
        sketches: &[Sketch],
        outer: &[Node],
    ) -> (Vec<Value>, Vec<(String, Edge)>) {
        let (mut here, mut written, mut outside) = (Vec::<Node>::new(), Vec::new(), Vec::new());
        for sketch in sketches {
            // A container adds at least one more.
            if self.count + 2 > MAX_GRAPH {
                break;
            }
            let (node, value, referred) = self.node(sketch, &here, outer);
            outside.extend(referred);
            self.nodes.push(node.clone());
            here.push(node);
            written.push(value);
        }
        (written, outside)
    }

    fn node(
        &mut self,
        sketch: &Sketch,
        here: &[Node],
        outer: &[Node],
    ) -> (Node, Value, Vec<(String, Edge)>) {
        let id = format!("n{}", self.count);
        self.count += 1;
        let visible: Vec<&Node> = here.iter().chain(outer).collect();
        let mut text = id.clone();
        let mut referred = Vec::new();
        for (index, reads_error) in sketch.references.iter().filter(|_| !visible.is_empty()) {
            let other = visible[index.index(visible.len())];
            let reads_error = *reads_error && other.caught != Caught::Default;
            let field = if reads_error { "error" } else { field(other.kind) };
            let is_error_edge = reads_error && other.caught == Caught::No;
            text.push_str(&format!("<{}.{field}>", other.id));
            referred.push((other.id.clone(), if is_error_edge { Edge::Error } else { Edge::Done }));
        }
        let mut value = match sketch.kind {
            Kind::Template | Kind::Several | Kind::Loop | Kind::Parallel => json!({}),
            Kind::Http => json!({ "url": format!("http://x/{text}") }),
            Kind::Fails => json!({ "url": format!("http://fails/{text}") }),
            Kind::Condition => json!({ "branches": [
                { "name": "first", "if": format!("size('{id}') % 2 == 0") }, { "name": "second" }
            ] }),
        };
        if sketch.kind == Kind::Template {
            value["template"] = json!(text);
        }
        if matches!(sketch.kind, Kind::Several | Kind::Condition) {
            referred.clear();
        }
        if matches!(sketch.kind, Kind::Loop | Kind::Parallel) {
            referred = self.container(sketch, &mut value, &visible);
        }
        value["id"] = json!(id);
        value["type"] = json!(type_name(sketch.kind));
        match sketch.caught {
            Caught::No => {}
            Caught::Continue => value["on_error"] = json!("continue"),
            Caught::Default => {
                value["on_error"] = json!({ "default": { field(sketch.kind): "default" } });
            }
        }
        let is_here = |(id, _): &(String, Edge)| here.iter().any(|node| node.id == *id);
        let (inside, outside): (Vec<_>, Vec<_>) = referred.into_iter().partition(is_here);
        let mut controls: BTreeSet<(String, Edge)> = inside.into_iter().collect();
        if let Some((index, edge)) = sketch.after.filter(|_| !here.is_empty()) {
            let other = &here[index.index(here.len())];
            let (handle, edge) = match (edge, other.kind, other.caught) {
                (0, _, Caught::No) => (".error", Edge::Error),
                (1, Kind::Condition, _) => (".first", Edge::First),
                (2, Kind::Condition, _) => (".second", Edge::Second),
                _ => ("", Edge::Done),
            };
            value["after"] = json!([format!("{}{handle}", other.id)]);
            controls = [(other.id.clone(), edge)].into();
        }
        (Node { id, kind: sketch.kind, caught: sketch.caught, controls }, value, outside)
    }

    fn container(
        &mut self,
        sketch: &Sketch,
        value: &mut Value,
        visible: &[&Node],
    ) -> Vec<(String, Edge)> {
        let outer: Vec<Node> = visible.iter().map(|node| (*node).clone()).collect();
        let (mut nodes, outside) = self.list(&sketch.inner, &outer);
        if nodes.is_empty() {
            nodes.push(
                json!({ "id": format!("n{}", self.count), "type": "template", "template": "" }),
            );
            self.count += 1;
        }
        value["nodes"] = json!(nodes);
        value["for"] = json!(2);
        outside
    }
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Template => "template",
        Kind::Http | Kind::Fails => "http",
        Kind::Condition => "condition",
        Kind::Several => "scripted",
        Kind::Loop => "loop",
        Kind::Parallel => "parallel",
    }
}

fn field(kind: Kind) -> &'static str {
    match kind {
        Kind::Template => "content",
        Kind::Http | Kind::Fails => "data",
        Kind::Condition => "branch",
        Kind::Several => "sum",
        Kind::Loop | Kind::Parallel => "results",
    }
}

/// `a` and `b` concurrently, then `c`.
pub(super) fn rounds(_: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
    match (done.value("a")?, done.value("b")?, done.value("c")?) {
        (None, None, None) => perform([get("a"), get("b")]),
        (Some(_), Some(_), None) => perform([get("c")]),
        (Some(a), Some(b), Some(c)) => Ok(Plan::done(json!({ "sum": [a, b, c] }))),
        other => panic!("asked while a call was open: {other:?}"),
    }
}

pub(super) fn answer(id: &CallId, call: &Call) -> CallResult {
    let crate::Action::Http(http) = &call.action else { panic!() };
    let url = serde_json::to_string(&http.url).unwrap();
    // Some nodes fail in their last call.
    let fails = url.contains("fails") || url.ends_with("/c\"") && id.as_str().contains('3');
    if fails { failed("broken", false) } else { ok(json!({ "data": url })) }
}

/// What a run did: its steps, the calls in the order in which they ended, and its outcome.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Story {
    steps: Vec<Step>,
    pub(super) ended: Vec<(CallId, CallResult)>,
    pub(super) outcome: Outcome,
}

pub(super) fn play(
    workflow: &Arc<Workflow>,
    recorded: &[(CallId, CallResult)],
    picks: &[Index],
) -> Story {
    let mut run = start(workflow, json!({}));
    let (mut steps, mut ended, mut open) = (Vec::new(), Vec::new(), Vec::<(CallId, Call)>::new());
    let mut picks = picks.iter().cycle();
    loop {
        match run.step() {
            Step::Perform(id, call) => {
                open.push((id.clone(), (*call).clone()));
                steps.push(Step::Perform(id, call));
            }
            Step::Drop(id) => {
                open.retain(|(call, _)| *call != id);
                steps.push(Step::Drop(id));
            }
            Step::Emit(event) => steps.push(Step::Emit(event)),
            Step::Done => break,
            Step::Wait(waiting) => {
                assert_eq!(waiting.calls, open.len());
                assert!(!open.is_empty(), "the run is stuck: {steps:#?}");
                let replayed = recorded.get(ended.len());
                let (id, result) = match replayed {
                    Some((id, result)) => {
                        let at = open.iter().position(|(open, _)| open == id);
                        open.remove(at.expect("a recorded call is made again"));
                        (id.clone(), result.clone())
                    }
                    None => {
                        let pick = picks.next().unwrap().index(open.len());
                        let (id, call) = open.remove(pick);
                        let result = answer(&id, &call);
                        (id, result)
                    }
                };
                ended.push((id.clone(), result.clone()));
                if replayed.is_some() {
                    let recorded = Recorded {
                        result,
                        attempts: 1,
                        ended_at_ms: Some(2_000),
                        has_reported_text: false,
                    };
                    run.complete_recorded(&id, recorded);
                } else {
                    assert_eq!(run.complete(&id, result, 2_000), Completion::Final);
                }
            }
        }
    }
    Story { steps, ended, outcome: run.outcome().unwrap().clone() }
}

/// How nodes ended, by path. A condition's branch is part of it.
fn ends(story: &Story) -> BTreeMap<String, (NodeStatus, Option<String>)> {
    let mut ends = BTreeMap::new();
    for step in &story.steps {
        if let Step::Emit(RunEvent::NodeFinished { node, status, output, .. }) = step {
            let branch = output.as_ref().and_then(|output| output["branch"].as_str());
            let earlier = ends.insert(node.to_string(), (*status, branch.map(str::to_owned)));
            assert!(earlier.is_none(), "{node} ended twice");
        }
    }
    ends
}

/// Leaves out what is inside of a loop or parallel that failed: what ends first stops the rest.
fn settled_ends(story: &Story) -> BTreeMap<String, (NodeStatus, Option<String>)> {
    let all = ends(story);
    let has_failed = |path: &str| all.get(path).is_some_and(|(end, _)| *end == NodeStatus::Failed);
    let is_stopped = |path: &str| path.match_indices('[').any(|(at, _)| has_failed(&path[..at]));
    all.iter()
        .filter(|(path, _)| !is_stopped(path))
        .map(|(path, end)| (path.clone(), end.clone()))
        .collect()
}

fn check_each_node(nodes: &[Node], story: &Story) {
    let ends = ends(story);
    let mut started = BTreeSet::new();
    for step in &story.steps {
        if let Step::Emit(RunEvent::NodeStarted { node, .. }) = step {
            assert!(started.insert(node.to_string()), "{node} ran twice");
        }
    }
    let by_id: BTreeMap<&str, &Node> = nodes.iter().map(|node| (&*node.id, node)).collect();
    for (path, (status, _)) in &ends {
        let (before, id) = path.rsplit_once('/').map_or(("", &**path), |(before, id)| (before, id));
        let Some(node) = by_id.get(id) else { continue };
        let is_live = |(other, edge): &(String, Edge)| {
            let before = if before.is_empty() { String::new() } else { format!("{before}/") };
            let end = ends.get(&format!("{before}{other}"));
            let caught = by_id[other.as_str()].caught;
            end.is_some_and(|(status, branch)| match (edge, status) {
                (Edge::Done, NodeStatus::Succeeded) => true,
                (Edge::Done, NodeStatus::Failed) => caught != Caught::No,
                (Edge::Error, NodeStatus::Failed) => caught == Caught::No,
                (Edge::First, _) => branch.as_deref() == Some("first"),
                (Edge::Second, _) => branch.as_deref() == Some("second"),
                _ => false,
            })
        };
        let may_run = node.controls.is_empty() || node.controls.iter().any(is_live);
        assert_eq!(started.contains(path), may_run, "{path} {status:?} of {node:?}\n{ends:#?}");
        assert_eq!(*status == NodeStatus::Skipped, !may_run, "{path} {status:?}");
    }
    if matches!(story.outcome, Outcome::Succeeded { .. }) {
        let missing: Vec<_> = started.iter().filter(|path| !ends.contains_key(*path)).collect();
        assert!(missing.is_empty(), "{missing:?} never ended");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_graph_ends_the_same_in_any_order_and_from_any_cut(
        graph in graph(),
        picks in prop::collection::vec(any::<Index>(), 1..40),
        others in prop::collection::vec(any::<Index>(), 1..40),
        cut in any::<Index>(),
    ) {
        let mut writer = Writer::default();
        let (written, _) = writer.list(&graph, &[]);
        let document = json!({ "nodes": written }).to_string();
        let workflow = compile_with(scripted_in_rounds(rounds), &document);

        let story = play(&workflow, &[], &picks);
        check_each_node(&writer.nodes, &story);

        let cut = cut.index(story.ended.len() + 1);
        let whole = play(&workflow, &story.ended, &others);
        prop_assert_eq!(&whole, &story, "a replay of all calls computes the same");
        let resumed = play(&workflow, &story.ended[..cut], &others);
        check_each_node(&writer.nodes, &resumed);
        let other = play(&workflow, &[], &others);
        check_each_node(&writer.nodes, &other);
        for another in [&resumed, &other] {
            match (&story.outcome, &another.outcome) {
                (Outcome::Succeeded { output }, Outcome::Succeeded { output: same }) => {
                    prop_assert_eq!(output, same);
                    prop_assert_eq!(settled_ends(&story), settled_ends(another));
                }
                (Outcome::Failed { .. }, Outcome::Failed { .. }) => {}
                (one, two) => prop_assert!(false, "{one:?} {two:?}"),
            }
        }
    }
}
