//! Answers the questions of runs that wait for a person.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use flowgate_core::delivery::Delivery;
use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::memory::Holder;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{
    Answer, Answered, AskedQuestion, ListedQuestion, OpenQuestion, RunHead, RunRecord, RunState,
};
use flowgate_core::secret::hmac_sha256;
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;
use flowgate_engine::call::WebhookCall;
use flowgate_engine::file::find_marked;
use flowgate_engine::input::InputProblem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::access::Caller;
use crate::error::{Error, FieldProblem, Result, What};
use crate::platform::App;
use crate::readable::MAX_LISTED;
use crate::runs::read::LOOK_AGAIN;

/// Bytes of JSON. An answer is stored in one piece.
const MAX_ANSWER: usize = 64 << 10;
/// What every link's token begins with.
const LINK: &str = "fga_";
/// Longer than any that we make.
const MAX_LINK: usize = 2_048;

/// What a person answers.
#[derive(Debug, Clone)]
pub struct PersonsAnswer {
    pub approved: bool,
    /// An object.
    pub data: Value,
    /// Its values are texts of a form.
    pub is_form: bool,
}

/// A question that can be answered.
#[derive(Debug)]
pub struct Asked {
    pub question: AskedQuestion,
    /// A page where a person without a key answers. Only for callers who may answer themselves.
    pub link: Option<String>,
}

/// A question in a list over several runs.
#[derive(Debug)]
pub struct SeenQuestion {
    pub run: RunId,
    pub workflow_id: String,
    pub workflow_name: String,
    pub asked: Asked,
}

/// Names one question. Signed, it lets whoever has it answer.
#[derive(Serialize, Deserialize)]
struct LinkClaims {
    run: RunId,
    place: String,
    pepper: u32,
    expires_at: Timestamp,
}

impl App {
    /// Returns the questions of the run that nobody has answered.
    pub async fn open_questions(&self, caller: &Caller, id: &str) -> Result<Vec<Asked>> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        let may_answer =
            caller.require_run(Scope::Run, &record.head.workflow_id, &record.head.id).is_ok();
        self.asked_by(&record, may_answer).await
    }

    /// The same for a run that the caller has read. `may_answer`: with the links.
    pub async fn asked_by(&self, record: &RunRecord, may_answer: bool) -> Result<Vec<Asked>> {
        let asked = usize::try_from(record.asked).unwrap_or(usize::MAX);
        let bytes = asked.saturating_mul(2 * MAX_ANSWER);
        let _memory = self.memory.charge(&record.head.holder(), bytes)?;
        let mut asked = Vec::new();
        for question in self.unanswered(record).await? {
            let link = match may_answer {
                true => Some(self.link_of(record, &question).await?),
                false => None,
            };
            asked.push(Asked { question, link });
        }
        Ok(asked)
    }

    /// Returns the questions that nobody has answered, of one workflow or of all, oldest first.
    pub async fn all_questions(
        &self,
        caller: &Caller,
        workflow: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<SeenQuestion>> {
        let readable = self.readable(caller, Scope::Read, workflow, MAX_LISTED).await?;
        let ids: HashMap<&str, &str> =
            readable.iter().map(|known| (known.uid.as_str(), known.id.as_str())).collect();
        let uids: Vec<String> = readable.iter().map(|known| known.uid.clone()).collect();
        let bytes = page.limit.saturating_mul(2 * MAX_ANSWER);
        let _memory = self.memory.charge(&Holder::of_key(caller.key_id()), bytes)?;
        let found = self.ports.runs.open_questions(&uids, page).await?;
        let now = self.now();
        let mut items = Vec::new();
        for ListedQuestion { run, workflow_uid, asked } in found.items {
            let Some(id) = ids.get(workflow_uid.as_str()).filter(|_| is_open(&asked, now)) else {
                continue;
            };
            let link = match caller.require_run(Scope::Run, id, &run) {
                Ok(()) => {
                    Some(self.answer_link(&run, &asked.place, asked.question.expires_at).await?)
                }
                Err(_) => None,
            };
            items.push(SeenQuestion {
                run,
                workflow_id: (*id).to_owned(),
                workflow_name: self.cached_workflow(id).await?.draft.name.clone(),
                asked: Asked { question: asked, link },
            });
        }
        Ok(Page { items, next_cursor: found.next_cursor })
    }

    /// Waits until the run that was just answered has ended or waits again, at most until this
    /// time, or until this process stops. Returns the run.
    pub async fn wait_after_answer(
        &self,
        answered: &RunRecord,
        until: Timestamp,
    ) -> Result<RunRecord> {
        let run = &answered.head.id;
        let mut stopping = self.stopping();
        loop {
            let record = self.ports.runs.read(run).await?.ok_or(Error::NotFound(What::Run))?;
            // A run that was answered still waits until somebody goes on with it.
            let waits_again = record.state == RunState::Waiting
                && (record.fence > answered.fence || record.asked > record.answers);
            if record.state.has_ended() || waits_again || self.now() >= until {
                return Ok(record);
            }
            let pause = LOOK_AGAIN.min(until.since(self.now()));
            tokio::select! {
                () = self.ports.clock.sleep(pause) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return Ok(record),
            }
        }
    }

    /// Answers the question of a node, or the only one. Returns the run.
    pub async fn resume_run(
        &self,
        caller: &Caller,
        id: &str,
        node: Option<&str>,
        answer: PersonsAnswer,
    ) -> Result<RunRecord> {
        let record = self.run_for(caller, Scope::Run, id).await?;
        if record.state.has_ended() {
            return Err(Error::AlreadyEnded(record.state));
        }
        let questions = self.ports.runs.questions(&record.head.id).await?;
        let question = chosen(questions, node, self.now())?;
        self.answer_question(&record, question, answer, Some(caller)).await
    }

    /// Returns the run and the question of a link; `NotFound` if the link is not one of ours.
    pub async fn linked_question(
        &self,
        id: &str,
        link: &str,
    ) -> Result<(RunRecord, AskedQuestion)> {
        let unknown = || Error::NotFound(What::Run);
        let claims = self.link_claims(link).await?.filter(|claims| claims.run.as_str() == id);
        let claims = claims.ok_or_else(unknown)?;
        let record = self.ports.runs.read(&claims.run).await?.ok_or_else(unknown)?;
        let questions = self.ports.runs.questions(&claims.run).await?;
        let question = questions.into_iter().find(|asked| asked.place == claims.place);
        Ok((record, question.ok_or_else(unknown)?))
    }

    /// Answers the question of a link.
    pub async fn resume_by_link(
        &self,
        id: &str,
        link: &str,
        answer: PersonsAnswer,
    ) -> Result<RunRecord> {
        let (record, question) = self.linked_question(id, link).await?;
        if record.state.has_ended() {
            return Err(Error::AlreadyEnded(record.state));
        }
        self.answer_question(&record, question, answer, None).await
    }

    /// Returns the delivery that makes a question known, with its link; does not write it.
    pub async fn question_delivery(
        &self,
        head: &RunHead,
        (place, question): (&str, &OpenQuestion),
        webhook: (&WebhookCall, usize),
    ) -> Result<Delivery> {
        let body = json!({
            "run_id": head.id,
            "workflow_id": head.workflow_id,
            "workflow_name": head.workflow_name,
            "node": question.node,
            "message": question.question.message,
            "fields": question.question.fields,
            "asked_at": question.asked_at.to_string(),
            "expires_at": question.expires_at.to_string(),
            "link": self.answer_link(&head.id, place, question.expires_at).await?,
        });
        Ok(self.delivery_with(head, place, webhook, ("run.question", body.to_string())))
    }

    async fn unanswered(&self, record: &RunRecord) -> Result<Vec<AskedQuestion>> {
        if record.state.has_ended() || record.asked == 0 {
            return Ok(Vec::new());
        }
        let now = self.now();
        let mut questions = self.ports.runs.questions(&record.head.id).await?;
        questions.retain(|asked| is_open(asked, now));
        Ok(questions)
    }

    /// `caller`: `None` for whoever has the link.
    async fn answer_question(
        &self,
        record: &RunRecord,
        asked: AskedQuestion,
        answer: PersonsAnswer,
        caller: Option<&Caller>,
    ) -> Result<RunRecord> {
        let now = self.now();
        if !is_open(&asked, now) {
            return Err(Error::AlreadyAnswered);
        }
        let mut data = checked(&asked, answer.approved, answer.data, answer.is_form)?;
        let run = &record.head.id;
        self.own_files(caller, &mut data, run).await?;
        let by = caller.map_or("link", Caller::name);
        let answer = Answer::Given { approved: answer.approved, data, by: by.to_owned(), at: now };
        match self.ports.runs.answer(run, &asked.place, answer, now).await? {
            Answered::Stored { is_due: true } => {
                let message = Message::RunV1 { run: run.clone() };
                self.send(message, &record.head.group()).await;
            }
            Answered::Stored { is_due: false } => self.running.wake(run),
            Answered::Already => return Err(Error::AlreadyAnswered),
            Answered::NotAsked => return Err(Error::NotAsked),
        }
        self.ports.runs.read(run).await?.ok_or(Error::NotFound(What::Run))
    }

    /// Makes the run an owner of the files in an answer, before that is stored.
    async fn own_files(
        &self,
        caller: Option<&Caller>,
        data: &mut Value,
        run: &RunId,
    ) -> Result<()> {
        if let Some(caller) = caller {
            let files = self.check_files(caller, data, "/data").await?;
            return self.share_files(&files, run, "/data").await;
        }
        let problem = |pointer: String| FieldProblem {
            pointer: format!("/data{pointer}"),
            message: "is a file: who answers by a link has none; answer with a key".to_owned(),
        };
        let problems: Vec<FieldProblem> = find_marked(data).into_iter().map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
    }

    async fn link_of(&self, record: &RunRecord, asked: &AskedQuestion) -> Result<String> {
        self.answer_link(&record.head.id, &asked.place, asked.question.expires_at).await
    }

    async fn answer_link(&self, run: &RunId, place: &str, expires_at: Timestamp) -> Result<String> {
        let claims = LinkClaims {
            run: run.clone(),
            place: place.to_owned(),
            pepper: self.keyring().await?.pepper()?.0,
            expires_at,
        };
        let signed = BASE64_URL.encode(serde_json::to_vec(&claims).map_err(anyhow::Error::from)?);
        let signature = BASE64_URL.encode(self.link_signature(&claims, &signed).await?);
        let url = &self.settings.public_url;
        Ok(format!("{url}/v1/runs/{run}/approval?link={LINK}{signed}.{signature}"))
    }

    async fn link_claims(&self, link: &str) -> Result<Option<LinkClaims>> {
        let Some((signed, claims, signature)) = parse_link(link) else { return Ok(None) };
        let Ok(expected) = self.link_signature(&claims, signed).await else { return Ok(None) };
        Ok(bool::from(expected.ct_eq(&signature)).then_some(claims))
    }

    async fn link_signature(&self, claims: &LinkClaims, signed: &str) -> Result<Vec<u8>> {
        let key = hmac_sha256(&self.pepper_of(claims.pepper).await?, b"answer link");
        Ok(hmac_sha256(&key, signed.as_bytes()))
    }
}

fn parse_link(link: &str) -> Option<(&str, LinkClaims, Vec<u8>)> {
    let rest = link.strip_prefix(LINK).filter(|_| link.len() <= MAX_LINK)?;
    let (signed, signature) = rest.split_once('.')?;
    let claims = serde_json::from_slice(&BASE64_URL.decode(signed).ok()?).ok()?;
    Some((signed, claims, BASE64_URL.decode(signature).ok()?))
}

fn is_open(asked: &AskedQuestion, now: Timestamp) -> bool {
    asked.answer.is_none() && now < asked.question.expires_at
}

/// Returns the question of the node, or the only open one.
fn chosen(
    questions: Vec<AskedQuestion>,
    node: Option<&str>,
    now: Timestamp,
) -> Result<AskedQuestion> {
    if let Some(node) = node {
        let of_node = questions.into_iter().find(|asked| asked.question.node == node);
        return of_node.ok_or(Error::NotAsked);
    }
    let was_asked = !questions.is_empty();
    let mut open = questions.into_iter().filter(|asked| is_open(asked, now));
    match (open.next(), open.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            Err(Error::bad_field("/node", "is required: the run asks several questions"))
        }
        (None, _) if was_asked => Err(Error::AlreadyAnswered),
        (None, _) => Err(Error::NotAsked),
    }
}

/// Returns what the run sees. A rejection needs no fields.
fn checked(asked: &AskedQuestion, approved: bool, data: Value, is_form: bool) -> Result<Value> {
    let data = if data.is_null() { json!({}) } else { data };
    if serde_json::to_string(&data).map_or(0, |text| text.len()) > MAX_ANSWER {
        return Err(Error::TooLarge(format!("an answer has at most {MAX_ANSWER} bytes")));
    }
    if !approved && data.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(data);
    }
    asked.question.question.accept(data, is_form).map_err(|problems| {
        let problem = |problem: InputProblem| FieldProblem {
            pointer: format!("/data{}", problem.pointer),
            message: problem.message,
        };
        Error::BadInput(problems.into_iter().map(problem).collect())
    })
}
