//! Airtable, Supabase, HubSpot, NocoDB and Baserow.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::reader::Reader;
use super::table::{Vendor, bearer, header, none, plain, row};
use crate::json::{fields, filled, items, text};
use crate::text::Text;

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        kind: "airtable",
        login: bearer("airtableTokenApi"),
        special: airtable,
        rows: &[
            row(
                "record",
                "read",
                "airtable.get",
                "record+fields",
                "base=base|application table=table record_id=id",
            ),
            row(
                "record",
                "get",
                "airtable.get",
                "record+fields",
                "base=base|application table=table record_id=id",
            ),
            row(
                "record",
                "search",
                "airtable.search",
                "records[]+fields",
                "base=base|application table=table \
                 formula=filterByFormula|additionalOptions.filterByFormula \
                 view=options.view.value|options.view|additionalOptions.view \
                 fields=options.fields|additionalOptions.fields sort=#sort limit=#limit",
            ),
            row(
                "record",
                "create",
                "airtable.create",
                "records[0]+fields",
                "base=base|application table=table records=#records typecast=options.typecast",
            ),
            row(
                "record",
                "update",
                "airtable.update",
                "records[0]+fields",
                "base=base|application table=table records=#changed typecast=options.typecast",
            ),
            row(
                "record",
                "upsert",
                "airtable.upsert",
                "records[0]+fields",
                "base=base|application table=table merge_on=#key records=#records \
                 typecast=options.typecast",
            ),
            row(
                "record",
                "updateBy",
                "airtable.upsert",
                "records[0]+fields",
                "base=base|application table=table merge_on=#key records=#records \
                 typecast=options.typecast",
            )
            .note("a record that is not found is added"),
            row(
                "record",
                "deleteRecord",
                "airtable.delete",
                ".",
                "base=base|application table=table record_ids=#ids",
            ),
            row(
                "base",
                "getMany",
                "GET https://api.airtable.com/v0/meta/bases",
                "data.bases[]",
                "",
            ),
            row(
                "base",
                "getSchema",
                "GET https://api.airtable.com/v0/meta/bases/{base}/tables",
                "data.tables[]",
                "",
            ),
        ],
    },
    Vendor {
        kind: "supabase",
        login: None,
        special: supabase,
        rows: &[
            row(
                "row",
                "create",
                "supabase.insert",
                "rows[0]",
                "project='project table=tableId rows=#rows",
            )
            .note(PROJECT),
            row(
                "row",
                "get",
                "supabase.select",
                "rows[]",
                "project='project table=tableId filters=#filters",
            )
            .note(PROJECT),
            row(
                "row",
                "getAll",
                "supabase.select",
                "rows[]",
                "project='project table=tableId filters=#filters limit=#limit",
            )
            .note(PROJECT),
            row(
                "row",
                "update",
                "supabase.update",
                "rows[0]",
                "project='project table=tableId filters=#filters values=#row",
            )
            .note(PROJECT),
            row(
                "row",
                "delete",
                "supabase.delete",
                "rows[0]",
                "project='project table=tableId filters=#filters",
            )
            .note(PROJECT),
        ],
    },
    Vendor {
        kind: "hubspot",
        login: bearer("hubspotAppToken"),
        special: hubspot,
        rows: &[
            row(
                "contact",
                "upsert",
                "hubspot.upsert",
                "records[0]",
                "object='contacts records=#contact",
            ),
            row("contact", "get", "hubspot.get", ".", "object='contacts record_id=contactId"),
            row(
                "contact",
                "getAll",
                "hubspot.search",
                "records[]",
                "object='contacts limit=#limit",
            ),
            row(
                "contact",
                "search",
                "hubspot.search",
                "records[]",
                "object='contacts filter_groups=#groups limit=#limit",
            ),
            none("company", "create"),
            row("company", "get", "hubspot.get", ".", "object='companies record_id=companyId"),
            row(
                "company",
                "getAll",
                "hubspot.search",
                "records[]",
                "object='companies limit=#limit",
            ),
            none("deal", "create"),
            row("deal", "get", "hubspot.get", ".", "object='deals record_id=dealId"),
            row("deal", "getAll", "hubspot.search", "records[]", "object='deals limit=#limit"),
            row(
                "deal",
                "search",
                "hubspot.search",
                "records[]",
                "object='deals filter_groups=#groups limit=#limit",
            ),
            none("ticket", "create"),
            row("ticket", "get", "hubspot.get", ".", "object='tickets record_id=ticketId"),
            row("ticket", "getAll", "hubspot.search", "records[]", "object='tickets limit=#limit"),
        ],
    },
    Vendor {
        kind: "nocoDb",
        login: header("nocoDbApiToken", "xc-token"),
        special: nocodb,
        rows: &[
            row(
                "row",
                "get",
                "GET https://app.nocodb.com/api/v2/tables/{table}/records/{id}",
                "data",
                "",
            )
            .note(HOST),
            row(
                "row",
                "getAll",
                "GET https://app.nocodb.com/api/v2/tables/{table}/records",
                "data.list[]",
                "query.where=options.where query.fields=options.fields query.limit=#limit",
            )
            .note(HOST),
            row(
                "row",
                "create",
                "POST https://app.nocodb.com/api/v2/tables/{table}/records",
                "data",
                "body=#row",
            )
            .note(HOST),
            row(
                "row",
                "update",
                "PATCH https://app.nocodb.com/api/v2/tables/{table}/records",
                "data",
                "body=#row body.Id=id",
            )
            .note(HOST),
        ],
    },
    Vendor {
        kind: "baserow",
        login: Some(super::table::Login {
            credential: "baserowApi",
            place: "authorization",
            before: "Token ",
        }),
        special: plain,
        rows: &[
            row(
                "row",
                "getAll",
                "GET https://api.baserow.io/api/database/rows/table/{tableId}/",
                "data.results[]",
                "query.user_field_names='true query.size=#limit \
                 query.search=additionalOptions.search",
            )
            .note(HOST),
            row(
                "row",
                "get",
                "GET https://api.baserow.io/api/database/rows/table/{tableId}/{rowId}/",
                "data",
                "query.user_field_names='true",
            )
            .note(HOST),
            row(
                "row",
                "delete",
                "DELETE https://api.baserow.io/api/database/rows/table/{tableId}/{rowId}/",
                "",
                "",
            )
            .note(HOST),
        ],
    },
];

const PROJECT: &str = "`project` is to be filled in: the name before .supabase.co";
const HOST: &str = "the vendor's own server is taken: put yours in its address if it is another";

fn airtable(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "records" => Ok(json!([row_of(reader)])),
        "ids" => Ok(match reader.value("id") {
            Value::Null => Value::Null,
            id => json!([id]),
        }),
        "key" => Ok(key(reader).into()),
        "sort" => Ok(sort(reader)),
        _ => changed(reader),
    }
}

/// The fields of a record; the first version of the node names those of the item that it takes.
fn row_of(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let is_some = ["addAllFields", "updateAllFields"]
        .iter()
        .any(|name| reader.raw(name) == Some(&Value::Bool(false)));
    let names: Vec<String> = reader.list("fields").iter().map(|name| text(Some(name))).collect();
    if !is_some || names.is_empty() {
        return reader.columns("columns");
    }
    let mut own = Map::new();
    for name in names {
        let value = reader.computed(&format!("$json[{}]", crate::js::string(&name)));
        own.insert(name, value);
    }
    own.into()
}

fn key(reader: &mut Reader<'_, '_, '_, '_>) -> Vec<Value> {
    items(fields(reader.raw("columns")).get("matchingColumns")).to_vec()
}

fn sort(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let list = reader.list("sort.property");
    let made = list.iter().map(|one| {
        let direction = filled(one.get("direction")).unwrap_or("asc");
        json!({ "field": text(one.get("field")), "direction": direction })
    });
    let made: Vec<Value> = made.collect();
    if made.is_empty() { Value::Null } else { made.into() }
}

/// A record that is found by its id.
fn changed(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    let id = reader.value("id");
    let Value::Object(mut own) = row_of(reader) else {
        return Err("the whole item, whose fields are not known".to_owned());
    };
    let id = own.remove("id").unwrap_or(id);
    let id = if id.is_null() { "YOUR_RECORD_ID".into() } else { id };
    if id == "YOUR_RECORD_ID" {
        reader.flow.approximated("the file names no record: put yours in for `YOUR_RECORD_ID`");
    }
    Ok(json!([{ "id": id, "fields": own }]))
}

fn supabase(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "filters" => supabase_filters(reader),
        "rows" => Ok(json!([supabase_row(reader)])),
        _ => Ok(supabase_row(reader)),
    }
}

fn supabase_row(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let own = reader.pairs("fieldsUi.fieldValues", "fieldId", "fieldValue");
    if own.is_empty() { reader.flow.here.items.item.json() } else { own.into() }
}

fn supabase_filters(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    if reader.word("filterType") == "string" {
        return Err("filters as one text".to_owned());
    }
    let list = reader.list("filters.conditions");
    // n8n joins several conditions by `or` unless the file says otherwise.
    if list.len() > 1
        && reader.word("matchType") != "allFilters"
        && list.iter().any(|one| one.get("condition").is_some())
    {
        return Err("rows for which one of several conditions holds".to_owned());
    }
    let mut filters: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for one in list {
        let name = text(one.get("keyName"));
        if name.is_empty() && list.len() == 1 {
            return Ok(Value::Null);
        }
        if name.is_empty() || name.starts_with('=') {
            return Err("a condition whose column the file does not name".to_owned());
        }
        let how = filled(one.get("condition")).unwrap_or("eq").to_owned();
        let mut value = Text::literal(format!("{how}."));
        value.append(reader.flow.text(one.get("keyValue")));
        let value = reader.flow.draft.any(&value);
        filters.entry(name).or_default().push(value);
    }
    let filters = filters.into_iter().map(|(name, conditions)| match conditions.len() {
        1 => (name, conditions.into_iter().collect::<Vec<_>>().remove(0)),
        _ => (name, conditions.into()),
    });
    let filters: Map<String, Value> = filters.collect();
    Ok(if filters.is_empty() { Value::Null } else { filters.into() })
}

fn hubspot(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    if name == "groups" {
        return groups(reader);
    }
    let mut record = Map::new();
    for (name, value) in fields(reader.raw("additionalFields")) {
        if !value.is_object() && !value.is_array() {
            let value = reader.flow.any(value);
            record.insert(property(name), value);
        }
    }
    let own = reader.pairs(
        "additionalFields.customPropertiesUi.customPropertiesValues",
        "property",
        "value",
    );
    record.extend(
        own.into_iter()
            .map(|(name, value)| (name.rsplit('|').next().unwrap_or_default().to_owned(), value)),
    );
    let email = reader.value("email");
    record.insert("email".to_owned(), email);
    Ok(json!([record]))
}

/// What HubSpot calls a property that n8n has a name of its own for.
fn property(name: &str) -> String {
    match name {
        "companyName" => "company".to_owned(),
        "websiteUrl" => "website".to_owned(),
        "phoneNumber" => "phone".to_owned(),
        "mobilePhoneNumber" => "mobilephone".to_owned(),
        "streetAddress" => "address".to_owned(),
        "stateRegion" => "state".to_owned(),
        "postalCode" => "zip".to_owned(),
        "lifeCycleStage" => "lifecyclestage".to_owned(),
        "leadStatus" => "hs_lead_status".to_owned(),
        name => name.to_ascii_lowercase(),
    }
}

fn groups(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    let mut made = Vec::new();
    for group in reader.list("filterGroupsUi.filterGroupsValues") {
        let mut filters = Vec::new();
        for one in items(fields(group.get("filtersUi")).get("filterValues")) {
            let name = text(one.get("propertyName"));
            let name = name.split('|').next().unwrap_or_default().to_owned();
            let how = filled(one.get("operator")).unwrap_or("EQ").to_owned();
            let value = reader.flow.any(one.get("value").unwrap_or(&Value::Null));
            let mut own = json!({ "propertyName": name, "operator": how });
            if !value.is_null() {
                own["value"] = value;
            }
            filters.push(own);
        }
        made.push(json!({ "filters": filters }));
    }
    Ok(if made.is_empty() { Value::Null } else { made.into() })
}

fn nocodb(reader: &mut Reader<'_, '_, '_, '_>, _: &str) -> Result<Value, String> {
    let own = reader.pairs("fieldsUi.fieldValues", "fieldName", "fieldValue");
    match own.is_empty() {
        true if reader.word("dataToSend") != "autoMapInputData" => Ok(json!({})),
        true => Ok(reader.flow.here.items.item.json()),
        false => Ok(own.into()),
    }
}
