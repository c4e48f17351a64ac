//! Runs a workflow for many inputs: `POST /v1/workflows/{id}/batch`, JSON Lines in and out.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flowgate_app::clock::timeout;
use flowgate_app::error::{Error, FieldProblem, What};
use flowgate_app::hash::sha256_hex;
use flowgate_app::id::RunId;
use flowgate_app::key::Scope;
use flowgate_app::memory::{Charge, Holder};
use flowgate_app::run::RunRecord;
use flowgate_app::time::Timestamp;
use flowgate_app::{access, hops, trace_context};
use flowgate_runner::Runner;
use flowgate_runner::start::{IdempotencyRequest, ResponseMode, Started};
use futures_util::{StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::request::StartRun;
use crate::http::problem::{Problem, Refusal};
use crate::http::request::{QueryPairs, Segments};
use crate::http::{body, idempotency};
use crate::native::Caller;
use crate::native::run::Run;
use crate::starts::NotStarted;

const MEDIA_TYPE: &str = "application/jsonl";
const MAX_LINES: usize = 1_000;
/// Runs of one batch at a time.
const AT_ONCE: usize = 8;
/// Proxies close what is silent for longer than a minute or so.
const SILENCE: Duration = Duration::from_secs(15);
/// When the same batch may be sent again.
const RETRY: Duration = Duration::from_secs(1);

/// What became of a line: its run, or why it has none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
struct BatchResult<'a> {
    /// Which line, from 0.
    line: usize,
    /// It has ended, unless the answer could not wait longer.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Run<'a>>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Run a workflow for many inputs
///
/// Each line of the body is the body of a start; at most 1,000. All lines are checked before the
/// first one starts. Eight runs go on at a time, and each result is a line of the answer
/// (`BatchResult`) as soon as its run ends; while none does, the answer has an empty line every
/// 15 s. Where the key's limits refuse a start, it is tried again when they allow it. A line that
/// is not started any more, because the answer took too long or the server stops, has the problem
/// `overloaded`: with an `Idempotency-Key` the same batch, sent again, starts those and waits for
/// the others. A caller who goes away cancels no run that has begun. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/batch",
    operation_id = "start_batch",
    tag = "Runs",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("version" = Option<String>, Query, description = "Instead of the active version."),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same line of the same batch with the same key starts nothing again \
                           for 24 hours.",
        ),
    ),
    request_body(content = StartRun, content_type = "application/jsonl"),
    responses(
        NotStarted<Problem>,
        (
            status = 200,
            description = "One line for each line of the body, as they end.",
            content((BatchResult = "application/jsonl"))
        ),
    )
)]
pub(super) async fn start(
    State(runner): State<Arc<Runner>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let version = query.get("version").map(str::to_owned);
    caller.require(Scope::Run, &workflow_id, What::Workflow)?;
    runner.app.published(&workflow_id, version.as_deref()).await?;
    let lines = checked(&body, &headers, &uri)?;
    let app = runner.app.clone();
    let until = app.now() + app.settings.longest_stream;
    let until = app.end_by().map_or(until, |end| until.min(end));
    // The lines are held until the last one has started.
    let charge = app.memory.charge(&Holder::of_key(caller.key_id()), body.len())?;
    let caller = access::Caller::clone(&caller);
    let batch = Arc::new(Batch { runner, caller, workflow_id, version, until, _charge: charge });
    // The answer is made after the request, and its runs are a part of it.
    let (hops, trace) = (hops::current(), trace_context::current());
    let results = stream::iter(lines.into_iter().enumerate()).map(move |(at, line)| {
        let batch = Arc::clone(&batch);
        let result = async move { batch.result(at, line).await };
        hops::within(hops, trace_context::within(trace, result))
    });
    let results = results.buffer_unordered(AT_ONCE).boxed();
    let answer = stream::unfold(results, move |mut results| {
        let app = Arc::clone(&app);
        async move {
            let next = timeout(&*app.ports.clock, SILENCE, results.next()).await;
            let line = next.unwrap_or(Some(Bytes::from_static(b"\n")));
            line.map(|line| (Ok::<_, Infallible>(line), results))
        }
    });
    let headers = [
        (CONTENT_TYPE, MEDIA_TYPE),
        (CACHE_CONTROL, "no-store"),
        // Proxies would hold the lines back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(answer)).into_response())
}

struct Line {
    /// A start that was read without a problem. What it holds may be much larger once it is read.
    text: Bytes,
    idempotency: Option<IdempotencyRequest>,
}

/// Reads all lines, and says of all what is wrong.
fn checked(body: &Bytes, headers: &HeaderMap, uri: &Uri) -> Result<Vec<Line>, Error> {
    let written = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let written: Vec<_> = written.filter(|line| !line.is_empty()).take(MAX_LINES + 1).collect();
    if written.is_empty() || written.len() > MAX_LINES {
        return Err(Error::bad_field("", format!("the body must have 1 to {MAX_LINES} lines")));
    }
    let (mut lines, mut problems) = (Vec::with_capacity(written.len()), Vec::new());
    for (at, line) in written.into_iter().enumerate() {
        match read(line) {
            Ok(_) => {
                let idempotency = idempotency::read(headers, uri, line)?;
                let idempotency = idempotency.map(|asked| of_line(asked, at));
                lines.push(Line { text: body.slice_ref(line), idempotency });
            }
            Err(Error::BadInput(fields)) => {
                problems.extend(fields.into_iter().map(|field| FieldProblem {
                    pointer: format!("/{at}{}", field.pointer),
                    ..field
                }))
            }
            Err(other) => return Err(other),
        }
    }
    if problems.is_empty() { Ok(lines) } else { Err(Error::BadInput(problems)) }
}

fn read(line: &[u8]) -> Result<StartRun, Error> {
    body::parse(line).and_then(StartRun::read)
}

/// A key of its own for each line.
fn of_line(asked: IdempotencyRequest, at: usize) -> IdempotencyRequest {
    let key = sha256_hex(format!("batch {} {at}", asked.key).as_bytes());
    IdempotencyRequest { key, ..asked }
}

struct Batch {
    runner: Arc<Runner>,
    caller: access::Caller,
    workflow_id: String,
    version: Option<String>,
    /// After this time no line starts, and none is waited for.
    until: Timestamp,
    _charge: Charge,
}

impl Batch {
    /// Returns the line of the answer.
    async fn result(&self, line: usize, asked: Line) -> Bytes {
        let app = &self.runner.app;
        let written = self.run(asked).await.and_then(|record| {
            let run = Run::new(app, &record).seen_by(&self.caller, &record);
            let text = line_of(&BatchResult { line, run: Some(run), problem: None });
            // A caller who reads slowly has many lines made before they go out.
            let holder = Holder::of_key(self.caller.key_id());
            let charge = app.memory.charge(&holder, text.len())?;
            Ok(Bytes::from_owner(HeldLine { text, _charge: charge }))
        });
        written.unwrap_or_else(|error| {
            if let Error::Internal(cause) = &error {
                tracing::error!(error = format!("{cause:#}"), "a line of a batch failed");
            }
            line_of(&BatchResult { line, run: None, problem: Some(Problem::of(&error)) }).into()
        })
    }

    /// Starts a run that outlives the answer, and waits for its end.
    async fn run(&self, Line { text, idempotency }: Line) -> Result<RunRecord, Error> {
        let run = self.started(&text, idempotency).await?;
        let app = &self.runner.app;
        app.wait_for_end(&run, self.until).await;
        let record = app.ports.runs.read(&run).await?.ok_or(Error::NotFound(What::Run))?;
        if record.wiped { Err(Error::Gone) } else { Ok(record) }
    }

    async fn started(
        &self,
        text: &[u8],
        idempotency: Option<IdempotencyRequest>,
    ) -> Result<RunId, Error> {
        let app = &self.runner.app;
        let mut stopping = app.stopping();
        loop {
            if *stopping.borrow() || app.now() >= self.until {
                return Err(Error::Overloaded { retry_after: RETRY });
            }
            let (mut request, part) =
                read(text)?.into_request(self.workflow_id.clone(), ResponseMode::Detach);
            request.version.clone_from(&self.version);
            request.idempotency.clone_from(&idempotency);
            let pause = match self.runner.start_part(&self.caller, request, part).await {
                Ok(admitted) => return id_of(&admitted.started),
                Err(Error::RateLimited { retry_after, .. }) => retry_after,
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = app.ports.clock.sleep(pause.min(self.until.since(app.now()))) => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        }
    }
}

/// A line of the answer, until it is handed on.
struct HeldLine {
    text: Vec<u8>,
    _charge: Charge,
}

impl AsRef<[u8]> for HeldLine {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

fn line_of(result: &BatchResult<'_>) -> Vec<u8> {
    let mut text = serde_json::to_vec(result).unwrap_or_default();
    text.push(b'\n');
    text
}

fn id_of(started: &Started) -> Result<RunId, Error> {
    match started {
        Started::Run(record) | Started::Repeated(record) | Started::Overdue(record) => {
            Ok(record.head.id.clone())
        }
        Started::Stream(_) => Err(Error::Internal(anyhow::anyhow!("a start became a stream"))),
    }
}
