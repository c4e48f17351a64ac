//! What a secret is made of: text, or what gets access tokens.

use flowgate_app::key::WorkflowScope;
use flowgate_app::login::{BodyForm, ClientAuth, ServiceAccount};
use flowgate_app::logins::{Client, NewLogin};
use flowgate_app::secret::SecretWorkflows;
use flowgate_app::secrets::{NewSecret, NewValue};
use flowgate_app::{Error, Result};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::keys::KeyWorkflows;
use super::super::keys::new_key::take_workflows;
use crate::http::fields::Fields;

/// The value of a secret: `value`, `oauth2` or `service_account`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body")]
pub(in super::super) struct SecretValue {
    #[schema(min_length = 1, max_length = 16_384)]
    value: Option<String>,
    /// A login that somebody made elsewhere. `{{NAME}}` is its access token, which is renewed.
    oauth2: Option<RefreshedClient>,
    /// A key that gets access tokens. `{{NAME}}` is the token.
    service_account: Option<AccountKey>,
    /// The hosts that it may be sent to: `api.example.com`, `localhost:8080`, `*.example.com`.
    /// Without them: the host that stands in the author's URL.
    hosts: Option<Vec<String>>,
    /// The workflows that may use it. Without it: versions that the operator or a key for all
    /// workflows has published.
    workflows: Option<KeyWorkflows<'static>>,
}

/// A client of a vendor, with the refresh token that it was given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body")]
pub(in super::super) struct RefreshedClient {
    /// A connector whose login is OAuth 2: gives the fields that are left out.
    connector: Option<String>,
    #[schema(format = "uri")]
    token_url: Option<String>,
    client_id: String,
    /// Public clients have none.
    client_secret: Option<String>,
    refresh_token: String,
    /// Sent with each renewal. Most vendors need none.
    scope: Option<String>,
    client: Option<ClientPlace>,
    body: Option<BodyShape>,
}

/// The key of a service account, as Google's console gives it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body")]
pub(in super::super) struct AccountKey {
    client_email: String,
    /// PKCS #8 as PEM.
    private_key: String,
    private_key_id: Option<String>,
    /// Google's own if left out.
    #[schema(format = "uri")]
    token_uri: Option<String>,
    /// With blanks between them.
    scope: String,
    /// The person for whom the account acts.
    subject: Option<String>,
}

/// Starts a login in a browser.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body")]
pub(in super::super) struct BrowserLogin {
    /// A connector whose login is OAuth 2: gives the fields that are left out.
    connector: Option<String>,
    #[schema(format = "uri")]
    authorize_url: Option<String>,
    #[schema(format = "uri")]
    token_url: Option<String>,
    client_id: String,
    /// Public clients have none.
    client_secret: Option<String>,
    /// What the person is asked for, with blanks between.
    scope: Option<String>,
    client: Option<ClientPlace>,
    body: Option<BodyShape>,
    /// Whether the vendor knows PKCE (RFC 7636). Left out: as the connector says; else it does.
    pkce: Option<bool>,
    /// As of a secret.
    hosts: Option<Vec<String>>,
    /// As of a secret.
    workflows: Option<KeyWorkflows<'static>>,
}

/// Where the client names itself to the token URL.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the body")]
pub(in super::super) enum ClientPlace {
    Body,
    Basic,
}

/// How a request to the token URL is written.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the body")]
pub(in super::super) enum BodyShape {
    Form,
    Json,
}

const GOOGLE_TOKENS: &str = "https://oauth2.googleapis.com/token";

pub(super) fn read(body: Value) -> Result<NewSecret> {
    let mut fields = Fields::of_body(body)?;
    let plain = fields.take_string("value").map(NewValue::Plain);
    let oauth2 = fields.take_object("oauth2").map(|object| {
        fields.within("oauth2", object, |fields| {
            let refresh_token = text(fields, "refresh_token");
            NewValue::Client { client: take_client(fields), refresh_token }
        })
    });
    let account = fields.take_object("service_account");
    let account = account.map(|object| fields.within("service_account", object, take_account));
    let (hosts, workflows) = take_rule(&mut fields);
    let mut given = [plain, oauth2, account].into_iter().flatten();
    let value = given.next();
    if value.is_none() || given.next().is_some() {
        fields.problem("value", "is required, or one of `oauth2` and `service_account`");
    }
    fields.finish()?;
    let value = value.ok_or_else(|| Error::bad_field("/value", "is required"))?;
    Ok(NewSecret { value, hosts, workflows })
}

pub(super) fn read_login(body: Value) -> Result<NewLogin> {
    let mut fields = Fields::of_body(body)?;
    let authorize_url = fields.take_string("authorize_url");
    let pkce = fields.take_bool("pkce");
    let client = Client { authorize_url, pkce, ..take_client(&mut fields) };
    let (hosts, workflows) = take_rule(&mut fields);
    fields.finish()?;
    Ok(NewLogin { client, hosts, workflows })
}

fn take_client(fields: &mut Fields) -> Client {
    Client {
        connector: fields.take_string("connector"),
        token_url: fields.take_string("token_url"),
        client_id: text(fields, "client_id"),
        client_secret: fields.take_string("client_secret"),
        scope: fields.take_string("scope"),
        client: one_of(
            fields,
            "client",
            &[("body", ClientAuth::Body), ("basic", ClientAuth::Basic)],
        ),
        body: one_of(fields, "body", &[("form", BodyForm::Form), ("json", BodyForm::Json)]),
        ..Client::default()
    }
}

fn take_account(fields: &mut Fields) -> NewValue {
    // What else stands in the file that Google gives.
    for known in ["type", "project_id", "client_id", "auth_uri", "universe_domain"] {
        fields.take(known);
    }
    for known in ["auth_provider_x509_cert_url", "client_x509_cert_url"] {
        fields.take(known);
    }
    NewValue::ServiceAccount(ServiceAccount {
        token_url: fields.take_string("token_uri").unwrap_or_else(|| GOOGLE_TOKENS.to_owned()),
        client_email: text(fields, "client_email"),
        private_key: text(fields, "private_key"),
        private_key_id: fields.take_string("private_key_id"),
        scope: text(fields, "scope"),
        subject: fields.take_string("subject"),
    })
}

fn text(fields: &mut Fields, key: &str) -> String {
    fields.require(key, Fields::take_string).unwrap_or_default()
}

fn one_of<T: Copy>(fields: &mut Fields, key: &str, known: &[(&str, T)]) -> Option<T> {
    let given = fields.take_string(key)?;
    let found = known.iter().find(|(name, _)| *name == given);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        fields.problem(key, format!("must be one of {}", names.join(", ")));
    }
    found.map(|(_, value)| *value)
}

fn take_rule(fields: &mut Fields) -> (Vec<String>, SecretWorkflows) {
    let hosts = fields.take_list("hosts").unwrap_or_default();
    let hosts = text_items(fields, "hosts", hosts);
    let workflows = match take_workflows(fields, "workflows") {
        None => SecretWorkflows::OfPlatform,
        Some(WorkflowScope::All) => SecretWorkflows::All,
        Some(WorkflowScope::Only(ids)) => SecretWorkflows::Only(ids),
    };
    (hosts, workflows)
}

fn text_items(fields: &mut Fields, key: &str, items: Vec<Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Value::String(text) => found.push(text),
            _ => fields.item_problem(key, index, "must be a string"),
        }
    }
    found
}
