//! Tools: a plugin's call, as far as one of our kinds or a public API does the same.

use flowgate_engine::provider;
use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::model::name_of;
use super::read::{renamed, selector_of};
use crate::draft::Node;
use crate::ids::slug;
use crate::json::{fields, text};
use crate::text::Text;

/// Tools with a counterpart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Time,
    /// Reads a page of the web.
    Page,
    Tavily,
    Searxng,
    SerpApi,
    Wikipedia,
    Picture,
    Speech,
    Transcript,
    Translation,
}

/// How a public search is asked, and what of its answer is a list of pages.
struct Search {
    url: &'static str,
    /// The parameter that the query is put into; `None` sends it as JSON.
    parameter: Option<&'static str>,
    more: &'static [(&'static str, &'static str)],
    authorization: Option<&'static str>,
    /// The list of results as JavaScript, of the answer `data`.
    results: &'static str,
    note: &'static str,
}

const TAVILY: Search = Search {
    url: "https://api.tavily.com/search",
    parameter: None,
    more: &[],
    authorization: Some("Bearer {{TAVILY_API_KEY}}"),
    results: "data.results",
    note: "set the secret `TAVILY_API_KEY`",
};
const SEARXNG: Search = Search {
    url: "{{SEARXNG_BASE_URL}}/search",
    parameter: Some("q"),
    more: &[("format", "json")],
    authorization: None,
    results: "data.results",
    note: "set the secret `SEARXNG_BASE_URL` to the server's address",
};
const SERPAPI: Search = Search {
    url: "https://serpapi.com/search.json",
    parameter: Some("q"),
    more: &[("engine", "google"), ("api_key", "{{SERPAPI_API_KEY}}")],
    authorization: None,
    results: "data.organic_results",
    note: "set the secret `SERPAPI_API_KEY`",
};
const WIKIPEDIA: Search = Search {
    url: "https://en.wikipedia.org/w/api.php",
    parameter: Some("srsearch"),
    more: &[("action", "query"), ("list", "search"), ("format", "json")],
    authorization: None,
    results: "data.query?.search",
    note: "it leaves what the search has found, not whole pages",
};

impl Known {
    fn of(provider: &str, tool: &str) -> Option<Self> {
        let provider = slug(provider.rsplit('/').next().unwrap_or_default());
        Some(match (provider.as_str(), tool) {
            ("time", "current_time") => Self::Time,
            ("webscraper", "webscraper") | ("jina" | "jina_tool", "jina_reader") => Self::Page,
            ("firecrawl", "scrape") => Self::Page,
            ("tavily", "tavily_search") => Self::Tavily,
            ("searxng", "searxng_search") => Self::Searxng,
            ("google", "google_search") => Self::SerpApi,
            ("wikipedia", "wikipedia_search") => Self::Wikipedia,
            ("audio", "tts") => Self::Speech,
            ("audio", "asr") => Self::Transcript,
            ("google_translate", "translate") => Self::Translation,
            ("dalle", _) | ("openai_image" | "openai_tool", "dalle3" | "text2image") => {
                Self::Picture
            }
            _ => return None,
        })
    }

    fn search(self) -> Option<&'static Search> {
        match self {
            Self::Tavily => Some(&TAVILY),
            Self::Searxng => Some(&SEARXNG),
            Self::SerpApi => Some(&SERPAPI),
            Self::Wikipedia => Some(&WIKIPEDIA),
            Self::Time
            | Self::Page
            | Self::Picture
            | Self::Speech
            | Self::Transcript
            | Self::Translation => None,
        }
    }
}

fn known(step: &Step<'_>) -> Option<Known> {
    let by_name = |field: &str| Known::of(&step.text(field), &step.text("tool_name"));
    by_name("provider_name").or_else(|| by_name("provider_id"))
}

pub(super) fn obstacle(step: &Step<'_>) -> Option<String> {
    let name = format!("{}.{}", step.text("provider_name"), step.text("tool_name"));
    match known(step) {
        Some(Known::Page) if argument_of(step, "url").is_none() => {
            Some(format!("the tool `{name}` has no URL"))
        }
        Some(Known::Speech | Known::Transcript) if voice_model(step).is_none() => {
            Some(format!("the model of the tool `{name}` is not one that we can ask"))
        }
        Some(_) => None,
        None => Some(format!("the tool `{name}` has no counterpart; its API is not in the file")),
    }
}

/// Where an output of a tool is: whether behind its node, and the path.
pub(super) fn output(step: &Step<'_>, field: &str) -> Option<(bool, &'static [&'static str])> {
    let known = known(step)?;
    Some(match (known, field) {
        (Known::Time, "text") => (false, &["result"]),
        (Known::Page, "text") => (false, &["text"]),
        (Known::Speech, "files") => (false, &["audio"]),
        (Known::Transcript, "text") => (false, &["text"]),
        (Known::Translation, "text") => (true, &["result"]),
        (Known::Picture, "files") => (false, &["images"]),
        (Known::Picture, "text") => (false, &["prompt"]),
        (known, "text") if known.search().is_some() => (true, &["result", "text"]),
        (known, "json") if known.search().is_some() => (true, &["result", "json"]),
        _ => return None,
    })
}

/// A parameter or a setting of a tool, as the file has it.
fn argument_of<'s>(step: &'s Step<'_>, name: &str) -> Option<&'s Value> {
    let written = step.object("tool_parameters").get(name);
    let written = written.or_else(|| step.object("tool_configurations").get(name))?;
    let value = match written {
        Value::Object(fields) => fields.get("value").unwrap_or(&Value::Null),
        value => value,
    };
    let is_empty = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
    (!is_empty).then_some(value)
}

/// The model of a tool that speaks or listens, which is written as `provider#model`.
fn voice_model(step: &Step<'_>) -> Option<Map<String, Value>> {
    let written = argument_of(step, "model")?.as_str()?;
    let (provider, name) = written.split_once('#')?;
    let model = json!({ "provider": provider, "name": name }).as_object()?.clone();
    let ours = name_of(&model)?;
    let ours = ours.split('/').next()?;
    // Providers that we do not know are asked in OpenAI's protocol.
    let can_speak = provider::OF_SPEECH.contains(&ours) || !provider::KNOWN.contains(&ours);
    can_speak.then_some(model)
}

impl<'a> Flow<'a, '_, '_> {
    pub(super) fn tool(&mut self, step: &Step<'a>) {
        match known(step) {
            Some(Known::Time) => self.current_time(step),
            Some(Known::Page) => self.page(step),
            Some(Known::Picture) => self.picture(step),
            Some(Known::Speech | Known::Transcript) => self.voice(step),
            Some(Known::Translation) => self.translation(step),
            Some(known) => {
                if let Some(search) = known.search() {
                    self.search(step, search);
                }
            }
            None => {}
        }
    }

    fn argument(&mut self, step: &Step<'a>, name: &str) -> Text {
        match argument_of(step, name) {
            Some(Value::Array(selector)) => {
                let selector = selector_of(Some(&json!(selector)));
                self.selected(step, &selector)
            }
            Some(value) => self.template(step, &text(Some(value))),
            None => Text::default(),
        }
    }

    fn current_time(&mut self, step: &Step<'a>) {
        let format = argument_of(step, "format").map_or(String::new(), |format| text(Some(format)));
        let zone = argument_of(step, "timezone").map_or(String::new(), |zone| text(Some(zone)));
        let code = time_code(&format, &zone);
        if offset(&zone).is_none() {
            let note = format!("the time is that of UTC, not of `{zone}`");
            self.draft.entry(step.id()).approximated(note);
        }
        self.add(step, Node::new(self.id(step), "function").with("code", code));
    }

    fn page(&mut self, step: &Step<'a>) {
        let url = self.argument(step, "url");
        let url = self.draft.text(&url);
        let note = "the page is read by this server, as Markdown";
        self.draft.entry(step.id()).approximated(note);
        let default = renamed(&self.default_of(step), &[("text", "text")]);
        let node = Node::new(self.id(step), "fetch").with("url", url);
        let node = self.failing(step, node, Some(default));
        self.add(step, node);
    }

    fn picture(&mut self, step: &Step<'a>) {
        let prompt = self.argument(step, "prompt");
        let prompt = self.draft.text(&prompt);
        let model = match step.text("tool_name").as_str() {
            "dalle2" => "openai/dall-e-2",
            _ => "openai/dall-e-3",
        };
        let quality = argument_of(step, "quality").map(|quality| text(Some(quality)));
        let node = Node::new(self.id(step), "image")
            .with("model", model)
            .with("prompt", prompt)
            .with_some("quality", quality);
        let node = self.failing(step, node, None);
        self.add(step, node);
    }

    /// Speaks a text, or writes down what is spoken.
    fn voice(&mut self, step: &Step<'a>) {
        let written = argument_of(step, "model").map_or(String::new(), |model| text(Some(model)));
        let node = Node::new(self.id(step), "speech");
        let node = self.model(step, node, &voice_model(step).unwrap_or_default());
        let node = match known(step) {
            Some(Known::Transcript) => {
                let audio = self.argument(step, "audio_file");
                let audio = self.draft.text(&audio);
                node.with("audio", audio)
            }
            _ => {
                let spoken = self.argument(step, "text");
                let spoken = self.draft.text(&spoken);
                let voice = argument_of(step, &format!("voice#{written}"));
                node.with("text", spoken).with_some("voice", voice.map(|voice| text(Some(voice))))
            }
        };
        let node = self.failing(step, node, None);
        self.add(step, node);
    }

    /// The address without a key that Dify's own tool asks.
    fn translation(&mut self, step: &Step<'a>) {
        let id = self.id(step);
        let content = self.argument(step, "content");
        let content = self.draft.text(&content);
        let target = self.argument(step, "dest");
        let target = self.draft.text(&target);
        let query = json!({ "client": "gtx", "sl": "auto", "tl": target, "dt": "t", "q": content });
        let node = Node::new(&id, "http")
            .with("url", "https://translate.googleapis.com/translate_a/single")
            .with("query", query);
        let node = self.failing(step, node, Some(json!({ "data": [] })));
        self.add(step, node);
        let outcome = self.outcome_of(step);
        let code = format!("return (<{id}.data>?.[0] ?? []).map((part) => part[0]).join(\"\")");
        self.help(step, Node::new(&outcome, "function").with("code", code));
        self.chain(step, &[&id, &outcome]);
        let note = "asked without a key, as Dify does; Google may refuse that at any time";
        self.draft.entry(step.id()).approximated(note);
    }

    fn search(&mut self, step: &Step<'a>, search: &Search) {
        let id = self.id(step);
        let query = self.argument(step, "query");
        let query = self.draft.text(&query);
        let node = asked(Node::new(&id, "http"), search, query);
        let note = format!("asked over the API of the search itself; {}", search.note);
        self.draft.entry(step.id()).approximated(note);
        let default = json!({ "data": {} });
        let node = self.failing(step, node, Some(default));
        self.add(step, node);
        let outcome = self.outcome_of(step);
        let code = format!(
            "const data = <{id}.data> ?? {{}}\n\
             const results = {} ?? []\n\
             const shown = (one) => [one.title, one.url ?? one.link, one.content ?? one.snippet]\n\
             return {{ json: results, text: results.map((one) => \
             shown(one).filter(Boolean).join(\"\\n\")).join(\"\\n\\n\") }}",
            search.results
        );
        self.help(step, Node::new(&outcome, "function").with("code", code));
        self.chain(step, &[&id, &outcome]);
    }
}

fn asked(node: Node, search: &Search, query: Value) -> Node {
    let node = node.with("url", search.url).with_some(
        "headers",
        search.authorization.map(|authorization| json!({ "authorization": authorization })),
    );
    match search.parameter {
        None => node.with("method", "POST").with("body", json!({ "query": query })),
        Some(parameter) => {
            let more = search.more.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
            let mut all: Map<String, Value> = more.collect();
            all.insert(parameter.to_owned(), query);
            node.with("query", all)
        }
    }
}

/// The same as a tool of an agent.
pub(super) fn for_agent(tool: &Value) -> Option<Value> {
    let name = text(tool.get("tool_name"));
    let known = Known::of(&text(tool.get("provider_name")), &name)?;
    let described = fields(tool.get("extra")).get("description");
    let described = [described, tool.get("tool_description"), tool.get("tool_label")]
        .into_iter()
        .map(text)
        .find(|text| !text.trim().is_empty());
    let mut made = json!({ "name": slug(&name), "description": described.unwrap_or_default() });
    let one = |name: &str| {
        let properties = json!({ name: { "type": "string" } });
        json!({ "type": "object", "properties": properties, "required": [name] })
    };
    match known {
        Known::Time => {
            let setting = |name: &str| {
                text(fields(tool.get("settings")).get(name).and_then(|field| field.get("value")))
            };
            made["parameters"] = json!({ "type": "object", "properties": {} });
            made["code"] = time_code(&setting("format"), &setting("timezone")).into();
        }
        Known::Page => {
            made["parameters"] = one("url");
            made["fetch"] = json!({ "url": "<tool.url>" });
        }
        Known::Picture | Known::Speech | Known::Transcript | Known::Translation => return None,
        known => {
            let node = asked(Node::new("", "http"), known.search()?, json!("<tool.query>"));
            let mut http = node.fields;
            http.remove("type");
            made["parameters"] = one("query");
            made["http"] = http.into();
        }
    }
    Some(made)
}

/// Hours that a zone is ahead of UTC, for those without summer time.
fn offset(zone: &str) -> Option<i32> {
    Some(match zone {
        "" | "UTC" | "Etc/UTC" | "GMT" => 0,
        "Asia/Shanghai" | "Asia/Taipei" | "Asia/Hong_Kong" | "Asia/Singapore" => 8,
        "Asia/Tokyo" | "Asia/Seoul" => 9,
        "Asia/Kolkata" => return None,
        "Asia/Bangkok" | "Asia/Ho_Chi_Minh" | "Asia/Jakarta" => 7,
        _ => return None,
    })
}

/// Writes the time as `strftime` does, for the codes that people use.
fn time_code(format: &str, zone: &str) -> String {
    let format = if format.trim().is_empty() { "%Y-%m-%d %H:%M:%S" } else { format };
    let format = crate::js::string(format);
    let ahead = offset(zone).unwrap_or(0);
    let now = match ahead {
        0 => "new Date()".to_owned(),
        hours => format!("new Date(Date.now() + {hours} * 3600000)"),
    };
    format!(
        "const [day, time] = {now}.toISOString().split(\"T\")\n\
         const [Y, m, d] = day.split(\"-\")\n\
         const [H, M, S] = time.slice(0, 8).split(\":\")\n\
         const parts = {{ Y, m, d, H, M, S, y: Y.slice(2), F: day, T: time.slice(0, 8) }}\n\
         return {format}.replace(/%([YmdHMSyFT])/g, (_, part) => parts[part])"
    )
}
