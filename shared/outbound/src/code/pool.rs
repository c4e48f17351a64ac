//! The children of this process: as many as it has places, each used by one call at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use flowgate_child_protocol::{BUILD, Layers, Reply};
use flowgate_engine::call::CallError;

use super::process::{Process, Starter};
use super::queue::{Place, Queue};
use crate::{failed, retryable};

/// How long a call waits for a place. It does not count in the call's timeout.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60);
/// How long a child may take to start. It does not count in the call's timeout either.
pub(super) const MAX_START: Duration = Duration::from_secs(10);
/// Two for each core, so that a group can keep all cores busy with half of the places. A child may
/// use 64 MiB for its engine and as much for a request and the reply.
const PLACES_PER_CORE: usize = 2;
const MAX_PLACES: usize = 8;
/// One for each core: a child may use 192 MiB to read a document, and 32 MiB for the document. Two
/// of them fit beside the runs in a function with 1 GiB.
const MAX_READERS: usize = 4;

pub(crate) struct Pool {
    /// Tried in this order until one works.
    programs: Vec<PathBuf>,
    queue: Arc<Queue>,
    /// Those that read documents wait here first.
    readers: Arc<Queue>,
    idle: Mutex<Vec<Process>>,
    starter: Starter,
    child: OnceLock<ChildInfo>,
}

/// The program that runs untrusted code, and what holds it in.
#[derive(Debug, Clone)]
pub struct ChildInfo {
    pub program: PathBuf,
    pub layers: Layers,
}

/// A child for one call. Dropping it kills the child and frees the place.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    process: Process,
    places: (Option<Place>, Place),
}

/// What a child is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Work {
    Code,
    Document,
}

impl Pool {
    pub(crate) fn new(programs: Vec<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            programs,
            queue: Queue::new((cores * PLACES_PER_CORE).min(MAX_PLACES)),
            readers: Queue::new(cores.min(MAX_READERS)),
            idle: Mutex::default(),
            starter: Starter::default(),
            child: OnceLock::new(),
        }
    }

    /// Returns the child that this process uses. `None` before the first call.
    pub(crate) fn child(&self) -> Option<&ChildInfo> {
        self.child.get()
    }

    pub(super) async fn lease(&self, group: &Arc<str>, work: Work) -> Result<Lease<'_>, CallError> {
        let overloaded = || CallError {
            nothing_happened: true,
            ..retryable("overloaded", "too much code runs on this server now; try again later")
        };
        let reader = match work {
            Work::Code => None,
            Work::Document => {
                Some(self.readers.enter(group, MAX_WAIT).await.ok_or_else(overloaded)?)
            }
        };
        let place = self.queue.enter(group, MAX_WAIT).await.ok_or_else(overloaded)?;
        let process = match self.take_idle() {
            Some(process) => process,
            None => self.start().await?,
        };
        Ok(Lease { pool: self, process, places: (reader, place) })
    }

    fn take_idle(&self) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop())
            .find_map(|mut process| process.is_fit_for_another_call().then_some(process))
    }

    async fn start(&self) -> Result<Process, CallError> {
        let known = self.child.get().map(|child| std::slice::from_ref(&child.program));
        let mut may_help_later = false;
        for program in known.unwrap_or(&self.programs) {
            match self.start_program(program).await {
                Ok(process) => return Ok(process),
                Err(error) => {
                    let program = program.display();
                    tracing::error!(%error, %program, "could not start a child");
                    may_help_later |= !matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::InvalidData
                    );
                }
            }
        }
        let message = "this server cannot start flowgate-child, the program that runs code";
        Err(CallError {
            nothing_happened: true,
            retryable: may_help_later,
            ..failed("code_unavailable", message)
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a process starts in real time, whatever the clock says"
    )]
    async fn start_program(&self, program: &Path) -> io::Result<Process> {
        let started = tokio::time::timeout(MAX_START, Process::start(program, &self.starter));
        let (process, hello) = started.await??;
        if hello.build != BUILD {
            let message = "it is of another build than this program";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let first = ChildInfo { program: program.to_owned(), layers: hello.layers };
        if self.child.set(first).is_ok() {
            self.log_layers();
        }
        Ok(process)
    }

    fn log_layers(&self) {
        let Some(ChildInfo { program, layers }) = self.child.get() else { return };
        let (program, holding) = (program.display(), layers.holding().join(", "));
        if layers.missing().is_empty() {
            tracing::info!(%program, holding, "code runs in a caged child");
        } else {
            let missing = layers.missing().join(", ");
            tracing::warn!(%program, holding, missing, "this system refuses layers of the cage");
        }
    }
}

impl Lease<'_> {
    pub(super) async fn ask(
        &mut self,
        frames: Vec<Vec<u8>>,
        max_reply_bytes: usize,
    ) -> io::Result<Reply> {
        self.process.ask(frames, max_reply_bytes).await
    }

    /// Keeps the child for the next call, of whatever run.
    pub(super) fn give_back(self) {
        let Self { pool, mut process, places } = self;
        if process.is_fit_for_another_call() {
            pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
        drop(places);
    }

    /// Kills the child, and returns when it is gone, with how it ended.
    pub(super) async fn end(self) -> Option<ExitStatus> {
        self.process.end().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_finds_no_place_may_be_retried() {
        let pool = Pool { queue: Queue::new(0), ..Pool::new(Vec::new()) };
        let group: Arc<str> = "a".into();
        let waiting: Vec<_> = (0..256)
            .map(|_| Box::pin(pool.queue.enter(&group, MAX_WAIT)))
            .map(|mut enter| {
                assert!(futures_util::FutureExt::now_or_never(&mut enter).is_none());
                enter
            })
            .collect();
        let error = pool.lease(&group, Work::Code).await.err().unwrap();
        assert_eq!(error.code, "overloaded");
        assert!(error.retryable && error.nothing_happened);
        drop(waiting);
    }
}
