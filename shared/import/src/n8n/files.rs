//! Documents, files, pages, dates and digests.

use serde_json::{Map, Value, json};

use super::flow::{Flow, Out};
use super::items::{Item, Items};
use super::kinds;
use crate::draft::Node;
use crate::js;
use crate::json::{fields, filled, is_true, items, text};

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    match flow.current().kind.as_str() {
        "html" | "htmlExtract" => html(flow),
        "markdown" => markdown(flow),
        "dateTime" => date(flow),
        "crypto" => crypto(flow),
        "extractFromFile" | "readPDF" => extract(flow),
        "convertToFile" => kinds::unsupported(flow, "files are not written by a node"),
        "renameKeys" => rename(flow),
        _ => kinds::unsupported(flow, "spreadsheets and bytes are not written by a node"),
    }
}

/// The item, and a field beside its own.
fn beside(flow: &mut Flow<'_, '_, '_>, field: &str, value: &str) -> Vec<Out> {
    let item = flow.here.items.item.clone();
    let id = flow.draft.ids.fresh(&format!("{}_item", flow.here.id));
    let own = json!({ field: format!("<{value}>") });
    let is_empty = matches!(&item, Item::Fields(fields) if fields.is_empty()) || item == Item::Null;
    let node = Node::new(id.clone(), "json");
    let node = if is_empty {
        node.with("value", own)
    } else {
        node.with("merge", json!([item.json(), own]))
    };
    let after = flow.after_own();
    flow.place(node, flow.here.inside, &after);
    let after = vec![(id.clone(), crate::draft::Branch::Success)];
    vec![Out { items: Items::one(Item::of(&id, "value")), after }]
}

fn html(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let parameters = step.parameters;
    let is_extract = step.kind == "htmlExtract";
    let operation = text(parameters.get("operation"));
    match operation.as_str() {
        "extractHtmlContent" => {}
        _ if is_extract => {}
        "convertToHtmlTable" => {
            return kinds::unsupported(flow, "a table of HTML is made of all items");
        }
        _ => {
            let page = flow.written(parameters.get("html"));
            let id = flow.here.id.clone();
            flow.add_named(Node::new(id.clone(), "template").with("template", page));
            return vec![flow.out(Items::one(Item::fields([("html", Item::of(&id, "content"))])))];
        }
    }
    let field = filled(parameters.get("dataPropertyName")).unwrap_or("data");
    let path: Vec<_> =
        field.split('.').map(|name| super::expression::Step::Field(name.to_owned())).collect();
    let source = flow.here.items.item.at(&path);
    let mut select = Map::new();
    for one in items(fields(parameters.get("extractionValues")).get("values")) {
        let name = text(one.get("key"));
        let selector = text(one.get("cssSelector"));
        if selector.starts_with('=') || selector.trim().is_empty() {
            flow.unsupported("a computed selector");
            continue;
        }
        let mut own = Map::from_iter([("selector".to_owned(), Value::String(selector))]);
        match text(one.get("returnValue")).as_str() {
            "attribute" => {
                own.insert("attribute".to_owned(), text(one.get("attribute")).into());
            }
            "html" => {
                own.insert("html".to_owned(), true.into());
            }
            "value" => {
                own.insert("attribute".to_owned(), "value".into());
            }
            _ => {}
        }
        if is_true(one.get("returnArray")) {
            own.insert("all".to_owned(), true.into());
        }
        select.insert(name, own.into());
    }
    if select.is_empty() {
        return kinds::unsupported(flow, "nothing is taken out of the page");
    }
    let html = flow.draft.text(&source.text());
    let id = flow.here.id.clone();
    flow.add_named(Node::new(id.clone(), "html").with("html", html).with("select", select));
    vec![flow.out(Items::one(Item::of(&id, "data")))]
}

fn markdown(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    if text(parameters.get("mode")) == "markdownToHtml" {
        return kinds::unsupported(flow, "Markdown is not made HTML by a node");
    }
    let html = flow.written(parameters.get("html"));
    let id = flow.here.id.clone();
    flow.add_named(Node::new(id.clone(), "html").with("html", html).with("as", "markdown"));
    let field = filled(parameters.get("destinationKey")).unwrap_or("data").to_owned();
    beside(flow, &field, &format!("{id}.text"))
}

/// Adds a function that gives one field beside the item's own.
fn computed(flow: &mut Flow<'_, '_, '_>, field: &str, code: &str) -> Vec<Out> {
    let value = flow.text(Some(&Value::String(format!("={{{{ ({code}) }}}}"))));
    let id = flow.here.id.clone();
    let own = json!({ field: flow.draft.any(&value) });
    let item = flow.here.items.item.json();
    flow.add_named(Node::new(id.clone(), "json").with("merge", json!([item, own])));
    vec![flow.out(Items::one(Item::of(&id, "value")))]
}

pub(super) fn operand(value: Option<&Value>) -> String {
    let Some(Value::String(parameter)) = value else {
        return value.cloned().unwrap_or_default().to_string();
    };
    let pieces = super::expression::split(parameter);
    let pieces = pieces.iter().map(|piece| match piece {
        super::expression::Part::Text(text) => js::string(text),
        super::expression::Part::Code(code) => format!("({code})"),
    });
    let pieces: Vec<String> = pieces.collect();
    if pieces.is_empty() { "''".to_owned() } else { pieces.join(" + ") }
}

fn date(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let older = flow.current().version < 2.0;
    let action = match older {
        true if text(parameters.get("action")) == "calculate" => "addToDate".to_owned(),
        true => "formatDate".to_owned(),
        false => filled(parameters.get("operation")).unwrap_or("getCurrentDate").to_owned(),
    };
    let given = ["date", "value", "magnitude"].iter().find_map(|name| parameters.get(*name));
    let date = format!("DateTime.of({})", operand(given));
    let field =
        filled(parameters.get("outputFieldName")).or(filled(parameters.get("dataPropertyName")));
    let duration = operand(parameters.get("duration"));
    let unit = filled(parameters.get("timeUnit")).unwrap_or("days");
    let unit = js::string(unit);
    let sign = if text(parameters.get("operation")) == "subtract" { "minus" } else { "plus" };
    let (default, code) = match action.as_str() {
        "getCurrentDate" => ("currentDate", "$now.toISO()".to_owned()),
        "addToDate" => ("newDate", format!("{date}.{sign}(Number({duration}), {unit}).toISO()")),
        "subtractFromDate" => {
            ("newDate", format!("{date}.minus(Number({duration}), {unit}).toISO()"))
        }
        "formatDate" => {
            let format = match filled(parameters.get("format")) {
                Some("custom") => parameters.get("customFormat"),
                _ => parameters.get("format").or(parameters.get("toFormat")),
            };
            let format = if format.is_some() { operand(format) } else { "'MM/dd/yyyy'".to_owned() };
            let tokens = "replace(/Y/g, 'y').replace(/D/g, 'd')";
            ("formattedDate", format!("{date}.toFormat(String({format}).{tokens})"))
        }
        "getTimeBetweenDates" => {
            let (from, to) =
                (operand(parameters.get("startDate")), operand(parameters.get("endDate")));
            let units = parameters.get("units").and_then(|units| units.get(0));
            let unit = js::string(filled(units).unwrap_or("days"));
            (
                "timeDifference",
                format!("DateTime.of({to}).diff(DateTime.of({from}), {unit}).toObject()"),
            )
        }
        "roundDate" => {
            let to = js::string(filled(parameters.get("toNearest")).unwrap_or("month"));
            ("roundedDate", format!("{date}.startOf({to}).toISO()"))
        }
        _ => {
            let part = js::string(filled(parameters.get("part")).unwrap_or("month"));
            ("datePart", format!("{date}.extract({part})"))
        }
    };
    flow.approximated("dates are in UTC");
    let field = field.unwrap_or(if older { "data" } else { default }).to_owned();
    computed(flow, &field, &code)
}

fn crypto(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let id = flow.here.id.clone();
    let field = filled(parameters.get("dataPropertyName")).unwrap_or("data").to_owned();
    let algorithm = match filled(parameters.get("type")).unwrap_or("MD5") {
        "SHA256" => "sha256",
        "SHA512" => "sha512",
        "SHA1" => "sha1",
        "MD5" => "md5",
        _ => return kinds::unsupported(flow, "the algorithm of the digest"),
    };
    match text(parameters.get("action")).as_str() {
        "" | "hash" => {
            let value = flow.written(parameters.get("value"));
            let encoding =
                if text(parameters.get("encoding")) == "base64" { "base64" } else { "hex" };
            let node = Node::new(id.clone(), "hash").with("text", value);
            flow.add_named(node.with("algorithm", algorithm).with("encoding", encoding));
            beside(flow, &field, &format!("{id}.digest"))
        }
        "generate" => {
            flow.add_named(Node::new(id.clone(), "random").with("uuid", true));
            beside(flow, &field, &format!("{id}.value"))
        }
        _ => kinds::unsupported(
            flow,
            "keys of an HMAC or a signature are secrets, which nodes cannot read",
        ),
    }
}

fn rename(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let mut pairs = Vec::new();
    for one in items(fields(parameters.get("keys")).get("key")) {
        pairs.push(json!([text(one.get("currentKey")), text(one.get("newKey"))]));
    }
    let names = Value::Array(pairs).to_string();
    let code = format!(
        "Object.fromEntries(Object.entries($json).map(([n, x]) => \
         [({names}.find(p => p[0] === n) ?? [n, n])[1], x]))"
    );
    let value = flow.text(Some(&Value::String(format!("={{{{ ({code}) }}}}"))));
    let value = flow.draft.any(&value);
    flow.add_named(Node::new(flow.here.id.clone(), "json").with("value", value));
    vec![flow.out(Items::one(Item::of(&flow.here.id, "value")))]
}

fn extract(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let operation = filled(step.parameters.get("operation")).unwrap_or(match step.kind.as_str() {
        "readPDF" => "pdf",
        _ => "csv",
    });
    let operation = operation.to_owned();
    if !matches!(operation.as_str(), "pdf" | "text" | "html" | "csv" | "xlsx" | "xml" | "fromJson")
    {
        return kinds::unsupported(flow, &format!("`{operation}` of a file"));
    }
    let Some(file) = flow.file() else {
        return kinds::unsupported(flow, "no file of a node before is known");
    };
    let id = flow.here.id.clone();
    let node = Node::new(id.clone(), "document").with("file", file);
    let field = filled(step.parameters.get("destinationKey")).unwrap_or("data").to_owned();
    let (node, items) = match operation.as_str() {
        "csv" | "xlsx" => {
            (node.with("as", "rows"), Items::many(Item::of(&id, "rows")).from(flow.here.at))
        }
        "pdf" => (node, Items::one(Item::fields([("text", Item::of(&id, "text"))]))),
        "fromJson" => {
            flow.add_named(node);
            let parsed = flow.draft.ids.fresh(&format!("{id}_json"));
            let after = flow.after_own();
            let node = Node::new(parsed.clone(), "json").with("parse", format!("<{id}.text>"));
            flow.place(node, flow.here.inside, &after);
            let item = Item::fields([(field.as_str(), Item::of(&parsed, "value"))]);
            return vec![Out {
                items: Items::one(item),
                after: vec![(parsed, crate::draft::Branch::Success)],
            }];
        }
        _ => (node, Items::one(Item::fields([(field.as_str(), Item::of(&id, "text"))]))),
    };
    flow.add_named(node);
    vec![flow.out(items)]
}
