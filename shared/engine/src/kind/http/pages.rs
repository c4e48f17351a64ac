//! The pages of a list: each is a call of its own, by the cursor or the link that the one before
//! gave.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{REQUEST, link, perform};
use crate::call::{HttpCall, IdempotencyKey, Rendered};
use crate::compile::fields::Fields;
use crate::expr::reference::{PathStep, parse_path};
use crate::expr::scope::follow;
use crate::field::{FieldSpec, FieldType};
use crate::kind::{Done, NodeError, OutputField, OutputType, Plan};
use crate::run::budget::within_budget;
use crate::weight::Weight;

const MAX_PAGES: u64 = 100;
const DEFAULT_MAX_PAGES: u64 = 20;
/// As long as a URL may be.
const MAX_NEXT_BYTES: usize = 8 * 1024;

const HOW: &[&str] = &["cursor", "link"];
const CURSOR: FieldSpec = FieldSpec::new(
    "cursor",
    FieldType::Words,
    "where an answer holds the cursor of the next page, such as `data.next_cursor`",
)
.one_of(HOW);
const LINK: FieldSpec = FieldSpec::new(
    "link",
    FieldType::Words,
    "where an answer holds the link to the next page, such as `data.next`; `header` reads the \
     header `Link`",
)
.one_of(HOW);
const PARAM: FieldSpec = FieldSpec::with_default(
    "param",
    FieldType::Words,
    "cursor",
    "the query parameter that takes the cursor",
);
const DEFAULT_ITEMS: &str = "data";
const ITEMS: FieldSpec = FieldSpec::with_default(
    "items",
    FieldType::Words,
    DEFAULT_ITEMS,
    "where an answer holds the list of its items. A first answer without it is a failure, unless \
     the path ends in `?`: `data.messages?`",
);
const MAX: FieldSpec = FieldSpec::with_default(
    "max",
    FieldType::Integer(1, MAX_PAGES),
    "20",
    "the maximum number of pages",
);
pub(super) const FIELDS: &[FieldSpec] = &[CURSOR, PARAM, LINK, ITEMS, MAX];

pub(super) fn outputs() -> [OutputField; 3] {
    [
        OutputField::new("items", OutputType::List),
        OutputField::new("pages", OutputType::Number),
        OutputField::new("next", OutputType::Text).nullable(),
    ]
}

#[derive(Debug)]
pub(super) struct Pages {
    next: Next,
    items: Place,
    /// The first page may leave its list out, as some servers do where it is empty.
    may_lack_items: bool,
    max: u64,
}

#[derive(Debug)]
enum Next {
    Cursor { place: Place, param: String },
    Link(Place),
    LinkHeader,
}

/// Where something is in an answer.
#[derive(Debug)]
struct Place {
    written: String,
    path: Vec<PathStep>,
}

impl Pages {
    pub(super) fn read(fields: &mut Fields<'_, '_>, spec: &FieldSpec) -> Option<Self> {
        let object = fields.object(spec)?;
        let path = fields.path_of(&spec.name);
        fields.inner(&path, object, FIELDS, |fields| {
            let cursor = read_place(fields, &CURSOR);
            let is_header = fields.string(&LINK) == Some("header");
            let link = if is_header { None } else { read_place(fields, &LINK) };
            let param = fields.string(&PARAM).unwrap_or(&PARAM.default).to_owned();
            let items = fields.string(&ITEMS).unwrap_or(DEFAULT_ITEMS);
            let (items, may_lack_items) = match items.strip_suffix('?') {
                Some(items) => (items, true),
                None => (items, false),
            };
            let items = place_of(fields, &ITEMS, items);
            let max = fields.integer(&MAX).unwrap_or(DEFAULT_MAX_PAGES);
            let next = match (cursor, link) {
                (Some(place), _) => Next::Cursor { place, param },
                (None, Some(place)) => Next::Link(place),
                (None, None) => Next::LinkHeader,
            };
            let items = items.or_else(|| Place::parse(DEFAULT_ITEMS))?;
            Some(Self { next, items, may_lack_items, max })
        })
    }

    /// Asks for the first page that has no answer yet, or ends with all of them.
    pub(super) fn plan(
        &self,
        request: impl Fn() -> Result<HttpCall, NodeError>,
        done: &Done,
        engine: u32,
    ) -> Result<Plan, NodeError> {
        let mut answers = Vec::new();
        let mut given: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        for page in 1..=self.max {
            let name = if page == 1 { REQUEST.to_owned() } else { format!("page{page}") };
            let Some(answer) = done.value(&name)? else {
                let request = self.request_of(request()?, &name, &given);
                return Ok(perform(name, request));
            };
            self.items.list(&answer, page)?;
            if page == 1 && engine >= 4 && !self.may_lack_items {
                self.items.must_be_in(&answer)?;
            }
            let next = self.next.of(&answer, page)?;
            answers.push(answer);
            let Some(next) = next else { return self.output(&answers, None) };
            if !seen.insert(next.clone()) {
                let message = format!("page {page} leads to a page that was there before");
                return Err(NodeError::new("page_loop", message));
            }
            given.push(next);
        }
        self.output(&answers, given.pop())
    }

    /// Returns the request for the page that the last of the given cursors or links leads to.
    fn request_of(&self, mut request: HttpCall, name: &str, given: &[String]) -> HttpCall {
        let Some(last) = given.last() else { return request };
        match &self.next {
            Next::Cursor { param, .. } => {
                request.query.retain(|(name, _)| name != param);
                request.query.push((param.clone(), Rendered::Json(last.clone().into())));
            }
            Next::Link(_) | Next::LinkHeader => {
                let whole = given.iter().rposition(|link| is_absolute(link)).unwrap_or(0);
                request.links = given[whole..].to_vec();
            }
        }
        if let Some(IdempotencyKey::Text(key)) = &mut request.idempotency_key {
            key.push('-');
            key.push_str(name);
        }
        request
    }

    fn output(&self, answers: &[Arc<Value>], next: Option<String>) -> Result<Plan, NodeError> {
        let last = answers.last().and_then(|answer| answer.as_object());
        let lists = || answers.iter().filter_map(|answer| self.items.of(answer).as_array());
        let weights = lists().flatten().chain(answers.last().map(|last| &**last)).map(Weight::of);
        within_budget(weights.sum())?;
        let mut output = last.cloned().unwrap_or_default();
        output.insert("items".to_owned(), lists().flatten().cloned().collect());
        output.insert("pages".to_owned(), answers.len().into());
        output.insert("next".to_owned(), next.into());
        Ok(Plan::done(Value::Object(output)))
    }
}

impl Next {
    /// Returns the cursor or link to the page after this one; `None` if it is the last.
    fn of(&self, answer: &Value, page: u64) -> Result<Option<String>, NodeError> {
        let header = answer.pointer("/headers/link").and_then(Value::as_str);
        let next = match self {
            Self::Cursor { place, .. } => place.text(answer, page)?,
            Self::Link(place) => place.text(answer, page)?.map(|link| link.trim().to_owned()),
            Self::LinkHeader => header.and_then(link::next).map(str::to_owned),
        };
        let next = next.filter(|next| !next.is_empty());
        if next.as_ref().is_some_and(|next| next.len() > MAX_NEXT_BYTES) {
            let message = format!("page {page} names the next one in over {MAX_NEXT_BYTES} bytes");
            return Err(invalid_answer(message));
        }
        Ok(next)
    }
}

impl Place {
    fn parse(written: &str) -> Option<Self> {
        let path = parse_path(&format!(".{written}"))?;
        let is_of_answer = |name: &String| matches!(name.as_str(), "data" | "headers");
        let begins = matches!(path.first(), Some(PathStep::Field(name)) if is_of_answer(name));
        begins.then(|| Self { written: written.to_owned(), path })
    }

    fn of<'v>(&self, answer: &'v Value) -> &'v Value {
        follow(answer, &self.path).unwrap_or(&Value::Null)
    }

    /// Returns a cursor or link; `None` for what says that there is none.
    fn text(&self, answer: &Value, page: u64) -> Result<Option<String>, NodeError> {
        match self.of(answer) {
            Value::Null | Value::Bool(false) => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            Value::Number(number) => Ok(Some(number.to_string())),
            Value::Bool(true) | Value::Array(_) | Value::Object(_) => {
                let written = &self.written;
                Err(invalid_answer(format!("`{written}` of page {page} is neither text nor null")))
            }
        }
    }

    /// A list that is null, or of an answer without content, is empty. One that is not there at
    /// all is more likely looked for in the wrong place.
    fn must_be_in(&self, answer: &Value) -> Result<(), NodeError> {
        let has_content = answer.get("data").is_some_and(|data| !data.is_null());
        if !has_content || follow(answer, &self.path).is_some() {
            return Ok(());
        }
        let written = &self.written;
        let message = format!(
            "page 1 has no `{written}`; if the server leaves an empty list out, write \
             `items: \"{written}?\"`"
        );
        Err(invalid_answer(message))
    }

    fn list(&self, answer: &Value, page: u64) -> Result<(), NodeError> {
        match self.of(answer) {
            Value::Null | Value::Array(_) => Ok(()),
            _ => Err(invalid_answer(format!("`{}` of page {page} is no list", self.written))),
        }
    }
}

fn read_place(fields: &mut Fields<'_, '_>, spec: &FieldSpec) -> Option<Place> {
    let written = fields.string(spec)?;
    place_of(fields, spec, written)
}

fn place_of(fields: &mut Fields<'_, '_>, spec: &FieldSpec, written: &str) -> Option<Place> {
    let place = Place::parse(written);
    if place.is_none() {
        let message = format!("`{}` is a path such as `data.items` or `headers.x-next`", spec.name);
        fields.error(&spec.name, message);
    }
    place
}

/// Returns whether the link has a scheme.
fn is_absolute(link: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    link.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))
}

fn invalid_answer(message: String) -> NodeError {
    NodeError::new("invalid_answer", message)
}
