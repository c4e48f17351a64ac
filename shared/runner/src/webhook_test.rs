//! Tries out a webhook: one signed delivery of a run that never was, which nobody stores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use flowgate_app::access::Caller;
use flowgate_app::delivery::{Attempt, Delivery, WebhookBody, shown};
use flowgate_app::error::{Error, Result, What};
use flowgate_app::hops;
use flowgate_app::id::RunId;
use flowgate_app::key::Scope;
use flowgate_app::limit::Allowance;
use flowgate_app::run::{Dialect, RunEnd, RunHead, RunRecord, RunState, TriedDraft};
use flowgate_app::workflows::Published;
use flowgate_engine::call::WebhookCall;
use flowgate_engine::interface::OutputValue;
use flowgate_engine::{ENGINE, Part, Step, Usage};
use serde_json::{Map, Value, json};

use crate::Runner;
use crate::caller_webhook::WebhookRequest;
use crate::deliver::attempt;

/// Sent with the headers of every delivery, so that a receiver can pass over it.
const TEST_HEADER: &str = "flowgate-test";
/// When a receiver may have a place again.
const NEXT_PLACE: Duration = Duration::from_secs(5);

/// What was sent, and what came back.
pub struct WebhookTest {
    pub event: String,
    /// With secrets as their names.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub attempt: Attempt,
    pub allowance: Option<Allowance>,
}

impl Runner {
    /// Sends a run with made-up outputs to the workflow's own webhook, or to `url` as to a webhook
    /// of a start. Counts against the key's rate as a start does, and takes one of the receiver's
    /// places.
    pub async fn test_webhook(
        &self,
        caller: &Caller,
        id: &str,
        url: Option<String>,
    ) -> Result<WebhookTest> {
        caller.require(Scope::Author, id, What::Workflow)?;
        if hops::current() + 1 >= hops::MAX_HOPS {
            return Err(Error::LoopDetected);
        }
        let (published, draft) = self.published_or_draft(caller, id).await?;
        let delivery = self.sample_delivery(caller, &published, draft, url).await?;
        let allowance = self.app.count(caller).await?;
        if !self.enter(&delivery, self.app.now()).await? {
            return Err(Error::Overloaded { retry_after: NEXT_PLACE });
        }
        let tested = self.send_sample(&delivery).await;
        self.leave(&delivery).await;
        Ok(WebhookTest { allowance, ..tested? })
    }

    async fn published_or_draft(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Arc<Published>, Option<TriedDraft>)> {
        match self.app.published(id, None).await {
            Ok(published) => Ok((published, None)),
            Err(Error::NotPublished) => {
                let (draft, tried) = self.app.draft(caller, id).await?;
                Ok((Arc::new(draft), Some(tried)))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the delivery with which such a run would end.
    async fn sample_delivery(
        &self,
        caller: &Caller,
        published: &Published,
        draft: Option<TriedDraft>,
        url: Option<String>,
    ) -> Result<Delivery> {
        let mut head = self.sample_head(caller, published, draft);
        let of_workflow = match url {
            Some(url) => {
                let webhook = of_caller(url);
                self.check_webhooks(slice::from_ref(&webhook)).await?;
                head.webhooks.push(self.webhook_target(webhook).await?);
                None
            }
            None if published.workflow.webhook.is_none() => {
                return Err(Error::bad_field("/url", "is missing: the workflow has no webhook"));
            }
            None => Some(self.rendered(&head).await?),
        };
        let record = ended(head, sample_output(published.workflow.outputs()));
        let mut written = self.app.finished_run(&record, of_workflow, Vec::new(), Vec::new())?;
        let delivery = written.deliveries.pop();
        delivery.ok_or_else(|| anyhow::anyhow!("the end of a run has no webhook").into())
    }

    fn sample_head(
        &self,
        caller: &Caller,
        published: &Published,
        draft: Option<TriedDraft>,
    ) -> RunHead {
        let (workflow, now) = (&published.workflow, self.app.now());
        let name = if workflow.name.is_empty() { &published.id } else { &workflow.name };
        RunHead {
            id: RunId::new(self.app.new_uuid(now)),
            chosen_id: None,
            workflow_id: published.id.clone(),
            workflow_uid: published.uid.clone(),
            workflow_name: name.clone(),
            version: published.version.clone(),
            dialect: Dialect::Native,
            key_id: caller.key_id().map(str::to_owned),
            by_schedule: false,
            start_mode: None,
            counted: false,
            hops: hops::current(),
            trace: None,
            session_user: None,
            user: None,
            context: None,
            input: Arc::new(workflow.sample_input()),
            input_as_sent: None,
            webhooks: Vec::new(),
            save: true,
            signing: published.signing,
            created_at: now,
            deadline_at: now + workflow.deadline,
            published_by: published.published_by,
            engine: ENGINE,
            spending_limit: Default::default(),
            origin: None,
            draft: draft.map(Box::new),
            part: Part::default(),
            children: Vec::new(),
        }
    }

    /// Returns the workflow's webhook, as far as it can be known without a call.
    async fn rendered(&self, head: &RunHead) -> Result<WebhookCall> {
        let program = self.app.program(head).await?.map_err(|_| Error::NotFound(What::Version))?;
        let render = || {
            let mut run = program.run(head, head.created_at);
            while !matches!(run.step(), Step::Wait(_) | Step::Done) {}
            run.workflow_webhook()
        };
        catch_unwind(AssertUnwindSafe(render)).unwrap_or_default().ok_or_else(|| {
            Error::bad_field("/url", "is missing: only a run knows the workflow's own webhook")
        })
    }

    async fn send_sample(&self, delivery: &Delivery) -> Result<WebhookTest> {
        let now = self.app.now();
        let mut request = self.prepare(delivery, now).await?;
        request.own_headers.push((TEST_HEADER.to_owned(), "true".to_owned()));
        let of_author = request.headers.iter().map(|(name, value)| (name.clone(), shown(value)));
        let headers = request.own_headers.iter().cloned().chain(of_author).collect();
        let outcome = self.outbound.send_webhook(request, &delivery.secret_user()).await;
        Ok(WebhookTest {
            event: delivery.request.event.clone(),
            url: shown(&delivery.request.url),
            headers,
            attempt: attempt(now, outcome),
            allowance: None,
        })
    }
}

fn of_caller(url: String) -> WebhookRequest {
    WebhookRequest {
        pointer: String::new(),
        url,
        method: "POST".to_owned(),
        headers: Vec::new(),
        body: WebhookBody::Run,
    }
}

fn ended(head: RunHead, output: Value) -> RunRecord {
    let at = head.created_at;
    let end = RunEnd {
        state: RunState::Succeeded,
        output: Arc::new(output),
        error: None,
        usage: Usage::default(),
        started_at: at,
        ended_at: at,
    };
    RunRecord {
        state: RunState::Succeeded,
        started_at: Some(at),
        due_at: None,
        end: Some(Arc::new(end)),
        ..RunRecord::pending(Arc::new(head), at)
    }
}

/// A value of the right type for each output.
fn sample_output(outputs: &[OutputValue]) -> Value {
    let value = |output: &OutputValue| match output.output_type {
        Some("string") => json!("text"),
        Some("number") => json!(1),
        Some("boolean") => json!(true),
        Some("object") => json!({}),
        Some("array") => json!([]),
        _ => Value::Null,
    };
    let fields = outputs.iter().map(|output| (output.name.clone(), value(output)));
    Value::Object(fields.collect::<Map<_, _>>())
}
