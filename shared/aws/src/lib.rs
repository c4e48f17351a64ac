//! The platform's ports on one DynamoDB table, two SQS queues and Secrets Manager.
//! `LAYOUT.md` describes the table's layout.

mod config;
mod clients;

// Ports.
mod runs;
mod deliveries;
mod receivers;
mod due;
mod questions;
mod queue;
mod workflows;
mod identities;
mod jobs;
mod draft;
mod public;
mod schedules;
mod sessions;
mod knowledge;
mod keys;
mod limits;
mod logins;
mod budgets;
mod stats;
mod secrets;
mod files;

// Rows and parts that the ports write.
mod run_values;
mod parts;
mod wipe;
mod delete;
mod lists;
mod row;
mod page;
mod merged;

// The table.
mod item;
mod value;
mod write;
mod table;
mod release;
mod retry;

// The bucket.
mod s3;
mod signature;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use flowgate_core::Ports;
use flowgate_core::clock::{Clock, Entropy};
use flowgate_core::computing::OneAtATime;
use flowgate_core::id::RunId;
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::time::Timestamp;

pub use config::{Config, Endpoints};

use clients::Clients;
use item::{Item, run_partition};
use s3::Bucket;
use table::Table;
use value::Packer;

/// No run takes longer: 7 days, and 30 of waiting. Its parts, written before its end is known,
/// expire this much plus retention plus a margin after they are written.
const MAX_RUN: Duration = Duration::from_secs((7 + 30) * 24 * 3600);
const EXPIRY_MARGIN: Duration = Duration::from_secs(24 * 3600);

/// Every port. Clones share their clients, which connect on first use.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    clients: Arc<Clients>,
    table: Table,
    bucket: OnceLock<Bucket>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    trace: Mutex<TraceHeaders>,
    stores: knowledge::Stores,
}

/// Trace headers of the current request or message. Every message sent meanwhile carries them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceHeaders {
    /// In W3C format, for the log.
    pub traceparent: Option<String>,
    /// In X-Ray format. Lambda links the message's processing to it.
    pub xray: Option<String>,
}

impl Aws {
    pub fn new(config: &Config) -> Self {
        Self::with(config, Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// Takes another clock, for tests of retention: expired items read as absent.
    pub fn with(config: &Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let clients = Arc::new(Clients::new(config));
        let table = Table {
            name: config.table.clone(),
            clients: clients.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        Self {
            inner: Arc::new(Inner {
                config: config.clone(),
                clients,
                table,
                bucket: OnceLock::new(),
                clock,
                entropy,
                trace: Mutex::default(),
                stores: knowledge::Stores::default(),
            }),
        }
    }

    pub fn ports(&self) -> Ports {
        let port = Arc::new(self.clone());
        Ports {
            runs: port.clone(),
            deliveries: port.clone(),
            due: port.clone(),
            queue: port.clone(),
            workflows: port.clone(),
            jobs: port.clone(),
            sessions: port.clone(),
            knowledge: port.clone(),
            keys: port.clone(),
            limits: port.clone(),
            budgets: port.clone(),
            stats: port.clone(),
            secrets: port.clone(),
            logins: port.clone(),
            files: port,
            computing: Arc::new(OneAtATime),
            clock: self.inner.clock.clone(),
            entropy: self.inner.entropy.clone(),
            telemetry: None,
        }
    }

    /// Sets the headers of all messages from now on: a Lambda has one invocation at a time.
    pub fn set_trace(&self, headers: TraceHeaders) {
        *self.inner.trace.lock().unwrap_or_else(PoisonError::into_inner) = headers;
    }

    fn table(&self) -> &Table {
        &self.inner.table
    }

    /// Made on first use: few functions read files.
    fn bucket(&self) -> &Bucket {
        let Inner { config, clock, bucket, .. } = &*self.inner;
        bucket.get_or_init(|| Bucket::new(config, clock.clone()))
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Returns when DynamoDB may delete the parts of a run: never before the run itself.
    fn parts_expire_at(&self) -> aws_sdk_dynamodb::types::AttributeValue {
        item::seconds(self.now() + MAX_RUN + self.inner.config.retention + EXPIRY_MARGIN)
    }

    fn packer_of_run(&self, run: &RunId, salt: &str) -> Packer {
        Packer {
            pk: run_partition(run),
            salt: salt.to_owned(),
            expires_at: Some(self.parts_expire_at()),
        }
    }

    /// Returns `None` for an expired item: DynamoDB deletes it days later, and until then it counts
    /// as absent.
    fn kept(&self, item: Item) -> anyhow::Result<Option<Item>> {
        let is_expired = item.find_time("kept_until")?.is_some_and(|until| until <= self.now());
        Ok((!is_expired).then_some(item))
    }
}
