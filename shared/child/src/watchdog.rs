//! Ends the child when a call hangs past its deadline. The parent kills it long before; this is for
//! systems where a parent's death ends no child.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// How long past its deadline a call may hang.
const GRACE: Duration = Duration::from_secs(2);
const STACK_BYTES: usize = 128 * 1024;

#[derive(Default)]
pub(crate) struct Watchdog(Option<Sender<Option<Instant>>>);

impl Watchdog {
    /// Starts the thread, and returns when it runs: a thread that is still starting when the filter
    /// for system calls lands would die.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        let (sender, deadlines) = mpsc::channel();
        let (say, running) = mpsc::channel();
        let watch = move || {
            let _ = say.send(());
            watch(&deadlines);
        };
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(watch)?;
        running.recv().map_err(io::Error::other)?;
        self.0 = Some(sender);
        Ok(())
    }

    pub(crate) fn arm(&self, deadline: Instant) {
        self.set(Some(deadline + GRACE));
    }

    pub(crate) fn disarm(&self) {
        self.set(None);
    }

    fn set(&self, deadline: Option<Instant>) {
        // Without the thread there is nobody to wake.
        let _ = self.0.as_ref().map(|thread| thread.send(deadline));
    }
}

fn watch(deadlines: &Receiver<Option<Instant>>) {
    let mut armed: Option<Instant> = None;
    loop {
        let received = match armed {
            None => deadlines.recv().map_err(RecvTimeoutError::from),
            Some(deadline) => deadlines.recv_timeout(deadline.duration_since(Instant::now())),
        };
        match received {
            Ok(deadline) => armed = deadline,
            Err(RecvTimeoutError::Timeout) => std::process::exit(1),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
