//! Questions to people: `GET /v1/runs/{id}/questions`, `POST /v1/runs/{id}/resume`, and the page
//! behind the link of a question.

mod form;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::key::Scope;
use flowgate_app::runs::{Asked, PersonsAnswer, SeenQuestion};
use flowgate_app::{App, Error};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::Caller;
use super::keys::no_store;
use super::run::{self, Run};
use super::run_list::OfWorkflow;
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::html;
use crate::http::page::{self, List, PageQuery};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

/// A question that nobody has answered.
#[derive(Serialize, ToSchema)]
struct Question<'a> {
    /// The path of the node that asks: inside a loop, `each[2]/check`.
    node: &'a str,
    message: &'a str,
    /// What an answer may hold. Null: any object.
    #[schema(required)]
    fields: Option<Vec<QuestionField<'a>>>,
    asked_at: Time,
    expires_at: Time,
    /// A page where a person without a key answers this question. Left out for callers without the
    /// scope `run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    link: Option<&'a str>,
}

/// A field of an answer.
#[derive(Serialize, ToSchema)]
struct QuestionField<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: String,
    description: &'a str,
    /// What stands if the answer leaves the field out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    value: Option<&'a Value>,
    /// A JSON Schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    schema: Option<&'a Value>,
}

/// The questions of a run.
#[derive(Serialize, ToSchema)]
struct Questions<'a> {
    items: Vec<Question<'a>>,
}

impl<'a> From<&'a Asked> for Question<'a> {
    fn from(asked: &'a Asked) -> Self {
        let open = &asked.question.question;
        let field = |field: &'a flowgate_engine::call::AskedField| QuestionField {
            name: &field.name,
            kind: field.kind.name().to_owned(),
            description: &field.description,
            value: field.value.as_ref(),
            schema: field.schema.as_ref(),
        };
        let fields = open.question.fields.as_ref();
        Self {
            node: &open.node,
            message: &open.question.message,
            fields: fields.map(|fields| fields.iter().map(field).collect()),
            asked_at: open.asked_at.into(),
            expires_at: open.expires_at.into(),
            link: asked.link.as_deref(),
        }
    }
}

/// List the questions of a run
///
/// Those that nobody has answered, of a run that waits for people. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/questions",
    operation_id = "list_questions",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The questions.", body = Questions),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let asked = app.open_questions(&caller, &run_id).await?;
    let items = asked.iter().map(Question::from).collect();
    Ok(no_store(Json(Questions { items }).into_response()))
}

/// A question, and the run that asks it.
#[derive(Serialize, ToSchema)]
struct ListedQuestion<'a> {
    run_id: &'a str,
    workflow_id: &'a str,
    workflow_name: &'a str,
    #[serde(flatten)]
    #[schema(inline)]
    question: Question<'a>,
}

impl<'a> From<&'a SeenQuestion> for ListedQuestion<'a> {
    fn from(seen: &'a SeenQuestion) -> Self {
        Self {
            run_id: seen.run.as_str(),
            workflow_id: &seen.workflow_id,
            workflow_name: &seen.workflow_name,
            question: Question::from(&seen.asked),
        }
    }
}

type ListedQuestionList<'a> = List<ListedQuestion<'a>>;

/// List open questions
///
/// Those that nobody has answered, of runs of all workflows that the key reads, oldest first: of
/// 500 workflows at most, or of the one that is named. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/questions",
    operation_id = "find_questions",
    tag = "Runs",
    params(OfWorkflow, PageQuery),
    responses(
        (
            status = 200,
            description = "A page of questions. The header `Link` has the next page's URL.",
            body = ListedQuestionList,
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn all(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let page = PageQuery::read(&query, &uri)?.into();
    let found = app.all_questions(&caller, query.get("workflow"), page).await?;
    Ok(no_store(page::response(&app, &uri, &query, &found, ListedQuestion::from)))
}

/// An answer to a question of a run.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `read` has the same fields")]
struct NewAnswer {
    /// The node that asks. Required if the run asks several questions.
    node: Option<String>,
    approved: bool,
    /// The fields of the question; what is left out keeps its value.
    #[schema(required = false)]
    data: Map<String, Value>,
}

/// Answer a question of a run
///
/// The first answer counts. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/resume",
    operation_id = "resume_run",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    request_body = NewAnswer,
    responses(
        (status = 202, description = "The answer is stored; the run goes on.", body = Run),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    // Who may not answer learns nothing of what is wrong with the answer.
    app.run_for(&caller, Scope::Run, &run_id).await?;
    let (node, answer) = read(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let record = app.resume_run(&caller, &run_id, node.as_deref(), answer).await?;
    let mut response = run::response(&app, &caller, &record);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn read(body: Value) -> Result<(Option<String>, PersonsAnswer), Error> {
    let mut fields = Fields::of_body(body)?;
    let node = fields.take_string("node");
    let approved = fields.take("approved");
    let data = fields.take_object("data").map_or(Value::Null, Value::Object);
    let approved = approved.as_ref().and_then(Value::as_bool);
    if approved.is_none() {
        fields.problem("approved", "is required: true or false");
    }
    fields.finish()?;
    let approved = approved.unwrap_or(false);
    Ok((node, PersonsAnswer { approved, data, is_form: false }))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used; the handlers read the same")]
pub(super) struct LinkQuery {
    /// The signed part of the link.
    link: String,
}

/// Show a question
///
/// A plain page for a person, behind the link of the question. Needs no key.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/approval",
    operation_id = "show_question",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id."), LinkQuery),
    security(()),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = "4XX", description = "A page that says why: the link is not valid (404), or the \
            question is answered or the run over (409).", body = String,
            content_type = "text/html"),
        (status = "5XX", description = "A page: it may be tried again.", body = String,
            content_type = "text/html"),
    )
)]
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    query: QueryPairs,
) -> Response {
    match app.linked_question(&run_id, query.get("link").unwrap_or_default()).await {
        Ok((record, asked)) => html::response(StatusCode::OK, form::question(&record, &asked)),
        Err(error) => refused(error),
    }
}

/// Answer a question from its page
///
/// What the page's form sends: `approved`, and the fields by their names. Needs no key.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/approval",
    operation_id = "answer_question",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id."), LinkQuery),
    security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page that says so.", body = String,
            content_type = "text/html"),
        (status = "4XX", description = "A page that says why: a field is wrong (400), the link is \
            not valid (404), the question is answered or the run over (409), or the form is too \
            large (413) or compressed (415).", body = String, content_type = "text/html"),
        (status = "5XX", description = "A page: it may be tried again.", body = String,
            content_type = "text/html"),
    )
)]
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answered = async {
        let link = query.get("link").unwrap_or_default();
        let (_, asked) = app.linked_question(&run_id, link).await?;
        let answer = form::read_form(&asked, &body::read(&headers, body).await?)?;
        app.resume_by_link(&run_id, link, answer).await
    };
    match answered.await {
        Ok(_) => html::response(StatusCode::OK, html::message("Your answer is stored.")),
        Err(error) => refused(error),
    }
}

fn refused(error: Error) -> Response {
    let status = crate::http::status::status(&error);
    let text = match &error {
        Error::NotFound(_) => "This link is not valid.".to_owned(),
        error => format!("Not possible: {error}."),
    };
    let page = html::response(status, html::message(&text));
    crate::http::status::with_headers(error, page)
}
