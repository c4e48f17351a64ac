//! A whole AWS account on loopback, for tests: `stores` is DynamoDB, SQS and Secrets Manager alone, `account` adds API Gateway, Lambda, the queue pollers and the timer of a template.

mod answer;
mod queues;
mod secrets;
mod table;
mod permissions;
mod ledger;
mod face;
mod fresh;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, post};
use clap::{Parser, Subcommand};

use crate::face::Face;
use crate::permissions::Permissions;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Ends when standard input is closed, so that it does not outlive who started it.
    #[arg(long, global = true)]
    until_stdin_closes: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The three stores on one port, without permissions; `POST /double/fresh` makes a new world in them.
    Stores {
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let until_stdin_closes = arguments.until_stdin_closes;
    let serving = async {
        match arguments.command {
            Command::Stores { listen } => serve_stores(listen).await,
        }
    };
    tokio::select! {
        served = serving => served,
        () = told_to_end(until_stdin_closes) => Ok(()),
    }
}

async fn serve_stores(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await.context("the address is not free")?;
    let url = format!("http://{}", listener.local_addr()?);
    let face = Arc::new(Face::start(&url, Permissions::everything()).await?);
    let router = Router::new().route("/double/fresh", post(fresh::fresh)).fallback(any(face::answer)).with_state(face);
    let router = router.layer(DefaultBodyLimit::max(face::LARGEST_REQUEST));
    println!("listening on {url}");
    Ok(axum::serve(listener, router).await?)
}

/// SIGTERM, SIGINT, or the end of standard input if that is what it waits for.
async fn told_to_end(until_stdin_closes: bool) {
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
