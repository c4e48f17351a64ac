//! Sends a message: begins a task, or answers what one asks. Waits for its end, or streams.

use axum::response::Response;
use flowgate_app::a2a::{State, context_of};
use flowgate_app::key::Scope;
use flowgate_app::limit::Allowance;
use flowgate_app::run::{Dialect, RunHead, RunRecord, RunState};
use flowgate_app::runs::PersonsAnswer;
use flowgate_app::workflows::Published;
use flowgate_app::{Error, id::RunId};
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, InputType, Undeclared};
use flowgate_runner::driver::Progress;
use flowgate_runner::start::{
    Admitted, IDEMPOTENCY_WINDOW, IdempotencyRequest, ResponseMode, StartRequest, Started,
    WhenWaitEnds,
};
use serde_json::{Map, Value};

use super::Exchange;
use super::message::Sent;
use crate::a2a::events::{Binding, TaskEvents, ended, log_of, logged, response};
use crate::a2a::refusal::{Kind, Refusal};
use crate::a2a::task::Shown;
use crate::begun::{Begun, followed};
use crate::conversation::{FileSource, input};
use crate::http::fields::Fields;
use crate::http::idempotency;
use crate::http::request::with_allowance;

const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };
const HOW_TO_ANSWER: &str = "the task asks: answer it with a data part {\"approved\": true or \
                             false, \"data\": {…}}, and `node` if it asks several questions";

/// A task, as far as it has come, and how its message was taken.
pub(super) struct Answered {
    pub(super) shown: Shown,
    allowance: Option<Allowance>,
    is_replayed: bool,
}

impl Answered {
    pub(super) fn respond(self, spell: impl FnOnce(&Shown) -> Response) -> Response {
        let Self { shown, allowance, is_replayed } = self;
        let run = shown.record.head.id.clone();
        let mut response = crate::a2a::events::with_run(spell(&shown), run.as_str());
        if is_replayed {
            idempotency::mark_replayed(&mut response);
        }
        with_allowance(response, allowance)
    }
}

impl Exchange {
    /// `SendMessage`: waits for the end of the task, or until it asks something.
    pub(super) async fn send(&self, mut sent: Sent) -> Result<Answered, Refusal> {
        let returns = sent.returns_immediately;
        if sent.task.is_some() {
            let record = self.answer(sent).await?;
            let record = if returns { record } else { self.settled(record).await? };
            return self.answered(record, None, false).await;
        }
        let mode = match (returns, &sent.push) {
            (true, _) => ResponseMode::Detach,
            (false, None) => ResponseMode::Wait(None),
            // Whose run it is must be known before its end.
            (false, Some(_)) => {
                let at_most = self.app().settings.longest_wait;
                ResponseMode::Watch { at_most, events: false }
            }
        };
        let (begun, allowance) = self.begin(&mut sent, mode).await?;
        match begun {
            Begun::Run(record) => self.answered(*record, allowance, false).await,
            Begun::Joined(record) if returns => self.answered(*record, allowance, true).await,
            Begun::Joined(record) => {
                let record = self.settled(*record).await?;
                self.answered(record, allowance, true).await
            }
            Begun::Stream(last, subscription) => {
                let record = match *last {
                    Progress::Ended(record)
                    | Progress::HandedOver(record)
                    | Progress::Overdue(record) => *record,
                    _ => self.stored(&subscription.head.id).await?,
                };
                self.answered(record, allowance, false).await
            }
        }
    }

    /// `SendStreamingMessage`.
    pub(super) async fn stream(
        &self,
        mut sent: Sent,
        binding: Binding,
    ) -> Result<Response, Refusal> {
        if sent.task.is_some() {
            let record = self.answer(sent).await?;
            return self.joined(record, binding).await;
        }
        let (begun, allowance) = self.begin(&mut sent, ResponseMode::Stream).await?;
        let app = self.app();
        let response = match begun {
            Begun::Run(record) => self.joined(*record, binding).await?,
            Begun::Joined(record) => {
                let mut response = self.joined(*record, binding).await?;
                idempotency::mark_replayed(&mut response);
                response
            }
            Begun::Stream(first, subscription) => {
                let head = subscription.head.clone();
                let log = log_of(app, &head);
                let events = TaskEvents::begun(binding, head);
                let logged = followed(*first, subscription, log, true);
                response(app, &self.caller, events, logged)
            }
        };
        Ok(with_allowance(response, allowance))
    }

    /// The stream of a task that has begun.
    async fn joined(&self, record: RunRecord, binding: Binding) -> Result<Response, Refusal> {
        let shown = self.shown(record).await?;
        if shown.record.state.has_ended() {
            return Ok(ended(binding, &shown));
        }
        let log = logged(log_of(self.app(), &shown.record.head));
        Ok(response(self.app(), &self.caller, TaskEvents::of(binding, &shown), log))
    }

    async fn begin(
        &self,
        sent: &mut Sent,
        mode: ResponseMode,
    ) -> Result<(Begun, Option<Allowance>), Refusal> {
        let published = self.app().published(&self.agent, None).await?;
        let idempotency = self.idempotency(sent)?;
        self.check_push(sent).await?;
        let holds_files =
            sent.said.files.iter().any(|file| matches!(file.source, FileSource::Bytes { .. }));
        if holds_files {
            // What is there already is not stored again.
            let found = self.runner.run_of(&self.caller, &published.uid, &idempotency).await?;
            if let Some(record) = found {
                return Ok((Begun::Joined(record), None));
            }
        }
        let input = self.input(sent, &published).await?;
        let request = self.request(&published, input, mode, idempotency);
        let context = sent.context.take();
        let started = self.runner.start_in_context(&self.caller, &published, request, context);
        let Admitted { started, allowance } = started.await?;
        if let Some(push) = sent.push.take() {
            self.push(head_of(&started), push, true).await?;
        }
        Ok((Begun::of(&self.runner, started, &sent.hash).await?, allowance))
    }

    async fn check_push(&self, sent: &Sent) -> Result<(), Refusal> {
        let Some(push) = &sent.push else { return Ok(()) };
        Ok(self.runner.check_webhooks(std::slice::from_ref(&push.webhook)).await?)
    }

    fn request(
        &self,
        published: &Published,
        input: Map<String, Value>,
        response_mode: ResponseMode,
        idempotency: IdempotencyRequest,
    ) -> StartRequest {
        StartRequest {
            workflow_id: published.id.clone(),
            version: Some(published.version.clone()),
            dialect: Dialect::A2a,
            input: Value::Object(input),
            input_as_sent: None,
            rules: RULES,
            input_pointer: "/message/data",
            user: None,
            save: None,
            webhooks: Vec::new(),
            response_mode,
            when_wait_ends: WhenWaitEnds::Detach,
            spending_limit: SpendingLimit::default(),
            timeout: None,
            run_id: None,
            idempotency: Some(idempotency),
        }
    }

    /// The same message again is the same task, whichever way it is sent. A header says so, too.
    fn idempotency(&self, sent: &Sent) -> Result<IdempotencyRequest, Refusal> {
        let by_header = idempotency::read(&self.headers, &self.uri, b"")?;
        // With a space, which no key of a header has.
        let by_message = || format!("message {}", sent.message_id);
        let key = by_header.map_or_else(by_message, |request| request.key);
        Ok(IdempotencyRequest { key, body_hash: sent.hash.clone(), window: IDEMPOTENCY_WINDOW })
    }

    async fn input(
        &self,
        sent: &mut Sent,
        published: &Published,
    ) -> Result<Map<String, Value>, Refusal> {
        let workflow = &published.workflow;
        let has_field = |field: &flowgate_engine::input::InputField| field.kind == InputType::File;
        let takes_files =
            input::takes_messages(workflow) || workflow.input_fields().iter().any(has_field);
        if !sent.said.files.is_empty() && !takes_files {
            let message = "the agent takes no files: the workflow has no field for one";
            return Err(Refusal::protocol(Kind::ContentTypeNotSupported, message));
        }
        let said = std::mem::take(&mut sent.said);
        let given = sent.data.take().unwrap_or_default();
        Ok(input::read(self.app(), &self.caller, workflow, said, given).await?)
    }

    /// Answers what the task asks.
    async fn answer(&self, sent: Sent) -> Result<RunRecord, Refusal> {
        let task = sent.task.as_deref().unwrap_or_default();
        let app = self.app();
        let record = app.run_of_workflow(&self.caller, Scope::Run, &self.agent, task).await?;
        if sent.context.as_deref().is_some_and(|context| context != context_of(&record.head)) {
            return Err(Refusal::invalid_params("`contextId` is not that of the task"));
        }
        if record.state.has_ended() {
            return Err(Error::AlreadyEnded(record.state).into());
        }
        if State::of(&record) != State::InputRequired {
            let message = "the task does not ask anything: send the message without `taskId`";
            return Err(Refusal::protocol(Kind::UnsupportedOperation, message));
        }
        let (node, answer) = self.read_answer(&sent, &record.head.id).await?;
        self.check_push(&sent).await?;
        let run = record.head.id.as_str();
        let record = app.resume_run(&self.caller, run, node.as_deref(), answer).await?;
        if let Some(push) = sent.push {
            self.push(&record.head, push, true).await?;
        }
        Ok(record)
    }

    /// A data part has the answer in the form of the native API. A text is the answer to a question
    /// that asks for one text alone.
    async fn read_answer(
        &self,
        sent: &Sent,
        run: &RunId,
    ) -> Result<(Option<String>, PersonsAnswer), Refusal> {
        if let Some(data) = &sent.data {
            let mut fields = Fields::of_body(Value::Object(data.clone()))?;
            let node = fields.take_string("node");
            let approved = fields.require("approved", Fields::take_bool);
            let data = fields.take_object("data").map_or(Value::Null, Value::Object);
            fields.finish()?;
            let approved = approved.unwrap_or(false);
            return Ok((node, PersonsAnswer { approved, data, is_form: false }));
        }
        let refused = || Refusal::invalid_params(HOW_TO_ANSWER);
        let text = sent.said.user_text.clone().filter(|_| sent.said.files.is_empty());
        let mut open = self.app().ports.runs.questions(run).await?;
        open.retain(|asked| asked.answer.is_none());
        let (Some(text), [only]) = (text, open.as_slice()) else { return Err(refused()) };
        match only.question.question.fields.as_deref() {
            Some([field]) if field.kind == InputType::String => {
                let data = Map::from_iter([(field.name.clone(), Value::String(text))]);
                let data = Value::Object(data);
                Ok((None, PersonsAnswer { approved: true, data, is_form: false }))
            }
            _ => Err(refused()),
        }
    }

    /// The run once it has ended or asks something, or when the wait is over.
    async fn settled(&self, record: RunRecord) -> Result<RunRecord, Refusal> {
        let (app, run) = (self.app(), &record.head.id);
        app.wait_for_end_or_question(run, app.now() + app.settings.longest_wait).await;
        self.stored(run).await
    }

    async fn stored(&self, run: &RunId) -> Result<RunRecord, Refusal> {
        let stored = self.app().ports.runs.read(run).await?;
        Ok(stored.ok_or(Error::NotFound(flowgate_app::error::What::Run))?)
    }

    async fn answered(
        &self,
        record: RunRecord,
        allowance: Option<Allowance>,
        is_replayed: bool,
    ) -> Result<Answered, Refusal> {
        Ok(Answered { shown: self.shown(record).await?, allowance, is_replayed })
    }

    async fn shown(&self, record: RunRecord) -> Result<Shown, Refusal> {
        // Whoever hands a run over does not count what it asks.
        let record = match record.state {
            RunState::Waiting => self.stored(&record.head.id).await?,
            _ => record,
        };
        if record.wiped {
            return Err(Error::Gone.into());
        }
        Ok(Shown::of(self.app(), &self.caller, record).await?)
    }
}

fn head_of(started: &Started) -> &RunHead {
    match started {
        Started::Run(record) | Started::Overdue(record) | Started::Repeated(record) => &record.head,
        Started::Stream(subscription) => &subscription.head,
    }
}
