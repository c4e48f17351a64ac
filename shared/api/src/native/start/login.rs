//! Where a vendor's page sends a browser back to: `GET /v1/oauth/callback`. It is here because the
//! vendor is asked for the tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flowgate_runner::Runner;
use flowgate_runner::login::{Brought, Ended};
use http::StatusCode;
use utoipa::IntoParams;

use crate::http::request::QueryPairs;
use crate::http::{html, status};

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query")]
pub(super) struct CallbackQuery {
    /// What the login began with; it can be used once, for ten minutes.
    state: String,
    /// Gets the tokens.
    code: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// End a login
///
/// A vendor's page sends the browser here, with more parameters than these. Needs no key.
#[utoipa::path(
    get,
    path = "/v1/oauth/callback",
    operation_id = "end_login",
    tag = "Secrets",
    params(CallbackQuery),
    security(()),
    responses(
        (status = 200, description = "A page that says so.", body = String,
            content_type = "text/html"),
        (status = 400, description = "A page that says why not.", body = String,
            content_type = "text/html"),
        (status = 409, description = "The secret has changed since the login began: a page.",
            body = String, content_type = "text/html"),
        (status = 404, description = "No such login has begun, or it has ended: a page.",
            body = String, content_type = "text/html"),
    )
)]
pub(super) async fn callback(State(runner): State<Arc<Runner>>, query: QueryPairs) -> Response {
    let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let brought = match (given("code"), given("error")) {
        (Some(code), None) => Brought::Code(code),
        (_, error) => Brought::Nothing(error.unwrap_or("no code")),
    };
    match runner.end_login(given("state").unwrap_or_default(), brought).await {
        Ok(ended) => page(&ended),
        Err(error) => {
            let code = status::status(&error);
            let page = html::response(code, html::message(&format!("Not possible: {error}.")));
            status::with_headers(error, page)
        }
    }
}

fn page(ended: &Ended) -> Response {
    let (status, text) = match ended {
        Ended::LoggedIn(name) => {
            (StatusCode::OK, format!("You are logged in: {name} is stored. Close this window."))
        }
        Ended::Unknown => (
            StatusCode::NOT_FOUND,
            "This login is not known: it was used before, or took too long. Begin it again."
                .to_owned(),
        ),
        Ended::Refused(name, reason) => {
            (StatusCode::BAD_REQUEST, format!("The login {name} was refused: {reason}."))
        }
        Ended::Replaced(name) => (
            StatusCode::CONFLICT,
            format!(
                "The secret {name} has changed since this login began: somebody else has logged \
                 in, or it was stored anew or deleted. What they made stays; begin the login again."
            ),
        ),
    };
    html::response(status, html::message(&text))
}
