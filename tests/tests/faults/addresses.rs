//! F19: redirects, and a name that leads elsewhere when it is asked again. Nothing inside is ever
//! called, and without the pin it would be.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::http::{StatusCode, header};
use flowgate_core::system::SystemClock;
use flowgate_local::Local;
use flowgate_outbound::{Outbound, OutboundSettings, Resolver};
use flowgate_tests::faults::seed::{Figures, report};
use flowgate_tests::faults::world::memory_folder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::receivers::{nobody, webhook};

/// A public address first, then loopback, and so on.
#[derive(Default)]
struct Rebinding {
    asked: AtomicUsize,
}

impl Rebinding {
    /// The public address is one where nothing answers.
    fn answer(&self) -> IpAddr {
        let inside = self.asked.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        if inside { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([192, 31, 196, 1]) }
    }
}

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![self.answer()])
    }
}

/// A service inside, which must never be called. Counts connections, not only requests.
async fn inside() -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (count, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = counted.clone();
    drop(count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, counted)
}

/// Sends to a name whose addresses change, several times. Returns the connections to the inside.
async fn attack(send: impl AsyncFn(String)) -> usize {
    let (port, connections) = inside().await;
    for _ in 0..6 {
        let attempt = send(format!("http://rebound.example:{port}/"));
        // Whether the public address answers does not matter.
        let _ = tokio::time::timeout(Duration::from_millis(300), attempt).await;
    }
    connections.load(Ordering::SeqCst)
}

#[tokio::test]
async fn f19_a_name_that_is_bound_again() {
    let began = Instant::now();
    let folder = memory_folder().unwrap();
    let secrets = Arc::new(Local::open(folder.path()).unwrap());
    let settings = OutboundSettings { allow_http: true, ..OutboundSettings::default() };
    let resolver = Arc::new(Rebinding::default());
    let outbound =
        Outbound::with_resolver(settings, secrets, Arc::new(SystemClock), resolver.clone());
    let connections = attack(async |url| {
        let _ = outbound.check_resolved(&url).await;
        outbound.send_webhook(webhook(&url), &nobody()).await;
    });
    assert_eq!(connections.await, 0);
    assert!(resolver.asked.load(Ordering::SeqCst) >= 6, "the name was resolved");
    report("f19 a name bound again to loopback", 6, &Figures::default(), began.elapsed());
}

struct Unpinned(Arc<Rebinding>);

impl Resolve for Unpinned {
    fn resolve(&self, _: Name) -> Resolving {
        let address = SocketAddr::new(self.0.answer(), 0);
        Box::pin(async move { Ok(Box::new([address].into_iter()) as Addrs) })
    }
}

/// The same rule without the pin: the name is checked, then resolved again to connect.
#[tokio::test]
async fn f32_without_the_address_pin() {
    let folder = memory_folder().unwrap();
    let secrets = Arc::new(Local::open(folder.path()).unwrap());
    let settings = OutboundSettings { allow_http: true, ..OutboundSettings::default() };
    let resolver = Arc::new(Rebinding::default());
    let outbound =
        Outbound::with_resolver(settings, secrets, Arc::new(SystemClock), resolver.clone());
    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(Unpinned(resolver)))
        .build()
        .unwrap();
    let connections = attack(async |url| {
        if outbound.check_resolved(&url).await.is_ok() {
            let _ = client.post(url).send().await;
        }
    });
    assert!(connections.await > 0, "the attack does not notice that the pin is missing");
}

#[tokio::test]
async fn f19_redirects_lead_nowhere() {
    let began = Instant::now();
    let (port, connections) = inside().await;
    let folder = memory_folder().unwrap();
    let secrets = Arc::new(Local::open(folder.path()).unwrap());
    let settings = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
    let outbound = Outbound::new(settings, secrets, Arc::new(SystemClock));
    let statuses = [301, 302, 303, 307, 308];
    for status in statuses {
        for to in [format!("http://127.0.0.1:{port}/"), "http://169.254.169.254/".to_owned()] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = move || async move { (status, [(header::LOCATION, to)]) };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            let router = Router::new().fallback(answer);
            tokio::spawn(async move { axum::serve(listener, router).await });
            let outcome = outbound.send_webhook(webhook(&url), &nobody()).await;
            assert_eq!(outcome.status, Some(status.as_u16()));
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    report("f19_redirects to inside and to metadata", 10, &Figures::default(), began.elapsed());
}
