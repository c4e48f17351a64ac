//! `flowgate init`: a commented workflow to start from.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

const EXAMPLE: &str = include_str!("init/workflow.yaml");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write, or the folder to write workflow.yaml in
    #[arg(default_value = ".")]
    place: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<ExitCode> {
    let file = file(&args.place);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("could not make the folder {}", folder.display()))?;
    }
    match OpenOptions::new().write(true).create_new(true).open(&file) {
        Ok(mut created) => created.write_all(EXAMPLE.as_bytes()).with_context(|| format!("could not write {}", file.display()))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::Usage(format!("{} is there already and stays as it is", file.display())).into());
        }
        Err(error) => return Err(error).with_context(|| format!("could not create {}", file.display())),
    }
    let shown = file.display();
    if output.is_json() {
        output.json(&json!({ "file": file }))?;
    } else {
        output.line(format!("wrote {shown}\n\n  flowgate validate {shown}\n  flowgate publish {shown}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn file(place: &Path) -> PathBuf {
    let is_file = !place.is_dir() && place.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
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
    fn a_place_is_a_file_or_a_folder() {
        for (place, expected) in
            [(".", "workflow.yaml"), ("flows", "flows/workflow.yaml"), ("flows/a.yml", "flows/a.yml"), ("a.txt", "a.txt/workflow.yaml")]
        {
            assert_eq!(file(Path::new(place)), Path::new(expected));
        }
    }
}
