//! The webhooks that a caller asks for: how they are checked, and what is stored of them.

use flowgate_app::delivery::{HeaderValue, WebhookBody, WebhookTarget};
use flowgate_app::error::{Error, Result};
use flowgate_engine::call::Piece;

use crate::Runner;

pub const MAX_WEBHOOKS: usize = 5;
const MAX_WEBHOOK_HEADERS: usize = 50;
pub const WEBHOOK_METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A webhook requested by a caller. `pointer` is its JSON Pointer in the request's body.
#[derive(Debug, Clone)]
pub struct WebhookRequest {
    pub pointer: String,
    pub url: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    pub body: WebhookBody,
}

impl Runner {
    /// Checks a caller's webhooks: at most five, each with a permitted method, address and headers.
    pub async fn check_webhooks(&self, webhooks: &[WebhookRequest]) -> Result<()> {
        if webhooks.len() > MAX_WEBHOOKS {
            let pointer =
                webhooks[MAX_WEBHOOKS].pointer.rsplit_once('/').map_or("", |(list, _)| list);
            return Err(Error::bad_field(
                pointer,
                format!("has {} webhooks, at most {MAX_WEBHOOKS} are allowed", webhooks.len()),
            ));
        }
        for webhook in webhooks {
            self.check_webhook(webhook).await?;
        }
        Ok(())
    }

    async fn check_webhook(&self, webhook: &WebhookRequest) -> Result<()> {
        let at = |field: &str| format!("{}/{field}", webhook.pointer);
        if !WEBHOOK_METHODS.contains(&webhook.method.as_str()) {
            return Err(Error::bad_field(
                at("method"),
                format!("must be one of {}", WEBHOOK_METHODS.join(", ")),
            ));
        }
        if let Err(error) = self.outbound.check_resolved(&webhook.url).await {
            return Err(Error::bad_field(at("url"), error.to_string()));
        }
        if webhook.headers.len() > MAX_WEBHOOK_HEADERS {
            let message = format!(
                "has {} headers, at most {MAX_WEBHOOK_HEADERS} are allowed",
                webhook.headers.len()
            );
            return Err(Error::bad_field(at("headers"), message));
        }
        for (name, value) in &webhook.headers {
            if let Err(error) = flowgate_outbound::check_header(name, value) {
                return Err(Error::bad_field(at("headers"), error.to_string()));
            }
        }
        Ok(())
    }

    pub(crate) async fn webhook_target(&self, webhook: WebhookRequest) -> Result<WebhookTarget> {
        let mut headers = Vec::with_capacity(webhook.headers.len());
        for (name, value) in webhook.headers {
            headers.push((name, HeaderValue::Sealed(self.app.seal(&value).await?)));
        }
        Ok(WebhookTarget {
            url: vec![Piece::Value(webhook.url)],
            method: webhook.method,
            headers,
            body: webhook.body,
        })
    }
}
