//! Permissions: the statements of the functions' roles, and the check of each call.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::queues::{ACCOUNT, REGION, queue_name};

/// An action on a resource, in IAM's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) action: String,
    pub(crate) resource: String,
}

pub(crate) struct Permissions {
    /// `None` allows every call.
    roles: Option<HashMap<String, Vec<Statement>>>,
    /// What a test has denied for now: (function, action).
    denied: Mutex<HashSet<(String, String)>>,
    /// Actions that were used and granted, by function.
    used: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Statement {
    allow: bool,
    actions: Vec<String>,
    resources: Vec<String>,
}

impl Permissions {
    pub(crate) fn everything() -> Self {
        Self { roles: None, denied: Mutex::default(), used: Mutex::default() }
    }

    pub(crate) fn of(roles: HashMap<String, Vec<Statement>>) -> Self {
        Self { roles: Some(roles), denied: Mutex::default(), used: Mutex::default() }
    }

    pub(crate) fn allow(&self, function: &str, need: &Need) -> bool {
        let Some(roles) = &self.roles else { return true };
        let denied = self.denied.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if denied.contains(&(function.to_owned(), need.action.clone())) {
            return false;
        }
        let statements = roles.get(function).map(Vec::as_slice).unwrap_or_default();
        let mut matching = statements.iter().filter(|statement| statement.covers(need)).peekable();
        let allowed = matching.peek().is_some() && matching.all(|statement| statement.allow);
        if allowed {
            let mut used = self.used.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            used.entry(function.to_owned()).or_default().insert(need.action.clone());
        }
        allowed
    }

    /// Returns the actions that each function has used.
    pub(crate) fn used(&self) -> Value {
        json!(*self.used.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    pub(crate) fn deny(&self, function: &str, action: &str) {
        self.denied
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .insert((function.to_owned(), action.to_owned()));
    }

    pub(crate) fn allow_again(&self, function: &str, action: &str) {
        self.denied
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .remove(&(function.to_owned(), action.to_owned()));
    }

    /// Returns the actions that each function's role allows.
    pub(crate) fn granted(&self) -> Value {
        let roles = self.roles.iter().flatten().map(|(function, statements)| {
            let mut actions: Vec<&String> =
                statements.iter().filter(|it| it.allow).flat_map(|it| &it.actions).collect();
            actions.sort();
            actions.dedup();
            (function.clone(), json!(actions))
        });
        Value::Object(roles.collect())
    }
}

impl Statement {
    /// Reads the statements of a policy document with resolved references.
    pub(crate) fn read(document: &Value) -> Vec<Self> {
        let statements = match &document["Statement"] {
            Value::Array(statements) => statements.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        statements.iter().map(Self::read_one).collect()
    }

    /// Ignores conditions: a statement with one allows nothing here, so that tests notice it.
    fn read_one(statement: &Value) -> Self {
        let allow = statement["Effect"] == "Allow";
        let unreadable = allow && !statement["Condition"].is_null();
        let actions = if unreadable { Vec::new() } else { texts(&statement["Action"]) };
        Self { allow, actions, resources: texts(&statement["Resource"]) }
    }

    fn covers(&self, need: &Need) -> bool {
        let action = need.action.to_lowercase();
        self.actions.iter().any(|pattern| matches(&pattern.to_lowercase(), &action))
            && self.resources.iter().any(|pattern| matches(pattern, &need.resource))
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// IAM's patterns: `*` matches any characters, `?` matches one.
fn matches(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => text.char_indices().any(|(at, _)| matches(rest, &text[at..])) || matches(rest, ""),
        '?' => text.chars().next().is_some_and(|one| matches(rest, &text[one.len_utf8()..])),
        literal => text.strip_prefix(literal).is_some_and(|remaining| matches(rest, remaining)),
    }
}

/// Returns what a DynamoDB call needs: its action on each table or index that it names.
pub(crate) fn table_needs(action: &str, request: &Value) -> Vec<Need> {
    match action {
        "TransactWriteItems" | "TransactGetItems" => request["TransactItems"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(transact_need)
            .collect(),
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(table, _)| need("dynamodb", action, table_arn(table))).collect()
        }
        _ => {
            let table = table_arn(request["TableName"].as_str().unwrap_or_default());
            let index = request["IndexName"].as_str();
            let resource = index.map_or(table.clone(), |index| format!("{table}/index/{index}"));
            vec![need("dynamodb", action, resource)]
        }
    }
}

fn transact_need(item: &Value) -> Vec<Need> {
    let actions = [
        ("Put", "PutItem"),
        ("Update", "UpdateItem"),
        ("Delete", "DeleteItem"),
        ("ConditionCheck", "ConditionCheckItem"),
        ("Get", "GetItem"),
    ];
    let named = actions.iter().filter(|(field, _)| !item[*field].is_null());
    named
        .map(|(field, action)| {
            need(
                "dynamodb",
                action,
                table_arn(item[*field]["TableName"].as_str().unwrap_or_default()),
            )
        })
        .collect()
}

/// SQS batch calls need the permission of the single calls.
pub(crate) fn queue_needs(action: &str, request: &Value) -> Vec<Need> {
    vec![need(
        "sqs",
        action.strip_suffix("Batch").unwrap_or(action),
        queue_arn(&queue_name(request)),
    )]
}

pub(crate) fn secret_need(action: &str, arn: String) -> Need {
    need("secretsmanager", action, arn)
}

fn need(service: &str, action: &str, resource: String) -> Need {
    Need { action: format!("{service}:{action}"), resource }
}

/// Returns the ARN of a table name, or an ARN unchanged.
pub(crate) fn table_arn(table: &str) -> String {
    if table.starts_with("arn:") {
        table.to_owned()
    } else {
        format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}")
    }
}

pub(crate) fn queue_arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

/// The ARN that IAM checks while no secret has that name.
pub(crate) fn absent_secret_arn(name: &str) -> String {
    if name.starts_with("arn:") {
        name.to_owned()
    } else {
        format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}")
    }
}
