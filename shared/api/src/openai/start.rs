//! Starts runs: chat completions and responses.

mod chat;
mod chat_stream;
mod responses;

// What both share.
mod settings;
mod conversation;
mod input;
mod repeat;

use std::sync::Arc;

use anyhow::anyhow;
use axum::body::Body;
use flowgate_app::access::Caller;
use flowgate_app::error::What;
use flowgate_app::event::EventId;
use flowgate_app::key::Scope;
use flowgate_app::limit::Allowance;
use flowgate_app::run::{Dialect, RunRecord};
use flowgate_app::workflows::Published;
use flowgate_app::{App, Error, Result};
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::{
    Admitted, IdempotencyRequest, ResponseMode, StartRequest, Started, WhenWaitEnds,
};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Uri};
use serde_json::{Map, Value};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::repeat::Repeat;
use super::model::split;
use super::{documented, with_wrong_method};
use crate::http::body;
use crate::http::event_log::{EventLog, Logged};
use crate::http::fields::Fields;

const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

pub(crate) fn routes() -> OpenApiRouter<Arc<Runner>> {
    documented()
        .routes(routes!(chat::complete).map(with_wrong_method))
        .routes(routes!(responses::create).map(with_wrong_method))
}

/// A request whose model the caller may run. The rest of it is not checked yet.
struct Asking {
    published: Arc<Published>,
    model: String,
    repeat: Repeat,
    fields: Fields,
}

impl Asking {
    async fn read(
        runner: &Runner,
        caller: &Caller,
        (headers, uri): (&HeaderMap, &Uri),
        body: Body,
    ) -> Result<Self> {
        if !caller.has(Scope::Run) {
            return Err(Error::Forbidden(Scope::Run));
        }
        let body = body::read(headers, body).await?;
        let mut fields = Fields::of_body(body::parse(&body)?)?;
        let model = match fields.take("model") {
            Some(Value::String(model)) => model,
            _ => return Err(Error::bad_field("/model", "must be the id of a model")),
        };
        let (workflow_id, version) = split(&model);
        caller.require(Scope::Run, workflow_id, What::Workflow)?;
        let published = runner.app.published(workflow_id, version).await?;
        let repeat = Repeat::read(&runner.app, headers, uri, &body)?;
        Ok(Self { published, model, repeat, fields })
    }
}

/// What both APIs ask of a run.
struct NewRun {
    published: Arc<Published>,
    input: Map<String, Value>,
    input_as_sent: Option<String>,
    user: Option<String>,
    save: Option<bool>,
    mode: ResponseMode,
}

impl NewRun {
    fn request(&self, idempotency: Option<IdempotencyRequest>) -> StartRequest {
        StartRequest {
            workflow_id: self.published.id.clone(),
            version: Some(self.published.version.clone()),
            dialect: Dialect::OpenAi,
            input: Value::Object(self.input.clone()),
            input_as_sent: self.input_as_sent.clone(),
            rules: RULES,
            input_pointer: "/input",
            user: self.user.clone(),
            save: self.save,
            webhooks: Vec::new(),
            response_mode: self.mode,
            when_wait_ends: WhenWaitEnds::Detach,
            spending_limit: SpendingLimit::default(),
            timeout: None,
            run_id: None,
            idempotency,
        }
    }
}

enum Begun {
    /// It has ended, or goes on without this request.
    Run(Box<RunRecord>),
    /// An earlier request began it.
    Joined(Box<RunRecord>),
    /// Its progress, the first of it apart.
    Stream(Box<Progress>, Subscription),
}

/// Starts the run, or finds the one that this request repeats.
async fn begin(
    runner: &Runner,
    caller: &Caller,
    repeat: &Repeat,
    new: &NewRun,
) -> Result<(Begun, Option<Allowance>)> {
    for request in repeat.places() {
        let (begun, allowance) = try_place(runner, caller, new, Some(request)).await?;
        // The caller asks for the same once more, and says that it does not repeat itself.
        let is_taken = matches!(begun, Begun::Joined(_)) && !repeat.joins();
        if !is_taken {
            return Ok((begun, allowance));
        }
    }
    try_place(runner, caller, new, None).await
}

async fn try_place(
    runner: &Runner,
    caller: &Caller,
    new: &NewRun,
    idempotency: Option<IdempotencyRequest>,
) -> Result<(Begun, Option<Allowance>)> {
    let hash = idempotency.as_ref().map(|request| request.body_hash.clone()).unwrap_or_default();
    let Admitted { started, allowance } =
        runner.start_run(caller, new.request(idempotency)).await?;
    let begun = match started {
        Started::Run(record) | Started::Overdue(record) => Begun::Run(record),
        Started::Repeated(record) => Begun::Joined(record),
        Started::Stream(mut subscription) => match subscription.next().await {
            Some(Progress::Repeated(earlier)) => {
                Begun::Joined(runner.repeated(earlier, &hash).await?)
            }
            Some(Progress::Overloaded(overloaded)) => return Err(overloaded.into()),
            Some(Progress::Lost | Progress::IdTaken) | None => {
                return Err(anyhow!("the run was lost before it said anything").into());
            }
            Some(first) => Begun::Stream(Box::new(first), subscription),
        },
    };
    Ok((begun, allowance))
}

/// Waits for the end of a run that another request began, as long as for one of its own.
async fn join(app: &App, record: Box<RunRecord>) -> Result<Box<RunRecord>> {
    let run = &record.head.id;
    app.wait_for_end(run, app.now() + app.settings.longest_wait).await;
    let record = app.ports.runs.read(run).await?.ok_or(Error::NotFound(What::Run))?;
    if record.wiped { Err(Error::Gone) } else { Ok(Box::new(record)) }
}

/// What follows in a run that this request began: its progress, then, if the stream may wait that
/// long, its log.
fn followed(
    app: &Arc<App>,
    first: Progress,
    subscription: Subscription,
    reads_on: bool,
) -> BoxStream<'static, Logged> {
    let log = EventLog::new(app.clone(), subscription.head.id.clone(), None);
    let live = Live { first: Some(first), subscription, log, is_over: false, reads_on };
    stream::unfold(live, Live::next).boxed()
}

struct Live {
    first: Option<Progress>,
    subscription: Subscription,
    log: EventLog,
    /// The run goes on elsewhere.
    is_over: bool,
    reads_on: bool,
}

impl Live {
    async fn next(mut self) -> Option<(Logged, Self)> {
        if self.is_over {
            let logged = if self.reads_on { self.log.next().await? } else { Logged::Cut };
            return Some((logged, self));
        }
        let progress = match self.first.take() {
            Some(first) => Some(first),
            None => self.subscription.next().await,
        };
        let logged = match progress {
            Some(Progress::Event(event)) => {
                self.log.after = Some(EventId::clone(&event.id));
                Logged::Events(vec![event])
            }
            Some(Progress::Ended(record)) => Logged::Ended(Some(record)),
            _ => {
                self.is_over = true;
                Logged::Events(Vec::new())
            }
        };
        Some((logged, self))
    }
}
