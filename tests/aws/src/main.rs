//! A whole AWS account on loopback, for tests: `stores` runs only DynamoDB, SQS, S3 and Secrets
//! Manager; `account` adds API Gateway, Lambda, the queue pollers and the timer of a template.

mod answer;
mod queues;
mod secrets;
mod objects;
mod table;
mod permissions;
mod ledger;
mod face;
mod fresh;
mod template;
mod function;
mod spawn;
mod invocation;
mod instance;
mod pool;
mod runtime_api;
mod routes;
mod proxy_event;
mod gateway_response;
mod gateway;
mod poller;
mod timer;
mod account;
mod control;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, post};
use axum::serve::ListenerExt;
use clap::{Parser, Subcommand};

use crate::account::{Account, Wishes};
use crate::face::Face;
use crate::gateway::Gateway;
use crate::permissions::Permissions;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Exit when standard input closes, so that the double does not outlive its parent.
    #[arg(long, global = true)]
    until_stdin_closes: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The four stores on one port, without permissions. `POST /double/fresh` creates a new world.
    Stores {
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Everything that a template describes.
    Account(AccountArguments),
    /// Starts a function. For the double itself, not for people.
    #[command(hide = true)]
    Become { parent: u32, binary: PathBuf },
}

#[derive(clap::Args)]
struct AccountArguments {
    /// The template after SAM's transform, as JSON.
    #[arg(long)]
    template: PathBuf,
    /// The folder of the functions' binaries.
    #[arg(long)]
    functions: PathBuf,
    /// The `bootstrap_token` of the generated secret; default: random.
    #[arg(long)]
    admin_key: Option<String>,
    /// An environment variable for every function.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair::<String>)]
    set: Vec<(String, String)>,
    #[arg(long, default_value_t = 1_000)]
    sweep_every_ms: u64,
    /// How long a request waits while all processes of its function are busy.
    #[arg(long, default_value_t = 10_000)]
    patience_ms: u64,
    /// The maximum number of processes of a function.
    #[arg(long, value_name = "FUNCTION=NUMBER", value_parser = pair::<usize>)]
    concurrency: Vec<(String, usize)>,
    /// The timeout of a function in seconds.
    #[arg(long, value_name = "FUNCTION=SECONDS", value_parser = pair::<u64>)]
    timeout: Vec<(String, u64)>,
    /// A folder for a file that lists the actions each function used:
    /// `{"worker": ["dynamodb:GetItem", ...]}`.
    #[arg(long)]
    seen: Option<PathBuf>,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Command::Become { parent, binary } = &arguments.command {
        return Err(spawn::become_function(*parent, binary));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let ends = stop_requested(arguments.until_stdin_closes);
    match arguments.command {
        Command::Stores { listen } => serve_stores(listen, ends).await,
        Command::Account(arguments) => serve_account(arguments, ends).await,
        Command::Become { .. } => Ok(()),
    }
}

async fn serve_stores(listen: SocketAddr, ends: impl Future<Output = ()>) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await.context("the address is in use")?;
    let url = format!("http://{}", listener.local_addr()?);
    let face = Arc::new(Face::start(&url, Permissions::everything()).await?);
    let router = Router::new()
        .route("/double/fresh", post(fresh::fresh))
        .fallback(any(face::answer))
        .with_state(face);
    let router = router.layer(DefaultBodyLimit::max(face::MAX_REQUEST_BYTES));
    println!("listening on {url}");
    tokio::select! {
        served = axum::serve(listener, router) => Ok(served?),
        () = ends => Ok(()),
    }
}

/// The functions exit with this process, however it exits: `spawn.rs`.
async fn serve_account(
    arguments: AccountArguments,
    ends: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listener =
        tokio::net::TcpListener::bind(arguments.listen).await.context("the address is in use")?;
    let stores = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let gateway_url = format!("http://{}", listener.local_addr()?);
    let stores_url = format!("http://{}", stores.local_addr()?);
    let wishes = Wishes {
        template: arguments.template,
        functions: std::path::absolute(arguments.functions)?,
        admin_key: arguments.admin_key,
        set: arguments.set,
        sweep_every: Duration::from_millis(arguments.sweep_every_ms.max(1)),
        concurrency: arguments.concurrency.into_iter().collect(),
        timeout: arguments.timeout.into_iter().collect(),
    };
    let account = Arc::new(Account::start(&wishes, &gateway_url, &stores_url).await?);
    let answers = Router::new()
        .nest("/runtime", runtime_api::router(account.pools.clone()))
        .merge(control::router(account.clone()))
        .fallback(any(face::answer).with_state(account.face.clone()))
        .layer(DefaultBodyLimit::max(face::MAX_REQUEST_BYTES));
    let gateway = Gateway {
        routes: account.routes.clone(),
        pools: account.pools.clone(),
        patience: Duration::from_millis(arguments.patience_ms),
    };
    let api = Router::new().fallback(any(gateway::answer).with_state(gateway));
    println!("listening on {gateway_url}/{}", account.routes.stage);
    println!("control on {stores_url}");
    tokio::select! {
        served = axum::serve(listener.tap_io(no_delay), api) => served?,
        served = axum::serve(stores.tap_io(no_delay), answers) => served?,
        () = ends => {}
    }
    account.kill_all();
    if let Some(folder) = arguments.seen {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{} is not made", folder.display()))?;
        let file = folder.join(format!("{}.json", uuid::Uuid::new_v4()));
        std::fs::write(&file, account.face.permissions.used().to_string())
            .with_context(|| format!("{} is not written", file.display()))?;
    }
    Ok(())
}

/// Sends chunks without delay.
fn no_delay(connection: &mut tokio::net::TcpStream) {
    let _ = connection.set_nodelay(true);
}

fn pair<T>(text: &str) -> anyhow::Result<(String, T)>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let (name, value) = text.split_once('=').context("= is missing")?;
    Ok((name.to_owned(), value.parse()?))
}

/// Waits for SIGTERM, SIGINT, or the end of standard input if asked to.
async fn stop_requested(until_stdin_closes: bool) {
    let stdin_closes = async {
        if !until_stdin_closes {
            return std::future::pending().await;
        }
        let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
    };
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stdin_closes => {}
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
