//! A run as spans: OTLP as JSON, with the attributes of the GenAI conventions.
//! <https://github.com/open-telemetry/semantic-conventions-genai> at v0.1.0

use flowgate_core::event::{AttemptTrace, NodeTrace};
use flowgate_core::run::RunRecord;
use flowgate_core::time::Timestamp;
use flowgate_core::trace_context::{SpanId, TraceContext};
use flowgate_engine::NodeStatus;
use serde_json::{Value, json};

use crate::otlp::{self, nanos, usd};

/// A collector's own limit is mostly 4 MB a request.
const SPANS_PER_REQUEST: usize = 1_000;
/// A run may have more nodes; the last ones to start are left out.
const MAX_SPANS: usize = 20_000;
/// The numbers of OTLP's enums.
const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;
const STATUS_OK: u8 = 1;
const STATUS_ERROR: u8 = 2;

/// An `ExportTraceServiceRequest`.
pub(crate) struct Request {
    pub(crate) body: String,
    pub(crate) spans: usize,
}

/// Returns the requests that report an ended run, none before its end. Texts of callers and of
/// models are in none of them.
pub(crate) fn requests(record: &RunRecord, trace: &[NodeTrace], service: &str) -> Vec<Request> {
    let Some(spans) = Spans::of(record).map(|spans| spans.all(trace)) else { return Vec::new() };
    let (resource, scope) = (otlp::resource(service, None), otlp::scope());
    let request = |spans: &[Value]| {
        let of_scope = json!({ "scope": scope, "spans": spans });
        let of_resource = json!({ "resource": resource, "scopeSpans": [of_scope] });
        let body = json!({ "resourceSpans": [of_resource] }).to_string();
        Request { body, spans: spans.len() }
    };
    spans.chunks(SPANS_PER_REQUEST).map(request).collect()
}

/// What all spans of a run share.
struct Spans<'r> {
    record: &'r RunRecord,
    context: TraceContext,
    ended_at: Timestamp,
}

impl<'r> Spans<'r> {
    fn of(record: &'r RunRecord) -> Option<Self> {
        let context = record.head.trace.unwrap_or_else(|| TraceContext::of_run(&record.head.id));
        let ended_at = record.end.as_ref()?.ended_at;
        Some(Self { record, context, ended_at })
    }

    fn all(&self, trace: &[NodeTrace]) -> Vec<Value> {
        // A node that never started took no time.
        let started = trace.iter().filter(|node| node.started_at.is_some() && !node.is_reused());
        let of_nodes = started.flat_map(|node| {
            let calls = node.calls.iter().flat_map(move |call| {
                let name = call.call.as_deref();
                call.attempts.iter().filter_map(move |attempt| self.call(node, name, attempt))
            });
            self.node(node).into_iter().chain(calls)
        });
        self.run().into_iter().chain(of_nodes).take(MAX_SPANS).collect()
    }

    fn run(&self) -> Option<Value> {
        let RunRecord { head, end, .. } = self.record;
        let end = end.as_ref()?;
        let code = end.error.as_ref().map(|error| error.code.as_str());
        // The caller's span, if it named one.
        let parent = head.trace.filter(|trace| *trace != TraceContext::of_run(&head.id));
        Some(self.span(Span {
            id: self.root(),
            parent: parent.map(|trace| trace.span()),
            name: format!("invoke_workflow {}", head.workflow_id),
            kind: INTERNAL,
            started_at: end.started_at,
            ended_at: end.ended_at,
            code,
            attributes: vec![
                ("gen_ai.operation.name", "invoke_workflow".into()),
                ("gen_ai.agent.name", head.workflow_id.as_str().into()),
                ("gen_ai.agent.version", head.version.as_str().into()),
                ("flowgate.run.id", head.id.as_str().into()),
                ("flowgate.run.state", self.record.state.as_str().into()),
                ("flowgate.cost.usd", end.usage.cost_nano_usd.map(usd).into()),
                ("flowgate.tokens", end.usage.tokens.into()),
            ],
        }))
    }

    fn node(&self, node: &NodeTrace) -> Option<Value> {
        let started_at = node.started_at?;
        let is_agent = &*node.kind == "agent";
        let operation = if is_agent { "invoke_agent" } else { &*node.kind };
        let tokens = |which: &str| node.output.as_ref().and_then(|it| it["tokens"][which].as_u64());
        let mut attributes = vec![
            ("flowgate.node.kind", (&*node.kind).into()),
            ("flowgate.cost.usd", node.cost_nano_usd.map(usd).into()),
        ];
        if is_agent {
            attributes.extend([
                ("gen_ai.operation.name", operation.into()),
                ("gen_ai.agent.name", (&*node.node).into()),
                ("gen_ai.provider.name", model_of(node).map(|(provider, _)| provider).into()),
                ("gen_ai.request.model", model_of(node).map(|(_, model)| model).into()),
                ("gen_ai.usage.input_tokens", tokens("input").into()),
                ("gen_ai.usage.output_tokens", tokens("output").into()),
            ]);
        }
        Some(self.span(Span {
            id: self.id_of_node(&node.node),
            parent: Some(self.container(node)),
            name: format!("{operation} {}", node.node),
            kind: INTERNAL,
            started_at,
            ended_at: node.duration_ms.map_or(self.ended_at, |ms| started_at + millis(ms)),
            code: code_of(node),
            attributes,
        }))
    }

    fn call(&self, node: &NodeTrace, call: Option<&str>, attempt: &AttemptTrace) -> Option<Value> {
        let started_at = attempt.started_at.filter(|_| !attempt.is_reused)?;
        let place =
            call.map_or_else(|| node.node.to_string(), |call| format!("{}/{call}", node.node));
        let (name, kind, mut attributes) = described(node, call);
        attributes.extend([
            ("http.response.status_code", attempt.http_status.into()),
            ("http.request.resend_count", Some(attempt.attempt - 1).filter(|it| *it > 0).into()),
            ("flowgate.cost.usd", attempt.cost_nano_usd.map(usd).into()),
        ]);
        if let Some(reason) = &attempt.finish_reason {
            attributes.push(("gen_ai.response.finish_reasons", json!([reason])));
        }
        Some(self.span(Span {
            id: SpanId::of_attempt(&self.record.head.id, &place, attempt.attempt),
            parent: Some(self.id_of_node(&node.node)),
            name,
            kind,
            started_at,
            ended_at: attempt.ended_at.unwrap_or(self.ended_at),
            code: attempt.code.as_deref(),
            attributes,
        }))
    }

    fn span(&self, span: Span<'_>) -> Value {
        let Span { id, parent, name, kind, started_at, ended_at, code, mut attributes } = span;
        let status = code.map_or_else(
            || json!({ "code": STATUS_OK }),
            |code| json!({ "code": STATUS_ERROR, "message": code }),
        );
        attributes.push(("error.type", code.into()));
        let mut written = json!({
            "traceId": self.context.trace_id(),
            "spanId": id.to_string(),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": nanos(started_at),
            "endTimeUnixNano": nanos(ended_at.max(started_at)),
            "attributes": otlp::attributes(attributes),
            "status": status,
        });
        if let Some(parent) = parent {
            written["parentSpanId"] = parent.to_string().into();
        }
        written
    }

    fn root(&self) -> SpanId {
        SpanId::of_run(&self.record.head.id)
    }

    fn id_of_node(&self, node: &str) -> SpanId {
        SpanId::of_node(&self.record.head.id, node)
    }

    /// The loop or child workflow that the node ran in, whichever its iteration, or the run.
    fn container(&self, node: &NodeTrace) -> SpanId {
        let container = node.parent().map(|path| path.rsplit_once('[').map_or(path, |(at, _)| at));
        container.map_or_else(|| self.root(), |container| self.id_of_node(container))
    }
}

struct Span<'r> {
    id: SpanId,
    parent: Option<SpanId>,
    name: String,
    kind: u8,
    started_at: Timestamp,
    ended_at: Timestamp,
    /// Of the error, if it failed.
    code: Option<&'r str>,
    /// Those that are null are left out.
    attributes: Vec<(&'static str, Value)>,
}

/// Returns a call's name, its kind and what the conventions want to know of it.
fn described(node: &NodeTrace, call: Option<&str>) -> (String, u8, Vec<(&'static str, Value)>) {
    if &*node.kind != "agent" {
        return (call.unwrap_or(&node.kind).to_owned(), CLIENT, Vec::new());
    }
    if let Some(place) = call.and_then(|call| call.split_once(".tool")) {
        let tool = tool_of(node, place).unwrap_or("unknown");
        let attributes = vec![
            ("gen_ai.operation.name", "execute_tool".into()),
            ("gen_ai.tool.name", tool.into()),
        ];
        return (format!("execute_tool {tool}"), INTERNAL, attributes);
    }
    let (provider, model) = model_of(node).unzip();
    let attributes = vec![
        ("gen_ai.operation.name", "chat".into()),
        ("gen_ai.provider.name", provider.into()),
        ("gen_ai.request.model", model.into()),
    ];
    (format!("chat {}", model.unwrap_or_default()).trim_end().to_owned(), CLIENT, attributes)
}

/// Returns the name of the tool that a call such as `turn2.tool0` ran.
fn tool_of<'n>(node: &'n NodeTrace, (turn, at): (&str, &str)) -> Option<&'n str> {
    let turn: u64 = turn.strip_prefix("turn")?.parse().ok()?;
    let calls = node.output.as_ref()?["tool_calls"].as_array()?;
    let mut of_turn = calls.iter().filter(|call| call["turn"] == turn);
    of_turn.nth(at.parse().ok()?)?["name"].as_str()
}

/// Returns the provider and the model that answered an agent.
fn model_of(node: &NodeTrace) -> Option<(&str, &str)> {
    node.output.as_ref()?["model"].as_str()?.split_once('/')
}

fn code_of(node: &NodeTrace) -> Option<&str> {
    let code = node.error.as_ref().map(|error| error.code.as_str());
    code.or((node.status == Some(NodeStatus::Cancelled)).then_some("cancelled"))
}

fn millis(ms: u64) -> std::time::Duration {
    std::time::Duration::from_millis(ms)
}
