//! A streamed execution: chunks of the selected outputs, one `done`, and a bare `[DONE]`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flowgate_app::attached::Subscription;
use flowgate_app::drive::Progress;
use flowgate_app::run::{RunId, RunRecord, RunState, Told};
use flowgate_app::{App, Result, answer};
use flowgate_engine::Workflow;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::{Value, json};

use super::execute::end_overdue;
use super::selection::Selected;
use super::{block_id, error_text};

const LAST: &str = "data: [DONE]\n\n";
/// Stands before the first chunk of each further output.
const SEPARATOR: &str = "\n\n";

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
                        let told = streamed.teller.tell(event.told);
                        if !told.is_empty() {
                            return Some((told.into(), Some(streamed)));
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
        let undone = |error| undone(error, self.app.now().since(head.created_at));
        let done = match last {
            Some(Progress::Ended(record)) => self.teller.done(&record, &self.workflow),
            Some(Progress::HandedOver(_)) => match end_overdue(&self.app, &head.id).await {
                Ok(Some(record)) => self.teller.done(&record, &self.workflow),
                Ok(None) | Err(_) => undone("Execution timed out".to_owned()),
            },
            Some(Progress::Event(_) | Progress::Repeated(_) | Progress::IdTaken | Progress::Lost) | None => undone(left_behind(&head.id)),
        };
        last_frames(&done).into()
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
    frames.push_str(&last_frames(&teller.done(record, workflow)));
    Ok(frames.into())
}

fn last_frames(done: &Done) -> String {
    format!("{}{LAST}", frame(done))
}

fn frame(data: &impl Serialize) -> String {
    format!("data: {}\n\n", serde_json::to_string(data).unwrap_or_default())
}

#[derive(Serialize)]
struct Done {
    event: &'static str,
    success: bool,
    output: Value,
    metadata: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn undone(error: String, duration: Duration) -> Done {
    let duration = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Done { event: "done", success: false, output: json!({}), metadata: json!({ "duration": duration }), error: Some(error) }
}

/// The run goes on elsewhere, or its listener did not keep up.
fn left_behind(run: &RunId) -> String {
    format!("The stream was cut; the result will be at /api/jobs/{run}")
}

/// Turns what nodes say and leave into chunks.
#[derive(Debug, Default)]
pub(super) struct Teller {
    selected: Vec<Selected>,
    /// Nodes whose text has been streamed as they said it.
    spoken: HashSet<Arc<str>>,
    /// The output that has the word; a change of it is marked by a separator.
    begun: bool,
}

impl Teller {
    pub(super) fn new(selected: Vec<Selected>) -> Self {
        Self { selected, spoken: HashSet::new(), begun: false }
    }

    fn done(&self, record: &RunRecord, workflow: &Workflow) -> Done {
        Done {
            event: "done",
            success: record.state == RunState::Succeeded,
            // Every selected output that there was has been streamed.
            output: if self.selected.is_empty() { answer::output(record).clone() } else { json!({}) },
            metadata: json!({ "duration": answer::duration_ms(record) }),
            error: error_text(record, Some(workflow)),
        }
    }

    fn tell(&mut self, told: Told) -> String {
        match told {
            Told::Chunk { node, text } => self.chunk(node, &text),
            Told::NodeFinished { node, output: Some(output), .. } => self.finished(&node, &output),
            // A chunk cannot be taken back in this protocol: what is said again is said again.
            Told::NodeStarted { .. } | Told::NodeReset { .. } | Told::NodeFinished { .. } => String::new(),
        }
    }

    fn chunk(&mut self, node: Arc<str>, text: &str) -> String {
        let block = block_id(&node);
        if text.is_empty() || !self.selected.iter().any(|selected| selected.block_id == block && selected.is_spoken()) {
            return String::new();
        }
        let begins = !self.spoken.contains(&node);
        let frame = self.frame(block, text, begins);
        if begins {
            self.spoken.insert(node);
        }
        frame
    }

    /// The selected outputs of a node that did not stream them.
    fn finished(&mut self, node: &str, output: &Value) -> String {
        let block = block_id(node);
        let spoken = self.spoken.contains(node);
        let of_node = self.selected.iter().filter(|selected| selected.block_id == block && !(spoken && selected.is_spoken()));
        let texts: Vec<_> = of_node.filter_map(|selected| selected.text(output)).collect();
        texts.iter().map(|text| self.frame(block, text, true)).collect()
    }

    fn frame(&mut self, block: &str, text: &str, begins: bool) -> String {
        let separator = if begins && self.begun { SEPARATOR } else { "" };
        self.begun = true;
        frame(&json!({ "blockId": block, "chunk": format!("{separator}{text}") }))
    }
}

#[cfg(test)]
mod tests {
    use flowgate_engine::NodeStatus;

    use super::*;

    fn chunk(node: &str, text: &str) -> Told {
        Told::Chunk { node: node.into(), text: text.to_owned() }
    }

    fn finished(node: &str, output: Value) -> Told {
        Told::NodeFinished {
            node: node.into(),
            kind: "agent".to_owned(),
            status: NodeStatus::Succeeded,
            error: None,
            output: Some(Arc::new(output)),
        }
    }

    fn check(selected: &[(&str, &str)], told: impl IntoIterator<Item = Told>, expected: &str) {
        let selected = selected.iter().map(|(block_id, path)| Selected { block_id: (*block_id).to_owned(), path: (*path).to_owned() });
        let mut teller = Teller::new(selected.collect());
        let frames: String = told.into_iter().map(|told| teller.tell(told)).collect();
        assert_eq!(frames, expected);
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
