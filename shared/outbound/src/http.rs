//! The http node: sends one request, follows its redirects, and returns `{data, status, headers}`.

mod request;
mod body;
mod hop;
mod answer;
mod inflate;
mod media;
#[cfg(test)]
mod tests;

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, CallOutput, HttpCall};
use reqwest::Response;

use super::client::describe;
use super::mask::Masks;
use super::{Metered, Outbound, RunFiles, failed};
use hop::redirect_target;
use request::Request;

const MAX_REDIRECTS: usize = 10;

impl Outbound {
    /// `keys` are those that the author wrote into the document: they go where secrets go.
    pub(super) async fn perform_http(
        &self,
        call: &HttpCall,
        keys: &[String],
        user: &SecretUser,
        masks: &mut Masks,
        (memory, _files): (&Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        let cleared = self.clear(&call.url.0, call.fields(), user, masks).await?;
        let mut request = Request::new(self, call, keys, &cleared)?;
        let mut redirects = 0;
        loop {
            let ended = self.exchange(&request, call, masks, memory).await;
            let answer = ended.map_err(|error| after_redirects(redirects, error))?;
            let (response, location) = match answer {
                Exchange::Ended(output) => return Ok(output),
                Exchange::Redirected(response, location) => (response, location),
            };
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

    async fn exchange(
        &self,
        request: &Request<'_>,
        call: &HttpCall,
        masks: &Masks,
        memory: &Metered,
    ) -> Result<Exchange, CallError> {
        let sent = request.send().await;
        let response = sent.map_err(|error| about(&request.asked, error))?;
        if !call.returns_redirects
            && let Some(location) = redirect_target(response.status(), response.headers())
        {
            let location = location.map_err(|error| about(&request.asked, error))?;
            return Ok(Exchange::Redirected(response, location));
        }
        self.read_answer(call, response, &request.asked, (masks, memory)).await.map(Exchange::Ended)
    }
}

enum Exchange {
    Ended(CallOutput),
    Redirected(Response, String),
}

impl Request<'_> {
    async fn send(&self) -> Result<Response, CallError> {
        let client = self.way.client()?;
        let mut request =
            client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| describe(&error))
    }
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
