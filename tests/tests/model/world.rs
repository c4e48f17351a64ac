//! The model: one stored run, its messages, two workers, and what may go wrong.
//!
//! Each step stands for one method of the product, named at [`Step`]. The store is
//! [`flowgate_tests::protocol::StoredRun`], which a guarantee of the ports compares with the
//! adapters. Left out: deliveries (written by the finish), and `poison`, which needs six crashes.

use flowgate_tests::protocol::{
    AnswerAnswer, CancelAnswer, ClaimAnswer, Guards, HeldLease, RunStateNumber, StoredRun, Time,
    Token,
};
use stateright::{Model, Property};

use super::driver::{Driver, Write};

/// Clocks decide when something may be tried, so two times are enough: it may, or not yet.
pub(crate) const NOW: Time = 1;
pub(crate) const LATER: Time = 2;
const WORKERS: usize = 2;
/// Calls of the run, one after the other.
pub(crate) const CALLS: u8 = 2;
/// This one is `at_most_once`.
pub(crate) const AT_MOST_ONCE: u8 = 1;
/// In the place of this one, a run whose budget has answers asks a person.
pub(crate) const QUESTION: u8 = 0;
/// More copies add nothing: a message may come again as often as it likes.
const MAX_MESSAGES: u8 = 1;

pub(crate) struct Protocol {
    pub(crate) guards: Guards,
    pub(crate) budget: Budget,
}

/// How often each fault may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) crashes: u8,
    /// The lease of a live owner ends: a pause, a clock set forward, a failed heartbeat.
    pub(crate) early_ends: u8,
    /// A write is applied, and its sender gets an error.
    pub(crate) lost_replies: u8,
    pub(crate) lost_messages: u8,
    pub(crate) hand_overs: u8,
    pub(crate) cancels: u8,
    /// A person answers.
    pub(crate) answers: u8,
    /// The run is left to wait.
    pub(crate) parks: u8,
}

impl Budget {
    pub(crate) const NONE: Self = Self {
        crashes: 0,
        early_ends: 0,
        lost_replies: 0,
        lost_messages: 0,
        hand_overs: 0,
        cancels: 0,
        answers: 0,
        parks: 0,
    };
    /// Combinations that stay small enough to explore whole.
    pub(crate) const ALL: [Self; 8] = [
        Self { crashes: 2, early_ends: 1, lost_messages: 1, ..Self::NONE },
        Self { crashes: 1, early_ends: 1, lost_replies: 1, ..Self::NONE },
        Self { crashes: 1, early_ends: 1, hand_overs: 1, ..Self::NONE },
        Self { crashes: 1, early_ends: 1, cancels: 1, ..Self::NONE },
        Self { lost_replies: 1, lost_messages: 1, hand_overs: 1, cancels: 1, ..Self::NONE },
        Self { crashes: 1, early_ends: 1, answers: 1, parks: 1, ..Self::NONE },
        Self { lost_replies: 1, lost_messages: 1, answers: 1, parks: 2, ..Self::NONE },
        Self { early_ends: 1, cancels: 1, answers: 1, parks: 1, ..Self::NONE },
    ];
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) store: StoredRun,
    workers: [Worker; WORKERS],
    /// `RunV1` messages in the queue.
    messages: u8,
    left: Budget,
    /// The run asks a person.
    asks: bool,
    /// How often the `at_most_once` call went out.
    went_out: u8,
    repeated: bool,
    stored_late: bool,
    taken_for_loss: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Worker {
    Idle,
    /// Has a message and a new token, or sent its claim and got an error. `read` is what it knows
    /// if it reads before the claim.
    Received {
        token: Token,
        read: Vec<u8>,
        is_retry: bool,
    },
    /// The claim was granted.
    Claimed {
        lease: HeldLease,
        read: Vec<u8>,
    },
    Driving(Driver),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// `Runner::handle`: at least once, so the message may stay.
    Receive {
        worker: usize,
        message_stays: bool,
    },
    /// `Runs::claim`, by `Runner::work`
    Claim {
        worker: usize,
        reply_is_lost: bool,
    },
    /// `Runs::checkpoints`, by `Driver::detached`; or `Runner::ends_without_running`
    Read {
        worker: usize,
    },
    /// A call goes out and comes back (`Outbound::perform`).
    Call {
        worker: usize,
    },
    /// A write of the driver, or its retry.
    Write {
        worker: usize,
        write: Write,
        reply_is_lost: bool,
    },
    /// `Runs::heartbeat`; an attached run's owner only reads the cancel flag.
    Heartbeat {
        worker: usize,
    },
    /// `Runs::questions`
    TakeAnswers {
        worker: usize,
    },
    /// `kill -9`: all that is in memory is gone, and a new process stands ready.
    Crash {
        worker: usize,
    },
    /// The store's clock passes the end of the lease.
    LeaseEnds,
    /// The due row's time has come: `App::sweep`, so `Due::due`, `Due::postpone`, `Queue::send`
    Sweep {
        is_sent: bool,
    },
    LoseMessage,
    /// `App::resume_run`, so `Runs::answer`, and a message if nobody owns the run.
    Answer,
    /// `Runs::request_cancel`; without an owner the canceller claims, as a worker does.
    Cancel,
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    /// A run that was accepted with 202, and one whose caller waits at the first worker.
    fn init_states(&self) -> Vec<World> {
        let world = |store, first, messages| World {
            store,
            workers: [first, Worker::Idle],
            messages,
            left: self.budget,
            asks: self.budget.answers > 0,
            went_out: 0,
            repeated: false,
            stored_late: false,
            taken_for_loss: false,
        };
        let lease = HeldLease { token: (0, 0), fence: 1 };
        let mut waiting = Driver::new(lease, Vec::new(), self.budget.answers > 0);
        waiting.attached = true;
        let waiting = Worker::Driving(waiting);
        vec![
            world(StoredRun::detached(self.guards, LATER), Worker::Idle, 1),
            world(StoredRun::attached(self.guards, lease.token, LATER), waiting, 0),
        ]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for worker in 0..WORKERS {
            world.steps_of(worker, steps);
        }
        let left = &world.left;
        let store = &world.store;
        let may_end = !world.owner_lives() || left.early_ends > 0;
        if store.owner.is_some() && store.due_at == Some(LATER) && may_end {
            steps.push(Step::LeaseEnds);
        }
        if store.look_at.is_some() && world.messages < MAX_MESSAGES {
            steps.push(Step::Sweep { is_sent: true });
            steps.extend((left.lost_messages > 0).then_some(Step::Sweep { is_sent: false }));
        }
        if world.messages > 0 && left.lost_messages > 0 {
            steps.push(Step::LoseMessage);
        }
        if left.cancels > 0 {
            steps.push(Step::Cancel);
        }
        if left.answers > 0
            && store.is_open()
            && store.questions.len() > usize::from(store.answers())
        {
            steps.push(Step::Answer);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take(step, self.guards);
        (next != *world).then_some(next)
    }

    /// Two ends prove enough: without the fence there is no last one.
    fn within_boundary(&self, world: &World) -> bool {
        world.store.ends <= 2
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no run ends twice", |_, world: &World| world.store.ends <= 1),
            Property::always("no run is lost", |_, world: &World| !world.is_lost()),
            Property::always("no recorded call is made again", |_, world: &World| !world.repeated),
            Property::always("an at_most_once call goes out once", |_, world: &World| {
                world.went_out <= 1
            }),
            Property::always("no write of an earlier owner is stored", |_, world: &World| {
                !world.stored_late
            }),
            Property::always("an applied write is never taken for a loss", |_, world: &World| {
                !world.taken_for_loss
            }),
            Property::always("no answered run waits", |_, world: &World| {
                world.store.state != RunStateNumber::Waiting || world.store.answers() == 0
            }),
            Property::sometimes("a run that waited succeeds", |model: &Self, world: &World| {
                world.left.parks < model.budget.parks && world.has_succeeded()
            }),
            Property::sometimes("a run succeeds after a crash", |model: &Self, world: &World| {
                world.left.crashes < model.budget.crashes && world.has_succeeded()
            }),
            Property::sometimes("an earlier owner drives beside the present one", |_, world| {
                World::two_drive(world)
            }),
            Property::sometimes("a handed-over run succeeds", |_, world: &World| {
                world.store.handed_over_by.is_some() && world.has_succeeded()
            }),
            Property::sometimes("an attached run is interrupted", |_, world: &World| {
                world.store.attached && world.store.state == RunStateNumber::Failed
            }),
            Property::sometimes("a run is cancelled", |_, world: &World| {
                world.store.state == RunStateNumber::Cancelled
            }),
        ]
    }
}

impl World {
    fn has_succeeded(&self) -> bool {
        self.store.state == RunStateNumber::Succeeded
    }

    fn two_drive(&self) -> bool {
        let owners = self.workers.iter().filter_map(|worker| match worker {
            Worker::Driving(driver) => Some(self.store.is_held_by(&driver.lease)),
            _ => None,
        });
        let held: Vec<_> = owners.collect();
        held.contains(&true) && held.contains(&false)
    }

    fn owner_lives(&self) -> bool {
        self.workers
            .iter()
            .any(|worker| worker.token().is_some_and(|token| self.store.owner == Some(token)))
    }

    /// An open run that nothing will ever come back for.
    fn is_lost(&self) -> bool {
        let works = self.workers.iter().any(|worker| *worker != Worker::Idle);
        self.store.is_open() && self.store.look_at.is_none() && self.messages == 0 && !works
    }

    fn steps_of(&self, worker: usize, steps: &mut Vec<Step>) {
        let lossy = self.left.lost_replies > 0;
        match &self.workers[worker] {
            Worker::Idle => {
                if self.messages > 0 {
                    let receive = |message_stays| Step::Receive { worker, message_stays };
                    steps.extend([receive(true), receive(false)]);
                }
                return;
            }
            Worker::Received { .. } => {
                steps.push(Step::Claim { worker, reply_is_lost: false });
                steps.extend(lossy.then_some(Step::Claim { worker, reply_is_lost: true }));
            }
            Worker::Claimed { .. } => steps.push(Step::Read { worker }),
            Worker::Driving(driver) => {
                // Past its budget a run only tries to wait where it is refused.
                let may_park = self.left.parks > 0 || self.store.answers() > 0;
                if let Some(write) = driver.next_write(self.left.hand_overs > 0, may_park) {
                    steps.extend(write.into_iter().flat_map(|write| {
                        let step = |reply_is_lost| Step::Write { worker, write, reply_is_lost };
                        [Some(step(false)), lossy.then(|| step(true))].into_iter().flatten()
                    }));
                }
                steps.extend(driver.can_call(self.store.guards).then_some(Step::Call { worker }));
                steps.extend(driver.looks_for_answers().then_some(Step::TakeAnswers { worker }));
                steps.extend(driver.unknown.is_none().then_some(Step::Heartbeat { worker }));
            }
        }
        steps.extend((self.left.crashes > 0).then_some(Step::Crash { worker }));
    }

    fn take(&mut self, step: Step, guards: Guards) {
        match step {
            Step::Receive { worker, message_stays } => {
                self.messages -= u8::from(!message_stays);
                let token = (u8::try_from(worker).unwrap(), self.store.fence + 1);
                let read = if guards.reads_after_claim { Vec::new() } else { self.recorded() };
                self.workers[worker] = Worker::Received { token, read, is_retry: false };
            }
            Step::Claim { worker, reply_is_lost } => self.claim(worker, reply_is_lost),
            Step::Read { worker } => self.read(worker, guards),
            Step::Call { worker } => self.call(worker),
            Step::Write { worker, write, reply_is_lost } => {
                self.write(worker, write, reply_is_lost);
            }
            Step::Heartbeat { worker } => self.heartbeat(worker),
            Step::TakeAnswers { worker } => {
                let Worker::Driving(driver) = &mut self.workers[worker] else { return };
                driver.take_answers(&self.store);
            }
            Step::Crash { worker } => {
                self.left.crashes -= 1;
                self.workers[worker] = Worker::Idle;
            }
            Step::LeaseEnds => {
                self.left.early_ends -= u8::from(self.owner_lives());
                self.store.due_at = Some(NOW);
            }
            Step::Sweep { is_sent } => {
                self.store.look_at = Some(NOW);
                let is_ours = self.store.sweep(NOW, LATER);
                self.left.lost_messages -= u8::from(!is_sent);
                self.messages += u8::from(is_ours && is_sent);
            }
            Step::LoseMessage => {
                self.left.lost_messages -= 1;
                self.messages -= 1;
            }
            Step::Answer => {
                self.left.answers -= 1;
                let answered = self.store.answer(QUESTION, NOW);
                if answered == (AnswerAnswer::Stored { is_due: true }) {
                    self.messages = (self.messages + 1).min(MAX_MESSAGES);
                }
            }
            Step::Cancel => {
                self.left.cancels -= 1;
                if self.store.request_cancel(NOW) == CancelAnswer::Unowned {
                    self.messages = (self.messages + 1).min(MAX_MESSAGES);
                }
            }
        }
    }

    fn recorded(&self) -> Vec<u8> {
        self.store.checkpoints.iter().map(|(place, _)| *place).collect()
    }

    fn claim(&mut self, worker: usize, reply_is_lost: bool) {
        let Worker::Received { token, read, is_retry } = self.workers[worker].clone() else {
            return;
        };
        let was_ours = self.store.is_open() && self.store.owner == Some(token);
        let answer = self.store.claim(token, NOW, LATER);
        if reply_is_lost {
            self.left.lost_replies -= 1;
            self.workers[worker] = Worker::Received { token, read, is_retry: true };
            return;
        }
        self.workers[worker] = match answer {
            ClaimAnswer::Leased(lease) => Worker::Claimed { lease, read },
            ClaimAnswer::LeasedByOther | ClaimAnswer::Ended => {
                self.taken_for_loss |= is_retry && was_ours;
                Worker::Idle
            }
        };
    }

    fn read(&mut self, worker: usize, guards: Guards) {
        let Worker::Claimed { lease, read } = &self.workers[worker] else { return };
        let done = if guards.reads_after_claim { self.recorded() } else { read.clone() };
        let mut driver = Driver::new(*lease, done, self.asks);
        if self.store.cancel_requested {
            driver.must_end = Some(RunStateNumber::Cancelled);
        } else if self.store.attached {
            driver.must_end = Some(RunStateNumber::Failed);
        }
        self.workers[worker] = Worker::Driving(driver);
    }

    fn call(&mut self, worker: usize) {
        let Worker::Driving(driver) = &mut self.workers[worker] else { return };
        let Some(place) = driver.next_place() else { return };
        let is_recorded = self.store.checkpoints.iter().any(|(known, _)| *known == place);
        self.repeated |= is_recorded && self.store.is_held_by(&driver.lease);
        self.went_out += u8::from(place == AT_MOST_ONCE);
        driver.unrecorded = Some(place);
        driver.started = false;
        if driver.attached {
            driver.keep();
        }
    }

    fn heartbeat(&mut self, worker: usize) {
        let Worker::Driving(driver) = &mut self.workers[worker] else { return };
        let kept = if driver.attached {
            Some((self.store.cancel_requested, 0))
        } else {
            self.store.heartbeat(&driver.lease, LATER)
        };
        match kept {
            None => self.lose(worker),
            Some((true, _)) if driver.unknown.is_none() => {
                driver.must_end = Some(RunStateNumber::Cancelled);
            }
            Some((_, answers)) => driver.note_answers(answers),
        }
    }

    fn lose(&mut self, worker: usize) {
        self.workers[worker] = Worker::Idle;
    }

    fn write(&mut self, worker: usize, write: Write, reply_is_lost: bool) {
        let Worker::Driving(mut driver) = self.workers[worker].clone() else { return };
        let before = self.store.clone();
        let (kept, after) = driver.send(&mut self.store, write);
        self.stored_late |= self.store != before && !before.is_held_by(&driver.lease);
        if reply_is_lost {
            self.left.lost_replies -= 1;
            let Worker::Driving(driver) = &mut self.workers[worker] else { return };
            driver.unknown = Some(write);
            return;
        }
        if !kept {
            let was_applied = driver.unknown == Some(write) && driver.was_last(&before, write);
            self.taken_for_loss |= was_applied;
            self.lose(worker);
            return;
        }
        driver.unknown = None;
        let has_parked = write == Write::Park && !after;
        self.left.parks = self.left.parks.saturating_sub(u8::from(has_parked));
        if write == Write::HandOver {
            self.left.hand_overs = self.left.hand_overs.saturating_sub(1);
            self.messages = (self.messages + 1).min(MAX_MESSAGES);
        }
        self.workers[worker] = if after { Worker::Driving(driver) } else { Worker::Idle };
    }
}

impl Worker {
    fn token(&self) -> Option<Token> {
        match self {
            Self::Idle => None,
            Self::Received { token, .. } => Some(*token),
            Self::Claimed { lease, .. } | Self::Driving(Driver { lease, .. }) => Some(lease.token),
        }
    }
}
