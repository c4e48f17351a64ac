//! Deliveries that are asked for while a run goes on: each waits for the run's end, and sends what
//! it came to.

use std::sync::Arc;
use std::time::Duration;

use flowgate_core::delivery::{
    AfterAttempt, AtEnd, Attempt, Delivery, DeliveryId, DeliveryState, FrozenRequest, WebhookBody,
    WebhookTarget,
};
use flowgate_core::id::RunId;
use flowgate_core::run::RunHead;
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;

use crate::error::{Error, Result};
use crate::finish::new_delivery;
use crate::platform::App;
use crate::webhook_body;

/// Those of one run that wait.
pub const MAX_PUSHES: usize = 5;
/// Those that were ever asked for, the deleted ones, too: each leaves a row.
const MAX_EVER: usize = 20;
/// When a delivery looks at its run again: after a fourth of the time that it has waited, within
/// these bounds.
const MIN_LOOK: Duration = Duration::from_secs(1);
const MAX_LOOK: Duration = Duration::from_secs(5 * 60);
/// A run that is not stored by then never began.
const UNTIL_STORED: Duration = Duration::from_secs(60);

/// What is to be done with a delivery that is due.
pub enum Push {
    /// Its run goes on.
    Later(Timestamp),
    /// There is nothing to send any more.
    Never,
    Now(Box<Delivery>),
}

impl App {
    /// Stores a delivery that waits for the run's end. One of the same name that waits is replaced;
    /// `keeps`: it stays, and so does one that was sent, since a message that comes again asks for
    /// nothing more.
    pub async fn push_at_end(
        &self,
        head: &RunHead,
        name: &str,
        (target, body): (WebhookTarget, WebhookBody),
        keeps: bool,
    ) -> Result<Delivery> {
        let all = self.ports.deliveries.of_run(&head.id).await?;
        let pushes = || all.iter().filter(|delivery| delivery.request.at_end.is_some());
        let of_name = |delivery: &&Delivery| name_of(delivery) == name;
        let earlier = pushes().filter(of_name).find(|delivery| keeps || is_waiting(delivery));
        match earlier {
            Some(earlier) if keeps => return Ok(earlier.clone()),
            Some(earlier) => self.stop_push(earlier).await?,
            None => {}
        }
        let waiting = pushes().filter(|delivery| is_waiting(delivery)).count();
        let kept = waiting - usize::from(earlier.is_some());
        if kept >= MAX_PUSHES || pushes().count() >= MAX_EVER {
            let message = format!(
                "a task has at most {MAX_PUSHES} notifications, and {MAX_EVER} \
                                   in its life"
            );
            return Err(Error::bad_field("", message));
        }
        let request = FrozenRequest {
            method: target.method,
            url: target.url,
            headers: target.headers,
            body: String::new(),
            event: "run.ended".to_owned(),
            published_by: head.published_by,
            status: None,
            hops: head.hops + 1,
            trace: head.trace,
            child: None,
            of_caller: true,
            at_end: Some(AtEnd { body, name: name.to_owned() }),
        };
        let place = format!("push/{name}/{}", pushes().count());
        let delivery = new_delivery(head, &place, request, self.now());
        self.ports.deliveries.put(delivery.clone()).await?;
        let message = Message::WebhookV1 { delivery: delivery.id.clone() };
        self.send(message, &delivery.receiver).await;
        Ok(delivery)
    }

    /// Returns the deliveries that wait for the run's end, or were not received yet.
    pub async fn pushes(&self, run: &RunId) -> Result<Vec<Delivery>> {
        let mut all = self.ports.deliveries.of_run(run).await?;
        all.retain(|delivery| delivery.request.at_end.is_some() && is_waiting(delivery));
        Ok(all)
    }

    /// Gives a delivery up. An attempt in flight may still arrive.
    pub async fn stop_push(&self, delivery: &Delivery) -> Result<()> {
        let (owner, now) = (self.owner_token(), self.now());
        // Whenever its claim or its next look is over: it is due then.
        let due = delivery.due_at.unwrap_or(now).max(now) + MAX_LOOK;
        let until = due + MIN_LOOK;
        let claimed = self.ports.deliveries.claim(&delivery.id, &owner, due, until).await?;
        if claimed.is_some() {
            let attempt = Attempt {
                at: now,
                duration_ms: 0,
                status: None,
                error: Some("not sent: its caller has deleted it".to_owned()),
                answer: String::new(),
            };
            let given_up = AfterAttempt::Exhausted;
            self.ports.deliveries.record(&delivery.id, &owner, attempt, given_up).await?;
        }
        Ok(())
    }

    /// What is to be done with a delivery that waits for its run's end. Each attempt makes the same
    /// bytes of the ended run.
    pub async fn due_push(&self, delivery: &Delivery, at_end: &AtEnd) -> anyhow::Result<Push> {
        let now = self.now();
        let waited = now.since(delivery.created_at);
        let Some(record) = self.ports.runs.read(&delivery.run).await? else {
            let may_come = waited < UNTIL_STORED;
            return Ok(if may_come { Push::Later(now + MIN_LOOK) } else { Push::Never });
        };
        if record.wiped {
            return Ok(Push::Never);
        }
        if !record.state.has_ended() {
            return Ok(Push::Later(now + (waited / 4).clamp(MIN_LOOK, MAX_LOOK)));
        }
        let body = webhook_body::render(at_end.body, &record, &self.settings.public_url)?;
        let request = FrozenRequest {
            body,
            event: format!("run.{}", record.state.as_str()),
            ..FrozenRequest::clone(&delivery.request)
        };
        Ok(Push::Now(Box::new(Delivery { request: Arc::new(request), ..delivery.clone() })))
    }
}

/// As its caller named it.
pub fn name_of(delivery: &Delivery) -> &str {
    delivery.request.at_end.as_ref().map_or("", |at_end| &at_end.name)
}

fn is_waiting(delivery: &Delivery) -> bool {
    delivery.state == DeliveryState::Pending
}

/// Names the delivery for callers who gave it no name.
pub fn unnamed(run: &RunId, url: &str) -> String {
    DeliveryId::of(run, &format!("push/{url}")).as_str().replace("whd_", "push_")
}
