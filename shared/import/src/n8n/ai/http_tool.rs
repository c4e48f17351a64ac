//! A request that a model makes: `{placeholder}` in its texts is what the model fills in.

use serde_json::{Map, Value, json};

use super::schema::object;
use crate::ids;
use crate::json::{fields, filled, items, text};
use crate::n8n::flow::Flow;
use crate::n8n::http;
use crate::n8n::values::ask;
use crate::text::{Part, Text};

const LISTS: [(&str, &str); 3] =
    [("parametersQuery", "query"), ("parametersHeaders", "headers"), ("parametersBody", "body")];

pub(super) fn read(
    flow: &mut Flow<'_, '_, '_>,
    helper: usize,
    name: &str,
    about: &str,
) -> Option<Value> {
    let at = std::mem::replace(&mut flow.here.at, helper);
    let mut asked = Asked::default();
    let request = request(flow, &mut asked);
    if asked.is_full {
        flow.unsupported("a tool that asks the model for too much");
    }
    let parameters = asked.described(flow.current().parameters);
    flow.here.at = at;
    Some(json!({ "name": name, "description": about, "parameters": parameters, "http": request? }))
}

fn request(flow: &mut Flow<'_, '_, '_>, asked: &mut Asked) -> Option<Map<String, Value>> {
    let parameters = flow.current().parameters;
    let url = asked.placed(flow, filled(parameters.get("url"))?);
    let mut request = Map::from_iter([("url".to_owned(), url)]);
    if text(parameters.get("method")).starts_with('=') {
        flow.unsupported("a request whose method is computed");
        return None;
    }
    if let Some(method) = filled(parameters.get("method")).filter(|method| *method != "GET") {
        request.insert("method".to_owned(), method.into());
    }
    for (list, field) in LISTS {
        let own = listed(flow, items(fields(parameters.get(list)).get("values")), asked);
        if !own.is_empty() {
            request.insert(field.to_owned(), own.into());
        }
    }
    if let Some(body) = filled(parameters.get("jsonBody")) {
        request.insert("body".to_owned(), asked.placed(flow, body));
    }
    authorize(flow, &mut request);
    Some(request)
}

/// The fields of a list, each of which the author sets or the model fills in.
fn listed(flow: &mut Flow<'_, '_, '_>, list: &[Value], asked: &mut Asked) -> Map<String, Value> {
    let fields = list.iter().map(|one| {
        let key = text(one.get("name"));
        let value = match text(one.get("valueProvider")).as_str() {
            "fieldValue" => asked.placed(flow, &text(one.get("value"))),
            _ => asked.reference(&key).map(|reference| format!("<{reference}>")).into(),
        };
        (key, value)
    });
    fields.collect()
}

fn authorize(flow: &mut Flow<'_, '_, '_>, request: &mut Map<String, Value>) {
    let parameters = flow.current().parameters;
    if matches!(text(parameters.get("authentication")).as_str(), "" | "none") {
        return;
    }
    let names = ["nodeCredentialType", "genericAuthType"];
    let kind = names.iter().find_map(|name| filled(parameters.get(*name)));
    let secret = http::secret_of(flow, kind.unwrap_or("httpHeaderAuth"));
    let headers = request.entry("headers").or_insert_with(|| json!({}));
    headers["authorization"] = format!("Bearer {{{{{secret}}}}}").into();
}

/// What the model fills in: a schema for each name.
#[derive(Default)]
struct Asked {
    schemas: Map<String, Value>,
    /// There were too many names.
    is_full: bool,
}

impl Asked {
    fn reference(&mut self, name: &str) -> Option<String> {
        let reference = ask(&mut self.schemas, name);
        self.is_full |= reference.is_none();
        reference
    }

    /// A text whose placeholders are references.
    fn placed(&mut self, flow: &mut Flow<'_, '_, '_>, given: &str) -> Value {
        let text = flow.text(Some(&given.into()));
        let mut whole = Text::default();
        for part in text.0 {
            match part {
                Part::Literal(literal) => self.place(&literal, &mut whole),
                other => whole.push(other),
            }
        }
        flow.draft.text(&whole)
    }

    fn place(&mut self, literal: &str, whole: &mut Text) {
        let mut rest = literal;
        while let Some((before, inner)) = rest.split_once('{') {
            whole.push(Part::Literal(before.to_owned()));
            let placed =
                named(inner).and_then(|(name, after)| Some((self.reference(name)?, after)));
            match placed {
                Some((reference, after)) => {
                    whole.push(Part::Reference(reference));
                    rest = after;
                }
                None => {
                    whole.push(Part::Literal("{".to_owned()));
                    rest = inner;
                }
            }
        }
        whole.push(Part::Literal(rest.to_owned()));
    }

    /// The schema of what the model fills in, with what the author says of it.
    fn described(mut self, parameters: &Map<String, Value>) -> Value {
        let defined = items(fields(parameters.get("placeholderDefinitions")).get("values"));
        // Of two with the same name, the first one counts.
        for one in defined.iter().rev() {
            let schema = self.schemas.get_mut(&ids::slug(&text(one.get("name"))));
            if let (Some(schema), Some(about)) = (schema, filled(one.get("description"))) {
                schema["description"] = about.into();
            }
        }
        object(self.schemas)
    }
}

/// The name before the first `}`, and what is behind it.
fn named(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || "_-".contains(c)))?;
    let after = text[end..].strip_prefix('}')?;
    (end > 0).then_some((&text[..end], after))
}
