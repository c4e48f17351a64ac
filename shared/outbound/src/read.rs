//! Reads documents in children: pages of the web, files, and text. Their parsers hang, overflow the
//! stack or take all memory on what is hostile.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_child_protocol as protocol;
use flowgate_child_protocol::{MAX_DOCUMENT_BYTES, Reply};
use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{
    Call, CallError, CallOutput, Layout, ReadCall, Reading, Selector, Source,
};
use serde_json::Value;

use super::code::{Broken, Work, own_limit_ms};
use super::http::Download;
use super::mask::Masks;
use super::{CodeGroup, Metered, Outbound, RunFiles, failed, too_large};

/// What is left to read a page that took all the time to come.
pub(crate) const MIN_TIME: Duration = Duration::from_secs(1);
/// The text of a document as the engine's value, the checkpoint's, and as it is written.
const COPIES_OF_RESULT: usize = 3;

/// The failures that a child may name.
const CODES: [&str; 7] = [
    "document_damaged",
    "document_empty",
    "document_no_sheet",
    "document_protected",
    "document_too_large",
    "document_unsupported",
    "invalid_selector",
];

/// A document before it is read.
#[derive(Default)]
struct Found {
    bytes: Vec<u8>,
    /// A content type.
    declared: Option<String>,
    /// Of an answer.
    url: Option<String>,
    status: Option<u16>,
}

impl Outbound {
    pub(super) async fn perform_read(
        &self,
        asked: &ReadCall,
        call: &Call,
        (user, group): (&SecretUser, &CodeGroup),
        masks: &mut Masks,
        (memory, files): (&Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        let began = self.clock.now();
        let find = self.find(&asked.source, call, user, masks, (memory, files));
        let Found { bytes, declared, url, status } = self.within(call, Box::pin(find)).await?;
        let left = call.timeout.saturating_sub(self.clock.now().since(began)).max(MIN_TIME);
        let request = protocol::Document {
            reading: reading(&asked.reading),
            declared,
            url: url.clone(),
            timeout_ms: own_limit_ms(left),
            max_result_bytes: self.settings.max_answer_bytes,
        };
        let frames = || {
            let request = protocol::Request::<Value>::Document(request);
            let frame = serde_json::to_vec(&request)
                .map_err(|error| failed("internal", format!("the request: {error}")))?;
            Ok(vec![frame, bytes])
        };
        let answer = self.ask_child((group, Work::Document), left, frames, &mut || {}).await?;
        let mut value = self.document(answer, call.timeout, memory)?;
        if let (Reading::Page { .. }, Value::Object(fields)) = (&asked.reading, &mut value) {
            fields.insert("url".to_owned(), url.into());
            fields.insert("status".to_owned(), status.into());
        }
        Ok(CallOutput { value, tokens: None, cost_nano_usd: None })
    }

    async fn find(
        &self,
        source: &Source,
        call: &Call,
        user: &SecretUser,
        masks: &mut Masks,
        (memory, files): (&Metered, &RunFiles),
    ) -> Result<Found, CallError> {
        Ok(match source {
            Source::Http(request) => {
                let keys = &call.literal_keys;
                let answer = self.download(request, keys, user, masks, (memory, files)).await?;
                let Download { bytes, content_type, url, status } = answer;
                Found { bytes, declared: content_type, url: Some(url), status: Some(status) }
            }
            Source::File(id) => {
                let (file, bytes) = files.read(id, MAX_DOCUMENT_BYTES as u64, memory).await?;
                Found { bytes, declared: Some(file.media_type), ..Found::default() }
            }
            Source::Text(text) => {
                memory.add(text.len())?;
                // Our own text is UTF-8, whatever it says inside.
                let declared = Some("charset=utf-8".to_owned());
                Found { bytes: text.clone().into_bytes(), declared, ..Found::default() }
            }
            Source::Base64(text) => {
                memory.add(text.len())?;
                let (declared, bytes) = from_base64(text)?;
                Found { bytes, declared, ..Found::default() }
            }
        })
    }

    fn document(
        &self,
        answer: Result<Reply, Broken>,
        timeout: Duration,
        memory: &Metered,
    ) -> Result<Value, CallError> {
        let out_of_time = || {
            let seconds = timeout.as_secs_f64();
            failed("document_timeout", format!("the document was not read within {seconds} s"))
        };
        let out_of_memory =
            || failed("document_too_large", "the document needs too much memory to be read");
        match answer {
            Ok(Reply::Done { result, .. }) => {
                memory.add(COPIES_OF_RESULT * result.len())?;
                flowgate_engine::json::parse(result.as_bytes()).map_err(|error| {
                    failed("document_damaged", format!("what it says cannot be stored: {error}"))
                })
            }
            Ok(Reply::Unreadable { code, message }) => {
                let known = CODES.iter().find(|known| **known == code);
                Err(failed(known.unwrap_or(&"document_damaged"), message))
            }
            Ok(Reply::TooLarge) => {
                Err(too_large("what the document says", self.settings.max_answer_bytes))
            }
            Ok(Reply::OutOfMemory) | Err(Broken::OutOfMemory) => Err(out_of_memory()),
            Ok(Reply::OutOfTime) | Err(Broken::OutOfTime) => Err(out_of_time()),
            Ok(Reply::Failed { message, .. }) => Err(failed("document_damaged", message)),
            Err(Broken::Exited(why)) => {
                let message = format!("the process that read the document {why}");
                Err(failed("document_damaged", message))
            }
        }
    }
}

/// Decodes base64 or a `data:` URL, whose content type it returns, too.
fn from_base64(text: &str) -> Result<(Option<String>, Vec<u8>), CallError> {
    let (declared, encoded) = match text.strip_prefix("data:").and_then(|rest| rest.split_once(','))
    {
        Some((head, encoded)) => match head.strip_suffix(";base64") {
            Some(declared) => (Some(declared.to_owned()), encoded),
            None => return Err(failed("invalid_field", "the `data:` URL is not of base64")),
        },
        None => (None, text),
    };
    let encoded: Vec<u8> = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|error| failed("invalid_field", format!("`base64` is not base64: {error}")))?;
    Ok((declared, bytes))
}

fn reading(reading: &Reading) -> protocol::Reading {
    match reading {
        Reading::File(layout) => protocol::Reading::File(match layout {
            Layout::Text => protocol::Layout::Text,
            Layout::Markdown => protocol::Layout::Markdown,
            Layout::Pages => protocol::Layout::Pages,
            Layout::Rows { header, sheet } => {
                protocol::Layout::Rows { header: *header, sheet: sheet.clone() }
            }
        }),
        Reading::Page { markdown } => protocol::Reading::Page { markdown: *markdown },
        Reading::Html { markdown } => protocol::Reading::Html { markdown: *markdown },
        Reading::Select(selectors) => {
            protocol::Reading::Select(selectors.iter().map(selector).collect())
        }
    }
}

fn selector(selector: &Selector) -> protocol::Selector {
    let Selector { name, selector, attribute, html, all } = selector.clone();
    protocol::Selector { name, selector, attribute, html, all }
}
