//! `flowgate stats`: what runs came to.

use std::process::ExitCode;

use anyhow::Result;
use flowgate_core::time::Timestamp;
use serde_json::Value;

use crate::answer::dollars;
use crate::arguments::Global;
use crate::client::Client;
use crate::output::{Output, duration};
use crate::table::{self, cell, moment};
use crate::time;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only runs of this workflow; default: of all, by workflow
    id: Option<String>,
    /// Sum them up by this, too
    #[arg(long, value_parser = ["workflow", "version", "state", "key", "code", "node"])]
    by: Option<String>,
    /// A row for each hour, each day (UTC), or for all of the time
    #[arg(long, default_value = "total", value_parser = ["hour", "day", "total"])]
    step: String,
    /// Runs that ended since, such as 2026-01-31T08:00:00Z, 90m, 24h or 7d; default: a day
    #[arg(long, value_name = "TIME", value_parser = time::read)]
    since: Option<Timestamp>,
    /// Runs that ended before; default: now
    #[arg(long, value_name = "TIME", value_parser = time::read)]
    before: Option<Timestamp>,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let by = args.by.as_deref().or(args.id.is_none().then_some("workflow"));
    let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let (since, before) = (text(args.since), text(args.before));
    let asked = [
        ("workflow", args.id.as_deref()),
        ("by", by),
        ("step", Some(args.step.as_str())),
        ("from", since.as_deref()),
        ("to", before.as_deref()),
    ];
    let query: Vec<(&str, &str)> =
        asked.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let stats = client.get(&["v1", "stats"], &query).await?;
    if output.is_json() {
        output.json(&stats)?;
    } else {
        print(&stats, output)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A column of the table, and its cell.
type Column = (&'static str, fn(&Value) -> String);

const MEASURES: [Column; 8] = [
    ("RUNS", |item| item["runs"].to_string()),
    ("FAILED", |item| item["failed"].to_string()),
    ("CANCELLED", |item| item["cancelled"].to_string()),
    ("P50", |item| time_of(&item["p50_ms"])),
    ("P95", |item| time_of(&item["p95_ms"])),
    ("QUEUED", |item| time_of(&item["queued_ms"])),
    ("TOKENS", |item| known(&item["tokens"].to_string(), &item["tokens_unknown_runs"])),
    ("COST", |item| known(&dollars_of(&item["cost_nano_usd"]), &item["cost_unknown_runs"])),
];

fn print(stats: &Value, output: &Output) -> Result<()> {
    let time: Column = ("TIME (UTC)", |item| moment(item["at"].as_str().unwrap_or_default()));
    let mut columns: Vec<Column> = (stats["step"] != "total").then_some(time).into_iter().collect();
    if stats["by"].is_string() {
        columns.push(("NAME", |item| cell(&item["name"])));
    }
    columns.extend(MEASURES);
    let items = stats["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |item| columns.iter().map(|(_, cell)| cell(item)).collect();
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    let head: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    Ok(table::print(output, &head, &rows)?)
}

fn time_of(milliseconds: &Value) -> String {
    milliseconds.as_u64().map_or("-".to_owned(), duration)
}

fn dollars_of(nano: &Value) -> String {
    dollars(nano.as_u64().unwrap_or_default())
}

/// Some runs may not be in the sum.
fn known(sum: &str, unknown_runs: &Value) -> String {
    if unknown_runs == 0 { sum.to_owned() } else { format!("≥ {sum}") }
}
