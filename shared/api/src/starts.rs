//! What starts runs, in every API, and what needs the routes of all: the whole router, the
//! document.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::Router;
use flowgate_app::App;
use flowgate_runner::Runner;
use utoipa::IntoResponses;
use utoipa::openapi::{OpenApi, RefOr, Response};
use utoipa_axum::router::OpenApiRouter;

use crate::http::caller::Platform;
use crate::http::refused::{self, RefusalBody};
use crate::{a2a, authoring, compat, finish, mcp, native, openai, openapi, reads};

/// Every route.
pub fn router(runner: Arc<Runner>) -> Router {
    let app = runner.app.clone();
    let rest = reads().merge(native::keys()).merge(authoring()).with_state(app.clone());
    finish(app, starts().with_state(runner).merge(rest))
}

/// What starts runs, in every API.
pub fn invoke(runner: Arc<Runner>) -> Router {
    finish(runner.app.clone(), starts().with_state(runner))
}

/// The OpenAPI document, made of the routes. [`openapi::DOCUMENT`] is its copy.
pub fn document() -> OpenApi {
    let parts = [reads().into_openapi(), native::keys().into_openapi(), authoring().into_openapi()];
    openapi::describe(parts.into_iter().fold(starts().into_openapi(), OpenApi::merge_from))
}

pub(crate) fn starts() -> OpenApiRouter<Arc<Runner>> {
    native::start::routes()
        .merge(compat::start::routes())
        .merge(openai::start::routes())
        .merge(mcp::routes())
        .merge(a2a::start::routes())
}

impl Platform for Arc<Runner> {
    fn app(&self) -> &Arc<App> {
        &self.app
    }
}

/// What every start may refuse.
pub(crate) struct NotStarted<B>(PhantomData<B>);

impl<B: RefusalBody> IntoResponses for NotStarted<B> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refused::each::<B>(&[400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 500, 503, 508])
    }
}
