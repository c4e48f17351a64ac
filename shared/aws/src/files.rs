//! Files: a row each, an item for each run that owns one, and their bytes in the bucket.

mod writer;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::file::{
    FileId, FileLink, FileOwner, FileRecord, FileRef, FileWriter, Files, MAX_OWNERS, NewFile,
    RUN_STORED_WITHIN, Shared,
};
use flowgate_core::id::RunId;
use flowgate_core::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, due_shard, number, run_partition, text, time};
use crate::row::is_open;
use crate::table::Query;
use crate::write::{AllOutcome, Outcome, Write};
use writer::Writer;

const ROW: &str = "FILE";
/// A file of a run that has not ended is looked at again.
const NEXT_LOOK: Duration = Duration::from_secs(24 * 3600);
/// Owners read at once.
const OWNERS: usize = 100;

#[async_trait]
impl Files for Aws {
    async fn create(&self, file: NewFile) -> Result<Box<dyn FileWriter>> {
        self.create_file_row(&file, 0, "").await?;
        let NewFile { id, name, media_type, .. } = file;
        let file = FileRef { id, name, media_type, size: 0, sha256: String::new() };
        Ok(Box::new(Writer::new(self.clone(), file, false)))
    }

    async fn announce(&self, file: NewFile, size: u64, sha256: &str) -> Result<()> {
        self.create_file_row(&file, size, sha256).await
    }

    async fn upload_link(&self, record: &FileRecord) -> Result<Option<FileLink>> {
        let FileRef { id, size, sha256, .. } = &record.file;
        Ok(Some(self.bucket().upload_link(id, *size, &bytes_of(sha256)?)))
    }

    async fn receive(&self, record: &FileRecord) -> Result<Box<dyn FileWriter>> {
        Ok(Box::new(Writer::new(self.clone(), record.file.clone(), true)))
    }

    async fn find(&self, id: &FileId) -> Result<Option<FileRecord>> {
        let Some(record) = self.row_of(id).await? else { return Ok(None) };
        if record.is_whole || record.file.sha256.is_empty() {
            return Ok(Some(record));
        }
        // S3 has checked size and hash: the link takes no other bytes.
        let found = self.bucket().size(id, self.table().tries()).await?;
        if found != Some(record.file.size) || !self.mark_whole(&record.file).await? {
            return Ok(Some(record));
        }
        Ok(Some(FileRecord { is_whole: true, ..record }))
    }

    async fn of_run(&self, id: &FileId, run: &RunId) -> Result<Option<FileRecord>> {
        match self.table().get(part_of_run(run, id), Some("#pk")).await? {
            Some(_) => self.row_of(id).await,
            None => Ok(None),
        }
    }

    async fn read(&self, id: &FileId, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        self.bucket().get(id, range, self.table().tries()).await
    }

    async fn link(&self, record: &FileRecord) -> Result<Option<FileLink>> {
        let FileRef { id, name, .. } = &record.file;
        Ok(Some(self.bucket().download_link(id, &flowgate_core::file::attachment(name))))
    }

    async fn share(&self, id: &FileId, run: &RunId, now: Timestamp) -> Result<Shared> {
        let look = "SET #look_at = :until, #due_shard = :shard";
        let condition = "#whole = :whole AND attribute_not_exists(#going)";
        let update = Write::update(key_of_file(id), look)
            .only_if(condition)
            .bind(":until", time(now + RUN_STORED_WITHIN))
            .bind(":shard", due_shard("", id.as_str()))
            .bind(":whole", AttributeValue::Bool(true));
        let [owner, part] = self.ownership(id, run, now);
        let outcome = self.table().write_all(&[update, owner, part]).await?;
        Ok(match outcome {
            AllOutcome::Done => Shared::Shared,
            AllOutcome::Refused(_) => Shared::Unknown,
        })
    }

    async fn share_all(&self, from: &RunId, to: &RunId, now: Timestamp) -> Result<()> {
        let query =
            Query { attributes: Some("#sk"), ..Query::beginning(&run_partition(from), "F#") };
        for part in self.table().query_all(query).await? {
            self.share(&file_of_part(&part)?, to, now).await?;
        }
        Ok(())
    }

    async fn has_run_of(&self, id: &FileId, workflows: Option<&BTreeSet<String>>) -> Result<bool> {
        let mut query = Query {
            attributes: Some("#sk"),
            limit: Some(OWNERS),
            ..Query::beginning(&partition(id), "O#")
        };
        for _ in 0..MAX_OWNERS / OWNERS {
            let found = self.table().query(&query).await?;
            let runs: Result<Vec<Key>> =
                found.items.iter().map(|owner| Ok(Key::of_run(&run_of_owner(owner)?))).collect();
            let attributes = Some("#pk, #sk, #list_pk, #wiped, #kept_until");
            for run in self.table().get_all(&runs?, attributes).await? {
                if is_run_of(&run, workflows) && self.kept(run)?.is_some() {
                    return Ok(true);
                }
            }
            let Some(next) = found.next else { break };
            query.after = Some(next);
        }
        Ok(false)
    }

    async fn collect(&self, id: &FileId, now: Timestamp) -> Result<bool> {
        let Some(row) = self.table().get(key_of_file(id), None).await? else { return Ok(false) };
        if !row.flag("going") {
            let look_at = match self.owned_until(id, &row, now).await? {
                Some(until) => until,
                None => now,
            };
            let goes = look_at <= now;
            let going = if goes { ", #going = :going" } else { "" };
            let write = Write::update(
                key_of_file(id),
                format!("SET #look_at = :until, #due_shard = :shard{going}"),
            );
            // Refused: a run got it meanwhile.
            let write =
                write.only_if("#look_at = :seen").bind(":seen", row.value("look_at")?.clone());
            let write =
                write.bind(":until", time(look_at)).bind(":shard", due_shard("", id.as_str()));
            let write = if goes { write.bind(":going", AttributeValue::Bool(true)) } else { write };
            let outcome = self.table().write(&write).await?;
            if !goes || matches!(outcome, Outcome::Refused(_)) {
                return Ok(false);
            }
        }
        self.bucket().delete(id, self.table().tries()).await?;
        self.table().delete_all(self.keys_in(&partition(id)).await?).await?;
        Ok(true)
    }
}

impl Aws {
    async fn create_file_row(&self, file: &NewFile, size: u64, sha256: &str) -> Result<()> {
        let NewFile { id, name, media_type, owner, created_at } = file;
        let row = Item::new(key_of_file(id))
            .with("file_name", text(name))
            .with("media_type", text(media_type))
            .with("size", number(size))
            .with("sha256", text(sha256))
            .with("made_by", text(owner.as_text()))
            .with("created_at", time(*created_at))
            .with("look_at", time(owner.owns_until(*created_at)))
            .with("due_shard", due_shard("", id.as_str()));
        let mut writes = vec![Write::put(row)];
        if let FileOwner::Run(run) = owner {
            writes.extend(self.ownership(id, run, *created_at));
        }
        let outcome = self.table().write_all(&writes).await?;
        ensure!(matches!(outcome, AllOutcome::Done), "a file could not be created");
        Ok(())
    }

    fn ownership(&self, id: &FileId, run: &RunId, now: Timestamp) -> [Write; 2] {
        let owner = Item::new(owner_key(id, run)).with("created_at", time(now));
        let part = Item::new(part_of_run(run, id)).with("expires_at", self.parts_expire_at());
        [Write::put(owner), Write::put(part)]
    }

    async fn row_of(&self, id: &FileId) -> Result<Option<FileRecord>> {
        let Some(row) = self.table().get(key_of_file(id), None).await? else { return Ok(None) };
        if row.flag("going") {
            return Ok(None);
        }
        let file = FileRef {
            id: id.clone(),
            name: row.text("file_name")?.to_owned(),
            media_type: row.text("media_type")?.to_owned(),
            size: row.number("size")?,
            sha256: row.text("sha256")?.to_owned(),
        };
        let (made_by, created_at) = (row.text("made_by")?, row.time("created_at")?);
        let made_by = FileOwner::of_text(made_by);
        Ok(Some(FileRecord { file, made_by, created_at, is_whole: row.flag("whole") }))
    }

    /// `false`: the row has expired.
    async fn mark_whole(&self, file: &FileRef) -> Result<bool> {
        let set = "SET #size = :size, #sha256 = :sha256, #whole = :whole";
        let write = Write::update(key_of_file(&file.id), set)
            .only_if("attribute_exists(#pk) AND attribute_not_exists(#going)")
            .bind(":size", number(file.size))
            .bind(":sha256", text(&file.sha256))
            .bind(":whole", AttributeValue::Bool(true));
        Ok(matches!(self.table().write(&write).await?, Outcome::Done(_)))
    }

    /// Makes a file due whose row may be gone already: its bytes came after. Who takes uploads may
    /// not delete.
    async fn let_go(&self, id: &FileId) -> Result<()> {
        let set = "SET #look_at = :now, #due_shard = :shard, #going = :going";
        let write = Write::update(key_of_file(id), set)
            .bind(":now", time(self.now()))
            .bind(":shard", due_shard("", id.as_str()))
            .bind(":going", AttributeValue::Bool(true));
        self.table().write(&write).await?;
        Ok(())
    }

    /// Returns when the last owner that is there now may be gone; `None`: there is none.
    async fn owned_until(
        &self,
        id: &FileId,
        row: &Item,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let mut until = match FileOwner::of_text(row.text("made_by")?) {
            FileOwner::Run(_) => None,
            uploader => Some(uploader.owns_until(row.time("created_at")?)),
        };
        let mut query = Query {
            attributes: Some("#pk, #sk, #created_at"),
            limit: Some(OWNERS),
            ..Query::beginning(&partition(id), "O#")
        };
        loop {
            let found = self.table().query(&query).await?;
            for owner in &found.items {
                until = until.max(self.run_owns_until(owner, now).await?);
                if until.is_some_and(|until| until > now) {
                    return Ok(until);
                }
            }
            let Some(next) = found.next else { return Ok(until.filter(|until| *until > now)) };
            query.after = Some(next);
        }
    }

    async fn run_owns_until(&self, owner: &Item, now: Timestamp) -> Result<Option<Timestamp>> {
        let run = Key::of_run(&run_of_owner(owner)?);
        let attributes = Some("#pk, #due_at, #wiped, #kept_until");
        let Some(run) = self.table().get(run, attributes).await? else {
            return Ok(Some(owner.time("created_at")? + RUN_STORED_WITHIN));
        };
        if run.flag("wiped") {
            return Ok(None);
        }
        let kept_until = run.find_time("kept_until")?.filter(|_| !is_open(&run));
        Ok(Some(kept_until.unwrap_or(now + NEXT_LOOK)))
    }

    /// Ends the ownership of a run whose parts these are: its files are due.
    pub(crate) async fn release_files(&self, run: &RunId, parts: &[Item]) -> Result<()> {
        let is_file = |part: &&Item| part.find_text("sk").is_some_and(|sk| sk.starts_with("F#"));
        for part in parts.iter().filter(is_file) {
            let id = file_of_part(part)?;
            self.table().delete_all(vec![owner_key(&id, run)]).await?;
            let look = "SET #look_at = :now, #due_shard = :shard";
            let write = Write::update(key_of_file(&id), look)
                .only_if("attribute_exists(#pk)")
                .bind(":now", time(self.now()))
                .bind(":shard", due_shard("", id.as_str()));
            // Refused: it is gone.
            self.table().write(&write).await?;
        }
        Ok(())
    }
}

fn partition(id: &FileId) -> String {
    format!("FILE#{id}")
}

pub(crate) fn key_of_file(id: &FileId) -> Key {
    Key::new(partition(id), ROW)
}

fn owner_key(id: &FileId, run: &RunId) -> Key {
    Key::new(partition(id), format!("O#{run}"))
}

/// Found with the parts of a run, and deleted with them.
fn part_of_run(run: &RunId, id: &FileId) -> Key {
    Key::new(run_partition(run), format!("F#{id}"))
}

fn run_of_owner(owner: &Item) -> Result<RunId> {
    let run = owner.text("sk")?.strip_prefix("O#").and_then(RunId::parse);
    run.context("an owner of a file is no run")
}

fn file_of_part(part: &Item) -> Result<FileId> {
    let file = part.text("sk")?.strip_prefix("F#").and_then(FileId::parse);
    file.context("a part of a run is no file")
}

/// A run that is not wiped, by the list that it is in.
fn is_run_of(run: &Item, workflows: Option<&BTreeSet<String>>) -> bool {
    let list = run.find_text("list_pk").and_then(|list| list.strip_prefix("RUNS#"));
    let uid = list.and_then(|list| list.split('#').next());
    !run.flag("wiped") && workflows.is_none_or(|uids| uid.is_some_and(|uid| uids.contains(uid)))
}

fn bytes_of(hex: &str) -> Result<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}
