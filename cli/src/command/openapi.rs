//! `flowgate openapi`: the OpenAPI document of the server's HTTP API.

use std::process::ExitCode;

use anyhow::Result;
use flowgate_api::openapi;

use crate::output::Output;

pub(crate) fn run(output: &Output) -> Result<ExitCode> {
    output.line(openapi::DOCUMENT.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
