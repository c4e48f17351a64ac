//! The document, the routes and the template agree.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::openapi::{DOCUMENT, SERVER, document_of};
use crate::{authoring, document, native, reads, starts};

/// It answers every method with a hint, by a fallback, and stands in no document.
const HINT: &str = "/v1/workflows/invoke";
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// Of each path the methods, and the function that answers them.
type Routes = BTreeMap<String, BTreeMap<String, &'static str>>;

#[test]
fn the_committed_document_is_the_one_that_the_routes_make() {
    let made = document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("FLOWGATE_RENEW").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        std::fs::write(path, made).unwrap();
    } else {
        let renew = "FLOWGATE_RENEW=1 cargo test -p flowgate-api --features starts openapi";
        assert!(made == DOCUMENT, "docs/openapi.json is stale: {renew}");
    }
}

#[test]
fn every_route_is_in_the_document_and_the_reverse() {
    let mut registered = registered();
    assert_eq!(registered.remove(HINT), Some(BTreeMap::new()));
    let registered: BTreeMap<_, BTreeSet<_>> = registered
        .into_iter()
        .map(|(path, methods)| (path, methods.into_keys().collect()))
        .collect();
    let documented: BTreeMap<_, BTreeSet<_>> = paths()
        .into_iter()
        .map(|(path, item)| (path, item.as_object().unwrap().keys().cloned().collect()))
        .collect();
    assert_eq!(registered, documented);
}

/// So that no page of the console hides one.
#[test]
fn every_path_is_the_apis_own() {
    for path in registered().into_keys() {
        assert!(crate::owns(&path), "{path}");
    }
}

/// API Gateway sends each route to the function that has it.
#[test]
fn the_template_routes_what_the_functions_answer() {
    const ANY: &str = "x-amazon-apigateway-any-method";
    let mut template = template();
    let logins = ["/register", "/.well-known/{proxy+}"];
    let prefixes =
        ["/", "/{proxy+}", "/v1", "/v1/{proxy+}", "/api", "/api/{proxy+}", "/a2a", "/a2a/{proxy+}"];
    for fallback in prefixes.into_iter().chain(logins) {
        let functions = template.remove(fallback).unwrap();
        assert_eq!(functions[ANY], "workflows", "{fallback}");
        // A page of the console, unless the path is the API's.
        let page = if crate::owns(fallback) { None } else { Some("console") };
        for method in ["get", "head"] {
            assert_eq!(functions.get(method).map(String::as_str), page, "{method} {fallback}");
        }
    }
    assert_eq!(template[HINT][ANY], "invoke");
    let registered = registered();
    assert_eq!(
        template.keys().collect::<Vec<_>>(),
        registered.keys().collect::<Vec<_>>(),
        "the paths of template.yaml and of the router"
    );
    for (path, methods) in registered {
        for (method, function) in methods {
            let routed = template[&path].get(&method).unwrap_or(&template[&path][ANY]);
            assert_eq!(routed, function, "{method} {path}");
        }
    }
}

#[test]
fn every_operation_is_described() {
    let mut ids = BTreeSet::new();
    for (path, item) in paths() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{place}: {id} is taken");
            assert!(operation["summary"].is_string(), "{place}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{place}");
            let responses = operation["responses"].as_object().unwrap();
            let is_open = operation["security"] == serde_json::json!([{}]);
            assert_ne!(responses.contains_key("401"), is_open, "{place}");
            for (status, response) in responses {
                assert_ne!(response["description"].as_str().unwrap(), "", "{place} {status}");
                let no_content = ["204", "302", "304", "default"].contains(&status.as_str())
                    || (path.as_str(), status.as_str()) == ("/mcp", "202");
                assert_ne!(response["content"].is_object(), no_content, "{place} {status}");
            }
            check_path_parameters(&place, operation);
        }
    }
}

fn check_path_parameters(place: &str, operation: &Value) {
    let parameters = operation["parameters"].as_array();
    let in_path = parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "path");
    let declared: Vec<_> = in_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
    let named = place.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    assert_eq!(declared, named.collect::<Vec<_>>(), "{place}");
}

#[test]
fn every_reference_leads_to_a_schema_and_every_schema_is_named() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in DOCUMENT.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    for name in schemas.keys() {
        let referenced = DOCUMENT.contains(&format!("\"#/components/schemas/{name}\""));
        // The data of frames is named in the descriptions of streams.
        assert!(referenced || DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_webhooks_have_the_headers_of_standard_webhooks() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let webhooks = document["webhooks"].as_object().unwrap();
    assert_eq!(webhooks.keys().collect::<Vec<_>>(), ["run-ended", "webhook-node"]);
    for webhook in webhooks.values() {
        let headers = webhook["post"]["parameters"].as_array().unwrap();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let sent =
                headers.iter().any(|header| header["name"] == name && header["required"] == true);
            assert!(sent, "{name}");
        }
    }
}

#[test]
fn the_document_names_the_server_that_it_comes_from() {
    let document: Value = serde_json::from_str(&document_of("https://a.example/\"x")).unwrap();
    assert_eq!(document["servers"], serde_json::json!([{ "url": "https://a.example/\"x" }]));
    assert_eq!(DOCUMENT.matches(SERVER).count(), 1);
}

fn paths() -> BTreeMap<String, Value> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    document["paths"].as_object().unwrap().clone().into_iter().collect()
}

/// What axum has, function by function: only `Debug` shows the routes of a router.
fn registered() -> Routes {
    let mut routes = Routes::new();
    add(&mut routes, "invoke", starts::starts());
    add(&mut routes, "run-status", reads());
    add(&mut routes, "keys", native::keys());
    add(&mut routes, "workflows", authoring());
    routes
}

fn add<S: Clone + Send + Sync + 'static>(
    routes: &mut Routes,
    function: &'static str,
    part: OpenApiRouter<S>,
) {
    let shown = format!("{:?}", Router::from(part));
    let shown = shown.split("fallback_router").next().unwrap();
    let (methods, paths) = shown.split_once("node: Node").unwrap();
    let methods: BTreeMap<&str, Vec<String>> = methods
        .split("RouteId(")
        .skip(1)
        .map(|route| (route.split(')').next().unwrap(), methods_of(route)))
        .collect();
    for path in paths.split("RouteId(").skip(1) {
        let (id, path) = path.split_once("): \"").unwrap();
        let path = routes.entry(path.split('"').next().unwrap().to_owned()).or_default();
        for method in &methods[id] {
            let taken = path.insert(method.clone(), function);
            assert_eq!(taken, None, "{method} has two functions");
        }
    }
}

fn methods_of(route: &str) -> Vec<String> {
    let answered = |method: &&str| {
        let shown = route.split(&format!("{method}: ")).nth(1).unwrap();
        !shown.starts_with("None")
    };
    METHODS.into_iter().filter(answered).map(str::to_owned).collect()
}

/// Of each path of template.yaml its methods, each with its function.
fn template() -> BTreeMap<String, BTreeMap<String, String>> {
    let template = include_str!("../../../../template.yaml");
    let paths = template.split("\n        paths:\n").nth(1).unwrap();
    let paths = paths.split("\n\n  AccessLogGroup:").next().unwrap();
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut path = String::new();
    for line in paths.lines() {
        if let Some(named) = line.strip_prefix("          /") {
            // A path may have a colon in it, and one is behind it.
            let named = named.split(": ").next().unwrap();
            path = format!("/{}", named.trim_end_matches(':'));
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let function = pair[1].strip_prefix(['&', '*']);
            if let (Some(method), Some(function)) = (pair[0].strip_suffix(':'), function) {
                let methods = found.entry(path.clone()).or_default();
                methods.insert(method.to_owned(), function.to_owned());
            }
        }
    }
    found
}
