//! The http node: sends one request, follows its redirects, and returns `{data, status, headers}`.

mod request;
mod base;
mod body;
mod hop;
mod answer;
mod download;
mod file;
mod inflate;
mod media;
#[cfg(test)]
mod tests;

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{Body, CallError, CallOutput, HttpCall, ReadAs};
use http::header;
use reqwest::Response;
use serde_json::Value;

use super::client::describe;
use super::mask::Masks;
use super::secret::{Cleared, RefusedTokens};
use super::{Metered, Outbound, RunFiles, failed};
use body::Found;
pub(super) use download::Download;
use hop::redirect_target;
use request::Request;

const MAX_REDIRECTS: usize = 10;
/// Pieces of files on their way, in our buffers and those below.
const BYTES_OF_STREAM: usize = 4 << 20;

impl Outbound {
    /// `keys` are those that the author wrote into the document: they go where secrets go. A login
    /// that the server does not take any more is renewed, and the request sent once more: whoever
    /// refuses a login has done nothing.
    pub(super) async fn perform_http(
        &self,
        call: &HttpCall,
        keys: &[String],
        user: &SecretUser,
        masks: &mut Masks,
        of_run: (&Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        let rebased = self.rebased(call, user).await?;
        let call = rebased.as_ref().unwrap_or(call);
        let (url, hosts, none) = (&call.url.0, &call.hosts, RefusedTokens::new());
        let cleared = self.clear_for(url, call.fields(), hosts, &none, (user, masks)).await?;
        let mut redirects = 0;
        let first = self.perform_cleared(call, keys, &cleared, masks, of_run, &mut redirects).await;
        let tokens = cleared.tokens();
        // Whoever redirected the request may have acted on it.
        if redirects > 0 || tokens.is_empty() || !says_expired(call, &first) {
            return self.judged(call, first, masks);
        }
        let cleared = self.clear_for(url, call.fields(), hosts, &tokens, (user, masks)).await?;
        if cleared.tokens() == tokens {
            return self.judged(call, first, masks);
        }
        let second =
            self.perform_cleared(call, keys, &cleared, masks, of_run, &mut redirects).await;
        self.judged(call, second, masks)
    }

    async fn perform_cleared(
        &self,
        call: &HttpCall,
        keys: &[String],
        cleared: &Cleared<'_>,
        masks: &Masks,
        of_run: (&Metered, &RunFiles),
        redirects: &mut usize,
    ) -> Result<CallOutput, CallError> {
        let (memory, files) = of_run;
        let mut found = Found::new();
        for id in call.body.iter().flat_map(Body::files) {
            found.insert(id.clone(), files.find(id).await?);
        }
        if !found.is_empty() {
            memory.add(BYTES_OF_STREAM)?;
        }
        let mut request = Request::new(self, call, keys, cleared, (files, &found))?;
        let (response, followed) = self.answer_to(&mut request, call).await?;
        *redirects = followed;
        let read = self.read_ended(call, response, &request, masks, of_run).await;
        read.map_err(|error| after_redirects(followed, error))
    }

    /// Applies the rules of a connector: an answer may be a failure whatever its status says.
    fn judged(
        &self,
        call: &HttpCall,
        read: Result<CallOutput, CallError>,
        masks: &Masks,
    ) -> Result<CallOutput, CallError> {
        let now_ms = self.clock.now().millis();
        let judge = |answer: &Value, failed: Option<&CallError>| {
            let judged = call.judge(answer, failed, now_ms)?;
            // Rules cut messages off, and half a secret would not be recognized.
            let masked = masks.value(answer.clone());
            Some(call.judge(&masked, failed, now_ms).unwrap_or(judged))
        };
        match read {
            Ok(output) => match judge(&output.value, None) {
                Some(error) => Err(error),
                None => Ok(output),
            },
            Err(error) => {
                let answer = error.output.as_deref().filter(|_| error.code == "http_status");
                let judged = answer.and_then(|answer| judge(answer, Some(&error)));
                Err(judged.unwrap_or(error))
            }
        }
    }

    /// Sends the request, and follows its redirects. Returns their number, too.
    async fn answer_to(
        &self,
        request: &mut Request<'_>,
        call: &HttpCall,
    ) -> Result<(Response, usize), CallError> {
        let mut redirects = 0;
        loop {
            let ended = self.exchange(request, call).await;
            let (response, location) = ended.map_err(|error| after_redirects(redirects, error))?;
            let Some(location) = location else { return Ok((response, redirects)) };
            redirects += 1;
            if redirects > MAX_REDIRECTS {
                let message = format!("it was redirected more than {MAX_REDIRECTS} times");
                return Err(about(&request.asked, failed("too_many_redirects", message)));
            }
            request
                .follow(response.status(), &location)
                .map_err(|error| about(&request.asked, error))?;
        }
    }

    /// Sends one request. Returns where it is redirected, too.
    async fn exchange(
        &self,
        request: &Request<'_>,
        call: &HttpCall,
    ) -> Result<(Response, Option<String>), CallError> {
        let sent = request.send().await;
        let response = sent.map_err(|error| about(&request.asked, error))?;
        if !call.returns_redirects
            && let Some(location) = redirect_target(response.status(), response.headers())
        {
            let location = location.map_err(|error| about(&request.asked, error))?;
            return Ok((response, Some(location)));
        }
        Ok((response, None))
    }

    async fn read_ended(
        &self,
        call: &HttpCall,
        response: Response,
        request: &Request<'_>,
        masks: &Masks,
        of_run: (&Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        let asked = &request.asked;
        if call.read_as == Some(ReadAs::File) && call.accepts(response.status().as_u16()) {
            let of_call = (masks, of_run.0, of_run.1);
            let read = self.read_file(response, request.url.path(), of_call).await;
            return read.map_err(|error| about(asked, error));
        }
        self.read_answer(call, response, asked, (masks, of_run.0)).await
    }
}

impl Request<'_> {
    async fn send(&self) -> Result<Response, CallError> {
        let client = self.way.client()?;
        let mut request =
            client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = &self.body {
            if let Some(length) = body::streamed_length(body) {
                request = request.header(header::CONTENT_LENGTH, length);
            }
            request = request.body(body::sent(body, self.files));
        }
        request.send().await.map_err(|error| describe(&error))
    }
}

/// Whether the server took the login for one that has ended.
fn says_expired(call: &HttpCall, read: &Result<CallOutput, CallError>) -> bool {
    let answer = match read {
        Ok(output) => &output.value,
        Err(CallError { output: Some(answer), .. }) => answer,
        Err(_) => return false,
    };
    let is_unauthorized = answer.get("status").and_then(Value::as_u64) == Some(401);
    let is_said = call.expired.as_ref().is_some_and(|expired| expired.is_said_by(answer));
    (is_unauthorized && read.is_err()) || is_said
}

/// The server that redirected the request may have acted on it.
fn after_redirects(redirects: usize, error: CallError) -> CallError {
    CallError { nothing_happened: error.nothing_happened && redirects == 0, ..error }
}

fn about(asked: &str, error: CallError) -> CallError {
    CallError { message: format!("{asked}: {}", error.message), ..error }
}

/// An answer that is not what it says.
fn invalid_answer(message: impl Into<String>) -> CallError {
    failed("invalid_answer", message)
}
