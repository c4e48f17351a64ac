//! A streamed execution: chunks of the selected outputs, one frame for its end, and `[DONE]`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flowgate_app::event::EventKind;
use flowgate_app::id::RunId;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Result, answer};
use flowgate_engine::{NodeStatus, Workflow};
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::selection::Selected;
use crate::compat::sim::pause;
use crate::compat::sim::record::{block_id, error_text};
use crate::http::sse::json_line;

/// Stands before the first chunk of each further output.
const SEPARATOR: &str = "\n\n";

/// What the last frames are, and whether a chunk can be taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::compat::sim) enum Protocol {
    /// `{"event":"done",…}` and a bare `[DONE]`: the first generation's.
    #[default]
    Done,
    /// `{"event":"final","data":…}` and a quoted `"[DONE]"`.
    Final,
    /// The same with `{"event":"chunk_reset"}` where a block begins again.
    AgentEvents,
}

/// The data of a frame.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = sim::StreamFrame)]
pub(super) enum StreamFrame<'a> {
    /// Text of a selected output.
    #[serde(rename_all = "camelCase")]
    Chunk { block_id: &'a str, chunk: String },
    /// The chunks of the block so far do not count: it begins again.
    #[serde(rename_all = "camelCase")]
    Reset { block_id: &'a str, event: &'static str },
    /// The end, in the first generation.
    Done {
        event: &'static str,
        success: bool,
        output: Value,
        #[schema(inline)]
        metadata: DoneMetadata,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        error: Option<String>,
    },
    /// The end, in the second generation and with `agent-events-v1`.
    Final {
        event: &'static str,
        #[schema(inline)]
        data: FinalData,
    },
}

#[derive(Serialize, ToSchema)]
pub(super) struct DoneMetadata {
    /// Milliseconds.
    #[schema(required)]
    duration: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct FinalData {
    success: bool,
    output: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// `paused`: the run waits for a time or a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<&'static str>,
}

impl StreamFrame<'_> {
    /// Bare data: Sim's frames have no `event:` and no `id:`.
    fn encode(&self) -> String {
        format!("data: {}\n\n", json_line(self))
    }
}

pub(super) struct Streamed {
    pub(super) app: Arc<App>,
    pub(super) workflow: Arc<Workflow>,
    /// What the subscription has given already.
    pub(super) first: Option<Progress>,
    pub(super) subscription: Subscription,
    pub(super) encoder: StreamEncoder,
    /// What the run asks of a person, its caller may answer.
    pub(super) may_answer: bool,
}

impl Streamed {
    /// The progress of the run as Sim's frames. The stream ends with the run.
    pub(super) fn frames(self) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold(Some(self), |streamed| async move {
            let mut streamed = streamed?;
            loop {
                match streamed.next().await {
                    Some(Progress::Event(event)) => {
                        let frames = streamed.encoder.encode(event.kind);
                        if !frames.is_empty() {
                            return Some((frames.into(), Some(streamed)));
                        }
                    }
                    last => return Some((streamed.last(last).await, None)),
                }
            }
        })
    }

    async fn next(&mut self) -> Option<Progress> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.subscription.next().await,
        }
    }

    async fn last(&self, last: Option<Progress>) -> Bytes {
        let head = &self.subscription.head;
        let lasted = self.app.now().since(head.created_at);
        let failed = |error| End::failed(error, lasted);
        let end = match last {
            Some(Progress::Ended(record)) => self.encoder.end(&record, &self.workflow),
            Some(Progress::Overdue(_)) => failed("Execution timed out".to_owned()),
            Some(Progress::HandedOver(record)) if record.state == RunState::Waiting => {
                // Whoever started the run may answer; without the links, it is found in lists.
                let output = pause::output(&self.app, &record, self.may_answer).await;
                let output = output.unwrap_or_default();
                End::paused(output, lasted)
            }
            Some(
                Progress::HandedOver(_)
                | Progress::Event(_)
                | Progress::Repeated(_)
                | Progress::IdTaken
                | Progress::Overloaded(_),
            ) => failed(cut(&head.id)),
            Some(Progress::Lost) | None => failed(cut(&head.id)),
        };
        self.encoder.last_frames(end).into()
    }
}

/// The frames of a run that has ended, from what its nodes left.
pub(super) async fn replay_frames(
    app: &App,
    record: &RunRecord,
    workflow: &Workflow,
    mut encoder: StreamEncoder,
) -> Result<Bytes> {
    let mut frames = String::new();
    for node in app.trace(record).await? {
        if let Some(output) = node.output.filter(|_| node.status == Some(NodeStatus::Succeeded)) {
            frames.push_str(&encoder.finished(&node.node, &output));
        }
    }
    frames.push_str(&encoder.last_frames(encoder.end(record, workflow)));
    Ok(frames.into())
}

/// How the run ended, as far as the stream knows.
struct End {
    success: bool,
    output: Value,
    duration_ms: Option<u64>,
    error: Option<String>,
    status: Option<&'static str>,
}

impl End {
    fn paused(output: Option<Value>, duration: Duration) -> Self {
        let failed = Self::failed(String::new(), duration);
        let output = output.unwrap_or(failed.output);
        Self { success: true, error: None, status: Some("paused"), output, ..failed }
    }

    fn failed(error: String, duration: Duration) -> Self {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let output = Value::Object(Map::new());
        let (duration_ms, error) = (Some(duration_ms), Some(error));
        Self { success: false, output, duration_ms, error, status: None }
    }
}

/// The run goes on elsewhere, or its caller did not keep up.
fn cut(run: &RunId) -> String {
    format!("The stream was cut; the result will be at /api/jobs/{run}")
}

/// Turns what nodes say and leave into frames.
#[derive(Debug, Default)]
pub(super) struct StreamEncoder {
    selected: Vec<Selected>,
    protocol: Protocol,
    /// Nodes whose text is streamed as they say it.
    spoken: HashMap<Arc<str>, Speech>,
    /// A chunk has been sent: what comes next begins with a separator.
    has_sent: bool,
}

#[derive(Debug)]
struct Speech {
    /// What its first chunk begins with, also when it begins again.
    separator: &'static str,
    said: bool,
}

impl StreamEncoder {
    pub(super) fn new(selected: Vec<Selected>, protocol: Protocol) -> Self {
        Self { selected, protocol, ..Self::default() }
    }

    fn end(&self, record: &RunRecord, workflow: &Workflow) -> End {
        // Every selected output that there was has been streamed.
        let whole = self.selected.is_empty();
        End {
            success: record.state == RunState::Succeeded,
            output: if whole { answer::output(record).clone() } else { Value::Object(Map::new()) },
            duration_ms: record.duration_ms(),
            error: error_text(record, Some(workflow)),
            status: None,
        }
    }

    fn last_frames(&self, end: End) -> String {
        let End { success, output, duration_ms, error, status } = end;
        let (frame, last) = match self.protocol {
            Protocol::Done => {
                let metadata = DoneMetadata { duration: duration_ms };
                let frame = StreamFrame::Done { event: "done", success, output, metadata, error };
                (frame, "[DONE]")
            }
            Protocol::Final | Protocol::AgentEvents => {
                let data = FinalData { success, output, error, status };
                (StreamFrame::Final { event: "final", data }, "\"[DONE]\"")
            }
        };
        format!("{}data: {last}\n\n", frame.encode())
    }

    fn encode(&mut self, event: EventKind) -> String {
        match event {
            EventKind::Chunk { node, text, .. } => self.chunk(node, &text),
            EventKind::NodeFinished {
                node,
                status: NodeStatus::Succeeded,
                output: Some(output),
                ..
            } => self.finished(&node, &output),
            EventKind::NodeReset { node, .. } => self.reset(&node),
            EventKind::NodeStarted { .. }
            | EventKind::NodeAttempt { .. }
            | EventKind::NodeFinished { .. } => String::new(),
        }
    }

    fn chunk(&mut self, node: Arc<str>, text: &str) -> String {
        let block = block_id(&node);
        let of_block = |selected: &Selected| selected.block_id == block && selected.is_spoken();
        if text.is_empty() || !self.selected.iter().any(of_block) {
            return String::new();
        }
        let separator = if self.has_sent { SEPARATOR } else { "" };
        self.has_sent = true;
        let new = Speech { separator, said: false };
        let speech = self.spoken.entry(node.clone()).or_insert(new);
        let separator = if speech.said { "" } else { speech.separator };
        speech.said = true;
        chunk_frame(block, separator, text)
    }

    /// Only one of the protocols can take a chunk back: in the others what is said again is said
    /// again.
    fn reset(&mut self, node: &str) -> String {
        match self.spoken.get_mut(node) {
            Some(speech) if speech.said && self.protocol == Protocol::AgentEvents => {
                speech.said = false;
                StreamFrame::Reset { block_id: block_id(node), event: "chunk_reset" }.encode()
            }
            _ => String::new(),
        }
    }

    /// The selected outputs of a node that did not stream them.
    fn finished(&mut self, node: &str, output: &Value) -> String {
        let block = block_id(node);
        let spoken = self.spoken.get(node).is_some_and(|speech| speech.said);
        let of_node = self
            .selected
            .iter()
            .filter(|selected| selected.block_id == block && !(spoken && selected.is_spoken()));
        let texts: Vec<_> = of_node.filter_map(|selected| selected.text(output)).collect();
        let whole = |text: &String| {
            let has_sent = std::mem::replace(&mut self.has_sent, true);
            chunk_frame(block, if has_sent { SEPARATOR } else { "" }, text)
        };
        texts.iter().map(whole).collect()
    }
}

fn chunk_frame(block: &str, separator: &str, text: &str) -> String {
    StreamFrame::Chunk { block_id: block, chunk: format!("{separator}{text}") }.encode()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chunk(node: &str, text: &str) -> EventKind {
        EventKind::Chunk { node: node.into(), call: None, text: text.to_owned() }
    }

    fn finished(node: &str, output: Value) -> EventKind {
        EventKind::NodeFinished {
            node: node.into(),
            kind: "agent".into(),
            status: NodeStatus::Succeeded,
            error: None,
            figures: flowgate_app::event::NodeFigures::default(),
            output: Some(Arc::new(output)),
        }
    }

    fn check(
        selected: &[(&str, &str)],
        events: impl IntoIterator<Item = EventKind>,
        expected: &str,
    ) {
        let selected = selected.iter().map(|(block_id, path)| Selected {
            block_id: (*block_id).to_owned(),
            path: (*path).to_owned(),
        });
        let mut encoder = StreamEncoder::new(selected.collect(), Protocol::AgentEvents);
        let frames: String = events.into_iter().map(|event| encoder.encode(event)).collect();
        assert_eq!(frames, expected);
    }

    #[test]
    fn a_block_that_begins_again_takes_its_text_back() {
        let reset = |node: &str| EventKind::NodeReset { node: node.into(), call: None };
        let events = [
            reset("b"),
            chunk("a", "One"),
            chunk("b", "Tw"),
            reset("b"),
            reset("b"),
            chunk("b", "Two"),
        ];
        check(
            &[("a", ""), ("b", "content")],
            events,
            concat!(
                "data: {\"blockId\":\"a\",\"chunk\":\"One\"}\n\n",
                "data: {\"blockId\":\"b\",\"chunk\":\"\\n\\nTw\"}\n\n",
                "data: {\"blockId\":\"b\",\"event\":\"chunk_reset\"}\n\n",
                "data: {\"blockId\":\"b\",\"chunk\":\"\\n\\nTwo\"}\n\n",
            ),
        );
    }

    #[test]
    fn each_protocol_has_its_end() {
        let end = |protocol, error: Option<&str>| {
            let end = End {
                success: error.is_none(),
                output: json!({}),
                duration_ms: Some(3),
                error: error.map(str::to_owned),
                status: None,
            };
            StreamEncoder::new(Vec::new(), protocol).last_frames(end)
        };
        assert_eq!(
            end(Protocol::Done, Some("no")),
            "data: {\"event\":\"done\",\"success\":false,\"output\":{},\
             \"metadata\":{\"duration\":3},\"error\":\"no\"}\n\n\
             data: [DONE]\n\n"
        );
        let last = "data: {\"event\":\"final\",\"data\":{\"success\":true,\"output\":{}}}\n\n\
                    data: \"[DONE]\"\n\n";
        assert_eq!(
            (end(Protocol::Final, None), end(Protocol::AgentEvents, None)),
            (last.to_owned(), last.to_owned())
        );
        assert!(end(Protocol::Final, Some("no")).contains("\"output\":{},\"error\":\"no\"}}"));
    }

    #[test]
    fn chunks_are_sent_as_they_come() {
        let events = [
            chunk("a", "One"),
            chunk("other", "x"),
            chunk("a", ", two"),
            finished("a", json!({ "content": "One, two" })),
        ];
        check(
            &[("a", "content")],
            events,
            "data: {\"blockId\":\"a\",\"chunk\":\"One\"}\n\n\
             data: {\"blockId\":\"a\",\"chunk\":\", two\"}\n\n",
        );
    }

    #[test]
    fn each_further_output_begins_with_a_separator() {
        let events = [
            chunk("a", "One"),
            finished("a", json!({ "content": "One", "tokens": { "total": 3 } })),
            chunk("b", "Two"),
            finished("b", json!({ "content": "Two" })),
            finished("c", json!({ "result": [1] })),
        ];
        check(
            &[
                ("a", "content"),
                ("a", "tokens.total"),
                ("b", "content"),
                ("c", "result"),
                ("c", "stdout"),
            ],
            events,
            concat!(
                "data: {\"blockId\":\"a\",\"chunk\":\"One\"}\n\n",
                "data: {\"blockId\":\"a\",\"chunk\":\"\\n\\n3\"}\n\n",
                "data: {\"blockId\":\"b\",\"chunk\":\"\\n\\nTwo\"}\n\n",
                "data: {\"blockId\":\"c\",\"chunk\":\"\\n\\n[\\n  1\\n]\"}\n\n",
            ),
        );
    }

    #[test]
    fn iterations_of_a_loop_are_sent_under_its_block() {
        let events = [
            chunk("each[0]/a", "x"),
            finished("each[0]/a", json!({ "content": "x" })),
            chunk("each[1]/a", "y"),
        ];
        check(
            &[("a", "content")],
            events,
            "data: {\"blockId\":\"a\",\"chunk\":\"x\"}\n\n\
             data: {\"blockId\":\"a\",\"chunk\":\"\\n\\ny\"}\n\n",
        );
    }

    #[test]
    fn what_is_not_selected_is_not_sent() {
        check(&[], [chunk("a", "x"), finished("a", json!({ "content": "x" }))], "");
        check(&[("a", "model")], [chunk("a", "x")], "");
    }

    #[test]
    fn a_block_that_did_not_speak_gives_its_whole_output() {
        check(
            &[("f", "")],
            [finished("f", json!({ "result": 1 }))],
            "data: {\"blockId\":\"f\",\"chunk\":\"{\\n  \\\"result\\\": 1\\n}\"}\n\n",
        );
    }
}
