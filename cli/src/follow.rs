//! Follows a run's events to its end. Reopens a cut connection after the last event that arrived.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::header::ACCEPT;
use reqwest::{Method, Response};
use serde::Serialize;
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;
use crate::sse::{Frame, Frames};

const MAX_ATTEMPTS: u32 = 8;
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// A connection that lasted this long resets the count of attempts.
const GOOD_AFTER: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize)]
pub(crate) struct StreamEvent {
    #[serde(rename = "event")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub data: Value,
}

pub(crate) struct Follower {
    client: Client,
    run: Option<String>,
    last: Option<String>,
    connection: Option<Response>,
    opened: Instant,
    /// Consecutive connections that brought no event.
    attempts: u32,
    frames: Frames,
    arrived: VecDeque<Frame>,
}

impl Follower {
    /// Follows the answer to a start. Its first event carries the run's id.
    pub(crate) fn of_start(client: &Client, answer: Response) -> Self {
        Self {
            client: client.clone(),
            run: None,
            last: None,
            connection: Some(answer),
            opened: Instant::now(),
            attempts: 0,
            frames: Frames::default(),
            arrived: VecDeque::new(),
        }
    }

    pub(crate) async fn attach(client: &Client, run: &str, after: Option<String>) -> Result<Self> {
        let answer = open(client, run, after.as_deref()).await?;
        Ok(Self { run: Some(run.to_owned()), last: after, ..Self::of_start(client, answer) })
    }

    /// The next event; the last one is `run.finished`.
    pub(crate) async fn next(&mut self) -> Result<StreamEvent> {
        loop {
            if let Some(frame) = self.arrived.pop_front() {
                match self.take(frame)? {
                    Some(event) => return self.whole(event).await,
                    None => continue,
                }
            }
            let Some(connection) = &mut self.connection else {
                self.reopen().await?;
                continue;
            };
            match connection.chunk().await {
                Ok(Some(bytes)) => self.arrived.extend(self.frames.push(&bytes)?),
                Ok(None) | Err(_) => self.connection = None,
            }
        }
    }

    /// Reads the run if its event left out an input or output for its size. A key that may not read
    /// it gets what there is.
    async fn whole(&self, mut event: StreamEvent) -> Result<StreamEvent> {
        if event.name == "run.finished" && event.data["omitted"].is_object() {
            let run = event.data["id"].as_str().unwrap_or_default().to_owned();
            match self.client.get(&["v1", "runs", &run], &[]).await {
                Ok(run) => event.data = run,
                Err(error) if may_pass(&error) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(event)
    }

    /// Returns `None` for frames about the connection itself.
    fn take(&mut self, frame: Frame) -> Result<Option<StreamEvent>> {
        if frame.event == "reconnect" {
            self.connection = None;
            self.arrived.clear();
        }
        let data: Value =
            serde_json::from_str(&frame.data).context("an event of the stream is not JSON")?;
        if let Some(id) = &frame.id {
            (self.last, self.attempts) = (Some(id.clone()), 0);
        }
        if let Some(run) = data["run_id"].as_str() {
            self.run.get_or_insert_with(|| run.to_owned());
        }
        Ok((frame.event != "reconnect").then_some(StreamEvent {
            name: frame.event,
            id: frame.id,
            data,
        }))
    }

    #[expect(clippy::disallowed_methods, reason = "a client of a server has no clock port")]
    async fn reopen(&mut self) -> Result<()> {
        let Some(run) = &self.run else {
            bail!("the connection was cut before the run's id arrived")
        };
        self.frames = Frames::default();
        if self.opened.elapsed() > GOOD_AFTER {
            self.attempts = 0;
        }
        tokio::time::sleep(pause(self.attempts)).await;
        self.attempts += 1;
        self.opened = Instant::now();
        match open(&self.client, run, self.last.as_deref()).await {
            Ok(answer) => self.connection = Some(answer),
            Err(error) if self.attempts >= MAX_ATTEMPTS || !may_pass(&error) => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }
}

fn pause(attempts: u32) -> Duration {
    match attempts {
        0 => Duration::ZERO,
        _ => (Duration::from_millis(250) * 2u32.saturating_pow(attempts)).min(MAX_PAUSE),
    }
}

/// Whether a retry may succeed.
pub(crate) fn may_pass(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(Failure::Unreachable { .. }) => true,
        Some(Failure::Refused(refusal)) => matches!(refusal.status, 429 | 500..),
        _ => false,
    }
}

async fn open(client: &Client, run: &str, after: Option<&str>) -> Result<Response> {
    let mut request = client
        .request(Method::GET, &["v1", "runs", run, "events"], &[])
        .header(ACCEPT, "text/event-stream");
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    client.send(request).await
}
