//! Google Sheets.

use flowgate_engine::expr::reference::readable;
use serde_json::{Map, Value, json};

use super::super::files::operand;
use super::reader::Reader;
use super::table::{Vendor, bearer, row};
use crate::json::{fields, filled, items, text};
use crate::text::Text;

pub(super) const VENDORS: &[Vendor] = &[Vendor {
    kind: "googleSheets",
    login: bearer("googleSheetsOAuth2Api"),
    special: computed,
    rows: &[
        row("sheet", "read", "google_sheets.read", "rows[]", READ),
        row("sheet", "append", "google_sheets.append", "row", WRITTEN),
        row("sheet", "update", "google_sheets.update", "row", MATCHED),
        row("sheet", "appendOrUpdate", "google_sheets.append_or_update", "row", MATCHED),
        row("sheet", "upsert", "google_sheets.append_or_update", "row", MATCHED),
        row(
            "sheet",
            "clear",
            "google_sheets.clear",
            ".",
            "spreadsheet_id=#document range=#cleared",
        )
        .note("the whole sheet is cleared, its first row, too"),
        row("sheet", "delete", CHANGE, "", "body.requests=#deleted"),
        row("sheet", "remove", CHANGE, "", "body.requests=#removed"),
        row(
            "sheet",
            "create",
            CHANGE,
            "data.replies[0].addSheet.properties",
            "body.requests=#added",
        ),
        row(
            "spreadsheet",
            "create",
            "POST https://sheets.googleapis.com/v4/spreadsheets",
            "data",
            "body.properties.title!=title body.sheets=#sheets",
        ),
        row(
            "spreadsheet",
            "deleteSpreadsheet",
            "DELETE https://www.googleapis.com/drive/v3/files/{#document}",
            "",
            "",
        ),
    ],
}];

const CHANGE: &str = "POST https://sheets.googleapis.com/v4/spreadsheets/{#document}:batchUpdate";
const READ: &str = "spreadsheet_id=#document sheet=#sheet match=#match";
const WRITTEN: &str = "spreadsheet_id=#document sheet=#sheet rows=#rows";
const MATCHED: &str = "spreadsheet_id=#document sheet=#sheet match_on=#key rows=#rows";

fn computed(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    Ok(match name {
        "document" => document(reader),
        "sheet" => sheet(reader),
        "cleared" => cleared(reader)?,
        "match" => matched(reader)?,
        "rows" => json!([reader.columns("columns")]),
        "key" => key(reader),
        "added" => json!([{ "addSheet": { "properties": { "title": reader.value("title") } } }]),
        "sheets" => {
            let sheets = reader.list("sheetsUi.sheetValues");
            let made = sheets.iter().map(|one| {
                let title = reader.flow.any(one.get("title").unwrap_or(&Value::Null));
                json!({ "properties": { "title": title } })
            });
            let made: Vec<Value> = made.collect();
            if made.is_empty() { Value::Null } else { made.into() }
        }
        "removed" => json!([{ "deleteSheet": { "sheetId": number_of(reader)? } }]),
        _ => json!([{ "deleteDimension": { "range": deleted(reader)? } }]),
    })
}

fn document(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let is_new = reader.parameters().contains_key("documentId");
    let path = if is_new { "documentId" } else { "sheetId" };
    match reader.raw(path) {
        Some(Value::String(url)) if url.starts_with("http") => reader.id_in(&json!(url)),
        _ => reader.value(path),
    }
}

/// The sheet's name. A file may hold its number alone.
fn sheet(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let given = reader.raw("sheetName");
    let mode = filled(given.and_then(|given| given.get("mode")));
    let named = filled(given.and_then(|given| given.get("cachedResultName")));
    if let Some(name) = named {
        return reader.flow.draft.any(&Text::literal(name));
    }
    let name = reader.value("sheetName");
    match (mode, name) {
        (Some("name"), name) if !name.is_null() => text_of(name),
        (_, Value::Null) => {
            let range = reader.word("range");
            match range.split_once('!').filter(|(sheet, _)| !sheet.is_empty()) {
                Some((sheet, _)) => reader.flow.draft.any(&Text::literal(sheet)),
                None => unknown_sheet(reader),
            }
        }
        (Some("url"), _) | (_, Value::Number(_)) => unknown_sheet(reader),
        (_, Value::String(gid)) if is_number(&gid) => unknown_sheet(reader),
        (_, name) => name,
    }
}

fn text_of(name: Value) -> Value {
    if name.is_number() { name.to_string().into() } else { name }
}

fn is_number(sheet: &str) -> bool {
    sheet.starts_with("gid=") || sheet.chars().all(|c| c.is_ascii_digit())
}

/// A sheet that is known by its number alone. What is read may be looked for in the first one; what
/// is written or cleared may not.
fn unknown_sheet(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let reads = matches!(reader.word("operation").as_str(), "" | "read" | "lookup");
    let (name, note) = match reads {
        true => ("Sheet1", "`Sheet1` is taken"),
        false => ("YOUR_SHEET", "put yours in for `YOUR_SHEET`"),
    };
    reader.flow.approximated(format!("the file does not say the sheet's name: {note}"));
    name.into()
}

/// The cells to clear: those that the first version of the node names, or all of a sheet.
fn cleared(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    if reader.flow.current().version < 3.0 {
        let range = reader.value("range");
        return match range.is_null() {
            true => Err("the file names no range to clear".to_owned()),
            false => Ok(range),
        };
    }
    let keeps_first = reader.raw("keepFirstRow").is_some_and(|keeps| *keeps != json!(false));
    if !matches!(reader.word("clear").as_str(), "" | "wholeSheet") || keeps_first {
        return Err("only a part of the sheet is cleared".to_owned());
    }
    Ok(match sheet(reader) {
        // A name such as `A1` would be read as a cell.
        Value::String(name) if readable(&name).is_empty() => {
            let range = format!("'{}'", name.replace('\'', "''"));
            reader.flow.draft.any(&Text::literal(range))
        }
        name => name,
    })
}

/// The sheet's number, by which changes of its form name it.
fn number_of(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    let unknown = "the sheet's number is not known";
    let given = reader.raw("sheetName");
    if filled(given.and_then(|given| given.get("mode"))) == Some("name") {
        return Err(unknown.to_owned());
    }
    let given = given.and_then(|given| given.get("value")).or(given);
    let number = text(given);
    let number = number.rsplit_once("gid=").map_or(number.as_str(), |(_, gid)| gid);
    number.parse::<u64>().map(Value::from).map_err(|_| unknown.to_owned())
}

/// Rows or columns, counted from zero, without the last.
fn deleted(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    let is_rows = reader.word("toDelete") != "columns";
    if !is_rows {
        return Err("columns are named by letters".to_owned());
    }
    let first = operand(Some(reader.raw("startIndex").unwrap_or(&json!(2))));
    let count = operand(Some(reader.raw("numberToDelete").unwrap_or(&json!(1))));
    Ok(json!({
        "sheetId": number_of(reader)?,
        "dimension": "ROWS",
        "startIndex": reader.computed(&format!("Number({first}) - 1")),
        "endIndex": reader.computed(&format!("Number({first}) - 1 + Number({count})")),
    }))
}

/// Column to value. Rows are read for which all of it holds, each column once.
fn matched(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    let mut filters: Vec<(String, Value)> = Vec::new();
    for one in reader.list("filtersUI.values") {
        let value = reader.flow.any(one.get("lookupValue").unwrap_or(&Value::Null));
        filters.push((text(one.get("lookupColumn")), value));
    }
    let older = reader.word("lookupColumn");
    if !older.is_empty() {
        let value = reader.value("lookupValue");
        filters.push((older, value));
    }
    filters.retain(|(name, value)| !name.is_empty() && !value.is_null());
    if filters.len() > 1 && reader.word("combineFilters") == "OR" {
        return Err("rows for which one of several conditions holds".to_owned());
    }
    if filters.iter().any(|(name, _)| name.starts_with('=')) {
        return Err("a column whose name is computed".to_owned());
    }
    let count = filters.len();
    let found: Map<String, Value> = filters.into_iter().collect();
    if found.len() < count {
        return Err("several conditions on one column".to_owned());
    }
    Ok(if found.is_empty() { Value::Null } else { found.into() })
}

fn key(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let columns = fields(reader.raw("columns"));
    let on = items(columns.get("matchingColumns")).to_vec();
    if !on.is_empty() {
        return on.into();
    }
    let older = ["columnToMatchOn", "key"].into_iter().map(|name| reader.word(name));
    let older: Vec<String> = older.filter(|name| !name.is_empty()).collect();
    json!([older.first().map_or("row_number", String::as_str)])
}
