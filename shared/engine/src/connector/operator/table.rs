//! Operators on tables: rows of cells with a row of names, and records.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::items;
use crate::connector::template::{Values, text_of};
use crate::kind::NodeError;

/// `{sheet, range?}` → `'It''s'!A1:B2`: a place as Google Sheets writes it. A name in quotes is
/// never read as a cell.
pub(super) fn a1(value: &Value) -> String {
    let text = |name: &str| value.get(name).map(text_of).unwrap_or_default();
    let sheet = text("sheet").replace('\'', "''");
    let range = text("range");
    if range.is_empty() { format!("'{sheet}'") } else { format!("'{sheet}'!{range}") }
}

/// `{values, header?}` → the names in the header.
pub(super) fn columns(value: &Value) -> Value {
    Table::of(value).columns.into()
}

/// `{values, header?, match?, limit?}` → records of the rows below the header, each with its
/// `row_number`.
pub(super) fn records(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    let Table { columns, rows, first } = Table::of(value);
    let mut records = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        if row.as_array().is_none_or(|cells| cells.iter().all(is_empty)) {
            continue;
        }
        let mut record = Map::new();
        record.insert("row_number".to_owned(), json!(first + at));
        for (column, name) in columns.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            record.insert(name.clone(), row.get(column).cloned().unwrap_or_else(|| "".into()));
        }
        let record = Value::Object(record);
        values.count(&record)?;
        records.push(record);
    }
    let records = match value.get("match").and_then(Value::as_object) {
        Some(wanted) => records.into_iter().filter(|record| fits(record, wanted)).collect(),
        None => records,
    };
    let limit = value.get("limit").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(Some(records.into_iter().take(limit).collect()))
}

fn fits(record: &Value, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, value)| record.get(name).is_some_and(|it| same(it, value)))
}

/// `{records, columns}` → rows in the order of the columns. An unknown column is a failure, and so
/// is a first one without a name: rows are added where a table begins, and would be shifted.
pub(super) fn rows(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    let columns = names(value.get("columns").unwrap_or(&Value::Null));
    if columns.first().is_some_and(String::is_empty) {
        return Err(NodeError::new("unknown_column", "the first column has no name in the header"));
    }
    let mut rows = Vec::new();
    for record in list_of(value.get("records")) {
        check_columns(&record, &columns)?;
        let row: Value =
            columns.iter().map(|name| record.get(name).map_or_else(|| "".into(), cell)).collect();
        values.count(&row)?;
        rows.push(row);
    }
    Ok(Some(Value::Array(rows)))
}

/// `{values, header?, on, records}` → `{updates: [{row_number, column, value}], missing}`: which
/// cells of the table the records change. A record belongs to the first row that has the same
/// values in the columns `on`; these cells stay as they are.
pub(super) fn match_rows(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    let Table { columns, rows, first } = Table::of(value);
    let on = names(value.get("on").unwrap_or(&Value::Null));
    let mut places = Vec::new();
    for name in &on {
        let place = columns.iter().position(|column| column == name);
        places.push(place.ok_or_else(|| unknown_column(name, &columns))?);
    }
    let key_of_row = |row: &Value| -> Vec<String> {
        places.iter().map(|at| row.get(*at).map_or_else(String::new, text_of)).collect()
    };
    let mut known: HashMap<Vec<String>, usize> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        known.entry(key_of_row(row)).or_insert(first + at);
    }
    let (mut updates, mut missing) = (Vec::new(), Vec::new());
    for record in list_of(value.get("records")) {
        check_columns(&record, &columns)?;
        let Some(row) = known.get(&key_of(&record, &on)?) else {
            missing.push(record);
            continue;
        };
        for (name, value) in record.as_object().into_iter().flatten() {
            let is_other = |(_, column): &(usize, &String)| *column == name && !on.contains(column);
            let Some((column, _)) = columns.iter().enumerate().find(is_other) else { continue };
            let update = json!({
                "row_number": row, "column": letters(column), "value": cell(value)
            });
            values.count(&update)?;
            updates.push(update);
        }
    }
    Ok(Some(json!({ "updates": updates, "missing": missing })))
}

/// The values by which a record finds its row. Without one of them it would find a row that has
/// nothing there.
fn key_of(record: &Value, on: &[String]) -> Result<Vec<String>, NodeError> {
    let value = |name: &String| {
        let value = record.get(name).filter(|value| !is_empty(value)).map(text_of);
        let message = || format!("a row has no value for `{name}`, which rows are found by");
        value.ok_or_else(|| NodeError::new("invalid_field", message()))
    };
    on.iter().map(value).collect()
}

struct Table<'v> {
    columns: Vec<String>,
    rows: &'v [Value],
    /// The number of the first row below the header, counted from 1.
    first: usize,
}

impl<'v> Table<'v> {
    fn of(value: &'v Value) -> Self {
        let rows = value.get("values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let header = value.get("header").and_then(Value::as_u64).unwrap_or(1).max(1);
        let header = usize::try_from(header).unwrap_or(usize::MAX).min(rows.len() + 1);
        let columns = rows.get(header - 1).map(names).unwrap_or_default();
        Self { columns, rows: rows.get(header..).unwrap_or_default(), first: header + 1 }
    }
}

fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Null => Vec::new(),
        one => vec![text_of(one)],
    }
}

/// A list of records, or one record.
fn list_of(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(one @ Value::Object(_)) => vec![one.clone()],
        Some(list) => items(list.clone()),
        None => Vec::new(),
    }
}

fn check_columns(record: &Value, columns: &[String]) -> Result<(), NodeError> {
    let Value::Object(record) = record else {
        return Err(NodeError::new("invalid_field", "a row is an object: column to value"));
    };
    let unknown = record.keys().find(|name| *name != "row_number" && !columns.contains(name));
    unknown.map_or(Ok(()), |name| Err(unknown_column(name, columns)))
}

fn unknown_column(name: &str, columns: &[String]) -> NodeError {
    let columns = columns.iter().take(50).map(|name| format!("`{name}`"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let name: String = name.chars().take(100).collect();
    NodeError::new("unknown_column", format!("there is no column `{name}`, only {columns}"))
}

/// What a cell holds: scalars as they are, anything else as JSON.
fn cell(value: &Value) -> Value {
    match value {
        Value::Null => "".into(),
        Value::Array(_) | Value::Object(_) => value.to_string().into(),
        scalar => scalar.clone(),
    }
}

fn same(left: &Value, right: &Value) -> bool {
    left == right || text_of(left) == text_of(right)
}

fn is_empty(cell: &Value) -> bool {
    cell.is_null() || cell == ""
}

/// `A`, `Z`, `AA`: the name of a column, counted from 0.
fn letters(mut column: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + u8::try_from(column % 26).unwrap_or(0));
        if column < 26 {
            break;
        }
        column = column / 26 - 1;
    }
    letters.into_iter().rev().map(char::from).collect()
}
