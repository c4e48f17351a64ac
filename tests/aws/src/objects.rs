//! S3, as far as files need it: objects and uploads in parts, behind signatures that are checked
//! here by themselves, in headers and in links.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::permissions::Need;

/// Smaller parts than this are refused, but for the last.
const MIN_PART: usize = 5 << 20;

#[derive(Default)]
pub(crate) struct Objects {
    stored: Mutex<Stored>,
}

#[derive(Default)]
struct Stored {
    /// By bucket and key: `bucket/files/file_…`.
    objects: HashMap<String, Bytes>,
    uploads: HashMap<String, Upload>,
}

struct Upload {
    path: String,
    parts: BTreeMap<usize, Bytes>,
}

/// A request to S3.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// Returns whether the request is signed for S3.
pub(crate) fn is_for_s3(uri: &Uri, headers: &HeaderMap) -> bool {
    text(headers, "authorization").contains("/s3/aws4_request")
        || uri.query().is_some_and(|query| query.contains("X-Amz-Algorithm="))
}

impl Asked<'_> {
    fn query(&self) -> Vec<(String, String)> {
        let pairs = self.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect()
    }

    fn find(&self, name: &str) -> Option<String> {
        self.query().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// `bucket/key`.
    pub(crate) fn path(&self) -> String {
        self.uri.path().trim_start_matches('/').to_owned()
    }

    pub(crate) fn action(&self) -> &'static str {
        match (self.method.as_str(), self.find("uploadId").is_some()) {
            ("GET" | "HEAD", _) => "GetObject",
            ("DELETE", true) => "AbortMultipartUpload",
            ("DELETE", false) => "DeleteObject",
            _ => "PutObject",
        }
    }

    pub(crate) fn need(&self) -> Need {
        let resource = format!("arn:aws:s3:::{}", self.path());
        Need { action: format!("s3:{}", self.action()), resource }
    }

    fn credential(&self) -> Option<Vec<String>> {
        let credential = match self.find("X-Amz-Credential") {
            Some(credential) => credential,
            None => {
                let header = text(self.headers, "authorization");
                header.split_once("Credential=")?.1.split(',').next()?.to_owned()
            }
        };
        Some(credential.split('/').map(str::to_owned).collect())
    }

    /// The access key id: in the double it is the function's folder.
    pub(crate) fn caller(&self) -> String {
        self.credential().and_then(|parts| parts.first().cloned()).unwrap_or_default()
    }

    /// Checks the signature as AWS does: computes it again from what came.
    fn check_signature(&self) -> Result<(), &'static str> {
        let query = self.query();
        let in_query = |name: &str| {
            query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let header = text(self.headers, "authorization");
        let in_header = |name: &str| {
            let value = header.split_once(&format!("{name}="))?.1;
            Some(value.split(',').next()?.trim().to_owned())
        };
        let is_link = in_query("X-Amz-Signature").is_some();
        let (signed, given, time, payload) = if is_link {
            let payload = "UNSIGNED-PAYLOAD".to_owned();
            (in_query("X-Amz-SignedHeaders"), in_query("X-Amz-Signature"), in_query("X-Amz-Date"), payload)
        } else {
            let payload = text(self.headers, "x-amz-content-sha256").to_owned();
            if payload != hex(&Sha256::digest(self.body)) {
                return Err("XAmzContentSHA256Mismatch");
            }
            let time = Some(text(self.headers, "x-amz-date").to_owned());
            (in_header("SignedHeaders"), in_header("Signature"), time, payload)
        };
        let (Some(signed), Some(given), Some(time)) = (signed, given, time) else {
            return Err("AccessDenied");
        };
        let names: Vec<&str> = signed.split(';').collect();
        let must = ["host", "x-amz-checksum-sha256", "x-amz-tagging"];
        if must.iter().any(|name| self.headers.contains_key(*name) && !names.contains(name)) {
            return Err("AccessDenied");
        }
        let lines: String = names
            .iter()
            .map(|name| format!("{name}:{}\n", text(self.headers, name).trim()))
            .collect();
        let mut pairs: Vec<&str> = self.uri.query().unwrap_or_default().split('&').collect();
        pairs.retain(|pair| !pair.is_empty() && !pair.starts_with("X-Amz-Signature="));
        pairs.sort_unstable();
        let request = format!(
            "{}\n{}\n{}\n{lines}\n{signed}\n{payload}",
            self.method,
            self.uri.path(),
            pairs.join("&")
        );
        let scope = self.credential().filter(|parts| parts.len() == 5).ok_or("AccessDenied")?;
        let text_to_sign = format!(
            "AWS4-HMAC-SHA256\n{time}\n{}\n{}",
            scope[1..].join("/"),
            hex(&Sha256::digest(request))
        );
        let secret = if scope[0] == "fresh" { "fresh" } else { "double" };
        let key = scope[1..].iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            hmac(&key, part.as_bytes())
        });
        if hex(&hmac(&key, text_to_sign.as_bytes())) != given {
            return Err("SignatureDoesNotMatch");
        }
        Ok(())
    }

    /// What a client says of the bytes must be true.
    fn check_bytes(&self) -> Result<(), &'static str> {
        let length = text(self.headers, "content-length");
        if !length.is_empty() && length != self.body.len().to_string() {
            return Err("IncompleteBody");
        }
        let checksum = text(self.headers, "x-amz-checksum-sha256");
        if !checksum.is_empty() && checksum != STANDARD.encode(Sha256::digest(self.body)) {
            return Err("BadDigest");
        }
        Ok(())
    }
}

impl Objects {
    pub(crate) fn answer(&self, asked: &Asked<'_>) -> Answer {
        if let Err(code) = asked.check_signature() {
            return failed(StatusCode::FORBIDDEN, code);
        }
        if let Err(code) = asked.check_bytes() {
            return failed(StatusCode::BAD_REQUEST, code);
        }
        let (path, upload) = (asked.path(), asked.find("uploadId"));
        let mut stored = self.stored();
        match (asked.method.as_str(), upload) {
            ("GET" | "HEAD", _) => stored.read(asked, &path),
            ("POST", None) if asked.find("uploads").is_some() => stored.begin(path),
            ("PUT", Some(upload)) => stored.put_part(asked, &upload, &path),
            ("POST", Some(upload)) => stored.complete(asked, &upload, &path),
            ("DELETE", Some(upload)) => {
                stored.uploads.remove(&upload);
                bare(StatusCode::NO_CONTENT)
            }
            ("PUT", None) => {
                stored.objects.insert(path, asked.body.clone());
                with_tag(bare(StatusCode::OK), asked.body)
            }
            ("DELETE", None) => {
                stored.objects.remove(&path);
                bare(StatusCode::NO_CONTENT)
            }
            _ => failed(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        }
    }


    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn read(&self, asked: &Asked<'_>, path: &str) -> Answer {
        // Nobody may list, so what does not exist is forbidden.
        let Some(object) = self.objects.get(path) else {
            return match asked.method.as_str() {
                "HEAD" => bare(StatusCode::FORBIDDEN),
                _ => failed(StatusCode::NOT_FOUND, "NoSuchKey"),
            };
        };
        let range = text(asked.headers, "range").strip_prefix("bytes=").and_then(|range| {
            let (from, to) = range.split_once('-')?;
            Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
        });
        let (status, body) = match range {
            None => (StatusCode::OK, object.clone()),
            Some((from, _)) if from >= object.len() => {
                return failed(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
            }
            Some((from, to)) => {
                (StatusCode::PARTIAL_CONTENT, object.slice(from..object.len().min(to + 1)))
            }
        };
        let length = body.len();
        let mut answer = Response::new(if asked.method == Method::HEAD { Bytes::new() } else { body });
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert("content-length", HeaderValue::from(length));
        for (parameter, header) in [
            ("response-content-disposition", "content-disposition"),
            ("response-content-type", "content-type"),
        ] {
            if let Some(Ok(value)) = asked.find(parameter).map(HeaderValue::try_from) {
                headers.insert(header, value);
            }
        }
        answer
    }

    fn begin(&mut self, path: String) -> Answer {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let body = format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>");
        self.uploads.insert(id, Upload { path, parts: BTreeMap::new() });
        Response::new(body.into())
    }

    fn put_part(&mut self, asked: &Asked<'_>, upload: &str, path: &str) -> Answer {
        let number = asked.find("partNumber").and_then(|number| number.parse().ok());
        match (self.uploads.get_mut(upload).filter(|upload| upload.path == path), number) {
            (Some(upload), Some(number)) => {
                upload.parts.insert(number, asked.body.clone());
                with_tag(bare(StatusCode::OK), asked.body)
            }
            _ => failed(StatusCode::NOT_FOUND, "NoSuchUpload"),
        }
    }

    fn complete(&mut self, asked: &Asked<'_>, upload: &str, path: &str) -> Answer {
        let Some(found) = self.uploads.remove(upload).filter(|upload| upload.path == path) else {
            return failed(StatusCode::NOT_FOUND, "NoSuchUpload");
        };
        let list = String::from_utf8_lossy(asked.body).into_owned();
        let expected = found.parts.iter().map(|(number, part)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", tag(part))
        });
        if list.matches("<Part>").count() != found.parts.len()
            || !expected.collect::<Vec<_>>().iter().all(|part| list.contains(part))
        {
            return failed(StatusCode::BAD_REQUEST, "InvalidPart");
        }
        let parts: Vec<&Bytes> = found.parts.values().collect();
        if parts.iter().rev().skip(1).any(|part| part.len() < MIN_PART) {
            return failed(StatusCode::BAD_REQUEST, "EntityTooSmall");
        }
        let whole: Vec<u8> = parts.into_iter().flatten().copied().collect();
        self.objects.insert(found.path, whole.into());
        Response::new("<CompleteMultipartUploadResult/>".into())
    }
}

fn tag(bytes: &Bytes) -> String {
    format!("\"{}\"", &hex(&Sha256::digest(bytes))[..32])
}

fn with_tag(mut answer: Answer, bytes: &Bytes) -> Answer {
    if let Ok(tag) = HeaderValue::try_from(tag(bytes)) {
        answer.headers_mut().insert("etag", tag);
    }
    answer
}

fn bare(status: StatusCode) -> Answer {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}

pub(crate) fn failed(status: StatusCode, code: &str) -> Answer {
    let mut answer = Response::new(format!("<Error><Code>{code}</Code></Error>").into());
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/xml"));
    answer
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
