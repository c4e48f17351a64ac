//! F17, F18, F21: receivers that hang, drip, send without end, fail for days, or change their
//! secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use flowgate_app::access::Caller;
use flowgate_core::clock::Clock;
use flowgate_core::delivery::DeliveryState;
use flowgate_core::secret::{Publisher, SecretUser};
use flowgate_core::work::Message;
use flowgate_engine::call::Piece;
use flowgate_outbound::{Outbound, OutboundSettings, OutgoingWebhook};
use flowgate_tests::clock::TestClock;
use flowgate_tests::faults::check::{Expected, is_signed};
use flowgate_tests::faults::seed::{Figures, each_seed, report};
use flowgate_tests::faults::upstream::Reply;
use flowgate_tests::faults::world::{Setup, WORKFLOW, World, memory_folder};
use flowgate_tests::ports::sample::at;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a receiver sends after it has read the request.
#[derive(Debug, Clone, Copy)]
enum Tar {
    Hangs,
    /// A byte of its headers at a time, for ever.
    DripsHeaders,
    /// A byte of its body at a time, for ever.
    DripsBody,
    /// As fast as it is read.
    Gigabyte,
    Resets,
}

/// Returns the address, and how many bytes were sent so far.
async fn tar(tar: Tar) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, tar, counted.clone()));
        }
    });
    (url, sent)
}

async fn serve(mut stream: TcpStream, tar: Tar, sent: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut request = [0; 1024];
    let _ = stream.read(&mut request).await?;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    let (start, piece, pause) = match tar {
        Tar::Hangs => return std::future::pending().await,
        Tar::Resets => {
            stream.write_all(&head.as_bytes()[..20]).await?;
            return Ok(());
        }
        Tar::DripsHeaders => ("HTTP/1.1 200 OK\r\nx-drip: ", 1, 2),
        Tar::DripsBody => (head, 1, 2),
        Tar::Gigabyte => (head, 64 * 1024, 0),
    };
    stream.write_all(start.as_bytes()).await?;
    let bytes = vec![b'a'; piece];
    while sent.fetch_add(piece, Ordering::SeqCst) < 1 << 30 {
        stream.write_all(&bytes).await?;
        if pause > 0 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
    Ok(())
}

fn outbound(clock: Arc<TestClock>) -> Result<(Outbound, tempfile::TempDir)> {
    let folder = memory_folder()?;
    let secrets = Arc::new(flowgate_local::Local::open(folder.path())?);
    let settings = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
    Ok((Outbound::new(settings, secrets, clock), folder))
}

pub(crate) fn webhook(url: &str) -> OutgoingWebhook {
    OutgoingWebhook {
        method: "POST".to_owned(),
        url: vec![Piece::Text(url.to_owned())],
        body: Some("{}".to_owned()),
        ..OutgoingWebhook::default()
    }
}

pub(crate) fn nobody() -> SecretUser {
    SecretUser { workflow_id: "w".to_owned(), published_by: Publisher::Platform }
}

/// One attempt against each of them ends within its 20 s, and reads little.
#[tokio::test]
async fn f17_receivers_that_hang_drip_or_do_not_end() {
    let began = Instant::now();
    for kind in [Tar::Hangs, Tar::DripsHeaders, Tar::DripsBody, Tar::Gigabyte, Tar::Resets] {
        let clock = Arc::new(TestClock::new(at(0)));
        let (outbound, _folder) = outbound(clock.clone()).unwrap();
        let (url, sent) = tar(kind).await;
        let user = nobody();
        let attempt = outbound.send_webhook(webhook(&url), &user);
        let mut attempt = std::pin::pin!(attempt);
        let outcome = tokio::select! {
            outcome = &mut attempt => outcome,
            // What still drips after half a second has 20 s on the clock of the test.
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                assert!(clock.wake_next(), "{kind:?}: an attempt has a time limit");
                attempt.await
            }
        };
        let took = clock.now().since(at(0));
        assert!(took <= Duration::from_millis(20_500), "{kind:?} took {took:?}");
        assert!(outcome.answer.len() <= 4 * 1024, "{kind:?}");
        match kind {
            Tar::Gigabyte => assert_eq!((outcome.status, outcome.error), (Some(200), None)),
            _ => assert!(outcome.error.is_some(), "{kind:?}: {outcome:?}"),
        }
        // What the sockets buffer is gone; the gigabyte was not read.
        let sent = sent.load(Ordering::SeqCst);
        assert!(sent < 32 << 20, "{kind:?}: {sent} bytes");
    }
    report("f17 hang, drip (headers, body), 1 GB, reset", 5, &Figures::default(), began.elapsed());
}

/// While one receiver hangs, the webhooks of other runs arrive at once.
#[test]
fn f17_other_webhooks_do_not_wait_for_a_receiver_that_hangs() {
    each_seed("f17_other webhooks while one receiver hangs", 4, async |seed| {
        let world = World::open(Setup { workers: 1, concurrency: 64, ..Setup::new(seed) }).await?;
        world.upstream.answer(|what, i, _| match what {
            "done" if i == 0 => Reply::after(Duration::from_secs(3_600)),
            _ => Reply::OK,
        });
        let begun = world.clock.now();
        world.accept(8).await;
        let arrived = async || (1..8).all(|i| world.upstream.count("done", i) == 1);
        world.until(Duration::from_secs(19), arrived).await?;
        ensure!(arrived().await, "others wait for the receiver that hangs");
        let figures = Figures { recovery: world.clock.now().since(begun), ..Figures::default() };
        Ok(figures)
    });
}

#[test]
fn f18_a_receiver_fails_for_days() {
    each_seed("f18 500 for 75 h, exhausted, delivered on demand", 4, async |seed| {
        let sweep_every = Duration::from_secs(60);
        let world = World::open(Setup { workers: 1, sweep_every, ..Setup::new(seed) }).await?;
        let works = Arc::new(AtomicBool::new(false));
        let answers = works.clone();
        world.upstream.answer(move |what, _, _| match what {
            "done" if !answers.load(Ordering::SeqCst) => {
                Reply { status: StatusCode::INTERNAL_SERVER_ERROR, ..Reply::OK }
            }
            _ => Reply::OK,
        });
        world.accept(1).await;
        world.settle(Duration::from_secs(100 * 3_600)).await?;
        ensure!(world.upstream.count("done", 0) == 10, "{} attempts", {
            world.upstream.count("done", 0)
        });
        let run = world.accepted()[&0].clone();
        let deliveries = world.truth.deliveries.of_run(&run).await?;
        let exhausted =
            deliveries.iter().find(|delivery| delivery.state == DeliveryState::Exhausted);
        let exhausted = exhausted.context("the delivery is exhausted")?;
        let (id, receiver) = (exhausted.id.clone(), exhausted.receiver.clone());
        works.store(true, Ordering::SeqCst);
        let front = world.front().await?;
        world.drive(front.runner.app.redeliver(&Caller::Admin, id.as_str())).await?;
        let message = Message::WebhookV1 { delivery: id };
        world.drive(front.runner.app.send(message, &receiver)).await;
        world.settle(Duration::from_secs(3_600)).await?;
        world.check(&Expected::default()).await?.kept()
    });
}

/// The workflow's secret and the keyring are rotated while webhooks wait and go out.
#[test]
fn f21_a_secret_is_rotated_under_load() {
    each_seed("f21 signing secret and keyring rotated under 40 runs", 4, async |seed| {
        // Nothing dies here, and a day passes.
        let sweep_every = Duration::from_secs(600);
        let world = World::open(Setup { sweep_every, ..Setup::new(seed) }).await?;
        world.upstream.answer(|_, _, _| Reply::after(Duration::from_secs(2)));
        let app = world.front().await?.runner.app.clone();
        let secrets = async || world.drive(app.signing_secrets(&Caller::Admin, WORKFLOW)).await;
        let old = secrets().await?.remove(0);
        world.accept(20).await;
        world.pass(Duration::from_secs(3)).await;
        world.drive(app.rotate_keyring(&Caller::Admin)).await?;
        world.drive(app.rotate_signing_secret(&Caller::Admin, WORKFLOW)).await?;
        world.accept(40).await;
        world.settle(Duration::from_secs(3_600)).await?;
        // Each is signed with the old or the new secret.
        let figures = world.check(&Expected::default()).await?.kept()?;

        world.pass(Duration::from_secs(25 * 3_600)).await;
        let new = secrets().await?;
        ensure!(new.len() == 1 && new[0] != old, "the old secret is shown after the overlap");
        world.accept(41).await;
        world.settle(Duration::from_secs(3_600)).await?;
        let calls = world.upstream.calls();
        let late: Vec<_> =
            calls.iter().filter(|call| call.i == 40 && call.what == "done").collect();
        ensure!(!late.is_empty() && late.iter().all(|call| is_signed(call, &new[0])), "the new");
        ensure!(!late.iter().any(|call| is_signed(call, &old)), "the old secret still signs");
        Ok(figures)
    });
}
