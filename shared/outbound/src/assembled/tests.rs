//! The URL rule, as a table and as a property.

use std::sync::Arc;

use flowgate_core::system::SystemClock;
use proptest::prelude::*;

use super::*;
use crate::address::SystemResolver;

fn rule() -> AddressRule {
    AddressRule {
        allow_http: true,
        allow_loopback: true,
        allow_private: false,
        resolver: Arc::new(SystemResolver),
        clock: Arc::new(SystemClock),
    }
}

/// `[…]` is a value, `{…}` a secret.
fn pieces(template: &str, values: &[&str]) -> Vec<Piece> {
    let mut values = values.iter();
    let mut pieces = Vec::new();
    for part in template.split_inclusive(['$', '}']) {
        let (text, value) = match part.strip_suffix('$') {
            Some(text) => (text, values.next()),
            None => (part, None),
        };
        match text.split_once('{') {
            Some((text, secret)) => {
                pieces.push(Piece::Text(text.to_owned()));
                pieces.push(Piece::Secret(secret.trim_end_matches('}').to_owned()));
            }
            None => pieces.push(Piece::Text(text.to_owned())),
        }
        pieces.extend(value.map(|value| Piece::Value((*value).to_owned())));
    }
    pieces.retain(|piece| *piece != Piece::Text(String::new()));
    pieces
}

fn assemble(template: &str, values: &[&str]) -> Result<(Url, GivenBy), CallError> {
    let secret = |name: &str| match name {
        "BASE" => "https://base.example/base",
        "HOST" => "https://host.example",
        _ => "t0ken/x",
    };
    let assembled = Assembled::new(&pieces(template, values), &secret)?;
    Ok((assembled.check(&rule())?, assembled.given_by()))
}

#[test]
fn a_value_fills_its_place() {
    let check = |template: &str, values: &[&str], expected: &str, given_by: GivenBy| {
        let (url, by) = assemble(template, values).unwrap();
        assert_eq!((url.as_str(), by), (expected, given_by), "{template} {values:?}");
    };
    let author = GivenBy::Author;
    check("https://a.example/p/$", &["x y"], "https://a.example/p/x%20y", author);
    check("https://a.example/p/$", &["../../etc"], "https://a.example/p/..%2F..%2Fetc", author);
    check("https://a.example/p/$/q", &["a?b#c"], "https://a.example/p/a%3Fb%23c/q", author);
    check("https://a.example/p/$", &[r"..\.."], "https://a.example/p/..%5C..", author);
    check("https://a.example/p/$", &["%2e%2e"], "https://a.example/p/%252e%252e", author);
    check(
        "https://a.example/p/$",
        &["．．／"],
        "https://a.example/p/%EF%BC%8E%EF%BC%8E%EF%BC%8F",
        author,
    );
    check("https://a.example/p/$", &["a\r\nb\0\t"], "https://a.example/p/a%0D%0Ab%00%09", author);
    check("https://a.example/p/$/", &[""], "https://a.example/p//", author);
    check(
        "https://a.example/$?q=$",
        &["1", "a&b=c#d+e"],
        "https://a.example/1?q=a%26b%3Dc%23d%2Be",
        author,
    );
    check(
        "https://a.example?q=$",
        &["@evil.example/"],
        "https://a.example/?q=%40evil.example%2F",
        author,
    );
    check(r"https:\\a.example\$", &["@evil.example"], "https://a.example/%40evil.example", author);
    check("https:a.example/$", &["x"], "https://a.example/x", author);
    check("https://a.example/bot{TOKEN}/$", &["x"], "https://a.example/bott0ken/x/x", author);
    check("{BASE}/$", &["a/b"], "https://base.example/base/a%2Fb", author);
    check("{HOST}/$", &["a"], "https://host.example/a", author);
    let value = GivenBy::Value;
    check("$", &["https://any.example/a/b?c=d"], "https://any.example/a/b?c=d", value);
    check("$/v1/$", &["https://any.example/a", "b/c"], "https://any.example/a/v1/b%2Fc", value);
    check("https://$.a.example/", &["tenant"], "https://tenant.a.example/", value);
    check("https://a.example:$/", &["8443"], "https://a.example:8443/", value);
    check("https://a.example$", &[".evil.example"], "https://a.example.evil.example/", value);
    check("{HOST}$", &[".evil.example"], "https://host.example.evil.example/", value);
    check("http$://a.example/", &["s"], "https://a.example/", value);
}

#[test]
fn a_value_that_would_change_more_is_refused() {
    for (template, values) in [
        ("https://a.example/p/$", &[".."][..]),
        ("https://a.example/p/$/q", &["."]),
        ("https://a.example/p/.$/q", &["."]),
        ("https://a.example/p/.$/q", &[""]),
        ("https://a.example/p/%2e$", &["."]),
        ("https://a.example/p/%2$/q", &["e"]),
        ("https://a.example/p/$$", &[".", "."]),
        ("https://$/", &["evil.example/x"]),
        ("https://$.a.example/", &["evil.example/"]),
        ("https://$.a.example/", &[r"evil.example\"]),
        ("https://$.a.example/", &["evil.example?"]),
        ("https://$.a.example/", &["evil.example#"]),
        ("https://$.a.example/", &["evil%2Eexample%2F"]),
        ("https://user:$/", &["x@evil.example"]),
        ("https://$a.example/", &["evil.example:443@"]),
        ("https://$.a.example/", &["evil.example／"]),
        ("http$://a.example/", &["://evil.example/?"]),
        ("$", &["ftp://a.example/"]),
        ("$", &[""]),
        ("/relative/$", &["x"]),
    ] {
        let error = assemble(template, values).unwrap_err();
        assert_eq!(error.code, "invalid_url", "{template} {values:?}");
    }
}

const TEMPLATES: [&str; 12] = [
    "https://a.example/p/$",
    "https://a.example/p/$/q",
    "https://a.example/p/a$b/q?c=d",
    "https://a.example/$/$?q=1",
    "https://a.example/.$/x",
    "https://a.example/%2e$/x",
    "https://a.example/p?q=$",
    "https://a.example/p?q=$&r=1#f",
    "https://a.example?q=a$b",
    r"https:\\a.example\p\$\q",
    "https://a.example/p#$",
    "{BASE}/p/$/q?r=$",
];

/// Text full of what has a meaning in URLs.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just("@evil.example".to_owned()),
        Just("%2e%2E".to_owned()),
        Just("%2f".to_owned()),
        Just("%5c".to_owned()),
        Just("%".to_owned()),
        Just("&k=v".to_owned()),
        Just(";".to_owned()),
        Just("+".to_owned()),
        Just("\t".to_owned()),
        Just("\r\n".to_owned()),
        Just("\0".to_owned()),
        Just("．".to_owned()),
        Just("／".to_owned()),
        Just("＼".to_owned()),
        Just("。".to_owned()),
        Just("https://evil.example/".to_owned()),
        Just("//evil.example".to_owned()),
        Just(":80".to_owned()),
        Just("e".to_owned()),
        Just(String::new()),
        "\\PC{0,3}",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_value_changes_host_segments_or_keys(
        template in 0..TEMPLATES.len(),
        first in hostile(),
        second in hostile(),
    ) {
        let template = TEMPLATES[template];
        let (model, _) = assemble(template, &["v", "v"]).unwrap();
        let Ok((url, given_by)) = assemble(template, &[&first, &second]) else { return Ok(()) };
        prop_assert_eq!(given_by, GivenBy::Author);
        prop_assert_eq!(url.origin(), model.origin());
        // As the parser of the other side may read it, `\` included.
        let count = |url: &Url| url.path().matches(['/', '\\']).count();
        prop_assert_eq!(count(&url), count(&model), "{}", url);
        let keys = |url: &Url| -> Vec<String> {
            url.query_pairs().map(|(key, _)| key.into_owned()).collect()
        };
        prop_assert_eq!(keys(&url), keys(&model));
        prop_assert!(!url.path().split('/').any(|segment| {
            let segment = segment.replace("%2e", ".").replace("%2E", ".");
            segment == "." || segment == ".."
        }), "{}", url);
        // What arrives is what was given.
        if template == TEMPLATES[6] {
            let value = url.query_pairs().next().map(|(_, value)| value.into_owned());
            prop_assert_eq!(value, Some(first));
        }
    }

    #[test]
    fn a_value_in_the_host_gives_a_part_of_the_host_and_no_more(value in hostile()) {
        let Ok((url, given_by)) = assemble("https://$.a.example/p?q=1", &[&value]) else {
            return Ok(());
        };
        prop_assert_eq!(given_by, GivenBy::Value);
        prop_assert!(url.host_str().unwrap().ends_with(".a.example"), "{}", url);
        prop_assert_eq!((url.path(), url.query()), ("/p", Some("q=1")));
        prop_assert_eq!(url.port(), None);
    }
}
