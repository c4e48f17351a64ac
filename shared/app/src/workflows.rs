//! Use cases of workflows: drafts, immutable versions, the active version.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use flowgate_core::key::Scope;
use flowgate_core::memory::Holder;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::schedule::NewSchedule;
use flowgate_core::secret::{Publisher, SecretUser, SigningPin};
use flowgate_core::workflow::{
    Draft, DraftSaved, NewVersion, SetActive, UseOfSecrets, VersionInfo, VersionPublished,
    WorkflowRecord, document_hash, etag, version_number,
};
use flowgate_engine::document::{Document, ParseError};
use flowgate_engine::outline::Outline;
use flowgate_engine::{CompileOptions, Kinds, Problem, Severity, Workflow};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::workflow_cache::Compiled;

/// A version ready to run.
pub struct Published {
    pub id: String,
    pub uid: String,
    pub version: String,
    pub signing: SigningPin,
    pub published_by: Publisher,
    pub workflow: Arc<Workflow>,
}

/// A document with everything that is wrong with it.
pub(crate) struct Checked {
    pub document: Document,
    /// `None` if a problem is an error.
    pub workflow: Option<Workflow>,
    pub problems: Vec<Problem>,
    pub outline: Outline,
}

/// A request to save a draft.
pub struct SaveDraft<'a> {
    pub id: &'a str,
    pub document: &'a str,
    pub only_if: OnlyIf<'a>,
    /// Input fields with these names get a warning: requests of some callers cannot send them.
    pub reserved_input_names: &'static [&'static str],
}

/// What must be stored for a draft to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyIf<'a> {
    Any,
    /// No workflow of this id.
    New,
    /// A draft with this etag.
    Etag(&'a str),
}

/// A saved draft with its problems.
pub struct Saved {
    pub record: WorkflowRecord,
    pub problems: Vec<Problem>,
    pub outline: Outline,
}

/// Taken by routes, and by the tools beside the workflows (MCP).
const RESERVED: [&str; 5] = ["import", "invoke", "validate", "get_run", "cancel_run"];
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// Compiles in about a millisecond, which is not worth another thread's turn.
pub(crate) const MAX_SHORT_DOCUMENT: usize = 16 * 1024;
const MAX_NOTES: usize = 10_000;

impl App {
    /// Saves the draft and returns its problems. Refuses only text that does not parse as a
    /// document.
    pub async fn save_draft(&self, caller: &Caller, draft: SaveDraft<'_>) -> Result<Saved> {
        let SaveDraft { id, document, only_if, reserved_input_names } = draft;
        caller.require(Scope::Author, id, What::Workflow)?;
        check_id(id)?;
        if document.len() > MAX_DOCUMENT {
            return Err(Error::TooLarge("a workflow document has at most 1 MiB".to_owned()));
        }
        let user = SecretUser { workflow_id: id.to_owned(), published_by: caller.publisher() };
        let document: Arc<str> = document.into();
        let mut checked =
            self.check_draft(caller, document.clone(), reserved_input_names, &user).await?;
        let draft = Draft {
            name: name_of(&checked.document, id),
            etag: etag(&document_hash(&document)).to_owned(),
            document: document.clone(),
            saved_at: self.now(),
            saved_by: caller.key_id().map(str::to_owned),
        };
        let pin = SigningPin { master: self.keyring().await?.newest_master()?, epoch: 1 };
        let uid = self.new_uuid(self.now()).simple().to_string();
        let saved = self.write_draft(id, draft, (&uid, pin), only_if).await;
        self.workflow_cache.forget(id);
        let record = saved?.ok_or(Error::Stale)?;
        self.compare_with_active(&record, &document, &mut checked).await?;
        let Checked { problems, outline, .. } = checked;
        Ok(Saved { record, problems, outline })
    }

    async fn write_draft(
        &self,
        id: &str,
        draft: Draft,
        (uid, pin): (&str, SigningPin),
        only_if: OnlyIf<'_>,
    ) -> Result<Option<WorkflowRecord>> {
        let if_match = match only_if {
            OnlyIf::New => return Ok(self.ports.workflows.create(id, draft, uid, pin).await?),
            OnlyIf::Any => None,
            OnlyIf::Etag(etag) => Some(etag),
        };
        Ok(match self.ports.workflows.save_draft(id, draft, uid, pin, if_match).await? {
            DraftSaved::Saved(record) => Some(*record),
            DraftSaved::Stale => None,
        })
    }

    pub async fn read_workflow(&self, caller: &Caller, id: &str) -> Result<WorkflowRecord> {
        caller.require(Scope::Author, id, What::Workflow)?;
        self.stored_workflow(id).await
    }

    /// Publishes the draft as an immutable version and makes it active, unless the active version
    /// has the same document. With `if_match`, publishes the draft with this etag or none.
    pub async fn publish(
        &self,
        caller: &Caller,
        id: &str,
        notes: Option<String>,
        if_match: Option<&str>,
    ) -> Result<VersionPublished> {
        caller.require(Scope::Author, id, What::Workflow)?;
        if notes.as_ref().is_some_and(|notes| notes.len() > MAX_NOTES) {
            return Err(Error::bad_field("/notes", "must have at most 10000 characters"));
        }
        let WorkflowRecord { uid, draft, .. } = self.stored_workflow(id).await?;
        if if_match.is_some_and(|etag| etag != draft.etag) {
            return Err(Error::Stale);
        }
        let user = SecretUser { workflow_id: id.to_owned(), published_by: caller.publisher() };
        let (document, workflow) = self.sound(caller, draft.document.clone(), &user).await?;
        Self::require_children(caller, &workflow)?;
        let version = NewVersion {
            hash: document_hash(&draft.document),
            document: draft.document,
            name: name_of(&document, id),
            notes,
            at: self.now(),
            use_of_secrets: UseOfSecrets {
                published_by: user.published_by,
                key: caller.key_id().map(str::to_owned),
                names: Some(workflow.secrets().into_iter().collect()),
            },
            schedules: self.new_schedules(&uid, &workflow).await?,
        };
        let published = self.ports.workflows.publish(id, version).await?;
        self.workflow_cache.forget(id);
        published.ok_or(Error::NotFound(What::Workflow))
    }

    /// Makes another version active: the one named, or the one that was active before.
    pub async fn rollback(
        &self,
        caller: &Caller,
        id: &str,
        version: Option<&str>,
    ) -> Result<String> {
        caller.require(Scope::Author, id, What::Workflow)?;
        let record = self.stored_workflow(id).await?;
        let version = match version {
            Some(version) => version.to_owned(),
            None => record.rollback_targets.last().ok_or(Error::NotFound(What::Version))?,
        };
        let compiled = self.compiled(&record.uid, &version).await?;
        let workflow = compiled.ok_or(Error::NotFound(What::Version))?;
        Self::require_children(caller, &workflow)?;
        let schedules = self.new_schedules(&record.uid, &workflow).await?;
        self.point_at(id, Some(&version), schedules).await?;
        Ok(version)
    }

    /// Takes the endpoint down. Runs in flight continue to their end.
    pub async fn unpublish(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require(Scope::Author, id, What::Workflow)?;
        self.point_at(id, None, Vec::new()).await
    }

    pub async fn list_versions(
        &self,
        caller: &Caller,
        id: &str,
        page: PageRequest,
    ) -> Result<(WorkflowRecord, Page<VersionInfo>)> {
        let record = self.read_workflow(caller, id).await?;
        let versions = self.ports.workflows.versions(&record.uid, page).await?;
        Ok((record, versions))
    }

    /// Returns the record, which says whether callers can run the workflow, and since when.
    pub async fn deployment(&self, caller: &Caller, id: &str) -> Result<Arc<WorkflowRecord>> {
        caller.require(Scope::Read, id, What::Workflow)?;
        self.cached_workflow(id).await
    }

    /// Returns whether the active version differs from the draft.
    pub async fn draft_differs(&self, record: &WorkflowRecord) -> Result<bool> {
        let Some(active) = &record.active_version else { return Ok(true) };
        let version = self
            .ports
            .workflows
            .version(&record.uid, active)
            .await?
            .ok_or(Error::NotFound(What::Version))?;
        Ok(etag(&version.info.hash) != record.draft.etag)
    }

    /// Returns the active version, or the pinned one.
    pub async fn published(&self, id: &str, pinned: Option<&str>) -> Result<Arc<Published>> {
        let record = self.cached_workflow(id).await?;
        let version = match (pinned, &record.active_version) {
            (_, None) => return Err(Error::NotPublished),
            (Some(pinned), _) => pinned,
            (None, Some(active)) => active,
        };
        let Compiled { workflow, published_by } = self
            .compiled_version(&record.uid, version)
            .await?
            .ok_or(Error::NotFound(What::Version))?;
        Ok(Arc::new(Published {
            id: record.id.clone(),
            uid: record.uid.clone(),
            version: version.to_owned(),
            signing: record.signing,
            published_by,
            workflow,
        }))
    }

    /// Returns a published version, compiled once per process. `None` if there is no such version.
    pub async fn compiled(&self, uid: &str, version: &str) -> Result<Option<Arc<Workflow>>> {
        let compiled = self.compiled_version(uid, version).await?;
        Ok(compiled.map(|compiled| compiled.workflow))
    }

    /// Returns a published version, and who published it.
    pub async fn version_of(
        &self,
        uid: &str,
        version: &str,
    ) -> Result<Option<(Arc<Workflow>, Publisher)>> {
        let compiled = self.compiled_version(uid, version).await?;
        Ok(compiled.map(|compiled| (compiled.workflow, compiled.published_by)))
    }

    async fn compiled_version(&self, uid: &str, version: &str) -> Result<Option<Compiled>> {
        if version_number(version).is_none() {
            return Ok(None);
        }
        if let Some(compiled) = self.workflow_cache.compiled(uid, version) {
            return Ok(Some(compiled));
        }
        let Some(record) = self.ports.workflows.version(uid, version).await? else {
            return Ok(None);
        };
        let workflow = self.compiled_anew(uid, version, record.document).await?;
        let published_by = record.info.use_of_secrets.published_by;
        let compiled = Compiled { workflow, published_by };
        self.workflow_cache.keep_compiled(uid, version, compiled.clone());
        Ok(Some(compiled))
    }

    /// Compiles a document that compiled when it was pinned.
    pub(crate) async fn compiled_anew(
        &self,
        uid: &str,
        version: &str,
        document: Arc<str>,
    ) -> Result<Arc<Workflow>> {
        let options = CompileOptions {
            kinds: self.kinds().clone(),
            is_published: true,
            ..CompileOptions::default()
        };
        let holder = Holder::of_workflow(uid);
        let is_short = document.len() <= MAX_SHORT_DOCUMENT;
        let work = move || Ok(Workflow::compile_with(&Document::parse(&document)?, &options));
        let compiled = if is_short { work() } else { self.compute.run(&holder, work).await };
        let (workflow, problems) = compiled.map_err(|error: ParseError| {
            anyhow!("a published document does not parse: {}", error.message)
        })?;
        Ok(Arc::new(workflow.with_context(|| {
            format!("published version {version} does not compile any more: {problems:?}")
        })?))
    }

    async fn compile(
        &self,
        holder: &Holder,
        text: Arc<str>,
        options: CompileOptions,
    ) -> std::result::Result<Checked, ParseError> {
        let is_short = text.len() <= MAX_SHORT_DOCUMENT;
        let work = move || {
            let document = Document::parse(&text)?;
            let (workflow, problems, outline) = Workflow::compile_with_outline(&document, &options);
            Ok(Checked { document, workflow, problems, outline })
        };
        if is_short { work() } else { self.compute.run(holder, work).await }
    }

    /// Named only where documents are compiled, so that functions that compile none do not link the
    /// kinds.
    pub(crate) fn kinds(&self) -> &Kinds {
        self.settings.kinds.as_ref().unwrap_or_else(|| Kinds::standard())
    }

    pub(crate) async fn cached_workflow(&self, id: &str) -> Result<Arc<WorkflowRecord>> {
        let now = self.now();
        let generation = match self.workflow_cache.fresh(id, now) {
            Ok(record) => return Ok(record),
            Err(generation) => generation,
        };
        let record = Arc::new(self.stored_workflow(id).await?);
        self.workflow_cache.keep(generation, record.clone(), now);
        Ok(record)
    }

    pub(crate) async fn stored_workflow(&self, id: &str) -> Result<WorkflowRecord> {
        if !is_workflow_id(id) {
            return Err(Error::NotFound(What::Workflow));
        }
        self.ports.workflows.read(id).await?.ok_or(Error::NotFound(What::Workflow))
    }

    /// Returns the document with its problems; fails if the text is not a document.
    pub(crate) async fn check(
        &self,
        caller: &Caller,
        document: Arc<str>,
        reserved_input_names: &'static [&'static str],
        user: &SecretUser,
    ) -> Result<Checked> {
        let mut options = CompileOptions {
            kinds: self.kinds().clone(),
            reserved_input_names,
            ..CompileOptions::default()
        };
        let holder = Holder::of_workflow(&user.workflow_id);
        let compiled = self.compile(&holder, document.clone(), options.clone()).await;
        let mut checked = compiled.map_err(|error| {
            let (line, column) = (Some(error.line), Some(error.column));
            let severity = Severity::Error;
            let problem =
                Problem { severity, path: String::new(), line, column, message: error.message };
            Error::InvalidDocument(vec![problem])
        })?;
        if let Some(workflow) =
            checked.workflow.as_ref().filter(|found| !found.children().is_empty())
        {
            options.children = self.known_children(caller, workflow).await?;
            let compiled = self.compile(&holder, document, options).await;
            checked = compiled.map_err(|error| anyhow!("{}", error.message))?;
        }
        if let Some(workflow) = &checked.workflow {
            let id = &user.workflow_id;
            let of_children = self.child_problems(caller, id, &checked.document, workflow).await?;
            checked.problems.extend(of_children);
            let of_schedules = self.schedule_problems(&holder, &checked.document, workflow).await;
            checked.problems.extend(of_schedules);
            let of_secrets = self.secret_problems(&checked.document, workflow, user).await?;
            checked.problems.extend(of_secrets);
        }
        Ok(checked)
    }

    /// Returns the document without errors; fails with all of them.
    pub(crate) async fn sound(
        &self,
        caller: &Caller,
        document: Arc<str>,
        user: &SecretUser,
    ) -> Result<(Document, Workflow)> {
        let Checked { document, workflow, problems, .. } =
            self.check(caller, document, &[], user).await?;
        let is_sound = problems.iter().all(|problem| problem.severity != Severity::Error);
        match workflow.filter(|_| is_sound) {
            Some(workflow) => Ok((document, workflow)),
            None => Err(Error::InvalidDocument(problems)),
        }
    }

    async fn point_at(
        &self,
        id: &str,
        version: Option<&str>,
        schedules: Vec<NewSchedule>,
    ) -> Result<()> {
        let set = self.ports.workflows.set_active(id, version, self.now(), schedules).await?;
        self.workflow_cache.forget(id);
        match set {
            SetActive::Done => Ok(()),
            SetActive::UnknownWorkflow => Err(Error::NotFound(What::Workflow)),
            SetActive::UnknownVersion => Err(Error::NotFound(What::Version)),
        }
    }
}

/// Falls back to the id for a workflow without a name.
pub(crate) fn name_of(document: &Document, id: &str) -> String {
    document.root().get("name").and_then(|name| name.as_str()).unwrap_or(id).to_owned()
}

pub(crate) fn check_id(id: &str) -> Result<()> {
    if RESERVED.contains(&id) {
        return Err(Error::bad_field("/id", format!("`{id}` is a reserved name")));
    }
    if is_workflow_id(id) {
        Ok(())
    } else {
        Err(Error::bad_field(
            "/id",
            "must be a letter or digit, then up to 63 letters, digits, - or _",
        ))
    }
}

pub fn is_workflow_id(id: &str) -> bool {
    id.len() <= 64
        && id.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
