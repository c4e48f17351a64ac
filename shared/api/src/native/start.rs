//! Starts runs: `POST /v1/workflows/{id}/runs`, `POST /v1/runs/{id}/replay`.

mod request;
mod prefer;
mod stream;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::{Admitted, IdempotencyRequest, ResponseMode, Started};
use http::{HeaderMap, HeaderValue, Uri};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::prefer::{PREFERENCE_APPLIED, Preference, preference};
use self::request::StartRun;
use super::run::{self, Run};
use super::{Caller, events};
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Refusal};
use crate::http::request::{QueryPairs, Segments, with_allowance};
use crate::http::sse::Frame;
use crate::http::{body, idempotency};
use crate::starts::NotStarted;

#[derive(OpenApi)]
#[openapi(components(schemas(stream::RunStarted)))]
struct Starts;

pub(crate) fn routes() -> OpenApiRouter<Arc<Runner>> {
    let documented =
        OpenApiRouter::with_openapi(super::Native::openapi().merge_from(Starts::openapi()));
    documented.routes(routes!(start)).routes(routes!(replay))
}

/// Start a run
///
/// Waits for its end, follows it, or is accepted, as the headers say. With `Accept:
/// text/event-stream` the first frame is `run.started` (`RunStarted`), then come the events that
/// `follow_run` lists. A caller who goes away cancels nothing. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/runs",
    operation_id = "start_run",
    tag = "Runs",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("version" = Option<String>, Query, description = "Instead of the active version."),
        (
            "Prefer" = Option<String>,
            Header,
            description = "`respond-async` accepts at once, `wait=N` waits N seconds at most.",
        ),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key starts nothing again for 24 hours.",
        ),
    ),
    request_body = Option<StartRun>,
    responses(
        NotStarted<Problem>,
        (
            status = 200,
            description = "The run has ended, however it ended; or its events.",
            content((Run = "application/json"), (Frame = "text/event-stream"))
        ),
        (status = 202, description = "The run is stored, and will reach an end.", body = Run),
    )
)]
async fn start(
    State(runner): State<Arc<Runner>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let preference = preference(&headers, runner.app.settings.longest_wait);
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let new = StartRun::read(body::parse_or_empty(&body)?)?;
    let mut request = new.into_request(workflow_id, preference.mode);
    request.version = query.get("version").map(str::to_owned);
    request.idempotency = idempotency.clone();
    let started = runner.start_run(&caller, request).await?;
    respond(&runner, started, preference, idempotency).await
}

/// Replay a run
///
/// A new run of the same version with the same input, without webhooks. Waits, follows or is
/// accepted as a start. Needs the scopes `run` and `read`.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/replay",
    operation_id = "replay_run",
    tag = "Runs",
    params(
        ("run_id" = String, Path, description = "The run's id."),
        (
            "Prefer" = Option<String>,
            Header,
            description = "`respond-async` accepts at once, `wait=N` waits N seconds at most.",
        ),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key starts nothing again for 24 hours.",
        ),
    ),
    responses(
        NotStarted<Problem>,
        (
            status = 200,
            description = "The new run has ended, however it ended; or its events.",
            content((Run = "application/json"), (Frame = "text/event-stream"))
        ),
        (status = 202, description = "The new run is stored, and will reach an end.", body = Run),
    )
)]
async fn replay(
    State(runner): State<Arc<Runner>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    // A replay takes no fields: a caller who sends a new input is refused.
    Fields::of_body(body::parse_or_empty(&body)?)?.finish()?;
    let preference = preference(&headers, runner.app.settings.longest_wait);
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let (mode, key) = (preference.mode, idempotency.as_ref());
    let started = runner.replay_run(&caller, &run_id, mode, key).await?;
    respond(&runner, started, preference, idempotency).await
}

async fn respond(
    runner: &Runner,
    start: Admitted,
    preference: Preference,
    idempotency: Option<IdempotencyRequest>,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    let Admitted { started, allowance } = start;
    let mut response = match started {
        Started::Run(record) => run::response(app, &record),
        Started::Stream(subscription) => stream(runner, subscription, idempotency).await?,
        Started::Repeated(record) => repeated(app, *record, preference.mode)?,
        Started::Overdue(_) => {
            let error = "the run was cancelled when its wait ended";
            return Err(anyhow::anyhow!(error).into());
        }
    };
    let applied = preference.applied.and_then(|applied| HeaderValue::try_from(applied).ok());
    if let Some(applied) = applied {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(with_allowance(response, allowance))
}

/// The stream begins after the run's first write: no id is sent before it, and a failed start is
/// still a response with a status.
async fn stream(
    runner: &Runner,
    mut subscription: Subscription,
    idempotency: Option<IdempotencyRequest>,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    match subscription.next().await {
        Some(Progress::Repeated(claim)) => {
            let hash = idempotency.map(|idempotency| idempotency.body_hash).unwrap_or_default();
            repeated(app, *runner.repeated(claim, &hash).await?, ResponseMode::Stream)
        }
        Some(Progress::Overloaded(overloaded)) => Err(Error::from(overloaded).into()),
        Some(Progress::Lost) | None => {
            Err(anyhow::anyhow!("the run was lost before it said anything").into())
        }
        Some(first) => Ok(stream::response(app, first, subscription)),
    }
}

/// The response of the run that the idempotency key started, as far as it has come.
fn repeated(app: &Arc<App>, record: RunRecord, mode: ResponseMode) -> Result<Response, Refusal> {
    let mut response = match mode {
        _ if record.wiped => return Err(Error::Gone.into()),
        ResponseMode::Stream => events::follow(app.clone(), record, None),
        ResponseMode::Detach => run::accepted(app, &record),
        ResponseMode::Wait(_) if record.state.has_ended() => run::response(app, &record),
        ResponseMode::Wait(_) => return Err(Error::StillRunning.into()),
    };
    idempotency::mark_replayed(&mut response);
    Ok(response)
}
