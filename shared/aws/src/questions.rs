//! Questions that runs ask, and their answers.

use anyhow::Result;
use flowgate_core::id::RunId;
use flowgate_core::lease::{Lease, Written};
use flowgate_core::run::{Answer, Answered, AskedQuestion, OpenQuestion};
use flowgate_core::time::Timestamp;
use serde::de::DeserializeOwned;

use crate::Aws;
use crate::item::{Item, Key, number, run_partition, text, time};
use crate::parts::place_hash;
use crate::row::{HOLDS_LEASE, bind_lease};
use crate::table::Query;
use crate::value::{inline, unpack_inline};
use crate::write::{AllOutcome, Refusal, Write};

const QUESTION: &str = "QU#";
const ANSWER: &str = "AN#";

impl Aws {
    /// Its row counts it once: the count goes up with the question.
    pub(crate) async fn put_question(
        &self,
        lease: &Lease,
        place: &str,
        question: &OpenQuestion,
    ) -> Result<Written> {
        let count = Write::update(
            Key::of_run(&lease.run),
            "SET #asked = if_not_exists(#asked, :none) + :one",
        );
        let count = bind_lease(count.only_if(HOLDS_LEASE), lease)
            .bind(":none", number(0))
            .bind(":one", number(1));
        let question = Item::new(key(&lease.run, QUESTION, place))
            .with("place", inline(place.to_owned()))
            .with("question", inline(serde_json::to_string(question)?))
            .with("expires_at", self.parts_expire_at());
        let written = self.table().write_all(&[count, Write::put(question).if_absent()]).await?;
        Ok(match written {
            AllOutcome::Refused(refusals) if refusals.first().is_some_and(Option::is_some) => {
                Written::Lost
            }
            AllOutcome::Done | AllOutcome::Refused(_) => Written::Written,
        })
    }

    /// Tries the row as it mostly is: of a run that waits. A live owner finds the answer itself.
    pub(crate) async fn put_answer(
        &self,
        run: &RunId,
        place: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Answered> {
        let item = Item::new(key(run, ANSWER, place))
            .with("answer", inline(serde_json::to_string(answer)?))
            .with("expires_at", self.parts_expire_at());
        let count = "SET #answers = if_not_exists(#answers, :none) + :one";
        let due = format!("{count}, #state = :pending, #due_at = :now, #look_at = :now");
        let of_waiting = Write::update(Key::of_run(run), due)
            .only_if("attribute_exists(#due_at) AND attribute_not_exists(#owner)")
            .bind(":pending", text("pending"))
            .bind(":now", time(now));
        let of_owned = Write::update(Key::of_run(run), count)
            .only_if("attribute_exists(#due_at) AND attribute_exists(#owner)");
        // Its owner may change between two tries, once in this time.
        for (is_due, row) in [(true, &of_waiting), (false, &of_owned), (true, &of_waiting)] {
            let row = row.clone().bind(":none", number(0)).bind(":one", number(1));
            let asked = Write::check(key(run, QUESTION, place)).only_if("attribute_exists(#pk)");
            let put = Write::put(item.clone()).if_absent();
            match self.table().write_all(&[row, asked, put]).await? {
                AllOutcome::Done => return Ok(Answered::Stored { is_due }),
                AllOutcome::Refused(refusals) => match &refusals[..] {
                    [_, Some(_), _] => return Ok(Answered::NotAsked),
                    // Refused because it was applied before: a success.
                    [_, _, Some(Refusal(Some(stored)))]
                        if parsed::<Answer>(stored, "answer")? == *answer =>
                    {
                        return Ok(Answered::Stored { is_due: true });
                    }
                    [_, _, Some(_)] => return Ok(Answered::Already),
                    _ => {}
                },
            }
        }
        Ok(Answered::NotAsked)
    }

    pub(crate) async fn read_questions(&self, run: &RunId) -> Result<Vec<AskedQuestion>> {
        let pk = run_partition(run);
        let questions = self.table().query_all(Query::beginning(&pk, QUESTION)).await?;
        let answers = self.table().query_all(Query::beginning(&pk, ANSWER)).await?;
        let mut found = Vec::with_capacity(questions.len());
        for item in questions {
            let place = unpack_inline(item.value("place")?)?;
            let sk = key(run, ANSWER, &place).sk;
            let answer = answers.iter().find(|answer| answer.text("sk").is_ok_and(|of| of == sk));
            found.push(AskedQuestion {
                question: parsed(&item, "question")?,
                answer: answer.map(|answer| parsed(answer, "answer")).transpose()?,
                place,
            });
        }
        found.sort_by(|left, right| left.place.cmp(&right.place));
        Ok(found)
    }
}

fn key(run: &RunId, prefix: &str, place: &str) -> Key {
    Key::new(run_partition(run), format!("{prefix}{}", place_hash(place)))
}

fn parsed<T: DeserializeOwned>(item: &Item, name: &str) -> Result<T> {
    Ok(serde_json::from_str(&unpack_inline(item.value(name)?)?)?)
}
