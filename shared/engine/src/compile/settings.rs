//! The fields of a document other than its nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Compiler;
use super::fields::Fields;
use crate::field::{FieldSpec, FieldType};
use crate::input::{self, InputSection};
use crate::kind::{variables, webhook as hook};
use crate::run::spending::{self, SpendingLimit};
use crate::workflow::{Body, NodeInfo, SecretUse, Webhook, Workflow};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const NAME: FieldSpec = FieldSpec::new("name", FieldType::Words, "for people");
const DESCRIPTION: FieldSpec = FieldSpec::new("description", FieldType::Words, "for people");
const DEADLINE: FieldSpec = FieldSpec::with_default(
    "deadline",
    FieldType::Duration("1s", "7d"),
    "24h",
    "the maximum duration of a run, `1s` to `7d`",
);
const SAVE: FieldSpec = FieldSpec::with_default(
    "save",
    FieldType::Boolean,
    "true",
    "`false`: input and outputs are wiped once the run has ended and its webhooks are delivered or \
     exhausted",
);
const OUTPUT: FieldSpec = FieldSpec::with_default(
    "output",
    FieldType::Object,
    "what the last nodes left",
    "the output: name to template, such as `{ story: <draft.content> }`",
);
const NODES: FieldSpec = FieldSpec::new(
    "nodes",
    FieldType::Nodes,
    "the nodes; at most 500, including those inside loops",
)
.required();
const SCHEMA: FieldSpec =
    FieldSpec::new("$schema", FieldType::Words, "the document's schema, for editors");
pub(crate) const INPUT: FieldSpec = FieldSpec::with_default(
    "input",
    FieldType::Items(Cow::Borrowed(input::FIELDS)),
    "any JSON object",
    "the fields that callers send",
);
const WEBHOOK: FieldSpec = FieldSpec::new(
    "webhook",
    FieldType::Fields(Cow::Borrowed(WEBHOOK_FIELDS)),
    "called with the outputs when a run ends",
);
const WEBHOOK_FIELDS: &[FieldSpec] = &[hook::URL, hook::METHOD, hook::HEADERS, hook::SIGNATURE];

const BUDGET: FieldSpec = FieldSpec::new(
    "budget",
    FieldType::Fields(Cow::Borrowed(spending::FIELDS)),
    "what a run may spend on models, such as `{ max_cost_usd: 0.5, max_tokens: 200000 }`: checked \
     before each call, so that at most the calls in flight go beyond it; past it they fail as \
     `budget_exhausted`",
);

const VARIABLES: FieldSpec = FieldSpec::new(
    "variables",
    FieldType::Items(Cow::Borrowed(variables::ENTRY)),
    "the variables with a value before any set, or with a session that keeps them for later runs: \
     `[{ name: topics, value: [], session: <api.conversation> }]`",
);

/// The fields of a whole document, in the order of the docs.
pub(crate) const FIELDS: &[FieldSpec] =
    &[NAME, DESCRIPTION, DEADLINE, SAVE, OUTPUT, NODES, SCHEMA, INPUT, VARIABLES, WEBHOOK, BUDGET];

pub(super) struct Settings {
    name: String,
    description: String,
    deadline: Duration,
    save: bool,
    webhook: Option<Webhook>,
    input: InputSection,
    spending_limit: SpendingLimit,
}

pub(super) fn read(compiler: &mut Compiler<'_>) -> Settings {
    let root = compiler.document.root();
    let mut fields = Fields::new(compiler, root, String::new(), 0, [FIELDS, &[]]);
    let name = fields.string(&NAME).unwrap_or_default().to_owned();
    let description = fields.string(&DESCRIPTION).unwrap_or_default().to_owned();
    let deadline = fields.duration(&DEADLINE).unwrap_or(DAY);
    let save = fields.boolean(&SAVE).unwrap_or(true);
    fields.object(&OUTPUT);
    fields.string(&SCHEMA);
    let input = InputSection::read(&mut fields);
    variables::read_section(&mut fields, &VARIABLES);
    let webhook = webhook(&mut fields);
    let spending_limit = fields
        .object(&BUDGET)
        .map(|budget| fields.inner("/budget", budget, spending::FIELDS, SpendingLimit::read));
    fields.finish();
    let spending_limit = spending_limit.unwrap_or_default();
    Settings { name, description, deadline, save, webhook, input, spending_limit }
}

fn webhook(fields: &mut Fields<'_, '_>) -> Option<Webhook> {
    let object = fields.object(&WEBHOOK)?;
    Some(fields.inner("/webhook", object, WEBHOOK_FIELDS, |webhook| Webhook {
        url: webhook.url(&hook::URL).unwrap_or_default(),
        method: webhook.method(&hook::METHOD),
        headers: webhook.request_headers(&hook::HEADERS),
        signature: webhook.text(&hook::SIGNATURE),
    }))
}

impl Settings {
    pub(super) fn into_workflow(
        self,
        bodies: Vec<Body>,
        infos: Vec<NodeInfo>,
        names: HashMap<String, usize>,
        secrets: Vec<SecretUse>,
        literal_keys: Arc<[String]>,
    ) -> Workflow {
        let Self { name, description, deadline, save, webhook, input, spending_limit } = self;
        let is_slow = bodies.iter().flat_map(|body| &body.nodes).any(|node| node.node.is_slow());
        Workflow {
            name,
            description,
            deadline,
            spending_limit,
            save,
            webhook,
            bodies,
            input,
            infos,
            names,
            secrets,
            is_slow,
            literal_keys,
            variables: Vec::new(),
            session_read: None,
        }
    }
}
