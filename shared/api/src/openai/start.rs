//! Starts runs: chat completions and responses.

mod chat;
mod chat_stream;
mod responses;

// What both share.
mod settings;
mod conversation;
mod repeat;

use std::sync::Arc;

use axum::body::Body;
use flowgate_app::access::Caller;
use flowgate_app::error::What;
use flowgate_app::key::Scope;
use flowgate_app::limit::Allowance;
use flowgate_app::run::Dialect;
use flowgate_app::workflows::Published;
use flowgate_app::{Error, Result};
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::start::{
    Admitted, IdempotencyRequest, ResponseMode, StartRequest, WhenWaitEnds,
};
use http::{HeaderMap, Uri};
use serde_json::{Map, Value};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::repeat::Repeat;
use super::model::split;
use super::{documented, with_wrong_method};
use crate::begun::Begun;
use crate::http::body;
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
    Ok((Begun::of(runner, started, &hash).await?, allowance))
}
