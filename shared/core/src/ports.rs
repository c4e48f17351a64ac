//! Every port in one struct. Each method documents its guarantee; the adapters (`local`, `aws`)
//! keep it, and one test suite checks them all.
//!
//! `Err` means "failed, or the outcome is unknown"; every method is safe to retry. Outcomes that
//! callers branch on are in the `Ok`.

use std::sync::Arc;

use crate::budget::Budgets;
use crate::clock::{Clock, Entropy};
use crate::computing::Computing;
use crate::delivery::Deliveries;
use crate::file::Files;
use crate::job::Jobs;
use crate::key::Keys;
use crate::knowledge::Knowledge;
use crate::limit::Limits;
use crate::login::Logins;
use crate::run::Runs;
use crate::secret::Secrets;
use crate::session::Sessions;
use crate::stats::Stats;
use crate::telemetry::Telemetry;
use crate::work::{Due, Queue};
use crate::workflow::Workflows;

#[derive(Clone)]
pub struct Ports {
    pub runs: Arc<dyn Runs>,
    pub deliveries: Arc<dyn Deliveries>,
    pub due: Arc<dyn Due>,
    pub queue: Arc<dyn Queue>,
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
    pub computing: Arc<dyn Computing>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// `None`: nobody asked for spans.
    pub telemetry: Option<Arc<dyn Telemetry>>,
}
