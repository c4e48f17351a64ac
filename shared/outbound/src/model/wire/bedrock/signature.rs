//! AWS's Signature Version 4, for one POST without a query.
//!
//! Checked against "Create a signed AWS API request" of the IAM User Guide, and AWS's test suite.

use flowgate_core::hash::{hex, sha256_hex};
use flowgate_core::secret::hmac_sha256;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::CallError;
use http::{HeaderMap, HeaderName, header};
use url::Url;

use crate::model::failed;
use crate::model::wire::{Unsigned, secret_header};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "bedrock";
/// The host's label before the region; those for FIPS begin with it.
const HOST: &str = "bedrock-runtime";

/// What the key of an AWS account consists of.
pub(super) struct Credentials<'k> {
    access_key_id: &'k str,
    secret_access_key: &'k str,
    session_token: Option<&'k str>,
}

impl<'k> Credentials<'k> {
    /// Reads `access_key_id:secret_access_key[:session_token]`. `None`: a Bedrock API key, which
    /// has no colon.
    pub(super) fn of(key: &'k str) -> Result<Option<Self>, CallError> {
        if !key.contains(':') {
            return Ok(None);
        }
        let parts: Vec<_> = key.split(':').collect();
        let is_whole = !parts.iter().any(|part| part.is_empty());
        match parts[..] {
            [access_key_id, secret_access_key] if is_whole => {
                Ok(Some(Self { access_key_id, secret_access_key, session_token: None }))
            }
            [access_key_id, secret_access_key, token] if is_whole => {
                Ok(Some(Self { access_key_id, secret_access_key, session_token: Some(token) }))
            }
            _ => Err(failed(
                "invalid_request",
                "the key is neither a Bedrock API key nor \
                 access_key_id:secret_access_key[:session_token]",
            )),
        }
    }

    /// Returns the headers that sign the request.
    pub(super) fn sign(&self, request: &Unsigned<'_>) -> Result<HeaderMap, CallError> {
        let Some((host, region)) = host_and_region(request.url) else {
            let host = request.url.host_str().unwrap_or_default();
            let message = format!("the host {host} names no region; use a Bedrock API key");
            return Err(failed("invalid_request", message));
        };
        let time = compact(request.now)?;
        let mut signed = vec![("host", host.as_str()), ("x-amz-date", &time)];
        signed.extend(self.session_token.map(|token| ("x-amz-security-token", token)));
        let scope = Scope { time: &time, region, service: SERVICE };
        let path = request.url.path();
        let authorization = self.authorization(&scope, path, &signed, request.body);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, secret_header(&authorization)?);
        // The client adds the host itself.
        for (name, value) in &signed[1..] {
            headers.insert(HeaderName::from_static(name), secret_header(value)?);
        }
        Ok(headers)
    }

    /// Returns the header `authorization`. The signed headers are in order, their names lowercase.
    fn authorization(
        &self,
        scope: &Scope<'_>,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> String {
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let (path, hash) = (twice_escaped(path), sha256_hex(body));
        let canonical = format!("POST\n{path}\n\n{lines}\n{names}\n{hash}");
        let Scope { time, region, service } = scope;
        let day = &time[..8];
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
        let secret = format!("AWS4{}", self.secret_access_key).into_bytes();
        let key = [day, region, service, "aws4_request"]
            .into_iter()
            .fold(secret, |key, part| hmac_sha256(&key, part.as_bytes()));
        let signature = hex(&hmac_sha256(&key, text.as_bytes()));
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        )
    }
}

struct Scope<'a> {
    /// `20150830T123600Z`.
    time: &'a str,
    region: &'a str,
    service: &'a str,
}

/// Returns the host as the client sends it, and the region that it names:
/// `bedrock-runtime.eu-west-1.amazonaws.com`, `bedrock-runtime-fips.us-east-1.amazonaws.com`,
/// `vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com`.
fn host_and_region(url: &Url) -> Option<(String, &str)> {
    let name = url.host_str()?;
    let mut labels = name.split('.').skip_while(|label| !label.starts_with(HOST));
    labels.next()?;
    let region = labels.next()?;
    // `bedrock-runtime.example` has no region.
    labels.next()?;
    let host = match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    Some((host, region))
}

fn compact(now: Timestamp) -> Result<String, CallError> {
    let time = jiff::Timestamp::from_millisecond(now.millis())
        .map_err(|_| failed("internal", "the clock is out of range"))?;
    Ok(time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// Escapes all but unreserved characters.
pub(super) fn escape(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

/// A path is signed as if it were not escaped yet, except for its slashes.
fn twice_escaped(path: &str) -> String {
    path.split('/').map(escape).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIDEXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHG\
        BuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZa\
        mpKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iP\
        PkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
    const SCOPE: Scope<'_> =
        Scope { time: "20150830T123600Z", region: "us-east-1", service: "service" };

    fn credentials(session_token: Option<&str>) -> Credentials<'_> {
        Credentials { access_key_id: ID, secret_access_key: SECRET, session_token }
    }

    /// The POSTs of AWS's test suite: `post-vanilla`, `post-sts-header-before` and
    /// `post-x-www-form-urlencoded`.
    #[test]
    fn the_published_requests_have_their_signatures() {
        let host = ("host", "example.amazonaws.com");
        let check = |headers: &[(&'static str, &str)], body: &str, names: &str, expected: &str| {
            let signed = credentials(None).authorization(&SCOPE, "/", headers, body.as_bytes());
            assert_eq!(
                signed,
                format!(
                    "AWS4-HMAC-SHA256 Credential={ID}/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders={names}, Signature={expected}"
                )
            );
        };
        check(
            &[host, DATE],
            "",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        );
        check(
            &[host, DATE, ("x-amz-security-token", TOKEN)],
            "",
            "host;x-amz-date;x-amz-security-token",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        );
        check(
            &[
                ("content-length", "13"),
                ("content-type", "application/x-www-form-urlencoded"),
                host,
                (
                    "x-amz-content-sha256",
                    "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
                ),
                DATE,
            ],
            "Param1=value1",
            "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        );
    }

    #[test]
    fn a_path_is_escaped_twice() {
        // From `double-encode-path` of the test suite.
        assert_eq!(
            twice_escaped("/test/@connections/JBDvjfGEIAMCERw%3D"),
            "/test/%40connections/JBDvjfGEIAMCERw%253D"
        );
        let unreserved = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        assert_eq!(twice_escaped(unreserved), unreserved);
        assert_eq!(escape("arn:aws/ü"), "arn%3Aaws%2F%C3%BC");
    }

    #[test]
    fn a_host_names_its_region() {
        for (url, expected) in [
            ("https://bedrock-runtime.eu-west-1.amazonaws.com/", Some("eu-west-1")),
            ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/", Some("us-gov-west-1")),
            ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn/", Some("cn-north-1")),
            ("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/", Some("us-east-1")),
            ("https://bedrock-runtime.example/", None),
            ("https://bedrock-runtime/", None),
            ("https://proxy.example.com/bedrock-runtime.us-east-1.amazonaws.com", None),
            ("https://127.0.0.1/", None),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(host_and_region(&url).map(|(_, region)| region), expected, "{url}");
        }
        let url = Url::parse("http://bedrock-runtime.us-east-1.localhost:8080/").unwrap();
        let host = host_and_region(&url).unwrap().0;
        assert_eq!(host, "bedrock-runtime.us-east-1.localhost:8080");
    }

    #[test]
    fn a_key_has_two_parts_or_three() {
        let parts = |key: &str| {
            let read = Credentials::of(key).map_err(|error| (error.code, error.message))?;
            Ok(read.map(|c| {
                format!("{} {} {:?}", c.access_key_id, c.secret_access_key, c.session_token)
            }))
        };
        assert_eq!(parts("ABSKQmVkcm9jaw=="), Ok(None));
        assert_eq!(parts("AKID:se/c+ret"), Ok(Some("AKID se/c+ret None".to_owned())));
        assert_eq!(parts("AKID:s:t=="), Ok(Some("AKID s Some(\"t==\")".to_owned())));
        for key in [":", "AKID:", ":hunter2", "AKID::hunter2", "AKID:hunter2:", "a:hunter2:b:c"] {
            let (code, message): (String, String) = parts(key).unwrap_err();
            assert_eq!((code.as_str(), message.contains("hunter2")), ("invalid_request", false));
        }
    }

    #[test]
    fn a_request_is_signed_with_what_goes_out() {
        let signed = |url: &str, token: Option<&str>| {
            let url = Url::parse(url).unwrap();
            let now = Timestamp::parse_rfc3339("2015-08-30T12:36:00.999Z").unwrap();
            let request = Unsigned { url: &url, body: b"{}", now };
            credentials(token).sign(&request)
        };
        let url = "https://bedrock-runtime.us-west-2.amazonaws.com/model/a%3A0/converse-stream";
        let headers = signed(url, Some("token")).unwrap();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(headers["x-amz-security-token"], "token");
        assert!(headers["x-amz-security-token"].is_sensitive());
        assert!(headers["authorization"].is_sensitive());
        let check = |token: Option<&str>, names: &str, signature: &str| {
            let headers = signed(url, token).unwrap();
            assert_eq!(
                headers["authorization"],
                format!(
                    "AWS4-HMAC-SHA256 Credential={ID}/20150830/us-west-2/bedrock/aws4_request, \
                     SignedHeaders={names}, Signature={signature}"
                )
            );
        };
        // As botocore signs it.
        check(
            None,
            "host;x-amz-date",
            "1584404b9da4f1c374c9cbbba7886cf3e58d64730713583ee35f252d787de23e",
        );
        check(
            Some("token"),
            "host;x-amz-date;x-amz-security-token",
            "20e48c270895d7715c326ebb0b6dfecf73abf1ec3de485abff6cc267c40b02ed",
        );
        let error = signed("https://proxy.example.com/", None).unwrap_err();
        assert_eq!(error.code, "invalid_request");
        assert!(error.message.contains("proxy.example.com"), "{}", error.message);
        assert!(!error.message.contains(SECRET), "{}", error.message);
    }
}
