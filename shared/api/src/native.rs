//! The native API, one file per resource.

use std::sync::Arc;

use axum::Router;
use flowgate_app::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}
