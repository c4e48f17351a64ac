//! Where a request goes next: redirects, and links that earlier answers gave. Each hop obeys the
//! address rule, and no secret follows to a host that it may not go to.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::super::assembled::GivenBy;
use super::super::failed;
use super::super::secret::check_among;
use super::CallError;
use super::request::Request;

/// Returns where a redirect leads. Other answers, and redirects that name no place, lead nowhere.
pub(super) fn redirect_target(
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<Result<String, CallError>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = std::str::from_utf8(headers.get(header::LOCATION)?.as_bytes());
    let unreadable = |_| failed("invalid_url", "it was redirected to what is not text");
    Some(location.map(str::to_owned).map_err(unreadable))
}

impl Request<'_> {
    pub(super) fn follow(&mut self, status: StatusCode, location: &str) -> Result<(), CallError> {
        if becomes_get(status, &self.method) {
            self.method = Method::GET;
            self.drop_body();
        }
        let url = joined(&self.url, location)?;
        let asked = format!("{}, redirected to {}", self.asked_first(), shown_host(&url));
        if url.origin() != self.url.origin() {
            self.check_body_for(&url)?;
            self.drop_private(false);
        }
        self.go_to(&url)?;
        self.asked = asked;
        Ok(())
    }

    /// Goes to the last of the links, each of which is relative to the one before.
    pub(super) fn go_to_link(&mut self, links: &[String]) -> Result<(), CallError> {
        let own = self.url.clone();
        let url = links.iter().try_fold(own.clone(), |url, link| joined(&url, link))?;
        if url.origin() != own.origin() {
            self.cleared.check_every_host(&url)?;
            if self.has_key_in_body {
                return Err(refused_key());
            }
            self.drop_private(true);
        }
        self.go_to(&url)
    }

    /// Another origin is not the author's, so it gets the rule for everybody's URLs.
    fn go_to(&mut self, url: &Url) -> Result<(), CallError> {
        check_among(self.hosts, url)?;
        if url.origin() != self.url.origin() {
            self.way = self.outbound.way(GivenBy::Value);
        }
        self.url = self.way.rule.check_url(url.as_str())?;
        Ok(())
    }

    fn drop_body(&mut self) {
        self.body = None;
        self.secret_body.clear();
        self.has_key_in_body = false;
        for name in [
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_LOCATION,
        ] {
            self.headers.remove(name);
        }
    }

    fn check_body_for(&self, url: &Url) -> Result<(), CallError> {
        if self.has_key_in_body {
            return Err(refused_key());
        }
        self.cleared.check_hosts_of(&self.secret_body, url)
    }

    fn drop_private(&mut self, keeps_secrets: bool) {
        for private in self.private.iter().filter(|one| !(keeps_secrets && one.has_secret)) {
            self.headers.remove(&private.name);
        }
    }

    fn asked_first(&self) -> &str {
        self.asked.split(", redirected to ").next().unwrap_or_default()
    }
}

/// As browsers do, and with them every other client.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::GET && *method != Method::HEAD,
        _ => false,
    }
}

fn joined(url: &Url, link: &str) -> Result<Url, CallError> {
    url.join(link).map_err(|_| failed("invalid_url", "the answer leads to what is not a URL"))
}

/// An answer gave the rest of the URL, which may hold keys.
fn shown_host(url: &Url) -> &str {
    &url[..url::Position::BeforePath]
}

fn refused_key() -> CallError {
    failed("refused_secret", "a key in the request's body may not follow to another host")
}
