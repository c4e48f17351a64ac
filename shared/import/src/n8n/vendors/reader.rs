//! Reads a node's parameters, and knows which of them nothing was made of.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::files::operand;
use super::super::flow::Flow;
use super::super::unread;
use crate::json::{fields, filled, is_true, items, number, text};
use crate::text::Text;

pub(super) struct Reader<'a, 'f, 'i, 'g> {
    pub flow: &'a mut Flow<'f, 'i, 'g>,
    /// The paths that were read.
    used: BTreeSet<String>,
}

/// Parameters that say how n8n shows a node, or finds the login.
const SILENT: [&str; 23] = [
    "resource",
    "operation",
    "authentication",
    "descriptionType",
    "toolDescription",
    "select",
    "returnAll",
    "limit",
    "options.appendAttribution",
    "additionalFields.appendAttribution",
    "otherOptions.includeLinkToWorkflow",
    "driveId",
    "guildId",
    "team",
    "space",
    "requestOptions",
    "notice",
    "simple",
    "dataMode",
    "resolveData",
    "options.cellFormat",
    "options.deletePermanently",
    "serviceAccountUserEmail",
];

impl<'a, 'f, 'i, 'g> Reader<'a, 'f, 'i, 'g> {
    pub(super) fn new(flow: &'a mut Flow<'f, 'i, 'g>) -> Self {
        Self { flow, used: BTreeSet::new() }
    }

    pub(super) fn parameters(&self) -> &'g Map<String, Value> {
        self.flow.current().parameters
    }

    /// The parameter at a path with dots, as it stands in the file.
    pub(super) fn raw(&mut self, path: &str) -> Option<&'g Value> {
        self.used.insert(path.to_owned());
        let mut names = path.split('.');
        let first = self.parameters().get(names.next().unwrap_or_default())?;
        names.try_fold(first, |value, name| value.get(name))
    }

    pub(super) fn is(&mut self, path: &str) -> bool {
        is_true(self.raw(path))
    }

    /// A parameter's literal text.
    pub(super) fn word(&mut self, path: &str) -> String {
        text(self.raw(path)).trim_start_matches('=').to_owned()
    }

    /// The list at a path.
    pub(super) fn list(&mut self, path: &str) -> &'g [Value] {
        items(self.raw(path))
    }

    /// A parameter; of a locator its value.
    pub(super) fn value(&mut self, path: &str) -> Value {
        let given = self.raw(path);
        self.located(given)
    }

    pub(super) fn located(&mut self, given: Option<&Value>) -> Value {
        let is_locator = |fields: &Map<String, Value>| {
            fields.contains_key("__rl")
                || fields.contains_key("mode") && fields.contains_key("value")
        };
        let Some(value) = given else { return Value::Null };
        let Some(fields) = value.as_object().filter(|fields| is_locator(fields)) else {
            return self.flow.any(value);
        };
        let value = fields.get("value").unwrap_or(&Value::Null);
        match filled(fields.get("mode")) {
            Some("url") => self.id_in(value),
            _ => self.flow.any(value),
        }
    }

    /// A parameter as a text.
    pub(super) fn text(&mut self, path: &str) -> Text {
        let given = self.raw(path);
        let Some(Value::Object(own)) = given else { return self.flow.text(given) };
        if filled(own.get("mode")) != Some("url") {
            return self.flow.text(own.get("value"));
        }
        match own.get("value").map(|value| text(Some(value))) {
            Some(literal) if !literal.starts_with('=') => Text::literal(id_of(&literal)),
            _ => {
                self.flow.approximated(format!("`{path}` is an address: put its id there"));
                self.flow.text(own.get("value"))
            }
        }
    }

    /// The id in an address: of a document of Google, a base of Airtable, a page of Notion.
    pub(super) fn id_in(&mut self, value: &Value) -> Value {
        let literal = text(Some(value));
        if !literal.starts_with('=') {
            return self.flow.draft.any(&Text::literal(id_of(&literal)));
        }
        let code = format!(
            "(/\\/(?:d|folders)\\/([\\w-]+)/.exec(String({0})) ?? [null, {0}])[1]",
            operand(Some(value))
        );
        self.computed(&code)
    }

    /// JavaScript, as n8n's expressions are.
    pub(super) fn computed(&mut self, code: &str) -> Value {
        self.flow.any(&json!(format!("={{{{ {code} }}}}")))
    }

    pub(super) fn limit(&mut self) -> Value {
        match is_true(self.parameters().get("returnAll")) {
            true => Value::Null,
            false => match self.parameters().get("limit") {
                given @ Some(Value::String(_)) if number(given).is_none() => self.value("limit"),
                given => number(given).map_or(Value::Null, |limit| json!(limit as u64)),
            },
        }
    }

    /// `columns`: fields by hand, or the whole item.
    pub(super) fn columns(&mut self, name: &str) -> Value {
        let columns = fields(self.raw(name));
        let is_auto = text(columns.get("mappingMode")) == "autoMapInputData"
            || text(self.parameters().get("dataMode")) == "autoMapInputData";
        let made = match columns.get("value").filter(|value| !is_auto && value.is_object()) {
            Some(value) => self.flow.any(value),
            None => self.flow.here.items.item.json(),
        };
        if made.is_null() { json!({}) } else { made }
    }

    /// `{ fieldValues: [{ name, value }] }` as an object.
    pub(super) fn pairs(&mut self, path: &str, name: &str, value: &str) -> Map<String, Value> {
        let mut made = Map::new();
        for one in self.list(path) {
            let field = self.flow.any(one.get(value).unwrap_or(&Value::Null));
            made.insert(text(one.get(name)), field);
        }
        made
    }

    /// Reports the parameters that nothing was made of.
    pub(super) fn report_unread(&mut self) {
        let unread = unread::names(self.parameters(), &|path| self.is_read(path));
        for name in unread {
            self.flow.approximated(format!("`{name}` is left out"));
        }
    }

    fn is_read(&self, path: &str) -> bool {
        let below = format!("{path}.");
        SILENT.contains(&path)
            || self.used.contains(path)
            || path.contains('.') && self.used.iter().any(|used| used.starts_with(&below))
    }
}

/// Cuts the id out of an address; another text is the id itself.
fn id_of(address: &str) -> String {
    if !address.starts_with("http") {
        return address.to_owned();
    }
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let behind = |name: &str| {
        let at = parts.iter().position(|part| *part == name)?;
        parts.get(at + 1).copied()
    };
    let known = parts.iter().find(|part| part.starts_with("app") && part.len() == 17);
    let id = behind("d").or_else(|| behind("folders")).or(known.copied());
    let last = parts.iter().rev().find(|part| !part.is_empty()).copied().unwrap_or_default();
    let id = id.unwrap_or_else(|| last.rsplit('-').next().unwrap_or(last));
    id.to_owned()
}
