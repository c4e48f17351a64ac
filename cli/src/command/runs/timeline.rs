//! Draws a run's trace: a bar per node that shows when it ran and for how long.

use console::{Style, measure_text_width};
use serde::Deserialize;
use serde_json::Value;

use crate::output::{duration, plain};

#[derive(Debug, Deserialize)]
pub(in crate::command) struct Node {
    node: String,
    status: Option<String>,
    started_at: Option<String>,
    duration_ms: Option<u64>,
    #[serde(default)]
    attempts: u32,
    error: Option<Value>,
}

/// Columns for the duration and the number of attempts after a bar.
const BEHIND: usize = 24;
const MAX_NAME_COLUMNS: usize = 32;
const MAX_COLUMNS: usize = 160;
const MIN_BAR_COLUMNS: usize = 10;

pub(in crate::command) fn lines(nodes: &[Node], width: usize) -> Vec<String> {
    let spans: Vec<Option<(u64, u64)>> = spans(nodes);
    let end = spans.iter().flatten().map(|(_, end)| *end).max().unwrap_or(0).max(1);
    let name_width = nodes.iter().map(|node| measure_text_width(&name(node))).max().unwrap_or(0);
    let bar_width = width.min(MAX_COLUMNS).saturating_sub(name_width + BEHIND).max(MIN_BAR_COLUMNS);
    let line = |(node, span): (&Node, &Option<(u64, u64)>)| {
        let (mark, style) = look(node.status.as_deref());
        let name = name(node);
        let pad = " ".repeat(name_width - measure_text_width(&name));
        let Some((from, to)) = *span else {
            return format!("{} {name}{pad}", style.apply_to(mark));
        };
        let bar = style.apply_to(bar(from, to, end, bar_width));
        let attempts =
            if node.attempts > 1 { format!(", {} attempts", node.attempts) } else { String::new() };
        let why = node
            .error
            .as_ref()
            .and_then(|error| error["message"].as_str())
            .map_or(String::new(), |message| format!("\n    {}", plain(message)));
        format!("{} {name}{pad} {bar} {}{attempts}{why}", style.apply_to(mark), duration(to - from))
    };
    nodes.iter().zip(&spans).map(line).collect()
}

/// Start and end of each node, in ms since the first one began. `None` for a node that did not
/// run. An open node lasts to the end of the picture.
fn spans(nodes: &[Node]) -> Vec<Option<(u64, u64)>> {
    let began =
        |node: &Node| flowgate_core::time::Timestamp::parse_rfc3339(node.started_at.as_deref()?);
    let ran = |node: &&Node| node.status.as_deref() != Some("skipped");
    let first = nodes.iter().filter(ran).filter_map(began).min();
    let known = |node: &Node| {
        let from = u64::try_from(began(node)?.since(first?).as_millis()).ok()?;
        Some((from, from.checked_add(node.duration_ms.unwrap_or(0))?))
    };
    let spans: Vec<Option<(u64, u64)>> =
        nodes.iter().map(|node| ran(&node).then(|| known(node)).flatten()).collect();
    let end = spans.iter().flatten().map(|(_, end)| *end).max().unwrap_or(0);
    let open = |(node, span): (&Node, Option<(u64, u64)>)| {
        span.map(|(from, to)| (from, if node.duration_ms.is_some() { to } else { end }))
    };
    nodes.iter().zip(spans).map(open).collect()
}

/// Inner nodes are indented under their loop.
fn name(node: &Node) -> String {
    let path = plain(&node.node).replace('\n', " ");
    let (depth, last) = (path.matches('/').count(), path.rsplit('/').next().unwrap_or_default());
    let iteration = path
        .rsplit_once('/')
        .and_then(|(outer, _)| outer.rsplit_once('['))
        .map_or("", |(_, index)| index.trim_end_matches(']'));
    let shown = if iteration.is_empty() {
        format!("{}{last}", "  ".repeat(depth))
    } else {
        format!("{}{last} [{iteration}]", "  ".repeat(depth))
    };
    shown.chars().take(MAX_NAME_COLUMNS).collect()
}

/// The mark shows the same as the colour.
fn look(status: Option<&str>) -> (&'static str, Style) {
    match status {
        Some("succeeded") => ("✓", Style::new().green()),
        Some("failed") => ("✗", Style::new().red()),
        Some("skipped") => ("-", Style::new().dim()),
        Some("cancelled") => ("■", Style::new().yellow()),
        _ => ("…", Style::new().cyan()),
    }
}

/// A node that took no time still gets a mark.
fn bar(from: u64, to: u64, end: u64, width: usize) -> String {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a picture of at most a few hundred columns"
    )]
    let column = |at: u64| (at as f64 / end as f64 * width as f64).round() as usize;
    let (start, stop) = (column(from).min(width - 1), column(to).min(width));
    let length = if from == to { 0 } else { stop.saturating_sub(start) };
    let shape = if length == 0 { "▏".to_owned() } else { "█".repeat(length) };
    format!("{}{shape}{}", " ".repeat(start), " ".repeat(width - start - length.max(1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(path: &str, status: Option<&str>, start: Option<&str>, took: Option<u64>) -> Node {
        let started_at = start.map(|second| format!("2026-01-31T08:15:{second}Z"));
        Node {
            node: path.into(),
            status: status.map(str::to_owned),
            started_at,
            duration_ms: took,
            attempts: 1,
            error: None,
        }
    }

    #[test]
    fn bars_stand_where_the_nodes_stood_in_time() {
        console::set_colors_enabled(false);
        let nodes = [
            node("draft", Some("succeeded"), Some("00.000"), Some(5_000)),
            Node {
                attempts: 2,
                error: Some(json!({ "message": "cut" })),
                ..node("each[3]/page", Some("failed"), Some("05.000"), Some(2_500))
            },
            node("later", Some("skipped"), Some("05.000"), Some(0)),
            node("open", None, Some("09.000"), None),
            node("end", Some("succeeded"), Some("10.000"), Some(0)),
        ];
        let expected = [
            "✓ draft      ██████████           5.0 s",
            "✗   page [3]           █████      2.5 s, 2 attempts\n    cut",
            "- later     ",
            "… open                         ██ 1.0 s",
            "✓ end                           ▏ 0 ms",
        ];
        let shown = lines(&nodes, 10 + BEHIND + 20);
        let trimmed: Vec<&str> = shown.iter().map(String::as_str).collect();
        assert_eq!(trimmed, expected);
    }

    #[test]
    fn strange_traces_are_no_panic() {
        assert_eq!(lines(&[], 80), Vec::<String>::new());
        let nodes = [
            node("a", Some("succeeded"), Some("zz"), Some(1)),
            node("b", None, None, None),
            node("c", Some("?"), Some("00.000"), Some(u64::MAX)),
        ];
        assert_eq!(lines(&nodes, 0).len(), 3);
        let tiny = [node("c", Some("failed"), Some("00.000"), Some(0))];
        assert_eq!(lines(&tiny, 0).len(), 1);
    }
}
