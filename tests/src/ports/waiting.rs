//! Runs that wait are nobody's until they are due or answered, and the first answer counts.

use std::sync::Arc;

use anyhow::Result;
use flowgate_core::lease::{Lease, Written};
use flowgate_core::page::PageRequest;
use flowgate_core::run::{
    Answer, Answered, Finished, FinishedRun, Heartbeat, ListedQuestion, Mode, NewRun, OpenQuestion,
    Parked, Parking, RunHead, RunState,
};
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;
use flowgate_engine::call::Question;
use serde_json::json;

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a run that waits is nobody's, and due when its wait ends", park),
        guarantee("a wait sent twice is one, and an earlier owner's is refused", park_twice),
        guarantee("a question is asked once, with its owner's lease", ask),
        guarantee("an answer makes a waiting run due", answer_of_waiting),
        guarantee("an answer reaches a live owner, which cannot wait past it", answer_of_owned),
        guarantee("of 20 concurrent answers, one is stored", concurrent_answers),
        guarantee("open questions of several workflows are listed, oldest first", open_questions),
        guarantee("nothing that was not asked, or has ended, is answered", answer_of_nothing),
    ]
}

fn parking(due_at: i64, answers: u64) -> Parking {
    Parking {
        checkpoints: vec![checkpoint("a", 0, "x")],
        events: vec![chunk(1, 1)],
        due_at: at(due_at),
        answers,
    }
}

pub(super) fn question() -> OpenQuestion {
    OpenQuestion {
        workflow_uid: WORKFLOW_UID.to_owned(),
        node: "ask".to_owned(),
        question: Question { message: "ok?".to_owned(), fields: None },
        asked_at: at(100),
        expires_at: at(9_000),
    }
}

pub(super) fn answer(by: &str) -> Answer {
    Answer::Given { approved: true, data: json!({}), by: by.to_owned(), at: at(500) }
}

async fn asked(world: &World) -> Result<Lease> {
    let lease = claimed(world, 1, "a").await?;
    assert_eq!(world.runs.ask(&lease, "ask", question()).await?, Written::Written);
    Ok(lease)
}

async fn is_due(world: &World, now: i64) -> Result<bool> {
    let due = world.due.due(at(now), 10).await?;
    let message = Message::RunV1 { run: run_id(1)? };
    Ok(due.iter().any(|item| item.what == message))
}

async fn park(world: World) -> Result<()> {
    world.runs.create(attached(1)?).await?;
    let lease = Lease { run: run_id(1)?, fence: 1, owner: owner("a") };
    assert_eq!(world.runs.park(&lease, parking(5_000, 0)).await?, Parked::Parked);
    let run = stored(&world, 1).await?;
    assert_eq!(
        (run.state, run.mode, run.owner, run.fence, run.due_at),
        (RunState::Waiting, Mode::Detached, None, 1, Some(at(5_000)))
    );
    assert_eq!(world.runs.checkpoints(&run_id(1)?, None).await?, [checkpoint("a", 0, "x")]);
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1)]);
    assert!(!is_due(&world, 4_999).await? && is_due(&world, 5_000).await?);
    let (lease, run) = claim(&world, 1, "b", 5_000, 6_000).await?;
    assert_eq!((lease.fence, run.state), (2, RunState::Running));
    Ok(())
}

async fn park_twice(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    for _ in 0..2 {
        assert_eq!(world.runs.park(&lease, parking(5_000, 0)).await?, Parked::Parked);
    }
    let (next, _) = claim(&world, 1, "b", 5_000, 6_000).await?;
    world.runs.park(&lease, parking(7_000, 0)).await?;
    assert_ne!(world.runs.heartbeat(&next, at(6_500)).await?, Heartbeat::Lost);
    let wrong = Lease { owner: owner("c"), ..next };
    assert_eq!(world.runs.park(&wrong, parking(7_000, 0)).await?, Parked::Lost);
    Ok(())
}

async fn ask(world: World) -> Result<()> {
    let lease = asked(&world).await?;
    let other = OpenQuestion { node: "other".to_owned(), ..question() };
    assert_eq!(world.runs.ask(&lease, "ask", other).await?, Written::Written);
    let questions = world.runs.questions(&run_id(1)?).await?;
    assert_eq!(questions.len(), 1);
    assert_eq!((&questions[0].question, &questions[0].answer), (&question(), &None));
    assert_eq!(stored(&world, 1).await?.asked, 1);
    let late = Lease { fence: 0, ..lease };
    assert_eq!(world.runs.ask(&late, "late", question()).await?, Written::Lost);
    assert_eq!(world.runs.questions(&run_id(1)?).await?.len(), 1);
    Ok(())
}

/// An answer takes a question out of the list, and so does the end of its run.
async fn open_questions(world: World) -> Result<()> {
    let uid = |n: u32| if n.is_multiple_of(2) { WORKFLOW_UID } else { "uid-b" };
    for n in 1..=6_u32 {
        let run_head = RunHead { workflow_uid: uid(n).to_owned(), ..head(n)? };
        world.runs.create(NewRun { head: Arc::new(run_head), ..detached(n)? }).await?;
        let (lease, _) = claim(&world, n, "a", 100, 90_000).await?;
        for (place, asked_at) in [("first", 1_000 - i64::from(n)), ("second", 2_000)] {
            let question = OpenQuestion {
                workflow_uid: uid(n).to_owned(),
                asked_at: at(asked_at),
                ..question()
            };
            assert_eq!(world.runs.ask(&lease, place, question).await?, Written::Written);
        }
        if n == 5 {
            let end =
                FinishedRun { workflow_uid: uid(n).to_owned(), ..ending(RunState::Cancelled) };
            assert_eq!(world.runs.finish(&lease, end).await?, Finished::Finished);
        }
    }
    let answered = world.runs.answer(&run_id(2)?, "first", answer("p"), at(600)).await?;
    assert_eq!(answered, Answered::Stored { is_due: false });
    let list = async |of: &[&str], limit: usize| {
        let uids: Vec<String> = of.iter().map(|uid| (*uid).to_owned()).collect();
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..20 {
            let request = PageRequest { limit, cursor };
            let page = world.runs.open_questions(&uids, request).await?;
            assert!(page.items.len() <= limit);
            for listed in page.items {
                let ListedQuestion { run, workflow_uid, asked } = listed;
                let n = u32::from_str_radix(&run.as_str()[28..], 16)?;
                assert_eq!((workflow_uid.as_str(), asked.answer), (uid(n), None));
                found.push(format!("{n} {}", asked.place));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        anyhow::Ok(found)
    };
    let all = [
        "6 first", "4 first", "3 first", "1 first", "1 second", "2 second", "3 second", "4 second",
        "6 second",
    ];
    for limit in [1, 4, 100] {
        assert_eq!(list(&[WORKFLOW_UID, "uid-b"], limit).await?, all);
    }
    assert_eq!(list(&["uid-b"], 3).await?, ["3 first", "1 first", "1 second", "3 second"]);
    assert_eq!(list(&["nobodys"], 3).await?, [""; 0]);
    assert_eq!(list(&[], 3).await?, [""; 0]);
    Ok(())
}

async fn answer_of_waiting(world: World) -> Result<()> {
    let lease = asked(&world).await?;
    world.runs.park(&lease, parking(9_000, 0)).await?;
    let run = run_id(1)?;
    let stored_answer = world.runs.answer(&run, "ask", answer("x"), at(500)).await?;
    assert_eq!(stored_answer, Answered::Stored { is_due: true });
    assert_eq!(world.runs.answer(&run, "ask", answer("y"), at(600)).await?, Answered::Already);
    assert!(is_due(&world, 500).await?);
    let (_, run) = claim(&world, 1, "b", 600, 1_000).await?;
    assert_eq!(run.answers, 1);
    let questions = world.runs.questions(&run_id(1)?).await?;
    assert_eq!(questions[0].answer, Some(answer("x")));
    Ok(())
}

async fn answer_of_owned(world: World) -> Result<()> {
    let lease = asked(&world).await?;
    let answered = world.runs.answer(&run_id(1)?, "ask", answer("x"), at(500)).await?;
    assert_eq!(answered, Answered::Stored { is_due: false });
    assert_eq!(
        world.runs.heartbeat(&lease, at(2_000)).await?,
        Heartbeat::Kept { cancel_requested: false, answers: 1 }
    );
    assert_eq!(world.runs.park(&lease, parking(9_000, 0)).await?, Parked::Answered);
    assert!(world.runs.checkpoints(&run_id(1)?, None).await?.is_empty(), "nothing was written");
    assert_eq!(world.runs.park(&lease, parking(9_000, 1)).await?, Parked::Parked);
    Ok(())
}

async fn concurrent_answers(world: World) -> Result<()> {
    let lease = asked(&world).await?;
    world.runs.park(&lease, parking(9_000, 0)).await?;
    let run = run_id(1)?;
    let answers = (0..20).map(|n| {
        let (runs, run) = (world.runs.clone(), run.clone());
        async move { runs.answer(&run, "ask", answer(&n.to_string()), at(500)).await }
    });
    let outcomes = futures_util::future::try_join_all(answers).await?;
    let stored = outcomes.iter().filter(|one| matches!(one, Answered::Stored { .. })).count();
    assert_eq!(stored, 1, "{outcomes:?}");
    Ok(())
}

async fn answer_of_nothing(world: World) -> Result<()> {
    let lease = asked(&world).await?;
    let run = run_id(1)?;
    let runs = &world.runs;
    let now: Timestamp = at(500);
    assert_eq!(runs.answer(&run, "other", answer("x"), now).await?, Answered::NotAsked);
    assert_eq!(runs.answer(&run_id(2)?, "ask", answer("x"), now).await?, Answered::NotAsked);
    runs.finish(&lease, ending(RunState::Succeeded)).await?;
    assert_eq!(runs.answer(&run, "ask", answer("x"), now).await?, Answered::NotAsked);
    Ok(())
}
