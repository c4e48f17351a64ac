//! An answer from its first byte to its end, without the connection it comes over.

use flowgate_engine::call::CallError;

use super::failure::error_in;
use super::framing::{End, Fault, Framer, MAX_FRAME_BYTES};
use super::reply::{Draft, Finish, Reply};
use super::wire::{Decoder, Wire};
use super::{retryable, too_large};

pub(super) struct Reading {
    framer: Framer,
    decoder: Box<dyn Decoder>,
    pub(super) draft: Draft,
}

impl Reading {
    pub(super) fn new(wire: &dyn Wire, max_bytes: usize) -> Self {
        Self {
            framer: Framer::new(wire.framing()),
            decoder: wire.decoder(),
            draft: Draft::new(max_bytes),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), CallError> {
        let Self { framer, decoder, draft } = self;
        framer
            .push(bytes)
            .map_err(of_fault)?
            .iter()
            .try_for_each(|frame| decoder.frame(frame, draft))
    }

    /// Ends the answer where the connection ended it.
    pub(super) fn end(&mut self) -> Result<(), CallError> {
        let Self { framer, decoder, draft } = self;
        match framer.end().map_err(of_fault)? {
            End::Frames(frames) => frames.iter().try_for_each(|frame| {
                // A frame that was cut is no frame: what came before it decides.
                match decoder.frame(frame, draft) {
                    Err(error) if error == unreadable() => Ok(()),
                    read => read,
                }
            }),
            End::Body(body) => {
                let body = flowgate_engine::json::parse(&body).map_err(|_| unreadable())?;
                match error_in(&body) {
                    Some(error) => Err(error),
                    None => decoder.whole(&body, draft),
                }
            }
        }
    }

    /// The bytes in memory.
    pub(super) fn held(&self) -> usize {
        self.draft.bytes() + self.framer.held()
    }

    pub(super) fn reply(mut self) -> Reply {
        let goes_back =
            self.draft.finish == Some(Finish::Pause) || self.draft.calls().next().is_some();
        let message =
            if goes_back { self.decoder.message(&self.draft) } else { serde_json::Value::Null };
        self.draft.end(message)
    }
}

/// No finish reason was read: half of the answer may be missing.
pub(super) fn cut() -> CallError {
    retryable("model_stream_cut", "stopped before the end of its answer")
}

pub(super) fn unreadable() -> CallError {
    retryable("model_error", "sent an answer that cannot be parsed")
}

fn of_fault(fault: Fault) -> CallError {
    match fault {
        Fault::Unreadable => unreadable(),
        Fault::TooLarge(what) => too_large(what, MAX_FRAME_BYTES),
    }
}
