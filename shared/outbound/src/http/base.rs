//! Connectors at another address: the secret `<CONNECTOR>_BASE_URL` names a server of one's own, a
//! proxy or a stand-in. It replaces the scheme and host that the connector's file says.

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, HttpCall, Piece, RenderedUrl};
use url::{Position, Url};

use super::super::{Outbound, failed};

impl Outbound {
    /// Returns the call at the stored address, if there is one.
    pub(super) async fn rebased(
        &self,
        call: &HttpCall,
        user: &SecretUser,
    ) -> Result<Option<HttpCall>, CallError> {
        let Some(name) = &call.base_secret else { return Ok(None) };
        match self.secrets.base(name, user).await? {
            Some(base) if !base.value.is_empty() => rebased(call, &base.value, name).map(Some),
            _ => Ok(None),
        }
    }
}

/// An address that a secret or an answer gives stays what it is, and may lead to the new host, too.
fn rebased(call: &HttpCall, base: &str, name: &str) -> Result<HttpCall, CallError> {
    let is_address =
        |url: &Url| url.has_host() && url.query().is_none() && url.username().is_empty();
    let parsed = Url::parse(base).ok().filter(is_address);
    let Some(parsed) = parsed else {
        return Err(failed("invalid_url", format!("the secret {name} is no address of a server")));
    };
    let mut call = call.clone();
    call.hosts.push(parsed[Position::BeforeHost..Position::AfterPort].to_owned());
    if let [Piece::Text(first), rest @ ..] = call.url.0.as_slice()
        && let Some(path) = after_authority(first)
    {
        let first = Piece::Text(format!("{}{path}", base.trim_end_matches('/')));
        call.url = RenderedUrl([&[first], rest].concat());
    }
    Ok(call)
}

/// Returns what follows the host in an address of the file.
fn after_authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    Some(&rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_replaced_and_the_rest_stays() {
        let check = |url: &[Piece], base: &str, expected: &[Piece], host: &str| {
            let call = HttpCall {
                url: RenderedUrl(url.to_vec()),
                hosts: vec!["api.example".into()],
                ..HttpCall::default()
            };
            let rebased = rebased(&call, base, "A_BASE_URL").unwrap();
            assert_eq!(rebased.url.0, expected, "{base}");
            assert_eq!(rebased.hosts, ["api.example", host]);
        };
        let text = |text: &str| Piece::Text(text.to_owned());
        let value = || Piece::Value("a/b".to_owned());
        let secret = || Piece::Secret("TOKEN".to_owned());
        check(
            &[text("https://api.example/v1/"), value()],
            "http://127.0.0.1:81",
            &[text("http://127.0.0.1:81/v1/"), value()],
            "127.0.0.1:81",
        );
        check(
            &[text("https://api.example/bot"), secret(), text("/send")],
            "https://proxy.example/vendor/",
            &[text("https://proxy.example/vendor/bot"), secret(), text("/send")],
            "proxy.example",
        );
        check(&[secret()], "https://proxy.example", &[secret()], "proxy.example");
        check(&[value()], "http://[::1]:9", &[value()], "[::1]:9");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for base in
            ["proxy", "mailto:a@b.example", "https://a.example?x=1", "https://u:p@a.example", "/v1"]
        {
            let error = rebased(&HttpCall::default(), base, "A_BASE_URL").unwrap_err();
            assert_eq!(error.code, "invalid_url", "{base}");
            assert!(!error.message.contains(base), "{}", error.message);
        }
    }
}
