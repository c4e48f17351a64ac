//! One child: how it is started, asked and ended.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{self, SendError, Sender};
use std::sync::{Mutex, PoisonError};

use flowgate_child_protocol::{ARGUMENT, Hello, MAX_HELLO_BYTES, Reply};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A child with more memory than this in use is not kept for the next call: its allocator does not
/// give everything back.
const MAX_IDLE_BYTES: usize = 32 * 1024 * 1024;
/// The page size of most systems. Where pages are larger, less memory counts.
const PAGE_BYTES: usize = 4 * 1024;

/// Killed when it is dropped.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Process {
    /// Starts the program, and returns when it is caged.
    pub(super) async fn start(program: &Path, starter: &Starter) -> io::Result<(Self, Hello)> {
        let mut child = starter.start(program).await?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
        let mut process = Self { child, stdin, stdout };
        let hello = process.read(MAX_HELLO_BYTES).await?;
        Ok((process, hello))
    }

    pub(super) async fn ask(
        &mut self,
        frames: Vec<Vec<u8>>,
        max_reply_bytes: usize,
    ) -> io::Result<Reply> {
        for frame in frames {
            let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
            self.stdin.write_all(&length.to_be_bytes()).await?;
            self.stdin.write_all(&frame).await?;
        }
        self.stdin.flush().await?;
        self.read(max_reply_bytes).await
    }

    async fn read<T: DeserializeOwned>(&mut self, max_bytes: usize) -> io::Result<T> {
        let length = self.stdout.read_u32().await? as usize;
        if length > max_bytes {
            return Err(io::Error::other("its answer is too large"));
        }
        let mut answer = vec![0; length];
        self.stdout.read_exact(&mut answer).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Returns false if the child has exited, or has grown.
    pub(super) fn is_fit_for_another_call(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
            && self.resident_bytes().is_none_or(|bytes| bytes <= MAX_IDLE_BYTES)
    }

    /// Returns `None` on systems without `/proc`.
    fn resident_bytes(&self) -> Option<usize> {
        let sizes = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()?)).ok()?;
        let pages: usize = sizes.split(' ').nth(1)?.parse().ok()?;
        Some(pages * PAGE_BYTES)
    }

    /// Kills the child, and returns when it is gone. One that has exited by itself says how.
    pub(super) async fn end(mut self) -> Option<ExitStatus> {
        // It fails if there is nobody to kill.
        let _ = self.child.start_kill();
        let ended = self.child.wait().await;
        ended.inspect_err(|error| tracing::warn!(%error, "could not kill the child")).ok()
    }
}

/// Starts all children from one thread that lives as long as the pool. The kernel kills a child
/// when the thread that started it ends, and the threads of a runtime come and go.
#[derive(Default)]
pub(super) struct Starter(Mutex<Option<Sender<Order>>>);

struct Order {
    program: Box<Path>,
    /// Reads the child's pipes and reaps it.
    runtime: Handle,
    started: oneshot::Sender<io::Result<Child>>,
}

impl Starter {
    async fn start(&self, program: &Path) -> io::Result<Child> {
        let (started, child) = oneshot::channel();
        self.send(Order { program: program.into(), runtime: Handle::current(), started })?;
        child.await.map_err(io::Error::other)?
    }

    fn send(&self, order: Order) -> io::Result<()> {
        let mut thread = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = match &*thread {
            Some(orders) => orders.send(order),
            None => Err(SendError(order)),
        };
        let Err(SendError(order)) = sent else { return Ok(()) };
        let (orders, received) = mpsc::channel();
        std::thread::Builder::new().name("children".to_owned()).spawn(move || {
            received.into_iter().for_each(Order::fulfil);
        })?;
        let sent = orders.send(order).map_err(|_| io::Error::other("the thread has ended"));
        *thread = Some(orders);
        sent
    }
}

impl Order {
    fn fulfil(self) {
        let _runtime = self.runtime.enter();
        // If nobody waits for the child any more, this drops and kills it.
        let _ = self.started.send(spawn(&self.program));
    }
}

/// The environment holds only the time zone: code returns the same result on every machine.
fn spawn(program: &Path) -> io::Result<Child> {
    Command::new(program)
        .arg(ARGUMENT)
        .arg(std::process::id().to_string())
        .env_clear()
        .env("TZ", "UTC")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}
