//! The fields of a document other than its nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Compiler;
use super::fields::Fields;
use crate::connector;
use crate::field::{FieldSpec, FieldType};
use crate::input::{self, InputSection};
use crate::kind::webhook::{WEBHOOK_FIELDS, Webhook};
use crate::kind::{OutputFields, variables};
use crate::run::spending::{self, SpendingLimit};
use crate::schedule::{self, Schedule};
use crate::workflow::{Body, NodeInfo, SecretUse, Workflow};

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

const BUDGET: FieldSpec = FieldSpec::new(
    "budget",
    FieldType::Fields(Cow::Borrowed(spending::FIELDS)),
    "what a run may spend on models, such as `{ max_cost_usd: 0.5, max_tokens: 200000 }`: checked \
     before each call, so that at most the calls in flight go beyond it; past it they fail as \
     `budget_exhausted`",
);

const SCHEDULE: FieldSpec = FieldSpec::new(
    "schedule",
    FieldType::Items(Cow::Borrowed(schedule::FIELDS)),
    "when the active version starts by itself, at most 10: `[{ cron: \"0 9 * * 1-5\", timezone: \
     Europe/Berlin, input: { topic: news } }]`",
);

const VARIABLES: FieldSpec = FieldSpec::new(
    "variables",
    FieldType::Items(Cow::Borrowed(variables::ENTRY)),
    "the variables with a value before any set, or with a session that keeps them for later runs: \
     `[{ name: topics, value: [], session: <api.conversation> }]`",
);

const CONNECTORS: FieldSpec = FieldSpec::new(
    "connectors",
    FieldType::Items(Cow::Borrowed(connector::FIELDS)),
    "connectors of the document's own, as in `connectors/` of the shipped ones: `[{ connector, \
     hosts, base, auth, errors, operations }]`; nodes write `type: <connector>.<operation>`",
);

/// The fields of a whole document, in the order of the docs.
pub(crate) const FIELDS: &[FieldSpec] = &[
    NAME,
    DESCRIPTION,
    DEADLINE,
    SAVE,
    OUTPUT,
    NODES,
    SCHEMA,
    INPUT,
    VARIABLES,
    WEBHOOK,
    BUDGET,
    SCHEDULE,
    CONNECTORS,
];

pub(super) struct Settings {
    name: String,
    description: String,
    deadline: Duration,
    save: bool,
    webhook: Option<Webhook>,
    input: InputSection,
    spending_limit: SpendingLimit,
    schedules: Vec<Schedule>,
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
    // Read before everything else, for the kinds of nodes.
    fields.list(&CONNECTORS);
    let input = InputSection::read(&mut fields);
    let schedules = schedule::read(&mut fields, &SCHEDULE, &input);
    variables::read_section(&mut fields, &VARIABLES);
    let webhook = fields.inner_object(&WEBHOOK, WEBHOOK_FIELDS, Webhook::read);
    let spending_limit = fields.inner_object(&BUDGET, spending::FIELDS, SpendingLimit::read);
    fields.finish();
    let spending_limit = spending_limit.unwrap_or_default();
    Settings { name, description, deadline, save, webhook, input, spending_limit, schedules }
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
        let Self { name, description, deadline, save, webhook, input, spending_limit, schedules } =
            self;
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
            schedules,
            children: Vec::new(),
            output_fields: OutputFields::Any,
            outputs: Vec::new(),
            variables: Vec::new(),
            session_read: None,
        }
    }
}
