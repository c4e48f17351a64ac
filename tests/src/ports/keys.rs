//! API keys, and the audit entry of every change.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use flowgate_core::budget::{KeyBudget, Period};
use flowgate_core::key::{AuditEntry, KeyRecord, LastRefused, Scope, WorkflowScope};
use flowgate_core::limit::{KeyLimits, Rate};
use flowgate_core::page::PageRequest;
use flowgate_engine::SpendingLimit;

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a key reads back as it was written, with its audit entry", create),
        guarantee("a key written twice is one, with one audit entry", create_twice),
        guarantee("a key's end is set with its audit entry, and never later", end),
        guarantee("a key's name changes with its audit entry, and nothing else does", rename),
        guarantee("the last use never moves backwards", touch),
        guarantee("the last refusal is never replaced by an earlier one", note_refusal),
        guarantee("an origin is known once a key lists it", origins),
        guarantee("lists contain each key and each audit entry once", lists),
    ]
}

fn key(id: &str) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        name: "for tests".into(),
        workflows: WorkflowScope::Only(BTreeSet::from(["story".into()])),
        scopes: BTreeSet::from([Scope::Run, Scope::Read]),
        hash: "hash".into(),
        pepper: 1,
        created_at: at(10),
        expires_at: Some(at(1_000_000)),
        limits: Some(KeyLimits {
            rate: Rate { requests_per_minute: 60, burst: 5 },
            concurrent_runs: None,
        }),
        budget: Some(KeyBudget {
            limit: SpendingLimit { cost_nano_usd: Some(5), tokens: None },
            per: Period::Month,
            account: Some("first".into()),
        }),
        origins: BTreeSet::from(["https://app.example.com".into()]),
        ends_at: None,
        rotated_from: Some("before".into()),
        first: Some("first".into()),
        last_used_at: None,
        last_refused: None,
    }
}

fn audit(action: &str, id: &str, ms: i64) -> AuditEntry {
    AuditEntry {
        at: at(ms),
        actor: "bootstrap".into(),
        action: action.into(),
        key_id: id.into(),
        expires_at: at(ms + 900_000),
    }
}

async fn stored_key(world: &World, id: &str) -> Result<KeyRecord> {
    world.keys.read(id).await?.context("the key does not exist")
}

async fn create(world: World) -> Result<()> {
    world.keys.create(key("one"), audit("key.created", "one", 10)).await?;
    assert_eq!(stored_key(&world, "one").await?, key("one"));
    assert_eq!(world.keys.read("two").await?, None);
    assert_eq!(world.keys.audit(first_page(10)).await?.items, [audit("key.created", "one", 10)]);
    Ok(())
}

async fn create_twice(world: World) -> Result<()> {
    for _ in 0..2 {
        world.keys.create(key("one"), audit("key.created", "one", 10)).await?;
    }
    assert_eq!(world.keys.list(first_page(10)).await?.items, [key("one")]);
    assert_eq!(world.keys.audit(first_page(10)).await?.items.len(), 1);
    Ok(())
}

async fn end(world: World) -> Result<()> {
    world.keys.create(key("one"), audit("key.created", "one", 10)).await?;
    for (ms, kept) in [(500, 500), (300, 300), (900, 300)] {
        assert!(world.keys.end("one", at(ms), audit("key.ends", "one", ms)).await?);
        assert_eq!(
            stored_key(&world, "one").await?,
            KeyRecord { ends_at: Some(at(kept)), ..key("one") }
        );
    }
    assert!(!world.keys.end("two", at(1), audit("key.revoked", "two", 1)).await?);
    let entries = world.keys.audit(first_page(10)).await?.items;
    assert_eq!(entries.len(), 4);
    assert!(entries.iter().all(|entry| entry.key_id == "one"));
    Ok(())
}

async fn touch(world: World) -> Result<()> {
    world.keys.create(key("one"), audit("key.created", "one", 10)).await?;
    for (ms, kept) in [(100, 100), (50, 100), (200, 200)] {
        world.keys.touch("one", at(ms)).await?;
        assert_eq!(stored_key(&world, "one").await?.last_used_at, Some(at(kept)));
    }
    world.keys.touch("two", at(1)).await?;
    assert_eq!(world.keys.read("two").await?, None);
    Ok(())
}

async fn rename(world: World) -> Result<()> {
    world.keys.create(key("one"), audit("key.created", "one", 10)).await?;
    for (ms, name) in [(20, "first ’ name"), (30, "second")] {
        assert!(world.keys.rename("one", name, audit("key.renamed", "one", ms)).await?);
        let renamed = KeyRecord { name: name.into(), ..key("one") };
        assert_eq!(stored_key(&world, "one").await?, renamed);
        assert_eq!(world.keys.list(first_page(10)).await?.items, [renamed]);
    }
    assert!(!world.keys.rename("two", "x", audit("key.renamed", "two", 1)).await?);
    assert_eq!(world.keys.read("two").await?, None);
    let entries = world.keys.audit(first_page(10)).await?.items;
    let expected = [
        audit("key.renamed", "one", 30),
        audit("key.renamed", "one", 20),
        audit("key.created", "one", 10),
    ];
    assert_eq!(entries, expected);
    Ok(())
}

async fn note_refusal(world: World) -> Result<()> {
    world.keys.create(key("one"), audit("key.created", "one", 10)).await?;
    let refused = |ms, code: &str| LastRefused { at: at(ms), code: code.into() };
    let later = refused(200, "rate_limited");
    for (note, kept) in [
        (refused(100, "forbidden"), refused(100, "forbidden")),
        (later.clone(), later.clone()),
        (refused(150, "invalid_input"), later.clone()),
    ] {
        world.keys.note_refusal("one", &note).await?;
        let expected = KeyRecord { last_refused: Some(kept), ..key("one") };
        assert_eq!(stored_key(&world, "one").await?, expected);
        assert_eq!(world.keys.list(first_page(10)).await?.items, [expected]);
    }
    world.keys.touch("one", at(300)).await?;
    assert!(world.keys.end("one", at(400), audit("key.revoked", "one", 400)).await?);
    assert_eq!(stored_key(&world, "one").await?.last_refused, Some(later));
    world.keys.note_refusal("two", &refused(1, "forbidden")).await?;
    assert_eq!(world.keys.read("two").await?, None);
    Ok(())
}

async fn lists(world: World) -> Result<()> {
    for n in 0..5 {
        let id = format!("key {n}");
        world.keys.create(key(&id), audit("key.created", &id, 10 + n)).await?;
    }
    let (mut keys, mut cursor) = (BTreeSet::new(), None);
    for _ in 0..3 {
        let page = world.keys.list(PageRequest { limit: 2, cursor }).await?;
        keys.extend(page.items.into_iter().map(|key| key.id));
        cursor = page.next_cursor;
    }
    assert_eq!((keys.len(), cursor), (5, None));
    let (mut entries, mut cursor) = (Vec::new(), None);
    for _ in 0..3 {
        let page = world.keys.audit(PageRequest { limit: 2, cursor }).await?;
        entries.extend(page.items.into_iter().map(|entry| entry.key_id));
        cursor = page.next_cursor;
    }
    assert_eq!((entries, cursor), ((0..5).rev().map(|n| format!("key {n}")).collect(), None));
    for cursor in ["", "nonsense"] {
        let page = PageRequest { limit: 10, cursor: Some(cursor.into()) };
        assert_eq!(world.keys.list(page.clone()).await?.items.len(), 5);
        assert_eq!(world.keys.audit(page).await?.items.len(), 5);
    }
    Ok(())
}

async fn origins(world: World) -> Result<()> {
    let listed = async |origin| world.keys.lists_origin(origin).await;
    assert!(!listed("https://app.example.com").await?);
    let without = KeyRecord { origins: BTreeSet::new(), ..key("none") };
    world.keys.create(without, audit("key.created", "none", 10)).await?;
    assert!(!listed("https://app.example.com").await?);
    world.keys.create(key("one"), audit("key.created", "one", 11)).await?;
    assert!(listed("https://app.example.com").await?);
    for other in ["https://app.example.co", "https://app.example.com.evil.example", "", "%"] {
        assert!(!listed(other).await?, "{other}");
    }
    Ok(())
}
