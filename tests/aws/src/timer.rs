//! EventBridge: invokes a function periodically, never concurrently.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::pool::Pool;
use crate::queues::{ACCOUNT, REGION};

pub(crate) async fn tick(pool: Arc<Pool>, rule: String, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Ok(outcome) =
            pool.invoke(Bytes::from(scheduled_event(&rule).to_string()), every).await
        {
            let _ = outcome.collect().await;
        }
    }
}

pub(crate) fn scheduled_event(rule: &str) -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
        "detail": {},
    })
}
