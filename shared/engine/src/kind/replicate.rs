//! `replicate`: runs a model on Replicate: starts a prediction, and looks at it until it has ended.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::agent::{ADDRESS, Connection, KEY};
use super::media::Sums;
use super::{
    CallEnd, CallLimits, Done, Group, KindSpec, MAX_DELAY, Node, NodeError, OutputField,
    OutputFields, OutputType, Plan, Planned, Price, Role, Touches,
};
use crate::call::{
    Action, HttpCall, MediaCall, MediaRequest, Piece, PredictionRequest, Predictor, ReadAs,
    RenderedUrl,
};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::provider;

const MODEL_OR_VERSION: &[&str] = &["model", "version"];

const MODEL: FieldSpec = FieldSpec::new(
    "model",
    FieldType::Text,
    "`owner/name` of an official model, or `owner/name:version` of any other",
)
.one_of(MODEL_OR_VERSION);
const VERSION: FieldSpec = FieldSpec::new(
    "version",
    FieldType::Text,
    "the 64 characters of a version, instead of a `model`",
)
.one_of(MODEL_OR_VERSION);
const INPUT: FieldSpec = FieldSpec::new(
    "input",
    FieldType::Object,
    "what the model takes, by its page on Replicate: name to template. A field that is one \
     reference keeps its type; a file is uploaded",
)
.required()
.with_secrets();
const EVERY: FieldSpec = FieldSpec::with_default(
    "every",
    FieldType::Duration("1s", "5m"),
    "1s, growing to 10s",
    "the pause between two looks",
);
const TIMEOUT: FieldSpec = FieldSpec::with_default(
    "timeout",
    FieldType::Duration("5s", "30m"),
    "10m",
    "how long the prediction may take",
);
const AS_FILES: FieldSpec = FieldSpec::with_default(
    "as_files",
    FieldType::Boolean,
    "false",
    "`true`: fetches what the addresses in the output lead to, as `files`",
);
const FIELDS: &[FieldSpec] = &[MODEL, VERSION, INPUT, EVERY, TIMEOUT, AS_FILES, ADDRESS, KEY];

/// Of the start, which uploads files.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);
const FETCH_TIMEOUT: Duration = Duration::from_secs(120);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
const LIMITS: CallLimits =
    CallLimits { default_timeout: DEFAULT_TIMEOUT, max_timeout: Duration::from_secs(1800) };
/// A node may make 500 calls.
const MAX_LOOKS: u32 = 400;
const MAX_OWN_PAUSE: u64 = 10;
/// A look that failed says nothing about the prediction: the next one may know.
const MAX_FAILED_LOOKS: usize = 5;
const MAX_FILES: usize = 20;

const DETAILS: &str = "\
The prediction is started once: a start of which nobody knows whether it arrived fails as
`interrupted` or with its own error, and is never repeated, because it costs money. Looks are
repeated, and go on after a crash. A prediction that takes longer than `timeout` is cancelled and
fails as `timeout`; Replicate also stops it by itself then. One that ended badly fails as
`prediction_failed`, with the model's words.

**Output.** `output` is what the model left, of any type. `url` is the first address in it, with
`as_files` that of the first file. `files` is the list of the files, empty without `as_files`.
`seconds` is how long the model ran, and `id` names the prediction. `cost` is `null`: Replicate
does not say it, so a run with a budget in dollars refuses the start.

The key is the secret `REPLICATE_API_KEY`. Addresses in an output are public, and Replicate deletes
what is there after an hour.";

const EXAMPLE: &str = "\
id: upscale
type: replicate
model: nightmareai/real-esrgan:f121d640bd286e1fdc67f9799164c1d5be36ff74576ee11c803ae5b665dd46aa
input: { image: <picture.image>, scale: 4 }
as_files: true";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "replicate".into(),
        summary: "Runs a model on Replicate, and waits for what it makes.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::Only(vec![
                OutputField::new("output", OutputType::Any).nullable(),
                OutputField::new("url", OutputType::Text).nullable(),
                OutputField::new("files", OutputType::List),
                OutputField::new("id", OutputType::Text),
                OutputField::new("seconds", OutputType::Number).nullable(),
                OutputField::new("cost", OutputType::Number).nullable(),
            ])
        },
        call: Some(LIMITS),
        role: Role::Step,
        operation: None,
        group: Group::Model,
        touches: Touches::Model,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Replicate::read(fields))),
    }
}

#[derive(Debug)]
struct Replicate {
    connection: Connection,
    predictor: Text,
    /// The text is a version.
    is_version: bool,
    input: Template,
    every: Option<Duration>,
    timeout: Duration,
    as_files: bool,
}

impl Replicate {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let connection = Connection::to(fields, provider::REPLICATE);
        let is_version = !fields.is_given(&MODEL);
        let spec = if is_version { &VERSION } else { &MODEL };
        let predictor = fields.text(spec).unwrap_or_default();
        if let Some(written) = predictor.literal()
            && !written.is_empty()
            && let Err(message) = read_predictor(&written, is_version)
        {
            fields.error(&spec.name, message);
        }
        Self {
            connection,
            predictor,
            is_version,
            input: fields.object_template(&INPUT).unwrap_or(Template::Literal(json!({}))),
            every: fields.duration(&EVERY),
            timeout: fields.duration(&TIMEOUT).unwrap_or(DEFAULT_TIMEOUT),
            as_files: fields.boolean(&AS_FILES).unwrap_or(false),
        }
    }

    fn call(
        &self,
        name: impl Into<Cow<'static, str>>,
        request: MediaRequest,
        scope: &Scope<'_>,
    ) -> Result<Planned, NodeError> {
        let is_start = matches!(request, MediaRequest::Prediction(_));
        let call = MediaCall {
            model: provider::REPLICATE.to_owned(),
            has_given_provider: false,
            request,
            base_url: self.connection.base_url(scope)?,
            api_key: self.connection.api_key(scope)?,
        };
        let price = if is_start { Price::Priced } else { Price::Free };
        let name = name.into();
        let planned = Planned::call(name.into_owned(), Action::Media(call), price);
        let timeout = if is_start { START_TIMEOUT } else { LOOK_TIMEOUT };
        Ok(Planned { timeout: Some(timeout), at_most_once: Some(is_start), ..planned })
    }

    fn start(&self, scope: &Scope<'_>) -> Result<Planned, NodeError> {
        let written = self.predictor.render_string(scope)?;
        let of = read_predictor(&written, self.is_version)
            .map_err(|message| NodeError::new("invalid_field", message))?;
        let input = self.input.render_outgoing(scope)?;
        let cancel_after_s = self.timeout.as_secs();
        let request = PredictionRequest { of, input, cancel_after_s };
        self.call("start", MediaRequest::Prediction(request), scope)
    }

    /// The pause before a look; the first has the number 1.
    fn pause(&self, look: u32) -> Duration {
        let own = Duration::from_secs(u64::from(look).min(MAX_OWN_PAUSE));
        let wanted = self.every.unwrap_or(own);
        wanted.max(self.timeout / MAX_LOOKS).min(MAX_DELAY)
    }

    /// Reads the looks so far. `Err` of the outer result is the failure of the node.
    fn latest(&self, started: &Arc<Value>, done: &Done) -> Result<Latest, NodeError> {
        let mut latest = Latest { value: Arc::clone(started), looks: 0 };
        let mut failed = 0;
        while let Some(CallEnd { result, .. }) = done.get(&look_name(latest.looks + 1)) {
            latest.looks += 1;
            match result {
                Ok(outcome) => {
                    latest.value = Arc::clone(&outcome.value);
                    failed = 0;
                }
                Err(error) if error.retryable && failed < MAX_FAILED_LOOKS => failed += 1,
                Err(error) => return Err(error.clone().into()),
            }
        }
        Ok(latest)
    }

    /// The next look, or what ends a prediction that takes too long.
    fn go_on(&self, latest: &Latest, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let id = latest.text("id").to_owned();
        let began = done.get("start").map_or(0, |end| end.ended_at_ms);
        let now = done.last_ended_at_ms().unwrap_or(began);
        let passed = Duration::from_millis(u64::try_from(now - began).unwrap_or(0));
        let left = self.timeout.saturating_sub(passed);
        if left.is_zero() || latest.looks >= MAX_LOOKS {
            if done.get("cancel").is_none() {
                let call = self.call("cancel", MediaRequest::Cancel { id }, scope)?;
                return Ok(Plan::Perform(vec![call]));
            }
            let seconds = self.timeout.as_secs();
            let message = format!("the prediction {id} had not ended after {seconds} s");
            return Err(latest.failure("timeout", message));
        }
        let look = latest.looks + 1;
        let call = self.call(look_name(look), MediaRequest::Look { id }, scope)?;
        Ok(Plan::Perform(vec![call.after(self.pause(look).min(left))]))
    }

    /// Fetches the files, or ends with what there is.
    fn end(&self, latest: &Latest, done: &Done) -> Result<Plan, NodeError> {
        let output = latest.value.get("output").unwrap_or(&Value::Null);
        let mut urls = Vec::new();
        find_urls(output, &mut urls);
        let mut files = Vec::new();
        if self.as_files && !urls.is_empty() {
            if urls.len() > MAX_FILES {
                let message = format!("the output has more than {MAX_FILES} addresses");
                return Err(NodeError::new("too_many_files", message));
            }
            if done.get(&file_name(0)).is_none() {
                return Ok(Plan::Perform(urls.iter().enumerate().map(fetch).collect()));
            }
            for index in 0..urls.len() {
                let fetched = done.value(&file_name(index))?;
                files
                    .push(fetched.and_then(|value| value.get("data").cloned()).unwrap_or_default());
            }
        }
        let mut sums = Sums::default();
        sums.add(done.get("start"));
        let url = files.first().and_then(|file| file.get("url")).cloned();
        Ok(Plan::done(json!({
            "output": output,
            "url": url.or_else(|| urls.first().map(|url| json!(url))),
            "files": files,
            "id": latest.text("id"),
            "seconds": latest.value.get("seconds"),
            "cost": sums.dollars(),
        })))
    }
}

impl Node for Replicate {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let Some(started) = done.value("start")? else {
            return Ok(Plan::Perform(vec![self.start(scope)?]));
        };
        let latest = self.latest(&started, done)?;
        match latest.text("status") {
            "succeeded" => self.end(&latest, done),
            status @ ("failed" | "canceled" | "aborted") => {
                let said = latest.value.get("error").and_then(Value::as_str);
                let words = said.filter(|said| !said.is_empty()).map(|said| format!(": {said}"));
                let message = format!("the prediction is {status}{}", words.unwrap_or_default());
                Err(latest.failure("prediction_failed", message))
            }
            _ => self.go_on(&latest, scope, done),
        }
    }
}

/// What is known of the prediction.
struct Latest {
    value: Arc<Value>,
    looks: u32,
}

impl Latest {
    fn text(&self, name: &str) -> &str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn failure(&self, code: &'static str, message: String) -> NodeError {
        let output = json!({ "id": self.text("id") });
        NodeError { output: Some(Box::new(output)), ..NodeError::new(code, message) }
    }
}

fn look_name(number: u32) -> String {
    format!("look{number}")
}

fn file_name(index: usize) -> String {
    format!("file{}", index + 1)
}

/// The answer decided the address: no key goes there.
fn fetch((index, url): (usize, &String)) -> Planned {
    let call = HttpCall {
        method: "GET".to_owned(),
        url: RenderedUrl(vec![Piece::Value(url.clone())]),
        read_as: Some(ReadAs::File),
        ..HttpCall::default()
    };
    let planned = Planned::call(file_name(index), Action::Http(call), Price::Free);
    Planned { timeout: Some(FETCH_TIMEOUT), at_most_once: Some(false), ..planned }
}

fn find_urls(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("https://") || text.starts_with("http://") => {
            found.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| find_urls(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| find_urls(field, found)),
        _ => {}
    }
}

fn read_predictor(written: &str, is_version: bool) -> Result<Predictor, String> {
    let is_name = |name: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !name.is_empty() && name.bytes().all(is_plain) && !name.starts_with('.')
    };
    let is_model = |model: &str| {
        model.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
    };
    let is_hash = |hash: &str| hash.len() >= 32 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    let (model, hash) = written.rsplit_once(':').map_or((written, None), |(m, h)| (m, Some(h)));
    match hash {
        Some(hash) if is_model(model) && is_hash(hash) => {
            Ok(Predictor::Version(written.to_owned()))
        }
        None if is_version && is_hash(written) => Ok(Predictor::Version(written.to_owned())),
        None if !is_version && is_model(written) => Ok(Predictor::Official(written.to_owned())),
        _ => {
            let shown: String = written.chars().take(100).collect();
            let (field, like) = match is_version {
                true => ("version", "the 64 characters of a version"),
                false => ("model", "`owner/name` or `owner/name:version`"),
            };
            Err(format!("`{field}` is {like}, not {shown:?}"))
        }
    }
}

#[cfg(test)]
mod tests;
