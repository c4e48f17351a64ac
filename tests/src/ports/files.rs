//! Files: whole or not there, read by their owners alone, and gone with the last of them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flowgate_core::file::{
    FileId, FileOwner, FileRef, NewFile, RUN_STORED_WITHIN, Received, Shared, UPLOAD_KEPT,
};
use flowgate_core::hash::sha256_hex;
use flowgate_core::run::{Deleted, FinishedRun, RunState};
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;

use super::sample::*;
use super::{Guarantee, World, guarantee};

const MIB: usize = 1 << 20;

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a file is read as it was written", read_back),
        guarantee("a large file is read as it was written", large),
        guarantee("a file without its end is none", without_end),
        guarantee("no file is larger than the largest", too_large),
        guarantee("what was announced must come", announced),
        guarantee("a run reads the files that it owns", owned),
        guarantee("a file says of which workflows its runs are", of_workflows),
        guarantee("a rerun takes over all files", taken_over),
        guarantee("an unused upload is due after a day, and goes", unused),
        guarantee("a file goes with its last run", last_run),
        guarantee("a file goes with the wipe of its run", wiped),
        guarantee("a file of a run that never came goes", never_started),
        guarantee("of an upload that expires while it comes, nothing is left", late),
        guarantee("a file on its way out is given to nobody", going),
    ]
}

fn id(n: u8) -> FileId {
    FileId::new([n; 16])
}

fn new(n: u8, owner: FileOwner) -> NewFile {
    NewFile {
        id: id(n),
        name: "a b.png".to_owned(),
        media_type: "image/png".to_owned(),
        owner,
        created_at: at(0),
    }
}

fn upload() -> FileOwner {
    FileOwner::Uploader(Some("key".to_owned()))
}

/// Bytes that repeat nowhere near.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect()
}

async fn store(world: &World, file: NewFile, bytes: &[u8]) -> Result<FileRef> {
    let mut writer = world.files.create(file).await?;
    for part in bytes.chunks(70_001) {
        writer.write(part).await?;
    }
    match writer.finish().await? {
        Received::Whole(file) => Ok(file),
        Received::Differs => bail!("nothing was announced"),
    }
}

async fn read_back(world: World) -> Result<()> {
    for (n, length) in [(1, 0), (2, 1), (3, 300_000)] {
        let content = bytes(length);
        let file = store(&world, new(n, upload()), &content).await?;
        assert_eq!((file.size, &*file.sha256), (length as u64, &*sha256_hex(&content)));
        let record = world.files.find(&id(n)).await?.context("the file")?;
        assert_eq!((&record.file, record.is_whole, &record.made_by), (&file, true, &upload()));
        assert_eq!(record.created_at, at(0));
        let read = world.files.read(&id(n), 0..length as u64 + 9).await?;
        assert_eq!(read.context("bytes")?, content);
    }
    assert_eq!(world.files.read(&id(3), 7..10).await?.context("bytes")?, &bytes(10)[7..]);
    assert!(world.files.find(&id(9)).await?.is_none());
    assert!(world.files.read(&id(9), 0..1).await?.is_none());
    Ok(())
}

/// More than is sent at once.
async fn large(world: World) -> Result<()> {
    let content = bytes(20 * MIB + 1);
    let file = store(&world, new(1, upload()), &content).await?;
    assert_eq!(file.sha256, sha256_hex(&content));
    let end = world.files.read(&id(1), 20 * MIB as u64..21 * MIB as u64).await?;
    assert_eq!(end.context("bytes")?, &content[20 * MIB..]);
    let middle = world.files.read(&id(1), 8 * MIB as u64 - 5..8 * MIB as u64 + 5).await?;
    assert_eq!(middle.context("bytes")?, &content[8 * MIB - 5..8 * MIB + 5]);
    Ok(())
}

async fn without_end(world: World) -> Result<()> {
    let mut writer = world.files.create(new(1, FileOwner::Run(run_id(1)?))).await?;
    writer.write(&bytes(300_000)).await?;
    let record = world.files.find(&id(1)).await?.context("the row")?;
    assert!(!record.is_whole);
    drop(writer);
    assert!(world.files.read(&id(1), 0..1).await?.is_none(), "no bytes of half a file");
    assert_eq!(world.files.share(&id(1), &run_id(2)?, at(1)).await?, Shared::Unknown);
    let later = at(0) + RUN_STORED_WITHIN;
    assert!(due(&world, later, 1).await?);
    assert!(world.files.collect(&id(1), later).await?);
    assert!(world.files.find(&id(1)).await?.is_none());
    Ok(())
}

async fn too_large(world: World) -> Result<()> {
    let mut writer = world.files.create(new(1, upload())).await?;
    let part = vec![0; 10 * MIB];
    for _ in 0..5 {
        writer.write(&part).await?;
    }
    assert!(writer.write(b"x").await.is_err());
    Ok(())
}

async fn announced(world: World) -> Result<()> {
    let content = bytes(1_000);
    world.files.announce(new(1, upload()), 1_000, &sha256_hex(&content)).await?;
    let record = world.files.find(&id(1)).await?.context("the row")?;
    assert!(!record.is_whole && record.file.size == 1_000);
    for wrong in [&content[..999], &[1; 1_000]] {
        let mut writer = world.files.receive(&record).await?;
        writer.write(wrong).await?;
        assert_eq!(writer.finish().await?, Received::Differs);
        assert!(!world.files.find(&id(1)).await?.context("the row")?.is_whole);
    }
    let mut writer = world.files.receive(&record).await?;
    writer.write(&content).await?;
    assert_eq!(writer.finish().await?, Received::Whole(record.file.clone()));
    assert!(world.files.find(&id(1)).await?.context("the row")?.is_whole);
    Ok(())
}

async fn owned(world: World) -> Result<()> {
    let (first, second) = (run_id(1)?, run_id(2)?);
    store(&world, new(1, FileOwner::Run(first.clone())), b"made").await?;
    store(&world, new(2, upload()), b"given").await?;
    assert!(world.files.of_run(&id(1), &first).await?.is_some());
    assert!(world.files.of_run(&id(1), &second).await?.is_none(), "another run's file");
    assert!(world.files.of_run(&id(2), &second).await?.is_none(), "nobody gave it");
    for _ in 0..2 {
        assert_eq!(world.files.share(&id(2), &second, at(1)).await?, Shared::Shared);
    }
    assert!(world.files.of_run(&id(2), &second).await?.is_some());
    assert_eq!(world.files.share(&id(9), &second, at(1)).await?, Shared::Unknown);
    assert!(world.files.of_run(&id(9), &second).await?.is_none());
    Ok(())
}

/// Runs that are not stored, or wiped, do not count.
async fn of_workflows(world: World) -> Result<()> {
    let uid = head(1)?.workflow_uid;
    let (own, other) = (BTreeSet::from([uid.clone()]), BTreeSet::from([format!("{uid}x")]));
    let none = BTreeSet::new();
    let of = async |workflows| world.files.has_run_of(&id(1), workflows).await;
    store(&world, new(1, upload()), b"a").await?;
    for n in 1..=120 {
        world.files.share(&id(1), &run_id(n)?, at(1)).await?;
    }
    assert!(!of(None).await?, "no run is stored");
    // The last of them, whatever their order.
    for n in [1, 120] {
        world.runs.create_ended(attached(n)?, ending(RunState::Succeeded)).await?;
        assert!(of(None).await? && of(Some(&own)).await?);
        assert!(!of(Some(&other)).await? && !of(Some(&none)).await?);
        world.runs.wipe(&run_id(n)?).await?;
        assert!(!of(None).await? && !of(Some(&own)).await?, "it was wiped");
    }
    Ok(())
}

async fn taken_over(world: World) -> Result<()> {
    let (first, second) = (run_id(1)?, run_id(2)?);
    store(&world, new(1, FileOwner::Run(first.clone())), b"a").await?;
    store(&world, new(2, upload()), b"b").await?;
    world.files.share(&id(2), &first, at(1)).await?;
    world.files.share_all(&first, &second, at(2)).await?;
    world.files.share_all(&run_id(3)?, &second, at(2)).await?;
    for n in [1, 2] {
        assert!(world.files.of_run(&id(n), &second).await?.is_some());
    }
    Ok(())
}

async fn unused(world: World) -> Result<()> {
    store(&world, new(1, upload()), b"a").await?;
    let (before, after) = (at(0) + UPLOAD_KEPT - Duration::from_secs(1), at(0) + UPLOAD_KEPT);
    assert!(!due(&world, before, 1).await?);
    assert!(!world.files.collect(&id(1), before).await?);
    assert!(due(&world, after, 1).await?);
    assert!(world.files.collect(&id(1), after).await?);
    assert!(world.files.find(&id(1)).await?.is_none());
    assert!(world.files.read(&id(1), 0..1).await?.is_none());
    assert!(!due(&world, after + UPLOAD_KEPT, 1).await?);
    assert!(!world.files.collect(&id(1), after).await?, "it is gone already");
    Ok(())
}

/// Two runs own the file of an upload.
async fn last_run(world: World) -> Result<()> {
    store(&world, new(1, upload()), b"a").await?;
    for n in [1, 2] {
        world.files.share(&id(1), &run_id(n)?, at(1)).await?;
        // Until then the run owns it.
        let expires_at = at(0) + 3 * UPLOAD_KEPT;
        let end = FinishedRun { expires_at, ..ending(RunState::Succeeded) };
        world.runs.create_ended(attached(n)?, end).await?;
    }
    let later = at(0) + UPLOAD_KEPT + Duration::from_secs(1);
    assert!(!world.files.collect(&id(1), later).await?, "two runs own it");
    assert_eq!(world.runs.delete(&run_id(1)?).await?, Deleted::Deleted);
    assert!(world.files.of_run(&id(1), &run_id(1)?).await?.is_none());
    assert!(!world.files.collect(&id(1), later).await?, "a run owns it");
    assert!(world.files.read(&id(1), 0..1).await?.is_some());
    assert_eq!(world.runs.delete(&run_id(2)?).await?, Deleted::Deleted);
    assert!(due(&world, later, 1).await?, "with its last run");
    assert!(world.files.collect(&id(1), later).await?);
    assert!(world.files.read(&id(1), 0..1).await?.is_none());
    Ok(())
}

async fn wiped(world: World) -> Result<()> {
    store(&world, new(1, FileOwner::Run(run_id(1)?)), b"a").await?;
    world.runs.create_ended(attached(1)?, ending(RunState::Succeeded)).await?;
    world.runs.wipe(&run_id(1)?).await?;
    assert!(world.files.of_run(&id(1), &run_id(1)?).await?.is_none());
    assert!(due(&world, at(1), 1).await?);
    assert!(world.files.collect(&id(1), at(1)).await?);
    assert!(world.files.read(&id(1), 0..1).await?.is_none());
    Ok(())
}

async fn never_started(world: World) -> Result<()> {
    store(&world, new(1, FileOwner::Run(run_id(1)?)), b"a").await?;
    let soon = at(0) + RUN_STORED_WITHIN - Duration::from_secs(1);
    assert!(!world.files.collect(&id(1), soon).await?, "it may be about to start");
    let later = at(0) + RUN_STORED_WITHIN;
    assert!(due(&world, later, 1).await?);
    assert!(world.files.collect(&id(1), later).await?);
    Ok(())
}

async fn late(world: World) -> Result<()> {
    let mut writer = world.files.create(new(1, upload())).await?;
    writer.write(b"late").await?;
    let later = at(0) + UPLOAD_KEPT;
    assert!(world.files.collect(&id(1), later).await?);
    assert!(writer.finish().await.is_err());
    // At once, or as due work.
    world.files.collect(&id(1), later).await?;
    assert!(world.files.read(&id(1), 0..9).await?.is_none());
    Ok(())
}

async fn going(world: World) -> Result<()> {
    store(&world, new(1, upload()), b"a").await?;
    let later = at(0) + UPLOAD_KEPT;
    assert!(world.files.collect(&id(1), later).await?);
    assert_eq!(world.files.share(&id(1), &run_id(1)?, later).await?, Shared::Unknown);
    assert!(world.files.of_run(&id(1), &run_id(1)?).await?.is_none());
    Ok(())
}

async fn due(world: &World, now: Timestamp, n: u8) -> Result<bool> {
    let due = world.due.due(now, 100).await?;
    Ok(due.iter().any(|item| item.what == Message::FileV1 { file: id(n) }))
}
