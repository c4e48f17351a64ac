//! An answer as bytes, to be read as a document.

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::HttpCall;
use http::header;
use reqwest::Response;

use super::super::mask::Masks;
use super::super::{Metered, Outbound, RunFiles};
use super::answer::read_whole;
use super::body::Found;
use super::request::Request;
use super::{CallError, about, after_redirects};

/// What is read of it must be a value; it need not.
const MAX_DOWNLOAD_BYTES: usize = 16 * 1024 * 1024;

/// An answer as it came, decompressed.
pub(in super::super) struct Download {
    pub(in super::super) bytes: Vec<u8>,
    pub(in super::super) content_type: Option<String>,
    /// Where the last redirect led.
    pub(in super::super) url: String,
    pub(in super::super) status: u16,
}

impl Outbound {
    pub(in super::super) async fn download(
        &self,
        call: &HttpCall,
        keys: &[String],
        user: &SecretUser,
        masks: &mut Masks,
        (memory, files): (&Metered, &RunFiles),
    ) -> Result<Download, CallError> {
        let cleared = self.clear(&call.url.0, call.fields(), user, masks).await?;
        // Such a request has no body, and so no files in it.
        let found = Found::new();
        let mut request = Request::new(self, call, keys, &cleared, (files, &found))?;
        let (response, redirects) = self.answer_to(&mut request, call).await?;
        let (status, url) = (response.status().as_u16(), request.url.to_string());
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let read = self.read_bytes(call, response, &request.asked, (masks, memory)).await;
        let bytes = read.map_err(|error| after_redirects(redirects, error))?;
        Ok(Download { bytes, content_type, url, status })
    }

    async fn read_bytes(
        &self,
        call: &HttpCall,
        response: Response,
        asked: &str,
        (masks, memory): (&Masks, &Metered),
    ) -> Result<Vec<u8>, CallError> {
        if !call.accepts(response.status().as_u16()) {
            return Err(self.refused(call, response, asked, (masks, memory)).await);
        }
        let read = read_whole(response, MAX_DOWNLOAD_BYTES, memory).await;
        read.map_err(|error| about(asked, error))
    }
}
