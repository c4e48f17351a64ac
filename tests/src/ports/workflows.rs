//! Workflows: drafts change, versions never do.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use flowgate_core::page::PageRequest;
use flowgate_core::secret::{Publisher, SigningPin};
use flowgate_core::workflow::{
    Draft, DraftSaved, NewVersion, RollbackTargets, SetActive, UseOfSecrets, VersionInfo,
    VersionPublished, WorkflowDeleted, WorkflowRecord,
};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("the first draft creates the workflow, later ones change only the draft", drafts),
        guarantee("If-Match is compared with the stored draft", if_match),
        guarantee("what is created replaces nothing", create),
        guarantee("versions are numbered from 1.0.0, and each becomes the active one", publish),
        guarantee("versions published concurrently get different numbers", concurrent_publishes),
        guarantee("publishing the active document creates no version", publish_unchanged),
        guarantee(
            "the same document published concurrently is one version",
            concurrent_publishes_unchanged,
        ),
        guarantee("the endpoint points to the chosen version", set_active),
        guarantee(
            "a rollback goes to the version that was active before, never to a rolled-back one",
            roll_back,
        ),
        guarantee("a deleted workflow keeps its versions and frees its id", delete),
        guarantee("a rotated signing secret is stored beside the one before", rotate),
        guarantee("a public workflow is found by its key as long as it has it", public),
        guarantee("a list contains each workflow once", list),
    ]
}

fn draft(text: &str) -> Draft {
    Draft {
        name: "A story".into(),
        document: text.into(),
        etag: format!("etag of {text}"),
        saved_at: at(10),
        saved_by: Some("0123456789ab".into()),
    }
}

pub(super) async fn saved(world: &World, id: &str, text: &str) -> Result<WorkflowRecord> {
    save(world, id, text, "0123456789abcdef0123456789abcdef").await
}

async fn save(world: &World, id: &str, text: &str, uid: &str) -> Result<WorkflowRecord> {
    match world.workflows.save_draft(id, draft(text), uid, SIGNING, None).await? {
        DraftSaved::Saved(record) => Ok(*record),
        DraftSaved::Stale => anyhow::bail!("a draft without If-Match was refused"),
    }
}

pub(super) fn version(text: &str) -> NewVersion {
    NewVersion {
        document: text.into(),
        hash: format!("hash of {text}"),
        name: "A story".into(),
        notes: Some("why".into()),
        at: at(20),
        use_of_secrets: use_of_secrets(Publisher::Workflow),
        schedules: Vec::new(),
    }
}

fn use_of_secrets(published_by: Publisher) -> UseOfSecrets {
    let names = Some(vec!["A".into(), "B".into()]);
    UseOfSecrets { published_by, key: Some("0123456789ab".into()), names }
}

/// Publishes a version that must be new.
async fn publish_new(world: &World, text: &str) -> Result<VersionInfo> {
    match world.workflows.publish("story", version(text)).await?.context("published")? {
        VersionPublished::New(info) => Ok(info),
        VersionPublished::Unchanged(info) => anyhow::bail!("{text} is {} already", info.version),
    }
}

async fn stored_workflow(world: &World, id: &str) -> Result<WorkflowRecord> {
    world.workflows.read(id).await?.context("the workflow does not exist")
}

async fn drafts(world: World) -> Result<()> {
    assert_eq!(world.workflows.read("story").await?, None);
    let made = save(&world, "story", "one", "uid 1").await?;
    let expected = WorkflowRecord {
        id: "story".into(),
        uid: "uid 1".into(),
        draft: draft("one"),
        active_version: None,
        activated_at: None,
        rollback_targets: RollbackTargets::default(),
        created_at: at(10),
        signing: SIGNING,
        signing_before: None,
        public_as: None,
    };
    assert_eq!(made, expected);
    world.workflows.publish("story", version("one")).await?;
    let later = Draft { saved_at: at(99), ..draft("two") };
    world
        .workflows
        .save_draft("story", later.clone(), "uid 2", SigningPin { master: 7, epoch: 7 }, None)
        .await?;
    let kept = stored_workflow(&world, "story").await?;
    assert_eq!(
        (kept.uid.as_str(), kept.draft, kept.created_at, kept.signing),
        ("uid 1", later, at(10), SIGNING)
    );
    assert_eq!(kept.active_version.as_deref(), Some("1.0.0"));
    Ok(())
}

async fn if_match(world: World) -> Result<()> {
    let put = |text: &'static str, if_match: &'static str| {
        let workflows = world.workflows.clone();
        async move {
            let draft = draft(text);
            workflows.save_draft("story", draft, "uid", SIGNING, Some(if_match)).await
        }
    };
    assert_eq!(put("one", "etag of one").await?, DraftSaved::Stale);
    assert_eq!(world.workflows.read("story").await?, None);
    save(&world, "story", "one", "uid").await?;
    assert_eq!(put("two", "etag of zero").await?, DraftSaved::Stale);
    assert_eq!(stored_workflow(&world, "story").await?.draft, draft("one"));
    // The second call is the retry of a write that was applied.
    for _ in 0..2 {
        assert!(matches!(
            put("two", "etag of one").await?,
            DraftSaved::Saved(record) if record.draft == draft("two")
        ));
    }
    Ok(())
}

async fn create(world: World) -> Result<()> {
    let create = |text: &'static str, uid: &'static str| {
        let workflows = world.workflows.clone();
        async move { workflows.create("story", draft(text), uid, SIGNING).await }
    };
    // The second call is the retry of a write that was applied.
    for _ in 0..2 {
        let created = create("one", "uid 1").await?.context("nothing was created")?;
        assert_eq!((created.uid.as_str(), created.draft), ("uid 1", draft("one")));
    }
    assert_eq!(create("two", "uid 2").await?, None);
    assert_eq!(stored_workflow(&world, "story").await?.draft, draft("one"));
    Ok(())
}

async fn publish(world: World) -> Result<()> {
    assert_eq!(world.workflows.publish("story", version("v0")).await?, None);
    save(&world, "story", "draft", "uid").await?;
    for patch in 0..=10 {
        let text = format!("v{patch}");
        let info = publish_new(&world, &text).await?;
        assert_eq!(
            (info.version, info.hash, info.published_at),
            (format!("1.0.{patch}"), format!("hash of {text}"), at(20))
        );
        let kept = stored_workflow(&world, "story").await?;
        assert_eq!(
            (kept.active_version, kept.activated_at),
            (Some(format!("1.0.{patch}")), Some(at(20)))
        );
        assert_eq!(kept.draft, draft("draft"));
    }
    let infos = world.workflows.versions("uid", first_page(20)).await?.items;
    let numbers: Vec<_> = infos.iter().map(|info| info.version.clone()).collect();
    assert_eq!(numbers, (0..=10).rev().map(|patch| format!("1.0.{patch}")).collect::<Vec<_>>());
    let (mut seen, mut page) = (Vec::new(), first_page(4));
    loop {
        let versions = world.workflows.versions("uid", page).await?;
        assert!(versions.items.len() <= 4);
        seen.extend(versions.items);
        let Some(cursor) = versions.next_cursor else { break };
        page = PageRequest { limit: 4, cursor: Some(cursor) };
    }
    assert_eq!(seen, infos);
    let before = async |version: &str| {
        world
            .workflows
            .versions("uid", PageRequest { limit: 1, cursor: Some(version.into()) })
            .await
    };
    assert_eq!(
        (before("1.0.10").await?.items, before("1.0.0").await?.items),
        (vec![infos[1].clone()], vec![])
    );
    for nowhere in ["no version", "1.0.9223372036854775808", "1.0.18446744073709551616"] {
        assert_eq!(before(nowhere).await?.items, infos[..1], "{nowhere}");
    }
    let record = world.workflows.version("uid", "1.0.9").await?.context("version")?;
    assert_eq!(
        (&*record.document, &record.info, record.name.as_str()),
        ("v9", &infos[1], "A story")
    );
    assert_eq!(world.workflows.version("uid", "1.0.11").await?, None);
    assert_eq!(world.workflows.version("other", "1.0.0").await?, None);
    Ok(())
}

async fn concurrent_publishes(world: World) -> Result<()> {
    save(&world, "story", "draft", "uid").await?;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..10 {
        let workflows = world.workflows.clone();
        tasks.spawn(async move { workflows.publish("story", version(&format!("v{n}"))).await });
    }
    let mut numbers = BTreeSet::new();
    while let Some(done) = tasks.join_next().await {
        let VersionPublished::New(info) = done??.context("published")? else {
            anyhow::bail!("no two documents are the same")
        };
        numbers.insert(info.version);
    }
    assert_eq!(
        (numbers.len(), world.workflows.versions("uid", first_page(20)).await?.items.len()),
        (10, 10)
    );
    Ok(())
}

async fn publish_unchanged(world: World) -> Result<()> {
    save(&world, "story", "draft", "uid").await?;
    let first = publish_new(&world, "one").await?;
    assert_eq!(first.use_of_secrets, use_of_secrets(Publisher::Workflow));
    let stored = world.workflows.version("uid", "1.0.0").await?.context("the version")?;
    assert_eq!(stored.info, first);
    let again = NewVersion { notes: Some("others".into()), at: at(30), ..version("one") };
    assert_eq!(
        world.workflows.publish("story", again).await?,
        Some(VersionPublished::Unchanged(first.clone()))
    );
    let kept = stored_workflow(&world, "story").await?;
    assert_eq!((kept.active_version.as_deref(), kept.activated_at), (Some("1.0.0"), Some(at(20))));
    assert_eq!(
        world.workflows.versions("uid", first_page(20)).await?.items,
        std::slice::from_ref(&first)
    );

    // Only the active version counts.
    publish_new(&world, "two").await?;
    assert_eq!(publish_new(&world, "one").await?.version, "1.0.2");
    world.workflows.set_active("story", Some("1.0.0"), at(40), Vec::new()).await?;
    assert_eq!(
        world.workflows.publish("story", version("one")).await?,
        Some(VersionPublished::Unchanged(first))
    );
    world.workflows.set_active("story", None, at(50), Vec::new()).await?;
    assert_eq!(publish_new(&world, "one").await?.version, "1.0.3");

    // The platform vouches for what a key for one workflow has published.
    let use_of_secrets = use_of_secrets(Publisher::Platform);
    let vouched = NewVersion { use_of_secrets: use_of_secrets.clone(), ..version("one") };
    let published =
        world.workflows.publish("story", vouched.clone()).await?.context("published")?;
    let VersionPublished::New(info) = published else {
        anyhow::bail!("the platform's version is the one of the key")
    };
    assert_eq!((info.version.as_str(), &info.use_of_secrets), ("1.0.4", &use_of_secrets));
    for again in [vouched, version("one")] {
        assert_eq!(
            world.workflows.publish("story", again).await?,
            Some(VersionPublished::Unchanged(info.clone()))
        );
    }
    Ok(())
}

async fn concurrent_publishes_unchanged(world: World) -> Result<()> {
    save(&world, "story", "draft", "uid").await?;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let workflows = world.workflows.clone();
        tasks.spawn(async move { workflows.publish("story", version("one")).await });
    }
    let mut made = 0;
    while let Some(done) = tasks.join_next().await {
        made += usize::from(matches!(done??, Some(VersionPublished::New(_))));
    }
    assert_eq!((made, world.workflows.versions("uid", first_page(20)).await?.items.len()), (1, 1));
    Ok(())
}

/// Each step with the active version after it, and the target of a rollback.
async fn roll_back(world: World) -> Result<()> {
    save(&world, "story", "draft", "uid").await?;
    enum Step {
        Publish(&'static str),
        Back,
        To(&'static str),
        TakeDown,
    }
    let steps = [
        (Step::Publish("good"), Some("1.0.0"), None),
        (Step::Publish("bad 1"), Some("1.0.1"), Some("1.0.0")),
        (Step::Back, Some("1.0.0"), None),
        (Step::Publish("bad 2"), Some("1.0.2"), Some("1.0.0")),
        (Step::Back, Some("1.0.0"), None),
        // A named rollback may go to any version. The second one is a repeated write.
        (Step::To("1.0.2"), Some("1.0.2"), Some("1.0.0")),
        (Step::To("1.0.2"), Some("1.0.2"), Some("1.0.0")),
        (Step::Publish("good"), Some("1.0.3"), Some("1.0.2")),
        (Step::Back, Some("1.0.2"), Some("1.0.0")),
        (Step::Back, Some("1.0.0"), None),
        (Step::Publish("better"), Some("1.0.4"), Some("1.0.0")),
        // Taking a workflow down does not roll back its version.
        (Step::TakeDown, None, Some("1.0.4")),
        (Step::TakeDown, None, Some("1.0.4")),
        (Step::Back, Some("1.0.4"), Some("1.0.0")),
        (Step::TakeDown, None, Some("1.0.4")),
        (Step::Publish("best"), Some("1.0.5"), Some("1.0.4")),
        (Step::To("1.0.0"), Some("1.0.0"), None),
    ];
    for (index, (step, active, before)) in steps.into_iter().enumerate() {
        let back = stored_workflow(&world, "story").await?.rollback_targets.last();
        let target = match step {
            Step::Publish(text) => {
                publish_new(&world, text).await?;
                active.map(str::to_owned)
            }
            Step::Back => Some(back.context("there is one before")?),
            Step::To(version) => Some(version.to_owned()),
            Step::TakeDown => None,
        };
        assert_eq!(
            world.workflows.set_active("story", target.as_deref(), at(30), Vec::new()).await?,
            SetActive::Done
        );
        let kept = stored_workflow(&world, "story").await?;
        assert_eq!(
            (kept.active_version.as_deref(), kept.rollback_targets.last().as_deref()),
            (active, before),
            "step {index}"
        );
    }
    Ok(())
}

async fn set_active(world: World) -> Result<()> {
    assert_eq!(
        world.workflows.set_active("story", None, at(30), Vec::new()).await?,
        SetActive::UnknownWorkflow
    );
    save(&world, "story", "draft", "uid").await?;
    assert_eq!(
        world.workflows.set_active("story", Some("1.0.0"), at(30), Vec::new()).await?,
        SetActive::UnknownVersion
    );
    for text in ["one", "two"] {
        world.workflows.publish("story", version(text)).await?;
    }
    for (target, ms) in [(Some("1.0.0"), 40), (None, 50), (Some("1.0.1"), 60)] {
        assert_eq!(
            world.workflows.set_active("story", target, at(ms), Vec::new()).await?,
            SetActive::Done
        );
        let kept = stored_workflow(&world, "story").await?;
        assert_eq!((kept.active_version.as_deref(), kept.activated_at), (target, Some(at(ms))));
    }
    assert_eq!(
        world.workflows.set_active("story", Some("1.0.7"), at(70), Vec::new()).await?,
        SetActive::UnknownVersion
    );
    assert_eq!(stored_workflow(&world, "story").await?.active_version.as_deref(), Some("1.0.1"));
    Ok(())
}

async fn no_job(world: &World) -> Result<bool> {
    Ok(world.jobs.open(first_page(9)).await?.items.is_empty())
}

async fn delete(world: World) -> Result<()> {
    save(&world, "story", "draft", "uid 1").await?;
    world.workflows.publish("story", version("one")).await?;
    let delete = async |uid, etag, job| {
        world.workflows.delete("story", uid, etag, workflow_job(job, "uid 1")?).await
    };
    let of_draft = Some("etag of draft");
    assert_eq!(delete("uid 0", None, 1).await?, WorkflowDeleted::Unknown);
    assert_eq!(delete("uid 1", Some("etag of another"), 1).await?, WorkflowDeleted::Stale);
    assert!(world.workflows.read("story").await?.is_some() && no_job(&world).await?);
    assert_eq!(delete("uid 1", of_draft, 1).await?, WorkflowDeleted::Done);
    assert_eq!(delete("uid 1", of_draft, 2).await?, WorkflowDeleted::Unknown);
    let jobs = world.jobs.open(first_page(9)).await?.items;
    assert_eq!(jobs, [workflow_job(1, "uid 1")?]);
    assert_eq!(world.workflows.read("story").await?, None);
    assert!(world.workflows.version("uid 1", "1.0.0").await?.is_some());

    assert_eq!(save(&world, "story", "draft", "uid 2").await?.uid, "uid 2");
    assert!(world.workflows.versions("uid 2", first_page(20)).await?.items.is_empty());
    assert_eq!(publish_new(&world, "new").await?.version, "1.0.0");
    assert_eq!(
        world.workflows.version("uid 1", "1.0.0").await?.map(|old| old.document),
        Some("one".into())
    );
    Ok(())
}

async fn rotate(world: World) -> Result<()> {
    let next = SigningPin { master: 1, epoch: 1 };
    assert!(!world.workflows.rotate_signing("story", next, at(500)).await?);
    save(&world, "story", "draft", "uid").await?;
    // The second call is the retry of a write that was applied.
    for _ in 0..2 {
        assert!(world.workflows.rotate_signing("story", next, at(500)).await?);
    }
    let kept = stored_workflow(&world, "story").await?;
    assert_eq!((kept.signing, kept.signing_before), (next, Some((SIGNING, at(500)))));
    let third = SigningPin { master: 2, epoch: 2 };
    world.workflows.rotate_signing("story", third, at(600)).await?;
    let kept = stored_workflow(&world, "story").await?;
    assert_eq!((kept.signing, kept.signing_before), (third, Some((next, at(600)))));
    Ok(())
}

async fn public(world: World) -> Result<()> {
    let found = async |key: &str| world.workflows.public_as(key, "", 10).await;
    assert!(!world.workflows.set_public("a", Some("k"), None).await?, "there is none");
    for id in ["a", "b", "c"] {
        save(&world, id, "draft", &format!("uid of {id}")).await?;
        // The second call is the retry of a write that was applied.
        for _ in 0..2 {
            assert!(world.workflows.set_public(id, Some("k"), None).await?);
        }
    }
    assert_eq!(found("k").await?, ["a", "b", "c"]);
    assert_eq!(world.workflows.public_as("k", "a", 1).await?, ["b"]);
    assert!(world.workflows.set_public("b", Some("l"), Some("k")).await?);
    assert!(!world.workflows.set_public("b", Some("m"), Some("k")).await?, "it has another");
    assert!(!world.workflows.set_public("b", None, Some("k")).await?);
    assert_eq!(
        (found("k").await?, found("l").await?),
        (vec!["a".into(), "c".into()], vec!["b".into()])
    );

    // Drafts, versions and the endpoint leave it alone.
    save(&world, "b", "draft 2", "uid of b").await?;
    world.workflows.publish("b", version("one")).await?;
    world.workflows.set_active("b", None, at(60), Vec::new()).await?;
    let kept = save(&world, "b", "draft 3", "uid of b").await?;
    assert_eq!(kept.public_as.as_deref(), Some("l"));
    assert_eq!(stored_workflow(&world, "b").await?, kept);
    assert!(world.workflows.set_public("b", None, Some("l")).await?);
    assert_eq!(stored_workflow(&world, "b").await?.public_as, None);

    world.workflows.delete("a", "uid of a", None, workflow_job(1, "uid of a")?).await?;
    assert_eq!(found("k").await?, ["c"]);
    save(&world, "a", "draft", "uid 2 of a").await?;
    assert_eq!(stored_workflow(&world, "a").await?.public_as, None);
    assert_eq!((found("k").await?, found("l").await?), (vec!["c".into()], Vec::<String>::new()));
    Ok(())
}

async fn list(world: World) -> Result<()> {
    let ids: BTreeSet<String> = (0..7).map(|n| format!("w{n}")).collect();
    for id in &ids {
        save(&world, id, "draft", &format!("uid of {id}")).await?;
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = world.workflows.list(PageRequest { limit: 3, cursor }).await?;
        assert!(page.items.len() <= 3);
        seen.extend(page.items.into_iter().map(|record| record.id));
        cursor = page.next_cursor;
        if cursor.is_none() || seen.len() > 7 {
            break;
        }
    }
    assert_eq!((seen.len(), seen.into_iter().collect::<BTreeSet<_>>()), (7, ids));
    Ok(())
}
