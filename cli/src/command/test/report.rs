//! What is shown of a case: a mark, and where it failed the places that differ and a picture of the
//! run.

use std::io;

use console::style;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cases::Case;
use super::drive::{Ended, Seen};
use super::expect::Difference;
use crate::command::runs::timeline;
use crate::output::{Output, plain};

/// How many executions of nodes a picture has.
const MAX_NODES: usize = 200;
/// How much of a value is shown.
const MAX_SHOWN: usize = 400;
const WIDTH: usize = 76;

pub(super) struct Verdict<'c> {
    pub case: &'c Case,
    pub ended: Ended,
    pub differences: Vec<Difference>,
}

impl Verdict<'_> {
    pub(super) fn has_passed(&self) -> bool {
        self.differences.is_empty() && self.ended.missing.is_empty()
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.case.name,
            "workflow": self.case.file.display().to_string(),
            "passed": self.has_passed(),
            "missing_mocks": self.ended.missing,
            "unused_mocks": self.ended.unused,
            "differences": self.differences,
            "status": self.ended.status,
            "output": self.ended.output,
            "error": self.ended.error,
            "nodes": self.ended.nodes.iter().map(node).collect::<Vec<_>>(),
        })
    }
}

pub(super) fn show(verdict: &Verdict<'_>, output: &Output) -> io::Result<()> {
    let name = plain(&verdict.case.name).replace('\n', " ");
    let workflow = verdict.case.file.display();
    if verdict.has_passed() {
        output.line(format!("{} {name}", style("✓").green().bold()))?;
        return show_unused(verdict, output);
    }
    output.line(format!("{} {name}  {}", style("✗").red().bold(), style(workflow).dim()))?;
    for missing in &verdict.ended.missing {
        output.line(format!("    not mocked: {}", plain(missing)))?;
    }
    show_unused(verdict, output)?;
    for difference in &verdict.differences {
        show_difference(difference, output)?;
    }
    if let Some(message) = verdict.ended.error["message"].as_str() {
        let node = verdict.ended.error["node"].as_str().map(|node| format!("{node}: "));
        let code = verdict.ended.error["code"].as_str().unwrap_or_default();
        let text = format!("{}{message} ({code})", node.unwrap_or_default());
        output.line(format!("    the run failed: {}", plain(&text)))?;
    }
    picture(&verdict.ended.nodes, output)
}

fn show_unused(verdict: &Verdict<'_>, output: &Output) -> io::Result<()> {
    let mut unused = verdict.ended.unused.iter();
    unused.try_for_each(|unused| output.line(format!("    not used: {}", plain(unused))))
}

fn show_difference(found: &Difference, output: &Output) -> io::Result<()> {
    let why = found.why.as_ref().map_or(String::new(), |why| format!(" ({})", plain(why)));
    output.line(format!("    {}{why}", style(plain(&found.path)).bold()))?;
    let actual = found.actual.as_ref().map_or("nothing".to_owned(), shown);
    let (minus, plus) = (style("- expected").green(), style("+ actual  ").red());
    output.line(format!("      {minus} {}", shown(&found.expected)))?;
    output.line(format!("      {plus} {actual}"))?;
    if let (Value::String(expected), Some(Value::String(actual))) = (&found.expected, &found.actual)
        && let Some(place) = first_difference(expected, actual)
    {
        output.line(format!("      {}", style(place).dim()))?;
    }
    Ok(())
}

/// Says where long texts part.
fn first_difference(expected: &str, actual: &str) -> Option<String> {
    if expected.len() + actual.len() < WIDTH {
        return None;
    }
    let same = expected.chars().zip(actual.chars()).take_while(|(one, other)| one == other).count();
    let part = |text: &str| -> String {
        text.chars().skip(same.saturating_sub(10)).take(30).collect::<String>().replace('\n', "⏎")
    };
    Some(format!(
        "they part at character {}: …{}… and …{}…",
        same + 1,
        plain(&part(expected)),
        plain(&part(actual))
    ))
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", plain(&cut))
}

/// Each node with its state, when it ran and for how long in the case's time.
fn picture(nodes: &[Seen], output: &Output) -> io::Result<()> {
    let more = nodes.len().saturating_sub(MAX_NODES);
    let nodes: Vec<Value> = nodes.iter().take(MAX_NODES).map(node).collect();
    let nodes = Vec::<timeline::Node>::deserialize(&Value::Array(nodes)).unwrap_or_default();
    for line in timeline::lines(&nodes, WIDTH) {
        output.line(format!("    {}", line.trim_end().replace('\n', "\n    ")))?;
    }
    if more > 0 {
        output.line(format!("    … {more} more"))?;
    }
    output.line("")
}

/// As in the trace of a run.
fn node(seen: &Seen) -> Value {
    let took = seen.ended.map(|ended| ended.since(seen.began).as_millis());
    json!({
        "node": &*seen.path,
        "kind": seen.kind,
        "status": seen.status,
        "started_at": seen.began.to_string(),
        "duration_ms": took.map(|took| u64::try_from(took).unwrap_or(u64::MAX)),
        "attempts": seen.attempts,
        "output": seen.output,
        "error": seen.error.as_ref().map(|message| json!({ "message": message })),
    })
}

pub(super) fn sum_up(verdicts: &[Verdict<'_>], output: &Output) -> io::Result<()> {
    let passed = verdicts.iter().filter(|verdict| verdict.has_passed()).count();
    let failed = verdicts.len() - passed;
    if output.is_json() {
        let cases: Vec<Value> = verdicts.iter().map(Verdict::to_json).collect();
        return output.json(&json!({ "passed": passed, "failed": failed, "cases": cases }));
    }
    output.line(format!("{passed} passed, {failed} failed"))
}
