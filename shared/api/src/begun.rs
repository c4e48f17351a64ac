//! What a start has come to, and what follows in its run: for protocols whose callers may repeat a
//! start, or follow it to its end.

use anyhow::anyhow;
use flowgate_app::error::What;
use flowgate_app::event::EventId;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error, Result};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::Started;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use crate::http::event_log::{EventLog, Logged};

pub(crate) enum Begun {
    /// It has ended, or goes on without this request.
    Run(Box<RunRecord>),
    /// An earlier request began it.
    Joined(Box<RunRecord>),
    /// Its progress, the first of it apart.
    Stream(Box<Progress>, Subscription),
}

impl Begun {
    /// `body_hash`: of the idempotency key's request.
    pub(crate) async fn of(runner: &Runner, started: Started, body_hash: &str) -> Result<Self> {
        let mut subscription = match started {
            Started::Run(record) | Started::Overdue(record) => return Ok(Self::Run(record)),
            Started::Repeated(record) => return Ok(Self::Joined(record)),
            Started::Stream(subscription) => subscription,
        };
        match subscription.next().await {
            Some(Progress::Repeated(earlier)) => {
                Ok(Self::Joined(runner.repeated(earlier, body_hash).await?))
            }
            Some(Progress::Overloaded(overloaded)) => Err(overloaded.into()),
            Some(Progress::Lost | Progress::IdTaken) | None => {
                Err(anyhow!("the run was lost before it said anything").into())
            }
            Some(first) => Ok(Self::Stream(Box::new(first), subscription)),
        }
    }
}

/// Waits for the end of a run that another request began, as long as for one of its own.
pub(crate) async fn join(app: &App, record: Box<RunRecord>) -> Result<Box<RunRecord>> {
    let run = &record.head.id;
    app.wait_for_end(run, app.now() + app.settings.longest_wait).await;
    let record = app.ports.runs.read(run).await?.ok_or(Error::NotFound(What::Run))?;
    if record.wiped { Err(Error::Gone) } else { Ok(Box::new(record)) }
}

/// What follows in a run that this request began: its progress, then, if the stream may wait that
/// long, its log.
pub(crate) fn followed(
    first: Progress,
    subscription: Subscription,
    log: EventLog,
    reads_on: bool,
) -> BoxStream<'static, Logged> {
    let live = Live { first: Some(first), subscription, log, is_over: false, reads_on };
    stream::unfold(live, Live::next).boxed()
}

struct Live {
    first: Option<Progress>,
    subscription: Subscription,
    log: EventLog,
    /// The run goes on elsewhere.
    is_over: bool,
    reads_on: bool,
}

impl Live {
    async fn next(mut self) -> Option<(Logged, Self)> {
        if self.is_over {
            let logged = if self.reads_on { self.log.next().await? } else { Logged::Cut };
            return Some((logged, self));
        }
        let progress = match self.first.take() {
            Some(first) => Some(first),
            None => self.subscription.next().await,
        };
        let logged = match progress {
            Some(Progress::Event(event)) => {
                self.log.after = Some(EventId::clone(&event.id));
                Logged::Events(vec![event])
            }
            Some(Progress::Ended(record)) => Logged::Ended(Some(record)),
            _ => {
                self.is_over = true;
                Logged::Events(Vec::new())
            }
        };
        Some((logged, self))
    }
}
