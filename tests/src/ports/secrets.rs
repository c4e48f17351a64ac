//! Secrets, and the keyring that is created once.

use std::collections::BTreeMap;

use anyhow::Result;
use flowgate_core::secret::{
    Keyring, SecretHost, SecretInfo, SecretRecord, SecretRule, SecretWorkflows,
};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("the first keyring stays", keyring),
        guarantee("20 concurrent first users get one keyring", concurrent_keyrings),
        guarantee("a secret is written, replaced, listed by name and deleted", secrets),
    ]
}

fn ring(n: u32) -> Keyring {
    let entries = BTreeMap::from([(1, format!("entry {n}"))]);
    Keyring {
        peppers: entries.clone(),
        masters: entries,
        seal: format!("seal {n}"),
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
        let secret = SecretRecord { value: value.to_owned(), rule: rule.clone() };
        world.secrets.put(name, &secret, at(ms)).await?;
        assert_eq!(world.secrets.get(name).await?, Some(secret));
    }
    let mut infos = world.secrets.list().await?;
    infos.sort_by(|one, two| one.name.cmp(&two.name));
    assert_eq!(
        infos,
        [
            SecretInfo { name: "A".into(), updated_at: at(2), rule },
            SecretInfo { name: "B".into(), updated_at: at(3), rule: open }
        ]
    );
    assert!(world.secrets.delete("B").await?);
    assert!(!world.secrets.delete("B").await?);
    assert_eq!((world.secrets.get("B").await?, world.secrets.list().await?.len()), (None, 1));
    Ok(())
}
