//! Starts a run that repeats an earlier one, and takes over what that one has recorded.

use std::sync::Arc;

use flowgate_app::access::{Caller, session_user};
use flowgate_app::children::Program;
use flowgate_app::error::{Error, FieldProblem, Result, What};
use flowgate_app::id::RunId;
use flowgate_app::idempotency::UniqueRows;
use flowgate_app::key::Scope;
use flowgate_app::run::{DRAFT, Dialect, Origin, RunHead, RunRecord, RunState, Takes, TriedDraft};
use flowgate_app::secret::Publisher;
use flowgate_app::session::SessionUser;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_engine::{ENGINE, Workflow};
use serde_json::Value;

use crate::Runner;
use crate::start::{Admitted, How, IdempotencyRequest, InputFiles, ResponseMode, WhenWaitEnds};

const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

/// How a run is to be repeated.
#[derive(Debug, Clone, Default)]
pub struct Rerun {
    /// This node, and what depends on it, is made anew.
    pub from: Option<String>,
    /// Everything is made anew. By default so if the run succeeded, and nothing else is asked for.
    pub all: Option<bool>,
    /// Instead of the run's own.
    pub input: Option<Value>,
    /// Instead of the run's own; `draft`: the saved draft.
    pub version: Option<String>,
}

/// What a repeated run runs.
struct Target {
    workflow: Arc<Workflow>,
    version: String,
    published_by: Publisher,
    draft: Option<Box<TriedDraft>>,
}

impl Runner {
    /// Starts a new run that repeats an earlier one.
    pub async fn replay_run(
        &self,
        caller: &Caller,
        id: &str,
        mut rerun: Rerun,
        mode: ResponseMode,
        idempotency: Option<&IdempotencyRequest>,
    ) -> Result<Admitted> {
        let record = self.app.run_for(caller, Scope::Run, id).await?;
        let mut files = InputFiles::default();
        if let Some(input) = &mut rerun.input {
            let place = "/input";
            files = InputFiles { ids: self.app.check_files(caller, input, place).await?, place };
        }
        let (head, program) = self.repeated_head(caller, &record, rerun).await?;
        let unique_rows = UniqueRows {
            idempotency: self.idempotency_row(caller, &head.workflow_uid, idempotency),
            run_id: None,
        };
        let how = How { mode, when_wait_ends: WhenWaitEnds::Detach, unique_rows, files };
        self.admit_and_start(caller, head, program, how).await
    }

    /// Returns the head of a run that repeats an earlier one, and what it runs.
    pub(crate) async fn repeated_head(
        &self,
        caller: &Caller,
        record: &RunRecord,
        rerun: Rerun,
    ) -> Result<(RunHead, Program)> {
        let earlier = &record.head;
        // The new run shows the input of the earlier one.
        caller.require(Scope::Read, &earlier.workflow_id, What::Run)?;
        if !earlier.part.is_whole() {
            caller.require(Scope::Author, &earlier.workflow_id, What::Run)?;
        }
        if record.wiped {
            return Err(Error::Gone);
        }
        if !record.state.has_ended() {
            return Err(Error::NotEndedYet);
        }
        let target = self.target(caller, earlier, rerun.version.as_deref()).await?;
        let keeps_children = rerun.version.is_none();
        let takes = takes(record, &rerun);
        let session_user = repeated_user(caller, earlier, rerun.input.is_some());
        let (input, input_as_sent) = checked(earlier, &target, rerun)?;
        let now = self.app.now();
        let mut head = RunHead {
            id: RunId::new(self.app.new_uuid(now)),
            chosen_id: None,
            dialect: Dialect::Native,
            key_id: caller.key_id().map(str::to_owned),
            by_schedule: false,
            session_user: Some(session_user),
            version: target.version,
            published_by: target.published_by,
            draft: target.draft,
            input,
            input_as_sent,
            webhooks: Vec::new(),
            created_at: now,
            deadline_at: now + target.workflow.deadline,
            engine: ENGINE,
            origin: Some(Box::new(Origin { run: earlier.id.clone(), takes })),
            ..RunHead::clone(earlier)
        };
        if keeps_children {
            let gone = || Error::NotFound(What::Version);
            let program = self.app.program(&head).await?.map_err(|_| gone())?;
            return Ok((head, program));
        }
        let (children, program) =
            self.app.pin_children(&head.workflow_id, &target.workflow, &head.part).await?;
        head.children = children;
        Ok((head, program))
    }

    /// A draft runs again with the rights that it had, or with those of the caller if they are
    /// fewer: nobody has published it.
    async fn target(
        &self,
        caller: &Caller,
        earlier: &RunHead,
        version: Option<&str>,
    ) -> Result<Target> {
        let gone = || Error::NotFound(What::Version);
        let name = match (version, &earlier.draft) {
            (Some(DRAFT), _) => {
                let (published, draft) = self.app.draft(caller, &earlier.workflow_id).await?;
                if published.uid != earlier.workflow_uid {
                    return Err(gone());
                }
                return Ok(Target {
                    workflow: published.workflow,
                    version: published.version,
                    published_by: published.published_by,
                    draft: Some(Box::new(draft)),
                });
            }
            (None, Some(draft)) => {
                caller.require(Scope::Author, &earlier.workflow_id, What::Run)?;
                return Ok(Target {
                    workflow: self.app.workflow_of(earlier).await?.ok_or_else(gone)?,
                    version: DRAFT.to_owned(),
                    published_by: earlier.published_by.lesser(caller.publisher()),
                    draft: Some(draft.clone()),
                });
            }
            (Some(version), _) => version,
            (None, None) => &earlier.version,
        };
        let found = self.app.version_of(&earlier.workflow_uid, name).await?;
        let (workflow, published_by) = found.ok_or_else(gone)?;
        // A version that predates rules on secrets keeps the rights that the run had.
        let is_same = name == earlier.version;
        let published_by = if is_same { earlier.published_by } else { published_by };
        Ok(Target { workflow, version: name.to_owned(), published_by, draft: None })
    }
}

/// The new run uses sessions as the earlier one did, whoever asks for it, but never as the operator
/// for others. Another input may name another session: with it, another key uses its own.
fn repeated_user(caller: &Caller, earlier: &RunHead, has_new_input: bool) -> Box<SessionUser> {
    let (own, before) =
        (session_user(Some(caller), earlier.user.as_deref()), earlier.session_user());
    if has_new_input && !own.is_operator && own.owner.key_id != before.owner.key_id {
        return own;
    }
    Box::new(SessionUser { is_operator: before.is_operator && own.is_operator, ..before })
}

/// Returns what the new run takes over, unless it makes everything anew.
fn takes(record: &RunRecord, rerun: &Rerun) -> Option<Takes> {
    let is_plain = rerun.from.is_none() && rerun.input.is_none() && rerun.version.is_none();
    if rerun.all.unwrap_or(is_plain && record.state == RunState::Succeeded) {
        return None;
    }
    let head = &record.head;
    let inherited = head.origin.as_ref().and_then(|origin| origin.takes.as_ref());
    let started_at = inherited.map(|takes| takes.started_at).or(record.started_at);
    Some(Takes {
        started_at: started_at.unwrap_or(head.created_at),
        seed_root: head.seed_root().clone(),
        from: rerun.from.clone(),
        failures: record.state == RunState::Succeeded,
    })
}

/// Returns the input that the new run has, checked as at a start; or everything wrong with the
/// request.
fn checked(
    earlier: &RunHead,
    target: &Target,
    rerun: Rerun,
) -> Result<(Arc<Value>, Option<String>)> {
    let mut problems = Vec::new();
    let mut wrong = |pointer: String, message: String| {
        problems.push(FieldProblem { pointer, message });
    };
    if let Some(from) = &rerun.from {
        if rerun.all == Some(true) {
            wrong("/from".to_owned(), "cannot be given with `all`".to_owned());
        } else if target.workflow.downstream(from).is_none() {
            wrong("/from".to_owned(), format!("`{from}` names no node"));
        }
    }
    let pins = earlier.part.pins.iter().map(|(id, pin)| (id.clone(), Value::clone(pin)));
    let until = earlier.part.until.as_deref();
    if let Err(misfits) = target.workflow.accept_part(until, pins.collect()) {
        let misfit = misfits.first().map_or("", |misfit| &misfit.message);
        let message = format!("the part that the run ran does not fit this version: {misfit}");
        wrong("/version".to_owned(), message);
    }
    let is_same = rerun.input.is_none() && target.version == earlier.version;
    if is_same && rerun.version.is_none() {
        let kept = (earlier.input.clone(), earlier.input_as_sent.clone());
        return if problems.is_empty() { Ok(kept) } else { Err(Error::BadInput(problems)) };
    }
    let input = rerun.input.unwrap_or_else(|| Value::clone(&earlier.input));
    match target.workflow.accept_input(input, RULES) {
        Ok(input) if problems.is_empty() => Ok((Arc::new(input), None)),
        Ok(_) => Err(Error::BadInput(problems)),
        Err(of_input) => {
            problems.extend(of_input.into_iter().map(|problem| FieldProblem {
                pointer: format!("/input{}", problem.pointer),
                message: problem.message,
            }));
            Err(Error::BadInput(problems))
        }
    }
}
