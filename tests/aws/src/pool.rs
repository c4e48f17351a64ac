//! The processes of one function: started on demand, reused while warm, limited by its concurrency.

use std::collections::HashMap;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::function::Function;
use crate::instance::Instance;
use crate::invocation::{Failure, Invocation, Outcome};
use crate::queues::now_ms;
use crate::spawn::Spawner;

/// Lambda's limit for one synchronous event.
pub(crate) const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;
/// How many log lines of a function are kept.
const MAX_LOG_LINES: usize = 50_000;

pub(crate) struct Pool {
    pub(crate) function: Function,
    /// The runtime API's address. The instance's id follows.
    runtime_api: String,
    spawner: Spawner,
    places: Arc<Semaphore>,
    state: Mutex<State>,
    started: AtomicU64,
    invocations: AtomicU64,
}

#[derive(Default)]
struct State {
    instances: HashMap<String, Arc<Instance>>,
    /// The warmest process is last.
    idle: Vec<Arc<Instance>>,
    log: Vec<Value>,
}

impl Pool {
    pub(crate) fn new(function: Function, runtime_api: &str, spawner: Spawner) -> Self {
        let places = Arc::new(Semaphore::new(function.concurrency));
        Self {
            function,
            runtime_api: runtime_api.to_owned(),
            spawner,
            places,
            state: Mutex::default(),
            started: AtomicU64::new(0),
            invocations: AtomicU64::new(0),
        }
    }

    /// Waits at most `patience` for a free place.
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        event: Bytes,
        patience: Duration,
    ) -> Result<Outcome, Failure> {
        let permit = tokio::time::timeout(patience, self.places.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(Failure::Throttled)?;
        self.invocations.fetch_add(1, Ordering::Relaxed);
        let (invocation, answered) = Invocation::new(event);
        self.hand_out(Arc::new(invocation), permit).await?;
        let answer = answered
            .await
            .unwrap_or_else(|_| Err(Failure::Exited("the invocation was lost".to_owned())));
        if let Err(failure) = &answer {
            self.note(failure);
        }
        answer
    }

    /// Writes to the function's log, as Lambda does, and to the double's own output.
    pub(crate) fn note(&self, failure: &Failure) {
        let line = failure.describe().to_string();
        eprintln!("{}: {line}", self.function.name);
        self.lock().log.push(json!({ "at_ms": now_ms(), "instance": "platform", "line": line }));
    }

    pub(crate) fn instance(&self, id: &str) -> Option<Arc<Instance>> {
        self.lock().instances.get(id).cloned()
    }

    /// An instance asked for its next event. It is frozen before it becomes available, so that it
    /// is never frozen with an event.
    pub(crate) fn rests(&self, instance: &Arc<Instance>) {
        let permit = instance.end_current();
        if instance.has_pending() {
            return;
        }
        instance.freeze();
        self.lock().idle.push(instance.clone());
        drop(permit);
    }

    /// Sends SIGKILL to all processes with an event, and returns their number.
    pub(crate) fn kill_busy(&self) -> usize {
        let busy: Vec<Arc<Instance>> =
            self.lock().instances.values().filter(|instance| instance.is_busy()).cloned().collect();
        busy.iter().for_each(|instance| instance.kill(None));
        busy.len()
    }

    pub(crate) fn kill_all(&self) {
        self.lock().instances.values().for_each(|instance| instance.kill(None));
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        self.lock().log.clone()
    }

    pub(crate) fn describe(&self) -> Value {
        let state = self.lock();
        let resident: Vec<Option<u64>> =
            state.instances.values().map(|instance| instance.resident_kib()).collect();
        json!({
            "processes": state.instances.len(),
            "busy": state.instances.values().filter(|instance| instance.is_busy()).count(),
            "cold_starts": self.started.load(Ordering::Relaxed),
            "invocations": self.invocations.load(Ordering::Relaxed),
            "resident_kib": resident,
        })
    }

    async fn hand_out(
        self: &Arc<Self>,
        invocation: Arc<Invocation>,
        mut permit: OwnedSemaphorePermit,
    ) -> Result<(), Failure> {
        loop {
            let Some(warm) = self.lock().idle.pop() else {
                return self.start(invocation, permit).await;
            };
            match warm.assign(invocation.clone(), permit) {
                Ok(()) => return Ok(()),
                Err(given_back) => permit = given_back,
            }
        }
    }

    /// Registers the process with its event before it runs: it may ask for the event before its
    /// spawn has returned.
    async fn start(
        self: &Arc<Self>,
        invocation: Arc<Invocation>,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), Failure> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", self.function.name);
        let instance = Arc::new(Instance::new(id.clone(), invocation, permit));
        self.lock().instances.insert(id.clone(), instance.clone());
        let mut child =
            match self.spawner.spawn(&self.function, &format!("{}/{id}", self.runtime_api)).await {
                Ok(child) => child,
                Err(error) => {
                    self.lock().instances.remove(&id);
                    return Err(Failure::Exited(format!("{error:#}")));
                }
            };
        if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            instance.runs_as(pid);
        }
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(self.clone().read_log(id.clone(), stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(self.clone().read_log(id, stderr));
        }
        tokio::spawn(self.clone().bury(instance, child));
        Ok(())
    }

    async fn bury(self: Arc<Self>, instance: Arc<Instance>, mut child: Child) {
        let ended = child.wait().await;
        {
            let mut state = self.lock();
            state.instances.remove(&instance.id);
            state.idle.retain(|idle| idle.id != instance.id);
        }
        if let Ok(status) = &ended
            && status.code().is_some()
        {
            self.report_exit(&instance.id, status).await;
        }
        instance
            .died(&ended.map_or_else(|error| error.to_string(), |status| how_it_ended(&status)));
    }

    /// Reports a process that nobody killed. Its log says why it exited.
    async fn report_exit(&self, instance: &str, status: &ExitStatus) {
        // Its last output may still be in the pipes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let state = self.lock();
        let of_it = state.log.iter().rev().filter(|line| line["instance"] == instance).take(6);
        let words: Vec<&str> = of_it.filter_map(|line| line["line"].as_str()).collect();
        eprintln!(
            "{instance} ended with {status}; its last words, the last first:\n{}",
            words.join("\n")
        );
    }

    async fn read_log(self: Arc<Self>, instance: String, pipe: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut state = self.lock();
            if state.log.len() < MAX_LOG_LINES {
                state.log.push(json!({ "at_ms": now_ms(), "instance": instance, "line": line }));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn how_it_ended(status: &ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(9) => "signal: killed".to_owned(),
        Some(signal) => format!("signal: {signal}"),
        None => format!("exit status {}", status.code().unwrap_or_default()),
    }
}
