//! AWS Signature Version 4 for S3: in headers, and in a URL that others use.

use flowgate_core::hash::{hex, sha256_hex};
use flowgate_core::secret::hmac_sha256;
use flowgate_core::time::Timestamp;

use aws_credential_types::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What is signed. Names of headers in lower case; path and query are encoded already, the query
/// in the order of its names.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) payload: &'a str,
}

pub(crate) struct Signer<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
}

impl Signer<'_> {
    /// Returns the headers of a signed request, `host` included.
    pub(crate) fn headers(&self, signed: &Signed<'_>, host: &str) -> Vec<(String, String)> {
        let mut headers = signed.headers.to_vec();
        headers.push(("host".to_owned(), host.to_owned()));
        headers.push(("x-amz-content-sha256".to_owned(), signed.payload.to_owned()));
        headers.push(("x-amz-date".to_owned(), self.time()));
        if let Some(token) = self.credentials.session_token() {
            headers.push(("x-amz-security-token".to_owned(), token.to_owned()));
        }
        headers.sort();
        let signature = self.signature(&Signed { headers: &headers, ..*signed });
        let authorization = format!(
            "{ALGORITHM} Credential={}, SignedHeaders={}, Signature={signature}",
            self.credential(),
            names(&headers)
        );
        headers.push(("authorization".to_owned(), authorization));
        headers
    }

    /// Returns the query of a URL that is good for `seconds` with these headers.
    pub(crate) fn query(&self, signed: &Signed<'_>, host: &str, seconds: u64) -> String {
        let mut headers = signed.headers.to_vec();
        headers.push(("host".to_owned(), host.to_owned()));
        headers.sort();
        let mut pairs = vec![
            ("X-Amz-Algorithm", ALGORITHM.to_owned()),
            ("X-Amz-Credential", self.credential()),
            ("X-Amz-Date", self.time()),
            ("X-Amz-Expires", seconds.to_string()),
            ("X-Amz-SignedHeaders", names(&headers)),
        ];
        if let Some(token) = self.credentials.session_token() {
            pairs.push(("X-Amz-Security-Token", token.to_owned()));
        }
        let mut pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .chain((!signed.query.is_empty()).then(|| signed.query.to_owned()))
            .flat_map(|pairs| pairs.split('&').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        pairs.sort();
        let query = pairs.join("&");
        let signature = self.signature(&Signed { headers: &headers, query: &query, ..*signed });
        format!("{query}&X-Amz-Signature={signature}")
    }

    fn signature(&self, signed: &Signed<'_>) -> String {
        let Signed { method, path, query, headers, payload } = signed;
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let request = format!("{method}\n{path}\n{query}\n{lines}\n{}\n{payload}", names(headers));
        let to_sign = format!(
            "{ALGORITHM}\n{}\n{}\n{}",
            self.time(),
            self.scope(),
            sha256_hex(request.as_bytes())
        );
        let secret = format!("AWS4{}", self.credentials.secret_access_key());
        let key = [self.region, "s3", "aws4_request"]
            .iter()
            .fold(hmac_sha256(secret.as_bytes(), self.day().as_bytes()), |key, part| {
                hmac_sha256(&key, part.as_bytes())
            });
        hex(&hmac_sha256(&key, to_sign.as_bytes()))
    }

    fn credential(&self) -> String {
        format!("{}/{}", self.credentials.access_key_id(), self.scope())
    }

    fn scope(&self) -> String {
        format!("{}/{}/s3/aws4_request", self.day(), self.region)
    }

    fn day(&self) -> String {
        self.time()[..8].to_owned()
    }

    /// `20260131T081500Z`.
    fn time(&self) -> String {
        let text = self.now.to_string();
        let digits: String = text.chars().filter(|digit| !matches!(digit, '-' | ':')).collect();
        format!("{}Z", &digits[..digits.len().min(15)])
    }
}

fn names(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            encoded + char::from(byte).encode_utf8(&mut [0; 4])
        }
        _ => encoded + &format!("%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of AWS's own documentation (Signature Version 4 for S3).
    fn signer(credentials: &Credentials) -> Signer<'_> {
        let now = Timestamp::parse_rfc3339("2013-05-24T00:00:00Z").unwrap();
        Signer { credentials, region: "us-east-1", now }
    }

    fn credentials() -> Credentials {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "test")
    }

    #[test]
    fn a_request_is_signed_as_amazon_says() {
        let credentials = credentials();
        let empty = sha256_hex(b"");
        let range = [("range".to_owned(), "bytes=0-9".to_owned())];
        let signed = Signed {
            method: "GET",
            path: "/test.txt",
            query: "",
            headers: &range,
            payload: &empty,
        };
        let headers = signer(&credentials).headers(&signed, "examplebucket.s3.amazonaws.com");
        let authorization = &headers.last().unwrap().1;
        assert!(
            authorization.ends_with(
                "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=\
                 f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            ),
            "{authorization}"
        );
    }

    #[test]
    fn a_link_is_signed_as_amazon_says() {
        let credentials = credentials();
        let signed =
            Signed { method: "GET", path: "/test.txt", query: "", headers: &[], payload: UNSIGNED };
        let query = signer(&credentials).query(&signed, "examplebucket.s3.amazonaws.com", 86_400);
        assert!(
            query.ends_with(
                "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            ),
            "{query}"
        );
    }

    #[test]
    fn all_but_unreserved_characters_are_encoded() {
        assert_eq!(encode("a b/ü~"), "a%20b%2F%C3%BC~");
    }
}
