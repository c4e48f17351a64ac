//! Sessions: written once per place, in the order of commits, and deleted whole.

use anyhow::Result;
use flowgate_core::session::{Saved, Session, SessionKey, SessionOwner, WriteMark};
use flowgate_engine::call::KeptTurn;
use futures_util::future::join_all;
use serde_json::json;

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a session is stored by revision, each write once", save_session),
        guarantee("of 20 concurrent writes of a session, one is stored", concurrent_saves),
        guarantee("a session that has expired is absent, and can be begun again", expired_session),
        guarantee("a use keeps a session for longer", extend_session),
        guarantee("sessions of a user, and of a workflow, are deleted whole", delete_sessions),
        guarantee("a session holds 350 KB", large_session),
    ]
}

fn key(name: &str) -> SessionKey {
    SessionKey::new(WORKFLOW_UID, name)
}

fn mark(text: &str) -> WriteMark {
    WriteMark(text.to_owned())
}

fn session(user: Option<&str>, revision: u64, said: &[&str]) -> Session {
    let owner = SessionOwner { key_id: Some("k".to_owned()), user: user.map(str::to_owned) };
    let turn = |said: &&str| KeptTurn { user: (*said).to_owned(), ..KeptTurn::default() };
    let turns = said.iter().map(turn).collect();
    Session { revision, expires_at: at(9_000), turns, ..Session::new(owner) }
}

async fn save_session(world: World) -> Result<()> {
    let sessions = &world.sessions;
    assert_eq!(sessions.read(&key("s"), at(1)).await?, None);
    let (one, two) = (session(None, 1, &["a"]), session(None, 2, &["a", "b"]));
    assert_eq!(sessions.save(&key("s"), &one, &mark("r/1"), at(1)).await?, Saved::Saved);
    assert_eq!(sessions.read(&key("s"), at(1)).await?, Some(one.clone()));
    let again = session(None, 2, &["a", "a"]);
    assert_eq!(sessions.save(&key("s"), &again, &mark("r/1"), at(1)).await?, Saved::Already);
    for stale in [1, 3] {
        let stale = session(None, stale, &["x"]);
        assert_eq!(sessions.save(&key("s"), &stale, &mark("r/2"), at(1)).await?, Saved::Conflict);
    }
    assert_eq!(sessions.read(&key("s"), at(1)).await?, Some(one));
    assert_eq!(sessions.save(&key("s"), &two, &mark("r/2"), at(1)).await?, Saved::Saved);
    assert_eq!(sessions.read(&key("s"), at(1)).await?, Some(two));
    assert_eq!(sessions.read(&key("other"), at(1)).await?, None);
    assert_eq!(sessions.read(&SessionKey::new("uid-other", "s"), at(1)).await?, None);
    Ok(())
}

async fn concurrent_saves(world: World) -> Result<()> {
    let saves = (0..20).map(|n| {
        let sessions = world.sessions.clone();
        async move {
            let session = session(None, 1, &[&n.to_string()]);
            sessions.save(&key("s"), &session, &mark(&format!("r{n}/a")), at(1)).await
        }
    });
    let saved = join_all(saves).await.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(saved.iter().filter(|saved| **saved == Saved::Saved).count(), 1);
    assert_eq!(saved.iter().filter(|saved| **saved == Saved::Conflict).count(), 19);
    Ok(())
}

async fn expired_session(world: World) -> Result<()> {
    let sessions = &world.sessions;
    for revision in 1..=2 {
        let kept = session(None, revision, &["old"]);
        sessions.save(&key("s"), &kept, &mark(&revision.to_string()), at(1)).await?;
    }
    assert!(sessions.read(&key("s"), at(8_999)).await?.is_some());
    assert_eq!(sessions.read(&key("s"), at(9_000)).await?, None);
    let late = session(None, 3, &["old", "late"]);
    assert_eq!(sessions.save(&key("s"), &late, &mark("3"), at(9_000)).await?, Saved::Conflict);
    let new = Session { expires_at: at(20_000), ..session(None, 1, &["new"]) };
    assert_eq!(sessions.save(&key("s"), &new, &mark("3"), at(9_000)).await?, Saved::Saved);
    assert_eq!(sessions.read(&key("s"), at(9_001)).await?, Some(new));
    Ok(())
}

async fn extend_session(world: World) -> Result<()> {
    let sessions = &world.sessions;
    sessions.extend(&key("s"), at(20_000)).await?;
    assert_eq!(sessions.read(&key("s"), at(1)).await?, None);
    let kept = session(None, 1, &["a"]);
    sessions.save(&key("s"), &kept, &mark("1"), at(1)).await?;
    sessions.extend(&key("s"), at(20_000)).await?;
    sessions.extend(&key("s"), at(10_000)).await?;
    let longer = Session { expires_at: at(20_000), ..kept };
    assert_eq!(sessions.read(&key("s"), at(19_999)).await?, Some(longer));
    Ok(())
}

async fn delete_sessions(world: World) -> Result<()> {
    let sessions = &world.sessions;
    for (name, user) in [("a", Some("ada")), ("b", Some("ada")), ("c", Some("bob")), ("d", None)] {
        sessions.save(&key(name), &session(user, 1, &["x"]), &mark(name), at(1)).await?;
    }
    let other = SessionKey::new("uid-other", "a");
    sessions.save(&other, &session(Some("ada"), 1, &["x"]), &mark("a"), at(1)).await?;
    let mut deleted = 0;
    loop {
        let some = sessions.delete_some(WORKFLOW_UID, Some("ada"), 1).await?;
        deleted += some;
        if some < 1 {
            break;
        }
    }
    assert_eq!(deleted, 2);
    for (name, is_there) in [("a", false), ("b", false), ("c", true), ("d", true)] {
        assert_eq!(sessions.read(&key(name), at(1)).await?.is_some(), is_there, "{name}");
    }
    assert_eq!(sessions.delete_some(WORKFLOW_UID, Some(""), 9).await?, 0);
    assert_eq!(sessions.delete_some(WORKFLOW_UID, None, 9).await?, 2);
    assert_eq!(sessions.read(&key("d"), at(1)).await?, None);
    assert!(sessions.read(&other, at(1)).await?.is_some());
    // What was deleted is as new: its marks are gone, too.
    let again = session(Some("ada"), 1, &["y"]);
    assert_eq!(sessions.save(&key("a"), &again, &mark("a"), at(1)).await?, Saved::Saved);
    Ok(())
}

async fn large_session(world: World) -> Result<()> {
    let mut large = session(Some("ada"), 1, &[]);
    // Does not compress.
    let noise = (0..9_000u64).map(|n| {
        let digest = flowgate_core::hash::sha256_hex(&n.to_be_bytes());
        digest[..38].to_owned()
    });
    large.variables.insert("noise".to_owned(), json!(noise.collect::<Vec<_>>().concat()));
    let bytes = serde_json::to_string(&large)?.len();
    assert!((340_000..358_400).contains(&bytes), "{bytes}");
    world.sessions.save(&key("s"), &large, &mark("1"), at(1)).await?;
    assert_eq!(world.sessions.read(&key("s"), at(1)).await?, Some(large));
    Ok(())
}
