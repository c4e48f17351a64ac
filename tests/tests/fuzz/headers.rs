//! Headers that others name: whatever passes is one header, and none of ours.

use flowgate_outbound::check_header;
use proptest::prelude::*;
use proptest::sample::select;

use crate::budget::fuzz;
use crate::words::odd_text;

/// Section "Outbound rule" of the documentation, written down a second time.
const NEVER: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
];
const NEVER_BEFORE: [&str; 5] = ["proxy-", "webhook-", "flowgate-", "x-amz", "x-forwarded-"];

fn name() -> impl Strategy<Value = String> {
    let known = select(
        &[
            "host",
            "Content-Length",
            "TRANSFER-ENCODING",
            "te",
            "proxy-authorization",
            "Webhook-Id",
            "flowgate-event",
            "X-Amz-Date",
            "x-amzn-trace-id",
            "X-Forwarded-For",
            "authorization",
            "x-custom",
            "Keep-Alive",
            "cookie",
            "expect",
        ][..],
    );
    prop_oneof![
        3 => (known.clone(), any::<u32>()).prop_map(|(name, cases)| recased(name, cases)),
        2 => (known, odd_text(2), any::<bool>()).prop_map(|(name, odd, first)| {
            if first { format!("{odd}{name}") } else { format!("{name}{odd}") }
        }),
        1 => odd_text(4),
        1 => "[!#$%&'*+.^_`|~0-9A-Za-z-]{0,20}",
    ]
}

fn recased(name: &str, cases: u32) -> String {
    let upper = |at: usize| cases >> (at % 32) & 1 == 1;
    name.chars()
        .enumerate()
        .map(|(at, c)| if upper(at) { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect()
}

#[test]
fn headers_that_pass() {
    let value = prop_oneof![odd_text(6), "[ -~]{0,40}", Just("1\r\nhost: inside".to_owned())];
    fuzz("headers_that_pass", &(name(), value), |(name, value)| {
        let lower = name.to_ascii_lowercase();
        let is_ours =
            NEVER.contains(&&*lower) || NEVER_BEFORE.iter().any(|start| lower.starts_with(start));
        let is_token = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        let is_line = value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        match check_header(&name, &value) {
            Ok((sent_name, sent_value)) => {
                prop_assert!(is_token && is_line && !is_ours, "{name:?}: {value:?} passes");
                prop_assert_eq!(sent_name.as_str(), lower);
                prop_assert_eq!(sent_value.as_bytes(), value.as_bytes());
            }
            Err(error) => {
                let kept_alive = lower.starts_with("keep-alive");
                prop_assert!(is_ours || !is_token || !is_line || kept_alive, "{error}: {name:?}");
                prop_assert!(error.to_string().len() < 600, "a message repeats a long name");
            }
        }
        Ok(())
    });
}
