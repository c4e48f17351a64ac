//! Tasks as callers see them. [`flowgate_app::a2a`] has their fields.

use flowgate_app::a2a::{self, State};
use flowgate_app::access::Caller;
use flowgate_app::run::{AskedQuestion, RunRecord};
use flowgate_app::{App, Error, Result};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A run.
#[derive(ToSchema)]
#[schema(as = a2a::Task, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used; `flowgate_app::a2a` has the fields")]
pub(super) struct Task {
    /// The run's id.
    id: String,
    /// As the caller named it, or else the run's id.
    context_id: String,
    status: TaskStatus,
    /// `output`, once the task is completed: a data part with the outputs.
    #[schema(required = false)]
    artifacts: Vec<Artifact>,
}

#[derive(ToSchema)]
#[schema(as = a2a::TaskStatus)]
#[expect(dead_code, reason = "only its schema is used")]
struct TaskStatus {
    /// Without `TASK_STATE_AUTH_REQUIRED` and `TASK_STATE_REJECTED`.
    #[schema(examples("TASK_STATE_COMPLETED"))]
    state: String,
    /// Why the task failed, or what it asks.
    #[schema(required = false, nullable = false)]
    message: Option<Message>,
    timestamp: crate::http::time::Time,
}

#[derive(ToSchema)]
#[schema(as = a2a::Message, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Message {
    message_id: String,
    context_id: String,
    task_id: String,
    #[schema(examples("ROLE_AGENT"))]
    role: String,
    #[schema(value_type = Vec<Object>)]
    parts: Vec<()>,
}

#[derive(ToSchema)]
#[schema(as = a2a::Artifact, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Artifact {
    /// `output`, or in streams `text:<node>`.
    artifact_id: String,
    name: String,
    #[schema(value_type = Vec<Object>)]
    parts: Vec<()>,
}

/// What a stream has in each event: one of them.
#[derive(ToSchema)]
#[schema(as = a2a::StreamResponse, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct StreamResponse {
    /// The first, and the body of a notification.
    #[schema(nullable = false)]
    task: Option<Task>,
    #[schema(nullable = false)]
    status_update: Option<StatusUpdate>,
    #[schema(nullable = false)]
    artifact_update: Option<ArtifactUpdate>,
}

#[derive(ToSchema)]
#[schema(as = a2a::TaskStatusUpdateEvent, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct StatusUpdate {
    task_id: String,
    context_id: String,
    status: TaskStatus,
}

#[derive(ToSchema)]
#[schema(as = a2a::TaskArtifactUpdateEvent, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct ArtifactUpdate {
    task_id: String,
    context_id: String,
    artifact: Artifact,
    /// `false`: in place of what the artifact had.
    append: bool,
    last_chunk: bool,
}

/// A run, with the questions that it asks.
pub(super) struct Shown {
    pub(super) record: RunRecord,
    pub(super) questions: Vec<AskedQuestion>,
}

impl Shown {
    pub(super) async fn of(app: &App, caller: &Caller, record: RunRecord) -> Result<Self> {
        let questions = match State::of(&record) {
            State::InputRequired => questions(app, caller, &record).await?,
            _ => Vec::new(),
        };
        Ok(Self { record, questions })
    }

    pub(super) fn task(&self) -> a2a::Task<'_> {
        a2a::Task::of(&self.record, &self.questions)
    }
}

/// Who may start a run and not read it learns that it asks, and not what.
async fn questions(app: &App, caller: &Caller, record: &RunRecord) -> Result<Vec<AskedQuestion>> {
    match app.open_questions(caller, record.head.id.as_str()).await {
        Ok(asked) => Ok(asked.into_iter().map(|asked| asked.question).collect()),
        Err(Error::Forbidden(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.task().serialize(serializer)
    }
}
