//! The model that hangs on a node, and its settings.

use serde_json::{Map, Value};

use crate::draft::Node;
use crate::json::{fields, filled, number};
use crate::keys::host_of;
use crate::n8n::flow::Flow;
use crate::n8n::graph::Step;
use crate::n8n::unread;
use crate::text::Text;

const DEFAULT: (&str, &str) = ("openai", "gpt-4o-mini");

/// Adds the model that hangs on the node at hand.
pub(super) fn with_model(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let helpers = flow.graph.helpers(flow.here.at, "ai_languageModel");
    let Some(helper) = helpers.first() else {
        flow.unsupported("no model hangs on it");
        return node.with("model", format!("{}/{}", DEFAULT.0, DEFAULT.1));
    };
    if helpers.len() > 1 {
        flow.approximated("only the first of its models is asked");
    }
    let step = flow.step(*helper);
    let known = provider(&step.kind);
    if known.is_none() {
        flow.draft.entry(&step.origin.id).unsupported("no provider that is known");
    }
    let (provider, default) = known.unwrap_or(DEFAULT);
    let owner = &flow.current().origin.name;
    let note = format!("the model of `{owner}`; its key is a secret, which is to be set");
    flow.draft.entry(&step.origin.id).note(note);
    let options = fields(step.parameters.get("options"));
    for name in unread::names(options, &|name| LIMITS.contains(&name) || name == "baseURL") {
        flow.draft.entry(&step.origin.id).approximated(format!("`options.{name}` is left out"));
    }
    let node = node.with("model", format!("{provider}/{}", name(step).unwrap_or(default)));
    with_address(flow, with_limits(node, options), options)
}

/// Adds the address that the file sets. No stored key goes to it.
fn with_address(flow: &mut Flow<'_, '_, '_>, node: Node, options: &Map<String, Value>) -> Node {
    let base = filled(options.get("baseURL")).filter(|base| base.starts_with("http"));
    let Some(base) = base else { return node };
    let host = host_of(base).unwrap_or_else(|| "a host of the file".to_owned());
    let key = flow.importing.secrets.unset(&format!("{host}_KEY"));
    flow.approximated(format!("the model is asked at {host}; its key there is the secret `{key}`"));
    let base = flow.draft.text(&Text::literal(base));
    let key = flow.draft.text(&Text::secret(key));
    node.with("base_url", base).with("api_key", key)
}

/// The options of a model that [`with_limits`] reads.
pub(super) const LIMITS: [&str; 5] =
    ["temperature", "topP", "maxTokens", "maxOutputTokens", "maxTokensToSample"];

/// Adds temperature, share of likely words, and length.
pub(super) fn with_limits(node: Node, options: &Map<String, Value>) -> Node {
    let temperature = number(options.get("temperature")).filter(|of| (0.0..=2.0).contains(of));
    let share = number(options.get("topP")).filter(|of| (0.0..=1.0).contains(of));
    let most = LIMITS[2..].iter().find_map(|name| number(options.get(*name)));
    let most = most.filter(|most| (1.0..=1e7).contains(most)).map(|most| most as u64);
    node.with_some("temperature", temperature)
        .with_some("top_p", share.filter(|share| *share < 1.0))
        .with_some("max_tokens", most)
}

/// The model that a node names, if it is not computed.
pub(super) fn name<'a>(step: &Step<'a>) -> Option<&'a str> {
    let names = ["modelId", "chatModel", "model", "modelName"];
    let given = names.iter().find_map(|name| step.parameters.get(*name))?;
    let name = filled(given.get("value")).or(filled(Some(given)))?;
    (!name.starts_with('=')).then(|| name.trim_start_matches("models/"))
}

/// The provider of a type of node, and the model that it takes where the file names none.
fn provider(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind.trim_start_matches("lmChat").trim_start_matches("lm") {
        "OpenAi" => DEFAULT,
        "GoogleGemini" => ("gemini", "gemini-2.5-flash"),
        "Anthropic" => ("anthropic", "claude-sonnet-4-5"),
        "OpenRouter" => ("openrouter", "openai/gpt-4.1-mini"),
        "Ollama" => ("ollama", "llama3.2"),
        "Groq" => ("groq", "llama-3.3-70b-versatile"),
        "MistralCloud" => ("mistral", "mistral-small-latest"),
        "DeepSeek" => ("deepseek", "deepseek-chat"),
        "XAiGrok" => ("xai", "grok-3"),
        "Cohere" => ("cohere", "command-r-plus"),
        _ => return None,
    })
}
