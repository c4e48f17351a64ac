//! The dialects, one file each: callers of other systems change the base URL, the id and the key.

use std::sync::Arc;

use axum::Router;
use flowgate_app::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}
