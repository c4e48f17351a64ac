//! The kinds of nodes, from the tables that the compiler reads, too.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_engine::KindSpec;
use flowgate_engine::connector::{self, Connector};
use flowgate_engine::field::{Bound, FieldSpec, Required, Secrets};
use flowgate_engine::input::InputType;
use flowgate_engine::kind::{NODE_FIELDS, OutputFields};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Caller;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::Denied;

/// What a document may hold.
#[derive(Serialize, ToSchema)]
struct Kinds<'a> {
    kinds: Vec<Kind<'a>>,
    /// The connectors whose operations are among the kinds.
    connectors: Vec<ShippedConnector<'a>>,
    /// What every node may have. A kind's own field of the same name stands instead.
    node_fields: Vec<Field<'a>>,
    /// The types of fields of the section `input`.
    input_types: &'static [&'static str],
}

/// A vendor whose operations are kinds of nodes.
#[derive(Serialize, ToSchema)]
struct ShippedConnector<'a> {
    #[schema(examples("slack"))]
    name: &'a str,
    summary: &'a str,
    /// The vendor's documentation.
    #[schema(format = "uri")]
    docs: &'a str,
    /// The secret that its nodes use where they name none.
    #[schema(examples("SLACK_TOKEN"))]
    secret: String,
    /// Whether somebody can log in with a browser.
    has_login: bool,
    /// What a login asks for.
    scopes: &'a [String],
}

/// A kind of node.
#[derive(Serialize, ToSchema)]
struct Kind<'a> {
    /// What stands as `type`.
    #[schema(examples("agent"))]
    name: &'a str,
    summary: &'a str,
    /// Markdown.
    details: &'a str,
    /// What kind of work it does: `gate`, `model`, `call`, `flow`, `data` or `people`.
    group: &'static str,
    /// `step`, `container`, `output` or `remark`.
    role: &'static str,
    /// It calls out, and takes `retry`, `timeout` and `at_most_once`.
    calls: bool,
    /// The connector whose operation it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<&'a str>,
    /// What the operation does to the vendor's data: `read`, `write` or `delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    /// A node, in YAML.
    example: &'a str,
    fields: Vec<Field<'a>>,
    /// The output fields of a node with no more than its required fields; null where the author
    /// names them.
    #[schema(required)]
    outputs: Option<Vec<String>>,
}

/// A field of a node, or of an object inside one.
#[derive(Serialize, ToSchema)]
struct Field<'a> {
    name: &'a str,
    /// What it holds. With references: `any` JSON, `text`, `texts` (by name), `text_list`,
    /// `object`, `list`, `code`, `each` (a list), `count`, `number_ref`, `integer_ref`,
    /// `items_ref`. Without: `words`, `boolean`, `number`, `integer`, `duration`, `one_of`,
    /// `method`, `statuses`, `json_schema`, `id`, `kind`, `after`, `on_error`, `nodes`. With
    /// `fields`: `fields` (an object), `items` (a list of them). `nothing`: known, and refused, as
    /// `help` says.
    #[schema(examples("text"))]
    r#type: &'static str,
    /// Markdown, in one line.
    help: &'a str,
    /// In words or as a value; null where it needs no mention.
    #[schema(required)]
    default: Option<&'a str>,
    required: bool,
    /// Exactly one of these fields.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    one_of_fields: Option<&'static [&'static str]>,
    /// At least one of these fields.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    any_of_fields: Option<&'static [&'static str]>,
    /// One of these fields, or none.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most_one_of_fields: Option<&'static [&'static str]>,
    /// It may hold `{{NAME}}`.
    secrets: bool,
    /// What it may be.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'static [&'static str]>,
    /// The least number or duration.
    #[schema(nullable = false, value_type = Option<Limit>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Value>,
    /// The greatest number or duration.
    #[schema(nullable = false, value_type = Option<Limit>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Value>,
    /// Of the object, or of each object of the list.
    #[schema(nullable = false, no_recursion)]
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field<'a>>>,
}

/// A number, or a duration such as `90s`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Limit {
    Number(f64),
    Duration(String),
}

/// List the kinds of nodes
///
/// With their fields, as this release knows them. Any good key may ask.
#[utoipa::path(
    get,
    path = "/v1/kinds",
    operation_id = "list_kinds",
    tag = "Workflows",
    responses(
        (status = 200, description = "The kinds, in the order of the guide.", body = Kinds),
        Denied<Problem>,
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>, _: Caller) -> Result<Response, Refusal> {
    let kinds = Kinds {
        kinds: app.kinds_of_nodes().map(Kind::of).collect(),
        connectors: connector::shipped().map(ShippedConnector::of).collect(),
        node_fields: NODE_FIELDS.iter().map(Field::of).collect(),
        input_types: &InputType::NAMES,
    };
    Ok(Json(kinds).into_response())
}

impl<'a> ShippedConnector<'a> {
    fn of(connector: &'a Connector) -> Self {
        let login = connector.oauth2();
        Self {
            name: &connector.name,
            summary: &connector.summary,
            docs: &connector.docs,
            secret: connector.default_login(),
            has_login: login.is_some_and(|login| !login.authorize_url.is_empty()),
            scopes: login.map_or(&[], |login| &login.scopes),
        }
    }
}

impl<'a> Kind<'a> {
    fn of(spec: &'a KindSpec) -> Self {
        let outputs = match spec.outputs_of(&Map::new()) {
            OutputFields::Any => None,
            OutputFields::Only(fields) => {
                Some(fields.into_iter().map(|field| field.name.into_owned()).collect())
            }
        };
        Self {
            name: &spec.name,
            summary: &spec.summary,
            details: &spec.details,
            group: spec.group.name(),
            role: spec.role.name(),
            calls: spec.call.is_some(),
            connector: spec.operation.as_ref().map(|operation| &*operation.connector),
            effect: spec.operation.as_ref().map(|operation| operation.effect.name()),
            example: &spec.example,
            fields: spec.fields.iter().map(Field::of).collect(),
            outputs,
        }
    }
}

impl<'a> Field<'a> {
    fn of(spec: &'a FieldSpec) -> Self {
        let (min, max) = spec.field_type.bounds().unzip();
        let mut field = Self {
            name: &spec.name,
            r#type: spec.field_type.name(),
            help: &spec.help,
            default: Some(&*spec.default).filter(|default| !default.is_empty()),
            required: spec.required == Required::Yes,
            one_of_fields: None,
            any_of_fields: None,
            at_most_one_of_fields: None,
            secrets: spec.secrets == Secrets::Allowed,
            values: spec.field_type.values(),
            min: min.map(limit),
            max: max.map(limit),
            fields: spec.field_type.fields().map(|fields| fields.iter().map(Field::of).collect()),
        };
        match spec.required {
            Required::No | Required::Yes => {}
            Required::AnyOf(names) => field.any_of_fields = Some(names),
            Required::OneOf(names) => field.one_of_fields = Some(names),
            Required::AtMostOneOf(names) => field.at_most_one_of_fields = Some(names),
        }
        field
    }
}

fn limit(bound: Bound) -> Value {
    match bound {
        Bound::Integer(number) => number.into(),
        Bound::Number(number) => number.into(),
        Bound::Duration(duration) => duration.into(),
    }
}
