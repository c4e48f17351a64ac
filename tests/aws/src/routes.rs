//! The REST API of the template: which function answers a method and path, and whether it streams.

use std::time::Duration;

use anyhow::Context;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::template::Template;

pub(crate) struct Routes {
    pub(crate) stage: String,
    resources: Vec<Resource>,
    binary_media_types: Vec<String>,
    /// `x-amazon-apigateway-gateway-responses`, by kind.
    pub(crate) responses: Value,
}

struct Resource {
    /// In the template's form, `/v1/runs/{run_id}`.
    path: String,
    segments: Vec<Segment>,
    /// Upper case; `ANY` for every method.
    methods: Vec<(String, Integration)>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Static(String),
    Variable(String),
    Rest(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Integration {
    /// The function's logical id.
    pub(crate) function: String,
    pub(crate) streamed: bool,
    pub(crate) timeout: Duration,
}

pub(crate) struct Match<'a> {
    pub(crate) resource: &'a str,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) integration: &'a Integration,
}

const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

impl Routes {
    pub(crate) fn read(template: &Template) -> anyhow::Result<Self> {
        let apis = template.resources("AWS::ApiGateway::RestApi")?;
        let [(_, properties, _)] = apis.as_slice() else {
            anyhow::bail!("the template has {} REST APIs", apis.len())
        };
        let body = template.resolve(&properties["Body"])?;
        let stages = template.resources("AWS::ApiGateway::Stage")?;
        let stage = stages
            .first()
            .map(|(_, properties, _)| template.text(&properties["StageName"]))
            .context("the API has no stage")??;
        let mut resources = Vec::new();
        for (path, methods) in body["paths"].as_object().into_iter().flatten() {
            resources.push(Resource::read(path, methods)?);
        }
        let types = body["x-amazon-apigateway-binary-media-types"]
            .as_array()
            .or(properties["BinaryMediaTypes"].as_array());
        let binary_media_types = types
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|kind| kind.replace("~1", "/"))
            .collect();
        let responses = body["x-amazon-apigateway-gateway-responses"].clone();
        Ok(Self { stage, resources, binary_media_types, responses })
    }

    /// The most specific resource decides, and only then its methods: a path without the method is
    /// refused.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        let asked: Vec<&str> = path
            .trim_start_matches('/')
            .trim_end_matches('/')
            .split('/')
            .filter(|it| !it.is_empty())
            .collect();
        let matching = self.resources.iter().filter(|resource| resource.matches(&asked));
        let resource = matching.min_by_key(|resource| resource.rank())?;
        let exact = resource.methods.iter().find(|(name, _)| name == method);
        let (_, integration) =
            exact.or_else(|| resource.methods.iter().find(|(name, _)| name == "ANY"))?;
        Some(Match {
            resource: &resource.path,
            parameters: resource.parameters(&asked),
            integration,
        })
    }

    pub(crate) fn is_binary(&self, content_type: &str) -> bool {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        self.binary_media_types
            .iter()
            .any(|wanted| wanted == "*/*" || wanted.eq_ignore_ascii_case(kind))
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.resources
            .iter()
            .flat_map(|resource| &resource.methods)
            .map(|(_, integration)| integration.function.as_str())
    }
}

impl Resource {
    fn read(path: &str, methods: &Value) -> anyhow::Result<Self> {
        let segments =
            path.split('/').filter(|segment| !segment.is_empty()).map(Segment::read).collect();
        let mut read = Vec::new();
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let integration = &operation["x-amazon-apigateway-integration"];
            if integration["uri"].is_null() {
                continue;
            }
            let method = if method == "x-amazon-apigateway-any-method" {
                "ANY".to_owned()
            } else {
                method.to_uppercase()
            };
            read.push((
                method,
                Integration::read(integration)
                    .with_context(|| format!("the integration of {path}"))?,
            ));
        }
        Ok(Self { path: path.to_owned(), segments, methods: read })
    }

    fn matches(&self, asked: &[&str]) -> bool {
        let rest = matches!(self.segments.last(), Some(Segment::Rest(_)));
        let long_enough = if rest {
            asked.len() >= self.segments.len()
        } else {
            asked.len() == self.segments.len()
        };
        long_enough
            && self.segments.iter().zip(asked).all(|(segment, asked)| match segment {
                Segment::Static(text) => text == asked,
                Segment::Variable(_) | Segment::Rest(_) => true,
            })
    }

    /// Orders static before variable before greedy segments, from the left.
    fn rank(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Static(_) => 0,
            Segment::Variable(_) => 1,
            Segment::Rest(_) => 2,
        };
        self.segments.iter().map(rank).collect()
    }

    fn parameters(&self, asked: &[&str]) -> Map<String, Value> {
        let mut parameters = Map::new();
        for (at, segment) in self.segments.iter().enumerate() {
            let (name, value) = match segment {
                Segment::Static(_) => continue,
                Segment::Variable(name) => (name, asked[at].to_owned()),
                Segment::Rest(name) => (name, asked[at..].join("/")),
            };
            parameters.insert(name.clone(), json!(percent_decode_str(&value).decode_utf8_lossy()));
        }
        parameters
    }
}

impl Segment {
    fn read(text: &str) -> Self {
        let variable = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        match variable.map(|name| (name, name.strip_suffix('+'))) {
            None => Self::Static(text.to_owned()),
            Some((_, Some(rest))) => Self::Rest(rest.to_owned()),
            Some((name, None)) => Self::Variable(name.to_owned()),
        }
    }
}

impl Integration {
    /// `arn:aws:apigateway:…:lambda:path/<date>/functions/<ARN>/<kind of invocation>`.
    fn read(integration: &Value) -> anyhow::Result<Self> {
        let uri = integration["uri"].as_str().context("no URI")?;
        let (head, kind) = uri.rsplit_once('/').context("a URI without a kind of invocation")?;
        let function = head.rsplit(':').next().unwrap_or_default().to_owned();
        let streamed = match kind {
            "invocations" => false,
            "response-streaming-invocations" => true,
            other => anyhow::bail!("the double does not know {other}"),
        };
        let timeout = integration["timeoutInMillis"]
            .as_u64()
            .map_or(INTEGRATION_TIMEOUT, Duration::from_millis);
        Ok(Self { function, streamed, timeout })
    }
}
