//! `knowledge`: keeps texts in a store, and finds those that are closest to a question.

mod add;
mod chunk;
mod fields;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::agent::{LIMITS, note_providers, written_provider};
use super::setting::{self, Setting, integer, number};
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Planned,
    Price, Role, Touches,
};
use crate::call::{Action, EmbedCall, KnowledgeCall, KnowledgeRequest};
use crate::compile::fields::Fields;
use crate::cost::dollars;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::FieldSpec;
use add::Add;
use fields::{
    ACTION, API_KEY, BASE_URL, FIELDS, MIN_SCORE, MODEL, OF_ADD, OF_SEARCH, QUERY, SHARED, SOURCE,
    STORE, TOP,
};

const DEFAULT_TOP: u64 = 5;
const MAX_SOURCE: usize = 512;

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "knowledge".into(),
        summary: "Keeps texts in a store, and finds the closest ones.".into(),
        details: fields::DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: Some(LIMITS),
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/store"]),
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Knowledge::read(fields))),
    }
}

const EXAMPLE: &str = "{ id: find, type: knowledge, action: search, store: docs, model: \
                       openai/text-embedding-3-small, query: <api.question> }";

fn outputs(node: &Map<String, Value>) -> OutputFields {
    let usage = || {
        [
            OutputField::new("tokens", OutputType::Number).nullable(),
            OutputField::new("cost", OutputType::Number).nullable(),
        ]
    };
    let numbers = |names: &[&'static str]| -> Vec<OutputField> {
        names.iter().map(|name| OutputField::new(*name, OutputType::Number)).collect()
    };
    let source = OutputField::new("source", OutputType::Text);
    OutputFields::Only(match node.get("action").and_then(Value::as_str) {
        Some("search") => {
            let matches = OutputField::new("matches", OutputType::List);
            [matches].into_iter().chain(usage()).collect()
        }
        Some("delete") => numbers(&["deleted"]).into_iter().chain([source]).collect(),
        _ => numbers(&["chunks", "total"]).into_iter().chain([source]).chain(usage()).collect(),
    })
}

#[derive(Debug)]
struct Knowledge {
    store: Text,
    shared: bool,
    embedder: Embedder,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Add(Add),
    Search { query: Text, top: Option<Setting<u64>>, min_score: Option<Setting<f64>> },
    Delete { source: Text },
}

/// Which model makes the vectors.
#[derive(Debug)]
struct Embedder {
    model: Text,
    base_url: Option<Text>,
    api_key: Option<Text>,
}

impl Knowledge {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let action = fields.string(&ACTION).unwrap_or("search");
        check_fields(fields, action);
        let work = match action {
            "add" => Work::Add(Add::read(fields)),
            "delete" => Work::Delete { source: fields.text(&SOURCE).unwrap_or_default() },
            _ => Work::Search {
                query: fields.text(&QUERY).unwrap_or_default(),
                top: integer(fields, &TOP),
                min_score: number(fields, &MIN_SCORE),
            },
        };
        if action != "search" {
            fields.needs_saved_runs(&ACTION.name);
        }
        let store = fields.text(&STORE).unwrap_or_default();
        if let Some(written) =
            store.literal().filter(|name| fields.is_given(&STORE) && !is_store(name))
        {
            fields.error(&STORE.name, format!("`{written}` is no name of a store: {STORE_NAMES}"));
        }
        let shared = fields.boolean(&SHARED).unwrap_or(false);
        Self { store, shared, embedder: Embedder::read(fields), work }
    }

    fn call(
        &self,
        name: String,
        request: KnowledgeRequest,
        scope: &Scope<'_>,
    ) -> Result<Planned, NodeError> {
        let store = self.store.render_string(scope)?;
        if !is_store(&store) {
            let shown: String = store.chars().take(100).collect();
            let message = format!("{shown:?} is no name of a store: {STORE_NAMES}");
            return Err(NodeError::new("invalid_store", message));
        }
        let call = KnowledgeCall { store, shared: self.shared, request };
        let planned = Planned::call(name, Action::Knowledge(call), Price::Free);
        // Each is applied once, however often it is made.
        Ok(Planned { at_most_once: Some(false), ..planned })
    }

    fn search(
        &self,
        (query, top, min_score): (&Text, Option<&Setting<u64>>, Option<&Setting<f64>>),
        scope: &Scope<'_>,
        done: &Done,
    ) -> Result<Plan, NodeError> {
        let Some(embedded) = done.value("embed")? else {
            let texts = vec![query.render_string(scope)?];
            if texts[0].trim().is_empty() {
                return Ok(Plan::done(json!({ "matches": [], "tokens": 0, "cost": 0.0 })));
            }
            let call = self.embedder.call("embed".to_owned(), texts, true, scope)?;
            return Ok(Plan::Perform(vec![call]));
        };
        let Some(found) = done.value("search")? else {
            let top = setting::read(top, &TOP, scope)?.unwrap_or(DEFAULT_TOP);
            let request = KnowledgeRequest::Search {
                model: self.embedder.model.render_string(scope)?,
                vector: embedded["vectors"][0].as_str().unwrap_or_default().to_owned(),
                top: usize::try_from(top).unwrap_or(usize::MAX),
                min_score: setting::read(min_score, &MIN_SCORE, scope)?,
            };
            return Ok(Plan::Perform(vec![self.call("search".to_owned(), request, scope)?]));
        };
        let mut output = Map::from_iter([("matches".to_owned(), found["matches"].clone())]);
        output.extend(usage(done, ["embed".to_owned()].into_iter()));
        Ok(Plan::done(Value::Object(output)))
    }

    fn delete(&self, source: &Text, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let source = source_name(source, scope)?;
        let Some(output) = done.value("delete")? else {
            let request = KnowledgeRequest::Delete { source };
            return Ok(Plan::Perform(vec![self.call("delete".to_owned(), request, scope)?]));
        };
        Ok(Plan::done(json!({ "source": source, "deleted": output["deleted"] })))
    }
}

impl Node for Knowledge {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        match &self.work {
            Work::Add(add) => add.plan(self, scope, done),
            Work::Search { query, top, min_score } => {
                self.search((query, top.as_ref(), min_score.as_ref()), scope, done)
            }
            Work::Delete { source } => self.delete(source, scope, done),
        }
    }

    fn is_slow(&self) -> bool {
        matches!(self.work, Work::Add(_))
    }
}

impl Embedder {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let model = fields.text(&MODEL).unwrap_or_default();
        let base_url = fields.url(&BASE_URL);
        if fields.is_given(&MODEL) {
            let known = &crate::provider::KNOWN;
            super::agent::check_model(fields, &MODEL.name, &model, base_url.is_some(), known);
            note_providers(fields, std::slice::from_ref(&model), base_url.as_ref());
        }
        Self { model, base_url, api_key: fields.text(&API_KEY) }
    }

    fn call(
        &self,
        name: String,
        texts: Vec<String>,
        is_query: bool,
        scope: &Scope<'_>,
    ) -> Result<Planned, NodeError> {
        let call = EmbedCall {
            model: self.model.render_string(scope)?,
            has_given_provider: written_provider(&self.model).is_none(),
            texts,
            is_query,
            base_url: self.base_url.as_ref().map(|url| url.render_url(scope)).transpose()?,
            api_key: self.api_key.as_ref().map(|key| key.render_outgoing(scope)).transpose()?,
        };
        Ok(Planned::call(name, Action::Embed(call), Price::Priced))
    }
}

const STORE_NAMES: &str = "1 to 64 letters, digits, `_` and `-`";

fn is_store(name: &str) -> bool {
    crate::compile::outline::is_id(name)
}

fn source_name(source: &Text, scope: &Scope<'_>) -> Result<String, NodeError> {
    let source = source.render_string(scope)?.trim().to_owned();
    if source.is_empty() || source.len() > MAX_SOURCE {
        let message = format!("`source` must have 1 to {MAX_SOURCE} bytes");
        return Err(NodeError::new("invalid_source", message));
    }
    Ok(source)
}

/// Fields of other actions have no effect, and what an action needs must be there.
fn check_fields(fields: &mut Fields<'_, '_>, action: &str) {
    let (needed, others): (&[&FieldSpec], &[&FieldSpec]) = match action {
        "add" => (&[&fields::TEXT, &SOURCE, &MODEL], &OF_SEARCH),
        "delete" => (&[&SOURCE], &[]),
        _ => (&[&QUERY, &MODEL], &OF_ADD),
    };
    for spec in needed.iter().filter(|spec| !fields.is_given(spec)).copied().collect::<Vec<_>>() {
        fields.error_here(format!("`{}` is missing: `{action}` needs it", spec.name));
    }
    let others = if action == "delete" {
        OF_ADD.iter().chain(&OF_SEARCH).copied().filter(|spec| spec.name != SOURCE.name).collect()
    } else {
        others.to_vec()
    };
    for spec in others.into_iter().filter(|spec| fields.is_given(spec)).collect::<Vec<_>>() {
        fields.error(&spec.name, format!("`{}` is no field of the action `{action}`", spec.name));
    }
}

/// The sums of the calls; null where one is unknown.
fn usage(done: &Done, calls: impl Iterator<Item = String>) -> [(String, Value); 2] {
    let (mut tokens, mut cost) = (Some(0u64), Some(0u64));
    for name in calls {
        let outcome = done.get(&name).and_then(|end| end.result.as_ref().ok());
        let sum = |sum: Option<u64>, more: Option<u64>| Some(sum?.saturating_add(more?));
        tokens = sum(tokens, outcome.and_then(|outcome| outcome.tokens));
        cost = sum(cost, outcome.and_then(|outcome| outcome.cost_nano_usd));
    }
    [("tokens".to_owned(), tokens.into()), ("cost".to_owned(), cost.map(dollars).into())]
}

#[cfg(test)]
mod tests;
