//! Sweeps send due work again: with a queue that refuses, and runs that wait to be wiped.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail};
use async_trait::async_trait;
use flowgate_app::{Ports, Settings, sweep};
use flowgate_core::clock::Clock;
use flowgate_core::computing::OneAtATime;
use flowgate_core::group::Group;
use flowgate_core::run::{FinishedRun, NewRun, RunHead, RunState};
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Message, Queue};
use flowgate_local::{Local, LocalLimits};
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use flowgate_tests::ports::sample::*;

#[derive(Default)]
struct Post {
    is_shut: AtomicBool,
    sent: Mutex<Vec<Message>>,
}

#[async_trait]
impl Queue for Post {
    async fn send(&self, message: Message, _: &Group) -> Result<()> {
        if self.is_shut.load(Ordering::Relaxed) {
            bail!("the queue takes nothing");
        }
        self.sent.lock().unwrap().push(message);
        Ok(())
    }

    async fn send_later(&self, _: Message, _: &Group, _: Timestamp) -> Result<()> {
        Ok(())
    }
}

struct Time(AtomicI64);

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

struct Store {
    ports: Ports,
    post: Arc<Post>,
    time: Arc<Time>,
    _folder: tempfile::TempDir,
}

impl Store {
    fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let local = Arc::new(Local::open(folder.path())?);
        let (post, time) = (Arc::new(Post::default()), Arc::new(Time(AtomicI64::new(0))));
        let ports = Ports {
            runs: local.clone(),
            deliveries: local.clone(),
            due: local.clone(),
            queue: post.clone(),
            workflows: local.clone(),
            jobs: local.clone(),
            sessions: local.clone(),
            knowledge: local.clone(),
            keys: local.clone(),
            budgets: local.clone(),
            stats: local.clone(),
            limits: Arc::new(LocalLimits::default()),
            secrets: local.clone(),
            logins: local.clone(),
            files: local,
            computing: Arc::new(OneAtATime),
            clock: time.clone(),
            entropy: Arc::new(SystemEntropy),
            telemetry: None,
        };
        Ok(Self { ports, post, time, _folder: folder })
    }

    async fn due(&self, ms: i64) -> Result<usize> {
        Ok(self.ports.due.due(at(ms), 100).await?.len())
    }
}

#[tokio::test]
async fn what_a_queue_refuses_is_sent_a_minute_later() -> Result<()> {
    let store = Store::open()?;
    for n in 1..=40 {
        store.ports.runs.create(detached(n)?).await?;
    }
    let hour = 3_600_000;
    store.time.0.store(hour, Ordering::Relaxed);
    store.post.is_shut.store(true, Ordering::Relaxed);
    assert!(sweep::sweep(&store.ports, 100).await.is_err());
    assert!((1..40).contains(&store.due(hour).await?), "only the first ones were tried");
    assert_eq!(store.due(hour + 60_000).await?, 40, "nothing waits longer than a minute");

    store.post.is_shut.store(false, Ordering::Relaxed);
    store.time.0.store(hour + 60_000, Ordering::Relaxed);
    assert_eq!(sweep::sweep(&store.ports, 100).await?.sent, 40);
    let sent: HashSet<Message> = store.post.sent.lock().unwrap().drain(..).collect();
    assert_eq!(sent.len(), 40);
    assert_eq!(
        store.due(hour + 120_000).await?,
        0,
        "an item sent after an hour is not sent again after a minute"
    );
    Ok(())
}

#[tokio::test]
async fn a_run_that_waits_to_be_wiped_is_looked_at_after_its_webhooks_next_attempt() -> Result<()> {
    let store = Store::open()?;
    let day = 24 * 3_600_000;
    let unsaved = attached(1)?;
    let unsaved = NewRun {
        head: Arc::new(RunHead { save: false, ..RunHead::clone(&unsaved.head) }),
        ..unsaved
    };
    let end = FinishedRun {
        deliveries: vec![delivery(1, 0, day)?],
        due_at: Some(at(950)),
        ..ending(RunState::Succeeded)
    };
    store.ports.runs.create_ended(unsaved, FinishedRun { expires_at: at(30 * day), ..end }).await?;
    store.time.0.store(1_000, Ordering::Relaxed);
    let runner =
        Runner::new(store.ports.clone(), Settings::default(), OutboundSettings::default()).await?;
    assert_eq!(runner.app.sweep(100).await?, 1);
    runner.work(&run_id(1)?).await?;
    assert_eq!(store.due(day - 1).await?, 0, "until then nothing is due");
    let minute = Duration::from_secs(60);
    let looks: Vec<Timestamp> =
        store.ports.due.due(at(2 * day), 10).await?.iter().map(|item| item.sweep_at).collect();
    assert_eq!(looks, [at(day), at(day) + minute], "the webhook, then its run");
    Ok(())
}
