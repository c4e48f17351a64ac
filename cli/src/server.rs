//! The whole product as one process: the ports on one folder, the loops, the HTTP listener.

pub mod connections;
mod loops;
mod open_files;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use flowgate_app::{App, Ports, Settings};
use flowgate_core::clock::timeout;
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_local::{KeyPlace, Local, LocalLimits, MasterKey};
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::connections::{ConnectionLimits, Connections};
use self::loops::Loops;

/// Between two looks at the database's place.
const PLACE_CHECK: Duration = Duration::from_secs(1);
/// How long a stop may take beyond the drain of attached runs.
const STOP_MARGIN: Duration = Duration::from_secs(5);
/// Between two looks at whether the folder is released.
const RELEASE_CHECK: Duration = Duration::from_millis(2);

pub struct Options {
    pub data: PathBuf,
    /// Seals the folder's secrets. `None`: the key in its file.
    pub master_key: Option<MasterKey>,
    pub listen: SocketAddr,
    /// Where callers reach the server. `None` means the address it listens on.
    pub public_url: Option<String>,
    pub settings: Settings,
    pub outbound: OutboundSettings,
    pub connections: ConnectionLimits,
    /// Whether browsers get the web console.
    pub console: bool,
}

/// The folder is open and the address taken; connections wait until it serves.
pub struct OpenServer {
    pub app: Arc<App>,
    pub address: SocketAddr,
    /// Where the key is that seals the folder's secrets.
    pub key_place: KeyPlace,
    local: Local,
    loops: Loops,
    listener: TcpListener,
    connections: Connections,
}

pub struct Server {
    app: Arc<App>,
    local: Local,
    loops: Loops,
    stop_listening: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl OpenServer {
    /// Resumes where the last process on the folder stopped.
    pub async fn open(options: Options) -> Result<Self> {
        let listener = listen(options.listen).await?;
        let address = listener.local_addr()?;
        let local = Local::open_sealed(&options.data, options.master_key)?;
        let key_place = local.key_place().clone();
        let queue = loops::queue();
        let shared = Arc::new(local.clone());
        let ports = Ports {
            runs: shared.clone(),
            deliveries: shared.clone(),
            due: shared.clone(),
            queue: Arc::new(queue.clone()),
            workflows: shared.clone(),
            jobs: shared.clone(),
            sessions: shared.clone(),
            knowledge: shared.clone(),
            keys: shared.clone(),
            limits: Arc::new(LocalLimits::default()),
            budgets: shared.clone(),
            stats: shared.clone(),
            secrets: shared.clone(),
            logins: shared.clone(),
            files: shared,
            computing: Arc::new(local.computing()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            telemetry: None,
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
        let loops = loops::start(&runner, &local, queue);
        let public_url = app.settings.public_url.clone();
        let api = flowgate_api::router(runner);
        let router = match options.console {
            true => flowgate_web::before(api, &public_url, flowgate_api::owns),
            false => api,
        };
        let connections = Connections {
            clock: app.ports.clock.clone(),
            limits: within_open_files(options.connections),
            router,
        };
        Ok(Self { app, address, key_place, local, loops, listener, connections })
    }

    pub fn serve(self) -> Server {
        let Self { app, local, loops, listener, connections, .. } = self;
        let (stop_listening, stopping) = watch::channel(false);
        let listening = tokio::spawn(connections.serve(listener, stopping));
        Server { app, local, loops, stop_listening, listening }
    }
}

impl Server {
    /// Returns once the database is no longer at its place. What is written now is lost.
    pub async fn folder_lost(&self) {
        while self.local.is_in_place() {
            self.app.ports.clock.sleep(PLACE_CHECK).await;
        }
    }

    /// Accepts no new work, lets open work end or hands it over, and releases the folder.
    pub async fn stop(self) {
        let Self { app, local, loops, stop_listening, listening } = self;
        let (clock, held) = (app.ports.clock.clone(), local.held());
        let limit = app.settings.drain + STOP_MARGIN;
        // Messages stop first: a run that is handed over now waits for the next process.
        let stopped = loops.stop().await;
        app.stop();
        stop_listening.send_replace(true);
        let in_hand = async {
            stopped.finished().await;
            let _ = listening.await;
            // Runs whose callers have disconnected.
            app.idle().await;
            // What was counted since the last time.
            app.report_metrics().await;
            drop((app, local));
            // Whatever has ended last may close the file only now.
            while held.strong_count() > 0 {
                clock.sleep(RELEASE_CHECK).await;
            }
        };
        if timeout(&*clock, limit, in_hand).await.is_none() {
            tracing::warn!("stopped with work still open; the next start resumes it");
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("could not listen on {address}; choose another address with --listen")
    })
}

/// Half of the open files are for connections; calls, children and the store take the others.
fn within_open_files(limits: ConnectionLimits) -> ConnectionLimits {
    let max = limits.max.min(open_files::raise() / 2).max(1);
    ConnectionLimits { max, ..limits }
}
