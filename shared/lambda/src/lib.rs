//! What every function's main calls: reads the configuration, starts the log, builds the platform,
//! and serves events until Lambda stops the process.

mod http;
#[cfg(feature = "starts")]
pub mod starts;
mod timer;
mod pages;
mod log;
mod trace;

pub use pages::pages;
pub use timer::sweeps;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use flowgate_app::memory::MemoryLimits;
use flowgate_app::origin::AllowedOrigins;
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Kinds, Settings};
use lambda_runtime::Context;

use flowgate_aws::{Aws, Config, TraceHeaders};

/// How long before its deadline a function starts to hand over, since Lambda kills it then.
const HAND_OVER: Duration = Duration::from_secs(20);
const CANNOT_START: &str = "the platform cannot start";

/// One process of a function. It serves one event at a time, and is frozen between events.
pub struct Function {
    app: Arc<App>,
    aws: Aws,
    /// Sends each HTTP answer as one JSON object, for tools that cannot read a stream.
    buffered: bool,
}

/// Runs a function's main.
pub fn main(serve: impl AsyncFnOnce() -> Result<()>) -> ExitCode {
    log::begin();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime");
    match runtime.and_then(|runtime| runtime.block_on(serve())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Lambda reports the error, and starts another process with the next event.
            tracing::error!(error = format!("{error:#}"), "the function failed");
            ExitCode::FAILURE
        }
    }
}

impl Function {
    pub async fn start() -> Result<Self> {
        Self::build(None).await
    }

    /// As [`Self::start`], with the given kinds of nodes; documents may use no others.
    pub async fn start_with(kinds: Kinds) -> Result<Self> {
        Self::build(Some(kinds)).await
    }

    async fn build(kinds: Option<Kinds>) -> Result<Self> {
        let config = Config::from_env()?;
        let aws = Aws::new(&config);
        let app = App::new(aws.ports(), settings(&config, kinds)?).await.context(CANNOT_START)?;
        Ok(Self { app, aws, buffered: config.buffered })
    }

    /// Sets the deadline and the trace of this event.
    fn begin(&self, context: &Context, traceparent: Option<String>) {
        self.app.must_end_by(deadline(context) - HAND_OVER);
        let xray = context.xray_trace_id.clone();
        self.aws.set_trace(TraceHeaders {
            traceparent: traceparent.or_else(|| trace::of_xray(xray.as_deref()?)),
            xray,
        });
    }
}

/// When Lambda kills the process.
fn deadline(context: &Context) -> Timestamp {
    Timestamp(i64::try_from(context.deadline).unwrap_or(i64::MAX))
}

fn settings(config: &Config, kinds: Option<Kinds>) -> Result<Settings> {
    let allowed_origins = AllowedOrigins::parse(&config.allowed_origins)
        .map_err(|text| anyhow!("FLOWGATE_ALLOWED_ORIGINS: {text:?} is not an origin"))?;
    Ok(Settings {
        kinds,
        allowed_origins,
        public_workflows: config.public_workflows,
        public_url: config.public_url.clone(),
        retention: config.retention,
        audit_retention: config.audit_retention,
        without_keyring: config.without_keyring,
        longest_wait: config.longest_wait,
        longest_stream: config.longest_stream,
        longest_follow: config.longest_follow,
        frozen_between_requests: true,
        // The other half is the program, and copies on the way.
        memory: MemoryLimits::of_process(config.memory / 2),
        ..Settings::default()
    })
}

/// Lambda's errors are boxed.
fn served(ended: Result<(), lambda_runtime::Error>) -> Result<()> {
    ended.map_err(|error| anyhow!(error))
}
