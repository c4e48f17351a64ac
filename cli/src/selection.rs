//! Which runs a command concerns: some by their ids, or those that meet conditions.

use flowgate_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::time;

#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("which").required(true).args(["runs", "workflow", "all_workflows"])
)]
pub(crate) struct Selection {
    /// A run's id; several for a job over them
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Instead of ids: the runs of this workflow, by a job
    #[arg(long, value_name = "ID")]
    pub workflow: Option<String>,
    /// Instead of ids: the runs of every workflow that meet a condition below, by a job
    #[arg(long)]
    pub all_workflows: bool,
    /// Only runs of this user
    #[arg(long, conflicts_with = "runs", value_name = "USER")]
    user: Option<String>,
    /// Only runs that started with this version
    #[arg(long, conflicts_with = "runs", value_name = "VERSION")]
    of_version: Option<String>,
    /// Only runs created since, such as 2026-01-31T08:00:00Z, 90m, 24h or 7d
    #[arg(long, conflicts_with = "runs", value_name = "TIME", value_parser = time::read)]
    since: Option<Timestamp>,
    /// Only runs created before
    #[arg(long, conflicts_with = "runs", value_name = "TIME", value_parser = time::read)]
    before: Option<Timestamp>,
}

impl Selection {
    /// The fields of a request for a job. `workflow` is not among them.
    pub(crate) fn body(&self) -> Map<String, Value> {
        let time = |time: Option<Timestamp>| time.map(|time| json!(time.to_string()));
        given([
            ("run_ids", (!self.runs.is_empty()).then(|| json!(self.runs))),
            ("user", self.user.as_ref().map(|user| json!(user))),
            ("version", self.of_version.as_ref().map(|version| json!(version))),
            ("created_from", time(self.since)),
            ("created_before", time(self.before)),
        ])
    }
}

/// Keeps the fields that have a value.
pub(crate) fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
