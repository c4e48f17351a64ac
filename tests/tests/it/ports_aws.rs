//! The AWS adapter keeps every guarantee of the ports and its own, on a double of DynamoDB, SQS and
//! Secrets Manager.

mod files;
mod values;
mod requests;
mod older;
mod overload;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flowgate_aws::{Aws, Config, TraceHeaders};
use flowgate_core::clock::Clock;
use flowgate_core::delivery::Attempt;
use flowgate_core::group::Group;
use flowgate_core::run::{NewRun, RunHead};
use flowgate_core::secret::{Keyring, SecretRecord, SecretRule};
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;
use flowgate_core::workflow::Draft;
use flowgate_tests::ports::sample::*;
use flowgate_tests::ports::{World, check_all};
use flowgate_tests::stores::Stores;
use serde_json::{Value, json};

struct At(i64);

#[async_trait]
impl Clock for At {
    fn now(&self) -> Timestamp {
        at(self.0)
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

fn aws(config: &Config, now: i64) -> Aws {
    Aws::with(config, Arc::new(At(now)), Arc::new(SystemEntropy))
}

fn world(aws: &Aws) -> World {
    let ports = aws.ports();
    World {
        runs: ports.runs,
        deliveries: ports.deliveries,
        due: ports.due,
        workflows: ports.workflows,
        jobs: ports.jobs,
        sessions: ports.sessions,
        knowledge: ports.knowledge,
        keys: ports.keys,
        limits: ports.limits,
        budgets: ports.budgets,
        stats: ports.stats,
        secrets: ports.secrets,
        logins: ports.logins,
        files: ports.files,
        keep: Arc::new(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn the_adapter_for_aws_keeps_every_guarantee() {
    let double = Stores::start().unwrap();
    check_all(|| async { Ok(world(&aws(&double.fresh().await?, 0))) }).await;
}

/// Text that does not compress.
fn noise(bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    let random: Vec<u8> = std::iter::repeat_with(&mut next).flatten().take(bytes * 3 / 4).collect();
    BASE64.encode(random)
}

fn with_input(mut run: NewRun, input: Value) -> NewRun {
    run.head = Arc::new(RunHead { input: Arc::new(input), ..RunHead::clone(&run.head) });
    run
}

/// Returns items as text, with compressed values unpacked.
fn readable(items: &[Value]) -> String {
    let mut text = String::new();
    for item in items {
        text.push_str(&item.to_string());
        for bytes in item
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, value)| BASE64.decode(value["B"].as_str()?).ok())
        {
            // Part of a larger value is not a complete stream: the readable part is enough.
            let mut inflated = Vec::new();
            let _ = flate2::read::DeflateDecoder::new(&bytes[..]).read_to_end(&mut inflated);
            text.push_str(&String::from_utf8_lossy(&inflated));
        }
    }
    text
}

fn attempt(answer: &str) -> Attempt {
    Attempt {
        at: at(950),
        duration_ms: 12,
        status: Some(500),
        error: None,
        answer: answer.to_owned(),
    }
}

fn draft(text: &str) -> Draft {
    Draft {
        name: "A story".into(),
        document: text.into(),
        etag: format!("etag of {} bytes", text.len()),
        saved_at: at(10),
        saved_by: Some("0123456789ab".into()),
    }
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn the_token_of_the_deployment_stays_and_two_first_users_agree() -> Result<()> {
    let double = Stores::start()?;
    let deployed = double.fresh().await?;
    let with_token = json!({
        "SecretId": deployed.keyring_secret, "SecretString": "{\"bootstrap_token\": \"deployed\"}"
    });
    double.call("secretsmanager.PutSecretValue", &with_token).await?;
    let ring = || Keyring::generate(&SystemEntropy);

    let reader = world(&aws(&Config { completes_keyring: false, ..deployed.clone() }, 0));
    let refused =
        reader.secrets.keyring(ring()).await.err().context("a reader must not complete it")?;
    assert!(format!("{refused:#}").contains("not complete yet"), "{refused:#}");

    let (one, two) = (world(&aws(&deployed, 0)), world(&aws(&deployed, 0)));
    let (one, two) = tokio::join!(one.secrets.keyring(ring()), two.secrets.keyring(ring()));
    let kept = one?;
    assert!(kept == two? && kept.bootstrap_token == "deployed" && !kept.peppers.is_empty());
    assert!(reader.secrets.keyring(ring()).await? == kept);

    // Another stack that takes over this one's table.
    let moved = double.fresh().await?;
    let old = double
        .call("secretsmanager.GetSecretValue", &json!({ "SecretId": deployed.keyring_secret }))
        .await?;
    let put = json!({ "SecretId": moved.keyring_secret, "SecretString": old["SecretString"] });
    double.call("secretsmanager.PutSecretValue", &put).await?;
    for completes_keyring in [false, true] {
        let stack = world(&aws(&Config { completes_keyring, ..moved.clone() }, 0));
        assert!(stack.secrets.keyring(ring()).await? == kept);
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn errors_name_what_aws_said_and_no_secret() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let nowhere = world(&aws(
        &Config { table: "nowhere".into(), keyring_secret: "nothing".into(), ..config.clone() },
        0,
    ));
    let error = nowhere.runs.read(&run_id(1)?).await.err().context("there is no such table")?;
    assert!(
        format!("{error:#}").contains("GetItem failed: ResourceNotFoundException"),
        "{error:#}"
    );
    let error = nowhere
        .secrets
        .keyring(Keyring::generate(&SystemEntropy))
        .await
        .err()
        .context("there is no such secret")?;
    assert!(format!("{error:#}").contains("does not exist"), "{error:#}");

    let broken = json!({
        "SecretId": config.keyring_secret,
        "SecretString": "{\"bootstrap_token\": 5, \"x\": \"hidden\"}"
    });
    double.call("secretsmanager.PutSecretValue", &broken).await?;
    let error = world(&aws(&config, 0))
        .secrets
        .keyring(Keyring::generate(&SystemEntropy))
        .await
        .err()
        .context("it is not a keyring")?;
    assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn secrets_are_wrapped_and_those_by_hand_are_read() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    let secret = |value: &str| SecretRecord { value: value.into(), rule: SecretRule::default() };
    world.secrets.put("WRAPPED", &secret("{\"value\":\"x\"}"), at(1)).await?;
    assert_eq!(world.secrets.get("WRAPPED").await?, Some(secret("{\"value\":\"x\"}")));
    let by_hand =
        json!({ "Name": format!("{}HAND", config.secret_prefix), "SecretString": "plain" });
    double.call("secretsmanager.CreateSecret", &by_hand).await?;
    assert_eq!(world.secrets.get("HAND").await?, Some(secret("plain")));
    let dump = readable(&double.dump(&config.table).await?);
    assert!(
        dump.contains("WRAPPED") && !dump.contains("value"),
        "names are in the table, values are not"
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn messages_carry_their_trace_and_wait_as_long_as_a_queue_can() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let aws = aws(&config, 0);
    let queue = aws.ports().queue;
    let (run, webhook) = (
        Message::RunV1 { run: run_id(1)? },
        Message::WebhookV1 { delivery: delivery(1, 0, 0)?.id },
    );
    let xray = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1";
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let group = Group::new("example.com:443");
    aws.set_trace(TraceHeaders { traceparent: Some(traceparent.into()), xray: Some(xray.into()) });
    queue.send(run.clone(), &group).await?;
    aws.set_trace(TraceHeaders::default());
    queue.send(webhook.clone(), &group).await?;
    queue.send_later(webhook.clone(), &group, at(600_000)).await?;
    queue.send_later(webhook.clone(), &group, at(900_001)).await?;

    let runs = received(&double, &config.run_queue_url).await?;
    let webhooks = received(&double, &config.webhook_queue_url).await?;
    assert_eq!((runs.len(), webhooks.len()), (1, 1), "a delayed message is not visible yet");
    assert_eq!(serde_json::from_str::<Message>(runs[0]["Body"].as_str().unwrap_or_default())?, run);
    assert_eq!(
        (
            &runs[0]["MessageAttributes"]["traceparent"]["StringValue"],
            &runs[0]["Attributes"]["AWSTraceHeader"]
        ),
        (&json!(traceparent), &json!(xray))
    );
    assert!(
        webhooks[0]["MessageAttributes"]["traceparent"].is_null()
            && webhooks[0]["Attributes"]["AWSTraceHeader"].is_null()
    );
    let asked = json!({ "QueueUrl": config.webhook_queue_url, "AttributeNames": ["All"] });
    let counts = double.call("AmazonSQS.GetQueueAttributes", &asked).await?;
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessagesDelayed"], "1", "{counts}");
    Ok(())
}

async fn received(double: &Stores, queue: &str) -> Result<Vec<Value>> {
    let ask =
        json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
    let mut answer = double.call("AmazonSQS.ReceiveMessage", &ask).await?;
    Ok(answer["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default())
}
