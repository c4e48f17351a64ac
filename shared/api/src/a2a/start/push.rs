//! Push notifications: a configuration is a delivery that waits for its task's end.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::delivery::{Delivery, HeaderValue, WebhookBody, shown};
use flowgate_app::error::{Error, What};
use flowgate_app::id::RunId;
use flowgate_app::key::Scope;
use flowgate_app::pushes::{name_of, unnamed};
use flowgate_app::run::RunHead;
use flowgate_app::{App, access};
use flowgate_runner::Runner;
use flowgate_runner::start::WebhookRequest;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Exchange;
use super::rest::body_of;
use crate::a2a::params::Params;
use crate::a2a::refusal::{Refusal, RestError};
use crate::a2a::rest::{MEDIA_TYPE, json};
use crate::a2a::{Caller, entry, tasks};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

const AUTHORIZATION: &str = "Authorization";
const TOKEN: &str = "X-A2A-Notification-Token";
const MAX_NAME: usize = 128;

/// Who gets the end of a task.
#[derive(Debug)]
pub(super) struct Config {
    /// As the caller named it.
    name: Option<String>,
    pub(super) webhook: WebhookRequest,
}

impl Config {
    pub(super) fn read(mut config: Params, pointer: &str) -> Result<Self, Refusal> {
        let name = config.text("id")?;
        let is_name = |name: &String| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            name.len() <= MAX_NAME && name.bytes().all(plain)
        };
        if name.as_ref().is_some_and(|name| !is_name(name)) {
            let message =
                format!("`id` must have 1 to {MAX_NAME} letters, digits, `-`, `_`, `.` and `~`");
            return Err(Refusal::invalid_params(message));
        }
        let url = config.required("url")?;
        let mut headers = vec![("Content-Type".to_owned(), MEDIA_TYPE.to_owned())];
        if let Some(token) = config.text("token")? {
            headers.push((TOKEN.to_owned(), token));
        }
        if let Some(mut authentication) = config.object("authentication")? {
            let scheme = authentication.required("scheme")?;
            if let Some(credentials) = authentication.text("credentials")? {
                headers.push((AUTHORIZATION.to_owned(), format!("{scheme} {credentials}")));
            }
        }
        let method = "POST".to_owned();
        let (pointer, body) = (pointer.to_owned(), WebhookBody::A2aTask);
        Ok(Self { name, webhook: WebhookRequest { pointer, url, method, headers, body } })
    }
}

/// Who gets the end of a task. Token and credentials are not shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = a2a::TaskPushNotificationConfig)]
pub(super) struct PushConfig {
    id: String,
    task_id: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    authentication: Option<Authentication>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = a2a::AuthenticationInfo)]
struct Authentication {
    #[schema(examples("Bearer"))]
    scheme: String,
}

impl PushConfig {
    async fn of(app: &App, delivery: &Delivery) -> Result<Self, Error> {
        let request = &delivery.request;
        let header = request.headers.iter().find(|(name, _)| name == AUTHORIZATION);
        let authentication = match header {
            Some((_, HeaderValue::Sealed(sealed))) => {
                let value = app.unseal(sealed).await?;
                let scheme = value.split(' ').next().unwrap_or_default().to_owned();
                Some(Authentication { scheme })
            }
            _ => None,
        };
        Ok(Self {
            id: name_of(delivery).to_owned(),
            task_id: delivery.run.to_string(),
            url: shown(&request.url),
            authentication,
        })
    }
}

/// The configurations of a task.
#[derive(Serialize, ToSchema)]
#[schema(as = a2a::ListTaskPushNotificationConfigsResponse)]
pub(super) struct PushConfigs {
    configs: Vec<PushConfig>,
}

/// A task, and one of its configurations.
type Place<'a> = (&'a str, &'a str);

impl Exchange {
    /// `keeps`: one of the same name stays as it is.
    pub(super) async fn push(
        &self,
        head: &RunHead,
        config: Config,
        keeps: bool,
    ) -> Result<Delivery, Refusal> {
        let Config { name, webhook } = config;
        let name = name.unwrap_or_else(|| unnamed(&head.id, &webhook.url));
        Ok(self.runner.push_at_end(head, &name, webhook, keeps).await?)
    }

    pub(super) async fn create_config(
        &self,
        task: &str,
        config: Config,
    ) -> Result<PushConfig, Refusal> {
        let place = (self.agent.as_str(), task);
        let record = tasks::read(self.app(), &self.caller, Scope::Run, place).await?;
        self.runner.check_webhooks(std::slice::from_ref(&config.webhook)).await?;
        // Each leaves a row.
        self.app().count(&self.caller).await?;
        let delivery = self.push(&record.head, config, false).await?;
        Ok(PushConfig::of(self.app(), &delivery).await?)
    }

    pub(super) async fn configs(&self, task: &str) -> Result<PushConfigs, Refusal> {
        let mut configs = Vec::new();
        for delivery in self.waiting(Scope::Read, task).await? {
            configs.push(PushConfig::of(self.app(), &delivery).await?);
        }
        Ok(PushConfigs { configs })
    }

    pub(super) async fn config(&self, (task, name): Place<'_>) -> Result<PushConfig, Refusal> {
        let waiting = self.waiting(Scope::Read, task).await?;
        let found = waiting.iter().find(|delivery| name_of(delivery) == name);
        let found = found.ok_or(Error::NotFound(What::Delivery))?;
        Ok(PushConfig::of(self.app(), found).await?)
    }

    /// One that is not there counts as deleted.
    pub(super) async fn delete_config(&self, (task, name): Place<'_>) -> Result<(), Refusal> {
        let waiting = self.waiting(Scope::Run, task).await?;
        for delivery in waiting.iter().filter(|delivery| name_of(delivery) == name) {
            self.app().stop_push(delivery).await?;
        }
        Ok(())
    }

    async fn waiting(&self, scope: Scope, task: &str) -> Result<Vec<Delivery>, Refusal> {
        let (app, caller) = (self.app(), &self.caller);
        let record = app.run_of_workflow(caller, scope, &self.agent, task).await?;
        let run: &RunId = &record.head.id;
        Ok(app.pushes(run).await?)
    }
}

/// A configuration.
#[derive(ToSchema)]
#[schema(as = a2a::NewPushNotificationConfig)]
#[expect(dead_code, reason = "only its schema is used; `Config` reads the same fields")]
pub(super) struct NewConfig {
    /// Your own name for it. One of the same name that waits is replaced.
    #[schema(required = false, nullable = false)]
    id: Option<String>,
    url: String,
    /// Sent as `X-A2A-Notification-Token`.
    #[schema(required = false, nullable = false)]
    token: Option<String>,
    /// Sent as `Authorization`.
    #[schema(required = false, nullable = false)]
    authentication: Option<NewAuthentication>,
}

#[derive(ToSchema)]
#[schema(as = a2a::NewAuthenticationInfo)]
#[expect(dead_code, reason = "only its schema is used")]
struct NewAuthentication {
    scheme: String,
    #[schema(required = false, nullable = false)]
    credentials: Option<String>,
}

/// Create a push notification configuration
///
/// The URL gets the task (`a2a.StreamResponse`) once it has ended, as a webhook: signed, and
/// repeated until it is received. Up to five wait per task. Counts against the key's rate. Needs
/// the scope `run`.
#[utoipa::path(
    post,
    path = "/a2a/{workflow_id}/tasks/{task_id}/pushNotificationConfigs",
    operation_id = "a2a_create_push_config",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("task_id" = String, Path, description = "The run's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
    ),
    request_body = NewConfig,
    responses(
        (status = 200, description = "The configuration.", body = PushConfig,
            content_type = "application/a2a+json"),
        Denied<RestError>,
        Refused<RestError, 400>,
        Refused<RestError, 404>,
        Refused<RestError, 410>,
        Refused<RestError, 413>,
        Refused<RestError, 415>,
        Refused<RestError, 429>,
    )
)]
pub(super) async fn create(
    State(runner): State<Arc<Runner>>,
    Segments((agent, task)): Segments<(String, String)>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let exchange = asking(runner, &caller, agent, (headers, uri), Scope::Run).await?;
    let config = Config::read(body_of(&exchange.headers, body).await?, "")?;
    Ok(json(&exchange.create_config(&task, config).await?))
}

/// List push notification configurations
///
/// Those whose notification was not received yet. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/a2a/{workflow_id}/tasks/{task_id}/pushNotificationConfigs",
    operation_id = "a2a_list_push_configs",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("task_id" = String, Path, description = "The run's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
    ),
    responses(
        (status = 200, description = "The configurations.", body = PushConfigs,
            content_type = "application/a2a+json"),
        Denied<RestError>,
        Refused<RestError, 400>,
        Refused<RestError, 404>,
    )
)]
pub(super) async fn list(
    State(runner): State<Arc<Runner>>,
    Segments((agent, task)): Segments<(String, String)>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let exchange = asking(runner, &caller, agent, (headers, uri), Scope::Read).await?;
    Ok(json(&exchange.configs(&task).await?))
}

/// Read a push notification configuration
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/a2a/{workflow_id}/tasks/{task_id}/pushNotificationConfigs/{config_id}",
    operation_id = "a2a_get_push_config",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("task_id" = String, Path, description = "The run's id."),
        ("config_id" = String, Path, description = "The configuration's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
    ),
    responses(
        (status = 200, description = "The configuration.", body = PushConfig,
            content_type = "application/a2a+json"),
        Denied<RestError>,
        Refused<RestError, 400>,
        Refused<RestError, 404>,
    )
)]
pub(super) async fn get(
    State(runner): State<Arc<Runner>>,
    Segments((agent, task, name)): Segments<(String, String, String)>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let exchange = asking(runner, &caller, agent, (headers, uri), Scope::Read).await?;
    Ok(json(&exchange.config((&task, &name)).await?))
}

/// Delete a push notification configuration
///
/// One that is not there counts as deleted. Needs the scope `run`.
#[utoipa::path(
    delete,
    path = "/a2a/{workflow_id}/tasks/{task_id}/pushNotificationConfigs/{config_id}",
    operation_id = "a2a_delete_push_config",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("task_id" = String, Path, description = "The run's id."),
        ("config_id" = String, Path, description = "The configuration's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
    ),
    responses(
        (status = 200, description = "It is gone.", body = Object,
            content_type = "application/a2a+json"),
        Denied<RestError>,
        Refused<RestError, 400>,
        Refused<RestError, 404>,
    )
)]
pub(super) async fn delete(
    State(runner): State<Arc<Runner>>,
    Segments((agent, task, name)): Segments<(String, String, String)>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let exchange = asking(runner, &caller, agent, (headers, uri), Scope::Run).await?;
    exchange.delete_config((&task, &name)).await?;
    Ok(json(&json!({})))
}

/// A request of HTTP+JSON, once it was checked.
pub(super) async fn asking(
    runner: Arc<Runner>,
    caller: &access::Caller,
    agent: String,
    (headers, uri): (HeaderMap, Uri),
    scope: Scope,
) -> Result<Exchange, Refusal> {
    entry::check(&runner.app, caller, (&agent, &[scope]), (&headers, &uri)).await?;
    Ok(Exchange { runner, caller: caller.clone(), agent, headers, uri })
}
