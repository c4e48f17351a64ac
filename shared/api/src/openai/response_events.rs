//! The events of a streamed response: a fold over the log of its run, so that each has the same
//! number whenever it is read.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use flowgate_app::App;
use flowgate_app::event::EventKind;
use flowgate_app::run::{RunHead, RunRecord, RunState};
use flowgate_engine::Workflow;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;

use super::answer::Answer;
use super::refusal::ErrorBody;
use super::response::{Message, MessageStatus, Part, Response, Status};
use super::speech::{Heard, Speech};
use crate::http::event_log::{EventLog, Logged};
use crate::http::sse::Frame;

/// What an event has beside its type and number.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
enum Event<'a> {
    #[serde(rename = "response.created")]
    Created { response: &'a Response },
    #[serde(rename = "response.in_progress")]
    InProgress { response: &'a Response },
    #[serde(rename = "response.output_item.added")]
    ItemAdded { output_index: usize, item: &'a Message },
    #[serde(rename = "response.content_part.added")]
    PartAdded { item_id: &'a str, output_index: usize, content_index: usize, part: Part },
    #[serde(rename = "response.output_text.delta")]
    TextDelta {
        item_id: &'a str,
        output_index: usize,
        content_index: usize,
        delta: &'a str,
        logprobs: [(); 0],
    },
    #[serde(rename = "response.output_text.done")]
    TextDone {
        item_id: &'a str,
        output_index: usize,
        content_index: usize,
        text: &'a str,
        logprobs: [(); 0],
    },
    #[serde(rename = "response.content_part.done")]
    PartDone { item_id: &'a str, output_index: usize, content_index: usize, part: Part },
    #[serde(rename = "response.output_item.done")]
    ItemDone { output_index: usize, item: Message },
    #[serde(rename = "response.completed")]
    Completed { response: &'a Response },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: &'a Response },
    #[serde(rename = "response.failed")]
    Failed { response: &'a Response },
}

impl Event<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "response.created",
            Self::InProgress { .. } => "response.in_progress",
            Self::ItemAdded { .. } => "response.output_item.added",
            Self::PartAdded { .. } => "response.content_part.added",
            Self::TextDelta { .. } => "response.output_text.delta",
            Self::TextDone { .. } => "response.output_text.done",
            Self::PartDone { .. } => "response.content_part.done",
            Self::ItemDone { .. } => "response.output_item.done",
            Self::Completed { .. } => "response.completed",
            Self::Incomplete { .. } => "response.incomplete",
            Self::Failed { .. } => "response.failed",
        }
    }
}

#[derive(Serialize)]
struct Numbered<'a> {
    #[serde(flatten)]
    event: &'a Event<'a>,
    sequence_number: u64,
}

/// Events of a run, and of its response what is known so far.
pub(super) struct ResponseEvents {
    head: Arc<RunHead>,
    speech: Speech,
    /// The message that is open, and its text.
    open: Option<(Message, String)>,
    /// Messages that were begun.
    messages: usize,
    /// The number of the next event.
    next: u64,
    /// Only later events are written.
    after: Option<u64>,
    written: BytesMut,
}

impl ResponseEvents {
    pub(super) fn new(head: Arc<RunHead>, workflow: Option<&Workflow>, after: Option<u64>) -> Self {
        let speech = workflow.map(Speech::of).unwrap_or_default();
        let mut events = Self {
            head,
            speech,
            open: None,
            messages: 0,
            next: 0,
            after,
            written: BytesMut::new(),
        };
        let mut response = Response::begun(&events.head);
        events.write(&Event::Created { response: &response });
        response.status = Status::InProgress;
        events.write(&Event::InProgress { response: &response });
        events
    }

    pub(super) fn event(&mut self, event: &EventKind) {
        if let Some(heard) = self.speech.event(event) {
            self.heard(&heard);
        }
    }

    pub(super) fn end(&mut self, record: &RunRecord, answer: &Answer) {
        if record.state == RunState::Succeeded {
            for heard in self.speech.end(&answer.text) {
                self.heard(&heard);
            }
            if self.open.is_none() {
                self.begin_message();
            }
            self.close_message(answer.message_status());
        }
        let message = Message::new(&self.head, self.messages.saturating_sub(1));
        let response = &Response::begun(&self.head).ended(record, answer, message);
        self.write(&match response.status {
            Status::Completed => Event::Completed { response },
            Status::Incomplete => Event::Incomplete { response },
            _ => Event::Failed { response },
        });
    }

    /// Takes the frames of the events since the last time.
    pub(super) fn take(&mut self) -> Bytes {
        self.written.split().freeze()
    }

    fn heard(&mut self, heard: &Heard) {
        match heard {
            Heard::TakenBack => self.close_message(MessageStatus::Incomplete),
            Heard::Text(delta) => {
                if self.open.is_none() {
                    self.begin_message();
                }
                self.say(delta);
            }
        }
    }

    fn begin_message(&mut self) {
        let output_index = self.messages;
        let item = Message::new(&self.head, output_index);
        self.messages += 1;
        self.write(&Event::ItemAdded { output_index, item: &item });
        let part = Part::new("");
        self.write(&Event::PartAdded { item_id: &item.id, output_index, content_index: 0, part });
        self.open = Some((item, String::new()));
    }

    fn say(&mut self, delta: &str) {
        let Some((item, mut text)) = self.open.take() else { return };
        text.push_str(delta);
        self.write(&Event::TextDelta {
            item_id: &item.id,
            output_index: self.messages - 1,
            content_index: 0,
            delta,
            logprobs: [],
        });
        self.open = Some((item, text));
    }

    fn close_message(&mut self, status: MessageStatus) {
        let Some((item, text)) = self.open.take() else { return };
        let (item_id, output_index, content_index) = (item.id.as_str(), self.messages - 1, 0);
        let (text, part) = (text.as_str(), Part::new(&text));
        let logprobs = [];
        self.write(&Event::TextDone { item_id, output_index, content_index, text, logprobs });
        self.write(&Event::PartDone { item_id, output_index, content_index, part });
        self.write(&Event::ItemDone { output_index, item: item.clone().said(text, status) });
    }

    fn write(&mut self, event: &Event<'_>) {
        let sequence_number = self.next;
        self.next += 1;
        if self.after.is_none_or(|after| sequence_number > after) {
            let frame = Frame::new(event.name(), None, &Numbered { event, sequence_number });
            self.written.extend_from_slice(&frame.encode());
        }
    }
}

/// What follows in a run's log.
pub(super) fn logged(log: EventLog) -> BoxStream<'static, Logged> {
    stream::unfold(log, |mut log| async move { log.next().await.map(|next| (next, log)) }).boxed()
}

/// The frames of a response until its end, or an error where the stream is cut.
pub(super) fn frames(
    app: Arc<App>,
    events: ResponseEvents,
    workflow: Option<Arc<Workflow>>,
    logged: BoxStream<'static, Logged>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let first = stream::iter([Logged::Events(Vec::new())]).chain(logged);
    stream::unfold(Some((first, events)), move |state| {
        let (app, workflow) = (app.clone(), workflow.clone());
        async move {
            let (mut logged, mut events) = state?;
            loop {
                let next = logged.next().await.unwrap_or(Logged::Cut);
                let is_last = !matches!(next, Logged::Events(_) | Logged::Waiting);
                let mut frames = BytesMut::new();
                let failure = take(&app, workflow.as_deref(), &mut events, next).await;
                frames.extend_from_slice(&events.take());
                if let Some(failure) = failure {
                    frames.extend_from_slice(&Frame::data(&failure).encode());
                }
                if is_last {
                    return Some((frames.freeze(), None));
                }
                if !frames.is_empty() {
                    return Some((frames.freeze(), Some((logged, events))));
                }
            }
        }
    })
}

/// Returns why the stream ends before the response.
async fn take(
    app: &App,
    workflow: Option<&Workflow>,
    events: &mut ResponseEvents,
    next: Logged,
) -> Option<ErrorBody> {
    match next {
        Logged::Events(new) => new.iter().for_each(|event| events.event(&event.kind)),
        Logged::Ended(Some(record)) if !record.wiped => {
            match Answer::of(app, &record, workflow).await {
                Ok(answer) => events.end(&record, &answer),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(run.id = %record.head.id, error, "a stream could not end");
                    return Some(ErrorBody::still_going(record.head.id.as_str()));
                }
            }
        }
        Logged::Ended(_) => {
            return Some(ErrorBody::new("invalid_request_error", "gone", "the run was not saved"));
        }
        Logged::Cut => return Some(ErrorBody::still_going(events.head.id.as_str())),
        Logged::Waiting => {}
    }
    None
}

#[cfg(test)]
mod tests;
