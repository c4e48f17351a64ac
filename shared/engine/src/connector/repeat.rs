//! Steps that make several calls: pages, batches, and one call for each item.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::read::{Condition, Names, OF_STEP, Reader, at, given};
use super::template::{Template, Values, text_of};
use crate::call::{Body, HttpCall, RULE_NAMES, Rendered};
use crate::expr::cel::Rule;
use crate::kind::http::link;
use crate::kind::{Done, NodeError};

const MAX_PAGES: u64 = 100;
const DEFAULT_PAGES: u64 = 20;
const MAX_EACH: u64 = 400;
const MAX_WIDTH: u64 = 20;
/// What leads to a page. No name in a file has a space.
pub(super) const PAGE: &str = " page";
const MAX_NEXT_BYTES: usize = 8 << 10;

#[derive(Debug)]
pub(super) enum Repeat {
    Once,
    Pages(Pages),
    /// One call for each item, or for some of them at a time.
    Each {
        over: Template,
        size: Option<usize>,
        at_most: usize,
        wide: usize,
        items: Option<Template>,
    },
}

#[derive(Debug)]
pub(super) struct Pages {
    items: Template,
    next: Next,
    more: Option<Rule>,
    at_most: usize,
    limit: Option<Template>,
}

#[derive(Debug)]
enum Next {
    Cursor { next: Template, into: Place },
    Link,
    Number { into: Place, total: Option<Template> },
    Offset { into: Place, size: usize },
}

/// `query.cursor` or `body.start_cursor`.
#[derive(Debug)]
struct Place {
    is_body: bool,
    name: String,
}

/// What the steps of a node have come to.
pub(super) enum Progress {
    Ready(Value),
    /// These calls come next, by name.
    Calls(Vec<(String, HttpCall)>),
}

impl Repeat {
    pub(super) fn read(
        reader: &mut Reader,
        step: &Map<String, Value>,
        path: &str,
        names: &Names,
    ) -> (Self, Names) {
        let ways = ["pages", "each", "batch"].iter().filter(|way| step.contains_key(**way));
        if ways.count() > 1 {
            reader.error(path, "only one of `pages`, `each` and `batch` may be given");
        }
        if let Some(pages) = reader.object(step, path, "pages") {
            let pages = Pages::read(reader, pages, &at(path, "pages"), names);
            return (pages.map_or(Self::Once, Self::Pages), names.clone());
        }
        let at_most = reader.number(step, path, ("at_most", 1, MAX_EACH)).unwrap_or(100);
        let wide = reader.number(step, path, ("wide", 1, MAX_WIDTH)).unwrap_or(1);
        let (over, size, name) = if let Some(batch) = reader.object(step, path, "batch") {
            let path = at(path, "batch");
            reader.known(batch, &path, &["over", "size"]);
            let over = given(batch, "over").unwrap_or(&Value::Null);
            let over = Template::read(reader, over, &at(&path, "over"), names);
            let size = reader.number(batch, &path, ("size", 1, 1_000)).unwrap_or(100);
            (over, Some(usize::try_from(size).unwrap_or(1)), "batch")
        } else if let Some(each) = given(step, "each") {
            (Template::read(reader, each, &at(path, "each"), names), None, "item")
        } else {
            return (Self::Once, names.clone());
        };
        let inside = names.with(&["body", "status", "headers", name, "index"]);
        let items = given(step, "items")
            .map(|items| Template::read(reader, items, &at(path, "items"), &inside));
        let (at_most, wide) = (as_usize(at_most), as_usize(wide));
        (Self::Each { over, size, at_most, wide, items }, names.with(&[name, "index"]))
    }

    /// Returns what the step leaves, or the calls that it still needs.
    pub(super) fn progress(
        &self,
        name: &str,
        values: &Values<'_>,
        done: &Done,
        request: &dyn Fn(&Values<'_>) -> Result<HttpCall, NodeError>,
    ) -> Result<Progress, NodeError> {
        match self {
            Self::Once => Ok(match done.value(name)? {
                Some(answer) => Progress::Ready(step_of(&answer, None)),
                None => Progress::Calls(vec![(name.to_owned(), request(values)?)]),
            }),
            Self::Pages(pages) => pages.progress(name, values, done, request),
            Self::Each { over, size, at_most, wide, items } => {
                let over = over.fill(values)?.map_or_else(Vec::new, super::operator::items);
                let chunks: Vec<Value> = match size {
                    Some(size) => {
                        over.chunks(*size).map(|chunk| Value::from(chunk.to_vec())).collect()
                    }
                    None => over,
                };
                if chunks.len() > *at_most {
                    let message =
                        format!("`{name}` makes at most {at_most} calls, not {}", chunks.len());
                    return Err(NodeError::new("too_many_calls", message));
                }
                let bound = if size.is_some() { "batch" } else { "item" };
                let (mut left, mut calls, mut last) = (Vec::new(), Vec::new(), Value::Null);
                for (at, chunk) in chunks.iter().enumerate() {
                    let index = Value::from(at);
                    let inner = values.with(vec![(bound, chunk), ("index", &index)]);
                    let call = if at == 0 { name.to_owned() } else { format!("{name}.{at}") };
                    match done.value(&call)? {
                        None if calls.len() < *wide => calls.push((call, request(&inner)?)),
                        None => break,
                        Some(answer) => {
                            let step = step_of(&answer, None);
                            left.extend(gathered(&step, items.as_ref(), &inner)?);
                            last = step;
                        }
                    }
                }
                if !calls.is_empty() {
                    return Ok(Progress::Calls(calls));
                }
                let mut step = if last.is_null() { json!({}) } else { last };
                step["items"] = Value::Array(left);
                Ok(Progress::Ready(step))
            }
        }
    }
}

fn gathered(
    step: &Value,
    items: Option<&Template>,
    values: &Values<'_>,
) -> Result<Vec<Value>, NodeError> {
    let Some(items) = items else {
        let body = step["body"].clone();
        values.count(&body)?;
        return Ok(vec![body]);
    };
    let named = OF_STEP[..3].iter().map(|name| (*name, &step[*name])).collect();
    Ok(match items.fill(&values.with(named))? {
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
        None => Vec::new(),
    })
}

/// What a step leaves: `{body, status, headers}`, and `items` of all its calls.
fn step_of(answer: &Value, items: Option<Vec<Value>>) -> Value {
    let field = |name: &str| answer.get(name).cloned().unwrap_or_default();
    let mut step = json!({
        "body": field("data"), "status": field("status"), "headers": field("headers")
    });
    if let Some(items) = items {
        step["items"] = Value::Array(items);
    }
    step
}

impl Pages {
    fn read(
        reader: &mut Reader,
        pages: &Map<String, Value>,
        path: &str,
        names: &Names,
    ) -> Option<Self> {
        const KNOWN: [&str; 11] = [
            "items", "next", "into", "link", "number", "total", "offset", "size", "more",
            "at_most", "limit",
        ];
        reader.known(pages, path, &KNOWN);
        let of_answer = names.with(&["body", "status", "headers"]);
        let items = given(pages, "items");
        if items.is_none() {
            reader.error(path, "`items` is missing: where a page holds its list");
        }
        let items = Template::read(reader, items?, &at(path, "items"), &of_answer);
        let more = reader.text(pages, path, "more");
        let more = more.and_then(|more| reader.rule(more, &at(path, "more"), &RULE_NAMES));
        let at_most =
            reader.number(pages, path, ("at_most", 1, MAX_PAGES)).unwrap_or(DEFAULT_PAGES);
        let limit = given(pages, "limit")
            .map(|limit| Template::read(reader, limit, &at(path, "limit"), names));
        let next = Next::read(reader, pages, path, &of_answer)?;
        Some(Self { items, next, more, at_most: as_usize(at_most), limit })
    }

    fn progress(
        &self,
        name: &str,
        values: &Values<'_>,
        done: &Done,
        request: &dyn Fn(&Values<'_>) -> Result<HttpCall, NodeError>,
    ) -> Result<Progress, NodeError> {
        let limit = self.limit.as_ref().map(|limit| limit.fill(values)).transpose()?.flatten();
        let limit = limit.and_then(|limit| limit.as_u64()).map_or(usize::MAX, as_usize);
        let (mut items, mut given, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut last = Value::Null;
        for page in 1..=self.at_most {
            let call = if page == 1 { name.to_owned() } else { format!("{name}.page{page}") };
            let Some(answer) = done.value(&call)? else {
                let way = json!([page, items.len(), given.last()]);
                let mut request = request(&values.with(vec![(PAGE, &way)]))?;
                self.next.go_to(&mut request, page, items.len(), &given)?;
                return Ok(Progress::Calls(vec![(call, request)]));
            };
            last = step_of(&answer, None);
            let of_page = gathered(&last, Some(&self.items), values)?;
            let count = of_page.len();
            items.extend(of_page);
            let named: Vec<_> = OF_STEP[..3].iter().map(|name| (*name, &last[*name])).collect();
            let has_more = self.more.as_ref().is_none_or(|more| more.holds(&named));
            if items.len() >= limit || !has_more {
                break;
            }
            match self.next.after(&values.with(named), page, count)? {
                None => break,
                Some(next) if !seen.insert(next.clone()) => {
                    let message = format!("page {page} leads to a page that was there before");
                    return Err(NodeError::new("page_loop", message));
                }
                Some(next) => given.push(next),
            }
        }
        items.truncate(limit);
        last["items"] = Value::Array(items);
        Ok(Progress::Ready(last))
    }
}

impl Next {
    fn read(
        reader: &mut Reader,
        pages: &Map<String, Value>,
        path: &str,
        names: &Names,
    ) -> Option<Self> {
        let place = |reader: &mut Reader, name: &str| Place::read(reader, pages, path, name);
        if let Some(next) = given(pages, "next") {
            let next = Template::read(reader, next, &at(path, "next"), names);
            return Some(Self::Cursor { next, into: place(reader, "into")? });
        }
        if pages.contains_key("number") {
            let total = given(pages, "total")
                .map(|total| Template::read(reader, total, &at(path, "total"), names));
            return Some(Self::Number { into: place(reader, "number")?, total });
        }
        if pages.contains_key("offset") {
            let size = reader.number(pages, path, ("size", 1, 100_000)).unwrap_or(100);
            return Some(Self::Offset { into: place(reader, "offset")?, size: as_usize(size) });
        }
        match reader.one_of(pages, path, ("link", &["next"])) {
            Some(_) => Some(Self::Link),
            None => {
                reader.error(path, "one of `next`, `link`, `number` and `offset` is needed");
                None
            }
        }
    }

    /// Returns what leads to the next page; `None` after the last one.
    fn after(
        &self,
        values: &Values<'_>,
        page: usize,
        count: usize,
    ) -> Result<Option<String>, NodeError> {
        let next = match self {
            Self::Cursor { next, .. } => {
                next.fill(values)?.filter(|next| *next != false).map(|it| text_of(&it))
            }
            Self::Link => values
                .find("headers")
                .and_then(|headers| headers.get("link")?.as_str())
                .and_then(link::next)
                .map(str::to_owned),
            Self::Number { total, .. } => {
                let total =
                    total.as_ref().map(|total| total.fill_text(values)).transpose()?.flatten();
                let total = total.and_then(|total| total.trim().parse::<usize>().ok());
                let has_more = total.map_or(count > 0, |total| page < total);
                has_more.then(|| (page + 1).to_string())
            }
            Self::Offset { size, .. } => (count >= *size).then(|| format!("after page {page}")),
        };
        let next = next.filter(|next| !next.is_empty());
        if next.as_ref().is_some_and(|next| next.len() > MAX_NEXT_BYTES) {
            let message = format!("page {page} names the next one in over {MAX_NEXT_BYTES} bytes");
            return Err(NodeError::new("invalid_answer", message));
        }
        Ok(next)
    }

    fn go_to(
        &self,
        request: &mut HttpCall,
        page: usize,
        so_far: usize,
        given: &[String],
    ) -> Result<(), NodeError> {
        let last = given.last();
        match self {
            Self::Cursor { into, .. } => match last {
                Some(cursor) => into.set(request, cursor.clone().into()),
                None => Ok(()),
            },
            Self::Link => {
                request.links = given.to_vec();
                Ok(())
            }
            Self::Number { into, .. } if page > 1 => into.set(request, page.into()),
            Self::Offset { into, .. } if page > 1 => into.set(request, so_far.into()),
            Self::Number { .. } | Self::Offset { .. } => Ok(()),
        }
    }
}

impl Place {
    fn read(
        reader: &mut Reader,
        pages: &Map<String, Value>,
        path: &str,
        name: &str,
    ) -> Option<Self> {
        let written = reader.needed(pages, path, name);
        let place = match written.split_once('.') {
            Some(("query", name)) if !name.is_empty() => Some((false, name)),
            Some(("body", name)) if !name.is_empty() => Some((true, name)),
            _ => None,
        };
        if place.is_none() {
            reader.error(&at(path, name), format!("`{name}` is a place such as `query.cursor`"));
        }
        place.map(|(is_body, name)| Self { is_body, name: name.to_owned() })
    }

    fn set(&self, request: &mut HttpCall, value: Value) -> Result<(), NodeError> {
        if !self.is_body {
            request.query.retain(|(name, _)| *name != self.name);
            request.query.push((self.name.clone(), Rendered::Json(text_of(&value).into())));
            return Ok(());
        }
        let body = request.body.get_or_insert_with(|| Body::Plain(Rendered::Json(json!({}))));
        match body {
            Body::Plain(Rendered::Json(Value::Object(fields))) => {
                fields.insert(self.name.clone(), value);
                Ok(())
            }
            Body::Form(fields) => {
                fields.retain(|(name, _)| *name != self.name);
                fields.push((self.name.clone(), Rendered::Json(text_of(&value).into())));
                Ok(())
            }
            _ => Err(NodeError::internal("the body of the request takes no cursor")),
        }
    }
}

pub(super) fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The condition of a step.
pub(super) fn read_if(
    reader: &mut Reader,
    step: &Map<String, Value>,
    path: &str,
    names: &Names,
) -> Option<Condition> {
    let condition = reader.text(step, path, "if")?;
    reader.condition(condition, &at(path, "if"), names)
}
