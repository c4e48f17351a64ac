//! What a key may still start: `GET /api/users/me/usage-limits`. Both SDKs ask before they run
//! anything.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::limit::{Allowance, KeyLimits};
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::sim::{Caller, ErrorBody, Refusal};
use crate::http::refused::Refused;
use crate::http::request::with_allowance;
use crate::http::time::Time;

/// The largest number that both SDKs still count with: for keys without limits, and for what is not
/// limited here.
pub(in crate::compat::sim) const UNLIMITED: u64 = 9_007_199_254_740_991;

/// What the key may still start.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::UsageLimits)]
pub(super) struct UsageLimits {
    success: bool,
    #[schema(inline)]
    rate_limit: RateLimit,
    #[schema(inline)]
    usage: Usage,
    #[schema(inline)]
    storage: Storage,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RateLimit {
    sync: Rate,
    r#async: Rate,
    #[schema(examples("api"))]
    auth_type: &'static str,
}

/// The TypeScript SDK reads `limit`, the Python one `requestsPerMinute` and `maxBurst`.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Rate)]
pub(in crate::compat::sim) struct Rate {
    is_limited: bool,
    limit: u64,
    requests_per_minute: u64,
    max_burst: u64,
    remaining: u64,
    reset_at: Time,
}

/// Cost is not limited here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Usage {
    current_period_cost: u64,
    limit: u64,
    plan: &'static str,
}

/// Storage is not limited here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Storage {
    used_bytes: u64,
    limit_bytes: u64,
    percent_used: u64,
}

/// Read the limits of the key
///
/// Any good key may.
#[utoipa::path(
    get,
    path = "/api/users/me/usage-limits",
    operation_id = "sim_usage_limits",
    tag = "Sim",
    responses(
        (status = 200, description = "The limits.", body = UsageLimits),
        Refused<ErrorBody, 401>,
        Refused<ErrorBody, 500>,
    )
)]
pub(super) async fn read(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Refusal> {
    let limits = app.allowance(&caller).await?;
    let allowance = limits.as_ref().map(|(_, left)| *left);
    let rate = rate_of(&app, limits);
    let usage = Json(UsageLimits {
        success: true,
        rate_limit: RateLimit { sync: rate, r#async: rate, auth_type: "api" },
        usage: Usage { current_period_cost: 0, limit: UNLIMITED, plan: "self-hosted" },
        storage: Storage { used_bytes: 0, limit_bytes: UNLIMITED, percent_used: 0 },
    });
    Ok(with_allowance(usage.into_response(), allowance))
}

pub(in crate::compat::sim) fn rate_of(app: &App, limits: Option<(KeyLimits, Allowance)>) -> Rate {
    match limits {
        Some((limits, left)) => Rate {
            is_limited: left.remaining == 0,
            limit: limits.rate.requests_per_minute.into(),
            requests_per_minute: limits.rate.requests_per_minute.into(),
            max_burst: limits.rate.burst.into(),
            remaining: left.remaining.into(),
            reset_at: left.reset_at.into(),
        },
        None => Rate {
            is_limited: false,
            limit: UNLIMITED,
            requests_per_minute: UNLIMITED,
            max_burst: UNLIMITED,
            remaining: UNLIMITED,
            reset_at: (app.now() + Duration::from_secs(60)).into(),
        },
    }
}
