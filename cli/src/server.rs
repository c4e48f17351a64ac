//! The whole product as one process: the ports on one folder, the loops, the HTTP listener.

mod loops;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::serve::ListenerExt;
use flowgate_app::{App, Ports, Settings};
use flowgate_core::clock::timeout;
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_local::{KeyPlace, Local, LocalLimits, LocalQueue, MasterKey};
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::loops::Loops;

/// How long a stop may take beyond the drain of attached runs.
const STOP_MARGIN: Duration = Duration::from_secs(5);

pub struct Options {
    pub data: PathBuf,
    /// Seals the folder's secrets. `None`: the key in its file.
    pub master_key: Option<MasterKey>,
    pub listen: SocketAddr,
    /// Where callers reach the server. `None` means the address it listens on.
    pub public_url: Option<String>,
    pub settings: Settings,
    pub outbound: OutboundSettings,
}

pub struct Server {
    pub app: Arc<App>,
    pub address: SocketAddr,
    /// Where the key is that seals the folder's secrets.
    pub key_place: KeyPlace,
    loops: Loops,
    stop_listening: oneshot::Sender<()>,
    listening: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Resumes where the last process on the folder stopped.
    pub async fn start(options: Options) -> Result<Self> {
        let listener = listen(options.listen).await?;
        let address = listener.local_addr()?;
        let local = Local::open_sealed(&options.data, options.master_key)?;
        let key_place = local.key_place().clone();
        let (queue, messages) = LocalQueue::new();
        let shared = Arc::new(local.clone());
        let ports = Ports {
            runs: shared.clone(),
            deliveries: shared.clone(),
            due: shared.clone(),
            queue: Arc::new(queue),
            workflows: shared.clone(),
            jobs: shared.clone(),
            keys: shared.clone(),
            limits: Arc::new(LocalLimits::default()),
            secrets: shared,
            computing: Arc::new(local.computing()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let public_url = options.public_url.unwrap_or_else(|| format!("http://{address}"));
        let settings = Settings {
            public_url: public_url.trim_end_matches('/').to_owned(),
            ..options.settings
        };
        let runner = Runner::new(ports, settings, options.outbound).await?;
        let app = runner.app.clone();
        // Only this process can hold a lease: the folder is locked.
        local.expire_leases(app.now()).await?;
        let loops = loops::start(&runner, &local, messages);
        let (stop_listening, stopped) = oneshot::channel();
        let router = flowgate_api::router(runner);
        let serving = axum::serve(listener.tap_io(|io| drop(io.set_nodelay(true))), router)
            .with_graceful_shutdown(async {
                let _ = stopped.await;
            });
        Ok(Self {
            app,
            address,
            key_place,
            loops,
            stop_listening,
            listening: tokio::spawn(serving.into_future()),
        })
    }

    /// Accepts no new work, lets open work end or hands it over, and releases the folder.
    pub async fn stop(self) {
        // Messages stop first: a run that is handed over now waits for the next process.
        let stopped = self.loops.stop().await;
        self.app.stop();
        let _ = self.stop_listening.send(());
        let limit = self.app.settings.drain + STOP_MARGIN;
        let in_hand = async {
            stopped.finished().await;
            let _ = self.listening.await;
            // Runs whose callers have disconnected.
            self.app.idle().await;
        };
        if timeout(&*self.app.ports.clock, limit, in_hand).await.is_none() {
            tracing::warn!("stopped with work still open; the next start resumes it");
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("could not listen on {address}; choose another address with --listen")
    })
}
