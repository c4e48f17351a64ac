//! `flowgate import`: turns workflow files of other systems into workflow documents, without a
//! server.

mod count;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use flowgate_engine::Kinds;
use flowgate_import::{Entry, Import, MAX_FILE_BYTES, Options, Outcome, Report, yaml};
use serde::Serialize;
use serde_json::{Value, json};

use super::validate;
use crate::failure::Failure;
use crate::output::{Output, plain};
use crate::problems::{self, Problem};
use crate::table;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files of Sim, AI-Flow, GPTBots, Dify or n8n; - for standard input
    #[arg(required_unless_present = "count")]
    files: Vec<String>,
    /// The folder to write the documents in, each as <id>.yaml
    #[arg(long, required_unless_present = "count")]
    out: Option<PathBuf>,
    /// Only count what the files in this folder would become
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "out", "force"])]
    count: Option<PathBuf>,
    /// Overwrite documents that exist already
    #[arg(long)]
    force: bool,
}

/// A file of another system, and the documents that it becomes.
#[derive(Serialize)]
struct Imported {
    file: String,
    workflows: Vec<Written>,
    report: Report,
    secrets: Vec<Secret>,
}

#[derive(Serialize)]
struct Written {
    id: String,
    written: PathBuf,
    /// What `flowgate validate` says of the document.
    problems: Vec<Problem>,
    #[serde(skip)]
    text: String,
}

/// A key that was found. Its value is shown nowhere.
#[derive(Serialize)]
struct Secret {
    name: String,
    hosts: Vec<String>,
    place: String,
}

pub(crate) fn run(args: &Args, kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    if let Some(folder) = &args.count {
        return count::run(folder, kinds, output);
    }
    let out = args.out.as_deref().unwrap_or(Path::new("."));
    let mut imported = Vec::new();
    let mut refused = Vec::new();
    let mut options = Options::default();
    for file in &args.files {
        let content = read(file)?;
        options.name = Some(name(file).to_owned());
        match flowgate_import::import(&content, &options) {
            Ok(import) => {
                // Two files may have different keys for one host.
                let names = import.secrets.iter().map(|secret| secret.name.clone());
                options.taken_secrets.extend(names);
                imported.push(Imported::new(file, import, out, kinds));
            }
            Err(problems) => {
                refused.push((file, content, problems.into_iter().map(Problem::from).collect()));
            }
        }
    }
    if !refused.is_empty() {
        show_refused(&refused, output)?;
        return Ok(ExitCode::from(2));
    }
    check_places(&imported, args.force)?;
    fs::create_dir_all(out)
        .with_context(|| format!("could not create the folder {}", out.display()))?;
    let mut workflows = imported.iter().flat_map(|import| &import.workflows);
    workflows.try_for_each(|workflow| write(workflow, args.force))?;
    if output.is_json() {
        output.json(&imported)?;
    } else {
        imported.iter().try_for_each(|import| show(import, output))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Imported {
    fn new(file: &str, import: Import, out: &Path, kinds: &Kinds) -> Self {
        let workflows = import.workflows.into_iter().map(|workflow| {
            let text = yaml::written(&workflow.document);
            let written = out.join(format!("{}.yaml", workflow.id));
            let problems = validate::check(&text, kinds);
            Written { id: workflow.id, written, problems, text }
        });
        let secrets = import.secrets.into_iter().map(|secret| Secret {
            name: secret.name,
            hosts: secret.hosts,
            place: secret.place,
        });
        Self {
            file: file.to_owned(),
            workflows: workflows.collect(),
            report: import.report,
            secrets: secrets.collect(),
        }
    }
}

/// Reading one byte past the limit shows that the file is too long.
fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let unusable =
        |error: std::io::Error| Failure::Usage(format!("{file} cannot be read: {error}"));
    let source: Box<dyn Read> = if file == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).map_err(unusable)?)
    };
    let mut content = Vec::new();
    source.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut content).map_err(unusable)?;
    Ok(content)
}

/// The name of a workflow whose file says none.
fn name(file: &str) -> &str {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str());
    stem.filter(|_| file != "-").unwrap_or("workflow")
}

fn show_refused(refused: &[(&String, Vec<u8>, Vec<Problem>)], output: &Output) -> Result<()> {
    if output.is_json() {
        let files = refused.iter().map(|(file, _, found)| json!({"file": file, "problems": found}));
        return Ok(output.json(&files.collect::<Vec<Value>>())?);
    }
    for (file, content, found) in refused {
        problems::print(output, file, &String::from_utf8_lossy(content), found)?;
        output.line(format!("{file}: {}; nothing was written", problems::count(found)))?;
    }
    Ok(())
}

/// Names every place that cannot be written to, before anything is written.
fn check_places(imported: &[Imported], force: bool) -> Result<(), Failure> {
    let mut places = HashSet::new();
    let mut refused = Vec::new();
    for Imported { file, workflows, .. } in imported {
        for written in workflows.iter().map(|workflow| &workflow.written) {
            let shown = written.display();
            if !places.insert(written) {
                refused.push(format!("{file} would be {shown} as another file, too"));
            } else if !force && written.symlink_metadata().is_ok() {
                refused.push(format!("{shown} exists already; --force overwrites it"));
            }
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::Usage(refused.join("\n"))) }
}

fn write(workflow: &Written, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(force).truncate(force).create_new(!force);
    let mut file = options
        .open(&workflow.written)
        .with_context(|| format!("could not create {}", workflow.written.display()))?;
    file.write_all(workflow.text.as_bytes())
        .with_context(|| format!("could not write {}", workflow.written.display()))
}

fn show(import: &Imported, output: &Output) -> Result<()> {
    let Imported { file, workflows, report, secrets } = import;
    let written: Vec<String> =
        workflows.iter().map(|workflow| workflow.written.display().to_string()).collect();
    output.line(format!(
        "{file} ({}): {} mapped, {} approximated, {} unsupported; wrote {}",
        report.system,
        report.mapped,
        report.approximated,
        report.unsupported,
        written.join(", ")
    ))?;
    let rows: Vec<Vec<String>> = report.entries.iter().filter_map(row).collect();
    if !rows.is_empty() {
        table::print(output, &["NODE", "TYPE", "OUTCOME", "NOTES"], &rows)?;
    }
    secrets.iter().try_for_each(|secret| output.line(secret.line()))?;
    for Written { written, problems, .. } in workflows.iter().filter(|one| !one.problems.is_empty())
    {
        let (count, written) = (problems::count(problems), written.display());
        output.line(format!("{count} in the document: flowgate validate {written}"))?;
    }
    Ok(())
}

impl Secret {
    /// How to store the key that was left out of the document.
    fn line(&self) -> String {
        let Self { name, hosts, place } = self;
        let hosts: String = hosts.iter().map(|host| format!(" --host {host}")).collect();
        format!(
            "a key was in clear at {}, {{{{{name}}}}} has its place: flowgate secrets set \
             {name}{hosts}",
            plain(place)
        )
    }
}

/// What became of a step, unless it does the same.
fn row(entry: &Entry) -> Option<Vec<String>> {
    let outcome = match entry.outcome {
        Outcome::Mapped => return None,
        Outcome::Approximated => "approximated",
        Outcome::Unsupported => "unsupported",
    };
    let cell = |text: &str| plain(text).replace(['\n', '\t'], " ");
    let (node, kind) = (cell(&entry.name), cell(&entry.kind));
    Some(vec![node, kind, outcome.to_owned(), cell(&entry.notes.join("; "))])
}
