//! `limits`, which every answer under `/api/v1` has: what the key may still start.

use flowgate_app::limit::Allowance;
use flowgate_app::{App, Result};
use serde::Serialize;
use utoipa::ToSchema;

use super::read::{Rate, UNLIMITED, rate_of};
use crate::compat::sim::Caller;

/// What the key may still start.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v1::Limits)]
pub(super) struct Limits {
    #[schema(inline)]
    workflow_execution_rate_limit: ExecutionRates,
    #[schema(inline)]
    usage: Usage,
}

#[derive(Serialize, ToSchema)]
struct ExecutionRates {
    sync: Rate,
    r#async: Rate,
}

/// Cost is not limited here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Usage {
    current_period_cost: u64,
    limit: u64,
    plan: &'static str,
    is_exceeded: bool,
}

/// The limits, and what the headers of the answer say of them.
pub(super) async fn limits(app: &App, caller: &Caller) -> Result<(Limits, Option<Allowance>)> {
    let found = app.allowance(caller).await?;
    let allowance = found.as_ref().map(|(_, left)| *left);
    let rate = rate_of(app, found);
    let limits = Limits {
        workflow_execution_rate_limit: ExecutionRates { sync: rate, r#async: rate },
        usage: Usage {
            current_period_cost: 0,
            limit: UNLIMITED,
            plan: "self-hosted",
            is_exceeded: false,
        },
    };
    Ok((limits, allowance))
}
