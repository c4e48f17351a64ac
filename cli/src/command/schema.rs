//! `flowgate schema`: the JSON Schema of workflow documents.

use std::process::ExitCode;

use anyhow::Result;
use flowgate_engine::schema;

use crate::output::Output;

pub(crate) fn run(output: &Output) -> Result<ExitCode> {
    output.line(schema::DOCUMENT.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
