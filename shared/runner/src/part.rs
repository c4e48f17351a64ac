//! Starts runs that only authors may start: of a draft, up to a node, with outputs given.

use flowgate_app::access::Caller;
use flowgate_app::error::{Error, FieldProblem, Result, What};
use flowgate_app::key::Scope;
use flowgate_app::run::{DRAFT, RunHead, TriedDraft};
use flowgate_app::workflows::Published;
use flowgate_engine::input::InputProblem;
use serde_json::{Map, Value};

use crate::Runner;
use crate::start::{Admitted, StartRequest};

/// What of a workflow is to run.
#[derive(Debug, Clone, Default)]
pub struct PartRequest {
    /// The node that the run ends with.
    pub until: Option<String>,
    /// The outputs of nodes that do not run.
    pub pins: Map<String, Value>,
}

impl PartRequest {
    fn is_whole(&self) -> bool {
        self.until.is_none() && self.pins.is_empty()
    }
}

impl Runner {
    /// Starts a run of a version or, with the version `draft`, of the saved draft. Only authors may
    /// start that one, or a part of a workflow.
    pub async fn start_part(
        &self,
        caller: &Caller,
        request: StartRequest,
        part: PartRequest,
    ) -> Result<Admitted> {
        let is_draft = request.version.as_deref() == Some(DRAFT);
        if !is_draft && part.is_whole() {
            return self.start_run(caller, request).await;
        }
        let id = request.workflow_id.clone();
        caller.require(Scope::Run, &id, What::Workflow)?;
        caller.require(Scope::Author, &id, What::Workflow)?;
        if is_draft {
            let (published, draft) = self.app.draft(caller, &id).await?;
            return self.start_checked(caller, &published, request, part, Some(draft)).await;
        }
        let published = self.app.published(&id, request.version.as_deref()).await?;
        self.start_checked(caller, &published, request, part, None).await
    }

    async fn start_checked(
        &self,
        caller: &Caller,
        published: &Published,
        request: StartRequest,
        part: PartRequest,
        draft: Option<TriedDraft>,
    ) -> Result<Admitted> {
        // The files of pins are the run's, as those of its input are.
        let mut pins = Value::Object(part.pins);
        let files = self.app.check_files(caller, &mut pins, "/pins").await?;
        let pins = match pins {
            Value::Object(pins) => pins,
            _ => Map::new(),
        };
        let part = published.workflow.accept_part(part.until.as_deref(), pins);
        let fix = |head: RunHead| match part {
            Ok(part) => Ok(RunHead { draft: draft.map(Box::new), part, ..head }),
            Err(problems) => Err(bad_fields(problems)),
        };
        self.start_published(caller, published, request, (fix, files)).await
    }
}

fn bad_fields(problems: Vec<InputProblem>) -> Error {
    let field =
        |problem: InputProblem| FieldProblem { pointer: problem.pointer, message: problem.message };
    Error::BadInput(problems.into_iter().map(field).collect())
}
