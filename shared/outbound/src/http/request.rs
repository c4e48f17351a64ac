//! A request on its way: its secrets are filled in, and its host is cleared.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_engine::call::{HttpCall, IdempotencyKey, Piece, Rendered, RenderedUrl};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use super::super::header::{add_header, own_headers};
use super::super::secret::{Cleared, has_secret};
use super::super::way::Way;
use super::super::{Outbound, RunFiles, failed};
use super::body::{self, Bytes, Encoded, Found};
use super::{CallError, about};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, deflate");

pub(super) struct Request<'a> {
    pub(super) outbound: &'a Outbound,
    pub(super) cleared: &'a Cleared<'a>,
    pub(super) way: &'a Way,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<Bytes>>,
    pub(super) files: &'a RunFiles,
    /// The fields of the body that hold secrets.
    pub(super) secret_body: Vec<&'a Rendered>,
    /// The body holds a key that the author wrote into the document.
    pub(super) has_key_in_body: bool,
    pub(super) private: Vec<Private>,
    /// The only hosts that it may go to; none: any.
    pub(super) hosts: &'a [String],
    /// Names the request in messages.
    pub(super) asked: String,
}

/// A header that does not follow to another origin.
pub(super) struct Private {
    pub(super) name: HeaderName,
    /// Its secrets were checked for the host of a link.
    pub(super) has_secret: bool,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        outbound: &'a Outbound,
        call: &'a HttpCall,
        keys: &'a [String],
        cleared: &'a Cleared<'a>,
        (files, found): (&'a RunFiles, &Found),
    ) -> Result<Self, CallError> {
        let method = parse_method(&call.method)?;
        let mut request = Self {
            outbound,
            cleared,
            way: cleared.way,
            url: cleared.url.clone(),
            headers: own_headers(),
            body: None,
            files,
            secret_body: Vec::new(),
            has_key_in_body: false,
            private: Vec::new(),
            hosts: &call.hosts,
            asked: String::new(),
            method,
        };
        request.add_headers(call, keys)?;
        if let Some(body) = &call.body {
            request.add_body(body::encode(body, cleared, found)?, keys);
            let fields = body.fields().into_iter();
            request.secret_body = fields.filter(|field| has_secret(field)).collect();
        }
        request.asked = format!("{} {}", request.method, shown_url(&call.url, &request.url));
        if !call.links.is_empty() {
            let asked = request.asked.clone();
            request.go_to_link(&call.links).map_err(|error| about(&asked, error))?;
            request.asked = format!("{} {}", request.method, shown_url(&call.url, &request.url));
        }
        request.add_query(call, keys)?;
        Ok(request)
    }

    fn add_headers(&mut self, call: &HttpCall, keys: &[String]) -> Result<(), CallError> {
        for (name, field) in call.headers.iter().filter(|(_, field)| !field.is_null()) {
            let value = self.cleared.fill_text(field)?;
            add_header(&mut self.headers, name, &value)?;
            let has_secret = has_secret(field);
            if (has_secret || holds_key(value.as_bytes(), keys) || is_credential(name))
                && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
            {
                self.private.push(Private { name, has_secret });
            }
        }
        if let Some(basic) = &call.basic {
            let login = STANDARD.encode(self.cleared.fill_text(basic)?);
            add_header(&mut self.headers, "authorization", &format!("Basic {login}"))?;
            self.private.push(Private { name: header::AUTHORIZATION, has_secret: true });
        }
        let key = match &call.idempotency_key {
            Some(IdempotencyKey::Auto) => Some(&call.call_key),
            Some(IdempotencyKey::Text(key)) => Some(key),
            None => None,
        };
        if let Some(key) = key.filter(|_| !self.headers.contains_key(IDEMPOTENCY_KEY)) {
            add_header(&mut self.headers, IDEMPOTENCY_KEY.as_str(), key)?;
        }
        self.headers.entry(header::ACCEPT_ENCODING).or_insert(ENCODINGS);
        Ok(())
    }

    fn add_body(&mut self, encoded: Encoded, keys: &[String]) {
        let holds = |key: &String| encoded.bytes.iter().any(|bytes| bytes.holds(key.as_bytes()));
        self.has_key_in_body = keys.iter().any(holds);
        self.body = Some(encoded.bytes);
        let Some(content_type) = encoded.content_type else { return };
        if encoded.is_fixed_type {
            self.headers.insert(header::CONTENT_TYPE, content_type);
        } else {
            self.headers.entry(header::CONTENT_TYPE).or_insert(content_type);
        }
    }

    /// A link is complete: of the author's query it gets only what it cannot repeat, secrets and
    /// keys, and only at the author's own origin.
    fn add_query(&mut self, call: &HttpCall, keys: &[String]) -> Result<(), CallError> {
        let is_link = !call.links.is_empty();
        let is_elsewhere = self.url.origin() != self.cleared.url.origin();
        for (name, field) in call.query.iter().filter(|(_, field)| !field.is_null()) {
            let value = self.cleared.fill_text(field)?;
            if is_link {
                if is_elsewhere || !(has_secret(field) || holds_key(value.as_bytes(), keys)) {
                    continue;
                }
                remove_parameter(&mut self.url, name);
            }
            self.url.query_pairs_mut().append_pair(name, &value);
        }
        Ok(())
    }
}

fn is_credential(name: &str) -> bool {
    [header::AUTHORIZATION, header::COOKIE]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_str()))
}

fn holds_key(bytes: &[u8], keys: &[String]) -> bool {
    keys.iter().any(|key| memchr::memmem::find(bytes, key.as_bytes()).is_some())
}

fn remove_parameter(url: &mut Url, name: &str) {
    let others = url.query_pairs().filter(|(known, _)| known != name);
    let others: Vec<_> =
        others.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    url.set_query(None);
    if !others.is_empty() {
        url.query_pairs_mut().extend_pairs(others);
    }
}

fn parse_method(method: &str) -> Result<Method, CallError> {
    match method.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        "OPTIONS" => Ok(Method::OPTIONS),
        _ => Err(failed(
            "invalid_method",
            "the method must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
        )),
    }
}

/// Leaves the query out of messages: it carries keys and personal data. A URL with secrets is shown
/// as the author wrote it: URLs encode secrets in ways that the masks would have to guess.
fn shown_url(written: &RenderedUrl, url: &Url) -> String {
    if !written.0.iter().any(|piece| matches!(piece, Piece::Secret(_))) {
        return url[..url::Position::AfterPath].to_owned();
    }
    let written = flowgate_core::delivery::shown(&written.0);
    written.split(['?', '#']).next().unwrap_or_default().to_owned()
}
