//! Child workflows: which of them a document may name, and the versions that a run pins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flowgate_core::key::Scope;
use flowgate_core::run::{PinnedChild, RunHead};
use flowgate_core::time::Timestamp;
use flowgate_engine::child::{Child, ChildName, Children, KnownChildren, MAX_CHILD_DEPTH};
use flowgate_engine::child::{ChildUse, MAX_CHILDREN};
use flowgate_engine::document::Document;
use flowgate_engine::{Part, Problem, Run, RunStart, Severity, Workflow};

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
    /// From the workflow whose node was looked at, to the one that is unfit.
    path: Vec<String>,
    why: Why,
}

enum Why {
    Circle,
    TooDeep,
    TooMany,
    /// It may run by the time that it is called.
    Unpublished,
    Unknown,
    NoVersion(String),
}

impl Unfit {
    fn severity(&self) -> Severity {
        match self.why {
            Why::Unpublished | Why::Unknown => Severity::Warning,
            Why::Circle | Why::TooDeep | Why::TooMany | Why::NoVersion(_) => Severity::Error,
        }
    }

    /// Says nothing of why a workflow that it names not is unavailable.
    fn severity_for_others(&self) -> Severity {
        match self.why {
            Why::NoVersion(_) if self.path.len() > 2 => Severity::Warning,
            _ => self.severity(),
        }
    }

    /// For whoever may see every workflow on the way.
    fn message(&self) -> String {
        let (id, way) = (self.path.last().map_or("", String::as_str), self.path.join(" → "));
        match &self.why {
            Why::Circle => format!("the workflows run in a circle: {way}"),
            Why::TooDeep => {
                format!("workflows run at most {MAX_CHILD_DEPTH} deep in one another: {way}")
            }
            Why::TooMany => format!("a run has at most {MAX_CHILDREN} different children"),
            Why::Unpublished => {
                format!("the workflow `{id}` is not published: runs cannot start until it is")
            }
            Why::Unknown => {
                format!("there is no workflow `{id}`: runs cannot start until it is published")
            }
            Why::NoVersion(version) => format!("the workflow `{id}` has no version {version}"),
        }
    }

    /// Names nothing but the node's own child.
    fn message_for_others(&self) -> String {
        let own = self.path.get(1).map_or("", String::as_str);
        match &self.why {
            Why::TooMany => self.message(),
            _ if self.path.len() <= 2 => self.message(),
            Why::Circle => format!("the workflow `{own}` runs in a circle"),
            Why::TooDeep => format!(
                "the workflow `{own}` cannot run: workflows run at most {MAX_CHILD_DEPTH} deep in \
                 one another"
            ),
            Why::Unpublished | Why::Unknown | Why::NoVersion(_) => {
                format!("the workflow `{own}` cannot run: one that it calls is not available")
            }
        }
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

    /// Pins the versions of all children that a new run of this part may call.
    pub async fn pin_children(
        &self,
        id: &str,
        workflow: &Arc<Workflow>,
        part: &Part,
    ) -> Result<(Vec<PinnedChild>, Program)> {
        let mut found = Found::default();
        let names = workflow.child_names_in(part);
        let walked = self.walk(vec![id.to_owned()], names, &mut found).await?;
        if let Err(unfit) = walked {
            return Err(Error::ChildUnavailable(unfit.message_for_others()));
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

    /// What is known of the outputs of published children that the caller may see.
    pub(crate) async fn known_children(
        &self,
        caller: &Caller,
        workflow: &Workflow,
    ) -> Result<KnownChildren> {
        let mut known = BTreeMap::new();
        for name in workflow.child_names() {
            if !is_author(caller, &name.workflow) {
                continue;
            }
            if let Ok(child) = self.child(name).await? {
                known.insert(name.clone(), child.workflow.output_fields().clone());
            }
        }
        Ok(Arc::new(known))
    }

    /// Returns what is wrong with the children that a document names. Those that the caller may not
    /// see are not looked at.
    pub(crate) async fn child_problems(
        &self,
        caller: &Caller,
        id: &str,
        document: &Document,
        workflow: &Workflow,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        for used in workflow.children().iter().filter(|used| is_author(caller, &used.name.workflow))
        {
            let start = vec![id.to_owned()];
            let walked = self.walk(start, [&used.name], &mut Found::default()).await?;
            if let Err(unfit) = walked {
                let sees_all = unfit.path.iter().all(|id| is_author(caller, id));
                let message = if sees_all { unfit.message() } else { unfit.message_for_others() };
                let severity =
                    if sees_all { unfit.severity() } else { unfit.severity_for_others() };
                problems.push(document.problem(severity, &used.path, message));
            }
        }
        Ok(problems)
    }

    /// Returns a problem for each child that the caller may not let callers run.
    pub(crate) fn forbidden_children(
        caller: &Caller,
        document: &Document,
        workflow: &Workflow,
    ) -> Vec<Problem> {
        let used = workflow.children().iter();
        let forbidden = used.filter(|used| !is_author(caller, &used.name.workflow));
        let problem = |used: &ChildUse| {
            let message = Error::ChildForbidden(used.name.workflow.clone()).to_string();
            document.problem(Severity::Error, &used.path, message)
        };
        forbidden.map(problem).collect()
    }

    /// Whoever publishes a workflow lets all its callers run its children.
    pub(crate) fn require_children(caller: &Caller, workflow: &Workflow) -> Result<()> {
        for ChildUse { name, .. } in workflow.children() {
            if !is_author(caller, &name.workflow) {
                return Err(Error::ChildForbidden(name.workflow.clone()));
            }
        }
        Ok(())
    }

    /// Looks at the children below a workflow, and at theirs. `path` holds the ids on the way to
    /// it.
    async fn walk<'a>(
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
            if is_circle {
                return Ok(Err(Unfit { path, why: Why::Circle }));
            }
            if path.len() > MAX_CHILD_DEPTH + 1 {
                return Ok(Err(Unfit { path, why: Why::TooDeep }));
            }
            if !found.seen.insert((name.clone(), path.len())) {
                continue;
            }
            let child = match self.child(&name).await? {
                Ok(child) => child,
                Err(why) => return Ok(Err(Unfit { path, why })),
            };
            let below = child.workflow.child_names();
            ahead.extend(below.into_iter().rev().map(|name| (path.clone(), name.clone())));
            if !found.names.contains_key(&name) {
                if found.pinned.len() == MAX_CHILDREN {
                    return Ok(Err(Unfit { path, why: Why::TooMany }));
                }
                found.names.insert(name, found.pinned.len());
                found.pinned.push(child);
            }
        }
        Ok(Ok(()))
    }

    /// The version that a run which starts now would pin.
    async fn child(&self, name: &ChildName) -> Result<std::result::Result<Arc<Published>, Why>> {
        let ChildName { workflow: id, version } = name;
        match self.published(id, version.as_deref()).await {
            Ok(published) => Ok(Ok(published)),
            Err(Error::NotPublished) => Ok(Err(Why::Unpublished)),
            Err(Error::NotFound(What::Version)) => {
                Ok(Err(Why::NoVersion(version.clone().unwrap_or_default())))
            }
            Err(Error::NotFound(_)) => Ok(Err(Why::Unknown)),
            Err(other) => Err(other),
        }
    }
}

fn is_author(caller: &Caller, id: &str) -> bool {
    caller.require(Scope::Author, id, What::Workflow).is_ok()
}
