//! What a new key is asked for with.

use std::collections::BTreeSet;

use flowgate_app::budget::KeyBudget;
use flowgate_app::key::{Scope, WorkflowScope};
use flowgate_app::keys::KeyRequest;
use flowgate_app::limit::{KeyLimits, Rate};
use flowgate_app::origin;
use flowgate_app::time::Timestamp;
use serde_json::Value;
use utoipa::ToSchema;

use super::budget::NewKeyBudget;
use super::{KeyScope, KeyWorkflows};
use crate::http::fields::{Fields, kind_of};
use crate::http::time::Time;

/// A key to be made.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    name: String,
    #[schema(value_type = KeyWorkflows)]
    workflows: WorkflowScope,
    /// By default what callers need.
    #[schema(
        value_type = Vec<KeyScope>, required = false, default = json!(["run", "read", "cancel"])
    )]
    scopes: BTreeSet<Scope>,
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Timestamp>,
    limits: Option<NewKeyLimits>,
    #[schema(value_type = Option<NewKeyBudget>)]
    budget: Option<KeyBudget>,
    /// Pages of these origins may read answers to the key in a browser, such as
    /// `https://app.example.com`.
    #[schema(required = false, value_type = Vec<String>, max_items = 20)]
    origins: BTreeSet<String>,
}

/// How many runs the key may start.
#[derive(Debug, Clone, Copy, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKeyLimits {
    /// How fast its starts come back.
    #[schema(minimum = 1, maximum = 1_000_000)]
    requests_per_minute: u32,
    /// How many runs it may start at once; by default as many as in a minute.
    #[schema(minimum = 1, maximum = 1_000_000)]
    burst: Option<u32>,
    /// How many of its runs may be going on; without it any number.
    #[schema(minimum = 1, maximum = 200)]
    concurrent_runs: Option<u32>,
}

impl NewKey {
    pub(super) fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.require("name", Fields::take_string).unwrap_or_default();
        let workflows = fields.require("workflows", take_workflows);
        let scopes = take_scopes(&mut fields, "scopes");
        let expires_at = take_time(&mut fields, "expires_at");
        let limits = fields.take_object("limits");
        let limits = limits.map(|limits| fields.within("limits", limits, NewKeyLimits::read));
        let budget = fields.take_object("budget");
        let budget = budget.map(|budget| fields.within("budget", budget, NewKeyBudget::read));
        let origins = take_origins(&mut fields, "origins");
        fields.finish()?;
        let workflows = workflows.unwrap_or(WorkflowScope::Only(BTreeSet::new()));
        let scopes = scopes.unwrap_or_else(|| Scope::OF_CALLERS.into());
        Ok(Self { name, workflows, scopes, expires_at, limits, budget, origins })
    }
}

impl From<NewKey> for KeyRequest {
    fn from(new: NewKey) -> Self {
        let NewKey { name, workflows, scopes, expires_at, limits, budget, origins } = new;
        let limits = limits.map(Into::into);
        Self { name, workflows, scopes, expires_at, limits, budget, origins }
    }
}

impl NewKeyLimits {
    fn read(fields: &mut Fields) -> Self {
        // What is too much for 32 bits is out of bounds either way.
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let requests_per_minute = fields.require("requests_per_minute", Fields::take_integer);
        Self {
            requests_per_minute: requests_per_minute.map_or(1, number),
            burst: fields.take_integer("burst").map(number),
            concurrent_runs: fields.take_integer("concurrent_runs").map(number),
        }
    }
}

impl From<NewKeyLimits> for KeyLimits {
    fn from(new: NewKeyLimits) -> Self {
        let NewKeyLimits { requests_per_minute, burst, concurrent_runs } = new;
        let burst = burst.unwrap_or(requests_per_minute);
        Self { rate: Rate { requests_per_minute, burst }, concurrent_runs }
    }
}

/// Returns a list of workflows, or all of them.
pub(in super::super) fn take_workflows(fields: &mut Fields, key: &str) -> Option<WorkflowScope> {
    match fields.take(key)? {
        Value::Null => None,
        Value::String(all) if all == "*" => Some(WorkflowScope::All),
        Value::Array(ids) => {
            let id = |id: &str| Some(id.to_owned());
            Some(WorkflowScope::Only(strings(fields, key, ids, id, "must be a workflow id")))
        }
        other => {
            let wanted = "must be \"*\" or an array of workflow ids";
            fields.problem(key, format!("{wanted}, not {}", kind_of(&other)));
            None
        }
    }
}

fn take_scopes(fields: &mut Fields, key: &str) -> Option<BTreeSet<Scope>> {
    let scopes = fields.take_list(key)?;
    let wanted = "must be one of run, read, trace, cancel, author, admin";
    Some(strings(fields, key, scopes, Scope::parse, wanted))
}

fn take_origins(fields: &mut Fields, key: &str) -> BTreeSet<String> {
    let origins = fields.take_list(key).unwrap_or_default();
    let wanted = "must be an origin such as https://app.example.com, without a path";
    strings(fields, key, origins, origin::parse, wanted)
}

fn strings<T: Ord>(
    fields: &mut Fields,
    key: &str,
    items: Vec<Value>,
    read: impl Fn(&str) -> Option<T>,
    wanted: &str,
) -> BTreeSet<T> {
    let mut found = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        match item.as_str().and_then(&read) {
            Some(item) => drop(found.insert(item)),
            None => fields.item_problem(key, index, wanted),
        }
    }
    found
}

fn take_time(fields: &mut Fields, key: &str) -> Option<Timestamp> {
    let text = fields.take_string(key)?;
    let time = Timestamp::parse_rfc3339(&text);
    if time.is_none() {
        fields.problem(key, "must be a time such as 2026-01-31T08:15:00Z");
    }
    time
}

#[cfg(test)]
mod tests {
    use flowgate_app::Error;
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_a_request() {
        let request = NewKey::read(json!({
            "name": "ci", "workflows": ["a", "b"], "scopes": ["run", "read"],
            "expires_at": "2030-01-01T00:00:00Z"
        }))
        .unwrap();
        assert_eq!(request.workflows, WorkflowScope::Only(["a".to_owned(), "b".to_owned()].into()));
        assert_eq!(request.scopes, [Scope::Run, Scope::Read].into());
        assert_eq!(request.expires_at.unwrap().to_string(), "2030-01-01T00:00:00.000Z");
        let of_a_caller = NewKey::read(json!({ "name": "ci", "workflows": "*" })).unwrap();
        assert_eq!(of_a_caller.scopes, [Scope::Run, Scope::Read, Scope::Cancel].into());
        let request = |limits: Value| {
            let body =
                json!({ "name": "ci", "workflows": "*", "scopes": ["run"], "limits": limits });
            KeyRequest::from(NewKey::read(body).unwrap())
        };
        assert_eq!(request(Value::Null).workflows, WorkflowScope::All);
        assert_eq!(request(Value::Null).limits, None);
        let limits = |limits: Value| request(limits).limits.map(|limits| json!(limits)).unwrap();
        assert_eq!(
            limits(json!({ "requests_per_minute": 60 })),
            json!({ "requests_per_minute": 60, "burst": 60, "concurrent_runs": null })
        );
        let all = json!({ "requests_per_minute": 60, "burst": 5, "concurrent_runs": 2 });
        assert_eq!(limits(all.clone()), all);
    }

    #[test]
    fn names_every_wrong_field() {
        let limits = json!({ "requests_per_minute": -1, "burst": "5", "per_hour": 1 });
        let error = NewKey::read(json!({
            "workflows": "all", "scopes": ["run", "write", 1], "expires_at": "soon",
            "limits": limits, "x": 1,
            "budget": { "max_cost_usd": -1, "max_tokens": 1.5, "per": "week", "dollars": 1 }
        }))
        .unwrap_err();
        let Error::BadInput(problems) = error else { panic!("{error:?}") };
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/name",
                "/workflows",
                "/scopes/1",
                "/scopes/2",
                "/expires_at",
                "/limits/requests_per_minute",
                "/limits/burst",
                "/limits/per_hour",
                "/budget/per",
                "/budget/max_cost_usd",
                "/budget/max_tokens",
                "/budget/dollars",
                "/x"
            ]
        );
    }
}
