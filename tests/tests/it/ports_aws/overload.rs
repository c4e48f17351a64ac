//! AWS without capacity: each verb gives up within the deadline of the caller's request, and says
//! so.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use flowgate_aws::Aws;
use flowgate_core::clock::Clock;
use flowgate_core::group::Group;
use flowgate_core::limit::Rate;
use flowgate_core::overload::Overloaded;
use flowgate_core::page::PageRequest;
use flowgate_core::secret::Secrets;
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::{deadline, work};
use flowgate_tests::ports::sample::*;
use flowgate_tests::stores::{Counter, Refusal, Stores};
use futures_util::future::BoxFuture;

const DEADLINE: Duration = Duration::from_secs(2);

type Verb = (&'static str, BoxFuture<'static, Result<()>>);

/// What a caller's request asks of the stores.
fn verbs(aws: &Aws) -> Vec<Verb> {
    fn verb<T: 'static>(
        name: &'static str,
        made: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Verb {
        (name, Box::pin(async move { made.await.map(|_| ()) }))
    }
    let ports = aws.ports();
    let rate = Rate { requests_per_minute: 60, burst: 1 };
    let first = || PageRequest { limit: 10, cursor: None };
    let (runs, keys, limits, due) = (ports.runs, ports.keys, ports.limits, ports.due);
    let (ended, read, workflows) = (runs.clone(), runs.clone(), ports.workflows);
    let (queue, secrets, put) = (ports.queue, ports.secrets.clone(), ports.secrets);
    vec![
        verb("create", async move { runs.create(detached(1)?).await }),
        verb("create_ended", async move {
            let end = ending(flowgate_core::run::RunState::Succeeded);
            ended.create_ended(attached(2)?, end).await
        }),
        verb("read a run", async move { read.read(&run_id(1)?).await }),
        verb("read a key", async move { keys.read("key").await }),
        verb("take", async move { limits.take("key", rate, at(0)).await }),
        verb("due", async move { due.due(at(0), 10).await }),
        verb("list", async move { workflows.list(first()).await }),
        verb("send", async move {
            queue.send(work::Message::RunV1 { run: run_id(1)? }, &Group::default()).await
        }),
        verb("get a secret", async move { secrets.get("NAME").await }),
        verb(
            "put a secret",
            async move { Secrets::put(&*put, "NAME", &"value".into(), at(0)).await },
        ),
    ]
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn throttled_and_silent_stores_are_overload_within_the_deadline() -> Result<()> {
    let double = Stores::start()?;
    let counter = Counter::start(&double.url).await?;
    let mut config = double.fresh().await?;
    config.endpoints.dynamodb = Some(counter.url.clone());
    config.endpoints.sqs = Some(counter.url.clone());
    config.endpoints.secrets_manager = Some(counter.url.clone());
    let aws =
        Aws::with(&config, std::sync::Arc::new(SystemClock), std::sync::Arc::new(SystemEntropy));
    for refusal in [Refusal::Throttled, Refusal::Unavailable, Refusal::Silent] {
        counter.refusal.store(refusal as usize, Ordering::Relaxed);
        for (name, verb) in verbs(&aws) {
            counter.take();
            let began = Instant::now();
            let until = Some(SystemClock.now() + DEADLINE);
            let error = deadline::within(until, verb).await.expect_err(name);
            let (took, requests) = (began.elapsed(), counter.take().len());
            assert!(error.downcast_ref::<Overloaded>().is_some(), "{name}: {error:#}");
            assert!(took < DEADLINE + Duration::from_secs(1), "{name} {refusal:?}: {took:?}");
            assert!(requests < 60, "{name} {refusal:?}: {requests} requests");
        }
    }
    counter.refusal.store(0, Ordering::Relaxed);
    for (name, verb) in verbs(&aws) {
        assert!(verb.await.is_ok(), "{name} works again");
    }
    Ok(())
}
