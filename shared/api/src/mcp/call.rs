//! `tools/call`: starts the workflow, and answers with what came of it.

use axum::response::Response;
use flowgate_app::Error;
use flowgate_app::error::What;
use flowgate_app::key::Scope;
use flowgate_app::run::Dialect;
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::start::{
    Admitted, IdempotencyRequest, ResponseMode, StartRequest, Started, WhenWaitEnds,
};
use serde_json::{Map, Value};

use super::message::Id;
use super::outcome::Outcome;
use super::refusal::Refusal;
use super::server::{CANCEL_RUN, GET_RUN, MAX_CALL};
use super::{Exchange, run_tools, tasks, watch};
use crate::http::request::with_allowance;
use crate::http::{idempotency, status};

const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

struct Call {
    name: String,
    arguments: Map<String, Value>,
    /// Set where the client wants to hear of the progress.
    progress_token: Option<Id>,
}

pub(super) async fn call(
    exchange: &Exchange,
    params: Map<String, Value>,
) -> Result<Response, Refusal> {
    let answered = Call::read(params)?.answer(exchange).await;
    answered.or_else(|refusal| match refusal {
        Refusal::Platform(error) => refused(exchange, error),
        other => Err(other),
    })
}

impl Call {
    fn read(mut params: Map<String, Value>) -> Result<Self, Refusal> {
        let Some(Value::String(name)) = params.remove("name") else {
            return Err(Refusal::invalid_params("`name` must be the name of a tool"));
        };
        let arguments = match params.remove("arguments") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err(Refusal::invalid_params("`arguments` must be an object")),
        };
        let token = params.get_mut("_meta").and_then(|meta| meta.get_mut("progressToken"));
        let progress_token = match token.map(Value::take) {
            None | Some(Value::Null) => None,
            Some(token) => Some(Id::read(token).ok_or_else(|| {
                Refusal::invalid_params("`progressToken` must be a string or an integer")
            })?),
        };
        Ok(Self { name, arguments, progress_token })
    }

    async fn answer(self, exchange: &Exchange) -> Result<Response, Refusal> {
        match self.name.as_str() {
            GET_RUN => run_tools::get(exchange, self.arguments).await,
            CANCEL_RUN => run_tools::cancel(exchange, self.arguments).await,
            _ => self.run(exchange).await,
        }
    }

    async fn run(self, exchange: &Exchange) -> Result<Response, Refusal> {
        let idempotency = exchange.idempotency(&(&self.name, &self.arguments))?;
        let body_hash = idempotency.as_ref().map(|asked| asked.body_hash.clone());
        let mode = match self.becomes_task(exchange).await {
            true => ResponseMode::Detach,
            false => {
                let events = self.progress_token.is_some();
                ResponseMode::Watch { at_most: MAX_CALL, events }
            }
        };
        let (start, token) = self.into_start(mode, idempotency);
        let Admitted { started, allowance } =
            exchange.runner.start_run(&exchange.caller, start).await?;
        let body_hash = body_hash.unwrap_or_default();
        let response = match started {
            Started::Stream(subscription) => {
                watch::answer(exchange, subscription, body_hash, token).await?
            }
            Started::Run(record) | Started::Overdue(record) => tasks::begun(exchange, &record)?,
            Started::Repeated(record) => {
                let mut response = tasks::begun(exchange, &record)?;
                idempotency::mark_replayed(&mut response);
                response
            }
        };
        Ok(with_allowance(response, allowance))
    }

    /// A task is read with `tasks/get`. Where that would never show its result, as the key may not
    /// read runs or the run is not to be saved, the caller waits for the result itself.
    async fn becomes_task(&self, exchange: &Exchange) -> bool {
        exchange.client.tasks
            && exchange.caller.knows(&self.name)
            && exchange.caller.has(Scope::Read)
            // What is wrong with the workflow, the start says.
            && exchange.app().published(&self.name, None).await.is_ok_and(|it| it.workflow.save)
    }

    fn into_start(
        self,
        response_mode: ResponseMode,
        idempotency: Option<IdempotencyRequest>,
    ) -> (StartRequest, Option<Id>) {
        let start = StartRequest {
            workflow_id: self.name,
            version: None,
            dialect: Dialect::Mcp,
            input: Value::Object(self.arguments),
            input_as_sent: None,
            rules: RULES,
            input_pointer: "",
            user: None,
            save: None,
            webhooks: Vec::new(),
            response_mode,
            when_wait_ends: WhenWaitEnds::Detach,
            timeout: None,
            run_id: None,
            idempotency,
            spending_limit: SpendingLimit::default(),
        };
        (start, self.progress_token)
    }
}

/// What the model can mend is a result that it sees; what its host must mend is a refusal.
fn refused(exchange: &Exchange, error: Error) -> Result<Response, Refusal> {
    match error {
        Error::NotFound(What::Workflow | What::Version) | Error::NotPublished => {
            Err(Refusal::no_such_tool(&error))
        }
        Error::Unauthorized
        | Error::Forbidden(_)
        | Error::TooLarge(_)
        | Error::RateLimited { .. }
        | Error::Overloaded { .. }
        | Error::LoopDetected
        | Error::Internal(_) => Err(error.into()),
        error => {
            let reply = exchange.reply(Outcome::refused(&error));
            Ok(status::refused_as(status::code(&error), reply))
        }
    }
}
