//! Starts runs: `POST /v1/workflows/{id}/runs` and `/batch`, `POST /v1/runs/{id}/replay`; and tries
//! out a webhook, since that calls out, too.

mod request;
mod batch;
mod replay;
mod prefer;
mod stream;
mod login;
mod webhook_test;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::event::EventId;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error, access};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::{Admitted, IdempotencyRequest, ResponseMode, Started};
use http::{HeaderMap, HeaderValue, Uri};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::prefer::{PREFERENCE_APPLIED, Preference, preference};
use self::replay::ReplayRun;
use self::request::StartRun;
use super::run::{self, Run};
use super::{Caller, events};
use crate::http::problem::{Problem, Refusal};
use crate::http::request::{QueryPairs, Segments, with_allowance};
use crate::http::sse::Frame;
use crate::http::{body, idempotency, known_query, response_node};
use crate::starts::NotStarted;

#[derive(OpenApi)]
#[openapi(components(schemas(stream::RunStarted)))]
struct Starts;

pub(crate) fn routes() -> OpenApiRouter<Arc<Runner>> {
    let documented =
        OpenApiRouter::with_openapi(super::Native::openapi().merge_from(Starts::openapi()));
    known_query::strict(
        documented
            .routes(routes!(start))
            .routes(routes!(batch::start))
            .routes(routes!(replay))
            .routes(routes!(webhook_test::test))
            .routes(routes!(login::callback)),
    )
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
        (
            "version" = Option<String>,
            Query,
            description = "Instead of the active version. `draft`: the saved draft, for authors.",
        ),
        (
            "Prefer" = Option<String>,
            Header,
            description = "`respond-async` accepts at once, `wait=N` waits N seconds at most; \
                           with `return=minimal` the answer of a run that a `response` node ended \
                           is that node's.",
        ),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key starts nothing again for 24 hours.",
        ),
        (
            "Last-Event-ID" = Option<String>,
            Header,
            description = "With a stream and a repeated `Idempotency-Key`: only later events.",
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
    let asked = Asked::read(&runner.app, &caller, (&headers, &uri, &body))?;
    let new = StartRun::read(body::parse_or_empty(&body)?)?;
    let (mut request, part) = new.into_request(workflow_id, asked.preference.mode);
    request.version = query.get("version").map(str::to_owned);
    request.idempotency = asked.idempotency.clone();
    let started = runner.start_part(&caller, request, part).await?;
    respond(&runner, started, asked).await
}

/// Replay a run
///
/// A new run of the same version with the same input, without webhooks. It takes over the recorded
/// results of calls that succeeded, so that a failed run goes on from its failed node, and makes
/// anew what depends on `from`, what failed, and calls that differ. A run that succeeded is made
/// anew as a whole, unless `from`, `input`, `version` or `all` says otherwise. Waits, follows or is
/// accepted as a start. Needs the scopes `run` and `read`; for drafts and parts of a workflow
/// `author`, too.
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
            description = "`respond-async` accepts at once, `wait=N` waits N seconds at most; \
                           with `return=minimal` the answer of a run that a `response` node ended \
                           is that node's.",
        ),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key starts nothing again for 24 hours.",
        ),
        (
            "Last-Event-ID" = Option<String>,
            Header,
            description = "With a stream and a repeated `Idempotency-Key`: only later events.",
        ),
    ),
    request_body = Option<ReplayRun>,
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
    let rerun = ReplayRun::read(body::parse_or_empty(&body)?)?;
    let asked = Asked::read(&runner.app, &caller, (&headers, &uri, &body))?;
    let (mode, key) = (asked.preference.mode, asked.idempotency.as_ref());
    let started = runner.replay_run(&caller, &run_id, rerun, mode, key).await?;
    respond(&runner, started, asked).await
}

/// How a start is to be answered, beside what it runs.
struct Asked {
    caller: access::Caller,
    preference: Preference,
    idempotency: Option<IdempotencyRequest>,
    /// The last event that the client has, where it repeats a start to follow it on.
    last_event: Option<EventId>,
}

impl Asked {
    fn read(
        app: &App,
        caller: &Caller,
        (headers, uri, body): (&HeaderMap, &Uri, &[u8]),
    ) -> Result<Self, Error> {
        Ok(Self {
            caller: access::Caller::clone(caller),
            preference: preference(headers, app.settings.longest_wait),
            idempotency: idempotency::read(headers, uri, body)?,
            last_event: events::last_event(headers)?,
        })
    }
}

async fn respond(runner: &Runner, start: Admitted, asked: Asked) -> Result<Response, Refusal> {
    let app = &runner.app;
    let Admitted { started, allowance } = start;
    let response = match started {
        Started::Run(record) => answer(app, &record, &asked).await?,
        Started::Stream(subscription) => stream(runner, subscription, &asked).await?,
        Started::Repeated(record) => repeated(app, &record, &asked).await?,
        Started::Overdue(_) => {
            let error = "the run was cancelled when its wait ended";
            return Err(anyhow::anyhow!(error).into());
        }
    };
    Ok(with_allowance(with_applied(response, asked.preference.applied.as_deref()), allowance))
}

/// Adds a preference to `Preference-Applied`.
fn with_applied(mut response: Response, applied: Option<&str>) -> Response {
    let Some(applied) = applied else { return response };
    let before = response.headers().get(PREFERENCE_APPLIED).and_then(|value| value.to_str().ok());
    let all = before.map_or_else(|| applied.to_owned(), |before| format!("{applied}, {before}"));
    if let Ok(all) = HeaderValue::try_from(all) {
        response.headers_mut().insert(PREFERENCE_APPLIED, all);
    }
    response
}

/// The run; or the answer of the response node that ended it, where its caller prefers that.
async fn answer(app: &App, record: &RunRecord, asked: &Asked) -> Result<Response, Refusal> {
    if asked.preference.minimal
        && let Some(workflow) = app.workflow_of(&record.head).await?
        && let Some(response) = response_node::of(app, record, &workflow).await?
    {
        let response = run::with_run_id(response, &record.head.id);
        return Ok(with_applied(response, Some("return=minimal")));
    }
    Ok(run::response(app, &asked.caller, record))
}

/// The stream begins after the run's first write: no id is sent before it, and a failed start is
/// still a response with a status.
async fn stream(
    runner: &Runner,
    mut subscription: Subscription,
    asked: &Asked,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    match subscription.next().await {
        Some(Progress::Repeated(claim)) => {
            let idempotency = asked.idempotency.as_ref();
            let hash = idempotency.map_or("", |idempotency| idempotency.body_hash.as_str());
            repeated(app, &*runner.repeated(claim, hash).await?, asked).await
        }
        Some(Progress::Overloaded(overloaded)) => Err(Error::from(overloaded).into()),
        Some(Progress::Lost) | None => {
            Err(anyhow::anyhow!("the run was lost before it said anything").into())
        }
        Some(first) => Ok(stream::response(app, first, subscription)),
    }
}

/// The response of the run that the idempotency key started, as far as it has come.
async fn repeated(app: &Arc<App>, record: &RunRecord, asked: &Asked) -> Result<Response, Refusal> {
    let mut response = match asked.preference.mode {
        _ if record.wiped => return Err(Error::Gone.into()),
        ResponseMode::Stream => events::follow(app.clone(), record, asked.last_event),
        ResponseMode::Detach => run::accepted(app, &asked.caller, record),
        ResponseMode::Wait(_) | ResponseMode::Watch { .. } if record.state.has_ended() => {
            answer(app, record, asked).await?
        }
        ResponseMode::Wait(_) | ResponseMode::Watch { .. } => {
            return Err(Error::StillRunning(record.head.shown_id().to_owned()).into());
        }
    };
    idempotency::mark_replayed(&mut response);
    Ok(response)
}
