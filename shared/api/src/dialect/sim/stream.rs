//! A streamed execution: chunks of the selected outputs, one frame for its end, and `[DONE]`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flowgate_app::event::EventKind;
use flowgate_app::id::RunId;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Result, answer};
use flowgate_engine::Workflow;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::{Value, json};

use super::record::{block_id, error_text};
use super::selection::Selected;

/// Stands before the first chunk of each further output.
const SEPARATOR: &str = "\n\n";

/// How the end is told, and whether a chunk can be taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `{"event":"done",…}` and a bare `[DONE]`: the first generation's.
    #[default]
    Done,
    /// `{"event":"final","data":…}` and a quoted `"[DONE]"`.
    Final,
    /// The same with `{"event":"chunk_reset"}` where a block begins again.
    AgentEvents,
}

pub(super) struct Streamed {
    pub(super) app: Arc<App>,
    pub(super) workflow: Arc<Workflow>,
    /// What the subscription has told already.
    pub(super) first: Option<Progress>,
    pub(super) subscription: Subscription,
    pub(super) teller: Teller,
}

impl Streamed {
    /// What the run tells, as Sim's frames. The stream ends with the run.
    pub(super) fn frames(self) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold(Some(self), |streamed| async move {
            let mut streamed = streamed?;
            loop {
                match streamed.next().await {
                    Some(Progress::Event(event)) => {
                        let told = streamed.teller.tell(event.kind);
                        if !told.is_empty() {
                            return Some((told.into(), Some(streamed)));
                        }
                    }
                    last => return Some((streamed.last(last), None)),
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

    fn last(&self, last: Option<Progress>) -> Bytes {
        let head = &self.subscription.head;
        let undone = |error| undone(error, self.app.now().since(head.created_at));
        let end = match last {
            Some(Progress::Ended(record)) => self.teller.end(&record, &self.workflow),
            Some(Progress::Overdue(_)) => undone("Execution timed out".to_owned()),
            Some(Progress::HandedOver(_) | Progress::Event(_) | Progress::Repeated(_) | Progress::IdTaken | Progress::Lost) | None => {
                undone(left_behind(&head.id))
            }
        };
        self.teller.last_frames(end).into()
    }
}

/// The frames of a run that has ended, from what its nodes left.
pub(super) async fn told_again(app: &App, record: &RunRecord, workflow: &Workflow, mut teller: Teller) -> Result<Bytes> {
    let mut frames = String::new();
    for node in app.trace(record).await? {
        if let Some(output) = node.output {
            frames.push_str(&teller.finished(&node.node, &output));
        }
    }
    frames.push_str(&teller.last_frames(teller.end(record, workflow)));
    Ok(frames.into())
}

fn frame(data: &impl Serialize) -> String {
    format!("data: {}\n\n", serde_json::to_string(data).unwrap_or_default())
}

/// How the run ended, as far as the stream knows.
struct End {
    success: bool,
    output: Value,
    duration_ms: Option<u64>,
    error: Option<String>,
}

fn undone(error: String, duration: Duration) -> End {
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    End { success: false, output: json!({}), duration_ms: Some(duration_ms), error: Some(error) }
}

/// The run goes on elsewhere, or its listener did not keep up.
fn left_behind(run: &RunId) -> String {
    format!("The stream was cut; the result will be at /api/jobs/{run}")
}

/// Turns what nodes say and leave into chunks.
#[derive(Debug, Default)]
pub(super) struct Teller {
    selected: Vec<Selected>,
    protocol: Protocol,
    /// Nodes whose text is streamed as they say it.
    spoken: HashMap<Arc<str>, Speech>,
    /// Something has been told: what comes next is marked off by a separator.
    begun: bool,
}

#[derive(Debug)]
struct Speech {
    /// What its first chunk begins with, also when it begins again.
    separator: &'static str,
    said: bool,
}

impl Teller {
    pub(super) fn new(selected: Vec<Selected>, protocol: Protocol) -> Self {
        Self { selected, protocol, ..Self::default() }
    }

    fn end(&self, record: &RunRecord, workflow: &Workflow) -> End {
        End {
            success: record.state == RunState::Succeeded,
            // Every selected output that there was has been streamed.
            output: if self.selected.is_empty() { answer::output(record).clone() } else { json!({}) },
            duration_ms: answer::duration_ms(record),
            error: error_text(record, Some(workflow)),
        }
    }

    fn last_frames(&self, end: End) -> String {
        let End { success, output, duration_ms, error } = end;
        let (told, last) = match self.protocol {
            Protocol::Done => {
                let metadata = json!({ "duration": duration_ms });
                (json!({ "event": "done", "success": success, "output": output, "metadata": metadata }), "[DONE]")
            }
            Protocol::Final | Protocol::AgentEvents => {
                (json!({ "event": "final", "data": { "success": success, "output": output } }), "\"[DONE]\"")
            }
        };
        let told = with_error(told, error);
        format!("{}data: {last}\n\n", frame(&told))
    }

    fn tell(&mut self, told: EventKind) -> String {
        match told {
            EventKind::Chunk { node, text, .. } => self.chunk(node, &text),
            EventKind::NodeFinished { node, output: Some(output), .. } => self.finished(&node, &output),
            EventKind::NodeReset { node, .. } => self.reset(&node),
            EventKind::NodeStarted { .. } | EventKind::NodeAttempt { .. } | EventKind::NodeFinished { .. } => String::new(),
        }
    }

    fn chunk(&mut self, node: Arc<str>, text: &str) -> String {
        let block = block_id(&node);
        if text.is_empty() || !self.selected.iter().any(|selected| selected.block_id == block && selected.is_spoken()) {
            return String::new();
        }
        let separator = if self.begun { SEPARATOR } else { "" };
        self.begun = true;
        let speech = self.spoken.entry(node.clone()).or_insert(Speech { separator, said: false });
        let separator = if speech.said { "" } else { speech.separator };
        speech.said = true;
        chunk_frame(block, separator, text)
    }

    /// Only one of the protocols can take a chunk back: in the others what is said again is said again.
    fn reset(&mut self, node: &str) -> String {
        match self.spoken.get_mut(node) {
            Some(speech) if speech.said && self.protocol == Protocol::AgentEvents => {
                speech.said = false;
                frame(&json!({ "blockId": block_id(node), "event": "chunk_reset" }))
            }
            _ => String::new(),
        }
    }

    /// The selected outputs of a node that did not stream them.
    fn finished(&mut self, node: &str, output: &Value) -> String {
        let block = block_id(node);
        let spoken = self.spoken.get(node).is_some_and(|speech| speech.said);
        let of_node = self.selected.iter().filter(|selected| selected.block_id == block && !(spoken && selected.is_spoken()));
        let texts: Vec<_> = of_node.filter_map(|selected| selected.text(output)).collect();
        let whole = |text: &String| {
            let separator = if std::mem::replace(&mut self.begun, true) { SEPARATOR } else { "" };
            chunk_frame(block, separator, text)
        };
        texts.iter().map(whole).collect()
    }
}

fn chunk_frame(block: &str, separator: &str, text: &str) -> String {
    frame(&json!({ "blockId": block, "chunk": format!("{separator}{text}") }))
}

/// Beside the flag that says there is one.
fn with_error(mut told: Value, error: Option<String>) -> Value {
    let place = if told["data"].is_object() { &mut told["data"] } else { &mut told };
    if let Some(error) = error {
        place["error"] = error.into();
    }
    told
}

#[cfg(test)]
mod tests {
    use flowgate_engine::NodeStatus;

    use super::*;

    fn chunk(node: &str, text: &str) -> EventKind {
        EventKind::Chunk { node: node.into(), call: None, text: text.to_owned() }
    }

    fn finished(node: &str, output: Value) -> EventKind {
        EventKind::NodeFinished {
            node: node.into(),
            kind: "agent".to_owned(),
            status: NodeStatus::Succeeded,
            error: None,
            output: Some(Arc::new(output)),
        }
    }

    fn check(selected: &[(&str, &str)], told: impl IntoIterator<Item = EventKind>, expected: &str) {
        let selected = selected.iter().map(|(block_id, path)| Selected { block_id: (*block_id).to_owned(), path: (*path).to_owned() });
        let mut teller = Teller::new(selected.collect(), Protocol::AgentEvents);
        let frames: String = told.into_iter().map(|told| teller.tell(told)).collect();
        assert_eq!(frames, expected);
    }

    #[test]
    fn a_block_that_begins_again_takes_its_text_back() {
        let reset = |node: &str| EventKind::NodeReset { node: node.into(), call: None };
        let told = [reset("b"), chunk("a", "One"), chunk("b", "Tw"), reset("b"), reset("b"), chunk("b", "Two")];
        check(
            &[("a", ""), ("b", "content")],
            told,
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
            let end = End { success: error.is_none(), output: json!({}), duration_ms: Some(3), error: error.map(str::to_owned) };
            Teller::new(Vec::new(), protocol).last_frames(end)
        };
        assert_eq!(
            end(Protocol::Done, Some("no")),
            "data: {\"event\":\"done\",\"success\":false,\"output\":{},\"metadata\":{\"duration\":3},\"error\":\"no\"}\n\ndata: [DONE]\n\n"
        );
        let last = "data: {\"event\":\"final\",\"data\":{\"success\":true,\"output\":{}}}\n\ndata: \"[DONE]\"\n\n";
        assert_eq!((end(Protocol::Final, None), end(Protocol::AgentEvents, None)), (last.to_owned(), last.to_owned()));
        assert!(end(Protocol::Final, Some("no")).contains("\"output\":{},\"error\":\"no\"}}"));
    }

    #[test]
    fn chunks_are_told_as_they_come() {
        let told = [chunk("a", "One"), chunk("other", "x"), chunk("a", ", two"), finished("a", json!({ "content": "One, two" }))];
        check(
            &[("a", "content")],
            told,
            "data: {\"blockId\":\"a\",\"chunk\":\"One\"}\n\ndata: {\"blockId\":\"a\",\"chunk\":\", two\"}\n\n",
        );
    }

    #[test]
    fn each_further_output_begins_with_a_separator() {
        let told = [
            chunk("a", "One"),
            finished("a", json!({ "content": "One", "tokens": { "total": 3 } })),
            chunk("b", "Two"),
            finished("b", json!({ "content": "Two" })),
            finished("c", json!({ "result": [1] })),
        ];
        check(
            &[("a", "content"), ("a", "tokens.total"), ("b", "content"), ("c", "result"), ("c", "stdout")],
            told,
            concat!(
                "data: {\"blockId\":\"a\",\"chunk\":\"One\"}\n\n",
                "data: {\"blockId\":\"a\",\"chunk\":\"\\n\\n3\"}\n\n",
                "data: {\"blockId\":\"b\",\"chunk\":\"\\n\\nTwo\"}\n\n",
                "data: {\"blockId\":\"c\",\"chunk\":\"\\n\\n[\\n  1\\n]\"}\n\n",
            ),
        );
    }

    #[test]
    fn iterations_of_a_loop_are_told_under_its_block() {
        let told = [chunk("each[0]/a", "x"), finished("each[0]/a", json!({ "content": "x" })), chunk("each[1]/a", "y")];
        check(
            &[("a", "content")],
            told,
            "data: {\"blockId\":\"a\",\"chunk\":\"x\"}\n\ndata: {\"blockId\":\"a\",\"chunk\":\"\\n\\ny\"}\n\n",
        );
    }

    #[test]
    fn what_is_not_selected_is_not_told() {
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
