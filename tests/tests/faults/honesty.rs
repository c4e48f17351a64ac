//! F32: without one of its guards, the product fails the scenarios. So they would notice.
//!
//! The address pin is proven in `addresses.rs`, the sync of the disk in `power.rs`, the rule of a
//! secret's hosts in `it/outbound/secret_rules.rs`, the memory budget in `it/attack.rs`.

use std::time::Duration;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use flowgate_core::delivery::DeliveryId;
use flowgate_core::group::Group;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Message, Queue};
use flowgate_local::{LocalQueue, Places};
use flowgate_tests::faults::check::{Expected, Report};
use flowgate_tests::faults::plan::{Crash, Side};
use flowgate_tests::faults::seed::{Figures, each_seed};
use flowgate_tests::faults::without::Guard;
use flowgate_tests::faults::world::{Setup, World};
use flowgate_tests::ports::sample::run_id;

use crate::callers::storm;
use crate::crashes::{without_fence, zombie};

const BOUND: Duration = Duration::from_secs(600);

fn assert_noticed(report: &Report, sentence: &str) -> Result<Figures> {
    let noticed = report.broken.iter().any(|broken| broken.contains(sentence));
    ensure!(noticed, "nothing says {sentence:?}: {:?}", report.broken);
    Ok(Figures::default())
}

#[test]
fn f32_without_the_fence() {
    each_seed("f32_without_the_fence a scenario fails", 3, async |seed| {
        let report = zombie(without_fence(seed)).await?;
        assert_noticed(&report, "after it was recorded")
    });
}

/// F02 loses the run, if its caller does not ask again.
#[test]
fn f32_without_the_due_row() {
    each_seed("f32_without_the_due_row a scenario fails", 3, async |seed| {
        let setup = Setup { without: Some(Guard::DueRow), ..Setup::new(seed) };
        let world = World::open(setup).await?;
        world.plan.crash(Crash::Named("runs.claim", 0, Side::After));
        world.accept(1).await;
        world.settle(BOUND).await?;
        assert_noticed(&world.check(&Expected::default()).await?, "has not ended")
    });
}

#[test]
fn f32_without_the_idempotency_row() {
    each_seed("f32_without_the_idempotency_row a scenario fails", 3, async |seed| {
        let with = storm(Setup::new(seed)).await?;
        ensure!(with == 1, "with the row there is one run, not {with}");
        let setup = Setup { without: Some(Guard::IdempotencyRow), ..Setup::new(seed) };
        let without = storm(setup).await?;
        ensure!(without > 1, "the storm does not notice that the row is missing");
        Ok(Figures::default())
    });
}

#[test]
fn f32_without_checkpoints() {
    each_seed("f32_without_checkpoints a scenario fails", 3, async |seed| {
        let setup = Setup { without: Some(Guard::Checkpoint), workers: 1, ..Setup::new(seed) };
        let world = World::open(setup).await?;
        world.plan.crash(Crash::Named("runs.finish", 0, Side::Before));
        world.accept(1).await;
        world.settle(BOUND).await?;
        assert_noticed(&world.check(&Expected::default()).await?, "after it was recorded")
    });
}

/// A queue to which all messages are one group's.
struct Unfair(LocalQueue);

#[async_trait]
impl Queue for Unfair {
    async fn send(&self, message: Message, _: &Group) -> Result<()> {
        self.0.send(message, &Group::default()).await
    }

    async fn send_later(&self, message: Message, group: &Group, at: Timestamp) -> Result<()> {
        self.0.send_later(message, group, at).await
    }
}

/// Whether a message gets a place while those of a receiver that hangs wait and hold places.
async fn gets_a_place(beside: impl FnOnce(LocalQueue) -> Box<dyn Queue>) -> Result<bool> {
    let places = Places { all: 64, per_group: 4 };
    let queue = LocalQueue::new(places, places);
    let sender = beside(queue.clone());
    let message = |place: &str| -> Result<Message> {
        Ok(Message::WebhookV1 { delivery: DeliveryId::of(&run_id(1)?, place) })
    };
    for n in 0..200 {
        sender.send(message(&format!("backlog/{n}"))?, &Group::new("pit.example:443")).await?;
    }
    let other = message("other")?;
    sender.send(other.clone(), &Group::new("quick.example:443")).await?;
    let in_hand: Vec<_> = std::iter::from_fn(|| queue.try_next()).collect();
    Ok(in_hand.iter().any(|turn| turn.message == other))
}

#[tokio::test]
async fn f32_without_the_fair_queue() {
    assert!(gets_a_place(|queue| Box::new(queue)).await.unwrap());
    let without = gets_a_place(|queue| Box::new(Unfair(queue))).await.unwrap();
    assert!(!without, "the backlog does not notice that turns are missing");
}
