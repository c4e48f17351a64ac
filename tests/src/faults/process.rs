//! One process of the world: an `App` over the faulty ports, and for workers the loops that handle
//! messages and sweep.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flowgate_app::Settings;
use flowgate_core::Ports;
use flowgate_core::clock::Clock;
use flowgate_core::work::Message;
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use super::history::History;
use super::life::{Activity, Life, ProcessClock};
use super::plan::Plan;
use super::ports::Faulty;
use super::queue::WeatheredQueue;
use super::without::Guard;
use crate::clock::TestClock;
use crate::server::ADMIN_KEY;

/// Before a function's deadline: its runs are handed over by then.
const RELEASE_MARGIN: Duration = Duration::from_secs(20);

/// What all processes of a world share.
#[derive(Clone)]
pub struct Shared {
    pub ports: Ports,
    pub clock: Arc<TestClock>,
    pub activity: Arc<Activity>,
    pub plan: Arc<Plan>,
    pub history: Arc<History>,
    pub queue: Arc<WeatheredQueue>,
    pub without: Option<Guard>,
}

/// What is special about a process.
#[derive(Debug, Clone, Copy)]
pub struct Traits {
    pub name: &'static str,
    pub ahead_ms: i64,
    /// Messages handled at the same time.
    pub concurrency: usize,
    pub sweep_every: Duration,
    pub function: Option<Function>,
}

/// A worker that is a function: it is killed when a message took too long.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub limit: Duration,
    /// Otherwise it dies in the middle of what it does.
    pub knows_limit: bool,
}

#[derive(Clone)]
pub struct Process {
    pub runner: Arc<Runner>,
    pub life: Arc<Life>,
    tasks: Option<AbortHandle>,
}

impl Process {
    /// A process that only serves callers.
    pub async fn front(shared: &Shared, traits: Traits) -> Result<Self> {
        let life = Arc::new(Life::new(traits.name, shared.activity.clone()));
        let clock: Arc<dyn Clock> = Arc::new(ProcessClock {
            base: shared.clock.clone(),
            ahead_ms: traits.ahead_ms,
            life: life.clone(),
        });
        let faulty = Faulty {
            inner: shared.ports.clone(),
            plan: shared.plan.clone(),
            life: life.clone(),
            history: shared.history.clone(),
            clock,
            without: shared.without,
        };
        let settings = Settings {
            admin_key: Some(ADMIN_KEY.to_owned()),
            frozen_between_requests: traits.function.is_some(),
            ..Settings::default()
        };
        let outbound = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
        let runner = Runner::new(faulty.ports(), settings, outbound).await?;
        Ok(Self { runner, life, tasks: None })
    }

    /// A process that handles messages and sweeps.
    pub async fn worker(shared: &Shared, traits: Traits) -> Result<Self> {
        let process = Self::front(shared, traits).await?;
        let work = work(process.clone(), shared.queue.clone(), traits);
        Ok(Self { tasks: Some(tokio::spawn(work).abort_handle()), ..process })
    }

    /// Drops all that the process was doing.
    pub fn bury(&self) {
        self.life.kill();
        if let Some(tasks) = &self.tasks {
            tasks.abort();
        }
    }
}

async fn work(process: Process, queue: Arc<WeatheredQueue>, traits: Traits) {
    let turns = Arc::new(Semaphore::new(traits.concurrency));
    let mut tasks = JoinSet::new();
    tasks.spawn(sweep(process.clone(), traits.sweep_every));
    loop {
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        process.life.awake().await;
        let message = queue.receive().await;
        let process = process.clone();
        tasks.spawn(async move {
            handle(&process, &message, traits.function).await;
            drop(turn);
        });
        while tasks.try_join_next().is_some() {}
    }
}

/// What fails is not tried again here: its due row brings it back.
async fn handle(process: &Process, message: &Message, function: Option<Function>) {
    let app = &process.runner.app;
    let Some(Function { limit, knows_limit }) = function else {
        let _ = process.runner.handle(message).await;
        return;
    };
    if knows_limit {
        app.must_end_by(app.now() + limit.saturating_sub(RELEASE_MARGIN));
    }
    tokio::select! {
        biased;
        _ = process.runner.handle(message) => {}
        () = app.ports.clock.sleep(limit) => process.life.kill(),
    }
}

async fn sweep(process: Process, every: Duration) {
    loop {
        process.runner.app.ports.clock.sleep(every).await;
        let _ = process.runner.app.sweep(100).await;
    }
}
