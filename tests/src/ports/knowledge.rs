//! Knowledge: a source is there as a whole, once, and goes with its user and its workflow.

use anyhow::Result;
use flowgate_core::knowledge::{Committed, Match, Part, Source, StoreHead, StoreId, normalized};
use flowgate_engine::call::Chunked;
use serde_json::{Value, json};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a source is found once it is committed, the best first", search),
        guarantee("a source that is added again is replaced, once", replace),
        guarantee("a commit that was replaced or deleted since changes nothing", superseded),
        guarantee("of concurrent commits to one store, all count", concurrent_commits),
        guarantee("a store that is full keeps what it had", full),
        guarantee("knowledge of a user, and of a workflow, is deleted whole", delete_knowledge),
    ]
}

fn store() -> StoreId {
    StoreId::of_workflow(WORKFLOW_UID, "docs")
}

fn head() -> StoreHead {
    StoreHead { workflow_uid: WORKFLOW_UID.to_owned(), model: "m/e".to_owned(), dimensions: 3 }
}

fn part(version: &str, number: usize, chunks: &[(&str, [f32; 3])], user: Option<&str>) -> Part {
    let chunk = |(text, _): &(&str, _)| Chunked {
        text: (*text).to_owned(),
        metadata: json!({ "of": version }),
    };
    let vector = |(_, vector): &(_, [f32; 3])| normalized(vector).unwrap_or_default();
    Part {
        version: version.to_owned(),
        number,
        user: user.map(str::to_owned),
        chunks: chunks.iter().map(chunk).collect(),
        vectors: chunks.iter().map(vector).collect(),
    }
}

fn source(name: &str, version: &str, chunks: usize, user: Option<&str>) -> Source {
    let (name, version) = (name.to_owned(), version.to_owned());
    Source { name, version, parts: 1, chunks, user: user.map(str::to_owned) }
}

/// Adds a source of one chunk.
async fn add(world: &World, name: &str, vector: [f32; 3], user: Option<&str>) -> Result<()> {
    let version = format!("v-{name}");
    world.knowledge.begin(&store(), head()).await?;
    world.knowledge.put(&store(), part(&version, 0, &[(name, vector)], user)).await?;
    world.knowledge.commit(&store(), source(name, &version, 1, user)).await?;
    Ok(())
}

async fn found(world: &World, vector: [f32; 3]) -> Result<Vec<Match>> {
    let vector = normalized(&vector).unwrap_or_default();
    world.knowledge.search(&store(), &vector, 10, None).await
}

fn texts(found: &[Match]) -> Vec<&str> {
    found.iter().map(|found| found.chunk.text.as_str()).collect()
}

async fn search(world: World) -> Result<()> {
    let knowledge = &world.knowledge;
    assert_eq!(knowledge.head(&store()).await?, None);
    assert_eq!(found(&world, [1.0, 0.0, 0.0]).await?, []);
    assert_eq!(knowledge.begin(&store(), head()).await?, head());
    let other = StoreHead { model: "other".to_owned(), ..head() };
    assert_eq!(knowledge.begin(&store(), other).await?, head());
    let (one, two) = (
        part("v1", 0, &[("x", [1.0, 0.0, 0.0]), ("xy", [1.0, 1.0, 0.0])], None),
        part("v1", 1, &[("y", [0.0, 1.0, 0.0]), ("-x", [-1.0, 0.0, 0.0])], None),
    );
    for _ in 0..2 {
        knowledge.put(&store(), one.clone()).await?;
        knowledge.put(&store(), two.clone()).await?;
    }
    assert_eq!(found(&world, [1.0, 0.0, 0.0]).await?, [], "it is not committed");
    let committed = knowledge.commit(&store(), source("s", "v1", 4, None)).await?;
    assert_eq!(committed, Committed::Committed { total: 4 });
    let all = found(&world, [1.0, 0.1, 0.0]).await?;
    assert_eq!(texts(&all), ["x", "xy", "y", "-x"]);
    assert_eq!((all[0].source.as_str(), &all[0].chunk.metadata["of"]), ("s", &Value::from("v1")));
    let near = |score: f32, expected: f32| (score - expected).abs() < 0.02;
    assert!(near(all[0].score, 0.995) && near(all[3].score, -0.995), "{all:?}");
    let vector = normalized(&[1.0, 0.1, 0.0]).unwrap_or_default();
    let two = knowledge.search(&store(), &vector, 2, None).await?;
    assert_eq!(texts(&two), ["x", "xy"]);
    let alike = knowledge.search(&store(), &vector, 10, Some(0.5)).await?;
    assert_eq!(texts(&alike), ["x", "xy"]);
    Ok(())
}

async fn replace(world: World) -> Result<()> {
    let knowledge = &world.knowledge;
    add(&world, "other", [0.0, 0.0, 1.0], None).await?;
    for (version, text) in [("v1", "old"), ("v2", "new")] {
        let chunks = [(text, [1.0, 0.0, 0.0]), (text, [1.0, 0.5, 0.0])];
        knowledge.put(&store(), part(version, 0, &chunks, None)).await?;
        for _ in 0..2 {
            let committed = knowledge.commit(&store(), source("s", version, 2, None)).await?;
            assert_eq!(committed, Committed::Committed { total: 3 });
        }
        assert_eq!(texts(&found(&world, [1.0, 0.0, 0.0]).await?), [text, text, "other"]);
    }
    assert_eq!(knowledge.delete_source(&store(), "s").await?, 2);
    assert_eq!(knowledge.delete_source(&store(), "s").await?, 0);
    assert_eq!(texts(&found(&world, [1.0, 0.0, 0.0]).await?), ["other"]);
    Ok(())
}

async fn superseded(world: World) -> Result<()> {
    let knowledge = &world.knowledge;
    knowledge.begin(&store(), head()).await?;
    for version in ["v1", "v2"] {
        knowledge.put(&store(), part(version, 0, &[(version, [1.0, 0.0, 0.0])], None)).await?;
        knowledge.commit(&store(), source("s", version, 1, None)).await?;
    }
    // Its owner died after the first commit, and its next owner repeats it.
    let again = knowledge.commit(&store(), source("s", "v1", 1, None)).await?;
    assert_eq!(again, Committed::Committed { total: 1 });
    assert_eq!(texts(&found(&world, [1.0, 0.0, 0.0]).await?), ["v2"]);
    // A part of two is not enough.
    knowledge.put(&store(), part("v3", 1, &[("half", [1.0, 0.0, 0.0])], None)).await?;
    let half = Source { parts: 2, ..source("s", "v3", 2, None) };
    assert_eq!(knowledge.commit(&store(), half).await?, Committed::Committed { total: 1 });
    assert_eq!(texts(&found(&world, [1.0, 0.0, 0.0]).await?), ["v2"]);
    assert_eq!(knowledge.delete_source(&store(), "s").await?, 1);
    let again = knowledge.commit(&store(), source("s", "v2", 1, None)).await?;
    assert_eq!(again, Committed::Deleted);
    assert_eq!(found(&world, [1.0, 0.0, 0.0]).await?, []);
    Ok(())
}

async fn concurrent_commits(world: World) -> Result<()> {
    world.knowledge.begin(&store(), head()).await?;
    let names: Vec<String> = (0..8).map(|n| format!("s{n}")).collect();
    let adds = names.iter().map(|name| add(&world, name, [1.0, 0.0, 0.0], None));
    for added in futures_util::future::join_all(adds).await {
        added?;
    }
    let committed = world.knowledge.commit(&store(), source("s0", "v-s0", 1, None)).await?;
    assert_eq!(committed, Committed::Committed { total: 8 });
    assert_eq!(found(&world, [1.0, 0.0, 0.0]).await?.len(), 8);
    Ok(())
}

async fn full(world: World) -> Result<()> {
    let knowledge = &world.knowledge;
    add(&world, "s", [1.0, 0.0, 0.0], None).await?;
    knowledge.put(&store(), part("v2", 0, &[("more", [1.0, 0.0, 0.0])], None)).await?;
    // Only the number counts here.
    let committed = knowledge.commit(&store(), source("s", "v2", 60_000, None)).await?;
    assert!(matches!(committed, Committed::Full { max: 5_000 | 50_000 }), "{committed:?}");
    assert_eq!(texts(&found(&world, [1.0, 0.0, 0.0]).await?), ["s"]);
    Ok(())
}

async fn delete_knowledge(world: World) -> Result<()> {
    let knowledge = &world.knowledge;
    for (name, user) in [("a", Some("ada")), ("b", Some("ada")), ("c", Some("bob")), ("d", None)] {
        add(&world, name, [1.0, 0.0, 0.0], user).await?;
    }
    knowledge.put(&store(), part("never", 0, &[("x", [1.0, 0.0, 0.0])], Some("eve"))).await?;
    let others = StoreHead { workflow_uid: "uid-other".to_owned(), ..head() };
    let other = StoreId::of_workflow("uid-other", "docs");
    knowledge.begin(&other, others).await?;
    assert_eq!(knowledge.delete_some(WORKFLOW_UID, Some("ada"), 9).await?, 1);
    assert_eq!(knowledge.delete_some(WORKFLOW_UID, Some("ada"), 9).await?, 0);
    assert_eq!(knowledge.delete_some(WORKFLOW_UID, Some("eve"), 9).await?, 1, "not committed");
    assert_eq!(knowledge.delete_some(WORKFLOW_UID, Some("eve"), 9).await?, 0);
    let mut left = texts(&found(&world, [1.0, 0.0, 0.0]).await?).join("");
    if left == "dc" {
        left = "cd".to_owned();
    }
    assert_eq!(left, "cd");
    assert_eq!(knowledge.delete_some(WORKFLOW_UID, None, 9).await?, 1);
    assert_eq!(knowledge.delete_some(WORKFLOW_UID, None, 9).await?, 0);
    assert_eq!((knowledge.head(&store()).await?, found(&world, [1.0; 3]).await?), (None, vec![]));
    assert!(knowledge.head(&other).await?.is_some());
    Ok(())
}
