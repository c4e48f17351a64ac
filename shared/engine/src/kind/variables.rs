//! `variables`: sets variables, which other nodes read as `<variable.x>`; of the run, or of a
//! session.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType,
    Plan, Planned, Price, Role, Touches,
};
use crate::call::{Action, Change, How, SessionCall, SessionRequest, session_name};
use crate::compile::Compiler;
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Reference, Template, Text};
use crate::field::{FieldSpec, FieldType, Secrets};
use crate::json::push_segment;
use crate::problem::did_you_mean;

pub(crate) const KIND: &str = "variables";
/// The place of the section, and of the node that reads the session.
pub(crate) const SECTION: &str = "/variables";
/// The id of that node.
pub(crate) const ID: &str = "variable";
const MAX_VARIABLES: usize = 200;
/// In each of `set` and `append`.
const MAX_SETS: usize = 50;

const SET_OR_APPEND: &[&str] = &["set", "append"];
const SCOPE: FieldSpec = FieldSpec::with_default(
    "scope",
    FieldType::OneOf(&["run", "session"]),
    "as declared, else `run`",
    "whether the variables live as long as the run, or as their session",
);
const SET: FieldSpec =
    FieldSpec::new("set", FieldType::Object, "name to template: the variables' new values")
        .any_of(SET_OR_APPEND);
const APPEND: FieldSpec = FieldSpec::new(
    "append",
    FieldType::Object,
    "name to template: an item for the end of the variable's list, or text for the end of its text",
)
.any_of(SET_OR_APPEND);

const NAME: FieldSpec =
    FieldSpec::new("name", FieldType::Words, "read as `<variable.name>`").required();
const VALUE: FieldSpec =
    FieldSpec::new("value", FieldType::Any, "its value before any set, without references");
const SESSION: FieldSpec = FieldSpec::new(
    "session",
    FieldType::Text,
    "names the session that keeps it for later runs, the same for all variables of a session: \
     `<api.conversation>`; without a name, the run alone keeps it",
);
const DESCRIPTION: FieldSpec = FieldSpec::new("description", FieldType::Words, "for people");
/// The fields of an entry of the section.
pub(crate) const ENTRY: &[FieldSpec] = &[NAME, VALUE, SESSION, DESCRIPTION];

const LIMITS: CallLimits =
    CallLimits { default_timeout: Duration::from_secs(30), max_timeout: Duration::from_secs(60) };

const DETAILS: &str = "\
A reference `<variable.x>` reads the last set that comes before the node which reads it, else the
`value` of the section `variables`, else null. References to a variable make no node wait: `after`
says what comes first. Of two sets before a read one must come after the other, unless they are on
different branches. A loop reads what its iteration before has set. What a `parallel` sets, only
the same iteration reads.

A variable with a `session` keeps its value for later runs of that session. The session is read
when the run starts; each set is stored at once, all of a node's or none, and leaves the values as
they are stored: with `append`, those of runs beside this one are among them. How long they last,
and whose they are: [sessions.md](sessions.md).

```yaml
variables:
  - { name: topics, value: [], session: <api.conversation> }
nodes:
  - { id: note, type: variables, append: { topics: <api.topic> } }
output: { topics: <note.topics> }
```";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: KIND.into(),
        summary: "Sets variables of the run or of a session.".into(),
        details: DETAILS.into(),
        fields: const { &[SCOPE, SET, APPEND] }.into(),
        outputs: |node| {
            let field = |name: &str| OutputField::new(name.to_owned(), OutputType::Any).nullable();
            OutputFields::Only(names_set(node).map(field).collect())
        },
        call: Some(LIMITS),
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Names(&["/set", "/append"]),
        example: "{ id: count, type: variables, set: { total: <api.n>, state: asked } }".into(),
        read: Arc::new(|fields| Box::new(Variables::read(fields))),
    }
}

/// The kind of the node that reads the session.
pub(crate) fn section_spec() -> KindSpec {
    KindSpec {
        fields: const { &[] }.into(),
        outputs: |_| OutputFields::Any,
        read: Arc::new(|_| Box::new(SessionRead::default())),
        ..spec()
    }
}

/// The entries of the section, as far as they are objects.
pub(crate) fn section(root: &Map<String, Value>) -> Vec<&Map<String, Value>> {
    let entries = root.get("variables").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    entries.iter().take(MAX_VARIABLES).filter_map(Value::as_object).collect()
}

pub(crate) fn is_of_session(entry: &Map<String, Value>) -> bool {
    entry.get("session").is_some_and(|session| !session.is_null())
}

/// The variables that a node sets.
pub(crate) fn names_set(node: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let fields = SET_OR_APPEND.iter().filter_map(|field| node.get(*field)?.as_object());
    fields.flat_map(|field| field.keys().take(MAX_SETS)).map(String::as_str)
}

/// Checks the section.
pub(crate) fn read_section(fields: &mut Fields<'_, '_>, spec: &FieldSpec) {
    let entries = fields.list(spec).unwrap_or_default();
    if entries.len() > MAX_VARIABLES {
        fields.error(&spec.name, format!("at most {MAX_VARIABLES} variables"));
    }
    let (mut names, mut session) = (Vec::new(), None);
    for (index, entry) in entries.iter().take(MAX_VARIABLES).enumerate() {
        let path = format!("{SECTION}/{index}");
        let Value::Object(object) = entry else {
            fields.error(&spec.name, format!("variable {index} must be an object"));
            continue;
        };
        fields.inner(&path, object, ENTRY, |entry| {
            let name = entry.string(&NAME).unwrap_or_default();
            if entry.is_given(&NAME) && (name.is_empty() || names.contains(&name)) {
                let why = if name.is_empty() { "is empty" } else { "is declared twice" };
                entry.error(&NAME.name, format!("the name `{name}` {why}"));
            }
            names.push(name);
            entry.get_with_null(&VALUE);
            entry.string(&DESCRIPTION);
            let Some(given) = entry.get(&SESSION) else { return };
            entry.keeps_session(&SESSION.name);
            if session.get_or_insert(given) != &given {
                let message = "all variables of a session name it alike: a run has one session \
                               of variables";
                entry.error(&SESSION.name, message);
            }
        });
    }
}

#[derive(Debug)]
struct Variables {
    sets: Vec<Set>,
    /// Reads the name of the session from the node that reads the session.
    session: Option<Reference>,
}

#[derive(Debug)]
struct Set {
    name: String,
    variable: usize,
    is_of_session: bool,
    appends: bool,
    value: Template,
}

impl Variables {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let scope = fields.string(&SCOPE);
        let mut sets: Vec<Set> = Vec::new();
        for (spec, appends) in [(&SET, false), (&APPEND, true)] {
            let given = fields.object(spec);
            if given.is_some_and(|given| given.len() > MAX_SETS) {
                let message = format!("`{}` has at most {MAX_SETS} variables", spec.name);
                fields.error(&spec.name, message);
            }
            for (name, value) in given.into_iter().flatten().take(MAX_SETS) {
                if sets.iter().any(|set| set.name == *name) {
                    fields.error(&spec.name, format!("`{name}` is in `set`, too"));
                }
                sets.push(read_set(fields, spec, name, value, appends));
            }
        }
        if sets.is_empty() && (fields.is_given(&SET) || fields.is_given(&APPEND)) {
            fields.error_here("no variable is set");
        }
        for set in &sets {
            check_scope(fields, set, scope);
        }
        let session =
            sets.iter().any(|set| set.is_of_session).then(|| fields.session_of_variables());
        Self { sets, session: session.flatten() }
    }

    fn changes(&self, scope: &Scope<'_>, of_session: bool) -> Result<Vec<Change>, NodeError> {
        let sets = self.sets.iter().filter(|set| set.is_of_session == of_session);
        sets.map(|set| set.change(scope)).collect()
    }
}

impl Set {
    fn change(&self, scope: &Scope<'_>) -> Result<Change, NodeError> {
        let value = self.value.render(scope)?;
        let initial = || scope.initial_of(self.variable).clone();
        let how = if self.appends {
            How::Append { item: value, initial: initial() }
        } else {
            How::Set { value }
        };
        Ok(Change { name: self.name.clone(), how })
    }
}

impl Node for Variables {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let session = self.session.as_ref().and_then(|session| scope.read(session).as_str());
        let mut values = Map::new();
        if let Some(session) = session {
            let Some(output) = done.value("set")? else {
                let changes = self.changes(scope, true)?;
                let request = SessionRequest::Set { changes };
                return Ok(perform("set", session.to_owned(), request));
            };
            let stored = output.get("values").and_then(Value::as_object);
            values.extend(stored.cloned().unwrap_or_default());
        }
        let local = self.sets.iter().filter(|set| session.is_none() || !set.is_of_session);
        for set in local {
            let change = set.change(scope)?;
            let value = change.how.apply(Some(scope.variable(set.variable)))?;
            values.insert(change.name, value);
        }
        Ok(Plan::done(Value::Object(values)))
    }
}

fn read_set(
    fields: &mut Fields<'_, '_>,
    spec: &FieldSpec,
    name: &str,
    value: &Value,
    appends: bool,
) -> Set {
    let mut path = fields.path_of(&spec.name);
    push_segment(&mut path, name);
    if name.is_empty() {
        fields.error(&spec.name, "a variable needs a name");
    }
    let body = fields.body;
    let value = fields.compiler.template(value, &path, body, Secrets::Refused);
    // One too many has none, which is an error.
    let variables = &mut fields.compiler.variables;
    let variable = variables.index(name);
    if let Some(variable) = variable.filter(|_| appends) {
        variables.note_append(variable, body, &path);
    }
    let is_of_session = variable.is_some_and(|index| variables.get(index).is_of_session);
    let variable = variable.unwrap_or_default();
    Set { name: name.to_owned(), variable, is_of_session, appends, value }
}

fn check_scope(fields: &mut Fields<'_, '_>, set: &Set, scope: Option<&str>) {
    let name = &set.name;
    match scope {
        Some("session") if !set.is_of_session => {
            let known = fields.compiler.variables.of_sessions();
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            let message = format!(
                "`{name}` has no session{hint}; the section `variables` gives it one: \
                 `variables: [ {{ name: {name}, session: <api.conversation> }} ]`"
            );
            fields.error(&SCOPE.name, message);
        }
        Some("run") if set.is_of_session => {
            let message = format!("`{name}` is declared with a session");
            fields.error(&SCOPE.name, message);
        }
        _ => {}
    }
}

/// Reads the session of the variables, once, before anything that needs it.
#[derive(Debug, Default)]
pub(crate) struct SessionRead {
    session: Text,
    names: Vec<String>,
}

impl SessionRead {
    pub(crate) fn read_section(compiler: &mut Compiler<'_>) -> Self {
        let entries = section(compiler.document.root());
        let of_session = entries.into_iter().enumerate().find(|(_, entry)| is_of_session(entry));
        let session = of_session.and_then(|(index, entry)| {
            let text = entry.get("session")?.as_str()?;
            let path = format!("{SECTION}/{index}/session");
            Some(compiler.text(text, &path, 0, Secrets::Refused))
        });
        Self { session: session.unwrap_or_default(), names: compiler.variables.of_sessions() }
    }
}

impl Node for SessionRead {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let Some(session) = session_name(&self.session.render_string(scope)?)? else {
            return Ok(Plan::done(json!({ "session": null, "values": {} })));
        };
        let Some(output) = done.value("read")? else {
            let request = SessionRequest::Read { names: self.names.clone() };
            return Ok(perform("read", session, request));
        };
        Ok(Plan::done(json!({ "session": session, "values": output["values"] })))
    }
}

fn perform(name: &'static str, session: String, request: SessionRequest) -> Plan {
    let action = Action::Session(SessionCall { session, request });
    let planned = Planned::call(name, action, Price::Free);
    Plan::Perform(vec![Planned { at_most_once: Some(false), ..planned }])
}

#[cfg(test)]
mod tests;
