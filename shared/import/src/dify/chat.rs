//! Apps without a graph: a chat, an agent or a completion with one prompt.

use serde_json::{Map, Value, json};

use super::app_name;
use super::flow::Flow;
use super::graph::Graph;
use crate::json::{fields, filled, is_true, items, text};
use crate::{Importing, Root};

/// Reads the app as if it were a graph of a start, a model and an answer.
pub(super) fn read(root: &Root<'_>, importing: &mut Importing<'_>) {
    let config = fields(root.value.get("model_config"));
    if config.is_empty() {
        return importing.problem(&root.path, "the app has neither a graph nor a model");
    }
    let mode = text(fields(root.value.get("app")).get("mode"));
    let is_chat = mode != "completion";
    let graph = json!({ "nodes": nodes(config, is_chat), "edges": edges(is_chat) });
    let path = format!("{}/model_config", root.path);
    let Some(graph) = Graph::read(fields(Some(&graph)), &path, importing) else { return };
    let as_chat = json!({
        "app": {
            "name": app_name(root.value, importing.options.name.as_deref()),
            "mode": if is_chat { "advanced-chat" } else { "workflow" },
            "description": fields(root.value.get("app")).get("description"),
        }
    });
    let root = Root { value: &as_chat, path: root.path.clone() };
    let workflow = json!({ "features": { "file_upload": config.get("file_upload") } });
    let mut flow = Flow::new(&root, fields(Some(&workflow)), &graph, importing);
    flow.say(&left_out(config));
    let draft = flow.run();
    importing.add(draft);
}

fn nodes(config: &Map<String, Value>, is_chat: bool) -> Value {
    let agent_mode = fields(config.get("agent_mode"));
    let is_agent = is_true(agent_mode.get("enabled")) && !items(agent_mode.get("tools")).is_empty();
    let (last, output) = match is_chat {
        true => (json!({ "type": "answer", "answer": "{{#model.text#}}" }), "answer"),
        false => {
            let outputs = json!([{ "variable": "answer", "value_selector": ["model", "text"] }]);
            (json!({ "type": "end", "outputs": outputs }), "end")
        }
    };
    let model = if is_agent { agent(config, agent_mode) } else { llm(config, is_chat) };
    json!([
        { "id": "start", "data": { "type": "start", "variables": form(config) } },
        { "id": "model", "data": model },
        { "id": output, "data": last },
    ])
}

fn edges(is_chat: bool) -> Value {
    let last = if is_chat { "answer" } else { "end" };
    json!([{ "source": "start", "target": "model" }, { "source": "model", "target": last }])
}

/// The fields of the form: each is an object with its type as the only key.
fn form(config: &Map<String, Value>) -> Vec<Value> {
    let own = items(config.get("user_input_form")).iter().flat_map(|entry| fields(Some(entry)));
    let fields = own.filter_map(|(kind, field)| {
        let mut field = field.as_object()?.clone();
        field.insert("type".to_owned(), kind.as_str().into());
        Some(field.into())
    });
    fields.collect()
}

fn llm(config: &Map<String, Value>, is_chat: bool) -> Value {
    let names: Vec<String> = form(config).iter().map(|field| text(field.get("variable"))).collect();
    let is_advanced = text(config.get("prompt_type")) == "advanced";
    let chat = items(fields(config.get("chat_prompt_config")).get("prompt"));
    let mut template: Vec<Value> = match is_advanced {
        true => chat
            .iter()
            .map(|part| {
                let said = with_names(&text(part.get("text")), &names);
                json!({ "role": part.get("role"), "text": said })
            })
            .collect(),
        false => {
            let said = with_names(&text(config.get("pre_prompt")), &names);
            vec![json!({ "role": "system", "text": said })]
        }
    };
    if !is_chat {
        template.iter_mut().for_each(|part| part["role"] = "user".into());
    }
    let memory = is_chat.then(|| json!({ "window": { "enabled": false } }));
    json!({
        "type": "llm",
        "model": config.get("model"),
        "prompt_template": template,
        "memory": memory,
        "vision": { "enabled": true },
    })
}

fn agent(config: &Map<String, Value>, agent_mode: &Map<String, Value>) -> Value {
    let names: Vec<String> = form(config).iter().map(|field| text(field.get("variable"))).collect();
    let value = |value: Value| json!({ "type": "constant", "value": value });
    let tools: Vec<Value> = items(agent_mode.get("tools"))
        .iter()
        .map(|tool| {
            let settings = fields(tool.get("tool_parameters"))
                .iter()
                .map(|(name, value)| (name.clone(), json!({ "value": value })));
            let settings: Map<String, Value> = settings.collect();
            json!({
                "enabled": tool.get("enabled"),
                "provider_name": tool.get("provider_name"),
                "tool_name": tool.get("tool_name"),
                "tool_label": tool.get("tool_label"),
                "settings": settings,
            })
        })
        .collect();
    json!({
        "type": "agent",
        "agent_strategy_name": "function_calling",
        "memory": { "window": { "enabled": false } },
        "agent_parameters": {
            "model": value(config.get("model").cloned().unwrap_or_default()),
            "query": value("{{#sys.query#}}".into()),
            "instruction": value(with_names(&text(config.get("pre_prompt")), &names).into()),
            "maximum_iterations": value(json!(agent_mode.get("max_iteration"))),
            "tools": value(tools.into()),
        },
    })
}

/// Placeholders of such apps name the fields of the form: `{{name}}`.
fn with_names(template: &str, names: &[String]) -> String {
    let mut read = template.replace("{{query}}", "{{#sys.query#}}");
    for name in names.iter().filter(|name| !name.is_empty()) {
        read = read.replace(&format!("{{{{{name}}}}}"), &format!("{{{{#start.{name}#}}}}"));
    }
    read
}

/// What such an app does that ours does not.
fn left_out(config: &Map<String, Value>) -> String {
    let datasets = fields(config.get("dataset_configs")).get("datasets");
    let datasets = fields(datasets).get("datasets");
    let mut left_out = Vec::new();
    if !items(datasets).is_empty() {
        left_out.push("its knowledge");
    }
    if !items(config.get("external_data_tools")).is_empty() {
        left_out.push("its external data");
    }
    if is_true(fields(config.get("sensitive_word_avoidance")).get("enabled")) {
        left_out.push("its moderation of words");
    }
    if filled(config.get("opening_statement")).is_some() && left_out.is_empty() {
        return String::new();
    }
    match left_out.is_empty() {
        true => String::new(),
        false => format!("left out: {}", left_out.join(", ")),
    }
}
