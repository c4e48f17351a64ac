//! The server: whether it answers, its version and clock, and whether it accepts the key.

use flowgate_core::clock::Clock;
use flowgate_core::system::SystemClock;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::Method;
use reqwest::header::DATE;
use serde_json::Value;

use super::Finding;
use crate::arguments::Global;
use crate::client::Client;
use crate::failure::Failure;

/// The `Date` header has whole seconds, and an answer takes time to arrive.
const NOTICEABLE_SKEW_MS: u64 = 5_000;
/// Receivers of signed webhooks refuse older ones.
const WORST_SKEW_MS: u64 = 5 * 60_000;

pub(super) async fn check(global: &Global) -> Vec<Finding> {
    let health = async {
        let client = Client::without_key(global)?;
        let response = client.send(client.request(Method::GET, &["health"], &[])).await?;
        let date =
            response.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        Ok::<_, anyhow::Error>((client.body(response).await?, date))
    };
    let (body, date) = match health.await {
        Ok(answer) => answer,
        Err(error) => {
            return vec![Finding::problem("server", format!("{error:#}"), advice(&error))];
        }
    };
    let health: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if health["status"] != "ok" {
        return vec![Finding::problem(
            "server",
            "something answers, but it is not a Flowgate server",
            "check --url or FLOWGATE_URL",
        )];
    }
    let mut findings = vec![
        Finding::ok("server", "it answers and is healthy"),
        version(&health),
        clock(date.as_deref(), SystemClock.now().millis()),
    ];
    findings.extend(key(global).await);
    findings
}

fn advice(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref() {
        Some(Failure::Unreachable { .. }) => {
            "start it with: flowgate serve; or set --url or FLOWGATE_URL to its address"
        }
        Some(Failure::Refused(refusal)) if refusal.status >= 500 => "check the server's log",
        _ => "check --url or FLOWGATE_URL",
    }
}

fn version(health: &Value) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    match health["version"].as_str() {
        Some(theirs) if theirs == ours => {
            Finding::ok("server", format!("same version as this program, {ours}"))
        }
        Some(theirs) => Finding::warning(
            "server",
            format!("its version is {theirs}, this program's is {ours}"),
            "use the same version for both",
        ),
        None => Finding::ok("server", "it does not report its version"),
    }
}

fn clock(date: Option<&str>, now_ms: i64) -> Finding {
    let Some(theirs) = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok())
    else {
        return Finding::warning(
            "clock",
            "the server does not report its time",
            "compare the clocks of both machines",
        );
    };
    // Compare with the middle of the second in the header.
    let skew = now_ms.abs_diff(theirs.as_millisecond() + 500);
    let message =
        format!("the server's clock differs by {}.{} s", skew / 1_000, skew % 1_000 / 100);
    let advice = "sync both clocks with NTP: times of runs, expiry of keys and webhook signatures \
                  depend on them";
    match skew {
        0..NOTICEABLE_SKEW_MS => Finding::ok("clock", "the server's clock agrees with ours"),
        NOTICEABLE_SKEW_MS..WORST_SKEW_MS => Finding::warning("clock", message, advice),
        _ => Finding::problem("clock", message, advice),
    }
}

/// Returns `None` if no key is set. An admin key can list keys and finds itself there; for others,
/// only refusals show what they may do.
async fn key(global: &Global) -> Option<Finding> {
    let key = global.key.as_deref().map(str::trim).filter(|key| !key.is_empty())?;
    let client = match Client::new(global) {
        Ok(client) => client,
        Err(error) => {
            return Some(Finding::problem(
                "access",
                error.to_string(),
                "check --key or FLOWGATE_KEY",
            ));
        }
    };
    Some(match client.all_items(&["v1", "keys"], &[]).await {
        Ok(keys) => {
            let own = keys.iter().find(|known| {
                known["id"].as_str().is_some_and(|id| key.starts_with(&format!("fg_{id}_")))
            });
            Finding::ok(
                "access",
                own.map_or_else(|| "the operator's own key: everything".to_owned(), scopes),
            )
        }
        Err(error) if status(&error) == Some(403) => author(&client).await,
        Err(error) if status(&error) == Some(401) => Finding::problem(
            "access",
            "the server does not accept the key",
            "it may belong to another server, or be expired or revoked; create one with: flowgate \
             keys create",
        ),
        Err(error) => Finding::problem("access", format!("{error:#}"), "check the server's log"),
    })
}

async fn author(client: &Client) -> Finding {
    match client.get(&["v1", "workflows"], &[("limit", "1")]).await {
        Ok(_) => Finding::ok("access", "the key is accepted; it may author but not administer"),
        Err(error) if status(&error) == Some(403) => Finding::ok(
            "access",
            "the key is accepted; it may neither author nor administer, only call its own \
             workflows",
        ),
        Err(error) => Finding::problem("access", format!("{error:#}"), "check the server's log"),
    }
}

fn status(error: &anyhow::Error) -> Option<u16> {
    match error.downcast_ref() {
        Some(Failure::Refused(refusal)) => Some(refusal.status),
        _ => None,
    }
}

fn scopes(key: &Value) -> String {
    let words = |value: &Value| match value {
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let end = if key["ends_at"].is_string() { &key["ends_at"] } else { &key["expires_at"] };
    let end = end.as_str().map_or(String::new(), |end| format!("; it expires at {end}"));
    let workflows =
        if key["workflows"] == "*" { "all workflows".to_owned() } else { words(&key["workflows"]) };
    format!("the key may {} on {workflows}{end}", words(&key["scopes"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Level;
    use super::*;

    #[test]
    fn clocks_are_compared_by_the_date_of_the_answer() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let at = 784_111_777_000;
        let level = |now| clock(Some(date), now).level;
        assert_eq!(
            (level(at), level(at + 3_000), level(at - 3_000)),
            (Level::Ok, Level::Ok, Level::Ok)
        );
        assert_eq!((level(at + 20_000), level(at - 400_000)), (Level::Warning, Level::Problem));
        assert_eq!(clock(Some(date), at + 20_000).message, "the server's clock differs by 19.5 s");
        assert_eq!(
            (clock(None, at).level, clock(Some("now"), at).level),
            (Level::Warning, Level::Warning)
        );
    }

    #[test]
    fn another_version_is_a_warning() {
        assert_eq!(version(&json!({ "version": env!("CARGO_PKG_VERSION") })).level, Level::Ok);
        assert_eq!(version(&json!({ "version": "9.9.9" })).level, Level::Warning);
    }

    #[test]
    fn a_key_s_rights_are_one_sentence() {
        let key = json!({
            "scopes": ["run", "admin"],
            "workflows": "*",
            "expires_at": "2027-01-31T00:00:00Z",
            "ends_at": null
        });
        assert_eq!(
            scopes(&key),
            "the key may run, admin on all workflows; it expires at 2027-01-31T00:00:00Z"
        );
        assert_eq!(
            scopes(&json!({ "scopes": ["admin"], "workflows": ["a", "b"] })),
            "the key may admin on a, b"
        );
    }
}
