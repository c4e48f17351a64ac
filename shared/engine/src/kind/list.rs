//! `list`: filters, maps, sorts and cuts a list.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Number, Value, json};

use super::r#loop::chunks;
use super::setting::{self, Setting, integer};
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role, Touches,
};
use crate::compile::fields::Fields;
use crate::expr::cel::{Allowance, Bound, Counted, Expression, Form};
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::weight::Weight;

const MAX_ITEMS: u64 = 1_000_000;

const ITEMS: FieldSpec =
    FieldSpec::new("items", FieldType::Each, "a list, or a reference to one").required();
const FLATTEN: FieldSpec = FieldSpec::with_default(
    "flatten",
    FieldType::Boolean,
    "false",
    "`true`: an item that is a list is replaced with its items, and `null` with none, so that \
     `items: [<a.items>, <b.items>]` merges lists",
);
const FILTER: FieldSpec =
    FieldSpec::new("filter", FieldType::Code, "keeps the items for which it is true");
const MAP: FieldSpec =
    FieldSpec::new("map", FieldType::Code, "gives what stands in place of each item");
const PICK: FieldSpec = FieldSpec::new(
    "pick",
    FieldType::TextList,
    "the fields of each item that stay, in this order; a missing one is `null`",
);
const SORT_BY: FieldSpec = FieldSpec::new(
    "sort_by",
    FieldType::Code,
    "gives what to sort by: numbers, texts or true and false; `null` comes last",
);
const ORDER: FieldSpec = FieldSpec::with_default(
    "order",
    FieldType::OneOf(&["ascending", "descending"]),
    "ascending",
    "of `sort_by`",
);
const UNIQUE_BY: FieldSpec = FieldSpec::new(
    "unique_by",
    FieldType::Code,
    "of the items for which it gives the same, the first one stays",
);
const LIMIT: FieldSpec =
    FieldSpec::new("limit", FieldType::IntegerRef(0, MAX_ITEMS), "how many items stay at most");
const KEEP: FieldSpec = FieldSpec::with_default(
    "keep",
    FieldType::OneOf(&["first", "last"]),
    "first",
    "which items stay by `limit`",
);
const CHUNK: FieldSpec = FieldSpec::new(
    "chunk",
    FieldType::IntegerRef(1, MAX_ITEMS),
    "the items become lists of that many, the last one may be shorter",
);

const FIELDS: &[FieldSpec] =
    &[ITEMS, FLATTEN, FILTER, MAP, PICK, SORT_BY, ORDER, UNIQUE_BY, LIMIT, KEEP, CHUNK];

const DETAILS: &str = "\
What is given is done in the order of the table, each step on what the step before has left.
`count` is the number of `items` at the end.

`filter`, `map`, `sort_by` and `unique_by` are expressions in CEL, as in
[`condition`](#condition), in which `item` is the item and `index` its place, from 0:
`item.price > <api.max>`. A field that an item may lack is tested with `has(item.price)`.
`matches` cannot stand in them. Objects that `map` makes, or takes out of an item, have their
fields in the order of their names; `pick` keeps yours. Expressions that read more than about 64
MiB in all fail as `expression_too_costly`.

Texts are sorted by their characters' numbers in Unicode, so that `Z` comes before `a`; true
comes after false, numbers after both, and texts after numbers.

```yaml
- { id: both, type: list, items: [<page1.data>, <page2.data>], flatten: true, unique_by: item.id }
```";

const EXAMPLE: &str = "\
id: cheapest
type: list
items: <api.offers>
filter: item.stock > 0
sort_by: item.price
limit: 3";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "list".into(),
        summary: "Filters, maps, sorts and cuts a list.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::only(&[("items", OutputType::List), ("count", OutputType::Number)])
        },
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/items"]),
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(List::read(fields))),
    }
}

#[derive(Debug)]
struct List {
    items: Template,
    flatten: bool,
    filter: Option<Expression>,
    map: Option<Expression>,
    pick: Option<Vec<Text>>,
    sort_by: Option<Expression>,
    is_descending: bool,
    unique_by: Option<Expression>,
    limit: Option<Setting<u64>>,
    keep_last: bool,
    chunk: Option<Setting<u64>>,
}

impl List {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        for (spec, of) in [(&ORDER, &SORT_BY), (&KEEP, &LIMIT)] {
            if fields.is_given(spec) && !fields.is_given(of) {
                let message = format!("`{}` has no effect without `{}`", spec.name, of.name);
                fields.warning(&spec.name, message);
            }
        }
        Self {
            items: fields.template(&ITEMS).unwrap_or(Template::Literal(Value::Null)),
            flatten: fields.boolean(&FLATTEN).unwrap_or(false),
            filter: Expression::read(fields, &FILTER, Form::Test),
            map: Expression::read(fields, &MAP, Form::Value),
            pick: fields.is_given(&PICK).then(|| fields.text_list(&PICK)),
            sort_by: Expression::read(fields, &SORT_BY, Form::Value),
            is_descending: fields.string(&ORDER) == Some("descending"),
            unique_by: Expression::read(fields, &UNIQUE_BY, Form::Value),
            limit: integer(fields, &LIMIT),
            keep_last: fields.string(&KEEP) == Some("last"),
            chunk: integer(fields, &CHUNK),
        }
    }

    /// Every step, in the order of the docs.
    fn items(&self, scope: &Scope<'_>) -> Result<Vec<Value>, NodeError> {
        let allowance = Allowance::new();
        let mut items = list_of(self.items.render(scope)?, "items")?;
        if self.flatten {
            items = flat(items);
        }
        if let Some(filter) = bind(self.filter.as_ref(), scope, &allowance)? {
            items = filtered(items, &filter)?;
        }
        if let Some(map) = bind(self.map.as_ref(), scope, &allowance)? {
            items = values_for(&items, &map)?;
        }
        if let Some(names) = &self.pick {
            items = picked(items, names, scope)?;
        }
        if let Some(sort_by) = bind(self.sort_by.as_ref(), scope, &allowance)? {
            items = sorted(items, &sort_by, self.is_descending)?;
        }
        if let Some(unique_by) = bind(self.unique_by.as_ref(), scope, &allowance)? {
            items = unique(items, &unique_by)?;
        }
        if let Some(limit) = size_of(self.limit.as_ref(), &LIMIT, scope)? {
            match self.keep_last {
                true => drop(items.drain(..items.len().saturating_sub(limit))),
                false => items.truncate(limit),
            }
        }
        match size_of(self.chunk.as_ref(), &CHUNK, scope)? {
            Some(size) => Ok(chunks(items, size)),
            None => Ok(items),
        }
    }
}

impl Node for List {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let items = self.items(scope)?;
        let count = json!(items.len());
        let fields = [("items".to_owned(), Value::Array(items)), ("count".to_owned(), count)];
        Ok(Plan::done(Value::Object(Map::from_iter(fields))))
    }

    fn is_slow(&self) -> bool {
        let expressions = [&self.filter, &self.map, &self.sort_by, &self.unique_by];
        expressions.into_iter().any(Option::is_some)
    }
}

fn bind<'a>(
    expression: Option<&'a Expression>,
    scope: &'a Scope<'a>,
    allowance: &'a Allowance,
) -> Result<Option<Bound<'a>>, NodeError> {
    expression.map(|expression| expression.bind(scope, allowance)).transpose()
}

/// Returns the items of a list. A skipped node counts as an empty one.
fn list_of(value: Value, name: &str) -> Result<Vec<Value>, NodeError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => Ok(items),
        _ => Err(NodeError::new("not_a_list", format!("`{name}` must be a list"))),
    }
}

fn size_of(
    setting: Option<&Setting<u64>>,
    spec: &FieldSpec,
    scope: &Scope<'_>,
) -> Result<Option<usize>, NodeError> {
    let size = setting::read(setting, spec, scope)?;
    Ok(size.map(|size| usize::try_from(size).unwrap_or(usize::MAX)))
}

fn flat(items: Vec<Value>) -> Vec<Value> {
    let inner = |item| match item {
        Value::Array(inner) => inner,
        Value::Null => Vec::new(),
        other => vec![other],
    };
    items.into_iter().flat_map(inner).collect()
}

fn filtered(items: Vec<Value>, filter: &Bound<'_>) -> Result<Vec<Value>, NodeError> {
    let mut kept = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        if filter.holds_for(&item, index)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn values_for(items: &[Value], expression: &Bound<'_>) -> Result<Vec<Value>, NodeError> {
    let mut counted = Counted::default();
    let items = items.iter().enumerate();
    items.map(|(index, item)| expression.value_for(item, index, &mut counted)).collect()
}

fn picked(items: Vec<Value>, names: &[Text], scope: &Scope<'_>) -> Result<Vec<Value>, NodeError> {
    let names: Vec<String> =
        names.iter().map(|name| name.render_string(scope)).collect::<Result<_, _>>()?;
    let heads: Weight = names.iter().map(|name| Weight::of_text(name)).sum();
    let mut counted = Counted::default();
    let pick = |(index, item): (usize, Value)| {
        counted.add(heads)?;
        pick_fields(item, &names).ok_or_else(|| {
            NodeError::new("not_an_object", format!("`pick`: item {index} is no object"))
        })
    };
    items.into_iter().enumerate().map(pick).collect()
}

/// Returns the fields with these names, in their order; `None` if the value has no fields.
pub(super) fn pick_fields(value: Value, names: &[String]) -> Option<Value> {
    let Value::Object(mut fields) = value else { return None };
    let field = |name: &String| (name.clone(), fields.remove(name).unwrap_or_default());
    Some(Value::Object(names.iter().map(field).collect()))
}

fn sorted(
    items: Vec<Value>,
    sort_by: &Bound<'_>,
    is_descending: bool,
) -> Result<Vec<Value>, NodeError> {
    let keys = values_for(&items, sort_by)?;
    if let Some(index) = keys.iter().position(|key| key.is_array() || key.is_object()) {
        let message = format!("`sort_by` gives a list or an object for item {index}");
        return Err(NodeError::new("not_sortable", message));
    }
    let mut sorted: Vec<(Value, Value)> = keys.into_iter().zip(items).collect();
    sorted.sort_by(|(left, _), (right, _)| compare(left, right, is_descending));
    Ok(sorted.into_iter().map(|(_, item)| item).collect())
}

/// A total order of scalars. Null is last in both directions.
fn compare(left: &Value, right: &Value, is_descending: bool) -> Ordering {
    let order = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return left.is_null().cmp(&right.is_null()),
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)),
    };
    if is_descending { order.reverse() } else { order }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        _ => 2,
    }
}

/// Exact: as doubles, different whole numbers could be equal to the same third one.
fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(left), None) => compare_to_double(left, right.as_f64().unwrap_or(0.0)),
        (None, Some(right)) => compare_to_double(right, left.as_f64().unwrap_or(0.0)).reverse(),
        (None, None) => left.as_f64().unwrap_or(0.0).total_cmp(&right.as_f64().unwrap_or(0.0)),
    }
}

fn compare_to_double(whole: i128, double: f64) -> Ordering {
    #[expect(clippy::cast_possible_truncation, reason = "a double beyond it becomes its bound")]
    let floor = double.floor() as i128;
    whole.cmp(&floor).then(if double.fract() == 0.0 { Ordering::Equal } else { Ordering::Less })
}

fn unique(items: Vec<Value>, unique_by: &Bound<'_>) -> Result<Vec<Value>, NodeError> {
    let keys = values_for(&items, unique_by)?;
    let mut seen = HashSet::new();
    let is_new = |(key, _): &(Value, Value)| seen.insert(key.to_string());
    Ok(keys.into_iter().zip(items).filter(is_new).map(|(_, item)| item).collect())
}

#[cfg(test)]
mod tests;
