//! Replicate: uploads the files of an input, starts a prediction, looks at it and cancels it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{
    CallError, CallOutput, MediaCall, MediaRequest, PredictionRequest, Predictor, Rendered,
};
use flowgate_engine::file::{FileRef, MAX_FILE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};

use super::exchange::Target;
use super::multipart::Multipart;
use super::vendor::Vendor;
use super::wire::{Encoded, extension, secret_header, text_at};
use super::{about, failed, invalid_answer, unsent};
use crate::mask::Masks;
use crate::sniff::sniff;
use crate::{Metered, Outbound, RunFiles};

const NAME: &str = flowgate_engine::provider::REPLICATE;
/// Larger files are uploaded, as Replicate advises.
const MAX_DATA_URL: usize = 256 << 10;
const MAX_FILES: usize = 20;
const MAX_DEPTH: usize = 64;
const MAX_ID: usize = 64;
const MAX_WORDS: usize = 500;

/// What a request of a prediction needs.
struct Session<'s> {
    target: Target<'s>,
    auth: HeaderMap,
    masks: &'s Masks,
    memory: &'s Metered,
    files: &'s RunFiles,
}

impl Outbound {
    pub(super) async fn perform_prediction(
        &self,
        call: &MediaCall,
        user: &SecretUser,
        masks: &mut Masks,
        (memory, files): (&Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        let vendor = Vendor::named(NAME);
        let asked = match &call.request {
            MediaRequest::Prediction(asked) => Some(asked),
            _ => None,
        };
        let fields: Vec<&Rendered> = asked.map(|asked| &asked.input).into_iter().collect();
        let target =
            self.media_target(call, &vendor, &fields, user, masks).await.map_err(unsent)?;
        let key = target.key.as_deref().unwrap_or_default();
        let bearer = secret_header(&format!("Bearer {key}")).map_err(unsent)?;
        let auth = HeaderMap::from_iter([(http::header::AUTHORIZATION, bearer)]);
        let session = Session { target, auth, masks, memory, files };
        let encoded = match &call.request {
            MediaRequest::Prediction(asked) => {
                // Nothing has been started until then.
                let input =
                    self.input(asked, &session).await.map_err(|error| unsent(not_begun(error)))?;
                start(asked, &input)
            }
            MediaRequest::Look { id } => get(&format!("predictions/{id}")),
            MediaRequest::Cancel { id } => post(format!("predictions/{id}/cancel"), &json!({})),
            _ => return Err(failed("internal", "the request is of another kind")),
        };
        let answer = self.send_to_replicate(encoded, &session).await?;
        let value = view(&answer).map_err(|error| about(NAME, error))?;
        // Replicate counts no tokens.
        Ok(CallOutput { value, tokens: Some(0), cost_nano_usd: None })
    }

    async fn send_to_replicate(
        &self,
        encoded: Encoded,
        session: &Session<'_>,
    ) -> Result<Value, CallError> {
        let Session { target, auth, masks, memory, .. } = session;
        let auth = Some(auth.clone());
        let answer = self.send_media(NAME, encoded, auth, target, masks, memory).await?;
        answer.into_json().map(|(value, _)| value).map_err(|error| about(NAME, error))
    }

    /// The input with its files at addresses that the model can read.
    async fn input(
        &self,
        asked: &PredictionRequest,
        session: &Session<'_>,
    ) -> Result<Value, CallError> {
        let mut input = session.target.cleared.fill(&asked.input)?;
        let mut found = Vec::new();
        find_files(&mut input, 0, &mut found);
        if found.len() > MAX_FILES {
            let message = format!("an input has at most {MAX_FILES} files, not {}", found.len());
            return Err(failed("invalid_field", message));
        }
        for place in found {
            let file = FileRef::parse(place);
            let file =
                file.map_err(|why| failed("invalid_field", format!("a file of `input` {why}")))?;
            *place = Value::String(self.address(&file, session).await?);
        }
        Ok(input)
    }

    /// Small files travel in the input itself.
    async fn address(&self, file: &FileRef, session: &Session<'_>) -> Result<String, CallError> {
        let Session { memory, files, .. } = session;
        let (file, bytes) = files.read(&file.id, MAX_FILE, memory).await?;
        let media_type = sniff(&bytes).unwrap_or(&file.media_type);
        memory.add(bytes.len() * 4 / 3)?;
        if bytes.len() <= MAX_DATA_URL {
            return Ok(format!("data:{media_type};base64,{}", STANDARD.encode(&bytes)));
        }
        let mut form = Multipart::new();
        let filename = format!("file.{}", extension(media_type));
        form.file("content", &filename, media_type, &bytes);
        let (content_type, body) = form.encode();
        let uploaded =
            self.send_to_replicate(Encoded::of("files", &content_type, body, ""), session).await?;
        let url = text_at(&uploaded, "/urls/get").filter(|url| url.starts_with("http"));
        url.map(str::to_owned)
            .ok_or_else(|| about(NAME, invalid_answer("took a file without saying where it is")))
    }
}

fn not_begun(error: CallError) -> CallError {
    CallError { nothing_happened: true, ..error }
}

fn start(asked: &PredictionRequest, input: &Value) -> Encoded {
    let mut encoded = match &asked.of {
        Predictor::Official(model) => {
            post(format!("models/{model}/predictions"), &json!({ "input": input }))
        }
        Predictor::Version(version) => {
            post("predictions".to_owned(), &json!({ "version": version, "input": input }))
        }
    };
    let name = HeaderName::from_static("cancel-after");
    if let Ok(seconds) = HeaderValue::from_str(&format!("{}s", asked.cancel_after_s)) {
        encoded.headers.insert(name, seconds);
    }
    encoded
}

fn post(path: String, body: &Value) -> Encoded {
    Encoded::json(path, body, "")
}

fn get(path: &str) -> Encoded {
    let encoded = Encoded::of(path, "application/json", Vec::new(), "");
    Encoded { method: Method::GET, headers: HeaderMap::new(), ..encoded }
}

/// What of a prediction is recorded. Its logs are not: they grow with each look.
fn view(answer: &Value) -> Result<Value, CallError> {
    let is_id = |id: &&str| {
        id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let id = text_at(answer, "/id").filter(is_id);
    let id = id.ok_or_else(|| invalid_answer("answered without the id of a prediction"))?;
    let status = text_at(answer, "/status");
    let status = status.ok_or_else(|| invalid_answer("answered without a status"))?;
    let mut view = Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("status".to_owned(), json!(status.chars().take(MAX_ID).collect::<String>())),
    ]);
    let seconds = answer.pointer("/metrics/predict_time").filter(|time| time.is_number());
    if let Some(seconds) = seconds {
        view.insert("seconds".to_owned(), seconds.clone());
    }
    match status {
        "succeeded" => {
            let output = answer.get("output").cloned().unwrap_or_default();
            view.insert("output".to_owned(), output);
        }
        "failed" | "canceled" | "aborted" => {
            let words = match answer.get("error") {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(words)) => words.chars().take(MAX_WORDS).collect(),
                Some(other) => other.to_string().chars().take(MAX_WORDS).collect(),
            };
            view.insert("error".to_owned(), json!(words));
        }
        _ => {}
    }
    Ok(Value::Object(view))
}

fn find_files<'v>(value: &'v mut Value, depth: usize, found: &mut Vec<&'v mut Value>) {
    if FileRef::is_marked(value) {
        return found.push(value);
    }
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| find_files(item, depth + 1, found));
        }
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| find_files(field, depth + 1, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_is_recorded_without_its_logs() {
        let check = |answer: Value, expected: Value| assert_eq!(view(&answer).unwrap(), expected);
        check(
            json!({"id": "a1", "status": "processing", "logs": "long", "output": "half"}),
            json!({"id": "a1", "status": "processing"}),
        );
        check(
            json!({"id": "a1", "status": "succeeded", "output": ["u"], "error": null,
                "metrics": {"predict_time": 1.5}}),
            json!({"id": "a1", "status": "succeeded", "output": ["u"], "seconds": 1.5}),
        );
        check(
            json!({"id": "a1", "status": "failed", "error": "CUDA"}),
            json!({"id": "a1", "status": "failed", "error": "CUDA"}),
        );
        for wrong in [
            json!({"status": "starting"}),
            json!({"id": "a/../b", "status": "starting"}),
            json!({"id": "", "status": "starting"}),
            json!({"id": "a"}),
            json!([]),
        ] {
            assert_eq!(view(&wrong).unwrap_err().code, "invalid_answer", "{wrong}");
        }
    }

    #[test]
    fn a_start_goes_to_the_model_or_the_version() {
        let started = |of: Predictor| {
            let input = flowgate_engine::call::Rendered::Json(json!({}));
            let asked = PredictionRequest { of, input, cancel_after_s: 90 };
            let encoded = start(&asked, &json!({"n": 1}));
            assert_eq!(encoded.headers["cancel-after"], "90s");
            (encoded.path, serde_json::from_slice::<Value>(&encoded.body).unwrap())
        };
        let official = started(Predictor::Official("a/b".to_owned()));
        assert_eq!(official, ("models/a/b/predictions".to_owned(), json!({"input": {"n": 1}})));
        let version = started(Predictor::Version("a/b:c0".to_owned()));
        let body = json!({"version": "a/b:c0", "input": {"n": 1}});
        assert_eq!(version, ("predictions".to_owned(), body));
    }
}
