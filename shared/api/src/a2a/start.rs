//! What begins tasks, and what needs the way out: messages in both bindings, push notifications,
//! and JSON-RPC, which has all operations at one path.

mod message;
mod send;
mod push;
mod rpc;
mod rest;

use std::sync::Arc;

use flowgate_app::{App, access};
use flowgate_runner::Runner;
use http::{HeaderMap, Uri};
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::refusal::RpcError;
use super::{documented, with_wrong_method};

#[derive(OpenApi)]
#[openapi(components(schemas(RpcError)))]
struct Starts;

pub(crate) fn routes() -> OpenApiRouter<Arc<Runner>> {
    documented()
        .merge(OpenApiRouter::with_openapi(Starts::openapi()))
        .routes(routes!(rpc::call).map(with_wrong_method))
        .routes(routes!(rest::send).map(with_wrong_method))
        .routes(routes!(rest::stream).map(with_wrong_method))
        .routes(routes!(push::list, push::create).map(with_wrong_method))
        .routes(routes!(push::get, push::delete).map(with_wrong_method))
}

/// Who asks which agent.
struct Exchange {
    runner: Arc<Runner>,
    caller: access::Caller,
    /// The workflow's id.
    agent: String,
    headers: HeaderMap,
    uri: Uri,
}

impl Exchange {
    fn app(&self) -> &Arc<App> {
        &self.runner.app
    }
}
