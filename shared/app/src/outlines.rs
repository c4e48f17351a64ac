//! What an author sees of a document: what is wrong with it, its outline, and how it differs from
//! the active version.

use std::sync::Arc;

use flowgate_core::key::Scope;
use flowgate_core::memory::Holder;
use flowgate_core::secret::SecretUser;
use flowgate_core::workflow::{VersionRecord, WorkflowRecord};
use flowgate_engine::document::Document;
use flowgate_engine::outline::Outline;
use flowgate_engine::{CompileOptions, KindSpec, Problem, Workflow};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::workflows::{Checked, MAX_DOCUMENT, MAX_SHORT_DOCUMENT};

/// A document as its author sees it.
pub struct Inspected {
    /// Empty if the document has none.
    pub name: String,
    pub problems: Vec<Problem>,
    /// `None` if the text cannot be read.
    pub outline: Option<Outline>,
}

impl App {
    /// Returns what is wrong with the stored draft, and its outline.
    pub async fn inspect_draft(
        &self,
        caller: &Caller,
        record: &WorkflowRecord,
        reserved_input_names: &'static [&'static str],
    ) -> Result<Inspected> {
        caller.require(Scope::Author, &record.id, What::Workflow)?;
        let text = record.draft.document.clone();
        match self.inspect(caller, text, reserved_input_names, Some(record)).await {
            // A draft of an earlier release that this one cannot read.
            Err(Error::InvalidDocument(problems)) => {
                let name = record.draft.name.clone();
                Ok(Inspected { name, problems, outline: None })
            }
            inspected => inspected,
        }
    }

    /// Checks a document as if it were saved as a draft, of the workflow if one is named. Stores
    /// nothing.
    pub async fn validate(
        &self,
        caller: &Caller,
        document: &str,
        workflow: Option<&str>,
        reserved_input_names: &'static [&'static str],
    ) -> Result<Inspected> {
        let record = match workflow {
            Some(id) => Some(self.read_workflow(caller, id).await?),
            None => {
                caller.require_scope(Scope::Author)?;
                None
            }
        };
        if document.len() > MAX_DOCUMENT {
            return Err(Error::TooLarge("a workflow document has at most 1 MiB".to_owned()));
        }
        self.inspect(caller, document.into(), reserved_input_names, record.as_ref()).await
    }

    /// Returns a version with its outline, which is compared with nothing.
    pub async fn read_version(
        &self,
        caller: &Caller,
        id: &str,
        version: &str,
    ) -> Result<(WorkflowRecord, VersionRecord, Option<Outline>)> {
        let record = self.read_workflow(caller, id).await?;
        let found = self.ports.workflows.version(&record.uid, version).await?;
        let found = found.ok_or(Error::NotFound(What::Version))?;
        let outline = self.outline_of(&record.uid, found.document.clone()).await;
        Ok((record, found, outline))
    }

    /// Returns the outline of a document that was published; `None` if it cannot be read any more.
    pub async fn outline_of(&self, uid: &str, document: Arc<str>) -> Option<Outline> {
        let kinds = self.kinds().clone();
        let options = CompileOptions { kinds, is_published: true, ..CompileOptions::default() };
        let is_short = document.len() <= MAX_SHORT_DOCUMENT;
        let work = move || {
            let document = Document::parse(&document).ok()?;
            Some(Workflow::compile_with_outline(&document, &options).2)
        };
        if is_short { work() } else { self.compute.run(&Holder::of_workflow(uid), work).await }
    }

    /// Returns the kinds of nodes that documents may use.
    pub fn kinds_of_nodes(&self) -> impl Iterator<Item = &KindSpec> {
        self.kinds().iter().map(|kind| &**kind)
    }

    async fn inspect(
        &self,
        caller: &Caller,
        document: Arc<str>,
        reserved_input_names: &'static [&'static str],
        record: Option<&WorkflowRecord>,
    ) -> Result<Inspected> {
        let workflow_id = record.map(|record| record.id.clone()).unwrap_or_default();
        let user = SecretUser { workflow_id, published_by: caller.publisher() };
        let mut checked =
            self.check_draft(caller, document.clone(), reserved_input_names, &user).await?;
        if let Some(record) = record {
            self.compare_with_active(record, &document, &mut checked).await?;
        }
        let name = checked.document.root().get("name").and_then(|name| name.as_str());
        let name = name.unwrap_or_default().to_owned();
        Ok(Inspected { name, problems: checked.problems, outline: Some(checked.outline) })
    }

    /// Checks a document as [`Self::check`] does, and for children that the caller may not use.
    pub(crate) async fn check_draft(
        &self,
        caller: &Caller,
        document: Arc<str>,
        reserved_input_names: &'static [&'static str],
        user: &SecretUser,
    ) -> Result<Checked> {
        let mut checked = self.check(caller, document, reserved_input_names, user).await?;
        if let Some(workflow) = &checked.workflow {
            let forbidden = Self::forbidden_children(caller, &checked.document, workflow);
            checked.problems.extend(forbidden);
        }
        Ok(checked)
    }

    /// Notes in the outline what differs from the active version, if one is active.
    pub(crate) async fn compare_with_active(
        &self,
        record: &WorkflowRecord,
        text: &str,
        checked: &mut Checked,
    ) -> Result<()> {
        let Some(active) = &record.active_version else { return Ok(()) };
        let Some(version) = self.ports.workflows.version(&record.uid, active).await? else {
            return Ok(());
        };
        let before = version.document;
        if *before == *text {
            return Ok(());
        }
        let options = CompileOptions { kinds: self.kinds().clone(), ..CompileOptions::default() };
        let is_short = before.len().max(text.len()) <= MAX_SHORT_DOCUMENT;
        let mut outline = std::mem::take(&mut checked.outline);
        let document = checked.document.clone();
        let work = move || {
            if let Ok(before) = Document::parse(&before) {
                outline.compare(&document, &before, &options);
            }
            outline
        };
        checked.outline = match is_short {
            true => work(),
            false => self.compute.run(&Holder::of_workflow(&record.uid), work).await,
        };
        Ok(())
    }
}
