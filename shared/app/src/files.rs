//! Files of callers and runs: uploads, who may read them, and the files of a run's input.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use flowgate_core::deadline;
use flowgate_core::file::{
    ANY_TYPE, FileId, FileLink, FileOwner, FileRecord, FileRef, FileWriter, MAX_FILE, NewFile,
    Received, Shared, is_name, read_media_type,
};
use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::run::RunHead;
use flowgate_engine::file::{MARK, find_marked};
use flowgate_engine::json::push_segment;
use serde_json::{Map, Value};

use crate::access::Caller;
use crate::error::{Error, FieldProblem, Result, What};
use crate::platform::App;

/// Files in the input of one run: each is looked up.
const MAX_FILES: usize = 100;
/// A caller who sends 50 MB is slower than a store should be.
const UPLOAD_TIME: Duration = Duration::from_secs(10 * 60);

/// What a caller says of a file before its bytes come.
#[derive(Debug, Clone)]
pub struct Announced {
    pub name: String,
    /// `None`: nothing is known of it.
    pub media_type: Option<String>,
    pub size: u64,
    /// Hex.
    pub sha256: String,
}

/// Takes the bytes that a caller sends.
pub struct Upload {
    writer: Box<dyn FileWriter>,
    size: u64,
}

impl Upload {
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > MAX_FILE {
            return Err(Error::TooLarge(format!("a file has at most {MAX_FILE} bytes")));
        }
        Ok(self.writer.write(bytes).await?)
    }

    pub async fn finish(self) -> Result<FileRef> {
        match self.writer.finish().await? {
            Received::Whole(file) => Ok(file),
            Received::Differs => Err(Error::bad_field("", "the bytes are not those announced")),
        }
    }
}

impl App {
    /// Runs an upload: its stores have as long as a slow caller needs.
    pub async fn uploading<T>(&self, upload: impl Future<Output = T>) -> T {
        deadline::within(Some(self.now() + UPLOAD_TIME), upload).await
    }

    /// Refuses who may not upload, before anything of the body is read. A token for one run starts
    /// none.
    pub fn may_upload(&self, caller: &Caller) -> Result<()> {
        match caller {
            Caller::Token(token) if token.run.is_some() => Err(Error::Forbidden(Scope::Run)),
            _ => caller.require_scope(Scope::Run),
        }
    }

    /// Begins a file of the caller.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        name: &str,
        media_type: Option<&str>,
    ) -> Result<Upload> {
        let file = self.new_upload(caller, name, media_type)?;
        self.count(caller).await?;
        Ok(Upload { writer: self.ports.files.create(file).await?, size: 0 })
    }

    /// Stores a file that stands in the request of a start, before the start is counted.
    pub async fn keep_input_file(
        &self,
        caller: &Caller,
        (name, media_type): (&str, Option<&str>),
        bytes: &[u8],
    ) -> Result<FileRef> {
        let file = self.new_upload(caller, name, media_type)?;
        self.count(caller).await?;
        let mut upload = Upload { writer: self.ports.files.create(file).await?, size: 0 };
        upload.write(bytes).await?;
        upload.finish().await
    }

    /// Stores what the caller says of a file. A link, if its bytes do not go through this API.
    pub async fn announce_upload(
        &self,
        caller: &Caller,
        announced: &Announced,
    ) -> Result<(FileRecord, Option<FileLink>)> {
        let Announced { name, media_type, size, sha256 } = announced;
        let file = self.new_upload(caller, name, media_type.as_deref())?;
        let reference = FileRef {
            id: file.id.clone(),
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            size: *size,
            sha256: sha256.clone(),
        };
        // Checked as a whole: size and hash, too.
        FileRef::parse(&reference.to_value()).map_err(|message| Error::bad_field("", message))?;
        let record = FileRecord {
            file: reference,
            made_by: file.owner.clone(),
            created_at: file.created_at,
            is_whole: false,
        };
        self.count(caller).await?;
        self.ports.files.announce(file, *size, sha256).await?;
        let link = self.ports.files.upload_link(&record).await?;
        Ok((record, link))
    }

    /// Takes the bytes of an upload that the caller announced. They may come again.
    pub async fn receive_upload(&self, caller: &Caller, id: &str) -> Result<Upload> {
        self.may_upload(caller)?;
        let record = self.own_upload(caller, id).await?;
        if record.is_whole || record.file.sha256.is_empty() {
            return Err(Error::bad_field("", "the bytes of this file have come already"));
        }
        Ok(Upload { writer: self.ports.files.receive(&record).await?, size: 0 })
    }

    /// Returns a file that the caller may read: its own upload, or a file of a run that it may
    /// read.
    pub async fn file_for(&self, caller: &Caller, id: &str) -> Result<FileRecord> {
        caller.require_scope(Scope::Read)?;
        let id = FileId::parse(id).ok_or(Error::NotFound(What::File))?;
        let found = self.ports.files.find(&id).await?.filter(|record| record.is_whole);
        let record = found.ok_or(Error::NotFound(What::File))?;
        let mut asking = Asking::new(self, caller);
        let may_use = asking.may_use(&record).await?;
        may_use.then_some(record).ok_or(Error::NotFound(What::File))
    }

    pub async fn file_link(&self, record: &FileRecord) -> Result<Option<FileLink>> {
        Ok(self.ports.files.link(record).await?)
    }

    /// Returns bytes of a file, or `Gone` if they went meanwhile.
    pub async fn file_bytes(&self, id: &FileId, range: Range<u64>) -> Result<Vec<u8>> {
        let bytes = self.ports.files.read(id, range).await?;
        bytes.filter(|bytes| !bytes.is_empty()).ok_or(Error::Gone)
    }

    /// Checks the files in an input, and completes each from what is stored of it. `place` is the
    /// JSON Pointer to the input. Returns their ids: the run gets them by [`Self::give_files`].
    pub async fn check_files(
        &self,
        caller: &Caller,
        input: &mut Value,
        place: &str,
    ) -> Result<Vec<FileId>> {
        let marked = find_marked(input);
        if marked.len() > MAX_FILES {
            let message = format!("has {} files, at most {MAX_FILES} are taken", marked.len());
            return Err(Error::bad_field(place, message));
        }
        let (mut asking, mut problems) = (Asking::new(self, caller), Vec::new());
        let mut ids = BTreeSet::new();
        for pointer in marked {
            let Some(place_of) = input.pointer_mut(&pointer) else { continue };
            let Value::Object(value) = &*place_of else { continue };
            match asking.checked(value).await? {
                Ok(file) => {
                    *place_of = file.to_value();
                    ids.insert(file.id);
                }
                Err((field, message)) => {
                    let mut pointer = format!("{place}{pointer}");
                    if !field.is_empty() {
                        push_segment(&mut pointer, field);
                    }
                    problems.push(FieldProblem { pointer, message });
                }
            }
        }
        if problems.is_empty() {
            Ok(ids.into_iter().collect())
        } else {
            Err(Error::BadInput(problems))
        }
    }

    /// Makes a run that is about to start an owner of the files of its input, and of all that its
    /// origin owns.
    pub async fn give_files(&self, ids: &[FileId], head: &RunHead, place: &str) -> Result<()> {
        self.share_files(ids, &head.id, place).await?;
        if let Some(origin) = &head.origin {
            self.ports.files.share_all(&origin.run, &head.id, self.now()).await?;
        }
        Ok(())
    }

    /// Makes the run an owner of files that [`Self::check_files`] has found.
    pub(crate) async fn share_files(&self, ids: &[FileId], run: &RunId, place: &str) -> Result<()> {
        for id in ids {
            if self.ports.files.share(id, run, self.now()).await? == Shared::Unknown {
                return Err(Error::bad_field(place, format!("the file {id} has expired")));
            }
        }
        Ok(())
    }

    /// Processes a `FileV1` message.
    pub async fn collect_file(&self, id: &FileId) -> anyhow::Result<()> {
        if self.ports.files.collect(id, self.now()).await? {
            tracing::info!(file.id = id.as_str(), "a file without owners was deleted");
        }
        Ok(())
    }

    fn new_upload(&self, caller: &Caller, name: &str, media_type: Option<&str>) -> Result<NewFile> {
        self.may_upload(caller)?;
        let mut problems = Vec::new();
        let mut wrong = |field: &str, message: &str| {
            problems.push(FieldProblem { pointer: field.to_owned(), message: message.to_owned() });
        };
        if !is_name(name) {
            wrong("/name", "must have 1 to 255 bytes, without `/`, `\\` and control characters");
        }
        let media_type = media_type.unwrap_or(ANY_TYPE);
        let read_type = read_media_type(media_type);
        if read_type.is_none() {
            wrong("/type", "must be a media type such as image/png");
        }
        let (Some(media_type), true) = (read_type, problems.is_empty()) else {
            return Err(Error::BadInput(problems));
        };
        Ok(NewFile {
            id: FileId::new(self.random()),
            name: name.to_owned(),
            media_type,
            owner: uploader(caller),
            created_at: self.now(),
        })
    }

    async fn own_upload(&self, caller: &Caller, id: &str) -> Result<FileRecord> {
        let id = FileId::parse(id).ok_or(Error::NotFound(What::File))?;
        let found = self.ports.files.find(&id).await?;
        let own = found.filter(|record| record.made_by == uploader(caller));
        own.ok_or(Error::NotFound(What::File))
    }

    /// Returns the workflows, by their uids, whose runs the caller may read; `None`: all.
    async fn readable_workflows(&self, caller: &Caller) -> Result<Option<BTreeSet<String>>> {
        if !caller.has(Scope::Read) {
            return Ok(Some(BTreeSet::new()));
        }
        let Some(ids) = caller.known_workflows() else { return Ok(None) };
        let mut uids = BTreeSet::new();
        for id in ids {
            match self.cached_workflow(id).await {
                Ok(workflow) => uids.insert(workflow.uid.clone()),
                Err(Error::NotFound(_)) => continue,
                Err(other) => return Err(other),
            };
        }
        Ok(Some(uids))
    }
}

/// Looks up each file that a caller names once, whatever its owners, and never reads a run.
struct Asking<'a> {
    app: &'a App,
    caller: &'a Caller,
    /// `None`: not asked yet.
    workflows: Option<Option<BTreeSet<String>>>,
    /// Files that the caller may use; `None`: it is none of them.
    seen: HashMap<FileId, Option<FileRecord>>,
}

impl<'a> Asking<'a> {
    fn new(app: &'a App, caller: &'a Caller) -> Self {
        Self { app, caller, workflows: None, seen: HashMap::new() }
    }

    /// Returns the file that a value names, as it is stored; else the field that is wrong, and why.
    async fn checked(
        &mut self,
        value: &Map<String, Value>,
    ) -> Result<std::result::Result<FileRef, (&'static str, String)>> {
        let id = value.get(MARK).and_then(Value::as_str).and_then(FileId::parse);
        let Some(id) = id else {
            return Ok(Err((MARK, "must be the id of a file, `file_…`".to_owned())));
        };
        if !self.seen.contains_key(&id) {
            let found = match self.app.ports.files.find(&id).await? {
                Some(record) => self.may_use(&record).await?.then_some(record),
                None => None,
            };
            self.seen.insert(id.clone(), found);
        }
        let Some(record) = self.seen.get(&id).and_then(Option::as_ref) else {
            return Ok(Err((MARK, "is no file, or not one of this key".to_owned())));
        };
        if !record.is_whole {
            return Ok(Err((MARK, "is a file whose bytes have not come".to_owned())));
        }
        Ok(agrees(value, &record.file).map(|()| record.file.clone()))
    }

    /// Whether the caller may read the file, and give it to a run.
    async fn may_use(&mut self, record: &FileRecord) -> Result<bool> {
        let (files, id) = (&self.app.ports.files, &record.file.id);
        // A token for one run sees that run alone, not what else its key has uploaded.
        if let Caller::Token(token) = self.caller
            && let Some(run) = &token.run
        {
            let may_read = self.caller.require_run(Scope::Read, &token.workflow_id, run).is_ok();
            return Ok(may_read && files.of_run(id, run).await?.is_some());
        }
        if matches!(self.caller, Caller::Admin) || record.made_by == uploader(self.caller) {
            return Ok(true);
        }
        if self.workflows.is_none() {
            self.workflows = Some(self.app.readable_workflows(self.caller).await?);
        }
        let workflows = self.workflows.as_ref().and_then(Option::as_ref);
        if workflows.is_some_and(BTreeSet::is_empty) {
            return Ok(false);
        }
        Ok(files.has_run_of(id, workflows).await?)
    }
}

/// Tokens upload for their key, and keys for the one that rotation began with.
fn uploader(caller: &Caller) -> FileOwner {
    FileOwner::Uploader(caller.first_key().map(str::to_owned))
}

/// What a value says beside the id must be what is stored.
fn agrees(
    value: &Map<String, Value>,
    file: &FileRef,
) -> std::result::Result<(), (&'static str, String)> {
    let stored = file.to_value();
    for field in ["name", "type", "size", "sha256"] {
        let Some(given) = value.get(field) else { continue };
        if *given != stored[field] {
            return Err((field, format!("is not that of the file: it is {}", stored[field])));
        }
    }
    match value.keys().find(|key| stored.get(key.as_str()).is_none()) {
        Some(_) => Err(("", "has a field that no file has".to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_must_say_what_is_stored() {
        let file = FileRef {
            id: FileId::new([1; 16]),
            name: "a".to_owned(),
            media_type: "a/b".to_owned(),
            size: 7,
            sha256: "0".repeat(64),
        };
        let check = |value: Value, expected: Option<&str>| {
            let said = agrees(value.as_object().unwrap(), &file).err().map(|(field, _)| field);
            assert_eq!(said, expected, "{value}");
        };
        check(file.to_value(), None);
        check(json!({ "$file": file.id }), None);
        check(json!({ "$file": file.id, "size": 8 }), Some("size"));
        check(json!({ "$file": file.id, "size": "7" }), Some("size"));
        check(json!({ "$file": file.id, "sha256": "1" }), Some("sha256"));
        check(json!({ "$file": file.id, "path": "x" }), Some(""));
    }
}
