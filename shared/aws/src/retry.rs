//! Retries beyond those of the SDK, and the pauses before them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use flowgate_core::clock::{Clock, Entropy, timeout};
use flowgate_core::deadline;
use flowgate_core::overload::Overloaded;

const MAX_TRIES: u32 = 8;
const MIN_PAUSE: Duration = Duration::from_millis(25);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// DynamoDB does not serialize two transactions on one item but refuses them: each is retried,
/// after its own random pause. The test double never refuses for this reason.
const RETRYABLE: [&str; 8] = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "TransactionConflict",
    "ThrottlingException",
    "ThrottlingError",
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
];

/// A service that has no capacity or is not available. The SDK has tried them a few times.
const UNAVAILABLE: [&str; 10] = [
    "InternalServerError",
    "InternalServiceError",
    "InternalFailure",
    "InternalError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "OverLimit",
    "RequestThrottled",
    "KmsThrottled",
    "TooManyRequestsException",
];

const RETRY_AFTER: Duration = Duration::from_secs(2);

pub(crate) fn is_retryable(code: Option<&str>) -> bool {
    code.is_some_and(|code| RETRYABLE.contains(&code))
}

/// Runs one operation, with all its tries, until the deadline of the caller's request. Every
/// request to AWS is made in here.
pub(crate) async fn bounded<T>(
    clock: &dyn Clock,
    operation: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(left) = deadline::left(clock.now()) else { return work.await };
    let done = timeout(clock, left, work).await;
    done.unwrap_or_else(|| Err(overloaded(anyhow!("{operation} did not succeed in time"))))
}

/// Logs the cause: the caller learns only that it should try again.
pub(crate) fn overloaded(cause: Error) -> Error {
    tracing::warn!(error = format!("{cause:#}"), "AWS has no capacity now");
    cause.context(Overloaded { retry_after: RETRY_AFTER })
}

/// Counts tries and pauses between them.
pub(crate) struct Tries {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    made: u32,
    max: u32,
}

impl Tries {
    pub(crate) fn new(clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Self {
        Self { clock: clock.clone(), entropy: entropy.clone(), made: 0, max: MAX_TRIES }
    }

    /// Allows more tries, for work that progresses with each: a race that somebody wins, a batch
    /// that is partly written.
    pub(crate) fn many(self) -> Self {
        Self { max: 4 * MAX_TRIES, ..self }
    }

    /// Pauses, or returns the error after the last try.
    pub(crate) async fn pause(&mut self, error: Error) -> Result<()> {
        self.made += 1;
        let pause = self.next_pause();
        let is_late = deadline::current().is_some_and(|at| self.clock.now() + pause >= at);
        if self.made >= self.max || is_late {
            let error = error.context(format!("given up after {} tries", self.made));
            return Err(overloaded(error));
        }
        self.clock.sleep(pause).await;
        Ok(())
    }

    /// Exponential backoff with full jitter, so that clients that collided do not collide again.
    fn next_pause(&self) -> Duration {
        let max = MAX_PAUSE.min(MIN_PAUSE * 2_u32.saturating_pow(self.made.min(10)));
        let mut bytes = [0; 2];
        self.entropy.fill(&mut bytes);
        max * u32::from(u16::from_be_bytes(bytes)) / u32::from(u16::MAX)
    }
}

/// Returns an error with AWS's code and message, never with what was sent.
pub(crate) fn failed<E, R>(operation: &str, error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let message = format!(
        "{operation} failed: {}: {}",
        error.code().unwrap_or("no answer"),
        error.message().unwrap_or("no message")
    );
    let is_overloaded = is_overload(&error);
    let error = Error::new(error).context(message);
    if is_overloaded { overloaded(error) } else { error }
}

/// An answer without a code comes from something before the service.
fn is_overload<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        SdkError::ServiceError(_) => {
            error.code().is_none_or(|code| is_retryable(Some(code)) || UNAVAILABLE.contains(&code))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use flowgate_core::system::SystemClock;

    use super::*;

    /// All bits set, or none.
    struct Bits(u8);

    impl Entropy for Bits {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn tries(bits: u8) -> Tries {
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
            (Arc::new(SystemClock), Arc::new(Bits(bits)));
        Tries::new(&clock, &entropy)
    }

    #[tokio::test]
    async fn tries_end() {
        let mut tries = tries(0);
        for _ in 1..MAX_TRIES {
            tries.pause(Error::msg("conflict")).await.unwrap();
        }
        let given_up = tries.pause(Error::msg("conflict")).await.unwrap_err();
        assert_eq!(
            format!("{given_up:#}"),
            "no capacity now; try again in 2 s: given up after 8 tries: conflict"
        );
        assert!(given_up.downcast_ref::<Overloaded>().is_some());
    }

    #[tokio::test]
    async fn tries_and_calls_end_with_the_callers_request() {
        let now = SystemClock.now();
        let until = Some(now + Duration::from_millis(10));
        deadline::within(until, async {
            let mut tries = tries(0xff);
            let given_up = tries.pause(Error::msg("conflict")).await.unwrap_err();
            assert!(given_up.downcast_ref::<Overloaded>().is_some());
            let never = std::future::pending::<Result<()>>();
            let cut = bounded(&SystemClock, "GetItem", never).await.unwrap_err();
            assert!(cut.downcast_ref::<Overloaded>().is_some());
        })
        .await;
        assert!(SystemClock.now().since(now) < Duration::from_secs(2));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |made| Tries { made, ..tries(0xff) }.next_pause();
        assert_eq!(
            [1, 2, 3, 6, 40].map(pause).map(|pause| pause.as_millis()),
            [50, 100, 200, 1000, 1000]
        );
    }
}
