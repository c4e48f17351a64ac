//! HTTP that needs no platform: pages and their files, the same for every caller.

use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use lambda_runtime::Context;

use crate::served;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Serves the answers, which get the path under which callers reach the API (`/prod/`, or `/` on a
/// domain of its own) and the request's id.
pub async fn pages(answer: fn(&Parts, &str, &str) -> Response) -> Result<()> {
    let router = Router::new().fallback(async move |request: Request| {
        let base = base(request.request_context_ref(), request.raw_http_path());
        let context = request.extensions().get::<Context>();
        let id = context.map(|context| context.request_id.clone()).unwrap_or_default();
        let mut response = answer(&request.into_parts().0, &base, &id);
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    });
    served(lambda_http::run(router).await)
}

/// A caller's path begins with the stage, unless it came over a domain of its own.
fn base(context: Option<&RequestContext>, path: &str) -> String {
    let Some(RequestContext::ApiGatewayV1(context)) = context else { return "/".to_owned() };
    let asked = context.path.as_deref().unwrap_or(path);
    match &context.stage {
        Some(stage) if asked != path => format!("/{stage}/"),
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;

    use super::*;

    fn check(asked: &str, path: &str, expected: &str) {
        let mut context = ApiGatewayProxyRequestContext::default();
        (context.path, context.stage) = (Some(asked.to_owned()), Some("prod".to_owned()));
        assert_eq!(base(Some(&RequestContext::ApiGatewayV1(context)), path), expected, "{asked}");
    }

    #[test]
    fn the_base_is_the_stage_where_callers_see_it() {
        check("/prod/", "/", "/prod/");
        check("/prod", "/", "/prod/");
        check("/prod/workflows/a", "/workflows/a", "/prod/");
        check("/workflows/a", "/workflows/a", "/");
        check("/", "/", "/");
        assert_eq!(base(None, "/x"), "/");
    }
}
