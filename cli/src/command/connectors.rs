//! `flowgate connectors`: the vendors that nodes reach, and what they can do there.

use std::process::ExitCode;

use anyhow::Result;
use flowgate_engine::connector::{self, Connector, Operation};
use flowgate_engine::field::{FieldSpec, Required};
use flowgate_engine::{KindSpec, Kinds};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;
use crate::table;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A connector, such as `slack`, or one of its operations, such as `slack.send_message`;
    /// without it: all
    name: Option<String>,
}

pub(super) fn run(args: &Args, kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    match args.name.as_deref() {
        None => list(connector::shipped().collect(), output)?,
        Some(name) => match connector::find(name) {
            Some(connector) => list(vec![connector], output)?,
            None => explain(name, kinds, output)?,
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn list(connectors: Vec<&Connector>, output: &Output) -> Result<()> {
    if output.is_json() {
        return Ok(output.json(&connectors.into_iter().map(connector_json).collect::<Vec<_>>())?);
    }
    let operations = connectors.iter().flat_map(|connector| &connector.operations);
    let rows: Vec<Vec<String>> = operations
        .map(|operation| {
            let effect = operation.effect.name().to_owned();
            vec![operation.full_name(), effect, operation.summary.clone()]
        })
        .collect();
    table::print(output, &["OPERATION", "EFFECT", "WHAT IT DOES"], &rows)?;
    Ok(())
}

fn explain(name: &str, kinds: &Kinds, output: &Output) -> Result<()> {
    let kind = kinds.find(name).filter(|kind| kind.operation.is_some());
    let Some((kind, operation)) = kind.and_then(|kind| Some((kind, kind.operation.as_ref()?)))
    else {
        let message = format!("there is no connector or operation `{name}`");
        return Err(Failure::Usage(message).into());
    };
    if output.is_json() {
        return Ok(output.json(&operation_json(operation, kind))?);
    }
    output.line(format!("{}: {}", kind.name, kind.summary))?;
    output.line(format!("effect: {}", effect(operation)))?;
    if operation.needs_login() {
        let login = operation.default_login();
        output.line(format!("login: the secret {login}, or the one that `login` names"))?;
    }
    if !operation.docs.is_empty() {
        output.line(format!("docs: {}", operation.docs))?;
    }
    if !kind.details.is_empty() {
        output.line(format!("\n{}", kind.details))?;
    }
    output.line("")?;
    let rows: Vec<Vec<String>> = kind.fields.iter().map(row).collect();
    table::print(output, &["FIELD", "NEEDED", "DEFAULT", "WHAT IT IS"], &rows)?;
    output.line(format!("\n- {}", kind.example.replace('\n', "\n  ")))?;
    Ok(())
}

fn effect(operation: &Operation) -> String {
    let repeat = match operation.may_repeat() {
        true => "safe to repeat",
        false => "goes out at most once",
    };
    format!("{}, {repeat}", operation.effect.name())
}

fn row(field: &FieldSpec) -> Vec<String> {
    let needed = if field.required == Required::Yes { "yes" } else { "" };
    let default = field.default.clone().into_owned();
    vec![field.name.clone().into_owned(), needed.to_owned(), default, field.help.to_string()]
}

fn connector_json(connector: &Connector) -> Value {
    let operations = connector.operations.iter().map(|operation| {
        let name = operation.full_name();
        json!({ "name": name, "summary": operation.summary, "effect": operation.effect.name() })
    });
    json!({
        "name": connector.name,
        "summary": connector.summary,
        "docs": connector.docs,
        "hosts": connector.hosts,
        "operations": operations.collect::<Vec<_>>(),
    })
}

fn operation_json(operation: &Operation, kind: &KindSpec) -> Value {
    let login = operation.needs_login().then(|| operation.default_login());
    let settings = operation.settings.iter().map(
        |setting| json!({ "name": setting.name, "pattern": setting.pattern, "help": setting.help }),
    );
    json!({
        "name": kind.name,
        "summary": kind.summary,
        "details": kind.details,
        "docs": operation.docs,
        "effect": operation.effect.name(),
        "may_repeat": operation.may_repeat(),
        "login": login,
        "settings": settings.collect::<Vec<_>>(),
        "fields": operation.fields,
        "example": kind.example,
    })
}
