//! What every request is checked for first, in this order: the agent, the scope, the version.

use flowgate_app::access::Caller;
use flowgate_app::key::Scope;
use flowgate_app::{App, Error};
use http::{HeaderMap, Uri};

use super::refusal::{Kind, Refusal};
use crate::http::request::QueryPairs;

pub(super) const VERSION: &str = "1.0";
const VERSION_NAME: &str = "A2A-Version";
/// What a request means that names none.
const UNNAMED: &str = "0.3";

/// `scopes`: one of them is enough.
pub(super) async fn check(
    app: &App,
    caller: &Caller,
    (agent, scopes): (&str, &[Scope]),
    (headers, uri): (&HeaderMap, &Uri),
) -> Result<(), Refusal> {
    app.check_known(caller, agent).await?;
    if let Some(first) = scopes.first()
        && !scopes.iter().any(|scope| caller.has(*scope))
    {
        return Err(Error::Forbidden(*first).into());
    }
    check_version(headers, uri)
}

/// A patch release changes nothing that a client could see.
fn check_version(headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    let query = QueryPairs::of(uri);
    let header = headers.get(VERSION_NAME).map(|value| value.to_str().unwrap_or("?"));
    let named = header.or_else(|| query.get(VERSION_NAME)).map(str::trim);
    let version = named.filter(|version| !version.is_empty()).unwrap_or(UNNAMED);
    let patch = version.strip_prefix(VERSION);
    let is_ours = patch.is_some_and(|patch| {
        let number = patch.strip_prefix('.');
        patch.is_empty() || number.is_some_and(|number| number.parse::<u32>().is_ok())
    });
    if is_ours {
        return Ok(());
    }
    let shown: String = version.chars().take(20).collect();
    let message = format!(
        "the version {shown} of A2A is not supported: send the header {VERSION_NAME}: {VERSION}"
    );
    Err(Refusal::protocol(Kind::VersionNotSupported, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_names_no_version_means_an_older_one() {
        let check = |header: Option<&'static str>, uri: &'static str| {
            let header =
                header.map(|value| ("a2a-version".parse().unwrap(), value.parse().unwrap()));
            check_version(&header.into_iter().collect(), &uri.parse().unwrap()).is_ok()
        };
        assert!(check(Some("1.0"), "/") && check(Some(" 1.0.7 "), "/"));
        assert!(check(None, "/x?A2A-Version=1.0"));
        for wrong in ["", "0.3", "1", "1.1", "1.0.x", "1.00", "2.0", "\u{e9}"] {
            assert!(!check(Some(wrong), "/"), "{wrong}");
        }
        assert!(!check(None, "/") && !check(Some("0.3"), "/x?A2A-Version=1.0"));
    }
}
