//! The bucket that holds the bytes of files: a handful of requests over the client that the other
//! services use, so that no function links another one.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use flowgate_core::clock::Clock;
use flowgate_core::file::{FileId, FileLink};
use flowgate_core::hash::sha256_hex;

use crate::clients::connector;
use crate::config::Config;
use crate::retry::Tries;
use crate::signature::{Signed, Signer, UNSIGNED, encode};

/// How long a link is good.
const LINK_LIFE: Duration = Duration::from_secs(15 * 60);
/// A part takes this long on a slow day.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Bucket {
    config: Config,
    clock: Arc<dyn Clock>,
    connector: Connector,
}

/// A request. The query is in the order of its names.
#[derive(Default)]
struct Asked<'a> {
    method: &'a str,
    query: String,
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl Bucket {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build();
        Self { config: config.clone(), clock, connector: connector(settings) }
    }

    pub(crate) async fn put(&self, file: &FileId, bytes: &[u8], tries: Tries) -> Result<()> {
        let asked = Asked { method: "PUT", body: bytes, ..Asked::default() };
        accepted("PutObject", self.send(file, &asked, tries).await?).await.map(|_| ())
    }

    /// Returns `None` for an object that does not exist.
    pub(crate) async fn get(
        &self,
        file: &FileId,
        range: Range<u64>,
        tries: Tries,
    ) -> Result<Option<Vec<u8>>> {
        if range.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        let headers = vec![("range".to_owned(), bytes)];
        let asked = Asked { method: "GET", headers, ..Asked::default() };
        let answer = self.send(file, &asked, tries).await?;
        match answer.status().as_u16() {
            404 => Ok(None),
            // The range begins after the end.
            416 => Ok(Some(Vec::new())),
            _ => accepted("GetObject", answer).await.map(Some),
        }
    }

    /// Returns the size of an object, if it exists.
    pub(crate) async fn size(&self, file: &FileId, tries: Tries) -> Result<Option<u64>> {
        let asked = Asked { method: "HEAD", ..Asked::default() };
        let answer = self.send(file, &asked, tries).await?;
        // Without the right to list, an object that does not exist is forbidden.
        if matches!(answer.status().as_u16(), 403 | 404) {
            return Ok(None);
        }
        let size = answer.headers().get("content-length").and_then(|size| size.parse().ok());
        accepted("HeadObject", answer).await?;
        Ok(Some(size.context("an object has no size")?))
    }

    pub(crate) async fn delete(&self, file: &FileId, tries: Tries) -> Result<()> {
        let asked = Asked { method: "DELETE", ..Asked::default() };
        let answer = self.send(file, &asked, tries).await?;
        if answer.status().as_u16() == 404 {
            return Ok(());
        }
        accepted("DeleteObject", answer).await.map(|_| ())
    }

    /// Returns the id of an upload in parts.
    pub(crate) async fn begin_parts(&self, file: &FileId, tries: Tries) -> Result<String> {
        let asked = Asked { method: "POST", query: "uploads=".to_owned(), ..Asked::default() };
        let answer = self.send(file, &asked, tries).await?;
        let body = accepted("CreateMultipartUpload", answer).await?;
        let body = String::from_utf8(body)?;
        let id = body.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"));
        Ok(id.context("an upload in parts has no id")?.0.to_owned())
    }

    /// Returns the part's tag.
    pub(crate) async fn put_part(
        &self,
        file: &FileId,
        upload: &str,
        (number, bytes): (usize, &[u8]),
        tries: Tries,
    ) -> Result<String> {
        let query = format!("partNumber={number}&uploadId={}", encode(upload));
        let asked = Asked { method: "PUT", query, body: bytes, ..Asked::default() };
        let answer = self.send(file, &asked, tries).await?;
        let tag = answer.headers().get("etag").map(str::to_owned);
        accepted("UploadPart", answer).await?;
        tag.context("a part has no tag")
    }

    pub(crate) async fn end_parts(
        &self,
        file: &FileId,
        upload: &str,
        tags: &[String],
        tries: Tries,
    ) -> Result<()> {
        let mut list = "<CompleteMultipartUpload>".to_owned();
        for (index, tag) in tags.iter().enumerate() {
            let tag = tag.replace('&', "&amp;").replace('<', "&lt;");
            let number = index + 1;
            write!(list, "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")?;
        }
        list.push_str("</CompleteMultipartUpload>");
        let query = format!("uploadId={}", encode(upload));
        let asked = Asked { method: "POST", query, body: list.as_bytes(), ..Asked::default() };
        let answer = self.send(file, &asked, tries).await?;
        let body = accepted("CompleteMultipartUpload", answer).await?;
        // S3 may fail after it has answered 200.
        if String::from_utf8_lossy(&body).contains("<Error>") {
            bail!("CompleteMultipartUpload failed");
        }
        Ok(())
    }

    pub(crate) async fn abort_parts(
        &self,
        file: &FileId,
        upload: &str,
        tries: Tries,
    ) -> Result<()> {
        let query = format!("uploadId={}", encode(upload));
        let asked = Asked { method: "DELETE", query, ..Asked::default() };
        let answer = self.send(file, &asked, tries).await?;
        accepted("AbortMultipartUpload", answer).await.map(|_| ())
    }

    /// A link that takes exactly the bytes of this size and hash.
    pub(crate) fn upload_link(&self, file: &FileId, size: u64, sha256: &[u8]) -> FileLink {
        use base64::Engine as _;
        let checksum = base64::engine::general_purpose::STANDARD.encode(sha256);
        let headers = vec![
            ("content-length".to_owned(), size.to_string()),
            ("x-amz-checksum-sha256".to_owned(), checksum),
        ];
        self.link("PUT", file, headers, "")
    }

    /// A link to the bytes, which a browser saves under this name.
    pub(crate) fn download_link(&self, file: &FileId, disposition: &str) -> FileLink {
        let query = format!(
            "response-content-disposition={}&response-content-type=application%2Foctet-stream",
            encode(disposition)
        );
        self.link("GET", file, Vec::new(), &query)
    }

    fn link(
        &self,
        method: &str,
        file: &FileId,
        headers: Vec<(String, String)>,
        query: &str,
    ) -> FileLink {
        let (origin, host, path) = self.place(file);
        let signer = self.signer();
        let signed = Signed { method, path: &path, query, headers: &headers, payload: UNSIGNED };
        let query = signer.query(&signed, &host, LINK_LIFE.as_secs());
        let url = format!("{origin}{path}?{query}");
        FileLink { url, headers, expires_at: signer.now + LINK_LIFE }
    }

    async fn send(
        &self,
        file: &FileId,
        asked: &Asked<'_>,
        mut tries: Tries,
    ) -> Result<HttpResponse> {
        loop {
            let failure = match self.connector.call(self.request(file, asked)?).await {
                Ok(answer) if !is_transient(answer.status().as_u16()) => return Ok(answer),
                Ok(answer) => anyhow::anyhow!("S3 answered {}", answer.status().as_u16()),
                Err(error) => anyhow::Error::new(error).context("S3 did not answer"),
            };
            tries.pause(failure).await?;
        }
    }

    fn request(&self, file: &FileId, asked: &Asked<'_>) -> Result<HttpRequest> {
        let (origin, host, path) = self.place(file);
        let signed = Signed {
            method: asked.method,
            path: &path,
            query: &asked.query,
            headers: &asked.headers,
            payload: &sha256_hex(asked.body),
        };
        let mut request = HttpRequest::new(SdkBody::from(asked.body.to_vec()));
        request.set_method(asked.method)?;
        let mark = if asked.query.is_empty() { "" } else { "?" };
        request.set_uri(format!("{origin}{path}{mark}{}", asked.query))?;
        for (name, value) in self.signer().headers(&signed, &host) {
            request.headers_mut().try_insert(name, value)?;
        }
        if matches!(asked.method, "PUT" | "POST") {
            let size = asked.body.len().to_string();
            request.headers_mut().try_insert("content-length", size)?;
        }
        Ok(request)
    }

    fn signer(&self) -> Signer<'_> {
        let Config { credentials, region, .. } = &self.config;
        Signer { credentials, region, now: self.clock.now() }
    }

    /// Returns origin, host and path of an object.
    fn place(&self, file: &FileId) -> (String, String, String) {
        let bucket = &self.config.bucket;
        if let Some(endpoint) = &self.config.endpoints.s3 {
            let origin = endpoint.trim_end_matches('/').to_owned();
            let host = origin.split_once("://").map_or(&*origin, |(_, host)| host).to_owned();
            return (origin, host, format!("/{bucket}/files/{file}"));
        }
        let region = &self.config.region;
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let host = format!("{bucket}.s3.{region}.amazonaws.com{suffix}");
        (format!("https://{host}"), host, format!("/files/{file}"))
    }
}

fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 500 | 502..=504)
}

/// Returns the body of a request that succeeded.
async fn accepted(name: &str, answer: HttpResponse) -> Result<Vec<u8>> {
    let status = answer.status();
    let body = ByteStream::new(answer.into_body()).collect().await;
    let body = body.with_context(|| format!("the answer to {name} broke off"))?.to_vec();
    if !status.is_success() {
        let code = String::from_utf8_lossy(&body);
        let code = code.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        bail!("{name} was answered with {} {}", status.as_u16(), code.map_or("", |(code, _)| code));
    }
    Ok(body)
}
