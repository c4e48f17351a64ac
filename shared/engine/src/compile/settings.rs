//! The fields of a document beside its nodes.
//!
//! | field | |
//! |---|---|
//! | `name`, `description` | for people |
//! | `input` | the fields that callers send; without it any JSON object is accepted |
//! | `nodes` | what is done; at most 500, those inside loops counted |
//! | `output` | what callers get: name to template, such as `{ story: <draft.content> }` |
//! | `webhook` | called with the outputs when a run ends |
//! | `deadline` | the longest that a run may take, `1s` to `7d`, default `24h` |
//! | `save` | `false`: input and outputs are wiped once the run has ended and its webhooks have |
//! | `$schema` | where editors find the schema of this document |

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::{Body, Compiler, NodeInfo, Webhook, Workflow};
use crate::input::InputSection;
use crate::node::fields::{Fields, Secrets};
use crate::node::webhook::METHODS;
use crate::shape::Shape;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) struct Settings {
    name: String,
    description: String,
    deadline: Duration,
    save: bool,
    webhook: Option<Webhook>,
    input: InputSection,
}

pub(super) fn read(compiler: &mut Compiler<'_>) -> Settings {
    let root = compiler.document.root();
    let mut fields = Fields::new(compiler, root, "", 0);
    let name = fields.string("name").unwrap_or_default().to_owned();
    let description = fields.string("description").unwrap_or_default().to_owned();
    let deadline = fields.duration("deadline", "1s"..="7d").unwrap_or(DAY);
    let save = fields.boolean("save").unwrap_or(true);
    fields.object("output");
    fields.leave_required("nodes", Shape::Nodes);
    // By which editors find the document's own schema.
    fields.string("$schema");
    let input = InputSection::read(&mut fields);
    let webhook = webhook(&mut fields);
    fields.finish();
    Settings { name, description, deadline, save, webhook, input }
}

fn webhook(fields: &mut Fields<'_, '_>) -> Option<Webhook> {
    let object = fields.object("webhook")?;
    let mut webhook = Fields::new(fields.compiler, object, "/webhook", 0);
    let url = webhook.required_text("url", Secrets::Allowed);
    let method = webhook.method("POST", &METHODS);
    let headers = webhook.headers(Secrets::Allowed);
    let signature = webhook.text("signature", Secrets::Allowed);
    webhook.finish();
    Some(Webhook { method, url, headers, signature })
}

impl Settings {
    pub(super) fn into_workflow(
        self,
        bodies: Vec<Body>,
        infos: Vec<NodeInfo>,
        names: HashMap<String, usize>,
        secrets: BTreeSet<String>,
    ) -> Workflow {
        let Self { name, description, deadline, save, webhook, input } = self;
        Workflow { name, description, deadline, save, webhook, bodies, input, infos, names, secrets }
    }
}
