//! The suite that every adapter must pass: one check per guarantee of the ports, on an empty store.

mod budgets;
mod deliveries;
mod due;
mod erasure;
mod files;
mod keys;
mod knowledge;
mod limits;
mod lockstep;
mod ownership;
mod receivers;
mod runs;
pub mod sample;
mod schedules;
mod secrets;
mod logins;
mod logins_anew;
mod stats;
mod sessions;
mod waiting;
mod workflows;

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use flowgate_core::budget::Budgets;
use flowgate_core::delivery::Deliveries;
use flowgate_core::file::Files;
use flowgate_core::job::Jobs;
use flowgate_core::key::Keys;
use flowgate_core::knowledge::Knowledge;
use flowgate_core::limit::Limits;
use flowgate_core::login::Logins;
use flowgate_core::run::Runs;
use flowgate_core::secret::Secrets;
use flowgate_core::session::Sessions;
use flowgate_core::stats::Stats;
use flowgate_core::work::Due;
use flowgate_core::workflow::Workflows;

/// The ports of one adapter on one empty store.
#[derive(Clone)]
pub struct World {
    pub runs: Arc<dyn Runs>,
    pub deliveries: Arc<dyn Deliveries>,
    pub due: Arc<dyn Due>,
    pub workflows: Arc<dyn Workflows>,
    pub jobs: Arc<dyn Jobs>,
    pub sessions: Arc<dyn Sessions>,
    pub knowledge: Arc<dyn Knowledge>,
    pub keys: Arc<dyn Keys>,
    pub limits: Arc<dyn Limits>,
    pub budgets: Arc<dyn Budgets>,
    pub stats: Arc<dyn Stats>,
    pub secrets: Arc<dyn Secrets>,
    pub logins: Arc<dyn Logins>,
    pub files: Arc<dyn Files>,
    /// Keeps the store alive: a folder, a server.
    pub keep: Arc<dyn Any + Send + Sync>,
}

/// Checks every guarantee on its own store, then names all that failed.
pub async fn check_all<F: Future<Output = Result<World>>>(fresh: impl Fn() -> F) {
    let guarantees = [
        runs::guarantees(),
        ownership::guarantees(),
        waiting::guarantees(),
        lockstep::guarantees(),
        deliveries::guarantees(),
        receivers::guarantees(),
        due::guarantees(),
        erasure::guarantees(),
        workflows::guarantees(),
        schedules::guarantees(),
        keys::guarantees(),
        limits::guarantees(),
        budgets::guarantees(),
        stats::guarantees(),
        secrets::guarantees(),
        logins::guarantees(),
        logins_anew::guarantees(),
        files::guarantees(),
        sessions::guarantees(),
        knowledge::guarantees(),
    ];
    let mut broken = Vec::new();
    for Guarantee { name, check } in guarantees.into_iter().flatten() {
        let world = fresh().await.expect("the adapter gives a store");
        // Runs in its own task: a panic fails only this guarantee.
        match tokio::spawn(check(world)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => broken.push(format!("{name}: {error:#}")),
            Err(panic) => broken.push(format!("{name}: {panic}")),
        }
    }
    assert!(broken.is_empty(), "failed:\n{}", broken.join("\n"));
}

type Checked = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

struct Guarantee {
    name: &'static str,
    check: Box<dyn Fn(World) -> Checked>,
}

fn guarantee<F: Future<Output = Result<()>> + Send + 'static>(
    name: &'static str,
    check: fn(World) -> F,
) -> Guarantee {
    Guarantee { name, check: Box::new(move |world| Box::pin(check(world))) }
}
