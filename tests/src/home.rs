//! Where the tests run: `serve` in their own process, or the functions on the double of AWS
//! (`FLOWGATE_TESTS_HOME=aws`, see `tests/aws/run`).

use std::time::Duration;

/// Tests do not call this: a test that cannot pass on the double is listed in `tests/aws/skip`,
/// with its reason.
pub fn is_aws() -> bool {
    std::env::var("FLOWGATE_TESTS_HOME").is_ok_and(|home| home == "aws")
}

/// How long a test waits for an effect. On AWS a run whose worker was killed resumes when its lease
/// of 60 s has ended, and both cores may be busy starting processes.
pub fn patience() -> Duration {
    Duration::from_secs(if is_aws() { 180 } else { 20 })
}
