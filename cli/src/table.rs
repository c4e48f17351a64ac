//! Tables for people. Columns are as wide as their widest cell.

use std::io;

use console::{measure_text_width, style};
use serde_json::Value;

use crate::output::{Output, plain};

pub(crate) fn print(output: &Output, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        rows.iter()
            .map(|row| measure_text_width(&row[column]))
            .chain([head[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let head: Vec<String> = head.iter().map(|name| style(*name).bold().to_string()).collect();
    for row in std::iter::once(&head).chain(rows) {
        output.line(line(row, &widths))?;
    }
    Ok(())
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(2 + width.saturating_sub(measure_text_width(cell))));
    }
    line.trim_end().to_owned()
}

/// A text of the server on one line; `-` if there is none.
pub(crate) fn cell(value: &Value) -> String {
    plain(value.as_str().unwrap_or("-")).replace('\n', " ")
}

/// `2026-01-31 08:15:00`: a time of the server, in UTC.
pub(crate) fn moment(time: &str) -> String {
    let seconds = time.split('.').next().unwrap_or_default();
    plain(seconds).trim_end_matches('Z').replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_cells_are_made_of() {
        assert_eq!(line(&["größe".into(), "x".into()], &[7, 3]), "größe    x");
        assert_eq!(
            line(&["\u{1b}[31mred\u{1b}[0m".into(), "x".into()], &[4, 1]),
            "\u{1b}[31mred\u{1b}[0m   x"
        );
    }
}
