//! `tasks/get`, `tasks/update` and `tasks/cancel`, and the answer to a call that becomes a task.

use axum::response::{IntoResponse, Response};
use flowgate_app::error::FieldProblem;
use flowgate_app::key::Scope;
use flowgate_app::run::RunRecord;
use flowgate_app::{self as app, Error};
use serde_json::{Map, Value};

use super::Exchange;
use super::elicitation::Response as Given;
use super::message::{Answer, Typed};
use super::refusal::Refusal;
use super::task::{DetailedTask, Task};

pub(super) const GET: &str = "tasks/get";
pub(super) const UPDATE: &str = "tasks/update";
pub(super) const CANCEL: &str = "tasks/cancel";
/// The parameter that names the task: the id of its run.
pub(super) const ID: &str = "taskId";

/// Answers a call whose run is stored.
pub(super) fn begun(exchange: &Exchange, record: &RunRecord) -> app::Result<Response> {
    if record.wiped {
        return Err(Error::Gone);
    }
    let task = Typed::task(Task::of(exchange.app(), record));
    Ok(axum::Json(Answer::new(&exchange.id, task)).into_response())
}

pub(super) async fn get(
    exchange: &Exchange,
    params: &Map<String, Value>,
) -> Result<Response, Refusal> {
    exchange.client.require_tasks()?;
    let (app, caller) = (exchange.app(), &exchange.caller);
    let record = app.read_run(caller, id(params)?).await.map_err(refused)?;
    let asked = app.asked_by(&record, caller.has(Scope::Run)).await?;
    Ok(exchange.reply(DetailedTask::of(app, &record, &asked, exchange.client)))
}

/// Answers questions of the run. Responses to what it does not ask, or not any more, are passed
/// over.
pub(super) async fn update(
    exchange: &Exchange,
    params: &Map<String, Value>,
) -> Result<Response, Refusal> {
    exchange.client.require_tasks()?;
    let id = id(params)?;
    let (app, caller) = (exchange.app(), &exchange.caller);
    let record = app.run_for(caller, Scope::Run, id).await.map_err(refused)?;
    let Some(responses) = params.get("inputResponses").and_then(Value::as_object) else {
        return Err(Refusal::invalid_params("`inputResponses` must be an object"));
    };
    let mut problems = Vec::new();
    for asked in app.asked_by(&record, false).await? {
        let node = asked.question.question.node.as_str();
        if let Some(response) = responses.get(node) {
            let wrong = answer(exchange, (id, node), response).await?;
            problems.extend(wrong.into_iter().map(|problem| in_response(node, problem)));
        }
    }
    match problems.is_empty() {
        true => Ok(exchange.reply(Map::new())),
        false => Err(Refusal::invalid_params(Error::BadInput(problems).to_string())),
    }
}

/// Answers the question of a node, unless somebody was faster. Returns what is wrong with the
/// response.
async fn answer(
    exchange: &Exchange,
    (id, node): (&str, &str),
    response: &Value,
) -> app::Result<Vec<FieldProblem>> {
    let answer = match Given::read(response) {
        Ok(Given::Answer(answer)) => answer,
        Ok(Given::Dismissed) => return Ok(Vec::new()),
        Err(why) => {
            let (pointer, message) = (String::new(), why.to_owned());
            return Ok(vec![FieldProblem { pointer, message }]);
        }
    };
    match exchange.app().resume_run(&exchange.caller, id, Some(node), answer).await {
        Ok(_) | Err(Error::AlreadyAnswered | Error::NotAsked | Error::AlreadyEnded(_)) => {
            Ok(Vec::new())
        }
        Err(Error::BadInput(problems)) => Ok(problems),
        Err(error) => Err(error),
    }
}

/// Whoever the run belongs to by now, it stops soon. One that has ended stays as it is.
pub(super) async fn cancel(
    exchange: &Exchange,
    params: &Map<String, Value>,
) -> Result<Response, Refusal> {
    exchange.client.require_tasks()?;
    exchange.app().cancel_run(&exchange.caller, id(params)?).await.map_err(refused)?;
    Ok(exchange.reply(Map::new()))
}

fn id(params: &Map<String, Value>) -> Result<&str, Refusal> {
    let id = params.get(ID).and_then(Value::as_str);
    id.ok_or_else(|| Refusal::invalid_params("`taskId` must be the id of a task"))
}

/// A problem of the answer, as one of the request.
fn in_response(node: &str, problem: FieldProblem) -> FieldProblem {
    let key = node.replace('~', "~0").replace('/', "~1");
    let within = match problem.pointer.strip_prefix("/data") {
        Some(field) => format!("/content{field}"),
        None => problem.pointer,
    };
    FieldProblem { pointer: format!("/{key}{within}"), message: problem.message }
}

fn refused(error: Error) -> Refusal {
    match error {
        Error::NotFound(_) | Error::Gone => Refusal::no_such_task(&error),
        error => error.into(),
    }
}
