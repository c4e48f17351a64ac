//! `flowgate init`: a commented workflow to start from, and the schema for editors.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use flowgate_engine::Kinds;
use flowgate_engine::generated::schema;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

const EXAMPLE: &str = include_str!("init/workflow.yaml");
const SCHEMA_FILE: &str = "workflow.schema.json";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write, or the folder to write workflow.yaml in
    #[arg(default_value = ".")]
    place: PathBuf,
}

pub(crate) fn run(args: &Args, kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    let file = file(&args.place);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not create the folder {}", folder.display()))?;
    }
    if !create(&file, EXAMPLE)? {
        return Err(Failure::Usage(format!(
            "{} already exists and was not changed",
            file.display()
        ))
        .into());
    }
    // The workflow's first line names the schema, so editors find it without a network.
    let schema_file = file.with_file_name(SCHEMA_FILE);
    let schema_text = serde_json::to_string_pretty(&schema::document(kinds))? + "\n";
    let is_new = create(&schema_file, &schema_text)?;
    let shown = file.display();
    if output.is_json() {
        output.json(&json!({ "file": file, "schema": schema_file }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output.line(format!("wrote {shown}"))?;
    if is_new {
        output.line(format!(
            "wrote {}, which lets editors complete and check it",
            schema_file.display()
        ))?;
    } else {
        output.note(format!(
            "{0} already exists and was not changed; to renew it: flowgate schema > {0}",
            schema_file.display()
        ));
    }
    output.line(format!("\n  flowgate validate {shown}\n  flowgate publish {shown}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns `false` if the file already exists.
fn create(file: &Path, text: &str) -> Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut created) => created
            .write_all(text.as_bytes())
            .with_context(|| format!("could not write {}", file.display()))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => {
            return Err(error).with_context(|| format!("could not create {}", file.display()));
        }
    }
    Ok(true)
}

fn file(place: &Path) -> PathBuf {
    let is_file = !place.is_dir()
        && place.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let file = if is_file { place.to_owned() } else { place.join("workflow.yaml") };
    file.strip_prefix(".").map(Path::to_owned).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use flowgate_engine::Workflow;
    use flowgate_engine::document::Document;

    use super::*;

    #[test]
    fn the_example_has_no_problems() {
        let (workflow, problems) = Workflow::compile(&Document::parse(EXAMPLE).unwrap());
        assert_eq!(problems, []);
        assert!(workflow.is_some());
    }

    #[test]
    fn the_example_names_the_schema_beside_it() {
        assert_eq!(
            EXAMPLE.lines().next().unwrap(),
            format!("# yaml-language-server: $schema={SCHEMA_FILE}")
        );
    }

    #[test]
    fn a_place_is_a_file_or_a_folder() {
        for (place, expected) in [
            (".", "workflow.yaml"),
            ("flows", "flows/workflow.yaml"),
            ("flows/a.yml", "flows/a.yml"),
            ("a.txt", "a.txt/workflow.yaml"),
        ] {
            assert_eq!(file(Path::new(place)), Path::new(expected));
        }
    }
}
