//! Imports of other systems' files: drafts, and the keys that stood in the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowgate_core::key::Scope;
use flowgate_core::memory::Holder;
use flowgate_core::secret::{
    SecretHost, SecretRecord, SecretRule, SecretUser, SecretWorkflows, SigningPin,
};
use flowgate_core::workflow::{Draft, WorkflowRecord, document_hash, etag};
use flowgate_engine::Problem;
use flowgate_import::{FoundSecret, Import, Options, Report, yaml};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::secrets::MAX_SECRET;
use crate::workflows::{MAX_DOCUMENT, OnlyIf, SaveDraft, Saved, check_id, name_of};

/// A file to import.
pub struct NewImport {
    pub content: Vec<u8>,
    /// Names a workflow whose file has no name.
    pub name: Option<String>,
    pub reserved_input_names: &'static [&'static str],
}

/// What became of a file.
pub struct Imported {
    pub workflows: Vec<ImportedWorkflow>,
    pub report: Report,
    pub secrets: Vec<ImportedSecret>,
}

pub struct ImportedWorkflow {
    pub record: WorkflowRecord,
    pub problems: Vec<Problem>,
}

/// A key that stood in the file.
pub struct ImportedSecret {
    pub name: String,
    pub hosts: Vec<String>,
    /// JSON pointer into the file.
    pub place: String,
    /// `false`: the caller may store none, or the file does not say where it is sent; its value is
    /// forgotten.
    pub is_stored: bool,
}

/// A draft that has been checked and not been stored.
struct Prepared {
    id: String,
    /// What the workflow is called inside.
    uid: String,
    draft: Draft,
    problems: Vec<Problem>,
}

const MAX_NAME: usize = 200;
/// An id may be taken while the import looks for one that is not.
const MAX_ROUNDS: usize = 5;
/// When imports at once have taken every id that this one looked for.
const IDS_RETRY: Duration = Duration::from_secs(1);
const MAX_NUMBER: usize = 1_000;

impl App {
    /// Saves the workflows of a file as drafts of new workflows, all of them or none: everything
    /// that can be refused is refused before the first write, and a write that fails takes those
    /// before it back. Keys in the file become new secrets of these workflows, if the caller may
    /// store any.
    pub async fn import(self: &Arc<Self>, caller: &Caller, new: NewImport) -> Result<Imported> {
        caller.require_scope(Scope::Author)?;
        if new.name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            return Err(Error::bad_field("name", format!("has at most {MAX_NAME} bytes")));
        }
        let mut import = self.read_import(caller, new.content, new.name).await?;
        for _ in 0..MAX_ROUNDS {
            let ids = self.free_ids(caller, &import).await?;
            rename(&mut import, &ids);
            let prepared = self.prepare(caller, &import, new.reserved_input_names).await?;
            let secrets = self.secrets_to_store(caller, &import, &prepared);
            if let Some(workflows) = self.store_import(prepared, &secrets).await? {
                let is_stored = |name: &str| secrets.iter().any(|(known, _)| known == name);
                let shown = |found: FoundSecret| ImportedSecret {
                    is_stored: is_stored(&found.name),
                    name: found.name,
                    hosts: found.hosts,
                    place: found.place,
                };
                let secrets = import.secrets.into_iter().map(shown).collect();
                return Ok(Imported { workflows, report: import.report, secrets });
            }
        }
        Err(Error::Overloaded { retry_after: IDS_RETRY })
    }

    /// Saves a document of ours as the draft of a new workflow: of the wanted id, or of one with a
    /// number if that is taken.
    pub async fn import_document(
        &self,
        caller: &Caller,
        wanted: &str,
        document: &str,
        reserved_input_names: &'static [&'static str],
    ) -> Result<Saved> {
        caller.require_scope(Scope::Author)?;
        for _ in 0..MAX_ROUNDS {
            let id = self.free_id(caller, wanted, &[]).await?;
            let only_if = OnlyIf::New;
            let draft = SaveDraft { id: &id, document, only_if, reserved_input_names };
            match self.save_draft(caller, draft).await {
                // The id was taken meanwhile.
                Err(Error::Stale) => {}
                saved => return saved,
            }
        }
        Err(Error::Overloaded { retry_after: IDS_RETRY })
    }

    async fn read_import(
        &self,
        caller: &Caller,
        content: Vec<u8>,
        name: Option<String>,
    ) -> Result<Import> {
        let stored = self.ports.secrets.list().await?;
        let taken_secrets = stored.into_iter().map(|secret| secret.name).collect();
        let unique = self.new_uuid(self.now()).simple().to_string().to_uppercase();
        let secret_suffix = format!("_{}", &unique[unique.len() - 6..]);
        let options = Options { name, taken_secrets, secret_suffix };
        let holder = Holder::of_key(caller.key_id());
        let work = move || flowgate_import::import(&content, &options);
        self.compute.run(&holder, work).await.map_err(Error::InvalidDocument)
    }

    /// An id for each workflow that no other one has: the file's own, else one with a number.
    async fn free_ids(&self, caller: &Caller, import: &Import) -> Result<Vec<String>> {
        let mut ids: Vec<String> = Vec::new();
        for workflow in &import.workflows {
            ids.push(self.free_id(caller, &workflow.id, &ids).await?);
        }
        Ok(ids)
    }

    async fn free_id(&self, caller: &Caller, wanted: &str, taken: &[String]) -> Result<String> {
        let base = without_number(wanted);
        let numbered = (2..MAX_NUMBER).map(|n| format!("{base}-{n}"));
        for id in std::iter::once(wanted.to_owned()).chain(numbered) {
            let is_usable = check_id(&id).is_ok() && !taken.contains(&id);
            if is_usable && self.ports.workflows.read(&id).await?.is_none() {
                caller.require(Scope::Author, &id, What::Workflow)?;
                return Ok(id);
            }
        }
        Err(Error::bad_field("/id", format!("all ids like `{wanted}` are taken")))
    }

    async fn prepare(
        &self,
        caller: &Caller,
        import: &Import,
        reserved_input_names: &'static [&'static str],
    ) -> Result<Vec<Prepared>> {
        let mut prepared = Vec::new();
        for workflow in &import.workflows {
            let document: Arc<str> = yaml::written(&workflow.document).into();
            if document.len() > MAX_DOCUMENT {
                return Err(Error::TooLarge("a workflow document has at most 1 MiB".to_owned()));
            }
            let user =
                SecretUser { workflow_id: workflow.id.clone(), published_by: caller.publisher() };
            let checked =
                self.check_draft(caller, document.clone(), reserved_input_names, &user).await?;
            let draft = Draft {
                name: name_of(&checked.document, &workflow.id),
                etag: etag(&document_hash(&document)).to_owned(),
                document,
                saved_at: self.now(),
                saved_by: caller.key_id().map(str::to_owned),
            };
            let problems = checked.problems;
            let uid = self.new_uuid(self.now()).simple().to_string();
            prepared.push(Prepared { id: workflow.id.clone(), uid, draft, problems });
        }
        Ok(prepared)
    }

    /// The secrets that the caller may store, each for the workflows that name it and the hosts
    /// that the file names. One without a host could be sent anywhere: it is not stored.
    fn secrets_to_store(
        &self,
        caller: &Caller,
        import: &Import,
        prepared: &[Prepared],
    ) -> Vec<(String, SecretRecord)> {
        if caller.require_platform(Scope::Author).is_err() {
            return Vec::new();
        }
        let record = |found: &FoundSecret| {
            let reference = format!("{{{{{}}}}}", found.name);
            let users = prepared.iter().filter(|one| one.draft.document.contains(&reference));
            let ids: Vec<String> = users.map(|one| one.id.clone()).collect();
            let value = found.value.reveal().to_owned();
            let is_usable = !ids.is_empty() && !value.is_empty() && value.len() <= MAX_SECRET;
            let hosts: Vec<SecretHost> =
                found.hosts.iter().filter_map(|host| SecretHost::parse(host)).collect();
            let is_usable = is_usable && !hosts.is_empty();
            let rule =
                SecretRule { hosts, workflows: SecretWorkflows::Only(ids.into_iter().collect()) };
            is_usable.then(|| (found.name.clone(), SecretRecord { value: value.into(), rule }))
        };
        import.secrets.iter().filter_map(record).collect()
    }

    /// Returns nothing, and leaves nothing, if an id was taken meanwhile. Goes on to its end even
    /// if the caller hangs up.
    async fn store_import(
        self: &Arc<Self>,
        prepared: Vec<Prepared>,
        secrets: &[(String, SecretRecord)],
    ) -> Result<Option<Vec<ImportedWorkflow>>> {
        let (send, outcome) = oneshot::channel();
        let (app, secrets) = (self.clone(), secrets.to_vec());
        self.in_background(async move {
            // The caller may be gone.
            let _ = send.send(app.write_all_or_none(prepared, &secrets).await);
        });
        let ended = |_| Error::Internal(anyhow::anyhow!("the task of an import has ended"));
        outcome.await.map_err(ended)?
    }

    async fn write_all_or_none(
        &self,
        prepared: Vec<Prepared>,
        secrets: &[(String, SecretRecord)],
    ) -> Result<Option<Vec<ImportedWorkflow>>> {
        // What fails may have been applied nonetheless: each id is taken back where it has our uid.
        let ids: Vec<(String, String)> =
            prepared.iter().map(|one| (one.id.clone(), one.uid.clone())).collect();
        let outcome = self.write_import(prepared, secrets).await;
        if !matches!(outcome, Ok(Some(_))) {
            for (id, uid) in &ids {
                note_undone(id, self.delete_uid(id, uid, None).await.map(|_| ()));
            }
            for (name, _) in secrets {
                let undone = self.ports.secrets.delete(name).await.map(|_| ());
                note_undone(name, undone.map_err(Error::from));
            }
        }
        outcome
    }

    /// `None`: an id was taken meanwhile.
    async fn write_import(
        &self,
        prepared: Vec<Prepared>,
        secrets: &[(String, SecretRecord)],
    ) -> Result<Option<Vec<ImportedWorkflow>>> {
        for (name, record) in secrets {
            self.ports.secrets.put(name, record, self.now()).await?;
        }
        let pin = SigningPin { master: self.keyring().await?.newest_master()?, epoch: 1 };
        let mut stored = Vec::new();
        for Prepared { id, uid, draft, problems } in prepared {
            let created = self.ports.workflows.create(&id, draft, &uid, pin).await?;
            self.workflow_cache.forget(&id);
            let Some(record) = created else { return Ok(None) };
            stored.push(ImportedWorkflow { record, problems });
        }
        Ok(Some(stored))
    }
}

fn note_undone(what: &str, undone: Result<()>) {
    if let Err(error) = undone {
        tracing::error!(what, ?error, "a part of an import that failed could not be taken back");
    }
}

/// `story` of `story-2`, short enough for another number.
fn without_number(id: &str) -> &str {
    const MAX_BASE: usize = 58;
    let is_number = |text: &str| text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    let split = id.rsplit_once('-').filter(|(base, number)| !base.is_empty() && is_number(number));
    let base = split.map_or(id, |(base, _)| base);
    &base[..base.len().min(MAX_BASE)]
}

/// Gives the workflows their ids, and those that call each other the new ones.
fn rename(import: &mut Import, ids: &[String]) {
    let new: BTreeMap<String, String> = import
        .workflows
        .iter()
        .zip(ids)
        .map(|(workflow, id)| (workflow.id.clone(), id.clone()))
        .collect();
    for workflow in &mut import.workflows {
        call_by(&mut workflow.document, &new);
        workflow.id = new[&workflow.id].clone();
    }
    for entry in &mut import.report.entries {
        if let Some(id) = new.get(&entry.workflow) {
            entry.workflow.clone_from(id);
        }
    }
}

/// Renames the children of a document: `{ type: workflow, workflow }`, and tools `{ workflow }`.
fn call_by(value: &mut Value, new: &BTreeMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| call_by(item, new)),
        Value::Object(fields) => {
            let is_call = fields.get("type").is_none_or(|kind| kind == "workflow");
            if let Some(Value::String(child)) = fields.get_mut("workflow").filter(|_| is_call)
                && let Some(id) = new.get(child)
            {
                child.clone_from(id);
            }
            for name in ["nodes", "tools"] {
                if let Some(inner) = fields.get_mut(name) {
                    call_by(inner, new);
                }
            }
        }
        _ => {}
    }
}
