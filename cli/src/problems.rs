//! Problems of a workflow file, each with its place and its line.

use std::io;

use console::{Style, measure_text_width, style};
use serde::{Deserialize, Serialize};

use crate::output::{Output, plain};

/// A problem that the server returned or the engine found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub severity: Severity,
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Error,
    Warning,
}

/// How many columns of a long line are shown.
const MAX_EXCERPT_COLUMNS: usize = 120;

impl From<flowgate_engine::Problem> for Problem {
    fn from(problem: flowgate_engine::Problem) -> Self {
        let severity = match problem.severity {
            flowgate_engine::Severity::Error => Severity::Error,
            flowgate_engine::Severity::Warning => Severity::Warning,
        };
        Self {
            severity,
            path: problem.path,
            line: problem.line,
            column: problem.column,
            message: problem.message,
        }
    }
}

pub(crate) fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

pub(crate) fn print(
    output: &Output,
    file: &str,
    text: &str,
    problems: &[Problem],
) -> io::Result<()> {
    for problem in problems {
        output.line(shown(file, text, problem))?;
    }
    Ok(())
}

/// `2 errors, 1 warning`.
pub(crate) fn count(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let counted =
        |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    match (errors, problems.len() - errors) {
        (errors, 0) => counted(errors, "error"),
        (0, warnings) => counted(warnings, "warning"),
        (errors, warnings) => {
            format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
        }
    }
}

fn shown(file: &str, text: &str, problem: &Problem) -> String {
    let (colour, label) = match problem.severity {
        Severity::Error => (Style::new().red().bold(), "error"),
        Severity::Warning => (Style::new().yellow().bold(), "warning"),
    };
    let head = format!(
        "{}{} {}",
        colour.apply_to(label),
        style(":").bold(),
        style(plain(&problem.message)).bold()
    );
    let Some(line) = problem.line else {
        return format!("{head}\n --> {file} {}\n", plain(&problem.path));
    };
    let column = problem.column.unwrap_or(1);
    let margin = " ".repeat(line.to_string().len());
    let place = format!("{margin}--> {file}:{line}:{column}");
    let Some(source) = text.lines().nth(line as usize - 1) else {
        return format!("{head}\n{place}\n");
    };
    let (excerpt, before) = excerpt(source, column as usize - 1);
    let bar = style("|").dim();
    format!(
        "{head}\n{place}\n{margin} {bar}\n{} {bar} {excerpt}\n{margin} {bar} {before}{}\n",
        style(line).dim(),
        colour.apply_to("^")
    )
}

/// Returns the part of the line around a column, and the spaces before it. Columns count from 0.
fn excerpt(source: &str, column: usize) -> (String, String) {
    let characters: Vec<char> = plain(source).replace('\t', " ").chars().collect();
    let column = column.min(characters.len());
    let start = if characters.len() > MAX_EXCERPT_COLUMNS {
        column.saturating_sub(MAX_EXCERPT_COLUMNS / 2)
    } else {
        0
    };
    let end = characters.len().min(start + MAX_EXCERPT_COLUMNS);
    let (cut_before, cut_after) =
        (if start > 0 { "…" } else { "" }, if end < characters.len() { "…" } else { "" });
    let before: String = characters[start..column].iter().collect();
    let shown: String = characters[start..end].iter().collect();
    (
        format!("{cut_before}{shown}{cut_after}"),
        " ".repeat(measure_text_width(&before) + cut_before.len().min(1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: Option<u32>, column: Option<u32>) -> Problem {
        Problem {
            severity: Severity::Error,
            path: "/nodes/0".into(),
            line,
            column,
            message: "unknown field `promt`".into(),
        }
    }

    #[test]
    fn the_caret_stands_under_the_column() {
        console::set_colors_enabled(false);
        let text = "nodes:\n\t- { id: größe, promt: x }\n";
        let expected = "error: unknown field `promt`\n --> a.yaml:2:17\n  |\n\
                        2 |  - { id: größe, promt: x }\n  |                 ^\n";
        assert_eq!(shown("a.yaml", text, &problem(Some(2), Some(17))), expected);
    }

    #[test]
    fn places_outside_the_text_are_no_panic() {
        console::set_colors_enabled(false);
        assert_eq!(
            shown("a.yaml", "", &problem(None, None)),
            "error: unknown field `promt`\n --> a.yaml /nodes/0\n"
        );
        assert_eq!(
            shown("a.yaml", "a", &problem(Some(9), Some(9))),
            "error: unknown field `promt`\n --> a.yaml:9:9\n"
        );
        assert!(shown("a.yaml", "a", &problem(Some(1), Some(99))).ends_with("|  ^\n"));
    }

    #[test]
    fn long_lines_are_cut_around_the_column() {
        let source = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let (excerpt, before) = excerpt(&source, 500);
        assert_eq!(excerpt.chars().nth(before.len()), Some('!'));
        assert_eq!(excerpt.chars().count(), MAX_EXCERPT_COLUMNS + 2);
    }

    #[test]
    fn counts_agree_in_number() {
        let warning = Problem { severity: Severity::Warning, ..problem(None, None) };
        assert_eq!(count(&[problem(None, None)]), "1 error");
        assert_eq!(
            count(&[problem(None, None), problem(None, None), warning.clone()]),
            "2 errors, 1 warning"
        );
        assert_eq!(count(&[warning]), "1 warning");
    }
}
