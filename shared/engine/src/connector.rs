//! Connectors: a vendor's steps as data. A file names the vendor's hosts, its login, its errors and
//! its operations; each operation is a kind of node, `slack.send_message`.
//!
//! The files in `connectors/` are shipped; a document has its own in its section `connectors`.

mod file;
mod read;
mod request;
mod repeat;
mod template;
mod operator;
mod operation;
mod kind;
mod tool;
mod tries;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::document::Document;
use crate::kind::KindSpec;
use crate::problem::{Problem, Severity};

pub use file::{Auth, Connector, OAuth2, Setting};
pub(crate) use file::{FIELDS, Origin};
pub(crate) use kind::{read_login, spec_of};
pub use operation::{Effect, Operation};
pub(crate) use tool::{OperationTool, fixed_fields, read_tool};

/// The shipped files, in the order of the docs.
const SHIPPED: &[(&str, &str)] = &[
    ("airtable.yaml", include_str!("../../../connectors/airtable.yaml")),
    ("discord.yaml", include_str!("../../../connectors/discord.yaml")),
    ("github.yaml", include_str!("../../../connectors/github.yaml")),
    ("gmail.yaml", include_str!("../../../connectors/gmail.yaml")),
    ("google_calendar.yaml", include_str!("../../../connectors/google_calendar.yaml")),
    ("google_drive.yaml", include_str!("../../../connectors/google_drive.yaml")),
    ("google_sheets.yaml", include_str!("../../../connectors/google_sheets.yaml")),
    ("hubspot.yaml", include_str!("../../../connectors/hubspot.yaml")),
    ("jira.yaml", include_str!("../../../connectors/jira.yaml")),
    ("notion.yaml", include_str!("../../../connectors/notion.yaml")),
    ("slack.yaml", include_str!("../../../connectors/slack.yaml")),
    ("supabase.yaml", include_str!("../../../connectors/supabase.yaml")),
    ("telegram.yaml", include_str!("../../../connectors/telegram.yaml")),
    ("wordpress.yaml", include_str!("../../../connectors/wordpress.yaml")),
];

/// Read once a document names them: most documents name none.
static READ: [OnceLock<Option<Shipped>>; SHIPPED.len()] =
    [const { OnceLock::new() }; SHIPPED.len()];

struct Shipped {
    connector: Connector,
    kinds: Vec<Arc<KindSpec>>,
}

/// The connectors that every document may use. A test proves that all files are without fault.
pub fn shipped() -> impl Iterator<Item = &'static Connector> {
    (0..SHIPPED.len()).filter_map(file_at).map(|shipped| &shipped.connector)
}

pub fn find(name: &str) -> Option<&'static Connector> {
    of_name(name).map(|shipped| &shipped.connector)
}

pub(crate) fn shipped_kinds<'a>() -> impl Iterator<Item = &'a Arc<KindSpec>> {
    (0..SHIPPED.len()).filter_map(file_at).flat_map(|shipped| &shipped.kinds)
}

/// Returns the kind of an operation, such as `slack.send_message`.
pub(crate) fn shipped_kind(name: &str) -> Option<&'static Arc<KindSpec>> {
    let (connector, _) = name.split_once('.')?;
    of_name(connector)?.kinds.iter().find(|kind| kind.name == name)
}

fn of_name(name: &str) -> Option<&'static Shipped> {
    let is_it = |(file, _): &(&str, &str)| file.strip_suffix(".yaml") == Some(name);
    SHIPPED.iter().position(is_it).and_then(file_at)
}

fn file_at(index: usize) -> Option<&'static Shipped> {
    let first = || {
        let connector = parse(SHIPPED[index].1).0?;
        let kinds = connector.operations.iter().map(spec_of).map(Arc::new).collect();
        Some(Shipped { connector, kinds })
    };
    READ[index].get_or_init(first).as_ref()
}

impl Connector {
    /// How a login by OAuth 2 is made, if there is one.
    pub fn oauth2(&self) -> Option<&OAuth2> {
        self.auth.iter().find_map(|auth| match auth {
            Auth::OAuth2(oauth) => Some(oauth),
            _ => None,
        })
    }

    /// The secret that its nodes use where they name none.
    pub fn default_login(&self) -> String {
        default_login(&self.name)
    }
}

fn default_login(connector: &str) -> String {
    format!("{}_TOKEN", connector.to_ascii_uppercase())
}

/// Reads a shipped connector's file. Returns all problems; a connector that has any is not
/// returned.
pub fn parse(text: &str) -> (Option<Connector>, Vec<Problem>) {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let (line, column) = (Some(error.line), Some(error.column));
            let (path, message) = (String::new(), error.message);
            let problem = Problem { severity: Severity::Error, path, line, column, message };
            return (None, vec![problem]);
        }
    };
    let mut reader = read::Reader::default();
    let connector = file::read(&mut reader, document.root(), "", Origin::Shipped);
    let problem = |(path, message): read::Fault| document.problem(Severity::Error, &path, message);
    let problems: Vec<Problem> = reader.faults.into_iter().map(problem).collect();
    (connector.filter(|_| problems.is_empty()), problems)
}

const MAX_OWN: usize = 20;

/// Reads the connectors of a document, with a JSON pointer and a message for each fault.
pub(crate) fn of_document(section: &Value) -> (Vec<Connector>, Vec<(String, String)>) {
    let mut reader = read::Reader::default();
    let mut connectors: Vec<Connector> = Vec::new();
    let Value::Array(entries) = section else { return (connectors, Vec::new()) };
    if entries.len() > MAX_OWN {
        reader.error("/connectors", format!("a document has at most {MAX_OWN} connectors"));
    }
    for (at, entry) in entries.iter().take(MAX_OWN).enumerate() {
        let path = format!("/connectors/{at}");
        let Value::Object(entry) = entry else {
            reader.error(&path, "a connector is an object with `connector` and `operations`");
            continue;
        };
        let Some(connector) = file::read(&mut reader, entry, &path, Origin::Document) else {
            continue;
        };
        if connectors.iter().any(|known| known.name == connector.name) {
            reader.error(&path, format!("there are two connectors `{}`", connector.name));
        }
        connectors.push(connector);
    }
    (connectors, reader.faults)
}

/// An operation of a connector, shared by the nodes that run it.
pub(crate) type Shared = Arc<Operation>;
