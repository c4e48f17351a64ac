//! The native API over HTTP: requests with the key, answers as JSON, refusals as [`Failure`]s.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;

use crate::arguments::Global;
use crate::failure::{Failure, Refusal};

const CONNECT: Duration = Duration::from_secs(10);
/// An open stream sends something every 15 s.
const SILENCE: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let Some(key) = global.key.as_deref().map(str::trim).filter(|key| !key.is_empty()) else {
            return Err(Failure::Usage(
                "no API key: set FLOWGATE_KEY (in .env too) or give --key".to_owned(),
            ));
        };
        let mut authorization = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| {
            Failure::Usage("the key contains characters that no key has".to_owned())
        })?;
        authorization.set_sensitive(true);
        Self::sending(global, HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
    }

    /// For routes that need no key.
    pub(crate) fn without_key(global: &Global) -> Result<Self, Failure> {
        Self::sending(global, HeaderMap::new())
    }

    fn sending(global: &Global, headers: HeaderMap) -> Result<Self, Failure> {
        let base = Url::parse(&global.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            Failure::Usage(format!("`{}` is not an http or https address", global.url))
        })?;
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("flowgate-cli/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if is_here(&base) {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| Failure::Usage(format!("could not create an HTTP client: {error}")))?;
        Ok(Self { http, base })
    }

    /// `path` holds raw segments; they are escaped here.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> RequestBuilder {
        self.http.request(method, self.url(path, query))
    }

    pub(crate) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.iter().map(|segment| undotted(segment)));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value> {
        self.json(self.request(Method::GET, path, query)).await
    }

    /// Reads a whole list, page by page.
    pub(crate) async fn all_items(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = query.to_vec();
            query.extend(cursor.iter().map(|cursor| ("cursor", cursor.as_str())));
            let mut page = self.get(path, &query).await?;
            if let Some(more) = page.get_mut("items").and_then(Value::as_array_mut) {
                items.append(more);
            }
            match page["next_cursor"].as_str() {
                Some(next) if cursor.as_deref() != Some(next) => cursor = Some(next.to_owned()),
                _ => return Ok(items),
            }
        }
    }

    /// Returns the answer's body, or null if it is empty.
    pub(crate) async fn json(&self, request: RequestBuilder) -> Result<Value> {
        let response = self.send(request).await?;
        self.read_json(response).await
    }

    pub(crate) async fn read_json(&self, response: Response) -> Result<Value> {
        let body = self.body(response).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).with_context(|| {
            format!("the answer from {} is not JSON: is it a Flowgate server?", self.base)
        })
    }

    /// Returns the answer before its body has arrived. A refusal is an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem = serde_json::from_slice(&self.body(response).await?).unwrap_or(Value::Null);
        Err(Failure::Refused(Refusal { status: status.as_u16(), problem }).into())
    }

    /// Says why no answer came, or only part of it.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Failure::Unreachable {
            url: self.base.as_str().trim_end_matches('/').to_owned(),
            cause: cause.to_string(),
        }
    }

    pub(crate) async fn body(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + part.len() > MAX_ANSWER_BYTES {
                anyhow::bail!("the answer is larger than {MAX_ANSWER_BYTES} bytes");
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

/// `.` and `..` would be left out of the path, which then names something else. Escaped, they are
/// the id of nothing.
fn undotted(segment: &str) -> &str {
    match segment {
        "." => "%2E",
        ".." => "%2E%2E",
        other => other,
    }
}

/// The environment's proxy cannot reach this machine's own addresses.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    fn client(url: &str) -> Result<Client, Failure> {
        Client::new(&Global {
            url: url.to_owned(),
            key: Some("k".to_owned()),
            output: Format::Text,
            json: false,
        })
    }

    #[test]
    fn paths_keep_the_stage_and_escape_what_people_give() {
        let url = |base: &str| {
            client(base)
                .unwrap()
                .url(&["v1", "runs", "a/../b?c#d"], &[("limit", "5 & 6")])
                .to_string()
        };
        assert_eq!(
            url("https://x.example/prod/"),
            "https://x.example/prod/v1/runs/a%2F..%2Fb%3Fc%23d?limit=5+%26+6"
        );
        assert_eq!(
            url("http://127.0.0.1:8080"),
            "http://127.0.0.1:8080/v1/runs/a%2F..%2Fb%3Fc%23d?limit=5+%26+6"
        );
    }

    #[test]
    fn an_id_of_dots_shortens_no_path() {
        for (id, escaped) in [(".", "%252E"), ("..", "%252E%252E")] {
            let url =
                client("http://x.example").unwrap().url(&["v1", "workflows", id, "active"], &[]);
            assert_eq!(url.path(), format!("/v1/workflows/{escaped}/active"));
        }
    }

    #[test]
    fn what_cannot_be_called_is_a_usage_error() {
        for url in ["", "127.0.0.1:8080", "ftp://x.example", "http://"] {
            assert!(matches!(client(url), Err(Failure::Usage(_))), "{url}");
        }
        let without_key = Client::new(&Global {
            url: "http://x.example".to_owned(),
            key: Some(" ".to_owned()),
            output: Format::Text,
            json: false,
        });
        assert!(matches!(without_key, Err(Failure::Usage(_))));
    }

    #[test]
    fn one_s_own_machine_needs_no_proxy() {
        for (url, here) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8080", true),
            ("http://10.0.0.1", false),
            ("https://localhost.example", false),
        ] {
            assert_eq!(is_here(&Url::parse(url).unwrap()), here, "{url}");
        }
    }
}
