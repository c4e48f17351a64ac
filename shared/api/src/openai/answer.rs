//! What a run that has ended answers: one text, why it stopped, and the tokens.

use flowgate_app::run::RunRecord;
use flowgate_app::{App, Result, answer};
use flowgate_engine::{Usage, Workflow};
use serde_json::Value;

/// Names of the output that is the answer, where there are several: the first that fits.
const TEXT_NAMES: [&str; 4] = ["content", "answer", "text", "output"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    /// The model stopped at its limit.
    pub(super) is_cut: bool,
    pub(super) tokens: Option<Tokens>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) total: u64,
}

impl Answer {
    /// Of a run that has ended. `workflow` is the one that it ran, if that is still there.
    pub(super) async fn of(
        app: &App,
        record: &RunRecord,
        workflow: Option<&Workflow>,
    ) -> Result<Self> {
        let output = answer::output(record);
        let is_cut = match workflow {
            Some(workflow) => stopped_at_limit(app, record, workflow).await?,
            None => false,
        };
        let usage = record.end.as_deref().map(|end| end.usage);
        Ok(Self { text: text(output), is_cut, tokens: usage.and_then(Tokens::of) })
    }
}

impl Tokens {
    /// `None` if nobody knows them. Where only the sum is known, it counts as the input's.
    fn of(usage: Usage) -> Option<Self> {
        let total = usage.tokens?;
        let (input, output) = match (usage.input_tokens, usage.output_tokens) {
            (Some(input), Some(output)) => (input, output),
            _ => (total, 0),
        };
        Some(Self { input, output, total })
    }
}

/// The one name, or the first of [`TEXT_NAMES`].
pub(super) fn name_of_text<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [only] => Some(only),
        names => TEXT_NAMES.into_iter().find_map(|name| names.iter().copied().find(|n| *n == name)),
    }
}

/// The output that is the answer, if it is text; else all of them as JSON.
fn text(output: &Value) -> String {
    let named = output
        .as_object()
        .and_then(|outputs| outputs.get(name_of_text(outputs.keys().map(String::as_str))?))
        .or(Some(output));
    match named {
        Some(Value::String(text)) => text.clone(),
        _ => output.to_string(),
    }
}

async fn stopped_at_limit(app: &App, record: &RunRecord, workflow: &Workflow) -> Result<bool> {
    let names = workflow.outputs().iter().map(|output| output.name.as_str());
    let Some(speaker) = name_of_text(names).and_then(|name| workflow.speaker_of(name)) else {
        return Ok(false);
    };
    let trace = match app.trace(record).await {
        Ok(trace) => trace,
        Err(error) => {
            // The answer is there, and paid.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(run.id = %record.head.id, error, "nobody knows if the answer was cut");
            return Ok(false);
        }
    };
    let mut outputs = trace.iter().filter(|node| node.node == speaker.node);
    let finish = outputs.find_map(|node| node.output.as_ref()?.get("finish_reason")?.as_str());
    Ok(finish == Some("length"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_output_is_the_answer() {
        for (output, expected) in [
            (json!({ "said": "hi" }), "hi"),
            (json!({ "x": "no", "answer": "yes", "text": "late" }), "yes"),
            (json!({ "content": 1, "text": "no" }), r#"{"content":1,"text":"no"}"#),
            (json!({ "a": "1", "b": "2" }), r#"{"a":"1","b":"2"}"#),
            (json!({ "n": 7 }), r#"{"n":7}"#),
            (json!("bare"), "bare"),
            (json!({}), "{}"),
            (Value::Null, "null"),
        ] {
            assert_eq!(text(&output), expected, "{output}");
        }
    }

    #[test]
    fn tokens_that_are_not_split_are_the_inputs() {
        let usage = |tokens, input_tokens, output_tokens| {
            let usage = Usage { tokens, input_tokens, output_tokens, ..Usage::UNKNOWN };
            Tokens::of(usage).map(|tokens| (tokens.input, tokens.output, tokens.total))
        };
        assert_eq!(usage(Some(5), Some(3), Some(2)), Some((3, 2, 5)));
        assert_eq!(usage(Some(5), None, None), Some((5, 0, 5)));
        assert_eq!(usage(None, None, None), None);
    }
}
