//! Minimal records for the ports.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use flowgate_core::delivery::{
    AtEnd, Delivery, DeliveryId, DeliveryState, FrozenRequest, HeaderValue, WebhookBody,
};
use flowgate_core::event::{AttemptTrace, CallTrace, Event, EventId, EventKind, NodeTrace};
use flowgate_core::group::Group;
use flowgate_core::id::RunId;
use flowgate_core::idempotency::{IdempotencyKey, IdempotencyRow, UniqueRows};
use flowgate_core::job::{Job, JobId, Progress, Task};
use flowgate_core::lease::{Lease, OwnerToken};
use flowgate_core::page::PageRequest;
use flowgate_core::run::{
    Checkpoint, Claimed, Dialect, FinishedRun, Mode, NewRun, PinnedChild, RunEnd, RunHead,
    RunRecord, RunState,
};
use flowgate_core::secret::{Publisher, SigningPin};
use flowgate_core::time::Timestamp;
use flowgate_engine::call::Piece;
use flowgate_engine::{CallOutput, CallResult, NodeStatus, Usage};
use serde_json::json;

use super::World;

pub const WORKFLOW_UID: &str = "wf-uid";
pub const SIGNING: SigningPin = SigningPin { master: 1, epoch: 0 };

pub fn at(ms: i64) -> Timestamp {
    Timestamp(1_700_000_000_000 + ms)
}

/// Created at `n`, like [`head`]. Ids sort by `n`.
pub fn run_id(n: u32) -> Result<RunId> {
    RunId::parse(&format!("run_{:012x}70008000{n:012x}", at(i64::from(n)).millis()))
        .context("run id")
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub fn owner(name: &str) -> OwnerToken {
    OwnerToken(name.into())
}

pub fn head(n: u32) -> Result<RunHead> {
    Ok(RunHead {
        chosen_id: None,
        id: run_id(n)?,
        workflow_id: "story".into(),
        workflow_uid: WORKFLOW_UID.into(),
        workflow_name: "A story".into(),
        version: "1.0.0".into(),
        dialect: Dialect::Native,
        key_id: Some("key".into()),
        by_schedule: false,
        start_mode: None,
        counted: false,
        hops: 3,
        trace: TRACE.parse().ok(),
        user: None,
        context: None,
        session_user: None,
        input: Arc::new(json!({"n": n})),
        input_as_sent: Some("{\"n\": 1e0}".into()),
        webhooks: Vec::new(),
        save: true,
        signing: SIGNING,
        created_at: at(i64::from(n)),
        deadline_at: at(1_000_000),
        published_by: Publisher::Workflow,
        engine: 1,
        spending_limit: flowgate_engine::SpendingLimit::default(),
        origin: None,
        draft: None,
        part: flowgate_engine::Part::default(),
        children: vec![PinnedChild {
            name: flowgate_engine::child::ChildName {
                workflow: "lookup".into(),
                version: Some("1.0.1".into()),
            },
            uid: "lookup-uid".into(),
            version: "1.0.1".into(),
            published_by: Publisher::Workflow,
        }],
    })
}

/// A detached run without an owner, due at 30,000.
pub fn detached(n: u32) -> Result<NewRun> {
    Ok(NewRun {
        head: Arc::new(head(n)?),
        mode: Mode::Detached,
        owner: None,
        due_at: at(30_000),
        unique_rows: UniqueRows::default(),
    })
}

/// An attached run of the owner `a`, with a lease to 30,000.
pub fn attached(n: u32) -> Result<NewRun> {
    Ok(NewRun { mode: Mode::Attached, owner: Some(owner("a")), ..detached(n)? })
}

pub fn with_idempotency(mut run: NewRun, key: &str) -> NewRun {
    run.unique_rows.idempotency = Some(IdempotencyRow {
        key: idempotency_key(key),
        body_hash: format!("hash of {key}"),
        expires_at: at(50_000),
    });
    run
}

/// Adds an id that the caller chose.
pub fn with_chosen_id(mut run: NewRun, id: &str) -> NewRun {
    run.unique_rows.run_id = Some(IdempotencyRow {
        key: chosen_id_key(id),
        body_hash: String::new(),
        expires_at: at(50_000),
    });
    run
}

pub fn chosen_id_key(id: &str) -> IdempotencyKey {
    IdempotencyKey { scope: "run-id/workflow".into(), key: id.into() }
}

pub fn idempotency_key(key: &str) -> IdempotencyKey {
    IdempotencyKey { scope: "key/workflow".into(), key: key.into() }
}

/// Creates run `n` and claims it for `who` at 100, with a lease to 1,000.
pub async fn claimed(world: &World, n: u32, who: &str) -> Result<Lease> {
    world.runs.create(detached(n)?).await?;
    Ok(claim(world, n, who, 100, 1_000).await?.0)
}

/// Claims run `n`, and fails if the claim is refused.
pub async fn claim(
    world: &World,
    n: u32,
    who: &str,
    now: i64,
    until: i64,
) -> Result<(Lease, RunRecord)> {
    match world.runs.claim(&run_id(n)?, &owner(who), at(now), at(until)).await? {
        Claimed::Leased(lease, record) => Ok((lease, *record)),
        other => bail!("{who} was refused run {n}: {other:?}"),
    }
}

pub async fn stored(world: &World, n: u32) -> Result<RunRecord> {
    world.runs.read(&run_id(n)?).await?.context("the run does not exist")
}

pub fn ending(state: RunState) -> FinishedRun {
    let end = RunEnd {
        state,
        output: Arc::new(json!({"story": "Once"})),
        error: None,
        usage: Usage::default(),
        started_at: at(200),
        ended_at: at(900),
    };
    FinishedRun {
        workflow_uid: WORKFLOW_UID.into(),
        end: Arc::new(end),
        trace: vec![node_trace()],
        results: Vec::new(),
        events: Vec::new(),
        deliveries: Vec::new(),
        expires_at: at(5_000_000),
        due_at: None,
        tally: None,
    }
}

fn node_trace() -> NodeTrace {
    NodeTrace {
        node: "draft".into(),
        kind: "agent".into(),
        status: Some(NodeStatus::Succeeded),
        attempts: 1,
        ready_at: Some(at(299)),
        started_at: Some(at(300)),
        duration_ms: Some(12),
        input: Some(Arc::new(json!({"prompt": "Write"}))),
        output: Some(Arc::new(json!({"content": "Once"}))),
        error: None,
        tokens: Some(7),
        cost_nano_usd: Some(3),
        is_pinned: false,
        calls: vec![CallTrace {
            call: None,
            attempts: vec![AttemptTrace {
                started_at: Some(at(301)),
                ended_at: Some(at(312)),
                finish_reason: Some("stop".into()),
                tokens: Some(7),
                ..AttemptTrace::new(1, Some(at(300)))
            }],
        }],
    }
}

pub fn checkpoint(place: &str, order: u64, value: &str) -> Checkpoint {
    let output = CallOutput { value: json!(value), tokens: None, cost_nano_usd: None };
    Checkpoint {
        place: place.into(),
        order,
        input_hash: "hash".into(),
        attempts: 1,
        result: CallResult::Succeeded(output),
        started_at: Some(at(350)),
        ended_at: Some(at(400)),
        is_reused: false,
    }
}

pub fn chunk(fence: u64, n: u64) -> Event {
    Event {
        id: EventId { fence, n },
        at: at(400),
        kind: EventKind::Chunk { node: "draft".into(), call: None, text: format!("{fence}-{n}") },
    }
}

/// Delivery `index` of the end of run `n`, due at `due`.
pub fn delivery(n: u32, index: u32, due: i64) -> Result<Delivery> {
    let run = run_id(n)?;
    let request = FrozenRequest {
        status: Some("SUCCEED".to_owned()),
        method: "POST".into(),
        url: vec![
            Piece::Text("https://example.com/hook?token=".into()),
            Piece::Secret("HOOK".into()),
            Piece::Value("of a reference".into()),
        ],
        headers: vec![
            ("x-author".into(), HeaderValue::Author(vec![Piece::Text("a".into())])),
            ("x-caller".into(), HeaderValue::Sealed("sealed".into())),
        ],
        body: "{\"story\": \"Once\"}".into(),
        event: "run.succeeded".into(),
        published_by: Publisher::Workflow,
        hops: 1,
        trace: TRACE.parse().ok(),
        child: Some("lookup".into()),
        of_caller: true,
        at_end: Some(AtEnd { body: WebhookBody::A2aTask, name: "mine".into() }),
    };
    Ok(Delivery {
        id: DeliveryId::of(&run, &format!("end/{index}")),
        run,
        workflow_id: "story".into(),
        workflow_uid: WORKFLOW_UID.into(),
        signing: SIGNING,
        created_at: at(900),
        receiver: Group::new("example.com:443"),
        request: Arc::new(request),
        state: DeliveryState::Pending,
        due_at: Some(at(due)),
        owner: None,
        attempts: Vec::new(),
        attempts_made: 0,
        step: 0,
    })
}

/// The job that deletes the runs and versions of `uid`, due at 2,000.
pub fn workflow_job(n: u32, uid: &str) -> Result<Job> {
    Ok(Job {
        id: JobId::parse(&format!("job_{n:032x}")).context("job id")?,
        task: Task::WorkflowV1 { workflow_id: "story".into(), uid: uid.into() },
        created_at: at(1_000),
        due_at: Some(at(2_000)),
        ended_at: None,
        is_cancelled: false,
        revision: 1,
        progress: Progress::default(),
    })
}

pub fn first_page(limit: usize) -> PageRequest {
    PageRequest { limit, cursor: None }
}
