//! The world of one seed: a store, a queue, receivers, processes, and a clock that moves only when
//! everything waits for it.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use flowgate_app::access::Caller;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_aws::Aws;
use flowgate_core::Ports;
use flowgate_core::clock::Clock;
use flowgate_core::computing::OneAtATime;
use flowgate_core::delivery::DeliveryState;
use flowgate_core::id::RunId;
use flowgate_core::run::Dialect;
use flowgate_core::secret::Secrets;
use flowgate_core::system::SystemEntropy;
use flowgate_core::time::Timestamp;
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_local::{Local, LocalLimits, LocalQueue, Places};
use flowgate_runner::start::{
    IDEMPOTENCY_WINDOW, IdempotencyRequest, ResponseMode, StartRequest, Started, WhenWaitEnds,
};
use serde_json::json;

use super::history::History;
use super::life::{Activity, CALL_TIMEOUT};
use super::plan::Plan;
use super::process::{Function, Process, Shared, Traits};
use super::queue::{Weather, WeatheredQueue};
use super::upstream::Upstream;
use super::without::Guard;
use crate::clock::TestClock;
use crate::home::is_aws;
use crate::ports::sample::at;
use crate::stores::Stores;

/// How often in a row nothing may happen before the world counts as waiting. Each time, every task
/// that is ready has run once.
const CALM: usize = 24;
/// In real time: a call on loopback that does not get on for this long is not being looked at.
const MAX_STALL: Duration = Duration::from_millis(30);
/// The same for an operation of a store, which may wait for the disk.
const MAX_OPERATION_STALL: Duration = Duration::from_millis(250);
const MAX_SECOND_LOOKS: usize = 100;
/// On AWS a sweep asks 256 shards of the double.
const MAX_OPERATION_STALL_ON_AWS: Duration = Duration::from_secs(5);
/// As in the template.
const SWEEP_EVERY_ON_AWS: Duration = Duration::from_secs(60);
pub const WORKFLOW: &str = "w";
pub const SECRET: &str = "the-value-of-the-secret";

#[derive(Debug, Clone)]
pub struct Setup {
    pub seed: u64,
    pub workers: usize,
    /// Messages that a worker handles at the same time.
    pub concurrency: usize,
    /// How far each worker's clock is ahead of the true time; 0 beyond the list.
    pub ahead_ms: &'static [i64],
    pub weather: Weather,
    pub sweep_every: Duration,
    /// A process that died is back after this long.
    pub restart_after: Duration,
    pub function: Option<Function>,
    pub without: Option<Guard>,
}

impl Setup {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            workers: 2,
            concurrency: 8,
            ahead_ms: &[],
            weather: Weather::default(),
            sweep_every: if is_aws() { SWEEP_EVERY_ON_AWS } else { Duration::from_secs(10) },
            restart_after: Duration::from_secs(1),
            function: None,
            without: None,
        }
    }
}

pub struct World {
    pub clock: Arc<TestClock>,
    pub plan: Arc<Plan>,
    pub history: Arc<History>,
    pub upstream: Upstream,
    pub queue: Arc<WeatheredQueue>,
    /// The store itself, without faults.
    pub truth: Ports,
    setup: Setup,
    shared: Shared,
    activity: Arc<Activity>,
    slots: Mutex<Vec<Slot>>,
    front: Mutex<Option<Process>>,
    accepted: Mutex<BTreeMap<usize, RunId>>,
    /// Operations and calls that nobody looks at.
    forgiven: Mutex<[usize; 2]>,
    second_looks: AtomicUsize,
    _keep: Arc<dyn Any + Send + Sync>,
}

/// The place of a worker, which another one takes when it dies.
struct Slot {
    traits: Traits,
    process: Option<Process>,
    restart_at: Timestamp,
}

static DOUBLE: LazyLock<Stores> =
    LazyLock::new(|| Stores::start().expect("the double of AWS starts"));

/// Opens the store of the home on which the tests run.
async fn open(clock: Arc<TestClock>) -> Result<(Ports, Arc<dyn Any + Send + Sync>)> {
    if is_aws() {
        let aws = Aws::with(&DOUBLE.fresh().await?, clock, Arc::new(SystemEntropy));
        return Ok((aws.ports(), Arc::new(())));
    }
    let folder = memory_folder()?;
    let local = Arc::new(Local::open(folder.path())?);
    // A queue of the world takes its place.
    let places = Places { all: 1, per_group: 1 };
    let queue = LocalQueue::new(places, places);
    let ports = Ports {
        runs: local.clone(),
        deliveries: local.clone(),
        due: local.clone(),
        queue: Arc::new(queue),
        workflows: local.clone(),
        keys: local.clone(),
        limits: Arc::new(LocalLimits::default()),
        budgets: local.clone(),
        stats: local.clone(),
        jobs: local.clone(),
        sessions: local.clone(),
        knowledge: local.clone(),
        secrets: local.clone(),
        logins: local.clone(),
        files: local,
        computing: Arc::new(OneAtATime),
        clock,
        entropy: Arc::new(SystemEntropy),
        telemetry: None,
    };
    Ok((ports, Arc::new(folder)))
}

/// A folder in memory, where there is one: nothing here depends on the disk.
pub fn memory_folder() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { Ok(tempfile::tempdir_in(memory)?) } else { Ok(tempfile::tempdir()?) }
}

/// Four calls, two of them concurrent, a webhook in the middle and one at the end.
pub fn document(upstream: &str, name: &str) -> String {
    let timeout = CALL_TIMEOUT.as_secs();
    let call = |id: &str, query: &str| {
        format!(
            "  - {{ id: {id}, type: http, url: \"{upstream}/{id}/<api.i>\", timeout: {timeout}s, \
             query: {{ {query} }} }}\n"
        )
    };
    let calls = [
        call("first", ""),
        call("left", "after: \"<first.data.said>\""),
        call("right", "after: \"<first.data.said>\""),
        call("last", "left: \"<left.data.said>\", right: \"<right.data.said>\""),
    ];
    format!(
        "name: {name}\ninput: [{{ name: i, type: number }}]\nnodes:\n{}  - {{ id: notify, type: \
         webhook, url: \"{upstream}/notify/<api.i>\", body: {{ said: \"<first.data.said>\" }} \
         }}\noutput: {{ said: \"<last.data.said>\", name: {name} }}\nwebhook: {{ url: \
         \"{upstream}/done/<api.i>\", headers: {{ X-Token: \"{{{{TOKEN}}}}\" }} }}\n",
        calls.concat()
    )
}

impl World {
    pub async fn open(setup: Setup) -> Result<Self> {
        let clock = Arc::new(TestClock::new(at(0)));
        let activity = Arc::new(Activity::default());
        let (truth, keep) = open(clock.clone()).await?;
        let queue = WeatheredQueue::new(setup.seed, setup.weather, clock.clone(), activity.clone());
        let queue = Arc::new(queue);
        let (plan, history) =
            (Arc::new(Plan::new(setup.seed)), Arc::new(History::new(activity.clone())));
        let shared = Shared {
            ports: Ports { queue: queue.clone(), ..truth.clone() },
            clock: clock.clone(),
            activity: activity.clone(),
            plan: plan.clone(),
            history: history.clone(),
            queue: queue.clone(),
            without: setup.without,
        };
        let upstream = Upstream::start(clock.clone(), activity.clone()).await;
        let slots = (0..setup.workers).map(|n| Slot {
            traits: setup.traits("worker", n),
            process: None,
            restart_at: Timestamp(0),
        });
        let slots = Mutex::new(slots.collect());
        let world = Self {
            clock,
            plan,
            history,
            upstream,
            queue,
            truth,
            setup,
            shared,
            activity,
            slots,
            front: Mutex::default(),
            accepted: Mutex::default(),
            forgiven: Mutex::default(),
            second_looks: AtomicUsize::default(),
            _keep: keep,
        };
        Secrets::put(&*world.truth.secrets, "TOKEN", &SECRET.into(), world.clock.now()).await?;
        world.publish(&document(&world.upstream.url, "one")).await?;
        world.revive().await?;
        Ok(world)
    }

    pub async fn publish(&self, document: &str) -> Result<()> {
        let app = &self.front().await?.runner.app.clone();
        let draft =
            SaveDraft { id: WORKFLOW, document, only_if: OnlyIf::Any, reserved_input_names: &[] };
        let publishing = async {
            let saved = app.save_draft(&Caller::Admin, draft).await?;
            app.publish(&Caller::Admin, WORKFLOW, None, None)
                .await
                .with_context(|| format!("{:?}", saved.problems))?;
            Ok(())
        };
        self.drive(publishing).await
    }

    /// The process that serves callers. Another one takes its place when it has died.
    pub async fn front(&self) -> Result<Process> {
        if let Some(front) = lock(&self.front).clone().filter(|front| !front.life.is_dead()) {
            return Ok(front);
        }
        let front = Process::front(&self.shared, self.setup.traits("front", usize::MAX)).await?;
        *lock(&self.front) = Some(front.clone());
        Ok(front)
    }

    /// The worker in a place; `None` while none is there.
    pub fn worker(&self, place: usize) -> Option<Process> {
        lock(&self.slots).get(place)?.process.clone()
    }

    /// Asks once for a run with the input `i`.
    pub async fn try_start(&self, i: usize) -> flowgate_app::Result<RunId> {
        let front = self.front().await?;
        tokio::select! {
            biased;
            start = front.runner.start_run(&Caller::Admin, request(i)) => match start?.started {
                Started::Run(run) | Started::Repeated(run) => {
                    lock(&self.accepted).insert(i, run.head.id.clone());
                    Ok(run.head.id.clone())
                }
                _ => Err(anyhow!("the run was not accepted").into()),
            },
            () = front.life.died() => Err(anyhow!("the connection broke").into()),
        }
    }

    /// Asks for `runs` runs, as a good client does: with a key, and again until it is answered.
    pub async fn accept(&self, runs: usize) {
        let starts = (0..runs).map(async |i| {
            while self.try_start(i).await.is_err() {
                self.clock.sleep(Duration::from_secs(1)).await;
            }
        });
        self.drive(futures_util::future::join_all(starts)).await;
    }

    pub fn accepted(&self) -> BTreeMap<usize, RunId> {
        lock(&self.accepted).clone()
    }

    /// Does the work while the world goes on.
    pub async fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.quiet() => {}
            }
            if self.revive().await.expect("a process starts again") {
                continue;
            }
            let goes_on = self.advance(Timestamp(i64::MAX)) || self.looks_again();
            assert!(goes_on, "the world waits for nothing");
        }
    }

    /// Lets this much time pass.
    pub async fn pass(&self, time: Duration) {
        self.until(time, async || false).await.expect("time passes");
    }

    /// Lets the world go on until all that was accepted has ended and all its webhooks are settled,
    /// at most for `bound`.
    pub async fn settle(&self, bound: Duration) -> Result<()> {
        let open = Mutex::new(self.accepted().into_values().collect::<Vec<_>>());
        let is_over = async || {
            loop {
                let Some(run) = lock(&open).last().cloned() else { return true };
                if !matches!(self.is_settled(&run).await, Ok(true)) {
                    return false;
                }
                lock(&open).pop();
            }
        };
        self.until(bound, is_over).await
    }

    /// Lets the world go on until `enough` holds. Returns without it after `bound`.
    pub async fn until(&self, bound: Duration, enough: impl AsyncFn() -> bool) -> Result<()> {
        let until = self.clock.now() + bound;
        loop {
            self.quiet().await;
            if self.revive().await? {
                continue;
            }
            if enough().await || self.clock.now() >= until {
                return Ok(());
            }
            if !self.advance(until) && !self.looks_again() {
                bail!("the world waits for nothing");
            }
        }
    }

    async fn is_settled(&self, run: &RunId) -> Result<bool> {
        let record = self.truth.runs.read(run).await?.context("an accepted run is stored")?;
        let deliveries = self.truth.deliveries.of_run(run).await?;
        let is_open = |state: DeliveryState| state == DeliveryState::Pending;
        Ok(record.state.has_ended() && !deliveries.iter().any(|delivery| is_open(delivery.state)))
    }

    /// Returns when everything waits for time alone.
    async fn quiet(&self) {
        let (mut calm, mut seen, mut since) = (0, self.activity.stamp(), Instant::now());
        while calm < CALM {
            if self.is_busy(since.elapsed()) {
                self.activity.changed().await;
                calm = 0;
            } else {
                tokio::task::yield_now().await;
                calm += 1;
            }
            let stamp = self.activity.stamp();
            if stamp != seen {
                (calm, seen, since) = (0, stamp, Instant::now());
            }
        }
    }

    /// Nothing has happened for `stalled`. A driver that waits for a late store does not look at
    /// its other calls meanwhile. What does not get on for long is such a call, and counts no more.
    fn is_busy(&self, stalled: Duration) -> bool {
        let mut all: Vec<Process> =
            lock(&self.slots).iter().filter_map(|slot| slot.process.clone()).collect();
        all.extend(lock(&self.front).clone());
        let alive = || all.iter().filter(|process| process.life.acts());
        let on_the_network: usize = alive().map(|process| process.life.on_the_network()).sum();
        let of_operation = if is_aws() { MAX_OPERATION_STALL_ON_AWS } else { MAX_OPERATION_STALL };
        let open = [
            (alive().map(|process| process.life.in_operation()).sum(), of_operation),
            (on_the_network.saturating_sub(self.upstream.held()), MAX_STALL),
        ];
        let mut busy = false;
        for ((count, limit), forgiven) in open.into_iter().zip(&mut *lock(&self.forgiven)) {
            *forgiven = if stalled < limit { count.min(*forgiven) } else { count };
            busy |= count > *forgiven;
        }
        busy
    }

    /// Buries the dead, and starts others in their place when it is time. Returns whether it did.
    async fn revive(&self) -> Result<bool> {
        let now = self.clock.now();
        let mut places = Vec::new();
        for (place, slot) in lock(&self.slots).iter_mut().enumerate() {
            if let Some(dead) = slot.process.take_if(|process| process.life.is_dead()) {
                dead.bury();
                slot.restart_at = now + self.setup.restart_after;
            }
            if slot.process.is_none() && slot.restart_at <= now {
                places.push((place, slot.traits));
            }
        }
        let any = !places.is_empty();
        for (place, traits) in places {
            let process = Process::worker(&self.shared, traits).await?;
            lock(&self.slots)[place].process = Some(process);
        }
        Ok(any)
    }

    /// Nothing waits for time. On a busy machine, what was forgiven may still come to an end.
    fn looks_again(&self) -> bool {
        let forgiven = std::mem::take(&mut *lock(&self.forgiven));
        forgiven != [0, 0] && self.second_looks.fetch_add(1, Ordering::Relaxed) < MAX_SECOND_LOOKS
    }

    /// Moves the clock to the next time that anything waits for, at most to `until`. Returns
    /// `false` if nothing does.
    fn advance(&self, until: Timestamp) -> bool {
        let empty = |slot: &Slot| slot.process.is_none().then_some(slot.restart_at);
        let restart = lock(&self.slots).iter().filter_map(empty).min();
        let next = [restart, self.clock.next_wake()].into_iter().flatten().min();
        next.inspect(|next| self.clock.set(until.min(*next))).is_some()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        lock(&self.slots).iter().filter_map(|slot| slot.process.as_ref()).for_each(Process::bury);
    }
}

impl Setup {
    fn traits(&self, name: &'static str, place: usize) -> Traits {
        Traits {
            name,
            ahead_ms: self.ahead_ms.get(place).copied().unwrap_or(0),
            concurrency: self.concurrency,
            sweep_every: self.sweep_every,
            function: self.function.filter(|_| name == "worker"),
        }
    }
}

fn request(i: usize) -> StartRequest {
    StartRequest {
        workflow_id: WORKFLOW.to_owned(),
        version: None,
        dialect: Dialect::Native,
        input: json!({ "i": i }),
        input_as_sent: None,
        rules: InputRules { undeclared: Undeclared::Refuse, coerce: false },
        input_pointer: "/input",
        user: None,
        save: None,
        webhooks: Vec::new(),
        response_mode: ResponseMode::Detach,
        when_wait_ends: WhenWaitEnds::Detach,
        spending_limit: SpendingLimit::default(),
        timeout: None,
        run_id: None,
        idempotency: Some(IdempotencyRequest {
            key: format!("key-{i}"),
            body_hash: format!("body-{i}"),
            window: IDEMPOTENCY_WINDOW,
        }),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
