//! The APIs of the systems whose callers switch by changing address, id and key: one file each, with its routes, requests, answers and refusals.

use std::sync::Arc;

use anyhow::anyhow;
use axum::Router;
use flowgate_app::invoke::Started;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Result};

mod gptbots;
mod sim;
mod aiflow;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().merge(gptbots::routes()).merge(sim::routes()).merge(aiflow::routes())
}

/// The run of a start that was not asked to stream.
fn run_of(started: Started) -> Result<Box<RunRecord>> {
    match started {
        Started::Run(record) | Started::Repeated(record) => Ok(record),
        Started::Stream(_) => Err(anyhow!("a start that was not asked to stream streams").into()),
    }
}
