//! What is tried again here, beyond what the SDK tries by itself, and how long a pause is made before it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use flowgate_core::clock::{Clock, Entropy};

const MOST_TRIES: u32 = 8;
const SHORTEST: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_secs(1);

/// Two transactions that touch one item are refused by DynamoDB, not put in a row: whoever is refused comes again, each after a pause of its own.
/// The double in the tests never refuses for this.
const AGAIN: [&str; 8] = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "TransactionConflict",
    "ThrottlingException",
    "ThrottlingError",
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
];

pub(crate) fn is_worth_another_try(code: Option<&str>) -> bool {
    code.is_some_and(|code| AGAIN.contains(&code))
}

/// Counts tries and pauses between them.
pub(crate) struct Tries {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    made: u32,
    most: u32,
}

impl Tries {
    pub(crate) fn new(clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Self {
        Self { clock: clock.clone(), entropy: entropy.clone(), made: 0, most: MOST_TRIES }
    }

    /// For what gets further with each try: a race that somebody wins each time, a batch of which some is written each time.
    pub(crate) fn many(self) -> Self {
        Self { most: 4 * MOST_TRIES, ..self }
    }

    /// Pauses, or gives the error back after the last try.
    pub(crate) async fn pause(&mut self, error: Error) -> Result<()> {
        self.made += 1;
        if self.made >= self.most {
            return Err(error.context(format!("given up after {} tries", self.made)));
        }
        self.clock.sleep(self.next_pause()).await;
        Ok(())
    }

    /// Somewhere between nothing and twice as much as the one before: those who met do not meet again.
    fn next_pause(&self) -> Duration {
        let most = LONGEST.min(SHORTEST * 2_u32.saturating_pow(self.made.min(10)));
        let mut bytes = [0; 2];
        self.entropy.fill(&mut bytes);
        most * u32::from(u16::from_be_bytes(bytes)) / u32::from(u16::MAX)
    }
}

/// An error that says what AWS called it. Never what was sent.
pub(crate) fn failed<E, R>(operation: &str, error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let said = format!("{operation} failed: {}: {}", error.code().unwrap_or("no answer"), error.message().unwrap_or("no message"));
    Error::new(error).context(said)
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
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(Bits(bits)));
        Tries::new(&clock, &entropy)
    }

    #[tokio::test]
    async fn tries_end() {
        let mut tries = tries(0);
        for _ in 1..MOST_TRIES {
            tries.pause(Error::msg("conflict")).await.unwrap();
        }
        let given_up = tries.pause(Error::msg("conflict")).await.unwrap_err();
        assert_eq!(format!("{given_up:#}"), "given up after 8 tries: conflict");
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |made| Tries { made, ..tries(0xff) }.next_pause();
        assert_eq!([1, 2, 3, 6, 40].map(pause).map(|pause| pause.as_millis()), [50, 100, 200, 1000, 1000]);
    }
}
