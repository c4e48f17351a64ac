//! Progress for people: nodes as they start and end, on standard error.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use crate::follow::StreamEvent;
use crate::output::{duration, plain};

/// Draws nothing if standard error is not a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    open: Vec<String>,
    began: HashMap<String, Instant>,
}

impl Progress {
    pub(super) fn start() -> Self {
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}")
            .expect("the template is constant");
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, open: Vec::new(), began: HashMap::new() }
    }

    pub(super) fn show(&mut self, event: &StreamEvent) {
        let node = plain(event.data["node"].as_str().unwrap_or_default()).into_owned();
        match event.name.as_str() {
            "run.started" => self.bar.println(format!(
                "  {}",
                style(plain(event.data["run_id"].as_str().unwrap_or_default())).dim()
            )),
            "node.started" => {
                self.began.entry(node.clone()).or_insert_with(Instant::now);
                if !self.open.contains(&node) {
                    self.open.push(node);
                }
            }
            "node.finished" => {
                self.finished(&node, event.data["status"].as_str().unwrap_or_default())
            }
            _ => {}
        }
        self.bar.set_message(self.open.join(", "));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Loops may have thousands of iterations; only top-level nodes get a line.
    fn finished(&mut self, node: &str, status: &str) {
        self.open.retain(|open| open != node);
        let took = self
            .began
            .remove(node)
            .map_or(0, |began| u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        if node.contains('/') {
            return;
        }
        self.bar.println(match status {
            "succeeded" => format!(
                "{} {node} {}",
                style("✓").for_stderr().green(),
                style(duration(took)).for_stderr().dim()
            ),
            "skipped" => format!("{}", style(format!("- {node} skipped")).for_stderr().dim()),
            _ => format!("{} {node} {}", style("✗").for_stderr().red(), plain(status)),
        });
    }
}
