//! The http node: sends one request, follows its redirects, and returns `{data, status, headers}`.

mod request;
mod body;
mod hop;
mod answer;
mod download;
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
pub(super) use download::Download;
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
        let (response, redirects) = self.answer_to(&mut request, call).await?;
        let read = self.read_answer(call, response, &request.asked, (masks, memory)).await;
        read.map_err(|error| after_redirects(redirects, error))
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
