//! The events of a stream: a fold over the log of the task's run.

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response as HttpResponse;
use bytes::{Bytes, BytesMut};
use flowgate_app::a2a::{ArtifactUpdate, Response, State, Status, StatusUpdate, Task};
use flowgate_app::access::Caller;
use flowgate_app::event::EventKind;
use flowgate_app::run::{RunHead, RunRecord};
use flowgate_app::{App, Error};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use http::HeaderValue;
use serde::Serialize;

use super::refusal::{Kind, Refusal};
use super::task::Shown;
use crate::http::event_log::{EventLog, Logged};
#[cfg(feature = "starts")]
use crate::http::json_rpc::{self, Id};
use crate::http::sse::{self, Frame};

/// How answers are spelled.
pub(super) enum Binding {
    Rest,
    /// Each event answers the request with this id.
    #[cfg(feature = "starts")]
    Rpc(Id),
}

#[cfg(feature = "starts")]
#[derive(Serialize)]
pub(super) struct Answer<'a, R> {
    jsonrpc: &'static str,
    id: &'a Id,
    result: R,
}

#[cfg(feature = "starts")]
impl<'a, R> Answer<'a, R> {
    pub(super) fn new(id: &'a Id, result: R) -> Self {
        Self { jsonrpc: json_rpc::VERSION, id, result }
    }
}

impl Binding {
    fn event(&self, response: &impl Serialize) -> Bytes {
        match self {
            Self::Rest => Frame::data(response),
            #[cfg(feature = "starts")]
            Self::Rpc(id) => Frame::data(&Answer::new(id, response)),
        }
        .encode()
    }

    fn error(&self, refusal: &Refusal) -> Bytes {
        match self {
            Self::Rest => Frame::new("error", None, &refusal.rest_body()),
            #[cfg(feature = "starts")]
            Self::Rpc(id) => Frame::data(&refusal.rpc_body(id)),
        }
        .encode()
    }
}

/// What an agent has said so far in one of its calls.
struct Spoken {
    call: Option<Arc<str>>,
}

/// What the client of a stream knows of its task.
pub(super) struct TaskEvents {
    binding: Binding,
    head: Arc<RunHead>,
    /// Its state, as the client knows it.
    known: State,
    /// Nodes whose text the client has a part of.
    spoken: HashMap<Arc<str>, Spoken>,
    /// Questions that the client knows of.
    asked: u64,
    written: BytesMut,
}

impl TaskEvents {
    /// Of a run that begins.
    #[cfg(feature = "starts")]
    pub(super) fn begun(binding: Binding, head: Arc<RunHead>) -> Self {
        let task = Response::Task(Task::begun(&head));
        let written = BytesMut::from(&*binding.event(&task));
        let known = State::Submitted;
        Self { binding, known, spoken: HashMap::new(), asked: 0, written, head: head.clone() }
    }

    /// Of a run that has begun.
    pub(super) fn of(binding: Binding, shown: &Shown) -> Self {
        let (head, asked) = (shown.record.head.clone(), shown.record.asked);
        let known = State::of(&shown.record);
        let written = BytesMut::from(&*binding.event(&Response::Task(shown.task())));
        Self { binding, head, known, spoken: HashMap::new(), asked, written }
    }

    pub(super) fn event(&mut self, at: String, event: &EventKind) {
        if self.known != State::Working {
            self.report(Status::plain(State::Working, at));
        }
        match event {
            // The name of a tool's call stands inside that of its turn: another one speaks there.
            EventKind::Chunk { call: Some(call), .. } if call.contains('.') => {}
            EventKind::Chunk { node, call, text } if !text.is_empty() => {
                self.say(node, call.as_ref(), text);
            }
            EventKind::NodeReset { node, call }
                if self.spoken.get(node).is_some_and(|spoken| spoken.call == *call) =>
            {
                self.text(node, "", (false, false));
            }
            EventKind::NodeFinished { node, .. } if self.spoken.remove(node).is_some() => {
                self.text(node, "", (true, true));
            }
            _ => {}
        }
    }

    /// What an agent says in a further turn takes the place of what it said before.
    fn say(&mut self, node: &Arc<str>, call: Option<&Arc<str>>, text: &str) {
        let goes_on = self.spoken.get(node).is_some_and(|spoken| spoken.call.as_ref() == call);
        if !goes_on {
            self.spoken.insert(node.clone(), Spoken { call: call.cloned() });
        }
        self.text(node, text, (goes_on, false));
    }

    fn text(&mut self, node: &str, text: &str, how: (bool, bool)) {
        let head = self.head.clone();
        self.write(&Response::ArtifactUpdate(ArtifactUpdate::text(&head, node, text, how)));
    }

    fn report(&mut self, status: Status<'_>) {
        self.known = status.state;
        let head = self.head.clone();
        self.write(&Response::StatusUpdate(StatusUpdate::new(&head, status)));
    }

    fn end(&mut self, record: &RunRecord) {
        if let Some(output) = ArtifactUpdate::output(record).filter(|_| !record.wiped) {
            self.write(&Response::ArtifactUpdate(output));
        }
        self.report(Status::of(record, &[]));
    }

    fn write(&mut self, response: &Response<'_>) {
        let event = self.binding.event(response);
        self.written.extend_from_slice(&event);
    }
}

/// Whose stream it is.
#[derive(Clone)]
struct Reader {
    app: Arc<App>,
    caller: Caller,
}

/// A stream that ends with its task, or once that asks something that the client does not know.
pub(super) fn response(
    app: &Arc<App>,
    caller: &Caller,
    events: TaskEvents,
    logged: BoxStream<'static, Logged>,
) -> HttpResponse {
    let head = events.head.clone();
    let reader = Reader { app: app.clone(), caller: caller.clone() };
    with_run(sse::response(frames(reader, events, logged)), head.id.as_str())
}

/// Of a task that has ended: it alone.
#[cfg(feature = "starts")]
pub(super) fn ended(binding: Binding, shown: &Shown) -> HttpResponse {
    let mut events = TaskEvents::of(binding, shown);
    let only = stream::iter([events.written.split().freeze()]);
    with_run(sse::response(only), shown.record.head.id.as_str())
}

pub(super) fn with_run(mut response: HttpResponse, run: &str) -> HttpResponse {
    if let Ok(id) = HeaderValue::from_str(run) {
        response.headers_mut().insert("x-run-id", id);
    }
    response
}

/// The log of a task's run, from its first event.
pub(super) fn log_of(app: &Arc<App>, head: &RunHead) -> EventLog {
    let mut log = EventLog::new(app.clone(), head.id.clone(), None);
    log.reports_waiting = true;
    log
}

pub(super) fn logged(log: EventLog) -> BoxStream<'static, Logged> {
    stream::unfold(log, |mut log| async move { log.next().await.map(|next| (next, log)) }).boxed()
}

fn frames(
    reader: Reader,
    events: TaskEvents,
    logged: BoxStream<'static, Logged>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let first = stream::iter([Logged::Events(Vec::new())]).chain(logged);
    stream::unfold(Some((first, events)), move |state| {
        let reader = reader.clone();
        async move {
            let (mut logged, mut events) = state?;
            loop {
                // A stream that is cut just ends: its client subscribes.
                let next = logged.next().await.unwrap_or(Logged::Cut);
                let ends = reader.take(&mut events, next).await;
                let frames = events.written.split().freeze();
                if ends {
                    return Some((frames, None));
                }
                if !frames.is_empty() {
                    return Some((frames, Some((logged, events))));
                }
            }
        }
    })
}

impl Reader {
    /// Returns whether the stream is over.
    async fn take(&self, events: &mut TaskEvents, next: Logged) -> bool {
        match next {
            Logged::Events(new) => {
                new.iter().for_each(|event| events.event(event.at.to_string(), &event.kind));
                return false;
            }
            Logged::Waiting => return self.asks(events).await,
            Logged::Ended(Some(record)) => events.end(&record),
            Logged::Ended(None) => {
                let gone = Refusal::protocol(Kind::TaskNotFound, "the task is no longer stored");
                events.written.extend_from_slice(&events.binding.error(&gone));
            }
            Logged::Cut => {}
        }
        true
    }

    /// Reports what the task asks, if the client does not know.
    async fn asks(&self, events: &mut TaskEvents) -> bool {
        match self.question(events.head.id.as_str()).await {
            Ok(shown) if shown.record.asked > events.asked => {
                events.asked = shown.record.asked;
                let asks = State::of(&shown.record) == State::InputRequired;
                if asks {
                    events.report(Status::of(&shown.record, &shown.questions));
                }
                asks
            }
            Ok(_) => false,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(run.id = %events.head.id, error, "a task's question was not read");
                false
            }
        }
    }

    async fn question(&self, run: &str) -> Result<Shown, Error> {
        let run = flowgate_app::id::RunId::parse(run);
        let gone = || Error::NotFound(flowgate_app::error::What::Run);
        let run = run.ok_or_else(gone)?;
        let record = self.app.ports.runs.read(&run).await?.ok_or_else(gone)?;
        Shown::of(&self.app, &self.caller, record).await
    }
}
