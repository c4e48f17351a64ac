//! One operation of a connector: its fields, its steps, and how they are carried out.

mod fields;
mod read;

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::default_login;
use super::file::{Auth, Origin, Setting};
use super::read::Condition;
use super::repeat::{PAGE, Progress, Repeat};
use super::request::Request;
use super::template::{LOGIN, Part, Template, Values, text_of};
use super::tries::Try;
use crate::call::{Action, AnswerRules, Expired, HttpCall, Piece, Rendered};
use crate::expr::cel::Counted;
use crate::kind::{Done, NodeError, OutputField, OutputFields, OutputType, Plan, Planned, Price};
use crate::schema::Schema;

pub(super) use read::read;

/// The step of an operation that has no `steps`.
const ONLY: &str = "request";

/// What an operation does to the vendor's data: what an agent may do unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
    Delete,
}

#[derive(Debug)]
pub struct Operation {
    pub connector: String,
    pub name: String,
    pub summary: String,
    pub details: String,
    /// The vendor's documentation; may be empty.
    pub docs: String,
    pub effect: Effect,
    /// Whether a second request changes nothing that the first has not changed.
    pub idempotent: bool,
    /// JSON Schema of the fields.
    pub fields: Value,
    pub settings: Vec<Setting>,
    pub(super) origin: Origin,
    pub(super) auth: Auth,
    pub(super) tries: Vec<Try>,
    schema: Schema,
    hosts: Vec<Vec<Part>>,
    base_host: Option<String>,
    headers: Option<Arc<Template>>,
    pub rules: Option<AnswerRules>,
    pub expired: Option<Expired>,
    lets: Vec<(String, Template)>,
    steps: Vec<Step>,
    answer: Template,
}

#[derive(Debug)]
struct Step {
    name: String,
    auth: Auth,
    condition: Option<Condition>,
    lets: Vec<(String, Template)>,
    request: Request,
    repeat: Repeat,
}

impl Effect {
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

impl Operation {
    /// `slack.send_message`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.connector, self.name)
    }

    /// Whether its requests may go out twice.
    pub fn may_repeat(&self) -> bool {
        self.effect == Effect::Read || self.idempotent
    }

    /// Whether it needs a secret.
    pub fn needs_login(&self) -> bool {
        self.auth != Auth::None
    }

    /// The secret that it uses where the author names none.
    pub fn default_login(&self) -> String {
        default_login(&self.connector)
    }

    /// The fields that a node leaves.
    pub fn outputs(&self) -> OutputFields {
        let Template::Object(fields) = &self.answer else {
            return OutputFields::Only(Vec::new());
        };
        let mut outputs = Vec::new();
        for (name, field) in fields {
            let Some(name) = name else { return OutputFields::Any };
            let is_list = matches!(field, Template::List(_));
            let output_type = if is_list { OutputType::List } else { OutputType::Any };
            outputs.push(OutputField::new(name.clone(), output_type).nullable());
        }
        OutputFields::Only(outputs)
    }

    /// The address whose host the login goes to, as far as the file shows it.
    pub(super) fn base(&self) -> Option<&str> {
        self.base_host.as_deref()
    }

    /// Plans the calls that come next, or ends with what the node leaves. `fields` are those of
    /// the node, with its settings; `seed` names the node in its run.
    pub(super) fn plan(
        &self,
        fields: &Value,
        login: &str,
        seed: &str,
        done: &Done,
    ) -> Result<Plan, NodeError> {
        let counted = RefCell::new(Counted::default());
        let settings: Map<String, Value> =
            self.settings.iter().map(|setting| (setting.name.clone(), Value::Null)).collect();
        let (settings, login) = (Value::Object(settings), Value::from(login));
        let first = vec![("in", fields), ("settings", &settings), (LOGIN, &login)];
        let mut named: Vec<(String, Value)> = Vec::new();
        fill_lets(&self.lets, &first, &mut named, (&counted, seed))?;
        for step in &self.steps {
            fill_lets(&step.lets, &first, &mut named, (&counted, seed))?;
            let values = values_of(&first, &named, (&counted, seed));
            if let Some(condition) = &step.condition
                && !condition.holds(&values)?
            {
                continue;
            }
            let request = |values: &Values<'_>| self.request(step, values);
            match step.repeat.progress(&step.name, &values, done, &request)? {
                Progress::Calls(calls) => {
                    let may_repeat = self.may_repeat() || step.name != ONLY;
                    let planned = |(name, call)| planned(name, call, may_repeat);
                    return Ok(Plan::Perform(calls.into_iter().map(planned).collect()));
                }
                Progress::Ready(left) if step.name == ONLY => {
                    let Value::Object(fields) = left else { continue };
                    named.extend(fields);
                }
                Progress::Ready(left) => named.push((step.name.clone(), left)),
            }
        }
        let values = values_of(&first, &named, (&counted, seed));
        let answer = self.answer.fill(&values)?.unwrap_or_else(|| json!({}));
        Ok(Plan::done(answer))
    }

    fn request(&self, step: &Step, values: &Values<'_>) -> Result<HttpCall, NodeError> {
        let mut call = step.request.call(values)?;
        for host in &self.hosts {
            let host = literal(host, values);
            call.hosts.push(host);
        }
        if let Some(Value::Object(headers)) =
            self.headers.as_ref().map(|headers| headers.fill(values)).transpose()?.flatten()
        {
            for (name, value) in headers {
                if !call.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    call.headers.push((name, Rendered::Json(text_of(&value).into())));
                }
            }
        }
        call.base_secret = Some(format!("{}_BASE_URL", self.connector.to_ascii_uppercase()));
        call.asked = (self.origin == Origin::Shipped).then(|| self.asked(step, values));
        call.rules.clone_from(&self.rules);
        if step.auth != Auth::None {
            call.expired.clone_from(&self.expired);
        }
        let login = values.find(LOGIN).and_then(Value::as_str).unwrap_or_default();
        let secret = || Piece::Secret(login.to_owned());
        match &step.auth {
            Auth::None | Auth::Url => {}
            Auth::Basic => call.basic = Some(Rendered::Text(vec![secret()])),
            Auth::Bearer | Auth::OAuth2(_) | Auth::JwtBearer { .. } => {
                let value = Rendered::Text(vec![Piece::Text("Bearer ".to_owned()), secret()]);
                call.headers.push(("authorization".to_owned(), value));
            }
            Auth::Headers(headers) => {
                for (name, value) in headers {
                    let pieces = with_login(value, &secret);
                    call.headers.push((name.clone(), Rendered::Text(pieces)));
                }
            }
        }
        Ok(call)
    }
}

impl Operation {
    /// Hashes what decides a request beside the file: the author's fields, and what earlier
    /// answers gave.
    fn asked(&self, step: &Step, values: &Values<'_>) -> String {
        let of_author = ["in", LOGIN, "batch", "item", "index", PAGE];
        let earlier = self.steps.iter().map(|step| step.name.as_str());
        let mut hash = Sha256::new().chain_update(json!([self.full_name(), step.name]).to_string());
        for value in of_author.into_iter().chain(earlier).filter_map(|name| values.find(name)) {
            hash.update(b"\0");
            hash.update(value.to_string());
        }
        crate::run::hex(&hash.finalize())
    }
}

/// A request that only reads may go out again, unless it alone is what the operation does.
fn planned(name: String, call: HttpCall, may_repeat: bool) -> Planned {
    let only_reads = may_repeat && matches!(call.method.as_str(), "GET" | "HEAD");
    let planned = Planned::call(name, Action::Http(call), Price::Free);
    Planned { at_most_once: only_reads.then_some(false), ..planned }
}

fn values_of<'v>(
    first: &[(&'v str, &'v Value)],
    named: &'v [(String, Value)],
    (counted, seed): (&'v RefCell<Counted>, &'v str),
) -> Values<'v> {
    let named = named.iter().map(|(name, value)| (name.as_str(), value));
    Values::new(first.iter().copied().chain(named).collect(), counted, seed)
}

fn fill_lets(
    lets: &[(String, Template)],
    first: &[(&str, &Value)],
    named: &mut Vec<(String, Value)>,
    of: (&RefCell<Counted>, &str),
) -> Result<(), NodeError> {
    for (name, template) in lets {
        let value = template.fill(&values_of(first, named, of))?;
        named.push((name.clone(), value.unwrap_or_default()));
    }
    Ok(())
}

/// A host with its settings.
fn literal(host: &[Part], values: &Values<'_>) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Reference(reference) => values.read(reference).map(text_of).unwrap_or_default(),
        Part::Login => String::new(),
    };
    host.iter().map(text).collect::<String>().to_ascii_lowercase()
}

fn with_login(value: &str, secret: &dyn Fn() -> Piece) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (at, text) in value.split("<login>").enumerate() {
        if at > 0 {
            pieces.push(secret());
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
    }
    pieces
}
