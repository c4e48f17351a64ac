//! One message to a server and its answer: JSON, or a stream of events of which one is the answer.

use std::time::Duration;

use flowgate_core::clock::timeout;
use flowgate_engine::call::CallError;
use http::{HeaderMap, HeaderValue, header};
use reqwest::Response;
use serde_json::{Value, json};

use super::message::{Failure, Message, reply};
use super::session::{Ask, Session};
use super::{invalid_answer, mcp_error};
use crate::client::describe;
use crate::framing::{End, Fault, Frame, Framer, Framing, MAX_FRAME_BYTES};
use crate::status::status_error;
use crate::{retryable, too_large};

const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// An answer as text, as a value, the engine's, the checkpoint's, and as it is written.
const COPIES_OF_ANSWER: usize = 5;
/// A failure keeps this much of its body.
pub(super) const MAX_FAILURE_BYTES: usize = 64 << 10;
const FAILURE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a server may ask us in one call.
const MAX_QUESTIONS: usize = 16;

impl Session<'_> {
    /// Asks the server. Returns the result, and the headers that it came with.
    pub(super) async fn exchange(&mut self, ask: Ask<'_>) -> Result<(Value, HeaderMap), Failure> {
        let method = ask.method;
        let (id, message) = self.message_of(&ask);
        let headers = self.headers_of(Some(&ask));
        let about = |error: CallError| CallError {
            message: format!("{method}: {}", error.message),
            ..error
        };
        let response = self.post(&message, headers).await.map_err(about)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let read = match status.is_success() {
            true => self.read_answer(response, id).await.map_err(about)?,
            false => self
                .read_refusal(response, id)
                .await
                .map_err(|error| Failure::Status { status, error: about(error) })?,
        };
        match read {
            Message::Result(result) => Ok((result, headers)),
            Message::Error { code, message, data } => {
                let is_before_the_call = false;
                Err(Failure::Stated { method, code, message, data, status, is_before_the_call })
            }
            Message::Question { .. } | Message::Other => {
                Err(about(mcp_error("the server did not answer")).into())
            }
        }
    }

    /// Sends a message that has no answer.
    pub(super) async fn notify(&mut self, message: &Value) -> Result<(), Failure> {
        let response = self.post(message, self.headers_of(None)).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let error = self.refused(response, &mut Vec::new()).await;
        Err(Failure::Status { status, error })
    }

    async fn post(&self, message: &Value, mut headers: HeaderMap) -> Result<Response, CallError> {
        headers.insert(header::ACCEPT, ACCEPTED);
        headers.insert(header::CONTENT_TYPE, JSON);
        let body = message.to_string();
        self.memory.add(body.len())?;
        let request = self.way.client()?.post(self.url.clone()).headers(headers).body(body);
        request.send().await.map_err(|error| describe(&error))
    }

    async fn read_answer(&mut self, response: Response, id: u64) -> Result<Message, CallError> {
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(invalid_answer("the server compressed its answer, unasked"));
        }
        let length = response.content_length().and_then(|length| length.try_into().ok());
        if length.is_some_and(|length: usize| length > self.left) {
            return Err(self.too_large());
        }
        match media_type(&response).as_str() {
            "application/json" => self.read_json(response, id).await,
            "text/event-stream" => self.read_events(response, id).await,
            _ if length == Some(0) => Ok(Message::Other),
            _ => Err(invalid_answer("the server answered neither JSON nor an event stream")),
        }
    }

    async fn read_json(&mut self, mut response: Response, id: u64) -> Result<Message, CallError> {
        let mut body = Vec::new();
        while let Some(part) = self.next_part(&mut response).await? {
            body.extend_from_slice(&part);
        }
        match Message::parse(&body, id)? {
            Message::Other => Err(mcp_error("the server answered another request")),
            message => Ok(message),
        }
    }

    /// Reads events until the answer is among them. The rest of the stream is left unread.
    async fn read_events(&mut self, mut response: Response, id: u64) -> Result<Message, CallError> {
        let mut framer = Framer::new(Framing::Events);
        while let Some(part) = self.next_part(&mut response).await? {
            for frame in framer.push(&part).map_err(of_fault)? {
                if let Some(answer) = self.take_event(&frame, id).await? {
                    return Ok(answer);
                }
            }
        }
        match framer.end().map_err(of_fault)? {
            End::Body(body) => Message::parse(&body, id),
            End::Frames(frames) => {
                for frame in frames {
                    if let Some(answer) = self.take_event(&frame, id).await? {
                        return Ok(answer);
                    }
                }
                Err(retryable("mcp_error", "the server's stream ended before its answer"))
            }
        }
    }

    /// Returns the answer, if the event is one.
    async fn take_event(&mut self, frame: &Frame, id: u64) -> Result<Option<Message>, CallError> {
        // An event without data names a place in the stream, from which we never go on.
        if !matches!(frame.name.as_str(), "" | "message") || frame.data.is_empty() {
            return Ok(None);
        }
        match Message::parse(frame.data.as_bytes(), id)? {
            Message::Question { id, method } => {
                self.questions += 1;
                if self.questions > MAX_QUESTIONS {
                    return Err(mcp_error("the server asks too much of its client"));
                }
                if self.has_sessions() {
                    self.post(&reply(&id, &method), self.headers_of(None)).await?;
                }
                Ok(None)
            }
            Message::Other => Ok(None),
            answer => Ok(Some(answer)),
        }
    }

    /// Reads an answer of failure. Its body may be an error of JSON-RPC, which says more than the
    /// status, unless that is about who asks or when.
    async fn read_refusal(&mut self, response: Response, id: u64) -> Result<Message, CallError> {
        let status = response.status();
        let mut start = Vec::new();
        let error = self.refused(response, &mut start).await;
        let is_about_message = status.is_client_error()
            && !matches!(status.as_u16(), 401 | 403 | 407 | 408 | 425 | 429);
        match Message::parse(&start, id) {
            Ok(stated @ Message::Error { .. }) if is_about_message => Ok(stated),
            _ => Err(error),
        }
    }

    async fn refused(&self, mut response: Response, start: &mut Vec<u8>) -> CallError {
        let (status, headers) = (response.status(), response.headers().clone());
        let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        let message = format!("the server answered {}", status.as_u16());
        let now = self.outbound.clock.now();
        let error = status_error("http_status", message, may_pass, (status, &headers), now);
        let counted = self.memory.add(2 * MAX_FAILURE_BYTES);
        let read = async {
            while start.len() < MAX_FAILURE_BYTES
                && let Ok(Some(part)) = response.chunk().await
            {
                let fitting = part.len().min(MAX_FAILURE_BYTES - start.len());
                start.extend_from_slice(&part[..fitting]);
            }
        };
        if let Err(overloaded) = counted {
            return overloaded;
        }
        let _ = timeout(&*self.outbound.clock, FAILURE_TIMEOUT, read).await;
        let text = String::from_utf8_lossy(start);
        let output = json!({ "status": status.as_u16(), "data": text });
        CallError { output: Some(Box::new(output)), ..error }
    }

    /// Returns the next bytes, counted: all answers of a call together obey the limit of one.
    async fn next_part(&mut self, response: &mut Response) -> Result<Option<Vec<u8>>, CallError> {
        let Some(part) = response.chunk().await.map_err(|error| describe(&error))? else {
            return Ok(None);
        };
        self.left = self.left.checked_sub(part.len()).ok_or_else(|| self.too_large())?;
        self.memory.add(COPIES_OF_ANSWER * part.len())?;
        Ok(Some(part.to_vec()))
    }

    fn too_large(&self) -> CallError {
        too_large("what the server sent", self.outbound.settings.max_answer_bytes)
    }
}

fn media_type(response: &Response) -> String {
    let value = response.headers().get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn of_fault(fault: Fault) -> CallError {
    match fault {
        Fault::Unreadable => invalid_answer("the server's stream cannot be read"),
        Fault::TooLarge(what) => too_large(what, MAX_FRAME_BYTES),
    }
}
