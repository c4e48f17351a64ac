//! The adapter for AWS keeps every guarantee of the ports, on a double of DynamoDB, SQS and Secrets Manager, and those of its own.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flowgate_app::delivery::{Attempt, Delivery, DeliveryState, FrozenRequest};
use flowgate_app::ports::{
    AfterAttempt, Claimed, Clock, Created, DraftSaved, Ending, Entered, Finished, Heartbeat, Message, NewRun, RunFilter, StartMark, Written,
};
use flowgate_app::run::{Event, Held, OwnerToken, RunHead, RunState, Told};
use flowgate_app::secrets::{Keyring, SigningPin};
use flowgate_app::system::SystemEntropy;
use flowgate_app::time::Timestamp;
use flowgate_app::workflows::Draft;
use flowgate_aws::{Aws, Config};
use flowgate_tests::ports::sample::*;
use flowgate_tests::ports::{World, check_all};
use flowgate_tests::stores::{Counter, Stores};
use serde_json::{Value, json};

struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        at(self.0)
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
        keys: ports.keys,
        limits: ports.limits,
        secrets: ports.secrets,
        keep: Arc::new(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn the_adapter_for_aws_keeps_every_guarantee() {
    let double = Stores::start().unwrap();
    check_all(|| async { Ok(world(&aws(&double.fresh().await?, 0))) }).await;
}

/// Text that does not get smaller.
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

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn values_of_megabytes_lie_beside_their_rows() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    let run = with_input(detached(1)?, json!({ "text": noise(3 << 20) }));
    world.runs.create(run.clone()).await?;
    let (held, record) = claim(&world, 1, "a", 100, 1_000).await?;
    assert!(record.head == run.head, "the head has changed");

    let (first, second) = (checkpoint("a", 0, &noise(4 << 20)), checkpoint("b", 1, "small"));
    let told = Event { told: Told::Chunk { node: "draft".into(), text: noise(1 << 20) }, ..chunk(1, 1) };
    assert_eq!(world.runs.checkpoint(&held, first.clone(), vec![told.clone()]).await?, Written::Written);
    assert_eq!(world.runs.checkpoint(&held, second.clone(), vec![chunk(1, 2)]).await?, Written::Written);
    assert!(world.runs.checkpoints(&run_id(1)?).await? == [first, second], "the checkpoints have changed");
    assert!(world.runs.events(&run_id(1)?, None, 10).await? == [told, chunk(1, 2)], "the events have changed");

    let mut end = ending(RunState::Succeeded);
    Arc::make_mut(&mut end.end).output = Arc::new(json!({ "text": noise(4 << 20) }));
    end.trace[0].output = Some(end.end.output.clone());
    let body = noise(1 << 20);
    end.deliveries = vec![Delivery { request: Arc::new(request(&body)?), ..delivery(1, 0, 900)? }];
    assert_eq!(world.runs.finish(&held, end.clone()).await?, Finished::Finished);
    let stored = stored(&world, 1).await?;
    assert!(stored.head == run.head && stored.end == Some(end.end.clone()), "the run has changed");
    assert!(world.runs.trace(&run_id(1)?).await? == Some(end.trace), "the trace has changed");
    assert!(world.deliveries.of_run(&run_id(1)?).await? == end.deliveries, "the delivery has changed");
    let listed = world.runs.list(WORKFLOW_UID, RunFilter::default(), first_page(10)).await?;
    assert!(listed.items == [stored], "the list tells of another run");

    let largest = double.dump(&config.table).await?.iter().map(|item| item.to_string().len()).max();
    // Base64 in JSON takes a third more than the bytes.
    assert!(largest.is_some_and(|largest| largest < 480_000), "{largest:?}");
    Ok(())
}

fn request(body: &str) -> Result<FrozenRequest> {
    Ok(FrozenRequest { body: body.to_owned(), ..(*delivery(1, 0, 900)?.request).clone() })
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_wipe_leaves_nothing_of_what_a_run_was_given_or_gave() -> Result<()> {
    let double = Stores::start()?;
    for large in [false, true] {
        let config = double.fresh().await?;
        let world = world(&aws(&config, 0));
        let private = |what: &str| format!("private {what} {}", if large { noise(1 << 20) } else { String::new() });
        world.runs.create(with_input(detached(1)?, json!(private("input")))).await?;
        let (held, _) = claim(&world, 1, "a", 100, 1_000).await?;
        let told = Event { told: Told::Chunk { node: "draft".into(), text: private("chunk") }, ..chunk(1, 1) };
        world.runs.checkpoint(&held, checkpoint("a", 0, &private("result")), vec![told]).await?;
        world.runs.mark_started(&held, "a").await?;
        let mut end = Ending { due_at: Some(at(950)), ..ending(RunState::Succeeded) };
        Arc::make_mut(&mut end.end).output = Arc::new(json!(private("output")));
        end.trace[0].input = Some(Arc::new(json!(private("trace"))));
        end.deliveries = vec![Delivery { request: Arc::new(request(&private("body"))?), ..delivery(1, 0, 900)? }];
        world.runs.finish(&held, end).await?;
        assert!(readable(&double.dump(&config.table).await?).contains("private"), "the check sees what is there");

        for _ in 0..2 {
            world.runs.wipe(&run_id(1)?).await?;
        }
        let items = double.dump(&config.table).await?;
        assert!(!readable(&items).contains("private"));
        let mut left: Vec<&str> = items.iter().filter_map(|item| item["sk"]["S"].as_str()?.split('#').next()).collect();
        left.sort_unstable();
        assert_eq!(left, ["META", "WH", "WH"], "the run, its delivery and its pointer to it");
        assert!(stored(&world, 1).await?.wiped);
    }
    Ok(())
}

/// Items as text, what is compressed in them too.
fn readable(items: &[Value]) -> String {
    let mut text = String::new();
    for item in items {
        text.push_str(&item.to_string());
        for bytes in item.as_object().into_iter().flatten().filter_map(|(_, value)| BASE64.decode(value["B"].as_str()?).ok()) {
            // A part of a larger value is no whole stream: what can be read of it is enough.
            let mut inflated = Vec::new();
            let _ = flate2::read::DeflateDecoder::new(&bytes[..]).read_to_end(&mut inflated);
            text.push_str(&String::from_utf8_lossy(&inflated));
        }
    }
    text
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn each_verb_makes_the_requests_it_must() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let counter = Counter::start(&double.url).await?;
    let mut counted = config.clone();
    counted.endpoints.dynamodb = Some(counter.url.clone());
    counted.endpoints.sqs = Some(counter.url.clone());
    let aws = aws(&counted, 0);
    let world = world(&aws);
    let count = |what: &str, expected: &[&str]| assert_eq!(counter.take(), expected, "{what}");

    world.runs.create_ended(attached(1)?, ending(RunState::Succeeded)).await?;
    count("a run that needs nothing of the outside", &["PutItem"]);
    world.runs.create_ended(with_idempotency(attached(2)?, "k"), ending(RunState::Succeeded)).await?;
    count("the same with a claim", &["TransactWriteItems"]);

    world.runs.create(attached(3)?).await?;
    count("before an attached run's first call", &["PutItem"]);
    let held = Held { run: run_id(3)?, fence: 1, owner: owner("a") };
    assert_eq!(world.runs.finish(&held, ending(RunState::Succeeded)).await?, Finished::Finished);
    count("its end", &["UpdateItem"]);

    world.runs.create(detached(4)?).await?;
    aws.ports().queue.send(Message::RunV1 { run: run_id(4)? }).await?;
    count("an accepted run", &["PutItem", "SendMessage"]);
    let (held, _) = claim(&world, 4, "a", 100, 1_000).await?;
    count("a claim", &["UpdateItem"]);
    world.runs.checkpoint(&held, checkpoint("a", 0, "x"), vec![chunk(1, 1), chunk(1, 2)]).await?;
    count("a call's result with its events", &["TransactWriteItems"]);
    assert_eq!(world.runs.heartbeat(&held, at(2_000)).await?, Heartbeat::Kept { cancel_requested: false });
    count("a heartbeat", &["UpdateItem"]);
    let end = Ending { events: vec![chunk(1, 3)], deliveries: vec![delivery(4, 0, 900)?], ..ending(RunState::Succeeded) };
    world.runs.finish(&held, end.clone()).await?;
    count("an end with events and a delivery", &["TransactWriteItems"]);
    assert!(matches!(world.runs.finish(&held, end).await?, Finished::Already(_)));
    count("a second end", &["TransactWriteItems"]);
    assert_eq!(world.runs.claim(&run_id(4)?, &owner("b"), at(5_000), at(6_000)).await?, Claimed::Ended);
    count("a refused claim", &["UpdateItem"]);

    world.runs.create(with_input(detached(5)?, json!(noise(100_000)))).await?;
    count("a large input", &["BatchWriteItem", "PutItem"]);
    claim(&world, 5, "a", 100, 1_000).await?;
    count("its claim", &["UpdateItem", "BatchGetItem"]);

    let made = delivery(4, 0, 900)?;
    assert!(world.deliveries.claim(&made.id, &owner("a"), at(900), at(2_000)).await?.is_some());
    assert_eq!(world.deliveries.record(&made.id, &owner("a"), attempt("ok"), AfterAttempt::Delivered).await?, Written::Written);
    count("an attempt", &["UpdateItem", "UpdateItem"]);
    world.deliveries.of_run(&run_id(4)?).await?;
    count("a run's deliveries", &["Query", "BatchGetItem"]);
    world.due.due(at(99_000), 10).await?;
    count("a look at what is due", &["Query"; 16]);
    world.runs.list(WORKFLOW_UID, RunFilter::default(), first_page(3)).await?;
    count("a page of a list, one of them with a large input", &["Query", "BatchGetItem", "BatchGetItem"]);
    world.workflows.save_draft("story", draft("one"), "uid", SIGNING, None).await?;
    count("a draft", &["UpdateItem"]);
    world.limits.take("key", flowgate_app::limits::Rate { requests_per_minute: 60, burst: 3 }, at(1)).await?;
    count("a start of a key with limits", &["UpdateItem"]);
    world.limits.enter("key", &run_id(1)?, 3, at(1), at(9)).await?;
    count("a place", &["TransactWriteItems"]);
    Ok(())
}

fn attempt(answer: &str) -> Attempt {
    Attempt { at: at(950), duration_ms: 12, status: Some(500), error: None, answer: answer.to_owned() }
}

fn draft(text: &str) -> Draft {
    Draft { name: "A story".into(), document: text.into(), etag: format!("etag of {} bytes", text.len()), saved_at: at(10) }
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_past_its_retention_reads_as_absent() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let before = world(&aws(&config, 999));
    before.runs.create_ended(attached(1)?, Ending { expires_at: at(1_000), ..ending(RunState::Succeeded) }).await?;
    before.runs.create(detached(2)?).await?;
    assert!(before.runs.read(&run_id(1)?).await?.is_some() && before.runs.trace(&run_id(1)?).await?.is_some());
    let after = world(&aws(&config, 1_000));
    assert!(after.runs.read(&run_id(1)?).await?.is_none() && after.runs.trace(&run_id(1)?).await?.is_none());
    assert_eq!(after.runs.claim(&run_id(1)?, &owner("a"), at(1_000), at(2_000)).await?, Claimed::Unknown);
    let listed = after.runs.list(WORKFLOW_UID, RunFilter::default(), first_page(10)).await?;
    assert_eq!(listed.items.iter().map(|run| run.head.id.clone()).collect::<Vec<_>>(), [run_id(2)?]);
    Ok(())
}

/// DynamoDB takes items away by itself: nothing of a run may go before the run, and nothing may stay for good.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn all_that_belongs_to_a_run_has_its_time() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    world.runs.create(with_idempotency(with_input(detached(1)?, json!(noise(100_000))), "k")).await?;
    let (held, _) = claim(&world, 1, "a", 100, 1_000).await?;
    world.runs.checkpoint(&held, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?;
    world.runs.mark_started(&held, "a").await?;
    let expires_at = at(0) + Duration::from_secs(37 * 24 * 3600);
    let end = Ending { deliveries: vec![delivery(1, 0, 900)?], expires_at, ..ending(RunState::Succeeded) };
    world.runs.finish(&held, end).await?;
    let items = double.dump(&config.table).await?;
    assert!(items.len() >= 8, "{}", items.len());
    let earliest = expires_at.millis() / 1000;
    for item in &items {
        let until: i64 = item["expires_at"]["N"].as_str().with_context(|| format!("{item} has no time"))?.parse()?;
        assert!(until >= earliest || item["sk"]["S"] == "IDEM", "{} would go before its run", item["sk"]);
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_hand_over_of_hundreds_of_results_is_whole() -> Result<()> {
    let double = Stores::start()?;
    let world = world(&aws(&double.fresh().await?, 0));
    world.runs.create(attached(1)?).await?;
    let held = Held { run: run_id(1)?, fence: 1, owner: owner("a") };
    let results: Vec<_> = (0..250).map(|n| checkpoint(&format!("each[{n}]/fetch"), n, "x")).collect();
    world.runs.checkpoint(&held, results[100].clone(), vec![]).await?;
    for _ in 0..2 {
        assert_eq!(world.runs.hand_over(&held, results.clone(), vec![chunk(1, 1)], at(700)).await?, Written::Written);
    }
    assert!(world.runs.checkpoints(&run_id(1)?).await? == results);
    let (next, _) = claim(&world, 1, "b", 800, 1_000).await?;
    assert_eq!(world.runs.hand_over(&Held { owner: owner("c"), ..next }, results, vec![], at(900)).await?, Written::Lost);
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn the_token_of_the_deployment_stays_and_two_first_users_agree() -> Result<()> {
    let double = Stores::start()?;
    let deployed = double.fresh().await?;
    let with_token = json!({ "SecretId": deployed.keyring_secret, "SecretString": "{\"bootstrap_token\": \"deployed\"}" });
    double.call("secretsmanager.PutSecretValue", &with_token).await?;
    let ring = || Keyring::generate(&SystemEntropy);

    let reader = world(&aws(&Config { completes_keyring: false, ..deployed.clone() }, 0));
    let refused = reader.secrets.keyring(ring()).await.err().context("a reader must not complete it")?;
    assert!(format!("{refused:#}").contains("not complete yet"), "{refused:#}");

    let (one, two) = (world(&aws(&deployed, 0)), world(&aws(&deployed, 0)));
    let (one, two) = tokio::join!(one.secrets.keyring(ring()), two.secrets.keyring(ring()));
    let kept = one?;
    assert!(kept == two? && kept.bootstrap_token == "deployed" && !kept.peppers.is_empty());
    assert!(reader.secrets.keyring(ring()).await? == kept);
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn errors_name_what_aws_said_and_no_secret() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let nowhere = world(&aws(&Config { table: "nowhere".into(), keyring_secret: "nothing".into(), ..config.clone() }, 0));
    let error = nowhere.runs.read(&run_id(1)?).await.err().context("there is no such table")?;
    assert!(format!("{error:#}").contains("GetItem failed: ResourceNotFoundException"), "{error:#}");
    let error = nowhere.secrets.keyring(Keyring::generate(&SystemEntropy)).await.err().context("there is no such secret")?;
    assert!(format!("{error:#}").contains("is not there"), "{error:#}");

    let broken = json!({ "SecretId": config.keyring_secret, "SecretString": "{\"bootstrap_token\": 5, \"x\": \"hidden\"}" });
    double.call("secretsmanager.PutSecretValue", &broken).await?;
    let error = world(&aws(&config, 0)).secrets.keyring(Keyring::generate(&SystemEntropy)).await.err().context("it is no keyring")?;
    assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn secrets_are_wrapped_and_those_by_hand_are_read() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    world.secrets.put("WRAPPED", "{\"value\":\"x\"}", at(1)).await?;
    assert_eq!(world.secrets.get("WRAPPED").await?.as_deref(), Some("{\"value\":\"x\"}"));
    let by_hand = json!({ "Name": format!("{}HAND", config.secret_prefix), "SecretString": "plain" });
    double.call("secretsmanager.CreateSecret", &by_hand).await?;
    assert_eq!(world.secrets.get("HAND").await?.as_deref(), Some("plain"));
    let dump = readable(&double.dump(&config.table).await?);
    assert!(dump.contains("WRAPPED") && !dump.contains("value"), "names are in the table, values are not");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn messages_carry_their_trace_and_wait_as_long_as_a_queue_can() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let aws = aws(&config, 0);
    let queue = aws.ports().queue;
    let (run, webhook) = (Message::RunV1 { run: run_id(1)? }, Message::WebhookV1 { delivery: delivery(1, 0, 0)?.id });
    aws.set_trace(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()));
    queue.send(run.clone()).await?;
    aws.set_trace(None);
    queue.send(webhook.clone()).await?;
    queue.send_later(webhook.clone(), at(600_000)).await?;
    queue.send_later(webhook.clone(), at(900_001)).await?;

    let runs = received(&double, &config.run_queue_url).await?;
    let webhooks = received(&double, &config.webhook_queue_url).await?;
    assert_eq!((runs.len(), webhooks.len()), (1, 1), "what is to wait is not there yet");
    assert_eq!(serde_json::from_str::<Message>(runs[0]["Body"].as_str().unwrap_or_default())?, run);
    assert!(runs[0]["MessageAttributes"]["traceparent"]["StringValue"].as_str().is_some_and(|trace| trace.starts_with("00-0af7")));
    assert!(webhooks[0]["MessageAttributes"]["traceparent"].is_null());
    let asked = json!({ "QueueUrl": config.webhook_queue_url, "AttributeNames": ["All"] });
    let counts = double.call("AmazonSQS.GetQueueAttributes", &asked).await?;
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessagesDelayed"], "1", "{counts}");
    Ok(())
}

async fn received(double: &Stores, queue: &str) -> Result<Vec<Value>> {
    let ask = json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
    let mut answer = double.call("AmazonSQS.ReceiveMessage", &ask).await?;
    Ok(answer["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

/// A row must stay under DynamoDB's limit, however often a delivery is sent again.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_log_of_attempts_stays_short_and_goes_on() -> Result<()> {
    let double = Stores::start()?;
    let world = world(&aws(&double.fresh().await?, 0));
    let made = delivery(1, 0, 900)?;
    world.deliveries.put(made.clone()).await?;
    for n in 0..45 {
        let who = OwnerToken(format!("owner {n}").into());
        world.deliveries.claim(&made.id, &who, at(900), at(2_000)).await?.context("claimed")?;
        for _ in 0..2 {
            let written =
                world.deliveries.record(&made.id, &who, attempt(&format!("{n} {}", noise(4_000))), AfterAttempt::RetryAt(at(900))).await?;
            assert_eq!(written, Written::Written);
        }
    }
    let kept = world.deliveries.read(&made.id).await?.context("the delivery is not there")?;
    assert_eq!((kept.step, kept.state, kept.attempts.len()), (45, DeliveryState::Pending, 40));
    assert!(kept.attempts.last().is_some_and(|attempt| attempt.answer.starts_with("44 ")));
    Ok(())
}

/// Nothing of a draft stays that another has replaced, or of a run that was not made.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn what_no_row_names_is_taken_away() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    let beside = async || {
        let items = double.dump(&config.table).await?;
        anyhow::Ok(items.iter().filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("V#"))).count())
    };
    for bytes in [1_000_000, 1_200_000] {
        let large = noise(bytes);
        world.workflows.save_draft("story", draft(&large), "uid", SIGNING, None).await?;
        let stale = world.workflows.save_draft("story", draft(&noise(700_000)), "uid", SIGNING, Some("another")).await?;
        assert_eq!(stale, DraftSaved::Stale);
        let kept = world.workflows.read("story").await?.context("the workflow is not there")?;
        assert!(kept.draft == draft(&large));
        assert!((2..=5).contains(&beside().await?), "the draft's own, and no other's");
    }
    assert!(world.workflows.delete("story").await?);
    assert_eq!(beside().await?, 0);

    assert_eq!(world.runs.create(with_idempotency(detached(1)?, "k")).await?, Created::Created);
    let again = with_idempotency(with_input(detached(2)?, json!(noise(100_000))), "k");
    assert!(matches!(world.runs.create(again).await?, Created::Repeated(_)));
    assert_eq!(beside().await?, 0);
    Ok(())
}

async fn unkind() -> Result<(Stores, Counter, World)> {
    let double = Stores::start()?;
    let mut config = double.fresh().await?;
    let network = Counter::start(&double.url).await?;
    config.endpoints.dynamodb = Some(network.url.clone());
    let world = world(&aws(&config, 0));
    Ok((double, network, world))
}

/// The SDK sends again what was not answered: it may have been applied.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_write_whose_answer_was_lost_takes_effect_once() -> Result<()> {
    let (_double, network, world) = unkind().await?;
    network.twice.store(true, Ordering::Relaxed);
    assert_eq!(world.runs.create(detached(1)?).await?, Created::Created);
    let claims = with_chosen_id(with_idempotency(attached(2)?, "k"), "mine");
    assert_eq!(world.runs.create(claims).await?, Created::Created);
    let events = vec![chunk(1, 1)];
    assert_eq!(world.runs.create_ended(attached(3)?, Ending { events, ..ending(RunState::Failed) }).await?, Created::Created);

    let (held, run) = claim(&world, 1, "a", 100, 1_000).await?;
    assert_eq!((held.fence, run.barren_claims, run.due_at), (1, 1, Some(at(1_000))));
    assert_eq!(world.runs.heartbeat(&held, at(2_000)).await?, Heartbeat::Kept { cancel_requested: false });
    assert_eq!(world.runs.mark_started(&held, "a").await?, StartMark::Marked);
    assert_eq!(world.runs.checkpoint(&held, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?, Written::Written);
    assert_eq!(world.runs.append_events(&held, vec![chunk(1, 2)]).await?, Written::Written);
    assert_eq!(world.runs.hand_over(&held, vec![checkpoint("b", 1, "y")], vec![chunk(1, 3)], at(700)).await?, Written::Written);
    let (held, run) = claim(&world, 1, "b", 800, 2_000).await?;
    assert_eq!((held.fence, run.barren_claims), (2, 1));
    assert_eq!(world.runs.hand_over(&held, vec![], vec![], at(900)).await?, Written::Written);
    assert_eq!(stored(&world, 1).await?.barren_claims, 0);
    let (held, _) = claim(&world, 1, "c", 900, 2_000).await?;
    let end = Ending { deliveries: vec![delivery(1, 0, 900)?], ..ending(RunState::Succeeded) };
    assert!(matches!(world.runs.finish(&held, end).await?, Finished::Finished | Finished::Already(_)));
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1), chunk(1, 2), chunk(1, 3)]);
    assert_eq!(world.runs.checkpoints(&run_id(1)?).await?.len(), 2);

    let made = delivery(1, 0, 900)?;
    assert!(world.deliveries.claim(&made.id, &owner("a"), at(900), at(2_000)).await?.is_some());
    assert_eq!(world.deliveries.record(&made.id, &owner("a"), attempt("no"), AfterAttempt::RetryAt(at(5_000))).await?, Written::Written);
    let kept = world.deliveries.read(&made.id).await?.context("the delivery is not there")?;
    assert_eq!((kept.attempts.len(), kept.step), (1, 1));

    world.workflows.save_draft("story", draft("one"), "uid", SIGNING, None).await?;
    let saved = world.workflows.save_draft("story", draft("other"), "uid", SIGNING, Some("etag of 3 bytes")).await?;
    assert!(matches!(saved, DraftSaved::Saved(record) if record.draft == draft("other")));
    assert!(world.workflows.rotate_signing("story", SigningPin { master: 1, epoch: 1 }, at(500)).await?);
    let rotated = world.workflows.read("story").await?.context("the workflow is not there")?;
    assert_eq!(rotated.signing_before, Some((SIGNING, at(500))));
    for n in 1..=2 {
        assert_eq!(world.limits.enter("key", &run_id(n)?, 2, at(1), at(9)).await?, Entered::Entered);
    }
    world.limits.leave("key", &run_id(1)?).await?;
    assert_eq!(world.limits.enter("key", &run_id(3)?, 2, at(1), at(9)).await?, Entered::Entered);
    assert_eq!(world.limits.enter("key", &run_id(4)?, 2, at(1), at(9)).await?, Entered::Full);
    Ok(())
}

/// Which the double never does by itself.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn transactions_that_meet_are_tried_again() -> Result<()> {
    let (_double, network, world) = unkind().await?;
    let held = claimed(&world, 1, "a").await?;
    network.take();
    network.conflicts.store(3, Ordering::Relaxed);
    assert_eq!(world.runs.checkpoint(&held, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?, Written::Written);
    assert_eq!(network.take(), ["TransactWriteItems"; 4]);
    network.conflicts.store(100, Ordering::Relaxed);
    let given_up = world.runs.append_events(&held, vec![chunk(1, 2)]).await.unwrap_err();
    assert_eq!(network.take().len(), 8);
    let said = format!("{given_up:#}");
    assert!(said.contains("given up after 8 tries") && said.contains("TransactionConflict"), "{said}");
    network.conflicts.store(0, Ordering::Relaxed);
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1)]);
    Ok(())
}
