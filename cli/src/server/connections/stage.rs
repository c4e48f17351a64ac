//! Where a connection stands between two requests, as its socket and its service both see it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// What the next byte from the client would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The rest of a request's headers, or the first request of the connection.
    Headers = 0,
    /// Nothing: a request is being answered. Its body has a limit of its own.
    Nothing = 1,
    /// The next request.
    NextRequest = 2,
}

/// Starts with [`Awaited::Headers`].
#[derive(Default)]
pub(super) struct Stage {
    /// The number of changes so far, times 4, plus the [`Awaited`].
    word: AtomicU32,
    gone: AtomicBool,
    /// Who reads the socket: a change may set a limit to its wait.
    reader: Mutex<Option<Waker>>,
}

impl Stage {
    /// Returns what is awaited, and a number that differs after each change.
    pub(super) fn read(&self) -> (Awaited, u32) {
        let word = self.word.load(Ordering::Acquire);
        let awaited = match word & 3 {
            0 => Awaited::Headers,
            1 => Awaited::Nothing,
            _ => Awaited::NextRequest,
        };
        (awaited, word)
    }

    pub(super) fn set(&self, awaited: Awaited) {
        let next = |word: u32| Some((word & !3).wrapping_add(4) | awaited as u32);
        let _ = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Wakes the reader at the next change.
    pub(super) fn wake_at_change(&self, reader: &Waker) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader.clone());
    }

    /// The client has closed its side, or the connection failed: nobody reads an answer any more.
    pub(super) fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}
