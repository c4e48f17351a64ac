//! Receivers that fail: since the first failure after a success, each workflow by itself.

use anyhow::Result;
use flowgate_core::group::Group;
use flowgate_core::receiver::Failing;

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a receiver fails since its first failure", since_the_first),
        guarantee("a receiver is disabled once, and only if it fails", disabled_once),
        guarantee("an enabled receiver begins anew", enabled),
        guarantee("receivers fail for one workflow at a time", apart),
    ]
}

fn host(name: &str) -> Group {
    Group::new(format!("{name}.example:443"))
}

async fn since_the_first(world: World) -> Result<()> {
    let (world, a) = (world.deliveries, host("a"));
    assert_eq!(world.failing("uid", &a).await?, None);
    let expected = Failing { since: at(10), disabled_at: None };
    assert_eq!(world.note_failure("uid", &a, at(10)).await?, expected);
    assert_eq!(world.note_failure("uid", &a, at(20)).await?, expected);
    assert_eq!(world.failing("uid", &a).await?, Some(expected));
    Ok(())
}

async fn disabled_once(world: World) -> Result<()> {
    let (world, a) = (world.deliveries, host("a"));
    assert!(!world.disable("uid", &a, at(5)).await?, "it does not fail");
    world.note_failure("uid", &a, at(10)).await?;
    assert!(world.disable("uid", &a, at(30)).await?);
    assert!(!world.disable("uid", &a, at(40)).await?);
    let expected = Failing { since: at(10), disabled_at: Some(at(30)) };
    assert_eq!(world.failing("uid", &a).await?, Some(expected));
    assert_eq!(world.note_failure("uid", &a, at(50)).await?, expected);
    Ok(())
}

async fn enabled(world: World) -> Result<()> {
    let (world, a) = (world.deliveries, host("a"));
    world.enable("uid", &a).await?;
    world.note_failure("uid", &a, at(10)).await?;
    world.disable("uid", &a, at(30)).await?;
    world.enable("uid", &a).await?;
    assert_eq!(world.failing("uid", &a).await?, None);
    assert!(world.all_failing("uid").await?.is_empty());
    assert_eq!(world.note_failure("uid", &a, at(50)).await?.since, at(50));
    Ok(())
}

async fn apart(world: World) -> Result<()> {
    let world = world.deliveries;
    for (uid, name, ms) in [("one", "a", 1), ("one", "b", 2), ("two", "a", 3)] {
        world.note_failure(uid, &host(name), at(ms)).await?;
    }
    world.enable("two", &host("b")).await?;
    let failing = |ms| Failing { since: at(ms), disabled_at: None };
    let all = world.all_failing("one").await?;
    assert_eq!(all, [(host("a"), failing(1)), (host("b"), failing(2))]);
    assert_eq!(world.all_failing("two").await?, [(host("a"), failing(3))]);
    assert_eq!(world.failing("two", &host("b")).await?, None);
    Ok(())
}
