//! A wall clock that was set back. A driver wakes at its next heartbeat at the latest, sees it, and
//! moves what it waits for: a caller must not wait the hours for which the clock was wrong.

use super::Driver;
use super::phase::{Attachment, Phase};

impl Driver {
    pub(super) fn follow_clock(&mut self) {
        let now = self.app.now();
        let back = self.seen.since(now);
        self.seen = now;
        if back.is_zero() {
            return;
        }
        self.next_heartbeat = self.next_heartbeat - back;
        self.next_batch = self.next_batch - back;
        if let Attachment::Attached(wait) = &mut self.attachment {
            wait.until = wait.until - back;
        }
        if let Phase::Draining { until } = &mut self.phase {
            *until = *until - back;
        }
    }
}
