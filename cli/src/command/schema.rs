//! `flowgate schema`: the JSON Schema of workflow documents.

use std::process::ExitCode;

use anyhow::Result;
use flowgate_engine::Kinds;
use flowgate_engine::generated::schema;

use crate::output::Output;

pub(crate) fn run(kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    output.line(serde_json::to_string_pretty(&schema::document(kinds))?)?;
    Ok(ExitCode::SUCCESS)
}
