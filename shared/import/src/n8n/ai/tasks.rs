//! Nodes with one task for a model: to sum up, to extract, to classify.

use serde_json::{Map, Value, json};

use super::model::with_model;
use super::schema;
use crate::draft::Node;
use crate::ids;
use crate::json::{fields, filled, is_true, items, text};
use crate::n8n::flow::{Flow, Out};
use crate::n8n::items::{Item, Items};
use crate::n8n::kinds;
use crate::text::Text;

const SUMMARIZE: &str = "Write a concise summary of the following:\n\n{text}";
const EXTRACT: &str =
    "Extract the information that is asked for from the text. Leave out what it does not say.";
/// Further categories are left out: each is an output with items of its own.
const MAX_ROUTES: usize = 100;
const SENTIMENTS: &str = "Positive, Neutral, Negative";

pub(super) fn summary(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    if !matches!(text(parameters.get("operationMode")).as_str(), "" | "nodeInputJson") {
        return kinds::unsupported(flow, "a summary of documents of a loader");
    }
    let method = fields(parameters.get("options")).get("summarizationMethodAndPrompts");
    let own = filled(fields(fields(method).get("values")).get("prompt")).unwrap_or(SUMMARIZE);
    let own = own.trim_start_matches('=').replace("\"{text}\"", "").replace("{text}", "");
    let mut prompt = Text::literal(own);
    prompt.append(match &flow.here.items.item {
        Item::Fields(_) => flow.text(Some(&json!("={{ JSON.stringify($json) }}"))),
        item => item.text(),
    });
    let prompt = flow.draft.text(&prompt);
    let node = Node::new(flow.here.id.clone(), "agent").with("prompt", prompt);
    let node = with_model(flow, node);
    flow.approximated("the whole text is summed up at once");
    flow.add_named(node);
    let text = Item::fields([("text", Item::of(&flow.here.id, "content"))]);
    vec![flow.out(Items::one(Item::fields([("response", text.clone()), ("output", text)])))]
}

pub(super) fn extractor(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let schema = match text(parameters.get("schemaType")).as_str() {
        "fromJson" | "manual" => schema::of_settings(parameters),
        _ => Some(schema::of_attributes(parameters)),
    };
    let Some(schema) = schema else {
        return kinds::unsupported(flow, "its schema cannot be read");
    };
    let prompt = flow.text(parameters.get("text"));
    let prompt = flow.draft.only_text(&prompt);
    let system = fields(parameters.get("options")).get("systemPromptTemplate");
    let system = flow.written(Some(system.unwrap_or(&json!(EXTRACT))));
    let node =
        Node::new(flow.here.id.clone(), "agent").with("system", system).with("prompt", prompt);
    let node = with_model(flow, node).with("schema", schema::as_object(schema));
    flow.add_named(node);
    vec![flow.out(Items::one(Item::fields([("output", Item::of(&flow.here.id, "data"))])))]
}

/// A branch for each category, and one for the rest if the node has it.
pub(super) fn classifier(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let options = fields(parameters.get("options"));
    if is_true(options.get("multiClass")) {
        flow.unsupported("several categories at once");
    }
    let prompt = flow.text(parameters.get("inputText"));
    let prompt = flow.draft.only_text(&prompt);
    let routes = routes(parameters);
    if routes.len() == MAX_ROUTES {
        flow.approximated(format!("at most {MAX_ROUTES} categories are told apart"));
    }
    let mut names: Vec<String> = routes.iter().map(|(name, _)| name.clone()).collect();
    let routes: Vec<Value> = routes
        .into_iter()
        .map(|(name, about)| json!({ "name": name, "description": about }))
        .collect();
    let node =
        Node::new(flow.here.id.clone(), "router").with("prompt", prompt).with("routes", routes);
    let mut node = with_model(flow, node);
    if text(options.get("fallback")) == "other" {
        node = node.with("fallback", "other");
        names.push("other".to_owned());
    }
    flow.add_named(node);
    let items = flow.here.items.clone();
    names.iter().map(|name| flow.branch_out(&items, name)).collect()
}

/// The branches' names, and what the model reads of each.
fn routes(parameters: &Map<String, Value>) -> Vec<(String, String)> {
    let listed =
        items(fields(parameters.get("categories")).get("categories")).iter().take(MAX_ROUTES);
    let mut found: Vec<(String, String)> =
        listed.map(|one| (text(one.get("category")), text(one.get("description")))).collect();
    if found.is_empty() {
        let given = filled(fields(parameters.get("options")).get("categories"));
        let names = given.unwrap_or(SENTIMENTS).split(',').take(MAX_ROUTES);
        found = names.map(|name| (name.trim().to_owned(), String::new())).collect();
    }
    let routes = found.into_iter().enumerate().map(|(index, (title, about))| {
        let name = format!("c{}_{}", index + 1, ids::slug(&title));
        let about = about.trim_start_matches('=');
        (name, if about.is_empty() { title } else { format!("{title}: {about}") })
    });
    routes.collect()
}
