//! What the document says beside its routes: the server, how callers authenticate, the webhooks.

use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    InfoBuilder, License, OpenApi, PathsBuilder, Ref, RefOr, Required, ResponseBuilder,
    SecurityRequirement, Server,
};

use super::SERVER;
use crate::compat::gptbots::result::WorkflowResult;
use crate::native::run::Run;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const DESCRIPTION: &str = "\
Flowgate publishes AI workflows as HTTPS APIs. The native API is under `/v1`; callers of GPTBots, \
Sim, AI-Flow, OpenAI and A2A use the APIs that they know.\n\n\
Every response has `X-Request-Id`. A path answers 405 with `Allow` to a method that it does not \
take. Pages of other origins read answers as the lists of the operator and of the key allow \
(CORS). Responses to the starts of a key with limits have `X-RateLimit-Limit`, \
`X-RateLimit-Remaining` and `X-RateLimit-Reset`.";

pub(crate) fn describe(mut document: OpenApi) -> OpenApi {
    document.paths.paths.values_mut().flat_map(operations).for_each(narrow);
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    document.info = InfoBuilder::new()
        .title("Flowgate")
        .description(Some(DESCRIPTION))
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(license))
        .build();
    document.servers = Some(vec![Server::new(SERVER)]);
    document.webhooks = Some(
        PathsBuilder::new()
            .path("run-ended", run_ended())
            .path("webhook-node", webhook_node())
            .build(),
    );
    let either = ["bearer", "api_key", "token"];
    document.security =
        Some(either.map(|name| SecurityRequirement::new(name, [] as [&str; 0])).into());
    let schemes = &mut document.components.get_or_insert_default().security_schemes;
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("An API key, `fg_…`, or a short-lived token, `fgt_…`.".to_owned());
    schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer).into());
    let header =
        ApiKeyValue::with_description("X-API-Key", "The same key, in a header of its own.");
    schemes.insert("api_key".to_owned(), SecurityScheme::ApiKey(ApiKey::Header(header)).into());
    let query = ApiKeyValue::with_description(
        "token",
        "A short-lived token, in GET requests alone: `EventSource` sets no headers.",
    );
    schemes.insert("token".to_owned(), SecurityScheme::ApiKey(ApiKey::Query(query)).into());
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().filter_map(Option::as_mut)
}

/// An `Option` in Rust makes a body or a parameter optional. It does not make it `null`, which no
/// header can be and no body may be.
fn narrow(operation: &mut Operation) {
    for body in operation.request_body.iter_mut().filter_map(inline) {
        let contents = body.content.values_mut().filter_map(inline);
        contents.filter_map(|content| content.schema.as_mut()).for_each(without_null);
    }
    for parameter in operation.parameters.iter_mut().flatten().filter_map(inline) {
        let Some(schema) = &mut parameter.schema else { continue };
        without_null(schema);
        if let (IDEMPOTENCY_KEY, Some(Schema::Object(text))) = (&*parameter.name, inline(schema)) {
            text.min_length = Some(1);
            text.max_length = Some(255);
            text.pattern = Some("^[!-~]+$".to_owned());
        }
    }
}

/// What stands in its place. What is named is described where it is defined.
fn inline<T>(described: &mut RefOr<T>) -> Option<&mut T> {
    match described {
        RefOr::T(described) => Some(described),
        RefOr::Ref(_) => None,
    }
}

fn without_null(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::OneOf(choice)) => {
            choice.items.retain(|item| !is_null(item));
            if choice.items.len() == 1 {
                *schema = choice.items.remove(0);
            }
        }
        RefOr::T(Schema::Object(object)) => {
            if let SchemaType::Array(types) = &mut object.schema_type {
                types.retain(|of_type| *of_type != Type::Null);
                if let [only] = types.as_slice() {
                    object.schema_type = SchemaType::Type(only.clone());
                }
            }
        }
        _ => {}
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let null = SchemaType::Type(Type::Null);
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == null)
}

fn run_ended() -> PathItem {
    let outputs = ObjectBuilder::new().description(Some(
        "The outputs, flat; of a run that failed `{status, run_id, error}`, of one that was \
         cancelled `{status, run_id}`.",
    ));
    let body = AnyOfBuilder::new()
        .item(Ref::from_schema_name(Run::name()))
        .item(Ref::from_schema_name(WorkflowResult::name()))
        .item(outputs);
    webhook(
        "run_ended",
        "A run has ended",
        "Sent to the `webhooks` of a native start (with the `Run`), to the `webhook` of an \
         asynchronous GPTBots start (with the `gptbots.WorkflowResult`), to AI-Flow's \
         `global_webhook` and to the `webhook` of the document (with the outputs), and to push \
         notifications of A2A (with the `a2a.StreamResponse`). Where a caller \
         asked for `GET` or `DELETE`, there is no body; `workflowRunId`, `workflowId` and `status` \
         are in the query.",
        "`run.succeeded`, `run.failed` or `run.cancelled`.",
        body.into(),
    )
}

fn webhook_node() -> PathItem {
    let body = ObjectBuilder::new().description(Some("The `body` of the node.")).into();
    webhook(
        "webhook_node",
        "A `webhook` node has run",
        "Sent in the middle of a run, with the method, headers and body of the node.",
        "`node`",
        body,
    )
}

fn webhook(
    operation_id: &str,
    summary: &str,
    description: &str,
    event: &str,
    body: RefOr<Schema>,
) -> PathItem {
    let content = ContentBuilder::new().schema(Some(body)).build();
    let body = RequestBodyBuilder::new().content("application/json", content).build();
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id))
        .tag("Webhooks")
        .summary(Some(summary))
        .description(Some(description))
        .request_body(Some(body))
        .securities(Some([SecurityRequirement::default()]));
    let headers = [
        ("webhook-id", "The delivery, the same for every attempt.", true),
        ("webhook-timestamp", "Of this attempt, in seconds since 1970.", true),
        (
            "webhook-signature",
            "`v1,` and base64: HMAC-SHA256 over `id.timestamp.body`, as Standard Webhooks has it. \
             During a rotation two of them, with a space between.",
            true,
        ),
        ("flowgate-run-id", "The run.", true),
        ("flowgate-event", event, true),
        ("AI_FLOW_SIGNATURE", "The `signature` that was given, as it is.", false),
    ];
    for (name, description, required) in headers {
        operation = operation.parameter(header(name, description, required));
    }
    let response = |text: &str| ResponseBuilder::new().description(text).build();
    let later =
        HeaderBuilder::new().schema(Some(text())).description(Some("Seconds, or a date.")).build();
    let again = ResponseBuilder::new()
        .description("Anything else: sent again, ten times in all.")
        .header("Retry-After", later)
        .build();
    let operation = operation
        .response("2XX", response("Delivered."))
        .response("410", response("Given up."))
        .response("default", again);
    PathItem::new(HttpMethod::Post, operation)
}

fn header(name: &str, description: &str, required: bool) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .description(Some(description))
        .required(if required { Required::True } else { Required::False })
        .schema(Some(text()))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
