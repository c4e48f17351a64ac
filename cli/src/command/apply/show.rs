//! A plan as people and programs see it.

use std::io;

use console::{Style, style};
use serde_json::{Value, json};

use super::Args;
use super::carry_out::Done;
use super::folder::Unusable;
use super::plan::{Action, Nodes, Orphan, Plan, Step};
use crate::output::{Output, plain};
use crate::{problems, text_diff};

/// Lines of a difference that are shown of one workflow.
const MAX_LINES: usize = 60;

/// Shows files with errors. Nothing was changed.
pub(super) fn invalid(files: &[Unusable], output: &Output) -> io::Result<()> {
    if output.is_json() {
        let files =
            files.iter().map(|found| json!({ "file": found.file, "problems": found.problems }));
        return output.json(&json!({ "invalid": files.collect::<Vec<Value>>() }));
    }
    for Unusable { file, text, problems } in files {
        problems::print(output, file, text, problems)?;
        output.line(format!("{file}: {}; nothing was changed", problems::count(problems)))?;
    }
    Ok(())
}

pub(super) fn plan(plan: &Plan, url: &str, args: &Args, output: &Output) -> io::Result<()> {
    let name = args.env.as_ref().map_or(String::new(), |name| format!("{name}, "));
    output.line(style(format!("{name}{}", plain(url))).bold())?;
    plan.steps.iter().try_for_each(|step| show_step(step, output))?;
    plan.without_file.iter().try_for_each(|orphan| show_orphan(orphan, output))?;
    for (secret, workflows) in &plan.missing {
        let mark = style("!").yellow().bold();
        let users = workflows.join(", ");
        output.line(format!(
            "{mark} the server lacks the secret {secret} of {users}: flowgate secrets set {secret}"
        ))?;
    }
    if plan.secrets_are_hidden {
        output.note("this key may not list secrets: whether one is missing is not known");
    }
    Ok(())
}

fn show_orphan(orphan: &Orphan, output: &Output) -> io::Result<()> {
    let id = plain(&orphan.id);
    match &orphan.conflict {
        None => output.line(format!("{} {id} has no file: it is deleted", style("-").red().bold())),
        Some(why) => {
            let (mark, why) = (style("✗").red().bold(), plain(why));
            output.line(format!("{mark} {id} has no file, but {why}; --overwrite deletes it"))
        }
    }
}

fn show_step(step: &Step, output: &Output) -> io::Result<()> {
    let id = &step.id;
    let active = step.remote.as_ref().and_then(|remote| remote.active.as_ref());
    match &step.action {
        Action::Create => output.line(format!("{} {id} is new", style("+").green().bold()))?,
        Action::Same => return output.line(style(format!("= {id} is the same")).dim()),
        Action::Change => {
            let version = active.map_or(String::new(), |active| format!(" ({})", active.version));
            output.line(format!("{} {id}{version} changes", style("~").yellow().bold()))?;
        }
        Action::Conflict { why } => {
            let mark = style("✗").red().bold();
            output.line(format!("{mark} {id}: {}; --overwrite replaces it", plain(why)))?;
        }
    }
    show_nodes(&step.nodes, output)?;
    match active {
        Some(active) => show_lines(&active.document, &step.text, output),
        None => Ok(()),
    }
}

fn show_nodes(nodes: &Nodes, output: &Output) -> io::Result<()> {
    for (mark, ids) in [("+", &nodes.added), ("~", &nodes.changed), ("-", &nodes.removed)] {
        if !ids.is_empty() {
            output.line(format!("    {mark} nodes {}", plain(&ids.join(", "))))?;
        }
    }
    Ok(())
}

fn show_lines(before: &str, after: &str, output: &Output) -> io::Result<()> {
    let lines = text_diff::lines(before, after);
    for (mark, line) in lines.iter().take(MAX_LINES) {
        let look = match mark {
            '+' => Style::new().green(),
            '-' => Style::new().red(),
            _ => Style::new().dim(),
        };
        output.line(format!("      {}", look.apply_to(format!("{mark} {}", plain(line)))))?;
    }
    match lines.len().saturating_sub(MAX_LINES) {
        0 => Ok(()),
        more => output.line(format!("      … {more} more lines")),
    }
}

/// Says what was done; programs get the plan with it.
pub(super) fn end(plan: &Plan, done: &[Done], args: &Args, output: &Output) -> io::Result<()> {
    if output.is_json() {
        return output.json(&json!({
            "environment": args.env,
            "workflows": plan.steps.iter().map(of_step).collect::<Vec<Value>>(),
            "without_file": plan.without_file,
            "missing_secrets": plan.missing,
            "applied": done,
        }));
    }
    for Done { id, version } in done {
        match version {
            Some(version) => output.line(format!("published {id} {}", plain(version)))?,
            None => output.line(format!("deleted {id}"))?,
        }
    }
    if !plan.has_changes() && !plan.has_conflicts() {
        output.line("nothing to do")?;
    }
    Ok(())
}

fn of_step(step: &Step) -> Value {
    let mut shown = json!(step.action);
    let active = step.remote.as_ref().and_then(|remote| remote.active.as_ref());
    shown["id"] = json!(step.id);
    shown["active_version"] = json!(active.map(|active| &active.version));
    shown["nodes"] = json!(step.nodes);
    shown
}
