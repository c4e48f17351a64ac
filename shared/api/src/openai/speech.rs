//! The text of an answer, as the events of its run make it known.

use std::sync::Arc;

use flowgate_app::event::EventKind;
use flowgate_engine::interface::Speaker;
use flowgate_engine::{NodeStatus, Workflow};

use super::answer;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It goes on with this.
    Text(String),
    /// What was heard so far does not count.
    TakenBack,
}

/// A fold over the events of a run. The same events are heard in the same way, whenever they are
/// read.
#[derive(Debug, Default)]
pub(super) struct Speech {
    /// `None`: the text is known only at the end.
    speaker: Option<Speaker>,
    heard: String,
    /// What an agent with tools says while it may still ask for one; and in which call.
    held: (Option<Arc<str>>, String),
}

impl Speech {
    pub(super) fn of(workflow: &Workflow) -> Self {
        let names = workflow.outputs().iter().map(|output| output.name.as_str());
        let speaker = answer::name_of_text(names).and_then(|name| workflow.speaker_of(name));
        Self { speaker, ..Self::default() }
    }

    pub(super) fn event(&mut self, event: &EventKind) -> Option<Heard> {
        let speaker = self.speaker.as_ref()?;
        let thinks_aloud = speaker.thinks_aloud;
        let is_of = |node: &Arc<str>| *node == speaker.node;
        match event {
            EventKind::Chunk { node, call, text } if is_of(node) && !text.is_empty() => {
                if thinks_aloud {
                    self.hold(call.clone(), text)
                } else {
                    self.say(text.clone())
                }
            }
            EventKind::NodeReset { node, call } if is_of(node) => {
                if !thinks_aloud {
                    return self.take_back();
                }
                if self.held.0 == *call {
                    self.held.1.clear();
                }
                None
            }
            EventKind::NodeFinished { node, status: NodeStatus::Succeeded, .. } if is_of(node) => {
                let held = std::mem::take(&mut self.held.1);
                self.say(held)
            }
            _ => None,
        }
    }

    /// What is left to hear once the whole text is known.
    pub(super) fn end(&mut self, text: &str) -> Vec<Heard> {
        if let Some(rest) = text.strip_prefix(self.heard.as_str()) {
            return self.say(rest.to_owned()).into_iter().collect();
        }
        self.take_back().into_iter().chain(self.say(text.to_owned())).collect()
    }

    /// The name of a tool's call stands inside that of its turn: the agent does not speak there.
    fn hold(&mut self, call: Option<Arc<str>>, text: &str) -> Option<Heard> {
        if call.as_deref().is_some_and(|call| call.contains('.')) {
            return None;
        }
        if self.held.0 != call {
            self.held = (call, String::new());
        }
        self.held.1.push_str(text);
        None
    }

    fn say(&mut self, text: String) -> Option<Heard> {
        self.heard.push_str(&text);
        (!text.is_empty()).then_some(Heard::Text(text))
    }

    fn take_back(&mut self) -> Option<Heard> {
        let heard = std::mem::take(&mut self.heard);
        (!heard.is_empty()).then_some(Heard::TakenBack)
    }
}

#[cfg(test)]
mod tests;
