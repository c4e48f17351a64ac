//! Workflows, their drafts and their immutable versions.

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::job::Job;
use flowgate_core::lease::Written;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::schedule::{NewSchedule, Schedule};
use flowgate_core::secret::SigningPin;
use flowgate_core::time::Timestamp;
use flowgate_core::workflow::{
    Draft, DraftSaved, Identity, NewVersion, RollbackTargets, SetActive, VersionInfo,
    VersionPublished, VersionRecord, WorkflowDeleted, WorkflowRecord, Workflows, version_name,
    version_number,
};
use futures_util::FutureExt;

use crate::Aws;
use crate::draft::{NewDraft, rollback_targets, saved};
use crate::item::{Item, Key, number, text, time};
use crate::jobs::job_item;
use crate::page::{Listed, Listing};
use crate::table::Query;
use crate::value::{MAX_ITEM_BYTES, chunk_keys};
use crate::write::{AllOutcome, Outcome, Refusal, Write};
use crate::{public, schedules};

const LIST: &str = "WORKFLOWS";
/// DynamoDB's limit for a sort key, in bytes.
const MAX_SORT_KEY: usize = 1024;

/// Where a page of the list starts.
fn start(cursor: Option<String>) -> Option<(String, Key)> {
    let known = cursor.filter(|cursor| !cursor.is_empty() && cursor.len() <= MAX_SORT_KEY);
    known.map(|cursor| (cursor.clone(), key_of(&cursor)))
}

#[async_trait]
impl Workflows for Aws {
    async fn read(&self, id: &str) -> Result<Option<WorkflowRecord>> {
        match self.table().get(key_of(id), None).await? {
            Some(item) => Ok(Some(self.table().workflow(&item).await?.0)),
            None => Ok(None),
        }
    }

    async fn list(&self, request: PageRequest) -> Result<Page<WorkflowRecord>> {
        let read = |item: Item| {
            async move {
                let (record, bytes) = self.table().workflow(&item).await?;
                Ok(Some(Listed { cursor: record.id.clone(), item: record, bytes }))
            }
            .boxed()
        };
        self.list_page(Listing::of(LIST, start(request.cursor)), request.limit, read).await
    }

    async fn identities(&self, request: PageRequest) -> Result<Page<Identity>> {
        self.list_identities(LIST, start(request.cursor), request.limit).await
    }

    /// One write, whether the workflow is new or not; it returns the previous row.
    async fn save_draft(
        &self,
        id: &str,
        draft: Draft,
        uid_if_new: &str,
        signing: SigningPin,
        if_match: Option<&str>,
    ) -> Result<DraftSaved> {
        let row = self.new_draft((id, LIST, key_of(id)), &draft, uid_if_new, signing).await?;
        let write = saved(&row.new, &row.draft, &draft.etag, if_match)?;
        self.write_draft(row, write).await
    }

    async fn create(
        &self,
        id: &str,
        draft: Draft,
        uid: &str,
        signing: SigningPin,
    ) -> Result<Option<WorkflowRecord>> {
        let row = self.new_draft((id, LIST, key_of(id)), &draft, uid, signing).await?;
        let write = saved(&row.new, &row.draft, &draft.etag, None)?;
        // A row of this uid is that of a write that was applied and is tried again.
        let write = write.only_if("attribute_not_exists(#uid) OR #uid = :uid");
        Ok(match self.write_draft(row, write).await? {
            DraftSaved::Saved(record) => Some(*record),
            DraftSaved::Stale => None,
        })
    }

    async fn publish(&self, id: &str, version: NewVersion) -> Result<Option<VersionPublished>> {
        let mut tries = self.table().tries().many();
        loop {
            let Some(row) = self.table().get(key_of(id), Some(ENDPOINT_ATTRIBUTES)).await? else {
                return Ok(None);
            };
            let endpoint = Endpoint::read(id, row)?;
            if let Some(active) =
                self.active_info(&endpoint).await?.filter(|active| active.is_same_as(&version))
            {
                return Ok(Some(VersionPublished::Unchanged(active)));
            }
            if let Some(info) = self.publish_next(&endpoint, &version).await? {
                return Ok(Some(VersionPublished::New(info)));
            }
            tries.pause(anyhow!("concurrent publishes of the workflow kept winning")).await?;
        }
    }

    async fn set_active(
        &self,
        id: &str,
        version: Option<&str>,
        at: Timestamp,
        schedules: Vec<NewSchedule>,
    ) -> Result<SetActive> {
        let mut tries = self.table().tries();
        loop {
            let Some(row) = self.table().get(key_of(id), Some(ENDPOINT_ATTRIBUTES)).await? else {
                return Ok(SetActive::UnknownWorkflow);
            };
            let endpoint = Endpoint::read(id, row)?;
            let count = schedules.len();
            let mut writes = vec![endpoint.point(version, endpoint.versions, at, count)?];
            if let Some(version) = version {
                let Some(number) = version_number(version) else {
                    return Ok(SetActive::UnknownVersion);
                };
                writes.push(
                    Write::check(version_key(&endpoint.uid, number))
                        .only_if("attribute_exists(#pk)"),
                );
            }
            let is_named = version.is_some();
            writes.extend(endpoint.schedules(version, schedules.clone())?);
            match self.table().write_all(&writes).await? {
                AllOutcome::Done => return Ok(SetActive::Done),
                AllOutcome::Refused(refusals)
                    if is_named && refusals.get(1).is_some_and(Option::is_some) =>
                {
                    return Ok(SetActive::UnknownVersion);
                }
                AllOutcome::Refused(_) => {
                    tries
                        .pause(anyhow!(
                            "concurrent publishes and rollbacks of the workflow kept winning"
                        ))
                        .await?
                }
            }
        }
    }

    async fn version(&self, uid: &str, version: &str) -> Result<Option<VersionRecord>> {
        let Some(number) = version_number(version) else { return Ok(None) };
        let Some(item) = self.table().get(version_key(uid, number), None).await? else {
            return Ok(None);
        };
        let [document] =
            self.table().unpack(item.text("pk")?, [Some(item.value("document")?)]).await?;
        Ok(Some(VersionRecord {
            info: info(&item)?,
            name: item.text("name")?.to_owned(),
            document: document.unwrap_or_default().into(),
        }))
    }

    async fn versions(&self, uid: &str, request: PageRequest) -> Result<Page<VersionInfo>> {
        let limit = request.limit.max(1);
        let after = request
            .cursor
            .as_deref()
            .and_then(version_number)
            .map(|number| version_key(uid, number).attributes());
        let query = Query {
            backward: true,
            attributes: Some(INFO_ATTRIBUTES),
            limit: Some(limit + 1),
            after,
            ..Query::beginning(&versions_of(uid), VERSION)
        };
        let found = self.table().query(&query).await?;
        let has_more = found.items.len() > limit || found.next.is_some();
        let items: Vec<VersionInfo> =
            found.items.iter().take(limit).map(info).collect::<Result<_>>()?;
        let next_cursor = items.last().filter(|_| has_more).map(|last| last.version.clone());
        Ok(Page { items, next_cursor })
    }

    async fn rotate_signing(
        &self,
        id: &str,
        pin: SigningPin,
        overlap_until: Timestamp,
    ) -> Result<bool> {
        let mut tries = self.table().tries();
        loop {
            let Some(row) = self.table().get(key_of(id), Some("#uid, #signing")).await? else {
                return Ok(false);
            };
            let current: SigningPin = serde_json::from_str(row.text("signing")?)?;
            if current == pin {
                // The retry of a rotation that was applied must not lose the previous pin.
                return Ok(true);
            }
            let write = Write::update(key_of(id), "SET #signing = :pin, #signing_before = :before")
                .only_if("#signing = :current AND #uid = :uid");
            let write = write
                .bind(":pin", text(serde_json::to_string(&pin)?))
                .bind(":before", text(serde_json::to_string(&(current, overlap_until))?))
                .bind(":current", row.value("signing")?.clone())
                .bind(":uid", row.value("uid")?.clone());
            match self.table().write(&write).await? {
                Outcome::Done(_) => return Ok(true),
                Outcome::Refused(_) => {
                    tries
                        .pause(anyhow!("concurrent rotations of the signing secret kept winning"))
                        .await?
                }
            }
        }
    }

    async fn set_public(&self, id: &str, key: Option<&str>, was: Option<&str>) -> Result<bool> {
        self.store_public(id, key, was).await
    }

    async fn public_as(&self, key: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        self.public_on_behalf_of(key, after, limit).await
    }

    async fn delete(
        &self,
        id: &str,
        uid: &str,
        if_match: Option<&str>,
        job: Job,
    ) -> Result<WorkflowDeleted> {
        let mut tries = self.table().tries();
        loop {
            let attributes = Some("#uid, #draft, #etag, #schedules, #public_as");
            let row = self.table().get(key_of(id), attributes).await?;
            let Some(row) = row.filter(|row| row.find_text("uid") == Some(uid)) else {
                return Ok(WorkflowDeleted::Unknown);
            };
            if if_match.is_some() && row.find_text("etag") != if_match {
                return Ok(WorkflowDeleted::Stale);
            }
            let draft = row.value("draft")?;
            let schedules = row.0.get("schedules").cloned();
            let unchanged = match schedules {
                Some(_) => "#schedules = :schedules",
                None => "attribute_not_exists(#schedules)",
            };
            let as_public = public::unchanged(&row);
            let condition = format!("#uid = :uid AND #draft = :draft AND {unchanged}");
            let delete = Write::delete(key_of(id)).only_if(format!("{condition} AND {as_public}"));
            let delete = delete.bind(":uid", text(uid)).bind(":draft", draft.clone());
            let mut delete = public::bound(delete, &row);
            if let Some(schedules) = schedules {
                delete = delete.bind(":schedules", schedules);
            }
            let count = row.find_number("schedules")?.unwrap_or_default();
            let mut writes = vec![delete, Write::put(job_item(&job)?)];
            writes.extend(schedules::deleting(uid, 0, count));
            writes.extend(public::deleting(id, &row));
            if self.table().write_all(&writes).await?.first_refused()?.is_none() {
                self.table().delete_all(chunk_keys(&key_of(id).pk, draft)?).await?;
                return Ok(WorkflowDeleted::Done);
            }
            tries.pause(anyhow!("concurrent drafts of the workflow kept winning")).await?;
        }
    }

    async fn schedules(&self, uid: &str) -> Result<Vec<Schedule>> {
        self.schedules_of(uid).await
    }

    async fn save_schedule(&self, next: &Schedule, sweep_at: Option<Timestamp>) -> Result<Written> {
        self.store_schedule(next, sweep_at).await
    }

    async fn delete_versions(&self, uid: &str, limit: usize) -> Result<usize> {
        let query = Query {
            attributes: Some("#pk, #sk"),
            limit: Some(limit),
            ..Query::beginning(&versions_of(uid), "")
        };
        let found = self.table().query(&query).await?;
        let keys = found.items.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
        let deleted = keys.len();
        self.table().delete_all(keys).await?;
        Ok(deleted)
    }
}

impl Aws {
    /// Returns the workflow as it is now. Deletes the chunks of the previous draft.
    async fn write_draft(&self, row: NewDraft, write: Write) -> Result<DraftSaved> {
        match self.table().write(&write).await? {
            Outcome::Done(old) => self.replaced(row.new, old, row.draft).await,
            Outcome::Refused(_) => {
                self.table().delete_all(row.chunks).await?;
                Ok(DraftSaved::Stale)
            }
        }
    }

    async fn replaced(&self, new: Item, old: Item, draft: AttributeValue) -> Result<DraftSaved> {
        let before = old.0.get("draft").filter(|before| **before != draft);
        let unnamed =
            before.map_or(Ok(Vec::new()), |before| chunk_keys(new.text("pk")?, before))?;
        self.table().delete_all(unnamed).await?;
        let now = if old.has("uid") { old } else { new };
        Ok(DraftSaved::Saved(Box::new(self.table().workflow(&now.with("draft", draft)).await?.0)))
    }

    async fn active_info(&self, endpoint: &Endpoint) -> Result<Option<VersionInfo>> {
        let Some(number) = endpoint.active.as_deref().and_then(version_number) else {
            return Ok(None);
        };
        let item =
            self.table().get(version_key(&endpoint.uid, number), Some(INFO_ATTRIBUTES)).await?;
        item.as_ref().map(info).transpose()
    }

    /// Returns `None` if the endpoint has moved since it was read.
    async fn publish_next(
        &self,
        endpoint: &Endpoint,
        new: &NewVersion,
    ) -> Result<Option<VersionInfo>> {
        let (uid, number_of) = (&endpoint.uid, endpoint.versions);
        let info = VersionInfo {
            version: version_name(number_of),
            hash: new.hash.clone(),
            notes: new.notes.clone(),
            published_at: new.at,
            use_of_secrets: new.use_of_secrets.clone(),
        };
        let key = version_key(uid, number_of);
        let document = self.packer_of_workflow(&key).pack(new.document.to_string(), MAX_ITEM_BYTES);
        let chunks = document.chunks.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
        self.put_chunks(document.chunks).await?;
        let item = Item::new(key)
            .with("version", text(&info.version))
            .with("hash", text(&info.hash))
            .with_some("notes", info.notes.as_deref().map(text))
            .with("published_at", time(new.at))
            .with("use_of_secrets", text(serde_json::to_string(&new.use_of_secrets)?))
            .with("name", text(&new.name))
            .with("document", document.attribute);
        let version = Some(info.version.as_str());
        let count = new.schedules.len();
        let mut writes = vec![endpoint.point(version, number_of + 1, new.at, count)?];
        writes.extend(endpoint.schedules(version, new.schedules.clone())?);
        let document = item.value("document")?.clone();
        writes.push(Write::put(item).if_absent());
        match self.table().write_all(&writes).await? {
            AllOutcome::Done => Ok(Some(info)),
            // Refused by this very version: the write is the retry of one that was applied, and its
            // chunks are in use.
            AllOutcome::Refused(refusals) if is_stored(&refusals, &document) => Ok(Some(info)),
            AllOutcome::Refused(_) => {
                self.table().delete_all(chunks).await?;
                Ok(None)
            }
        }
    }
}

const ENDPOINT_ATTRIBUTES: &str = "#uid, #versions, #active_version, #rollback_targets, #schedules";
const INFO_ATTRIBUTES: &str = "#version, #hash, #notes, #published_at, #use_of_secrets";

/// The active version, and those that were active before.
struct Endpoint {
    id: String,
    uid: String,
    /// The number of the next version.
    versions: u64,
    /// How many schedules the active version has.
    schedules: u64,
    active: Option<String>,
    targets: RollbackTargets,
    row: Item,
}

impl Endpoint {
    fn read(id: &str, row: Item) -> Result<Self> {
        let active = row.find_text("active_version").map(str::to_owned);
        let (uid, versions) = (row.text("uid")?.to_owned(), row.number("versions")?);
        let (id, targets) = (id.to_owned(), rollback_targets(&row)?);
        let schedules = row.find_number("schedules")?.unwrap_or_default();
        Ok(Self { id, uid, versions, schedules, active, targets, row })
    }

    /// Returns the write that moves the endpoint; `versions` is the number of the next version
    /// afterwards.
    fn point(
        &self,
        version: Option<&str>,
        versions: u64,
        at: Timestamp,
        schedules: usize,
    ) -> Result<Write> {
        let targets = self.targets.clone().after_move(self.active.as_deref(), version);
        let set = "SET #activated_at = :at, #versions = :next, #rollback_targets = :targets, \
                   #schedules = :schedules";
        let write = match version {
            Some(version) => self
                .update(&format!("{set}, #active_version = :version"))
                .bind(":version", text(version)),
            None => self.update(&format!("{set} REMOVE #active_version")),
        };
        let write = write.bind(":at", time(at)).bind(":next", number(versions));
        let write = write.bind(":schedules", number(u64::try_from(schedules)?));
        Ok(write.bind(":targets", text(serde_json::to_string(&targets)?)))
    }

    /// Returns the writes that replace its schedules.
    fn schedules(&self, version: Option<&str>, schedules: Vec<NewSchedule>) -> Result<Vec<Write>> {
        let of = (self.uid.as_str(), self.id.as_str(), version.unwrap_or_default());
        schedules::replacing(of, self.schedules, schedules)
    }

    /// Returns an update that applies only if the endpoint has not moved since it was read.
    fn update(&self, expression: &str) -> Write {
        let mut condition = "#uid = :uid AND #versions = :versions".to_owned();
        let mut was = Vec::new();
        for (name, value) in [
            ("active_version", ":was_active"),
            ("rollback_targets", ":were_targets"),
            ("schedules", ":were_schedules"),
        ] {
            match self.row.0.get(name) {
                Some(stored) => {
                    condition.push_str(&format!(" AND #{name} = {value}"));
                    was.push((value, stored.clone()));
                }
                None => condition.push_str(&format!(" AND attribute_not_exists(#{name})")),
            }
        }
        let write = Write::update(key_of(&self.id), expression).only_if(condition);
        let write = write.bind(":uid", text(&self.uid)).bind(":versions", number(self.versions));
        was.into_iter().fold(write, |write, (name, value)| write.bind(name, value))
    }
}

fn is_stored(refusals: &[Option<Refusal>], document: &AttributeValue) -> bool {
    let version = refusals.last().and_then(Option::as_ref).and_then(|refusal| refusal.0.as_ref());
    // Two publishes of the same small document store equal values; only a reference identifies one
    // write.
    matches!(document, AttributeValue::M(_))
        && version.is_some_and(|item| item.0.get("document") == Some(document))
}

pub(crate) fn key_of(id: &str) -> Key {
    Key::new(format!("WF#{id}"), "WF")
}

const VERSION: &str = "VERSION#";

pub(crate) fn versions_of(uid: &str) -> String {
    format!("WFV#{uid}")
}

fn version_key(uid: &str, number: u64) -> Key {
    Key::new(versions_of(uid), format!("{VERSION}{number:010}"))
}

fn info(item: &Item) -> Result<VersionInfo> {
    let use_of_secrets = item.find_text("use_of_secrets").map(serde_json::from_str).transpose()?;
    Ok(VersionInfo {
        version: item.text("version")?.to_owned(),
        hash: item.text("hash")?.to_owned(),
        notes: item.find_text("notes").map(str::to_owned),
        published_at: item.time("published_at")?,
        use_of_secrets: use_of_secrets.unwrap_or_default(),
    })
}
