//! What a command prints: its result on standard output, everything else on standard error.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one JSON value, or one per line for a stream
    Json,
}

pub(crate) struct Output {
    pub format: Format,
    /// Standard output is a terminal, so a person is reading.
    pub is_terminal: bool,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if no_color || format == Format::Json {
            console::set_colors_enabled(false);
            console::set_colors_enabled_stderr(false);
        }
        Self { format, is_terminal: io::stdout().is_terminal() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn line(&self, text: impl Display) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{text}")
    }

    /// Prints a piece of streamed text, without an end of line.
    pub(crate) fn piece(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let text = if self.is_terminal { plain(text) } else { Cow::Borrowed(text) };
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Prints one value, indented.
    pub(crate) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        serde_json::to_writer_pretty(&mut stdout, value)?;
        writeln!(stdout)
    }

    /// Prints one of several values, on its own line.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, value)?;
        writeln!(stdout)?;
        stdout.flush()
    }

    /// Prints a note for people. Programs do not get it.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.is_json() {
            drop(writeln!(io::stderr().lock(), "{text}"));
        }
    }

    pub(crate) fn warn(&self, text: impl Display) {
        let label = console::style("warning:").for_stderr().yellow().bold();
        drop(writeln!(io::stderr().lock(), "{label} {text}"));
    }

    /// `report` has a `message`; programs get the whole report.
    pub(crate) fn error(&self, report: &Value) {
        let mut stderr = io::stderr().lock();
        drop(match self.format {
            Format::Json => writeln!(stderr, "{}", serde_json::json!({ "error": report })),
            Format::Text => {
                writeln!(
                    stderr,
                    "{} {}",
                    console::style("error:").for_stderr().red().bold(),
                    report["message"].as_str().unwrap_or_default()
                )
            }
        });
    }
}

/// Makes foreign text safe for a terminal. Control characters could move the cursor or overwrite
/// other text.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(is_harmful) {
        Cow::Owned(text.replace(is_harmful, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// `850 ms`, `12.3 s`, `4 min 05 s`.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        60_000..3_600_000 => {
            format!("{} min {:02} s", milliseconds / 60_000, milliseconds / 1_000 % 60)
        }
        _ => format!("{} h {:02} min", milliseconds / 3_600_000, milliseconds / 60_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown: Vec<String> =
            [0, 999, 1_000, 59_999, 245_000, 3_660_000].into_iter().map(duration).collect();
        assert_eq!(shown, ["0 ms", "999 ms", "1.0 s", "59.9 s", "4 min 05 s", "1 h 01 min"]);
    }

    #[test]
    fn text_from_elsewhere_moves_no_cursor() {
        assert_eq!(plain("a\tb\nc"), "a\tb\nc");
        assert_eq!(plain("\u{1b}]0;x\u{7}\u{9b}1m\r"), "\u{fffd}]0;x\u{fffd}\u{fffd}1m\u{fffd}");
    }
}
