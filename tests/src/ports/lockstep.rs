//! Random sequences of writes, each sent to the store and to the protocol's model: every answer and
//! every stored row must be the same. So what the model checker proves holds for the adapter.

use anyhow::{Result, ensure};
use flowgate_core::lease::{Lease, Written};
use flowgate_core::run::{
    Answered, CancelRequest, Claimed, Finished, Heartbeat, Parked, Parking, RunRecord, RunState,
    StartMark,
};
use flowgate_core::time::Timestamp;

use super::sample::{at, attached, checkpoint, detached, ending, owner, run_id, stored};
use super::waiting::{answer, question};
use super::{Guarantee, World, guarantee};
use crate::protocol::{
    AnswerAnswer, CancelAnswer, ClaimAnswer, FinishAnswer, Guards, HeldLease, ParkAnswer,
    RunStateNumber, StartAnswer, StoredRun, Time, Token, WriteAnswer,
};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![guarantee("the store answers as the protocol's model does", in_lockstep)]
}

const SEQUENCES: u32 = 16;
const STEPS: u32 = 40;
/// Owners of a sequence; each may claim, and write with any lease that was ever granted.
const OWNERS: u8 = 3;
const PLACES: u8 = 3;

async fn in_lockstep(world: World) -> Result<()> {
    for n in 1..=SEQUENCES {
        let mut pair = Pair::create(&world, n).await?;
        for step in 0..STEPS {
            pair.step().await.map_err(|error| error.context(format!("run {n}, step {step}")))?;
        }
    }
    Ok(())
}

/// The same run in the store and in the model.
struct Pair<'a> {
    world: &'a World,
    n: u32,
    model: StoredRun,
    leases: Vec<HeldLease>,
    random: Random,
    now: Time,
    log: Vec<String>,
}

/// A small generator (xorshift), so that a sequence is named by its number.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u8::try_from((self.0 >> 33) % u64::from(bound)).unwrap_or_default()
    }
}

impl<'a> Pair<'a> {
    async fn create(world: &'a World, n: u32) -> Result<Self> {
        let (run, token, model) = if n.is_multiple_of(2) {
            let token = (0, 0);
            let run = attached(n)?;
            (run, Some(token), StoredRun::attached(Guards::ALL, token, 10))
        } else {
            (detached(n)?, None, StoredRun::detached(Guards::ALL, 10))
        };
        let run = flowgate_core::run::NewRun {
            due_at: time(10),
            owner: token.map(|token| owner(&name(token))),
            ..run
        };
        world.runs.create(run).await?;
        let leases = token.map(|token| HeldLease { token, fence: 1 }).into_iter().collect();
        let random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(n));
        Ok(Self { world, n, model, leases, random, now: 1, log: Vec::new() })
    }

    async fn step(&mut self) -> Result<()> {
        self.now += self.random.below(4);
        let until = self.now + 1 + self.random.below(8);
        let kind = self.random.below(22);
        match (kind, self.some_lease()) {
            (0..=3, _) | (_, None) => self.claim(until).await,
            (4..=5, Some(lease)) => self.heartbeat(lease, until).await,
            (6..=8, Some(lease)) => self.checkpoint(lease).await,
            (9..=10, Some(lease)) => self.mark_started(lease).await,
            (11..=12, Some(lease)) => self.hand_over(lease, until).await,
            (13, _) => self.request_cancel().await,
            (14, _) => self.sweep(until).await,
            (15..=16, Some(lease)) => self.ask(lease).await,
            (17..=18, _) => self.answer().await,
            (19..=20, Some(lease)) => self.park(lease, until).await,
            (_, Some(lease)) => self.finish(lease).await,
        }?;
        self.same_row().await
    }

    /// Mostly the newest lease, sometimes an earlier owner's.
    fn some_lease(&mut self) -> Option<HeldLease> {
        let count = u8::try_from(self.leases.len()).unwrap_or(u8::MAX);
        let back = if self.random.below(3) == 0 { self.random.below(count.max(1)) } else { 0 };
        self.leases.iter().rev().nth(usize::from(back)).copied()
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: String,
        stored: T,
        modelled: T,
    ) -> Result<()> {
        self.log.push(what);
        let log = self.log.join("\n");
        ensure!(stored == modelled, "the store {stored:?}, the model {modelled:?}, after\n{log}");
        Ok(())
    }

    async fn claim(&mut self, until: Time) -> Result<()> {
        // Sometimes the claim of an earlier lease again: a retry.
        let token = match self.some_lease() {
            Some(lease) if self.random.below(3) == 0 => lease.token,
            _ => (self.random.below(OWNERS), self.model.fence + 1),
        };
        let modelled = self.model.claim(token, self.now, until);
        let run = run_id(self.n)?;
        let answer =
            self.world.runs.claim(&run, &owner(&name(token)), time(self.now), time(until)).await?;
        let answer = match answer {
            Claimed::Leased(lease, _) => {
                let held = HeldLease { token, fence: u8::try_from(lease.fence)? };
                if !self.leases.contains(&held) {
                    self.leases.push(held);
                }
                ClaimAnswer::Leased(held)
            }
            Claimed::LeasedByOther => ClaimAnswer::LeasedByOther,
            Claimed::Ended => ClaimAnswer::Ended,
            Claimed::Unknown => anyhow::bail!("the run is unknown"),
        };
        self.same(format!("claim {token:?} at {} until {until}", self.now), answer, modelled)
    }

    async fn heartbeat(&mut self, lease: HeldLease, until: Time) -> Result<()> {
        let modelled = self.model.heartbeat(&lease, until);
        let answer = match self.world.runs.heartbeat(&self.lease(lease)?, time(until)).await? {
            Heartbeat::Kept { cancel_requested, answers } => {
                Some((cancel_requested, u8::try_from(answers)?))
            }
            Heartbeat::Lost => None,
        };
        self.same(format!("heartbeat {lease:?} until {until}"), answer, modelled)
    }

    async fn checkpoint(&mut self, lease: HeldLease) -> Result<()> {
        let place = self.random.below(PLACES);
        let order = self.model.checkpoints.len() as u64;
        let modelled = self.model.checkpoint(&lease, place);
        let record = checkpoint(&place.to_string(), order, &name(lease.token));
        let answer = self.world.runs.checkpoint(&self.lease(lease)?, record, vec![]).await?;
        self.same(format!("checkpoint {place} {lease:?}"), written(answer), modelled)
    }

    async fn mark_started(&mut self, lease: HeldLease) -> Result<()> {
        let place = self.random.below(PLACES);
        let modelled = self.model.mark_started(&lease, place);
        let answer =
            match self.world.runs.mark_started(&self.lease(lease)?, &place.to_string()).await? {
                StartMark::Marked => StartAnswer::Marked,
                StartMark::AlreadyStarted => StartAnswer::AlreadyStarted,
                StartMark::Lost => StartAnswer::Lost,
            };
        self.same(format!("mark_started {place} {lease:?}"), answer, modelled)
    }

    async fn hand_over(&mut self, lease: HeldLease, due_at: Time) -> Result<()> {
        let place = self.random.below(PLACES);
        let order = self.model.checkpoints.len() as u64;
        let record = checkpoint(&place.to_string(), order, &name(lease.token));
        let modelled = self.model.hand_over(&lease, &[place], due_at);
        let answer = self
            .world
            .runs
            .hand_over(&self.lease(lease)?, vec![record], vec![], time(due_at))
            .await?;
        self.same(format!("hand_over {place} {lease:?}"), written(answer), modelled)
    }

    async fn ask(&mut self, lease: HeldLease) -> Result<()> {
        let place = self.random.below(PLACES);
        let modelled = self.model.ask(&lease, place);
        let (held, name) = (self.lease(lease)?, place.to_string());
        let asked = self.world.runs.ask(&held, &name, question()).await?;
        self.same(format!("ask {place} {lease:?}"), written(asked), modelled)
    }

    async fn answer(&mut self) -> Result<()> {
        let place = self.random.below(PLACES);
        let modelled = self.model.answer(place, self.now);
        let (run, now) = (run_id(self.n)?, time(self.now));
        // Each of somebody else: the same one again may be a retry.
        let given = answer(&self.log.len().to_string());
        let answered = self.world.runs.answer(&run, &place.to_string(), given, now).await?;
        let answered = match answered {
            Answered::Stored { is_due } => AnswerAnswer::Stored { is_due },
            Answered::Already => AnswerAnswer::Already,
            Answered::NotAsked => AnswerAnswer::NotAsked,
        };
        self.same(format!("answer {place} at {}", self.now), answered, modelled)
    }

    /// Mostly by an owner that has seen every answer.
    async fn park(&mut self, lease: HeldLease, due_at: Time) -> Result<()> {
        let place = self.random.below(PLACES);
        let order = self.model.checkpoints.len() as u64;
        let answers = self.model.answers().saturating_sub(u8::from(self.random.below(3) == 0));
        let modelled = self.model.park(&lease, &[place], due_at, answers);
        let parking = Parking {
            checkpoints: vec![checkpoint(&place.to_string(), order, &name(lease.token))],
            events: vec![],
            due_at: time(due_at),
            answers: u64::from(answers),
        };
        let parked = match self.world.runs.park(&self.lease(lease)?, parking).await? {
            Parked::Parked => ParkAnswer::Parked,
            Parked::Answered => ParkAnswer::Answered,
            Parked::Lost => ParkAnswer::Lost,
        };
        self.same(format!("park {place} {lease:?} after {answers} answers"), parked, modelled)
    }

    async fn finish(&mut self, lease: HeldLease) -> Result<()> {
        let state = [
            (RunStateNumber::Succeeded, RunState::Succeeded),
            (RunStateNumber::Failed, RunState::Failed),
            (RunStateNumber::Cancelled, RunState::Cancelled),
        ][usize::from(self.random.below(3))];
        let modelled = self.model.finish(&lease, state.0);
        let answer = match self.world.runs.finish(&self.lease(lease)?, ending(state.1)).await? {
            Finished::Finished => FinishAnswer::Finished,
            Finished::Already(_) => FinishAnswer::Already,
            Finished::Lost => FinishAnswer::Lost,
        };
        self.same(format!("finish {lease:?} {state:?}"), answer, modelled)
    }

    async fn request_cancel(&mut self) -> Result<()> {
        let modelled = self.model.request_cancel(self.now);
        let answer = match self.world.runs.request_cancel(&run_id(self.n)?, time(self.now)).await? {
            CancelRequest::Requested => CancelAnswer::Requested,
            CancelRequest::Unowned => CancelAnswer::Unowned,
            CancelRequest::Already(_) => CancelAnswer::Already,
            CancelRequest::Unknown => anyhow::bail!("the run is unknown"),
        };
        self.same(format!("request_cancel at {}", self.now), answer, modelled)
    }

    async fn sweep(&mut self, until: Time) -> Result<()> {
        let modelled = self.model.sweep(self.now, until);
        let due = self.world.due.due(time(self.now), usize::from(u8::MAX)).await?;
        let ours = flowgate_core::work::Message::RunV1 { run: run_id(self.n)? };
        let answer = match due.iter().find(|item| item.what == ours) {
            Some(item) => self.world.due.postpone(item, time(until)).await?.is_some(),
            None => false,
        };
        self.same(format!("sweep at {} until {until}", self.now), answer, modelled)
    }

    async fn same_row(&mut self) -> Result<()> {
        let record = stored(self.world, self.n).await?;
        let run = run_id(self.n)?;
        let checkpoints = self.world.runs.checkpoints(&run, None).await?;
        let places = checkpoints.iter().map(|record| record.place.clone()).collect::<Vec<_>>();
        let mut started = self.world.runs.started(&run).await?;
        started.sort();
        let modelled = self.model.clone();
        let mut marks: Vec<_> = modelled.started.iter().map(|(at, _)| at.to_string()).collect();
        marks.sort();
        let recorded = modelled.checkpoints.iter().map(|(at, _)| at.to_string()).collect();
        self.same(
            String::new(),
            (row(&record), places, started),
            (modelled_row(&modelled), recorded, marks),
        )
    }

    fn lease(&self, lease: HeldLease) -> Result<Lease> {
        Ok(Lease {
            run: run_id(self.n)?,
            fence: u64::from(lease.fence),
            owner: owner(&name(lease.token)),
        })
    }
}

type Row = (RunState, flowgate_core::run::Mode, u64, Option<Timestamp>, bool);

/// A run that has ended keeps neither an owner nor its count of claims.
fn row(record: &RunRecord) -> (Row, Option<String>, u32, u64) {
    let open = !record.state.has_ended();
    (
        (record.state, record.mode, record.fence, record.due_at, record.cancel_requested),
        record.owner.as_ref().filter(|_| open).map(|owner| owner.0.to_string()),
        if open { record.claims_without_progress } else { 0 },
        if open { record.answers } else { 0 },
    )
}

fn modelled_row(run: &StoredRun) -> (Row, Option<String>, u32, u64) {
    let open = run.is_open();
    let row = (
        run.state.as_stored(),
        run.mode(),
        u64::from(run.fence),
        run.due_at.map(time),
        run.cancel_requested,
    );
    let claims = if open { u32::from(run.claims_without_progress) } else { 0 };
    let answers = if open { u64::from(run.answers()) } else { 0 };
    (row, run.owner.map(name), claims, answers)
}

fn written(answer: Written) -> WriteAnswer {
    match answer {
        Written::Written => WriteAnswer::Written,
        Written::Lost => WriteAnswer::Lost,
    }
}

fn name((who, fence): Token) -> String {
    format!("owner {who} of {fence}")
}

fn time(time: Time) -> Timestamp {
    at(i64::from(time) * 1_000)
}
