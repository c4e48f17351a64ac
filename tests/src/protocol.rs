//! One run as a store must keep it, in memory: what the port `Runs` promises, and nothing else. The
//! model checker explores it, and a guarantee of the ports compares every adapter with it.

use flowgate_core::run::{Mode, RunState};

/// In any unit; only comparisons matter.
pub type Time = u8;
/// An owner token: who made the claim, and the fence that it saw. No two applied claims share one.
pub type Token = (u8, u8);

/// The guards of the protocol. A test drops one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guards {
    /// Writes carry the fence and the owner token, and an earlier owner's are refused.
    pub fence: bool,
    /// A refused write is recognized as applied before by the token that the store kept.
    pub owner_token: bool,
    /// Every open run has a due row.
    pub due_row: bool,
    /// An owner reads the checkpoints after its claim.
    pub reads_after_claim: bool,
    /// An `at_most_once` call goes out after its START row.
    pub start_row: bool,
    /// A run that was answered more often than its owner has seen is not left to wait.
    pub answers_seen: bool,
}

impl Guards {
    pub const ALL: Self = Self {
        fence: true,
        owner_token: true,
        due_row: true,
        reads_after_claim: true,
        start_row: true,
        answers_seen: true,
    };
}

/// The row of a run, its checkpoints, and its due row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredRun {
    pub guards: Guards,
    pub state: RunStateNumber,
    pub attached: bool,
    pub fence: u8,
    pub owner: Option<Token>,
    pub handed_over_by: Option<Token>,
    /// When the lease, or the wait in a queue, is over. `None` once the run has ended.
    pub due_at: Option<Time>,
    /// When the sweep looks at it. `None` once the run has ended.
    pub look_at: Option<Time>,
    pub cancel_requested: bool,
    pub claims_without_progress: u8,
    /// Places with a recorded result, each with the token of its writer, in the order written.
    pub checkpoints: Vec<(u8, Token)>,
    /// Places with a START row, each with the token of its writer.
    pub started: Vec<(u8, Token)>,
    /// Places with a question, and whether it is answered.
    pub questions: Vec<(u8, bool)>,
    /// How often an end was written.
    pub ends: u8,
}

/// [`RunState`] has no order and no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunStateNumber {
    Pending,
    Running,
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

impl RunStateNumber {
    pub fn has_ended(self) -> bool {
        self >= Self::Succeeded
    }

    pub fn as_stored(self) -> RunState {
        match self {
            Self::Pending => RunState::Pending,
            Self::Running => RunState::Running,
            Self::Waiting => RunState::Waiting,
            Self::Succeeded => RunState::Succeeded,
            Self::Failed => RunState::Failed,
            Self::Cancelled => RunState::Cancelled,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeldLease {
    pub token: Token,
    pub fence: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClaimAnswer {
    Leased(HeldLease),
    LeasedByOther,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteAnswer {
    Written,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartAnswer {
    Marked,
    AlreadyStarted,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishAnswer {
    Finished,
    Already,
    Lost,
}

/// The outcome of `Runs::park`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParkAnswer {
    Parked,
    Answered,
    Lost,
}

/// The outcome of a person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerAnswer {
    Stored { is_due: bool },
    Already,
    NotAsked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelAnswer {
    Requested,
    Unowned,
    Already,
}

impl StoredRun {
    /// `Runs::create` of a detached run: pending, without an owner, with its due row.
    pub fn detached(guards: Guards, due_at: Time) -> Self {
        Self {
            guards,
            state: RunStateNumber::Pending,
            attached: false,
            fence: 0,
            owner: None,
            handed_over_by: None,
            due_at: Some(due_at),
            look_at: guards.due_row.then_some(due_at),
            cancel_requested: false,
            claims_without_progress: 0,
            checkpoints: Vec::new(),
            started: Vec::new(),
            questions: Vec::new(),
            ends: 0,
        }
    }

    /// `Runs::create` of an attached run: its owner has the first fence.
    pub fn attached(guards: Guards, owner: Token, due_at: Time) -> Self {
        Self {
            state: RunStateNumber::Running,
            attached: true,
            fence: 1,
            owner: Some(owner),
            ..Self::detached(guards, due_at)
        }
    }

    pub fn mode(&self) -> Mode {
        if self.attached { Mode::Attached } else { Mode::Detached }
    }

    pub fn is_open(&self) -> bool {
        !self.state.has_ended()
    }

    /// Whether the lease is that of the run's present owner.
    pub fn is_held_by(&self, lease: &HeldLease) -> bool {
        self.is_open() && self.fence == lease.fence && self.owner == Some(lease.token)
    }

    /// The condition of every write of an owner (`LeaseValues::holds`, `HOLDS_LEASE`).
    fn holds(&self, lease: &HeldLease) -> bool {
        self.is_held_by(lease) || !self.guards.fence
    }

    /// `Runs::claim`
    pub fn claim(&mut self, owner: Token, now: Time, until: Time) -> ClaimAnswer {
        if !self.is_open() {
            return ClaimAnswer::Ended;
        }
        let is_ours = self.guards.owner_token && self.owner == Some(owner);
        let is_free = self.owner.is_none() || self.due_at.is_none_or(|due_at| due_at <= now);
        if !is_ours && !is_free {
            return ClaimAnswer::LeasedByOther;
        }
        if !is_ours {
            self.fence += 1;
            self.claims_without_progress += 1;
        }
        self.state = RunStateNumber::Running;
        self.owner = Some(owner);
        self.move_due(until);
        ClaimAnswer::Leased(HeldLease { token: owner, fence: self.fence })
    }

    /// `Runs::heartbeat`: whether a cancel is requested, and how many answers there are; `None` if
    /// the lease is lost.
    pub fn heartbeat(&mut self, lease: &HeldLease, until: Time) -> Option<(bool, u8)> {
        if !self.holds(lease) {
            return None;
        }
        self.move_due(until);
        Some((self.cancel_requested, self.answers()))
    }

    /// `Runs::checkpoint`
    pub fn checkpoint(&mut self, lease: &HeldLease, place: u8) -> WriteAnswer {
        if !self.holds(lease) {
            return WriteAnswer::Lost;
        }
        if self.record(lease, place) {
            self.claims_without_progress = 0;
        }
        WriteAnswer::Written
    }

    /// `Runs::mark_started`
    pub fn mark_started(&mut self, lease: &HeldLease, place: u8) -> StartAnswer {
        if !self.holds(lease) {
            return StartAnswer::Lost;
        }
        match self.started.iter().find(|(known, _)| *known == place) {
            Some((_, by)) if *by == lease.token => StartAnswer::Marked,
            Some(_) => StartAnswer::AlreadyStarted,
            None => {
                self.started.push((place, lease.token));
                StartAnswer::Marked
            }
        }
    }

    /// `Runs::hand_over`
    pub fn hand_over(&mut self, lease: &HeldLease, places: &[u8], due_at: Time) -> WriteAnswer {
        if !self.holds(lease) {
            let was_ours = self.was_released_by(lease);
            return if was_ours { WriteAnswer::Written } else { WriteAnswer::Lost };
        }
        self.release(lease, places, due_at);
        WriteAnswer::Written
    }

    /// `Runs::park`, by an owner that has seen so many answers.
    pub fn park(
        &mut self,
        lease: &HeldLease,
        places: &[u8],
        due_at: Time,
        answers: u8,
    ) -> ParkAnswer {
        if !self.holds(lease) {
            let was_ours = self.was_released_by(lease);
            return if was_ours { ParkAnswer::Parked } else { ParkAnswer::Lost };
        }
        if self.guards.answers_seen && self.answers() != answers {
            return ParkAnswer::Answered;
        }
        self.release(lease, places, due_at);
        self.state = RunStateNumber::Waiting;
        ParkAnswer::Parked
    }

    /// `Runs::ask`
    pub fn ask(&mut self, lease: &HeldLease, place: u8) -> WriteAnswer {
        if !self.holds(lease) {
            return WriteAnswer::Lost;
        }
        if self.questions.iter().all(|(known, _)| *known != place) {
            self.questions.push((place, false));
        }
        WriteAnswer::Written
    }

    /// `Runs::answer`
    pub fn answer(&mut self, place: u8, now: Time) -> AnswerAnswer {
        let asked = self.questions.iter_mut().find(|(known, _)| *known == place);
        let Some((_, answered)) = asked.filter(|_| !self.state.has_ended()) else {
            return AnswerAnswer::NotAsked;
        };
        if std::mem::replace(answered, true) {
            return AnswerAnswer::Already;
        }
        let is_due = self.owner.is_none();
        if is_due {
            self.state = RunStateNumber::Pending;
            self.move_due(now);
        }
        AnswerAnswer::Stored { is_due }
    }

    pub fn answers(&self) -> u8 {
        u8::try_from(self.questions.iter().filter(|(_, answered)| *answered).count())
            .unwrap_or(u8::MAX)
    }

    fn was_released_by(&self, lease: &HeldLease) -> bool {
        self.is_open() && self.guards.owner_token && self.handed_over_by == Some(lease.token)
    }

    fn release(&mut self, lease: &HeldLease, places: &[u8], due_at: Time) {
        let mut is_new = false;
        for place in places {
            is_new |= self.record(lease, *place);
        }
        let one_less = self.claims_without_progress.saturating_sub(1);
        self.claims_without_progress = if is_new { 0 } else { one_less };
        self.attached = false;
        self.handed_over_by = self.owner.take();
        self.move_due(due_at);
    }

    /// `Runs::finish`
    pub fn finish(&mut self, lease: &HeldLease, state: RunStateNumber) -> FinishAnswer {
        if !self.holds(lease) {
            return if self.is_open() { FinishAnswer::Lost } else { FinishAnswer::Already };
        }
        self.state = state;
        self.owner = None;
        self.due_at = None;
        self.look_at = None;
        self.ends += 1;
        FinishAnswer::Finished
    }

    /// `Runs::request_cancel`
    pub fn request_cancel(&mut self, now: Time) -> CancelAnswer {
        if !self.is_open() {
            return CancelAnswer::Already;
        }
        self.cancel_requested = true;
        let is_free = self.owner.is_none() || self.due_at.is_none_or(|due_at| due_at <= now);
        if is_free { CancelAnswer::Unowned } else { CancelAnswer::Requested }
    }

    /// `Due::due` and `Due::postpone`: whether this sweep takes the run.
    pub fn sweep(&mut self, now: Time, until: Time) -> bool {
        let is_due = self.look_at.is_some_and(|look_at| look_at <= now);
        if is_due {
            self.look_at = Some(until);
        }
        is_due
    }

    /// Put-if-absent: the first writer wins.
    fn record(&mut self, lease: &HeldLease, place: u8) -> bool {
        let is_new = self.checkpoints.iter().all(|(known, _)| *known != place);
        if is_new {
            self.checkpoints.push((place, lease.token));
        }
        is_new
    }

    fn move_due(&mut self, at: Time) {
        self.due_at = Some(at);
        self.look_at = self.guards.due_row.then_some(at);
    }
}
