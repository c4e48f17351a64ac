//! Child workflows: which of them a document may name, and the versions that a run pins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flowgate_core::key::Scope;
use flowgate_core::run::{PinnedChild, RunHead};
use flowgate_core::time::Timestamp;
use flowgate_engine::child::{Child, ChildName, Children, KnownChildren, MAX_CHILD_DEPTH};
use flowgate_engine::child::{ChildUse, MAX_CHILDREN};
use flowgate_engine::document::Document;
use flowgate_engine::{Problem, Run, RunStart, Severity, Workflow};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::workflows::Published;

/// A version with the children that its run has pinned: all that a run needs to be computed.
#[derive(Clone)]
pub struct Program {
    pub workflow: Arc<Workflow>,
    pub children: Children,
}

/// The version of a run, or of one of its children, was deleted.
#[derive(Debug, thiserror::Error)]
#[error("the version that the run was started with is gone{}", of_child(.child.as_deref()))]
pub struct VersionGone {
    /// The child's id; `None`: the run's own.
    pub child: Option<String>,
}

fn of_child(child: Option<&str>) -> String {
    child.map_or_else(String::new, |id| format!(": that of the workflow `{id}`, which it calls"))
}

impl Program {
    /// Returns the run as the engine begins it, whoever computes it.
    pub fn run(&self, head: &RunHead, started_at: Timestamp) -> Run {
        let start = RunStart {
            run_id: head.id.to_string(),
            started_at_ms: started_at.millis(),
            input: head.input.clone(),
            engine: head.engine,
            spending_limit: head.spending_limit,
        };
        let run = Run::with_children(self.workflow.clone(), self.children.clone(), start);
        let takes = head.origin.as_ref().and_then(|origin| origin.takes.as_ref());
        let run = match takes {
            Some(takes) => run.inheriting(takes.started_at.millis(), takes.seed_root.to_string()),
            None => run,
        };
        if head.part.is_whole() { run } else { run.only(head.part.clone()) }
    }
}

/// Why a child cannot run.
struct Unfit {
    /// `Warning`: it may run by the time that it is called.
    severity: Severity,
    message: String,
}

impl Unfit {
    fn error(message: String) -> Self {
        Self { severity: Severity::Error, message }
    }
}

/// Children found so far, by name, each once.
#[derive(Default)]
struct Found {
    pinned: Vec<Arc<Published>>,
    names: BTreeMap<ChildName, usize>,
    /// At which depths a child was looked at: the rest of the way is the same.
    seen: BTreeSet<(ChildName, usize)>,
}

impl App {
    /// Returns what a stored run is computed from.
    pub async fn program(
        &self,
        head: &RunHead,
    ) -> Result<std::result::Result<Program, VersionGone>> {
        let Some(workflow) = self.workflow_of(head).await? else {
            return Ok(Err(VersionGone { child: None }));
        };
        let mut children = Vec::with_capacity(head.children.len());
        for PinnedChild { name, uid, version, .. } in &head.children {
            let Some(workflow) = self.compiled(uid, version).await? else {
                return Ok(Err(VersionGone { child: Some(name.workflow.clone()) }));
            };
            children.push(Child { name: name.clone(), workflow });
        }
        Ok(Ok(Program { workflow, children: Children(children.into()) }))
    }

    /// Pins the versions of all children that a new run may call.
    pub async fn pin_children(
        &self,
        id: &str,
        workflow: &Arc<Workflow>,
    ) -> Result<(Vec<PinnedChild>, Program)> {
        let mut found = Found::default();
        let walked = self.walk(id, workflow, &mut found).await?;
        if let Err(unfit) = walked {
            return Err(Error::ChildUnavailable(unfit.message));
        }
        let mut names: Vec<(ChildName, usize)> = found.names.into_iter().collect();
        names.sort_by_key(|(_, index)| *index);
        let (mut pins, mut children) = (Vec::new(), Vec::new());
        for (name, index) in names {
            let Published { uid, version, published_by, workflow, .. } = &*found.pinned[index];
            children.push(Child { name: name.clone(), workflow: workflow.clone() });
            let (uid, version) = (uid.clone(), version.clone());
            pins.push(PinnedChild { name, uid, version, published_by: *published_by });
        }
        let workflow = workflow.clone();
        Ok((pins, Program { workflow, children: Children(children.into()) }))
    }

    /// What is known of the outputs of published children.
    pub(crate) async fn known_children(&self, workflow: &Workflow) -> Result<KnownChildren> {
        let mut known = BTreeMap::new();
        for name in workflow.child_names() {
            if let Ok(child) = self.child(name).await? {
                known.insert(name.clone(), child.workflow.output_fields().clone());
            }
        }
        Ok(Arc::new(known))
    }

    /// Returns what is wrong with the children that a document names.
    pub(crate) async fn child_problems(
        &self,
        id: &str,
        document: &Document,
        workflow: &Workflow,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        for used in workflow.children() {
            let start = vec![id.to_owned()];
            let walked = self.walk_from(start, [&used.name], &mut Found::default()).await?;
            if let Err(Unfit { severity, message }) = walked {
                problems.push(document.problem(severity, &used.path, message));
            }
        }
        Ok(problems)
    }

    /// Whoever publishes a workflow lets all its callers run its children.
    pub(crate) fn require_children(caller: &Caller, workflow: &Workflow) -> Result<()> {
        for ChildUse { name, .. } in workflow.children() {
            if caller.require(Scope::Author, &name.workflow, What::Workflow).is_err() {
                return Err(Error::ChildForbidden(name.workflow.clone()));
            }
        }
        Ok(())
    }

    async fn walk(
        &self,
        id: &str,
        workflow: &Workflow,
        found: &mut Found,
    ) -> Result<std::result::Result<(), Unfit>> {
        self.walk_from(vec![id.to_owned()], workflow.child_names(), found).await
    }

    /// Looks at the children below a workflow, and at theirs. `path` holds the ids on the way to
    /// it.
    async fn walk_from<'a>(
        &self,
        path: Vec<String>,
        names: impl IntoIterator<Item = &'a ChildName>,
        found: &mut Found,
    ) -> Result<std::result::Result<(), Unfit>> {
        let mut ahead: Vec<(Vec<String>, ChildName)> =
            names.into_iter().map(|name| (path.clone(), name.clone())).collect();
        // Taken from the end.
        ahead.reverse();
        while let Some((mut path, name)) = ahead.pop() {
            let is_circle = path.contains(&name.workflow);
            path.push(name.workflow.clone());
            let way = || path.join(" → ");
            if is_circle {
                return Ok(Err(Unfit::error(format!("the workflows run in a circle: {}", way()))));
            }
            if path.len() > MAX_CHILD_DEPTH + 1 {
                let message = format!(
                    "workflows run at most {MAX_CHILD_DEPTH} deep in one another: {}",
                    way()
                );
                return Ok(Err(Unfit::error(message)));
            }
            if !found.seen.insert((name.clone(), path.len())) {
                continue;
            }
            let child = match self.child(&name).await? {
                Ok(child) => child,
                Err(unfit) => return Ok(Err(unfit)),
            };
            let below = child.workflow.child_names();
            ahead.extend(below.into_iter().rev().map(|name| (path.clone(), name.clone())));
            if !found.names.contains_key(&name) {
                if found.pinned.len() == MAX_CHILDREN {
                    let message = format!("a run has at most {MAX_CHILDREN} different children");
                    return Ok(Err(Unfit::error(message)));
                }
                found.names.insert(name, found.pinned.len());
                found.pinned.push(child);
            }
        }
        Ok(Ok(()))
    }

    /// The version that a run which starts now would pin.
    async fn child(&self, name: &ChildName) -> Result<std::result::Result<Arc<Published>, Unfit>> {
        let ChildName { workflow: id, version } = name;
        let unfit = |severity, message| Ok(Err(Unfit { severity, message }));
        match self.published(id, version.as_deref()).await {
            Ok(published) => Ok(Ok(published)),
            Err(Error::NotPublished) => unfit(
                Severity::Warning,
                format!("the workflow `{id}` is not published: runs cannot start until it is"),
            ),
            Err(Error::NotFound(What::Version)) => {
                let version = version.as_deref().unwrap_or_default();
                unfit(Severity::Error, format!("the workflow `{id}` has no version {version}"))
            }
            Err(Error::NotFound(_)) => unfit(
                Severity::Warning,
                format!("there is no workflow `{id}`: runs cannot start until it is published"),
            ),
            Err(other) => Err(other),
        }
    }
}
