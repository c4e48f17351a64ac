//! Reads the fields of one object of the document by its table. Errors become problems with
//! positions, and reading continues.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Compiler, Used};
use crate::child::{ChildName, ChildUse};
use crate::document::parse_duration;
use crate::expr::marked::Marked;
use crate::expr::reference::PathStep;
use crate::expr::template::{Reference, Source, Template, Text};
use crate::field::{FieldSpec, FieldType, Required, Secrets};
use crate::header;
use crate::json::push_segment;
use crate::kind::{KindSpec, Node};
use crate::problem::{Severity, did_you_mean, listed};
use crate::url::Host;
use crate::workflow::SecretUse;

/// The fields of a node, of a section or of an object inside them, as a kind reads them.
pub struct Fields<'c, 'd> {
    pub(crate) compiler: &'c mut Compiler<'d>,
    /// The list of nodes that contains the object; references are resolved from there.
    pub(crate) body: usize,
    object: &'d Map<String, Value>,
    path: String,
    /// A field in two tables belongs to the first.
    tables: [&'c [FieldSpec]; 2],
}

impl<'c, 'd> Fields<'c, 'd> {
    pub(crate) fn new(
        compiler: &'c mut Compiler<'d>,
        object: &'d Map<String, Value>,
        path: String,
        body: usize,
        tables: [&'c [FieldSpec]; 2],
    ) -> Self {
        let mut fields = Self { compiler, body, object, path, tables };
        fields.check_required();
        fields
    }

    /// Reads an object inside this one; reports its unknown fields after `read`.
    pub fn inner<T>(
        &mut self,
        path: &str,
        object: &'d Map<String, Value>,
        table: &[FieldSpec],
        read: impl FnOnce(&mut Fields<'_, 'd>) -> T,
    ) -> T {
        let path = path.to_owned();
        let mut inner = Fields::new(self.compiler, object, path, self.body, [table, &[]]);
        let value = read(&mut inner);
        inner.finish();
        value
    }

    /// Reads the object of one field, if it is given.
    pub fn inner_object<T>(
        &mut self,
        spec: &FieldSpec,
        table: &[FieldSpec],
        read: impl FnOnce(&mut Fields<'_, 'd>) -> T,
    ) -> Option<T> {
        let object = self.object(spec)?;
        let path = self.path_of(&spec.name);
        Some(self.inner(&path, object, table, read))
    }

    /// Reads a node of another kind inside this object, such as an agent's tool. In its fields,
    /// references `<name.…>` read the call's [bindings](crate::kind::Bindings).
    pub fn inner_node(
        &mut self,
        spec: &FieldSpec,
        kind: &KindSpec,
        name: &str,
    ) -> Option<Arc<dyn Node>> {
        let Value::Object(object) = self.get(spec)? else { return None };
        let path = self.path_of(&spec.name);
        let read = |fields: &mut Fields<'_, 'd>| (kind.read)(fields);
        Some(self.inner_bound(&path, object, &kind.fields, name, read).into())
    }

    /// Reads an object inside this one whose references `<name.…>` read the call's
    /// [bindings](crate::kind::Bindings).
    pub(crate) fn inner_bound<T>(
        &mut self,
        path: &str,
        object: &'d Map<String, Value>,
        table: &[FieldSpec],
        name: &str,
        read: impl FnOnce(&mut Fields<'_, 'd>) -> T,
    ) -> T {
        self.compiler.bound.push(name.to_owned());
        let value = self.inner(path, object, table, read);
        self.compiler.bound.pop();
        value
    }

    /// Returns a kind that the document may use.
    pub(crate) fn kind(&self, name: &str) -> Option<Arc<KindSpec>> {
        self.compiler.options.kinds.find(name).cloned()
    }

    /// Asks whether an operation of a similar name was meant.
    pub(crate) fn like_operations(&self, name: &str) -> String {
        let kinds = self.compiler.options.kinds.iter();
        did_you_mean(name, kinds.filter(|kind| kind.operation.is_some()).map(|kind| &*kind.name))
    }

    /// Reads a node of another kind from this object's own fields. References `<name.…>` read the
    /// call's [bindings](crate::kind::Bindings).
    pub fn node_here(&mut self, kind: &KindSpec, name: &str) -> Arc<dyn Node> {
        self.compiler.bound.push(name.to_owned());
        let node = (kind.read)(self);
        self.compiler.bound.pop();
        node.into()
    }

    /// Reads a field of a container as if it stood among the container's nodes: `<loop.index>` is
    /// that of the iteration. Says whether it refers to one of these nodes.
    pub(crate) fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        let outside = self.body;
        let mut nodes = self.compiler.outline.bodies[outside].nodes.iter();
        let container = nodes.find(|node| node.path == self.path);
        self.body = container.and_then(|node| node.inner).unwrap_or(outside);
        let value = read(self);
        let inside = std::mem::replace(&mut self.body, outside);
        let is_inside = |used: &mut Used| used.body == inside && inside != outside;
        let read_inside: Vec<Used> = self.compiler.used.extract_if(.., is_inside).collect();
        let refers = !read_inside.is_empty();
        self.compiler.read_at_end.extend(read_inside);
        (value, refers)
    }

    /// Returns the field as written, if it has the right type. An empty field (`null`) counts as
    /// absent.
    pub fn get(&mut self, spec: &FieldSpec) -> Option<&'d Value> {
        let known = self.tables.into_iter().flatten().find(|known| known.name == spec.name);
        debug_assert!(known.is_some(), "`{}` is read but stands in no table", spec.name);
        let known = known?;
        let value = self.given(&spec.name)?;
        if let Some(misfit) = known.field_type.misfit(value) {
            let message = match known.field_type {
                FieldType::Nothing => known.help.clone().into_owned(),
                _ => format!("`{}` {misfit}", spec.name),
            };
            self.error(&spec.name, message);
            return None;
        }
        Some(value)
    }

    /// Returns the field, of any type; it may be `null`.
    pub(crate) fn get_with_null(&mut self, spec: &FieldSpec) -> Option<&'d Value> {
        self.object.get(&*spec.name)
    }

    /// Returns whether the field is present, whatever its type.
    pub fn is_given(&self, spec: &FieldSpec) -> bool {
        self.given(&spec.name).is_some()
    }

    /// Returns the field as written, whatever its type, unless it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<&'d Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub fn path_of(&self, name: &str) -> String {
        let mut path = self.path.clone();
        push_segment(&mut path, name);
        path
    }

    pub fn error(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.compiler.report(Severity::Error, &path, message.into());
    }

    /// Reports an error inside a field.
    pub(crate) fn error_at(&mut self, path: &str, message: impl Into<String>) {
        self.compiler.report(Severity::Error, path, message.into());
    }

    pub fn warning(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.compiler.report(Severity::Warning, &path, message.into());
    }

    /// Reports a problem of the object as a whole.
    pub fn error_here(&mut self, message: impl Into<String>) {
        let path = self.path.clone();
        self.compiler.report(Severity::Error, &path, message.into());
    }

    fn check_required(&mut self) {
        let mut groups: Vec<&[&str]> = Vec::new();
        let tables = self.tables;
        for spec in tables.into_iter().flatten().filter(|spec| !spec.is_structural()) {
            match spec.required {
                Required::No => {}
                Required::Yes if self.is_given(spec) => {}
                Required::Yes => self.error_here(format!("`{}` is missing", spec.name)),
                Required::AnyOf(names) | Required::OneOf(names) | Required::AtMostOneOf(names)
                    if groups.contains(&names) => {}
                Required::AnyOf(names) => {
                    groups.push(names);
                    if self.count_given(names) == 0 {
                        self.error_here(format!("`{}` is missing", names.join("` or `")));
                    }
                }
                Required::OneOf(names) => {
                    groups.push(names);
                    if self.count_given(names) != 1 {
                        self.error_here(format!("one of {} is needed", listed(names)));
                    }
                }
                Required::AtMostOneOf(names) => {
                    groups.push(names);
                    if self.count_given(names) > 1 {
                        let names = names.join("`, `");
                        self.error_here(format!("only one of `{names}` may be given"));
                    }
                }
            }
        }
    }

    fn count_given(&self, names: &[&str]) -> usize {
        names.iter().filter(|name| self.given(name).is_some()).count()
    }

    /// Reports every field that is in no table.
    pub(crate) fn finish(mut self) {
        let tables = self.tables;
        let known = || tables.into_iter().flatten().map(|spec| &*spec.name);
        for name in self.object.keys().filter(|name| !known().any(|known| known == *name)) {
            let hint = did_you_mean(name, known());
            self.error(name, format!("unknown field `{name}`{hint}"));
        }
    }

    pub fn string(&mut self, spec: &FieldSpec) -> Option<&'d str> {
        self.get(spec)?.as_str()
    }

    pub fn boolean(&mut self, spec: &FieldSpec) -> Option<bool> {
        self.get(spec)?.as_bool()
    }

    pub fn integer(&mut self, spec: &FieldSpec) -> Option<u64> {
        self.get(spec)?.as_u64()
    }

    pub fn number(&mut self, spec: &FieldSpec) -> Option<f64> {
        self.get(spec)?.as_f64()
    }

    pub fn duration(&mut self, spec: &FieldSpec) -> Option<Duration> {
        self.string(spec).and_then(parse_duration)
    }

    pub fn object(&mut self, spec: &FieldSpec) -> Option<&'d Map<String, Value>> {
        self.get(spec)?.as_object()
    }

    pub fn list(&mut self, spec: &FieldSpec) -> Option<&'d [Value]> {
        self.get(spec)?.as_array().map(Vec::as_slice)
    }

    pub fn text(&mut self, spec: &FieldSpec) -> Option<Text> {
        let value = self.get(spec)?;
        let path = self.path_of(&spec.name);
        self.text_of(value, &path, spec.secrets)
    }

    /// `None` for a value that is no text.
    fn text_of(&mut self, value: &Value, path: &str, secrets: Secrets) -> Option<Text> {
        let text = match value {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Number(_) | Value::Bool(_) => Cow::Owned(value.to_string()),
            Value::Null => return Some(Text::null()),
            Value::Array(_) | Value::Object(_) => {
                let marked = Marked::in_text(value)?;
                return Some(self.compiler.marked(&marked, path, self.body, secrets));
            }
        };
        Some(self.compiler.text(&text, path, self.body, secrets))
    }

    /// A text inside a field, without secrets.
    pub(crate) fn plain_text(&mut self, text: &str, path: &str) -> Text {
        self.compiler.text(text, path, self.body, Secrets::Refused)
    }

    /// A list of texts.
    pub fn text_list(&mut self, spec: &FieldSpec) -> Vec<Text> {
        let path = self.path_of(&spec.name);
        let items = self.list(spec).unwrap_or_default().iter().enumerate();
        let entry = |(index, item)| {
            self.text_entry(&spec.name, item, &format!("{path}/{index}"), spec.secrets)
        };
        items.filter_map(entry).collect()
    }

    /// Reports a fault that earlier releases published: published versions go on with a warning.
    pub fn later_rule(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.compiler.report_later_rule(&path, message.into());
    }

    /// The URL of a request. The secrets of this object go to its host.
    pub fn url(&mut self, spec: &FieldSpec) -> Option<Text> {
        let text = self.text(spec)?;
        self.goes_to(Host::of(&text));
        Some(text)
    }

    /// Notes who decides the host that the secrets of this object go to.
    pub(crate) fn goes_to(&mut self, host: Host) {
        self.compiler.hosts.insert(self.path.clone(), host);
    }

    /// Notes that the object runs a child.
    pub(crate) fn uses_child(&mut self, spec: &FieldSpec, name: ChildName) {
        let path = self.path_of(&spec.name);
        self.compiler.children.push(ChildUse { name, path, nodes: Vec::new() });
    }

    /// Notes a tool of the node, for those who show it.
    pub(crate) fn note_tool(&mut self, name: &str, kind: &'static str) {
        self.compiler.note_tool(name, kind);
    }

    /// Reads the name of the session of the variables; the node waits for it.
    pub(crate) fn session_of_variables(&mut self) -> Option<Reference> {
        let index = self.compiler.use_session_of_variables()?;
        let up = self.compiler.levels_up(self.body, 0)?;
        let path = vec![PathStep::Field("session".to_owned())];
        Some(Reference { source: Source::Node { up, index }, path })
    }

    /// Notes that the field keeps something for later runs, which unsaved runs do not.
    pub(crate) fn keeps_session(&mut self, name: &str) {
        if self.compiler.document.root().get("save") == Some(&Value::Bool(false)) {
            self.warning(
                name,
                "runs are not saved: they read their session, but keep nothing in it",
            );
        }
    }

    /// Refuses what unsaved runs may not do, if all runs are.
    pub(crate) fn needs_saved_runs(&mut self, name: &str) {
        if self.compiler.document.root().get("save") == Some(&Value::Bool(false)) {
            self.error(name, "runs are not saved, and cannot change what a store keeps");
        }
    }

    /// Notes a secret that the object uses without naming it.
    pub(crate) fn implicit_secret(&mut self, name: String, host: Host) {
        let path = self.path.clone();
        self.compiler.implicit_secrets.push(SecretUse { name, path, host, is_implicit: true });
    }

    /// Name to template.
    pub(crate) fn object_template(&mut self, spec: &FieldSpec) -> Option<Template> {
        let object = self.object(spec)?;
        let path = self.path_of(&spec.name);
        Some(self.compiler.object_template(object, &path, self.body, spec.secrets))
    }

    pub fn template(&mut self, spec: &FieldSpec) -> Option<Template> {
        let value = self.get(spec)?;
        let path = self.path_of(&spec.name);
        Some(self.compiler.template(value, &path, self.body, spec.secrets))
    }

    /// An object of texts, in the author's order.
    pub fn texts(&mut self, spec: &FieldSpec) -> Vec<(String, Text)> {
        let Some(object) = self.object(spec) else { return Vec::new() };
        let path = self.path_of(&spec.name);
        let entry = |(key, value): (&String, &Value)| {
            let mut path = path.clone();
            push_segment(&mut path, key);
            Some((key.clone(), self.text_entry(key, value, &path, spec.secrets)?))
        };
        object.iter().filter_map(entry).collect()
    }

    fn text_entry(
        &mut self,
        key: &str,
        value: &Value,
        path: &str,
        secrets: Secrets,
    ) -> Option<Text> {
        let text = self.text_of(value, path, secrets);
        if text.is_none() {
            self.compiler.report(Severity::Error, path, format!("`{key}` must be text"));
        }
        text
    }

    /// An HTTP method, in capitals.
    pub fn method(&mut self, spec: &FieldSpec) -> String {
        self.string(spec).unwrap_or(&spec.default).to_ascii_uppercase()
    }

    /// HTTP headers: names are tokens, values text.
    pub fn headers(&mut self, spec: &FieldSpec) -> Vec<(String, Text)> {
        let headers = self.texts(spec);
        for (name, _) in &headers {
            if !header::is_name(name) {
                self.error(&spec.name, format!("`{name}` is not a header name"));
            }
        }
        headers
    }

    /// Headers of a request that goes out: some may not be set.
    pub fn request_headers(&mut self, spec: &FieldSpec) -> Vec<(String, Text)> {
        let headers = self.headers(spec);
        for (name, _) in headers.iter().filter(|(name, _)| header::is_forbidden(name)) {
            let path = self.path_of(&spec.name);
            self.compiler.report_later_rule(&path, format!("header `{name}` may not be set"));
        }
        headers
    }
}
