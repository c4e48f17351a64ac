//! Runs one case on the engine. Time is virtual: waits and retries end at once, and the run sees
//! the times at which they would have ended.

use std::collections::HashMap;
use std::sync::Arc;

use flowgate_core::time::Timestamp;
use flowgate_engine::{
    Call, CallId, ENGINE, NodePath, NodeStatus, Outcome, Run, RunError, RunEvent, RunStart,
    SpendingLimit, Step,
};
use serde_json::{Value, json};

use super::given::{Given, USED_UP};
use super::mocks::ByNode;
use super::perform::{Made, Performer};
use crate::library::Program;

/// What a run left.
pub(super) struct Ended {
    pub status: &'static str,
    pub output: Value,
    /// `{code, message, node?}`, or null.
    pub error: Value,
    /// In the order in which they began; skipped ones where they were skipped.
    pub nodes: Vec<Seen>,
    /// Calls that would have gone out, and what they need.
    pub missing: Vec<String>,
    /// Nodes that wanted more than the case gives.
    pub used_up: Vec<String>,
    /// What the case gives and nothing wanted.
    pub unused: Vec<String>,
}

/// One execution of a node.
pub(super) struct Seen {
    pub path: NodePath,
    pub kind: String,
    pub began: Timestamp,
    pub ended: Option<Timestamp>,
    pub status: Option<NodeStatus>,
    pub output: Option<Arc<Value>>,
    pub error: Option<String>,
    pub attempts: u32,
}

impl Seen {
    /// Whether it is this node of the workflow itself. A child's nodes are under the bare path of
    /// the node that runs it; those of a loop are under a path with the iteration.
    fn is(&self, node: &str) -> bool {
        let mut segments = self.path.rsplit('/');
        segments.next() == Some(node) && segments.all(|around| around.ends_with(']'))
    }
}

impl Ended {
    /// The last execution of a node of the workflow itself.
    pub(super) fn last(&self, node: &str) -> Option<&Seen> {
        self.nodes.iter().rev().find(|seen| seen.is(node))
    }

    /// A node has run if any of its executions has.
    pub(super) fn state_of(&self, node: &str) -> Option<NodeStatus> {
        let mut states =
            self.nodes.iter().filter(|seen| seen.is(node)).filter_map(|seen| seen.status);
        let first = states.clone().next();
        states.find(|state| *state != NodeStatus::Skipped).or(first)
    }
}

/// `each[2]/fetch` is the node `fetch`.
fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a case starts with.
pub(super) struct Start<'c> {
    pub program: &'c Program,
    pub input: Arc<Value>,
    pub now: Timestamp,
    pub mocks: &'c ByNode,
}

pub(super) async fn run(start: Start<'_>, performer: &mut Performer<'_>) -> Ended {
    let Start { program, input, now, mocks } = start;
    let start = RunStart {
        run_id: "run_test".to_owned(),
        started_at_ms: now.millis(),
        input,
        engine: ENGINE,
        spending_limit: SpendingLimit::default(),
    };
    let run = Run::with_children(program.workflow.clone(), program.children.clone(), start);
    let given = Given::new(mocks);
    let run = run.mocking(Box::new(given.clone()));
    let drive = Drive {
        run,
        now,
        open: Vec::new(),
        nodes: Vec::new(),
        running: HashMap::new(),
        missing: Vec::new(),
        used_up: Vec::new(),
    };
    let ended = drive.until_done(performer).await;
    Ended { unused: given.unused(), ..ended }
}

struct Drive {
    run: Run,
    now: Timestamp,
    open: Vec<Open>,
    nodes: Vec<Seen>,
    /// Positions of those that have not ended.
    running: HashMap<NodePath, usize>,
    missing: Vec<String>,
    used_up: Vec<String>,
}

/// A call that ends at its time.
struct Open {
    due: Timestamp,
    id: CallId,
    call: Box<Call>,
}

impl Drive {
    async fn until_done(mut self, performer: &mut Performer<'_>) -> Ended {
        loop {
            match self.run.step() {
                Step::Emit(event) => self.note(event),
                Step::Perform(id, call) => {
                    let due = performer.due(&call, self.now);
                    self.open.push(Open { due, id, call });
                }
                Step::Drop(id) => self.open.retain(|open| open.id != id),
                Step::Wait(_) => self.end_next(performer).await,
                Step::Done => return self.ended(),
            }
        }
    }

    /// Ends the call that is due first; of several the one that began first.
    async fn end_next(&mut self, performer: &mut Performer<'_>) {
        let next = self.open.iter().enumerate().min_by_key(|(_, open)| open.due);
        let Some(next) = next.map(|(index, _)| index) else {
            let message = "the run waits for nothing".to_owned();
            let error = RunError { code: "internal".to_owned(), message, node: None };
            return self.run.abort(error);
        };
        let Open { due, id, call } = self.open.remove(next);
        self.now = self.now.max(due);
        let result = match performer.perform(&call, self.now).await {
            Made::Ended(result) => result,
            Made::Missing(what, result) => {
                let node = self.node_of(&id, call.workflow, performer);
                self.missing.push(format!("`{node}` {what}"));
                result
            }
        };
        self.run.complete(&id, result, self.now.millis());
    }

    /// Returns the key under which mocks give the node of a call.
    fn node_of(&self, id: &CallId, workflow: usize, performer: &Performer<'_>) -> String {
        let is_of = |path: &str| {
            let rest = id.place().strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let paths = self.nodes.iter().map(|seen| &*seen.path).filter(|path| is_of(path));
        let node = id_of(paths.max_by_key(|path| path.len()).unwrap_or(id.place()));
        match performer.child(workflow) {
            Some(child) => format!("{child}/{node}"),
            None => node.to_owned(),
        }
    }

    fn note(&mut self, event: RunEvent) {
        match event {
            RunEvent::NodeStarted { node, kind, .. } => {
                let position = self.begin(&node, &kind);
                self.running.insert(node, position);
            }
            RunEvent::NodeFinished { node, kind, status, output, error, attempts, .. } => {
                // One that is skipped has not begun.
                let position = self.running.remove(&node);
                let position = position.unwrap_or_else(|| self.begin(&node, &kind));
                let seen = &mut self.nodes[position];
                (seen.status, seen.output, seen.ended) = (Some(status), output, Some(self.now));
                seen.attempts = attempts;
                if let Some(error) = error {
                    self.missing.extend(missing_file(&node, &error));
                    if error.code == USED_UP {
                        let node = error.node.as_deref().unwrap_or(id_of(&node));
                        self.used_up.push(format!("`{node}`: {}", error.message));
                    }
                    seen.error = Some(format!("{} ({})", error.message, error.code));
                }
            }
            _ => {}
        }
    }

    /// Returns the position of a node that begins now.
    fn begin(&mut self, path: &NodePath, kind: &str) -> usize {
        self.nodes.push(Seen {
            path: Arc::clone(path),
            kind: kind.to_owned(),
            began: self.now,
            ended: None,
            status: None,
            output: None,
            error: None,
            attempts: 0,
        });
        self.nodes.len() - 1
    }

    fn ended(self) -> Ended {
        let (status, output, error) = match self.run.outcome() {
            Some(Outcome::Succeeded { output }) => ("succeeded", output.clone(), Value::Null),
            Some(Outcome::Failed { error, output }) => ("failed", output.clone(), json!(error)),
            Some(Outcome::Cancelled) | None => ("cancelled", Value::Null, Value::Null),
        };
        let Self { nodes, missing, used_up, .. } = self;
        Ended { status, output, error, nodes, missing, used_up, unused: Vec::new() }
    }
}

/// A child that has no file fails its node.
fn missing_file(node: &str, error: &RunError) -> Option<String> {
    (error.code == "not_pinned").then(|| {
        format!(
            "`{}` runs a workflow that has no file <id>.yaml beside this one: {}",
            id_of(node),
            error.message
        )
    })
}
