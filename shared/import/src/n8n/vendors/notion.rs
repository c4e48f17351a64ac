//! Notion: pages, their properties and blocks.

use serde_json::{Map, Value, json};

use super::reader::Reader;
use super::table::{Vendor, bearer, row};
use crate::json::{items, text};
use crate::text::{Part, Text};

pub(super) const VENDORS: &[Vendor] = &[Vendor {
    kind: "notion",
    login: bearer("notionApi"),
    special: computed,
    rows: &[
        row(
            "page",
            "create",
            "notion.create_page",
            "page",
            "page_id=pageId title=title content=#content",
        ),
        row("page", "get", "notion.get_page", "page", "page_id=pageId").note(AS_IS),
        row("page", "search", "notion.search", "results[]", "query=text limit=#limit").note(AS_IS),
        row("page", "archive", "notion.update_page", "page", "page_id=pageId archived='true"),
        row(
            "databasePage",
            "create",
            "notion.create_page",
            "page",
            "database_id=databaseId title=title properties=#properties content=#content",
        )
        .note(AS_IS),
        row("databasePage", "get", "notion.get_page", "page", "page_id=pageId").note(AS_IS),
        row(
            "databasePage",
            "getAll",
            "notion.query",
            "pages[]",
            "database_id=databaseId filter=#filter sorts=#sorts limit=#limit",
        )
        .note(AS_IS),
        row(
            "databasePage",
            "update",
            "notion.update_page",
            "page",
            "page_id=pageId properties=#properties",
        )
        .note(AS_IS),
        row(
            "database",
            "get",
            "GET https://api.notion.com/v1/databases/{databaseId}",
            "data",
            "headers.Notion-Version='2022-06-28",
        ),
        row(
            "database",
            "getAll",
            "POST https://api.notion.com/v1/search",
            "data.results[]",
            "headers.Notion-Version='2022-06-28 body.filter.property='object \
             body.filter.value='database body.page_size=#limit",
        ),
        row("block", "append", "notion.append", "blocks[]", "block_id=blockId content=#content"),
        row("block", "getAll", "notion.read_blocks", "blocks[]", "block_id=blockId limit=#limit"),
        row(
            "user",
            "get",
            "GET https://api.notion.com/v1/users/{userId}",
            "data",
            "headers.Notion-Version='2022-06-28",
        ),
        row(
            "user",
            "getAll",
            "GET https://api.notion.com/v1/users",
            "data.results[]",
            "headers.Notion-Version='2022-06-28",
        ),
    ],
}];

const AS_IS: &str = "a page is as Notion's API gives it, without the simple form of n8n";

fn computed(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "content" => Ok(content(reader)),
        "properties" => properties(reader),
        "sorts" => Ok(sorts(reader)),
        _ => filter(reader),
    }
}

/// The blocks, as Markdown.
fn content(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let mut content = Text::default();
    for one in reader.list("blockUi.blockValues") {
        let mark = match text(one.get("type")).as_str() {
            "heading_1" => "# ",
            "heading_2" => "## ",
            "heading_3" => "### ",
            "bulleted_list_item" => "- ",
            "numbered_list_item" => "1. ",
            "to_do" => "- [ ] ",
            _ => "",
        };
        content.push(Part::Literal(mark.to_owned()));
        content.append(reader.flow.text(one.get("textContent")));
        for piece in items(one.get("text").and_then(|text| text.get("text"))) {
            content.append(reader.flow.text(piece.get("text")));
        }
        content.push(Part::Literal("\n\n".to_owned()));
    }
    if content.is_empty() { Value::Null } else { reader.flow.draft.any(&content) }
}

/// Properties in Notion's own form.
fn properties(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    let mut own = Map::new();
    for one in reader.list("propertiesUi.propertyValues") {
        let key = text(one.get("key"));
        let (name, kind) = key.rsplit_once('|').ok_or("a property whose type is not known")?;
        own.insert(name.to_owned(), property(reader, one, kind)?);
    }
    Ok(if own.is_empty() { Value::Null } else { own.into() })
}

fn property(reader: &mut Reader<'_, '_, '_, '_>, one: &Value, kind: &str) -> Result<Value, String> {
    let mut value = |name: &str| reader.flow.any(one.get(name).unwrap_or(&Value::Null));
    Ok(match kind {
        "title" => json!({ "title": [{ "text": { "content": value("title") } }] }),
        "rich_text" => json!({ "rich_text": [{ "text": { "content": value("textContent") } }] }),
        "select" => json!({ "select": { "name": value("selectValue") } }),
        "status" => json!({ "status": { "name": value("statusValue") } }),
        "number" => json!({ "number": value("numberValue") }),
        "checkbox" => {
            let default = json!(false);
            let given = one.get("checkboxValue").unwrap_or(&default);
            json!({ "checkbox": reader.flow.any(given) })
        }
        "url" => json!({ "url": value("urlValue") }),
        "email" => json!({ "email": value("emailValue") }),
        "phone_number" => json!({ "phone_number": value("phoneValue") }),
        "date" if one.get("range") == Some(&json!(true)) => {
            json!({ "date": { "start": value("dateStart"), "end": value("dateEnd") } })
        }
        "date" => json!({ "date": { "start": value("date") } }),
        "multi_select" | "relation" | "people" => {
            let (path, field) = match kind {
                "multi_select" => ("multiSelectValue", "name"),
                "relation" => ("relationValue", "id"),
                _ => ("peopleValue", "id"),
            };
            json!({ kind: named(reader, one.get(path), field) })
        }
        other => return Err(format!("a property of the type `{other}`")),
    })
}

/// Names or ids, each as an object; a text has commas between them.
fn named(reader: &mut Reader<'_, '_, '_, '_>, given: Option<&Value>, field: &str) -> Value {
    match given {
        Some(Value::Array(list)) => {
            list.iter().map(|one| json!({ field: reader.flow.any(one) })).collect()
        }
        Some(given) => {
            let list = super::super::files::operand(Some(given));
            reader.computed(&format!(
                "(x => (Array.isArray(x) ? x : String(x ?? '').split(',')).map(n => \
                 ({{ {field}: String(n).trim() }})).filter(n => n.{field}))({list})"
            ))
        }
        None => json!([]),
    }
}

fn sorts(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let mut made = Vec::new();
    for one in reader.list("options.sort.sortValue") {
        let key = text(one.get("key"));
        let name = key.rsplit_once('|').map_or(key.as_str(), |(name, _)| name);
        let direction = match text(one.get("direction")).as_str() {
            "descending" => "descending",
            _ => "ascending",
        };
        let field =
            if one.get("timestamp") == Some(&json!(true)) { "timestamp" } else { "property" };
        made.push(json!({ field: name, "direction": direction }));
    }
    if made.is_empty() { Value::Null } else { made.into() }
}

fn filter(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    match reader.word("filterType").as_str() {
        "json" => {
            let given = reader.raw("filterJson");
            let made = reader.flow.json_text(given).ok();
            return made.ok_or_else(|| "a filter that is computed as a whole".to_owned());
        }
        "manual" => {}
        _ => return Ok(Value::Null),
    }
    let conditions: Result<Vec<Value>, String> =
        reader.list("filters.conditions").iter().map(|one| condition(reader, one)).collect();
    let conditions = conditions?;
    let how = if reader.word("matchType") == "allFilters" { "and" } else { "or" };
    Ok(if conditions.is_empty() { Value::Null } else { json!({ how: conditions }) })
}

fn condition(reader: &mut Reader<'_, '_, '_, '_>, one: &Value) -> Result<Value, String> {
    let key = text(one.get("key"));
    let (name, kind) = key.rsplit_once('|').ok_or("a filter whose property is not known")?;
    let how = text(one.get("condition"));
    let field = match kind {
        "title" => "titleValue",
        "rich_text" => "richTextValue",
        "select" => "selectValue",
        "multi_select" => "multiSelectValue",
        "status" => "statusValue",
        "number" => "numberValue",
        "checkbox" => "checkboxValue",
        "url" => "urlValue",
        "email" => "emailValue",
        "phone_number" => "phoneNumberValue",
        "date" | "created_time" | "last_edited_time" => "date",
        "relation" => "relationValue",
        other => return Err(format!("a filter by a property of the type `{other}`")),
    };
    let value = match how.as_str() {
        "is_empty" | "is_not_empty" => json!(true),
        "past_week" | "past_month" | "past_year" | "next_week" | "next_month" | "next_year" => {
            json!({})
        }
        "" => return Err("a filter without a condition".to_owned()),
        _ => match one.get(field) {
            Some(value) => reader.flow.any(value),
            None if kind == "checkbox" => json!(false),
            None => return Err(format!("a filter by `{name}` without a value")),
        },
    };
    Ok(json!({ "property": name, kind: { how: value } }))
}
