//! An owner that drives the run: what it knows, and the writes that it may send next.

use flowgate_tests::protocol::{
    FinishAnswer, Guards, HeldLease, ParkAnswer, RunStateNumber, StartAnswer, StoredRun,
    WriteAnswer,
};

use super::world::{AT_MOST_ONCE, CALLS, LATER, NOW, QUESTION};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Driver {
    pub(crate) lease: HeldLease,
    pub(crate) attached: bool,
    /// Calls whose result it has.
    done: Vec<u8>,
    /// The START row of the next call is written.
    pub(crate) started: bool,
    /// A call that has its result, which is not recorded.
    pub(crate) unrecorded: Option<u8>,
    /// `None` if the run asks nothing.
    question: Option<Asking>,
    /// Somebody has answered before it could leave the run waiting: the next owner goes on at once.
    must_release: bool,
    /// How the run must end, if it must.
    pub(crate) must_end: Option<RunStateNumber>,
    /// A write that was applied, and whose reply was lost.
    pub(crate) unknown: Option<Write>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asking {
    Not,
    /// It has seen so many answers; `is_new`: there may be more.
    Asked {
        seen: u8,
        is_new: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    /// `Runs::mark_started`
    Start,
    /// `Runs::checkpoint`
    Checkpoint,
    /// `Runs::hand_over`
    HandOver,
    /// `Runs::ask`
    Ask,
    /// `Runs::park`
    Park,
    /// `Runs::finish`
    Finish,
}

impl Driver {
    pub(crate) fn new(lease: HeldLease, done: Vec<u8>, asks: bool) -> Self {
        Self {
            lease,
            attached: false,
            done,
            started: false,
            unrecorded: None,
            question: asks.then_some(Asking::Not),
            must_release: false,
            must_end: None,
            unknown: None,
        }
    }

    pub(crate) fn next_place(&self) -> Option<u8> {
        (0..CALLS).find(|place| !self.done.contains(place))
    }

    /// `Driver::launch`: a call whose START row is missing waits for it.
    pub(crate) fn can_call(&self, guards: Guards) -> bool {
        if self.waits_for_answer() {
            return false;
        }
        let needs_start = guards.start_row && self.next_place() == Some(AT_MOST_ONCE);
        let may = self.unknown.is_none() && self.unrecorded.is_none() && self.must_end.is_none();
        may && self.next_place().is_some() && (self.started || self.attached || !needs_start)
    }

    fn waits_for_answer(&self) -> bool {
        self.question.is_some() && self.next_place() == Some(QUESTION)
    }

    /// `Heartbeat::Kept`: it looks for answers if there are more than it has seen.
    pub(crate) fn note_answers(&mut self, answers: u8) {
        if let Some(Asking::Asked { seen, is_new }) = &mut self.question {
            *is_new |= answers > *seen;
        }
    }

    /// `Driver::take_answers` comes next.
    pub(crate) fn looks_for_answers(&self) -> bool {
        let is_new = matches!(self.question, Some(Asking::Asked { is_new: true, .. }));
        let may = self.unknown.is_none() && self.unrecorded.is_none() && self.must_end.is_none();
        may && is_new && self.waits_for_answer()
    }

    pub(crate) fn take_answers(&mut self, store: &StoredRun) {
        self.question = Some(Asking::Asked { seen: store.answers(), is_new: false });
        if store.answers() > 0 {
            self.unrecorded = Some(QUESTION);
            if self.attached {
                self.keep();
            }
        }
    }

    /// The writes that may come next; a write whose reply was lost is sent again first.
    pub(crate) fn next_write(&self, may_hand_over: bool, may_park: bool) -> Option<Vec<Write>> {
        if let Some(unknown) = self.unknown {
            return Some(vec![unknown]);
        }
        if self.must_end.is_some() {
            return Some(vec![Write::Finish]);
        }
        if self.unrecorded.is_some() {
            return Some(vec![Write::Checkpoint]);
        }
        if self.must_release {
            return Some(vec![Write::HandOver]);
        }
        let next = match self.next_place() {
            Some(QUESTION) if self.question == Some(Asking::Not) => Some(Write::Ask),
            Some(QUESTION) if self.question.is_some() => {
                (may_park && !self.looks_for_answers()).then_some(Write::Park)
            }
            None => Some(Write::Finish),
            Some(AT_MOST_ONCE) if !self.started && !self.attached => Some(Write::Start),
            Some(_) => None,
        };
        let hand_over = may_hand_over.then_some(Write::HandOver);
        Some(next.into_iter().chain(hand_over).collect())
    }

    /// Keeps a result: in memory, or because it is recorded.
    pub(crate) fn keep(&mut self) {
        self.done.extend(self.unrecorded.take());
    }

    /// Sends a write. Returns whether it was accepted, and whether the driver goes on.
    pub(crate) fn send(&mut self, store: &mut StoredRun, write: Write) -> (bool, bool) {
        match write {
            Write::Start => match store.mark_started(&self.lease, AT_MOST_ONCE) {
                StartAnswer::Marked => self.started = true,
                StartAnswer::AlreadyStarted => self.must_end = Some(RunStateNumber::Failed),
                StartAnswer::Lost => return (false, false),
            },
            Write::Checkpoint => {
                let Some(place) = self.unrecorded else { return (true, true) };
                if store.checkpoint(&self.lease, place) == WriteAnswer::Lost {
                    return (false, false);
                }
                self.keep();
            }
            Write::HandOver => {
                let due_at = if self.must_release { NOW } else { LATER };
                let answer = store.hand_over(&self.lease, &self.done, due_at);
                return (answer == WriteAnswer::Written, false);
            }
            Write::Ask => {
                if store.ask(&self.lease, QUESTION) == WriteAnswer::Lost {
                    return (false, false);
                }
                // An earlier owner may have asked, and somebody may have answered.
                let is_new = self.lease.fence > 1;
                self.question = Some(Asking::Asked { seen: 0, is_new });
            }
            Write::Park => return self.park(store),
            Write::Finish => {
                let state = self.must_end.unwrap_or(RunStateNumber::Succeeded);
                return (store.finish(&self.lease, state) != FinishAnswer::Lost, false);
            }
        }
        (true, true)
    }

    fn park(&mut self, store: &mut StoredRun) -> (bool, bool) {
        let Some(Asking::Asked { seen, .. }) = self.question else { return (true, true) };
        match store.park(&self.lease, &self.done, LATER, seen) {
            ParkAnswer::Parked => (true, false),
            ParkAnswer::Answered => {
                self.must_release = true;
                (true, true)
            }
            ParkAnswer::Lost => (false, false),
        }
    }

    /// Whether the store still is as this driver's applied write left it.
    pub(crate) fn was_last(&self, store: &StoredRun, write: Write) -> bool {
        match write {
            Write::HandOver | Write::Park => {
                store.is_open()
                    && store.owner.is_none()
                    && store.handed_over_by == Some(self.lease.token)
            }
            Write::Finish => !store.is_open(),
            Write::Start | Write::Checkpoint | Write::Ask => store.is_held_by(&self.lease),
        }
    }
}
