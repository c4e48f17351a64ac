//! The calls in flight.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Result, anyhow};
use flowgate_app::call_site::CallSite;
use flowgate_app::delivery::Delivery;
use flowgate_app::hops;
use flowgate_app::memory::Charge;
use flowgate_app::platform::App;
use flowgate_app::run::RunHead;
use flowgate_app::time::Timestamp;
use flowgate_app::trace_context;
use flowgate_app::work::Message;
use flowgate_engine::call::{INTERRUPTED, WebhookCall};
use flowgate_engine::run::BUDGET_EXHAUSTED;
use flowgate_engine::{Action, Call, CallError, CallId, CallOutput, CallResult, Chunk};
use flowgate_outbound::{Asked, CodeGroup, Estimate, Metered, Outbound, RunFiles};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;

pub(super) struct Calls {
    in_flight: FuturesUnordered<BoxFuture<'static, EndedCall>>,
    /// Calls in the pause before them. Nothing is lost if they are dropped.
    paused: FuturesUnordered<BoxFuture<'static, (CallId, Box<Call>)>>,
    /// The calls in flight; `true` for `at_most_once` calls.
    open: HashMap<CallId, bool>,
    /// Places whose START row this process has written, whichever owner it was then.
    marked: HashSet<String>,
    has_launched: bool,
    /// Bounded: a call sends no more text than an answer may have.
    chunks: mpsc::UnboundedReceiver<(CallId, Chunk)>,
    /// The text in `chunks`.
    chunk_bytes: Arc<AtomicUsize>,
    chunk_sender: mpsc::UnboundedSender<(CallId, Chunk)>,
    /// The calls that cost money and are not counted yet.
    unpaid: HashMap<CallId, Unpaid>,
    /// Those of them that were dropped in flight.
    aborted: Vec<(CallId, Unpaid)>,
}

/// What is known of a call that costs money before it says what it has used.
pub(super) struct Unpaid {
    asked: Asked,
    /// Bytes of text that it has sent.
    said: Arc<AtomicUsize>,
}

impl Unpaid {
    pub(super) fn estimate(&self) -> Estimate {
        self.asked.after(self.said.load(Relaxed))
    }
}

pub(super) enum FromCall {
    /// The call's pause is over: it may go out.
    Due(CallId, Box<Call>),
    Chunk(CallId, Chunk),
    Ended(EndedCall),
}

pub(super) struct EndedCall {
    pub(super) id: CallId,
    pub(super) input_hash: String,
    /// When it went out; `None` if it did not.
    pub(super) started_at: Option<Timestamp>,
    /// `Err` if the store failed.
    pub(super) result: Result<CallResult>,
    /// Counts the answer's copies until the result is stored.
    pub(super) memory: Option<Metered>,
}

impl Default for Calls {
    fn default() -> Self {
        let (chunk_sender, chunks) = mpsc::unbounded_channel();
        Self {
            in_flight: FuturesUnordered::new(),
            paused: FuturesUnordered::new(),
            open: HashMap::new(),
            marked: HashSet::new(),
            has_launched: false,
            chunks,
            chunk_bytes: Arc::default(),
            chunk_sender,
            unpaid: HashMap::new(),
            aborted: Vec::new(),
        }
    }
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns whether nothing is in flight, nor in the pause before it.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.paused.is_empty()
    }

    /// The calls in flight.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns whether this owner has launched any call.
    pub(super) fn has_launched(&self) -> bool {
        self.has_launched
    }

    /// Waits for the call's delay before the call may go out.
    pub(super) fn pause(&mut self, app: &Arc<App>, id: CallId, call: Call) {
        let clock = app.ports.clock.clone();
        self.paused.push(Box::pin(async move {
            clock.sleep(call.delay).await;
            (id, Box::new(Call { delay: Duration::ZERO, ..call }))
        }));
    }

    pub(super) fn note_mark(&mut self, place: &str) {
        self.marked.insert(place.to_owned());
    }

    pub(super) fn is_marked(&self, place: &str) -> bool {
        self.marked.contains(place)
    }

    /// Notes that the call, which is about to go out, costs money.
    pub(super) fn note_priced(&mut self, id: &CallId, call: &Call) {
        let unpaid = Unpaid { asked: Asked::of(&call.action), said: Arc::default() };
        self.unpaid.insert(id.clone(), unpaid);
    }

    /// Returns what was known of a call that has ended.
    pub(super) fn take_unpaid(&mut self, id: &CallId) -> Option<Unpaid> {
        self.unpaid.remove(id)
    }

    /// Returns the calls that cost money and were dropped in flight, once.
    pub(super) fn take_aborted(&mut self) -> Vec<(CallId, Unpaid)> {
        std::mem::take(&mut self.aborted)
    }

    pub(super) fn start(
        &mut self,
        app: &Arc<App>,
        outbound: &Arc<Outbound>,
        head: &Arc<RunHead>,
        id: CallId,
        call: Call,
        memory: Charge,
    ) {
        self.has_launched = true;
        self.open.insert(id.clone(), call.at_most_once);
        let (app, outbound, head) = (app.clone(), outbound.clone(), head.clone());
        let chunks = self.chunk_sender.clone();
        let said = self.unpaid.get(&id).map(|unpaid| unpaid.said.clone()).unwrap_or_default();
        let (chunk_bytes, memory) = (self.chunk_bytes.clone(), Metered::new(memory));
        self.in_flight.push(Box::pin(async move {
            let mut started_at = None;
            let mut chunk = |chunk: Chunk| {
                if let Chunk::Started(at) = chunk {
                    started_at = Some(Timestamp(at));
                }
                said.fetch_add(text_of(&chunk).len(), Relaxed);
                chunk_bytes.fetch_add(text_of(&chunk).len(), Relaxed);
                // The receiver lives as long as the calls do.
                let _ = chunks.send((id.clone(), chunk));
            };
            let result = match &call.action {
                Action::Webhook(webhook) => {
                    chunk(Chunk::Started(app.now().millis()));
                    put_node_webhook(&app, &head, &id, webhook, call.workflow).await
                }
                Action::Session(session) => {
                    chunk(Chunk::Started(app.now().millis()));
                    app.use_session(site_of(&head, &call, &id), session).await
                }
                Action::Knowledge(knowledge) => {
                    chunk(Chunk::Started(app.now().millis()));
                    app.use_knowledge(site_of(&head, &call, &id), knowledge).await
                }
                Action::Http(_)
                | Action::Model(_)
                | Action::Media(_)
                | Action::Embed(_)
                | Action::Mcp(_)
                | Action::Code(_)
                | Action::Read(_) => {
                    let (user, code) = (head.secret_user(call.workflow), code_group(&head));
                    let files = run_files(&app, &head);
                    let of_run = (&memory, &files);
                    let performed =
                        outbound.perform_counted(&call, &user, &code, of_run, &mut chunk);
                    let trace = app.trace_of_attempt(&head, id.place(), id.attempt() + 1);
                    let performed = trace_context::within(trace, performed);
                    Ok(hops::within(head.hops + 1, performed).await)
                }
                Action::Wait(_) | Action::Ask(_) => Err(anyhow!("a pause is no call")),
            };
            EndedCall { id, input_hash: call.input_hash, started_at, result, memory: Some(memory) }
        }));
    }

    /// Fails an `at_most_once` call that an earlier owner started.
    pub(super) fn end_as_interrupted(&mut self, id: CallId, call: Call) {
        let message = "the node was started before a crash and may not run twice".to_owned();
        let code = INTERRUPTED.to_owned();
        self.end_as_failed(id, call, CallError { code, message, ..CallError::default() });
    }

    /// Fails a call that the run's key may not pay.
    pub(super) fn end_as_refused(&mut self, id: CallId, call: Call, message: String) {
        let (code, nothing_happened) = (BUDGET_EXHAUSTED.to_owned(), true);
        let error = CallError { code, message, nothing_happened, ..CallError::default() };
        self.end_as_failed(id, call, error);
    }

    fn end_as_failed(&mut self, id: CallId, call: Call, error: CallError) {
        self.has_launched = true;
        let result = CallResult::Failed(error);
        let input_hash = call.input_hash;
        let ended =
            EndedCall { id, input_hash, started_at: None, result: Ok(result), memory: None };
        self.in_flight.push(Box::pin(std::future::ready(ended)));
    }

    /// Returns the next chunk or result. Never resolves without calls in flight.
    pub(super) async fn next(&mut self) -> FromCall {
        tokio::select! {
            biased;
            Some((id, chunk)) = self.chunks.recv() => {
                self.chunk_bytes.fetch_sub(text_of(&chunk).len(), Relaxed);
                FromCall::Chunk(id, chunk)
            }
            Some(ended) = self.in_flight.next(),
                if !self.in_flight.is_empty() =>
            {
                self.open.remove(&ended.id);
                FromCall::Ended(ended)
            }
            Some((id, call)) = self.paused.next(),
                if !self.paused.is_empty() => FromCall::Due(id, call),
            else => std::future::pending().await,
        }
    }

    pub(super) fn try_chunk(&mut self) -> Option<(CallId, Chunk)> {
        let (id, chunk) = self.chunks.try_recv().ok()?;
        self.chunk_bytes.fetch_sub(text_of(&chunk).len(), Relaxed);
        Some((id, chunk))
    }

    /// The text that calls have sent and nobody has taken yet.
    pub(super) fn chunk_bytes(&self) -> usize {
        self.chunk_bytes.load(Relaxed)
    }

    /// Returns the places of the `at_most_once` calls in flight.
    pub(super) fn at_most_once(&self) -> Vec<String> {
        self.open
            .iter()
            .filter(|(_, at_most_once)| **at_most_once)
            .map(|(id, _)| id.place().to_owned())
            .collect()
    }

    /// Drops all calls in flight: closes their sockets, kills running JavaScript.
    pub(super) fn abort(&mut self) {
        self.in_flight = FuturesUnordered::new();
        self.paused = FuturesUnordered::new();
        let unpaid = self.unpaid.drain();
        self.aborted.extend(unpaid.filter(|(id, _)| self.open.contains_key(id)));
        self.open.clear();
    }
}

fn site_of<'a>(head: &'a RunHead, call: &Call, id: &'a CallId) -> CallSite<'a> {
    CallSite { head, workflow: call.workflow, place: id.place() }
}

/// The runs of a key share the children with those of other keys; without a key, a workflow does.
fn code_group(head: &RunHead) -> CodeGroup {
    CodeGroup::new(head.key_id.as_deref().unwrap_or(&head.workflow_uid))
}

/// What the run's calls may do with files.
fn run_files(app: &App, head: &RunHead) -> RunFiles {
    let ports = &app.ports;
    let (files, clock) = (ports.files.clone(), ports.clock.clone());
    RunFiles::new(files, clock, ports.entropy.clone(), head.id.clone())
}

fn text_of(chunk: &Chunk) -> &str {
    match chunk {
        Chunk::Text(text) => text,
        Chunk::Started(_) => "",
    }
}

/// Performs a webhook node: stores its delivery, put-if-absent. The run does not wait for it.
async fn put_node_webhook(
    app: &App,
    head: &RunHead,
    id: &CallId,
    webhook: &WebhookCall,
    workflow: usize,
) -> Result<CallResult> {
    let delivery = app.node_delivery(head, id.place(), webhook, workflow);
    let output = json!({ "delivery_id": delivery.id.as_str(), "data": webhook.body });
    // A store that fails is no result of the node: the next owner stores it.
    put_delivery(app, delivery).await?;
    Ok(CallResult::Succeeded(CallOutput { value: output, tokens: None, cost_nano_usd: None }))
}

/// Stores a delivery, put-if-absent, and sends its message.
pub(super) async fn put_delivery(app: &App, delivery: Delivery) -> Result<()> {
    let (id, receiver) = (delivery.id.clone(), delivery.receiver.clone());
    app.ports.deliveries.put(delivery).await?;
    app.send(Message::WebhookV1 { delivery: id }, &receiver).await;
    Ok(())
}
