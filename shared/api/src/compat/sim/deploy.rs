//! Deployments, alike in both generations: a draft is published, an earlier version comes back, the
//! endpoint goes down. Sim numbers versions from 1, and gives them a name and a description.

use flowgate_app::access::Caller;
use flowgate_app::workflow::{WorkflowRecord, version_name, version_number};
use flowgate_app::{App, Error, Result};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::body;
use crate::http::fields::Fields;

const MAX_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 2_000;
/// Between a version's name and its description, as in a commit's message.
const BREAK: &str = "\n\n";

/// Our version `1.0.0` is Sim's 1.
pub(super) fn number_of(version: &str) -> Option<u64> {
    version_number(version)?.checked_add(1)
}

fn version_of(number: u64) -> Option<String> {
    Some(version_name(number.checked_sub(1)?))
}

/// Our name of the version that Sim's callers number so.
pub(super) fn read_number(text: &str) -> Option<String> {
    let is_plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    version_of(text.parse().ok().filter(|_| is_plain)?)
}

/// Whether keys that nobody knows are refused: the second generation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Ignored,
    Refused,
}

pub(super) fn finish(fields: Fields, unknown: Unknown) -> Result<()> {
    match unknown {
        Unknown::Ignored => fields.finish_known(),
        Unknown::Refused => fields.finish(),
    }
}

/// What a version is deployed with.
#[derive(Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(as = sim::NewDeployment)]
pub(super) struct Label {
    #[schema(max_length = 100)]
    name: Option<String>,
    #[schema(max_length = 2000)]
    description: Option<String>,
}

impl Label {
    pub(super) fn read(bytes: &[u8], unknown: Unknown) -> Result<Self> {
        let mut fields = Fields::of_body(body::parse_or_empty(bytes)?)?;
        let name = fields.take_string("name").map(|name| name.trim().to_owned());
        let is_name = |name: &String| {
            (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
        };
        if name.as_ref().is_some_and(|name| !is_name(name)) {
            let message = format!("must have 1 to {MAX_NAME} characters, in one line");
            fields.problem("name", message);
        }
        let description = fields.take_string("description").map(|text| text.trim().to_owned());
        let description = description.filter(|text| !text.is_empty());
        if description.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
            let message = format!("must have at most {MAX_DESCRIPTION} characters");
            fields.problem("description", message);
        }
        finish(fields, unknown)?;
        Ok(Self { name, description })
    }

    /// As the version keeps them.
    fn into_notes(self) -> Option<String> {
        let Self { name, description } = self;
        match (name, description) {
            (None, None) => None,
            (Some(name), description) => {
                Some(format!("{name}{BREAK}{}", description.unwrap_or_default()))
            }
            // It would be read as a name and a description.
            (None, Some(text)) if text.contains(BREAK) => Some(format!("{BREAK}{text}")),
            (None, Some(text)) => Some(text),
        }
    }
}

/// The name and the description of a version with these notes.
pub(super) fn read_notes(notes: Option<&str>) -> (Option<&str>, Option<&str>) {
    let Some(notes) = notes else { return (None, None) };
    let filled = |text| Some(text).filter(|text: &&str| !text.is_empty());
    match notes.split_once(BREAK) {
        Some((name, text)) if name.len() <= MAX_NAME * 4 && !name.contains('\n') => {
            (filled(name), filled(text))
        }
        _ => (None, filled(notes)),
    }
}

/// Where a rollback goes.
#[derive(Debug, PartialEq, Eq, ToSchema)]
#[schema(as = sim::Rollback)]
pub(super) struct Rollback {
    /// Without it: the version that was active before.
    #[schema(minimum = 1)]
    version: Option<u64>,
}

impl Rollback {
    pub(super) fn read(bytes: &[u8], unknown: Unknown) -> Result<Self> {
        let mut fields = Fields::of_body(body::parse_or_empty(bytes)?)?;
        let version = fields.take("version").filter(|version| !version.is_null());
        let number = version.as_ref().and_then(Value::as_u64).filter(|number| *number >= 1);
        if version.is_some() && number.is_none() {
            fields.problem("version", "must be an integer from 1");
        }
        finish(fields, unknown)?;
        Ok(Self { version: number })
    }
}

/// Publishes the draft.
pub(super) async fn deploy(
    app: &App,
    caller: &Caller,
    id: &str,
    label: Label,
) -> Result<WorkflowRecord> {
    app.publish(caller, id, label.into_notes(), None).await?;
    app.read_workflow(caller, id).await
}

/// Refused, as by Sim, where nothing is deployed.
pub(super) async fn undeploy(app: &App, caller: &Caller, id: &str) -> Result<WorkflowRecord> {
    deployed(app, caller, id).await?;
    app.unpublish(caller, id).await?;
    app.read_workflow(caller, id).await
}

/// The same.
pub(super) async fn rollback(
    app: &App,
    caller: &Caller,
    id: &str,
    to: Rollback,
) -> Result<WorkflowRecord> {
    let record = deployed(app, caller, id).await?;
    let version = match to.version {
        Some(number) => version_of(number),
        None => record.rollback_targets.last(),
    };
    let none = || Error::bad_field("", "No previous deployment version to roll back to");
    let version = version.ok_or_else(none)?;
    app.rollback(caller, id, Some(&version)).await?;
    app.read_workflow(caller, id).await
}

async fn deployed(app: &App, caller: &Caller, id: &str) -> Result<WorkflowRecord> {
    let record = app.read_workflow(caller, id).await?;
    match record.active_version {
        Some(_) => Ok(record),
        None => Err(Error::bad_field("", "Workflow is not deployed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbered_from_one() {
        assert_eq!((number_of("1.0.0"), number_of("1.0.41")), (Some(1), Some(42)));
        assert_eq!(number_of("draft"), None);
        assert_eq!(number_of(&version_name(u64::MAX)), None);
        assert_eq!(read_number("42").as_deref(), Some("1.0.41"));
        for bad in ["0", "01", "-1", "+1", "1.0.0", "", "x", "99999999999999999999"] {
            assert_eq!(read_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn notes_keep_a_name_and_a_description() {
        let long = "words ".repeat(90);
        for (name, description) in [
            (None, None),
            (Some("A name"), None),
            (Some("A name"), Some("what is new")),
            (Some("A name"), Some("two\n\nparagraphs")),
            (None, Some("what is new")),
            (None, Some("two\n\nparagraphs")),
            (None, Some("two\nlines")),
            (None, Some(long.trim())),
        ] {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let label = Label { name: owned(name), description: owned(description) };
            let notes = label.into_notes();
            assert_eq!(read_notes(notes.as_deref()), (name, description), "{notes:?}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_by_the_second_generation_alone() {
        let body = br#"{"name":" A ","more":1}"#;
        assert_eq!(Label::read(body, Unknown::Ignored).unwrap().name.unwrap(), "A");
        assert!(Label::read(body, Unknown::Refused).is_err());
        assert_eq!(Rollback::read(b"", Unknown::Refused).unwrap(), Rollback { version: None });
        for bad in ["0", "-1", "1.5", "\"1\"", "true"] {
            let body = format!("{{\"version\":{bad}}}");
            assert!(Rollback::read(body.as_bytes(), Unknown::Ignored).is_err(), "{bad}");
        }
        for bad in [r#"{"name":""}"#, r#"{"name":"a\nb"}"#, r#"{"name":1}"#, "[]"] {
            assert!(Label::read(bad.as_bytes(), Unknown::Ignored).is_err(), "{bad}");
        }
    }
}
