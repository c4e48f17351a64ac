//! The one way out: performs the calls of runs and sends webhooks. All of them obey one address
//! rule; secrets are filled in on the way out and masked on the way in.

mod http;
mod files;
mod sniff;
mod metered;
mod telemetry;
mod model;
mod media;
mod reach;
mod mcp;
mod framing;
mod webhook;
mod code;
mod read;
mod header;
mod assembled;
mod secret;
mod login;
mod mask;
mod way;
mod address;
mod client;
mod status;
mod estimate;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flowgate_engine::BUDGET_EXHAUSTED;
use flowgate_engine::call::{Action, Call, CallError, CallResult, Chunk};
use url::Url;

pub use address::{AddressError, AddressRule, Resolver, SystemResolver, is_global_unicast};
pub use code::{ChildInfo, CodeGroup};
pub use estimate::{Asked, Estimate};
pub use files::RunFiles;
pub use header::{HeaderError, check_header};
pub use login::Redeemed;
pub use metered::Metered;
pub use telemetry::{Collector, CollectorError};
pub use webhook::{OutgoingWebhook, SendOutcome};

use assembled::GivenBy;
use flowgate_core::background::Background;
use flowgate_core::clock::{Clock, Entropy, timeout};
use flowgate_core::login::Logins;
use flowgate_core::secret::{SecretUser, Secrets};
use flowgate_core::telemetry::Telemetry;
use login::Renewals;
use mask::Masks;
use secret::SecretCache;
use way::Way;

#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// Allows plain http to any host. `allow_loopback` includes plain http to loopback.
    pub allow_http: bool,
    /// For every URL, those of callers included.
    pub allow_loopback: bool,
    /// For the URLs of authors alone: those whose host stands in the document or in a secret.
    pub allow_authors_loopback: bool,
    pub allow_private: bool,
    /// The programs to start for code: the first one that works is used. Without one, code fails
    /// as `code_unavailable`.
    pub child_programs: Vec<PathBuf>,
    /// Limit for an answer that becomes a node's value.
    pub max_answer_bytes: usize,
    /// Where callers reach this deployment: files are read there.
    pub public_url: String,
    /// Gets the spans of ended runs.
    pub collector: Option<Collector>,
}

impl OutboundSettings {
    /// Runs code in `flowgate-child`, which lies beside this program.
    pub fn with_child_beside() -> std::io::Result<Self> {
        let child = format!("{}{}", flowgate_child_protocol::PROGRAM, std::env::consts::EXE_SUFFIX);
        let child = std::env::current_exe()?.with_file_name(child);
        Ok(Self { child_programs: vec![child], ..Self::default() })
    }
}

impl Default for OutboundSettings {
    /// The strictest settings.
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_loopback: false,
            allow_authors_loopback: false,
            allow_private: false,
            child_programs: Vec::new(),
            max_answer_bytes: 4 * 1024 * 1024,
            public_url: String::new(),
            collector: None,
        }
    }
}

/// What a call takes before its answer comes: its future, its connection and their buffers.
const BYTES_OF_CALL: usize = 64 << 10;

/// One per process.
pub struct Outbound {
    settings: OutboundSettings,
    /// For hosts that a caller or a reference decides.
    way: Arc<Way>,
    /// For hosts that an author decides, if other addresses are allowed there.
    authors_way: Option<Arc<Way>>,
    secrets: SecretCache,
    clock: Arc<dyn Clock>,
    children: code::Pool,
}

impl Outbound {
    pub fn new(
        settings: OutboundSettings,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::with_resolver(settings, secrets, clock, Arc::new(SystemResolver))
    }

    /// For tests that resolve names themselves.
    pub fn with_resolver(
        settings: OutboundSettings,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolver>,
    ) -> Self {
        let OutboundSettings { allow_http, allow_loopback, allow_private, .. } = settings;
        let rule = AddressRule {
            allow_http,
            allow_loopback,
            allow_private,
            resolver,
            clock: Arc::clone(&clock),
        };
        let for_authors = settings.allow_authors_loopback && !allow_loopback;
        let authors_way =
            for_authors.then(|| Way::new(AddressRule { allow_loopback: true, ..rule.clone() }));
        let authors_way = authors_way.map(Arc::new);
        let secrets = SecretCache::new(secrets, Arc::clone(&clock));
        let children = code::Pool::new(settings.child_programs.clone());
        Self { settings, way: Arc::new(Way::new(rule)), authors_way, secrets, clock, children }
    }

    /// Renews logins, as background work. Without it, nobody has logged in.
    #[must_use]
    pub fn with_logins(
        mut self,
        logins: Arc<dyn Logins>,
        entropy: Arc<dyn Entropy>,
        background: Background,
    ) -> Self {
        let way = self.authors_way.as_ref().unwrap_or(&self.way);
        self.secrets.renewals = Some(Arc::new(Renewals::new(
            logins,
            Arc::clone(&self.clock),
            entropy,
            Arc::clone(way),
            background,
        )));
        self
    }

    /// Returns what sends spans, if a collector is named.
    pub fn telemetry(&self) -> reqwest::Result<Option<Arc<dyn Telemetry>>> {
        let Some(collector) = self.settings.collector.clone() else { return Ok(None) };
        let exporter = telemetry::Exporter::new(collector, Arc::clone(&self.clock))?;
        Ok(Some(Arc::new(exporter)))
    }

    /// Checks the syntax and scheme of a caller's URL, and a literal IP address.
    pub fn check_url(&self, url: &str) -> Result<Url, AddressError> {
        self.way.rule.check_url(url)
    }

    /// Checks a caller's webhook URL by the same rule that applies when it is called.
    pub async fn check_resolved(&self, url: &str) -> Result<Url, AddressError> {
        self.way.rule.check_resolved(url).await
    }

    /// Drops a changed secret from the cache: the next use reads it again. Other processes may use
    /// the old value for up to a minute.
    pub fn forget_secret(&self, name: &str) {
        self.secrets.forget(name);
    }

    /// Returns the longest time that performing the call takes.
    pub fn longest(call: &Call) -> Duration {
        match &call.action {
            Action::Code(_) => code::MAX_PAUSE + call.timeout,
            Action::Read(_) => code::MAX_READING_PAUSE + call.timeout + read::MIN_TIME,
            Action::Mcp(_) => mcp::MAX_END + call.timeout,
            Action::Http(_)
            | Action::Model(_)
            | Action::Media(_)
            | Action::Embed(_)
            | Action::Webhook(_)
            | Action::Session(_)
            | Action::Knowledge(_) => call.timeout,
            Action::Wait(_) | Action::Ask(_) => Duration::ZERO,
        }
    }

    /// Returns the program that runs code and what holds it in. `None` before the first code ran.
    pub fn child(&self) -> Option<&ChildInfo> {
        self.children.child()
    }

    /// Performs a call of no run, whose answer is counted for nobody.
    pub async fn perform(
        &self,
        call: &Call,
        user: &SecretUser,
        code: &CodeGroup,
        chunks: &mut (dyn FnMut(Chunk) + Send),
    ) -> CallResult {
        let (memory, files) = (Metered::default(), RunFiles::none());
        self.perform_counted(call, user, code, (&memory, &files), chunks).await
    }

    /// Performs the call once, within its `timeout`. What it reads counts as `memory`; `files` are
    /// those of its run. The driver handles `delay` and retries. Dropping the future abandons the
    /// call.
    pub async fn perform_counted(
        &self,
        call: &Call,
        user: &SecretUser,
        code: &CodeGroup,
        (memory, files): (&Metered, &RunFiles),
        chunks: &mut (dyn FnMut(Chunk) + Send),
    ) -> CallResult {
        if let Err(error) = memory.add(BYTES_OF_CALL) {
            return CallResult::Failed(error);
        }
        if !matches!(call.action, Action::Code(_)) {
            chunks(self.started());
        }
        let mut masks = Masks::default();
        call.literal_keys.iter().for_each(|key| masks.add(key));
        let result = match &call.action {
            // Boxed each: a call in flight takes what its own action needs, not the largest's.
            // Code enforces its own deadline: the child is reaped before the answer leaves.
            Action::Code(asked) => {
                let started = &mut || chunks(self.started());
                Box::pin(self.perform_code(asked, call, code, started)).await
            }
            Action::Read(asked) => {
                let (of_run, by) = ((memory, files), (user, code));
                Box::pin(self.perform_read(asked, call, by, &mut masks, of_run)).await
            }
            Action::Http(asked) => {
                let keys = &call.literal_keys;
                let of_run = (memory, files);
                let work = Box::pin(self.perform_http(asked, keys, user, &mut masks, of_run));
                self.within(call, work).await
            }
            Action::Model(asked) if call.needs_price && !model::is_priced(&asked.model) => {
                Err(unpriced(&asked.model))
            }
            Action::Model(asked) => {
                let of_run = (memory, files);
                let work = Box::pin(self.perform_model(asked, user, &mut masks, of_run, chunks));
                self.within(call, work).await
            }
            Action::Media(asked) if call.needs_price && !media::is_priced(asked) => {
                Err(unpriced(&asked.model))
            }
            Action::Media(asked) => {
                let of_run = (memory, files);
                let work = Box::pin(self.perform_media(asked, user, &mut masks, of_run));
                self.within(call, work).await
            }
            Action::Embed(asked) if call.needs_price && !model::is_priced(&asked.model) => {
                Err(unpriced(&asked.model))
            }
            Action::Embed(asked) => {
                let work = Box::pin(self.perform_embed(asked, user, &mut masks, memory));
                self.within(call, work).await
            }
            Action::Mcp(asked) => {
                Box::pin(self.perform_mcp(asked, call, user, &mut masks, memory)).await
            }
            Action::Webhook(_) => Err(failed("internal", "a webhook is delivered, not performed")),
            Action::Session(_) | Action::Knowledge(_) => {
                Err(failed("internal", "sessions and stores are kept inside"))
            }
            Action::Wait(_) | Action::Ask(_) => Err(failed("internal", "a pause is no call")),
        };
        match result {
            Ok(mut output) => {
                output.value = masks.value(output.value);
                CallResult::Succeeded(output)
            }
            Err(error) => CallResult::Failed(masks.error(error)),
        }
    }

    /// What a call reports as it goes out.
    fn started(&self) -> Chunk {
        Chunk::Started(self.clock.now().millis())
    }

    async fn within<T>(
        &self,
        call: &Call,
        work: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let ended = timeout(&*self.clock, call.timeout, work).await;
        ended.unwrap_or_else(|| {
            Err(retryable("timeout", format!("no answer within {} s", call.timeout.as_secs_f64())))
        })
    }

    fn way(&self, given_by: GivenBy) -> &Way {
        match (given_by, &self.authors_way) {
            (GivenBy::Author, Some(way)) => way,
            _ => &self.way,
        }
    }
}

/// A failure that a retry would hit again.
fn failed(code: &str, message: impl Into<String>) -> CallError {
    CallError {
        code: code.to_owned(),
        message: message.into(),
        retryable: false,
        ..CallError::default()
    }
}

fn retryable(code: &str, message: impl Into<String>) -> CallError {
    CallError {
        code: code.to_owned(),
        message: message.into(),
        retryable: true,
        ..CallError::default()
    }
}

/// A call whose price is not known, in a run with a budget.
fn unpriced(model: &str) -> CallError {
    let message = format!("the run has a budget, and the price of {model} is not known");
    CallError { nothing_happened: true, ..failed(BUDGET_EXHAUSTED, message) }
}

fn too_large(what: &str, limit: usize) -> CallError {
    failed("value_too_large", format!("{what} is larger than {limit} bytes"))
}
