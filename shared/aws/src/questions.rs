//! Questions that runs ask, and their answers.

use std::collections::HashSet;

use anyhow::Result;
use flowgate_core::id::RunId;
use flowgate_core::lease::{Lease, Written};
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{Answer, Answered, AskedQuestion, ListedQuestion, OpenQuestion};
use flowgate_core::time::Timestamp;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use crate::Aws;
use crate::item::{Item, Key, number, run_partition, text, time};
use crate::merged::MAX_CONCURRENT;
use crate::page::MAX_ITEMS;
use crate::parts::place_hash;
use crate::row::{HOLDS_LEASE, bind_lease};
use crate::table::Query;
use crate::value::{inline, unpack_inline};
use crate::write::{AllOutcome, Refusal, Write};

const QUESTION: &str = "QU#";
const ANSWER: &str = "AN#";
/// The open questions of a workflow.
const LIST: &str = "QUESTIONS#";

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
        let pointer = pointer_key(&lease.run, place, question);
        let listed =
            Write::put(Item::new(pointer.clone()).with("expires_at", self.parts_expire_at()));
        let question = Item::new(key(&lease.run, QUESTION, place))
            .with("listed_pk", text(pointer.pk))
            .with("listed_sk", text(pointer.sk))
            .with("place", inline(place.to_owned()))
            .with("question", inline(serde_json::to_string(question)?))
            .with("expires_at", self.parts_expire_at());
        let writes = [count, Write::put(question).if_absent(), listed];
        let written = self.table().write_all(&writes).await?;
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
        let Some(pointer) = self.pointer_of(key(run, QUESTION, place)).await? else {
            return Ok(Answered::NotAsked);
        };
        // Its owner may change between two tries, once in this time.
        for (is_due, row) in [(true, &of_waiting), (false, &of_owned), (true, &of_waiting)] {
            let row = row.clone().bind(":none", number(0)).bind(":one", number(1));
            let asked = Write::check(key(run, QUESTION, place)).only_if("attribute_exists(#pk)");
            let put = Write::put(item.clone()).if_absent();
            let unlist = pointer.clone().map(Write::delete);
            let writes: Vec<Write> = [row, asked, put].into_iter().chain(unlist).collect();
            match self.table().write_all(&writes).await? {
                AllOutcome::Done => return Ok(Answered::Stored { is_due }),
                AllOutcome::Refused(refusals) => match &refusals[..] {
                    [_, Some(_), ..] => return Ok(Answered::NotAsked),
                    // Refused because it was applied before: a success.
                    [_, _, Some(Refusal(Some(stored))), ..]
                        if parsed::<Answer>(stored, "answer")? == *answer =>
                    {
                        return Ok(Answered::Stored { is_due: true });
                    }
                    [_, _, Some(_), ..] => return Ok(Answered::Already),
                    _ => {}
                },
            }
        }
        Ok(Answered::NotAsked)
    }

    /// Returns what lists the question: `Some(None)` if nothing does, as in earlier releases;
    /// `None` if it was not asked.
    async fn pointer_of(&self, question: Key) -> Result<Option<Option<Key>>> {
        let attributes = Some("#pk, #listed_pk, #listed_sk");
        let item = self.table().get(question, attributes).await?;
        Ok(item.map(|item| listed_at(&item)))
    }

    /// Returns what lists the questions of a run that are open still.
    pub(crate) async fn pointers_of_open(&self, run: &RunId) -> Result<Vec<Key>> {
        let pk = run_partition(run);
        let questions = self.table().query_all(Query::beginning(&pk, QUESTION)).await?;
        let answers = self.table().query_all(Query::beginning(&pk, ANSWER)).await?;
        let of = |item: &Item| item.text("sk").map(|sk| sk[QUESTION.len()..].to_owned());
        let answered = answers.iter().map(of).collect::<Result<HashSet<_>>>()?;
        let mut open = Vec::new();
        for question in &questions {
            if !answered.contains(&of(question)?) {
                open.extend(listed_at(question));
            }
        }
        Ok(open)
    }

    /// Merges the lists of the workflows: each is a partition, in the order of time.
    pub(crate) async fn list_open_questions(
        &self,
        workflow_uids: &[String],
        request: PageRequest,
    ) -> Result<Page<ListedQuestion>> {
        let limit = request.limit.clamp(1, MAX_ITEMS);
        let after = request.cursor.unwrap_or_else(|| "0".to_owned());
        let query = |uid: &String| {
            let list = format!("{LIST}{uid}");
            let (condition, limit) = ("#pk = :list AND #sk > :after".to_owned(), Some(limit + 1));
            let query = Query { condition, limit, ..Query::default() };
            let query = query.bind(":list", text(list)).bind(":after", text(&after));
            async move { self.table().query(&query).await }
        };
        let reads: Vec<_> = workflow_uids.iter().map(query).collect();
        let found: Vec<_> =
            stream::iter(reads).buffer_unordered(MAX_CONCURRENT).try_collect().await?;
        let mut listed: Vec<(String, String)> = Vec::new();
        for item in found.into_iter().flat_map(|found| found.items) {
            listed.push((item.text("sk")?.to_owned(), item.text("pk")?.to_owned()));
        }
        listed.sort();
        let has_more = listed.len() > limit;
        listed.truncate(limit);
        let next_cursor = listed.last().map(|(sk, _)| sk.clone()).filter(|_| has_more);
        Ok(Page { items: self.questions_at(listed).await?, next_cursor })
    }

    async fn questions_at(&self, listed: Vec<(String, String)>) -> Result<Vec<ListedQuestion>> {
        let keys: Vec<Key> = listed.iter().filter_map(|(sk, _)| Some(asked_at(sk)?.1)).collect();
        let mut items = Vec::new();
        if !keys.is_empty() {
            items = self.table().get_all(&keys, None).await?;
        }
        let mut found = Vec::with_capacity(items.len());
        for (sk, pk) in listed {
            let Some((run, key)) = asked_at(&sk) else { continue };
            let is_it = |item: &&Item| item.key().is_ok_and(|own| own == key);
            let Some(item) = items.iter().find(is_it) else { continue };
            let question = parsed(item, "question")?;
            let place = unpack_inline(item.value("place")?)?;
            let asked = AskedQuestion { place, question, answer: None };
            let workflow_uid = pk[LIST.len()..].to_owned();
            found.push(ListedQuestion { run, workflow_uid, asked });
        }
        Ok(found)
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

/// What lists an open question: in its workflow's partition, in the order of time.
fn pointer_key(run: &RunId, place: &str, question: &OpenQuestion) -> Key {
    let (asked_at, place) = (question.asked_at.millis().max(0), place_hash(place));
    Key::new(format!("{LIST}{}", question.workflow_uid), format!("{asked_at:020}#{run}#{place}"))
}

/// Returns the run and the key of the question that a pointer stands for.
fn asked_at(pointer: &str) -> Option<(RunId, Key)> {
    let (run, place) = pointer.split_once('#')?.1.split_once('#')?;
    let run = RunId::parse(run)?;
    let key = Key::new(run_partition(&run), format!("{QUESTION}{place}"));
    Some((run, key))
}

fn listed_at(question: &Item) -> Option<Key> {
    Some(Key::new(question.find_text("listed_pk")?, question.find_text("listed_sk")?))
}

fn key(run: &RunId, prefix: &str, place: &str) -> Key {
    Key::new(run_partition(run), format!("{prefix}{}", place_hash(place)))
}

fn parsed<T: DeserializeOwned>(item: &Item, name: &str) -> Result<T> {
    Ok(serde_json::from_str(&unpack_inline(item.value(name)?)?)?)
}
