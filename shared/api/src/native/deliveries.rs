//! Webhook deliveries: the log of a run, and sending one again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::deliveries::SeenDelivery;
use flowgate_app::delivery::{self, shown};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Caller;
use crate::http::page::List;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
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
    status: DeliveryStatus,
    created_at: Time,
    /// Null once it is delivered or exhausted.
    #[schema(required)]
    next_attempt_at: Option<Time>,
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
        Self {
            id: delivery.id.as_str(),
            run_id: delivery.run.as_str(),
            workflow_id: &delivery.workflow_id,
            event: &delivery.request.event,
            method: &delivery.request.method,
            // A wiped delivery has none left.
            url: Some(shown(&delivery.request.url)).filter(|url| in_full && !url.is_empty()),
            status: delivery.state.into(),
            created_at: delivery.created_at.into(),
            next_attempt_at: delivery.due_at.map(Into::into),
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

/// Send a webhook again
///
/// The same bytes, from the start of the schedule. Needs the scope `run`.
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
    )
)]
pub(super) async fn redeliver(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let delivery = app.redeliver(&caller, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(Delivery::from(&delivery))).into_response())
}
