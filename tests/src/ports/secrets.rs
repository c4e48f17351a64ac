//! Secrets, and the keyring that is created once.

use std::collections::BTreeMap;

use anyhow::Result;
use flowgate_core::secret::{
    Keyring, SecretHost, SecretInfo, SecretRecord, SecretRule, SecretWorkflows,
};
use flowgate_core::system::SystemEntropy;

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("the first keyring stays", keyring),
        guarantee("20 concurrent first users get one keyring", concurrent_keyrings),
        guarantee("a keyring is replaced by its next generation alone", replace_keyring),
        guarantee("of concurrent rotations each generation has one", concurrent_rotations),
        guarantee("a secret is written, replaced, listed by name and deleted", secrets),
    ]
}

fn ring(n: u32) -> Keyring {
    let entries = BTreeMap::from([(1, format!("entry {n}"))]);
    Keyring {
        peppers: entries.clone(),
        masters: entries,
        seal: format!("seal {n}"),
        seals: BTreeMap::new(),
        generation: 0,
        bootstrap_token: format!("token {n}"),
    }
}

async fn keyring(world: World) -> Result<()> {
    for n in 1..=3 {
        assert!(world.secrets.keyring(ring(n)).await? == ring(1));
    }
    Ok(())
}

async fn concurrent_keyrings(world: World) -> Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let secrets = world.secrets.clone();
        tasks.spawn(async move { secrets.keyring(ring(n)).await });
    }
    let kept = world.secrets.keyring(ring(99)).await?;
    while let Some(done) = tasks.join_next().await {
        assert!(done?? == kept);
    }
    Ok(())
}

async fn replace_keyring(world: World) -> Result<()> {
    let first = world.secrets.keyring(ring(1)).await?;
    let second = first.rotated(&SystemEntropy);
    for _ in 0..2 {
        assert!(world.secrets.replace_keyring(&second).await?, "repeating it is a success");
        assert!(world.secrets.keyring(ring(9)).await? == second);
    }
    let other = first.with_new_token(&SystemEntropy);
    assert!(!world.secrets.replace_keyring(&other).await?, "somebody else was first");
    assert!(world.secrets.keyring(ring(9)).await? == second);
    assert!(world.secrets.replace_keyring(&second.with_new_token(&SystemEntropy)).await?);
    Ok(())
}

async fn concurrent_rotations(world: World) -> Result<()> {
    let first = world.secrets.keyring(ring(1)).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (secrets, next) = (world.secrets.clone(), first.rotated(&SystemEntropy));
        tasks.spawn(async move {
            Ok::<_, anyhow::Error>((secrets.replace_keyring(&next).await?, next))
        });
    }
    let mut applied = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (was_applied, next) = done??;
        applied.extend(was_applied.then_some(next));
    }
    assert_eq!(applied.len(), 1);
    assert!(world.secrets.keyring(ring(9)).await? == applied[0]);
    Ok(())
}

async fn secrets(world: World) -> Result<()> {
    assert_eq!(world.secrets.get("B").await?, None);
    let rule = SecretRule {
        hosts: ["api.example.com", "*.example.com:8443"]
            .into_iter()
            .filter_map(SecretHost::parse)
            .collect(),
        workflows: SecretWorkflows::Only(["one".to_owned(), "two".to_owned()].into()),
    };
    assert_eq!(rule.hosts.len(), 2);
    let open = SecretRule::default();
    for (name, value, rule, ms) in
        [("B", "one", &rule, 1), ("A", "", &rule, 2), ("B", "two ä\n", &open, 3)]
    {
        let secret = SecretRecord { value: value.into(), rule: rule.clone() };
        world.secrets.put(name, &secret, at(ms)).await?;
        assert_eq!(world.secrets.get(name).await?, Some(secret));
    }
    let mut infos = world.secrets.list().await?;
    infos.sort_by(|one, two| one.name.cmp(&two.name));
    assert_eq!(
        infos,
        [
            SecretInfo { name: "A".into(), updated_at: at(2), rule, login: None },
            SecretInfo { name: "B".into(), updated_at: at(3), rule: open, login: None }
        ]
    );
    assert!(world.secrets.delete("B").await?);
    assert!(!world.secrets.delete("B").await?);
    assert_eq!((world.secrets.get("B").await?, world.secrets.list().await?.len()), (None, 1));
    Ok(())
}
