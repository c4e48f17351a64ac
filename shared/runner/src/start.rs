//! Starts runs, for every dialect: checks the request, then waits, streams or detaches.

use std::sync::Arc;
use std::time::Duration;

use flowgate_app::access::{Caller, session_user};
use flowgate_app::children::Program;
use flowgate_app::error::{Error, FieldProblem, Result, TakenRunId, What};
use flowgate_app::file::FileId;
use flowgate_app::id::RunId;
use flowgate_app::idempotency::{
    EarlierRun, IdempotencyKey, IdempotencyRow, UniqueRows, chosen_id_key,
};
use flowgate_app::key::Scope;
use flowgate_app::limit::Allowance;
use flowgate_app::memory::Charge;
use flowgate_app::run::{Created, Dialect, Mode, NewRun, RunHead, RunRecord, StartMode};
use flowgate_app::work::Message;
use flowgate_app::workflows::Published;
use flowgate_engine::call::MAX_PAUSE;
use flowgate_engine::input::{InputProblem, InputRules};
use flowgate_engine::{ENGINE, Part, SpendingLimit, Weight};
use serde_json::Value;

use crate::Runner;
pub use crate::caller_webhook::{MAX_WEBHOOKS, WEBHOOK_METHODS, WebhookRequest};
use crate::driver::{CallerWait, DRIVER_BYTES, Driver, Progress};
use crate::host::{self, Subscription};

/// How long a message may stay in the queue before the sweeper sends it again.
const QUEUE_GRACE: Duration = Duration::from_secs(30);
const MAX_USER: usize = 256;

pub struct StartRequest {
    pub workflow_id: String,
    /// `None`: the active version.
    pub version: Option<String>,
    pub dialect: Dialect,
    pub input: Value,
    /// The input as the caller spelled it, for the dialect that echoes it.
    pub input_as_sent: Option<String>,
    pub rules: InputRules,
    /// JSON Pointer to `input` in the request's body, for the pointers of its problems.
    pub input_pointer: &'static str,
    pub user: Option<String>,
    /// `None`: the workflow's setting.
    pub save: Option<bool>,
    pub webhooks: Vec<WebhookRequest>,
    pub response_mode: ResponseMode,
    pub when_wait_ends: WhenWaitEnds,
    /// Moves the deadline before the workflow's own.
    pub timeout: Option<Duration>,
    /// The caller's own id for the run, 1 to 128 characters. Refused if another run has it.
    pub run_id: Option<String>,
    pub idempotency: Option<IdempotencyRequest>,
    /// In addition to the workflow's own.
    pub spending_limit: SpendingLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// Waits for the end, at most this long. `None`: the platform's maximum.
    Wait(Option<Duration>),
    Stream,
    /// Reports progress like a stream, for at most this long: the end, and the events only if they
    /// are wanted.
    Watch {
        at_most: Duration,
        events: bool,
    },
    Detach,
}

impl From<ResponseMode> for StartMode {
    fn from(mode: ResponseMode) -> Self {
        match mode {
            ResponseMode::Wait(_) | ResponseMode::Watch { events: false, .. } => Self::Wait,
            ResponseMode::Stream | ResponseMode::Watch { events: true, .. } => Self::Stream,
            ResponseMode::Detach => Self::Async,
        }
    }
}

/// What happens to a run that has not ended when its caller's wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenWaitEnds {
    /// It continues detached; its result can be polled.
    Detach,
    /// It is cancelled: nobody could fetch its result.
    Cancel,
}

#[derive(Debug, Clone)]
pub struct IdempotencyRequest {
    pub key: String,
    /// SHA-256 (hex) of the request's body.
    pub body_hash: String,
    /// How long a request with the key counts as the same.
    pub window: Duration,
}

/// How long an `Idempotency-Key` that a caller sends stands for its run.
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// The outcome of a request to start a run.
pub struct Admitted {
    pub started: Started,
    /// What the key has left, if it has limits and this request was counted.
    pub allowance: Option<Allowance>,
}

pub enum Started {
    /// The run has ended or was accepted; its state says which.
    Run(Box<RunRecord>),
    /// Cancelled, because the wait was over first ([`WhenWaitEnds::Cancel`]).
    Overdue(Box<RunRecord>),
    Stream(Subscription),
    /// An earlier request with this idempotency key started the run.
    Repeated(Box<RunRecord>),
}

/// How a run is to start.
pub(crate) struct How {
    pub(crate) mode: ResponseMode,
    pub(crate) when_wait_ends: WhenWaitEnds,
    pub(crate) unique_rows: UniqueRows,
    pub(crate) files: InputFiles,
}

/// The files of an input that was sent: the run becomes an owner of each.
#[derive(Default)]
pub(crate) struct InputFiles {
    pub(crate) ids: Vec<FileId>,
    /// JSON Pointer to the input.
    pub(crate) place: &'static str,
}

/// How an admitted run starts.
struct StartPlan {
    program: Program,
    mode: ResponseMode,
    when_wait_ends: WhenWaitEnds,
    unique_rows: UniqueRows,
    allowance: Option<Allowance>,
    /// What the run takes in this process; `None` for one that no caller waits for.
    charge: Option<Charge>,
}

impl StartPlan {
    fn id_taken(&self) -> Error {
        Error::RunIdTaken(TakenRunId {
            id: self.unique_rows.chosen_id().to_owned(),
            allowance: self.allowance,
        })
    }
}

impl Runner {
    pub async fn start_run(&self, caller: &Caller, request: StartRequest) -> Result<Admitted> {
        caller.require(Scope::Run, &request.workflow_id, What::Workflow)?;
        let published =
            self.app.published(&request.workflow_id, request.version.as_deref()).await?;
        self.start_published(caller, &published, request, (Ok, Vec::new())).await
    }

    /// Starts a run that belongs to a conversation.
    pub async fn start_in_context(
        &self,
        caller: &Caller,
        published: &Published,
        request: StartRequest,
        context: Option<String>,
    ) -> Result<Admitted> {
        caller.require(Scope::Run, &published.id, What::Workflow)?;
        let fix = |head| Ok(RunHead { context, ..head });
        self.start_published(caller, published, request, (fix, Vec::new())).await
    }

    /// Starts a run of a workflow that the caller may start. `fix` completes its head; the run gets
    /// `more` files.
    pub(crate) async fn start_published(
        &self,
        caller: &Caller,
        published: &Published,
        request: StartRequest,
        (fix, more): (impl FnOnce(RunHead) -> Result<RunHead> + Send, Vec<FileId>),
    ) -> Result<Admitted> {
        let idempotency =
            self.idempotency_row(caller, &published.uid, request.idempotency.as_ref());
        let (mode, when_wait_ends) = (request.response_mode, request.when_wait_ends);
        let place = request.input_pointer;
        let (head, mut ids) = self.new_head(Some(caller), published, request).await?;
        ids.extend(more);
        let mut head = fix(head)?;
        let (children, program) =
            self.app.pin_children(&published.id, &published.workflow, &head.part).await?;
        head.children = children;
        let unique_rows = UniqueRows { idempotency, run_id: self.run_id_row(&head)? };
        let files = InputFiles { ids, place };
        let how = How { mode, when_wait_ends, unique_rows, files };
        self.admit_and_start(caller, head, program, how).await
    }

    /// Counts the run against its key's limits, and starts it.
    pub(crate) async fn admit_and_start(
        &self,
        caller: &Caller,
        mut head: RunHead,
        program: Program,
        how: How,
    ) -> Result<Admitted> {
        let How { mode, when_wait_ends, unique_rows, files } = how;
        head.start_mode = Some(mode.into());
        let charge = self.charge(&head, mode)?;
        let allowance = self.app.admit(caller, &mut head, &unique_rows).await?;
        if let Err(error) = self.app.give_files(&files.ids, &head, files.place).await {
            self.app.release_slot(&head).await;
            return Err(error);
        }
        let plan = StartPlan { program, mode, when_wait_ends, unique_rows, allowance, charge };
        self.start(Arc::new(head), plan).await
    }

    /// Returns the head, and the files of its input. Without a caller a schedule starts the run.
    pub(crate) async fn new_head(
        &self,
        caller: Option<&Caller>,
        published: &Published,
        request: StartRequest,
    ) -> Result<(RunHead, Vec<FileId>)> {
        let workflow = &published.workflow;
        let mut input =
            workflow.accept_input(request.input, request.rules).map_err(|problems| {
                let field = |problem: InputProblem| FieldProblem {
                    pointer: format!("{}{}", request.input_pointer, problem.pointer),
                    message: problem.message,
                };
                Error::BadInput(problems.into_iter().map(field).collect())
            })?;
        if request.user.as_ref().is_some_and(|user| user.len() > MAX_USER) {
            return Err(Error::bad_field("/user", format!("must have at most {MAX_USER} bytes")));
        }
        let files = match caller {
            Some(caller) => self.app.check_files(caller, &mut input, request.input_pointer).await?,
            None => Vec::new(),
        };
        self.check_webhooks(&request.webhooks).await?;
        let mut webhooks = Vec::with_capacity(request.webhooks.len());
        for webhook in request.webhooks {
            webhooks.push(self.webhook_target(webhook).await?);
        }
        let now = self.app.now();
        let id = RunId::new(self.app.new_uuid(now));
        let head = RunHead {
            trace: self.app.trace_of(&id),
            id,
            chosen_id: request.run_id,
            workflow_id: published.id.clone(),
            workflow_uid: published.uid.clone(),
            workflow_name: if workflow.name.is_empty() {
                published.id.clone()
            } else {
                workflow.name.clone()
            },
            version: published.version.clone(),
            dialect: request.dialect,
            key_id: caller.and_then(Caller::key_id).map(str::to_owned),
            by_schedule: caller.is_none(),
            start_mode: None,
            counted: false,
            hops: 0,
            session_user: Some(session_user(caller, request.user.as_deref())),
            user: request.user,
            context: None,
            input: Arc::new(input),
            input_as_sent: request.input_as_sent,
            webhooks,
            save: request.save.unwrap_or(workflow.save),
            signing: published.signing,
            created_at: now,
            deadline_at: now
                + request
                    .timeout
                    .map_or(workflow.deadline, |timeout| timeout.min(workflow.deadline)),
            published_by: published.published_by,
            engine: ENGINE,
            spending_limit: request.spending_limit,
            origin: None,
            draft: None,
            part: Part::default(),
            children: Vec::new(),
        };
        Ok((head, files))
    }

    /// Starts a detached run, or returns the one that its unique rows belong to.
    pub(crate) async fn start_scheduled(
        &self,
        head: Arc<RunHead>,
        program: Program,
        unique_rows: UniqueRows,
    ) -> Result<RunId> {
        let plan = StartPlan {
            program,
            mode: ResponseMode::Detach,
            when_wait_ends: WhenWaitEnds::Detach,
            unique_rows,
            allowance: None,
            charge: None,
        };
        match self.start_detached(head, &plan).await? {
            Started::Run(record) | Started::Overdue(record) | Started::Repeated(record) => {
                Ok(record.head.id.clone())
            }
            Started::Stream(stream) => Ok(stream.head.id.clone()),
        }
    }

    /// Counts what the run takes at first, unless it runs elsewhere or later.
    fn charge(&self, head: &RunHead, mode: ResponseMode) -> Result<Option<Charge>> {
        if matches!(mode, ResponseMode::Detach) {
            return Ok(None);
        }
        let bytes = DRIVER_BYTES + Weight::of(&head.input).memory;
        let holder = head.holder();
        Ok(Some(self.app.memory.charge(&holder, bytes)?))
    }

    async fn start(&self, head: Arc<RunHead>, mut plan: StartPlan) -> Result<Admitted> {
        let started = match plan.mode {
            ResponseMode::Detach => self.start_detached(head, &plan).await?,
            ResponseMode::Stream => {
                let driver =
                    self.attached(head, &mut plan, self.app.settings.longest_stream).watched();
                Started::Stream(host::host(driver))
            }
            ResponseMode::Watch { at_most, events } => {
                let at_most = at_most.min(self.app.settings.longest_wait);
                let driver = self.attached(head, &mut plan, at_most);
                Started::Stream(host::host(if events { driver.watched() } else { driver }))
            }
            ResponseMode::Wait(wait) => {
                let max = self.app.settings.longest_wait;
                let (run, wait) = (head.id.clone(), wait.unwrap_or(max).min(max));
                let progress = host::last_progress(self.attached(head, &mut plan, wait)).await;
                self.after_wait(&run, progress, &plan).await?
            }
        };
        Ok(Admitted { started, allowance: plan.allowance })
    }

    fn attached(&self, head: Arc<RunHead>, plan: &mut StartPlan, max: Duration) -> Driver {
        let holder = head.holder();
        let charge = plan.charge.take().unwrap_or_else(|| self.app.memory.empty_charge(&holder));
        let wait = CallerWait { max, when_it_ends: plan.when_wait_ends };
        Driver::attached(self, head, &plan.program, wait, plan.unique_rows.clone(), charge)
    }

    async fn start_detached(&self, head: Arc<RunHead>, plan: &StartPlan) -> Result<Started> {
        let due_at = self.app.now() + QUEUE_GRACE;
        let run = NewRun {
            head: head.clone(),
            mode: Mode::Detached,
            owner: None,
            due_at,
            unique_rows: plan.unique_rows.clone(),
        };
        let created = self.app.ports.runs.create(run).await;
        self.app.after_first_write(&head, &created).await;
        match created? {
            Created::Created => {}
            Created::Repeated(earlier) => {
                return self
                    .repeated(earlier, plan.unique_rows.body_hash())
                    .await
                    .map(Started::Repeated);
            }
            Created::IdTaken => return Err(plan.id_taken()),
        }
        self.app.send(Message::RunV1 { run: head.id.clone() }, &head.group()).await;
        Ok(Started::Run(Box::new(RunRecord::pending(head, due_at))))
    }

    async fn after_wait(
        &self,
        run: &RunId,
        progress: Option<Progress>,
        plan: &StartPlan,
    ) -> Result<Started> {
        match progress {
            Some(Progress::Ended(record) | Progress::HandedOver(record)) => {
                Ok(Started::Run(record))
            }
            Some(Progress::Overdue(record)) => Ok(Started::Overdue(record)),
            Some(Progress::Repeated(earlier)) => {
                self.repeated(earlier, plan.unique_rows.body_hash()).await.map(Started::Repeated)
            }
            Some(Progress::IdTaken) => Err(plan.id_taken()),
            Some(Progress::Overloaded(overloaded)) => Err(overloaded.into()),
            Some(Progress::Event(_) | Progress::Lost) | None => self.after_loss(run).await,
        }
    }

    /// Answers with the stored run. Fails if it has neither ended nor been detached.
    async fn after_loss(&self, run: &RunId) -> Result<Started> {
        let stored = self
            .app
            .ports
            .runs
            .read(run)
            .await?
            .filter(|record| record.state.has_ended() || record.mode == Mode::Detached);
        stored.map(|record| Started::Run(Box::new(record))).ok_or_else(|| {
            Error::Internal(anyhow::anyhow!("the run was lost to another owner or to its store"))
        })
    }

    /// Returns the run that the idempotency key started, if the request's body is the same.
    pub async fn repeated(&self, earlier: EarlierRun, body_hash: &str) -> Result<Box<RunRecord>> {
        if earlier.body_hash != body_hash {
            return Err(Error::IdempotencyMismatch);
        }
        let record =
            self.app.ports.runs.read(&earlier.run).await?.ok_or(Error::NotFound(What::Run))?;
        Ok(Box::new(record))
    }

    /// Returns the run that the caller's request with this key has started, if there is one.
    pub async fn run_of(
        &self,
        caller: &Caller,
        workflow_uid: &str,
        request: &IdempotencyRequest,
    ) -> Result<Option<Box<RunRecord>>> {
        let row = self.idempotency_row(caller, workflow_uid, Some(request));
        let Some(key) = row.map(|row| row.key) else { return Ok(None) };
        match self.app.ports.runs.idempotency(&key, self.app.now()).await? {
            Some(earlier) => self.repeated(earlier, &request.body_hash).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn idempotency_row(
        &self,
        caller: &Caller,
        workflow_uid: &str,
        request: Option<&IdempotencyRequest>,
    ) -> Option<IdempotencyRow> {
        let request = request?;
        let scope = format!("{}/{}", caller.key_id().unwrap_or("admin"), workflow_uid);
        Some(IdempotencyRow {
            key: IdempotencyKey { scope, key: request.key.clone() },
            body_hash: request.body_hash.clone(),
            expires_at: self.app.now() + request.window,
        })
    }

    /// Unique within the workflow, for all its callers: each of them may read the run by that id.
    fn run_id_row(&self, head: &RunHead) -> Result<Option<IdempotencyRow>> {
        let Some(chosen) = &head.chosen_id else { return Ok(None) };
        // Only we assign ids of this form, so that one id never names two runs.
        if RunId::parse(chosen).is_some() {
            return Err(Error::RunIdTaken(TakenRunId { id: chosen.clone(), allowance: None }));
        }
        let key = chosen_id_key(&head.workflow_uid, chosen);
        // The deadline does not count waiting.
        let expires_at = head.deadline_at + MAX_PAUSE + self.app.settings.retention;
        Ok(Some(IdempotencyRow { key, body_hash: String::new(), expires_at }))
    }
}
