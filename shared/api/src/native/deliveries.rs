//! Webhook deliveries: the log of a run, and sending one again.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::deliveries::SeenDelivery;
use flowgate_app::delivery::{self, shown as shown_url};
use flowgate_app::time::Timestamp;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Caller;
use super::run_list::OfWorkflow;
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::page::{self, List, PageQuery, bad_query};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments, with_allowance};
use crate::http::time::Time;

/// One webhook of one run. Its headers are not shown: their values are the caller's secrets.
#[derive(Serialize, ToSchema)]
struct Delivery<'a> {
    /// Sent as `webhook-id`.
    #[schema(examples("whd_31b3e1c5eb93df724a2212a99e30727c"))]
    id: &'a str,
    run_id: &'a str,
    workflow_id: &'a str,
    /// `run.succeeded`, `run.failed`, `run.cancelled`, or `node` for a webhook node.
    event: &'a str,
    method: &'a str,
    /// With secrets as names. Null after a wipe, and for the webhooks of authors unless the key has
    /// the scope `trace`.
    #[schema(required)]
    url: Option<String>,
    /// The receiving host, with its port.
    receiver: &'a str,
    /// Since when nothing is sent to the receiver; null unless it failed for five days.
    #[schema(required)]
    receiver_disabled_at: Option<Time>,
    status: DeliveryStatus,
    created_at: Time,
    /// Null once it is delivered or exhausted.
    #[schema(required)]
    next_attempt_at: Option<Time>,
    /// All of them.
    attempts_made: u32,
    /// The last 40.
    attempts: Vec<Attempt<'a>>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryStatus {
    Pending,
    Delivered,
    /// Given up.
    Exhausted,
}

#[derive(Serialize, ToSchema)]
struct Attempt<'a> {
    at: Time,
    duration_ms: u64,
    /// Null where no response came.
    #[schema(required)]
    status: Option<u16>,
    /// Why it did not succeed. Null where `url` is.
    #[schema(required)]
    error: Option<&'a str>,
    /// The first 4 KiB of the response. Null where `url` is.
    #[schema(required)]
    answer: Option<&'a str>,
}

impl<'a> From<&'a SeenDelivery> for Delivery<'a> {
    fn from(seen: &'a SeenDelivery) -> Self {
        let (delivery, in_full) = (&seen.delivery, seen.in_full);
        let disabled_at = seen.failing.and_then(|failing| failing.disabled_at);
        Self {
            receiver: delivery.receiver.as_str(),
            receiver_disabled_at: disabled_at.map(Into::into),
            id: delivery.id.as_str(),
            run_id: delivery.run.as_str(),
            workflow_id: &delivery.workflow_id,
            event: &delivery.request.event,
            method: &delivery.request.method,
            // A wiped delivery has none left.
            url: Some(shown_url(&delivery.request.url)).filter(|url| in_full && !url.is_empty()),
            status: delivery.state.into(),
            created_at: delivery.created_at.into(),
            next_attempt_at: delivery.due_at.map(Into::into),
            attempts_made: delivery.attempts_made,
            attempts: delivery.attempts.iter().map(|it| Attempt::new(it, in_full)).collect(),
        }
    }
}

impl From<delivery::DeliveryState> for DeliveryStatus {
    fn from(state: delivery::DeliveryState) -> Self {
        match state {
            delivery::DeliveryState::Pending => Self::Pending,
            delivery::DeliveryState::Delivered => Self::Delivered,
            delivery::DeliveryState::Exhausted => Self::Exhausted,
        }
    }
}

impl<'a> Attempt<'a> {
    fn new(attempt: &'a delivery::Attempt, in_full: bool) -> Self {
        Self {
            at: attempt.at.into(),
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            error: attempt.error.as_deref().filter(|_| in_full),
            answer: in_full.then_some(&attempt.answer),
        }
    }
}

type DeliveryList<'a> = List<Delivery<'a>>;

/// List the deliveries of a run
///
/// All of them, on one page. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/deliveries",
    operation_id = "list_deliveries",
    tag = "Webhooks",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The deliveries.", body = DeliveryList),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let deliveries = app.list_deliveries(&caller, &run_id).await?;
    let list = DeliveryList::whole(deliveries.iter().map(Into::into).collect());
    Ok(Json(list).into_response())
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used; `all` reads the same")]
pub(super) struct DeliveriesQuery {
    status: Option<DeliveryStatus>,
}

/// List deliveries
///
/// Those of all workflows that the key reads, newest first: of 500 workflows at most, or of the one
/// that is named. A page may be short, even empty, and not be the last. On AWS it holds no
/// deliveries of releases before this route. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    operation_id = "find_deliveries",
    tag = "Webhooks",
    params(OfWorkflow, DeliveriesQuery, PageQuery),
    responses(
        (
            status = 200,
            description = "A page of deliveries. The header `Link` has the next page's URL.",
            body = DeliveryList,
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
    let state = query.get("status").map(state).transpose()?;
    let page = PageQuery::read(&query, &uri)?.into();
    let found = app.all_deliveries(&caller, query.get("workflow"), state, page).await?;
    Ok(page::response(&app, &uri, &query, &found, Delivery::from))
}

fn state(text: &str) -> flowgate_app::Result<delivery::DeliveryState> {
    match text {
        "pending" => Ok(delivery::DeliveryState::Pending),
        "delivered" => Ok(delivery::DeliveryState::Delivered),
        "exhausted" => Ok(delivery::DeliveryState::Exhausted),
        _ => Err(bad_query("status", "must be one of pending, delivered, exhausted")),
    }
}

/// Send a webhook again
///
/// The same bytes, from the start of the schedule. Counts against the key's rate as a start does.
/// Needs the scopes `run` and `read`.
#[utoipa::path(
    post,
    path = "/v1/deliveries/{delivery_id}/redeliver",
    operation_id = "redeliver",
    tag = "Webhooks",
    params(("delivery_id" = String, Path, description = "The delivery's id.")),
    responses(
        (status = 202, description = "The delivery, which is due again.", body = Delivery),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 410>,
        Refused<Problem, 429>,
    )
)]
pub(super) async fn redeliver(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let again = app.redeliver(&caller, &id).await?;
    let response = (StatusCode::ACCEPTED, Json(Delivery::from(&again.delivery))).into_response();
    Ok(with_allowance(response, again.allowance))
}

/// Which deliveries are sent again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
#[serde(deny_unknown_fields)]
pub(super) struct Recovery {
    /// Those of runs that were created at this time or later.
    since: Time,
    /// The `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// What was recovered of one page of runs.
#[derive(Serialize, ToSchema)]
struct Recovered {
    /// Receivers that failed; they are sent to again.
    enabled: Vec<String>,
    /// How many deliveries are due again.
    redelivered: usize,
    /// Recovers the rest; null if that was all.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Send again what was given up
///
/// Enables the receivers of the workflow's webhooks that were disabled, and sends its exhausted
/// deliveries again, a page of runs at a time. Counts against the key's rate as a start does.
/// Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/deliveries/recover",
    operation_id = "recover_deliveries",
    tag = "Webhooks",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    request_body = Recovery,
    responses(
        (status = 202, description = "What is due again.", body = Recovered),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 429>,
    )
)]
pub(super) async fn recover(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (since, cursor) = recovery(body::parse(&body::read(&headers, body).await?)?)?;
    let recovered = app.recover_deliveries(&caller, &workflow_id, since, cursor).await?;
    let flowgate_app::recover::Recovered { enabled, redelivered, next_cursor } = recovered;
    let recovered = Recovered { enabled, redelivered, next_cursor };
    Ok((StatusCode::ACCEPTED, Json(recovered)).into_response())
}

fn recovery(body: Value) -> flowgate_app::Result<(Timestamp, Option<String>)> {
    let mut fields = Fields::of_body(body)?;
    let text = fields.require("since", Fields::take_string);
    let since = text.as_deref().and_then(Timestamp::parse_rfc3339);
    if text.is_some() && since.is_none() {
        fields.problem("since", "must be a time such as 2026-01-31T08:15:00Z");
    }
    let cursor = fields.take_string("cursor");
    fields.finish()?;
    Ok((since.unwrap_or(Timestamp(0)), cursor))
}
