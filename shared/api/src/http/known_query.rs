//! Query parameters of the native API: a route takes those that its documentation names.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::MatchedPath;
use flowgate_app::error::FieldProblem;
use flowgate_app::{Error, Result};
use http::request::Parts;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa_axum::router::OpenApiRouter;

use super::request::{QueryPairs, TOKEN_PARAMETER};

/// Of each method and path.
type KnownQuery = HashMap<(&'static str, String), Vec<String>>;

/// The routes, which refuse what they do not document.
pub(crate) fn strict<S: Clone + Send + Sync + 'static>(
    routes: OpenApiRouter<S>,
) -> OpenApiRouter<S> {
    let known = Arc::new(documented(&routes));
    routes.layer(Extension(known))
}

/// Names every parameter that the route does not take. Routes of other APIs take any.
pub(crate) fn check(parts: &Parts) -> Result<()> {
    let known = parts.extensions.get::<Arc<KnownQuery>>();
    let Some((known, path)) = known.zip(parts.extensions.get::<MatchedPath>()) else {
        return Ok(());
    };
    let query = QueryPairs::of(&parts.uri);
    let of_route = known
        .iter()
        .find(|((method, known), _)| *method == parts.method.as_str() && known == path.as_str());
    let names = of_route.map_or([].as_slice(), |(_, names)| names.as_slice());
    let problems: Vec<_> = query
        .pairs()
        .filter(|(name, _)| *name != TOKEN_PARAMETER && !names.iter().any(|known| known == name))
        .map(|(name, _)| FieldProblem {
            pointer: String::new(),
            message: format!("`{}` is not a query parameter here", name.escape_debug()),
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
}

fn documented<S>(routes: &OpenApiRouter<S>) -> KnownQuery
where
    S: Clone + Send + Sync + 'static,
{
    let mut known = KnownQuery::new();
    for (path, item) in &routes.get_openapi().paths.paths {
        let methods = [
            ("GET", &item.get),
            ("PUT", &item.put),
            ("POST", &item.post),
            ("DELETE", &item.delete),
            ("PATCH", &item.patch),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                known.insert((method, path.clone()), names(operation));
            }
        }
    }
    known
}

fn names(operation: &Operation) -> Vec<String> {
    let parameters = operation.parameters.iter().flatten();
    let name = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => {
            Some(parameter.name.clone())
        }
        _ => None,
    };
    parameters.filter_map(name).collect()
}
