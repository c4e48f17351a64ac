//! The calls that are out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use flowgate_app::platform::App;
use flowgate_app::run::RunHead;
use flowgate_app::work::Message;
use flowgate_engine::call::{INTERRUPTED, WebhookCall};
use flowgate_engine::{Action, Call, CallError, CallId, CallOutput, CallResult, Chunk};
use flowgate_outbound::{CodeSession, Outbound};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;

pub(super) struct Calls {
    out: FuturesUnordered<BoxFuture<'static, (CallId, String, CallResult)>>,
    /// Calls in the pause before them. They are not out: nothing is lost with them.
    resting: FuturesUnordered<BoxFuture<'static, (CallId, Box<Call>)>>,
    /// By id: the place, and whether it may not go out twice.
    open: HashMap<CallId, bool>,
    /// Places whose START row this process has written, whichever owner it was then.
    marked: HashSet<String>,
    said: mpsc::UnboundedReceiver<(CallId, Chunk)>,
    say: mpsc::UnboundedSender<(CallId, Chunk)>,
    /// JavaScript of one run shares a child process; it dies with the driver.
    code: Arc<CodeSession>,
}

pub(super) enum FromCall {
    /// Its pause is over: it may go out.
    Rested(CallId, Box<Call>),
    Said(CallId, Chunk),
    Ended {
        id: CallId,
        input_hash: String,
        result: CallResult,
    },
}

impl Default for Calls {
    fn default() -> Self {
        let (say, said) = mpsc::unbounded_channel();
        Self {
            out: FuturesUnordered::new(),
            resting: FuturesUnordered::new(),
            open: HashMap::new(),
            marked: HashSet::new(),
            said,
            say,
            code: Arc::default(),
        }
    }
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Lets the call's delay pass before it goes out.
    pub(super) fn rest(&mut self, id: CallId, call: Call) {
        self.resting.push(Box::pin(async move {
            tokio::time::sleep(call.delay).await;
            (id, Box::new(Call { delay: Duration::ZERO, ..call }))
        }));
    }

    pub(super) fn note_mark(&mut self, place: &str) {
        self.marked.insert(place.to_owned());
    }

    pub(super) fn is_marked(&self, place: &str) -> bool {
        self.marked.contains(place)
    }

    pub(super) fn start(&mut self, app: &Arc<App>, outbound: &Arc<Outbound>, head: &Arc<RunHead>, id: CallId, call: Call) {
        self.open.insert(id.clone(), call.at_most_once);
        let (app, outbound, head) = (app.clone(), outbound.clone(), head.clone());
        let (code, say) = (self.code.clone(), self.say.clone());
        self.out.push(Box::pin(async move {
            let result = match &call.action {
                Action::Webhook(webhook) => put_node_webhook(&app, &head, &id, webhook).await,
                Action::Http(_) | Action::Model(_) | Action::Code(_) => {
                    let mut chunk = |chunk| {
                        // The receiver lives as long as the calls do.
                        let _ = say.send((id.clone(), chunk));
                    };
                    outbound.perform(&call, &code, &mut chunk).await
                }
            };
            (id, call.input_hash, result)
        }));
    }

    /// The call was started by an earlier owner and may not go out twice.
    pub(super) fn end_as_interrupted(&mut self, id: CallId, call: Call) {
        let message = "the node was started before a crash and may not run twice".to_owned();
        let result = CallResult::Failed(CallError { code: INTERRUPTED.to_owned(), message, ..CallError::default() });
        self.out.push(Box::pin(std::future::ready((id, call.input_hash, result))));
    }

    /// Waits for good where nothing is out.
    pub(super) async fn next(&mut self) -> FromCall {
        tokio::select! {
            biased;
            Some((id, chunk)) = self.said.recv() => FromCall::Said(id, chunk),
            Some((id, input_hash, result)) = self.out.next(), if !self.out.is_empty() => {
                self.open.remove(&id);
                FromCall::Ended { id, input_hash, result }
            }
            Some((id, call)) = self.resting.next(), if !self.resting.is_empty() => FromCall::Rested(id, call),
            else => std::future::pending().await,
        }
    }

    pub(super) fn chunk_at_hand(&mut self) -> Option<(CallId, Chunk)> {
        self.said.try_recv().ok()
    }

    /// The places that are out, and whether each may not go out twice.
    pub(super) fn places(&self) -> Vec<(String, bool)> {
        self.open.iter().map(|(id, at_most_once)| (id.place().to_owned(), *at_most_once)).collect()
    }

    /// Drops what is out: sockets close, JavaScript that runs is killed.
    pub(super) fn give_up(&mut self) {
        self.out = FuturesUnordered::new();
        self.resting = FuturesUnordered::new();
        self.open.clear();
    }

    /// No child process of the run is left afterwards.
    pub(super) async fn close(&mut self) {
        self.give_up();
        self.code.close().await;
    }
}

/// A webhook node: its delivery is written, put-if-absent, and goes its own way.
async fn put_node_webhook(app: &App, head: &RunHead, id: &CallId, webhook: &WebhookCall) -> CallResult {
    let delivery = app.node_delivery(head, id.place(), webhook);
    let output = json!({ "delivery_id": delivery.id.as_str(), "data": webhook.body });
    let id = delivery.id.clone();
    match app.ports.deliveries.put(delivery).await {
        Ok(()) => {
            app.send(Message::WebhookV1 { delivery: id }).await;
            CallResult::Succeeded(CallOutput { value: output, tokens: None, cost_nano_usd: None })
        }
        Err(error) => {
            tracing::error!(run.id = %head.id, error = format!("{error:#}"), "a delivery was not stored");
            CallResult::Failed(CallError {
                code: "internal".to_owned(),
                message: "the delivery could not be stored".to_owned(),
                retryable: true,
                ..CallError::default()
            })
        }
    }
}
