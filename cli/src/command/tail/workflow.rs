//! Follows a whole workflow live: lists its runs every second, and follows each that is open.

use std::collections::{HashMap, HashSet};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use console::Style;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::Lines;
use crate::client::Client;
use crate::follow::{Follower, StreamEvent, may_pass};
use crate::output::{Output, plain};

const LIST_EVERY: Duration = Duration::from_secs(1);
/// Further runs wait their turn. Nothing is lost: a run is followed from its first event.
const MAX_CONCURRENT_FOLLOWS: usize = 20;
const PAGE: &str = "100";

enum Update {
    Event(String, StreamEvent),
    /// This run can no longer be followed.
    Lost(String, anyhow::Error),
    /// The workflow can no longer be followed.
    Ended(anyhow::Error),
}

pub(super) async fn follow(client: &Client, workflow: &str, output: &Output) -> Result<ExitCode> {
    let mut seen = Seen::default();
    let first = seen.newcomers(client, workflow).await?;
    let going_on = first.into_iter().filter(|run| {
        !matches!(run["status"].as_str(), Some("succeeded" | "failed" | "cancelled"))
    });
    let (sender, mut updates) = mpsc::channel(64);
    let watch = Watch {
        client: client.clone(),
        workflow: workflow.to_owned(),
        turns: Arc::new(Semaphore::new(MAX_CONCURRENT_FOLLOWS)),
        sender,
    };
    output.note(format!("following {workflow}; ctrl-c ends it"));
    tokio::spawn(watch.go_on(seen, going_on.collect()));
    let mut voices = Voices::default();
    loop {
        let update = tokio::select! {
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("could not listen for ctrl-c")?;
                voices.end(output)?;
                return Ok(ExitCode::SUCCESS);
            }
            update = updates.recv() => update,
        };
        match update {
            Some(Update::Event(run, event)) if output.is_json() => {
                output.json_line(&json!({
                    "run_id": run, "event": event.name, "id": event.id, "data": event.data
                }))?;
            }
            Some(Update::Event(run, event)) => voices.show(&run, &event, output)?,
            Some(Update::Lost(run, error)) => {
                output.warn(format!("{} is no longer followed: {error:#}", plain(&run)))
            }
            Some(Update::Ended(error)) => return Err(error),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

struct Watch {
    client: Client,
    workflow: String,
    turns: Arc<Semaphore>,
    sender: mpsc::Sender<Update>,
}

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "a client of a server has no clock port")]
    async fn go_on(self, mut seen: Seen, first: Vec<Value>) {
        let mut newcomers = first;
        loop {
            // The newest run comes first in the list.
            for run in newcomers.iter().rev().filter_map(|run| run["id"].as_str()) {
                tokio::spawn(follow_run(
                    self.client.clone(),
                    run.to_owned(),
                    self.turns.clone(),
                    self.sender.clone(),
                ));
            }
            tokio::time::sleep(LIST_EVERY).await;
            newcomers = match seen.newcomers(&self.client, &self.workflow).await {
                Ok(newcomers) => newcomers,
                Err(error) if may_pass(&error) => Vec::new(),
                Err(error) => return drop(self.sender.send(Update::Ended(error)).await),
            };
        }
    }
}

async fn follow_run(
    client: Client,
    run: String,
    turns: Arc<Semaphore>,
    sender: mpsc::Sender<Update>,
) {
    let Ok(_turn) = turns.acquire().await else { return };
    let followed = async {
        let mut events = Follower::attach(&client, &run, None).await?;
        loop {
            let event = events.next().await?;
            let is_last = event.name == "run.finished";
            if sender.send(Update::Event(run.clone(), event)).await.is_err() || is_last {
                return Ok(());
            }
        }
    };
    if let Err(error) = followed.await {
        drop(sender.send(Update::Lost(run.clone(), error)).await);
    }
}

/// Ids of the runs in the last list. `None` before the first list.
#[derive(Default)]
struct Seen(Option<HashSet<String>>);

impl Seen {
    /// Reads pages until one contains a known run. The first time, one page is enough.
    async fn newcomers(&mut self, client: &Client, workflow: &str) -> Result<Vec<Value>> {
        let (mut listed, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = vec![("limit", PAGE)];
            query.extend(cursor.iter().map(|cursor| ("cursor", cursor.as_str())));
            let mut page = client.get(&["v1", "workflows", workflow, "runs"], &query).await?;
            let Value::Array(items) = page["items"].take() else {
                anyhow::bail!("the server's answer is not a list of runs")
            };
            let is_enough = self.0.is_none() || items.iter().any(|run| self.knows(run));
            listed.extend(items);
            match page["next_cursor"].as_str() {
                Some(next) if !is_enough => cursor = Some(next.to_owned()),
                _ => break,
            }
        }
        let newcomers = listed.iter().filter(|run| !self.knows(run)).cloned().collect();
        // Runs that are left out here come after known ones, and are never read again.
        self.0 =
            Some(listed.iter().filter_map(|run| run["id"].as_str().map(str::to_owned)).collect());
        Ok(newcomers)
    }

    fn knows(&self, run: &Value) -> bool {
        let known = self.0.as_ref();
        run["id"].as_str().is_some_and(|id| known.is_some_and(|known| known.contains(id)))
    }
}

/// Runs print at the same time, so each line begins with its run.
#[derive(Default)]
struct Voices {
    open: HashMap<String, Voice>,
    count: usize,
}

struct Voice {
    lines: Lines,
    /// A line that is not complete yet.
    pending: String,
    colour: Style,
}

impl Voices {
    fn show(&mut self, run: &str, event: &StreamEvent, output: &Output) -> io::Result<()> {
        let voice = self.open.entry(run.to_owned()).or_insert_with(|| {
            self.count += 1;
            Voice { lines: Lines::default(), pending: String::new(), colour: colour(self.count) }
        });
        voice.pending.push_str(&voice.lines.of(event));
        if let Some(end) = voice.pending.rfind('\n') {
            let rest = voice.pending.split_off(end + 1);
            voice.print(run, output)?;
            voice.pending = rest;
        }
        if event.name == "run.finished" {
            self.open.remove(run);
        }
        Ok(())
    }

    /// Prints the lines that are not complete.
    fn end(self, output: &Output) -> io::Result<()> {
        self.open.iter().try_for_each(|(run, voice)| voice.print(run, output))
    }
}

impl Voice {
    fn print(&self, run: &str, output: &Output) -> io::Result<()> {
        // Ids begin with the time, so only their ends differ visibly.
        let short = plain(run.get(run.len().saturating_sub(8)..).unwrap_or(run)).into_owned();
        self.pending
            .lines()
            .try_for_each(|line| output.line(format!("{}  {line}", self.colour.apply_to(&short))))
    }
}

fn colour(count: usize) -> Style {
    let style = Style::new();
    match count % 5 {
        0 => style.cyan(),
        1 => style.green(),
        2 => style.yellow(),
        3 => style.magenta(),
        _ => style.blue(),
    }
}
