//! The chunks of a streamed chat: a fold over the events of its run. What was sent cannot be taken
//! back.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use flowgate_app::App;
use flowgate_app::run::{RunHead, RunRecord, RunState};
use flowgate_engine::Workflow;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;

use super::chat::{ChatUsage, finish_reason};
use crate::http::event_log::Logged;
use crate::http::sse::Frame;
use crate::openai::answer::Answer;
use crate::openai::model::seconds;
use crate::openai::refusal::ErrorBody;
use crate::openai::speech::{Heard, Speech};

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<ChatUsage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

pub(super) struct ChatChunks {
    pub(super) model: String,
    pub(super) is_asked_for: bool,
    workflow: Arc<Workflow>,
    speech: Speech,
    include_usage: bool,
    written: BytesMut,
}

impl ChatChunks {
    pub(super) fn new(
        model: String,
        workflow: &Arc<Workflow>,
        include_usage: bool,
        is_asked_for: bool,
    ) -> Self {
        Self {
            model,
            is_asked_for,
            workflow: workflow.clone(),
            speech: Speech::of(workflow),
            include_usage,
            written: BytesMut::new(),
        }
    }

    fn begin(&mut self, head: &RunHead) {
        let delta = Delta { role: Some("assistant"), content: Some("") };
        self.write(head, delta, None);
    }

    /// Fails where text that was sent does not count.
    fn heard(&mut self, head: &RunHead, heard: &Heard) -> Result<(), ErrorBody> {
        match heard {
            Heard::Text(text) => {
                self.write(head, Delta { content: Some(text), role: None }, None);
                Ok(())
            }
            Heard::TakenBack => {
                let message = "the answer began again, and a chat cannot take back what it sent";
                Err(ErrorBody::new("workflow_error", "answer_began_again", message))
            }
        }
    }

    fn end(&mut self, record: &RunRecord, answer: Answer) -> Result<(), ErrorBody> {
        let head = &record.head;
        for heard in self.speech.end(&answer.text) {
            self.heard(head, &heard)?;
        }
        self.write(head, Delta::default(), Some(finish_reason(&answer)));
        if self.include_usage {
            self.write_chunk(head, &[], Some(answer.tokens.map(ChatUsage::from)));
        }
        self.written.extend_from_slice(b"data: [DONE]\n\n");
        Ok(())
    }

    fn write(&mut self, head: &RunHead, delta: Delta<'_>, finish_reason: Option<&'static str>) {
        self.write_chunk(head, &[Choice { index: 0, delta, logprobs: (), finish_reason }], None);
    }

    fn write_chunk(
        &mut self,
        head: &RunHead,
        choices: &[Choice<'_>],
        usage: Option<Option<ChatUsage>>,
    ) {
        let frame = Frame::data(&Chunk {
            id: head.id.as_str(),
            object: "chat.completion.chunk",
            created: seconds(head.created_at),
            model: &self.model,
            choices,
            usage,
        });
        self.written.extend_from_slice(&frame.encode());
    }
}

/// The frames of a chat until its end, or an error.
pub(super) fn frames(
    app: Arc<App>,
    mut chunks: ChatChunks,
    head: Arc<RunHead>,
    logged: BoxStream<'static, Logged>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    chunks.begin(&head);
    let first = stream::iter([Logged::Events(Vec::new())]).chain(logged);
    stream::unfold(Some((first, chunks)), move |state| {
        let (app, head) = (app.clone(), head.clone());
        async move {
            let (mut logged, mut chunks) = state?;
            loop {
                let next = logged.next().await.unwrap_or(Logged::Cut);
                let ends = !matches!(next, Logged::Events(_) | Logged::Waiting);
                let taken = take(&app, &mut chunks, &head, next).await;
                let ends = ends || taken.is_err();
                if let Err(error) = taken {
                    chunks.written.extend_from_slice(&Frame::data(&error).encode());
                }
                let frames = chunks.written.split().freeze();
                if ends {
                    return Some((frames, None));
                }
                if !frames.is_empty() {
                    return Some((frames, Some((logged, chunks))));
                }
            }
        }
    })
}

/// Fails with why the stream ends without an answer.
async fn take(
    app: &App,
    chunks: &mut ChatChunks,
    head: &RunHead,
    next: Logged,
) -> Result<(), ErrorBody> {
    let record = match next {
        Logged::Events(events) => {
            let heard = events.iter().filter_map(|event| chunks.speech.event(&event.kind));
            let heard: Vec<Heard> = heard.collect();
            return heard.iter().try_for_each(|heard| chunks.heard(head, heard));
        }
        Logged::Ended(Some(record)) if record.wiped => return Err(gone()),
        Logged::Ended(Some(record)) if record.state == RunState::Succeeded => record,
        Logged::Ended(Some(record)) => return Err(ErrorBody::of_run(&record)),
        Logged::Ended(None) => return Err(gone()),
        Logged::Cut => return Err(ErrorBody::still_going(head.id.as_str())),
        Logged::Waiting => return Ok(()),
    };
    let workflow = chunks.workflow.clone();
    match Answer::of(app, &record, Some(&workflow)).await {
        Ok(answer) => chunks.end(&record, answer),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(run.id = %head.id, error, "a stream could not end");
            Err(ErrorBody::still_going(head.id.as_str()))
        }
    }
}

fn gone() -> ErrorBody {
    ErrorBody::new("invalid_request_error", "gone", "the run was not saved")
}

#[cfg(test)]
mod tests;
