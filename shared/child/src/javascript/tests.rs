//! What code can use, and what crosses exactly.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

fn reply(code: &str, variables: &str, seed: u64) -> Reply {
    let call = Code {
        code: Cow::Borrowed(code),
        variables: serde_json::from_str::<&RawValue>(variables).unwrap(),
        now_ms: 1_758_765_323_024,
        seed,
        timeout_ms: 10_000,
        max_result_bytes: 1 << 22,
    };
    run(&call, Instant::now() + Duration::from_secs(10))
}

/// Returns the result as JSON text, or the message of a failure.
fn text(code: &str, variables: &str) -> String {
    match reply(code, variables, 7) {
        Reply::Done { result, .. } => result,
        Reply::Failed { message, .. } => message,
        other => format!("{other:?}"),
    }
}

fn check(code: &str, expected: Value) {
    let result = text(code, "{}");
    assert_eq!(serde_json::from_str::<Value>(&result).unwrap_or(result.into()), expected, "{code}");
}

#[test]
fn large_integers_are_exact_both_ways() {
    let check = |code: &str, variables: &str, expected: &str| {
        assert_eq!(text(code, variables), expected, "{code} {variables}");
    };
    for exact in ["9007199254740993", "18446744073709551615", "-9223372036854775808"] {
        check(
            "return [v, typeof v]",
            &format!("{{\"v\":{exact}}}"),
            &format!("[{exact},\"bigint\"]"),
        );
        let nested = format!("{{\"v\":{{\"a\":[1,{{\"__proto__\":{exact}}}],\"s\":\"{exact}\"}}}}");
        check("return v", &nested, &nested[5..nested.len() - 1]);
    }
    check("return [v + 1n, 2n]", r#"{"v":9007199254740993}"#, "[9007199254740994,2]");
    for number in ["9007199254740992", "-9007199254740992", "1e300", "12345678901234567.5", "0"] {
        check("return typeof v", &format!("{{\"v\":{number}}}"), "\"number\"");
    }
    let texts = r#"{"v":9007199254740993,"s":"@integer5 \"9007199254740993\\"}"#;
    check("return s", texts, r#""@integer5 \"9007199254740993\\""#);
    let another = r#"[1,"@integer00000000000000085"]"#;
    check("return [1n, '@integer00000000000000085']", "{}", another);
    check("return '@integer00000000000000075'", "{}", r#""@integer00000000000000075""#);
    let message = text("return JSON.stringify({ a: 1n })", "{}");
    assert!(message.starts_with("TypeError: "), "the code's own JSON refuses them: {message}");
    let own = "BigInt.prototype.toJSON = function () { return `${this}n` }; return [1n]";
    check(own, "{}", r#"["1n"]"#);
    check("Object.freeze(BigInt.prototype); return 1", "{}", "1");
}

#[test]
fn variables_are_not_listed() {
    check("return Object.keys(globalThis).filter((name) => name !== 'console')", json!([]));
    assert_eq!(
        text("return [Object.keys(globalThis).includes('v'), v]", r#"{"v":1}"#),
        "[false,1]"
    );
}

#[test]
fn urls_are_those_of_a_browser() {
    check(
        "const u = new URL('../b?x=1#h', 'https://user:pw@Example.com:8443/a/c'); return [u.href, \
         u.origin, u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, \
         u.search, u.hash, `${u}`, JSON.stringify({ u })]",
        json!([
            "https://user:pw@example.com:8443/b?x=1#h",
            "https://example.com:8443",
            "https:",
            "user",
            "pw",
            "example.com:8443",
            "example.com",
            "8443",
            "/b",
            "?x=1",
            "#h",
            "https://user:pw@example.com:8443/b?x=1#h",
            "{\"u\":\"https://user:pw@example.com:8443/b?x=1#h\"}"
        ]),
    );
    check(
        "const u = new URL('https://a.example'); u.pathname = '/ü x'; u.searchParams.set('q', 'a&b \
         c'); u.searchParams.append('q', '2'); u.port = 'x'; u.hash = 'é'; return u.href",
        json!("https://a.example/%C3%BC%20x?q=a%26b+c&q=2#%C3%A9"),
    );
    check(
        "const u = new URL('https://a.example/?a=1'); const q = u.searchParams; u.search = '?b=2'; \
         return [u.searchParams.get('b'), u.searchParams.get('a'), URL.canParse('x'), \
         URL.parse('x'), URL.parse('/y', 'https://a.example').href, typeof URL.part]",
        json!(["2", null, false, null, "https://a.example/y", "undefined"]),
    );
    let message = text("new URL('no url')", "{}");
    assert_eq!(message, "TypeError: not a URL: no url");
    check(
        "const q = new URLSearchParams('?b=2&a=1&b=3&c=%F0%9F%98%80+x'); q.sort(); \
         q.delete('b', '3'); return [[...q], q.get('c'), q.getAll('b'), q.has('a', '1'), q.size, \
         `${q}`, [...q.keys()], [...q.values()].length, q.get('none')]",
        json!([
            [["a", "1"], ["b", "2"], ["c", "😀 x"]],
            "😀 x",
            ["2"],
            true,
            3,
            "a=1&b=2&c=%F0%9F%98%80+x",
            ["a", "b", "c"],
            3,
            null
        ]),
    );
    check(
        "return [`${new URLSearchParams({ a: 1, b: 'x y' })}`, `${new URLSearchParams([['a', \
         '\\ud800']])}`]",
        json!(["a=1&b=x+y", "a=%EF%BF%BD"]),
    );
}

#[test]
fn bytes_and_text_are_converted() {
    check(
        "return [...new TextEncoder().encode('é😀\\ud800')]",
        json!([195, 169, 240, 159, 152, 128, 239, 191, 189]),
    );
    check(
        "const target = new Uint8Array(4); return [new TextEncoder().encodeInto('aé😀', target), \
         [...target]]",
        json!([{ "read": 2, "written": 3 }, [97, 195, 169, 0]]),
    );
    check(
        "const bytes = new Uint8Array([239, 187, 191, 97, 255]); return [new \
         TextDecoder().decode(bytes), new TextDecoder('UTF8', { ignoreBOM: true \
         }).decode(bytes.buffer).length, new TextDecoder().decode()]",
        json!(["a\u{fffd}", 3, ""]),
    );
    let fatal = "new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255]))";
    assert_eq!(text(fatal, "{}"), "TypeError: the bytes are not utf-8");
    assert!(text("new TextDecoder('utf-16')", "{}").starts_with("RangeError: "));
    check(
        "return [btoa('\\u00ff\\u00fea'), atob('//5h'), atob(' aGk= '), atob('aGk')]",
        json!(["//5h", "ÿþa", "hi", "hi"]),
    );
    assert!(text("btoa('€')", "{}").starts_with("InvalidCharacterError: "));
    assert!(text("atob('a')", "{}").starts_with("InvalidCharacterError: "));
    check(
        "const b = Buffer.from('é?>', 'utf8'); return [b.toString('base64'), b.toString('hex'), \
         b.toString('base64url'), b.toString(), b.toString('latin1'), Buffer.from('w6k', \
         'base64').toString(), Buffer.from('c3a9zz', 'hex').toString(), Buffer.from([104, \
         105]).toString('ascii'), b.length, Buffer.isBuffer(b), Buffer.concat([b, \
         Buffer.from('x')]).toString('utf-8', 2), \
         JSON.stringify(Buffer.from('a')), Buffer.byteLength('é'), \
         Buffer.from('a').equals(Buffer.from('a'))]",
        json!([
            "w6k/Pg==",
            "c3a93f3e",
            "w6k_Pg",
            "é?>",
            "Ã©?>",
            "é",
            "é",
            "hi",
            4,
            true,
            "?>x",
            "{\"type\":\"Buffer\",\"data\":[97]}",
            2,
            true
        ]),
    );
    check("return Buffer.from('x'.repeat(100000)).toString('latin1').length", json!(100_000));
    assert_eq!(text("Buffer.from('a', 'utf7')", "{}"), "TypeError: unknown encoding: utf7");
    assert!(text("Buffer.from(5)", "{}").starts_with("TypeError: "));
}

#[test]
fn what_takes_too_much_memory_fails_clearly() {
    for code in [
        "return new TextEncoder().encode('é'.repeat(2e7)).length",
        "return Buffer.from('x'.repeat(5e7)).toString('hex').length",
        "return atob('a'.repeat(4e7)).length",
    ] {
        assert!(matches!(reply(code, "{}", 7), Reply::OutOfMemory), "{code}");
    }
    let many = "const q = new URLSearchParams(); for (let i = 0; i < 2e4; i++) q.append('a', i); \
                return q.size";
    check(many, json!(20_000));
    let deep = "const d = {}; let c = d; for (let i = 0; i < 1e5; i++) { c.x = {}; c = c.x } \
                structuredClone(d)";
    assert!(text(deep, "{}").starts_with("RangeError: "));
}

#[test]
fn values_are_cloned_deeply() {
    check(
        "const o = { d: new Date(5), m: new Map([[1, { x: 1 }]]), s: new Set([1]), r: /a/gi, b: \
         new Uint8Array([1, 2]), e: new TypeError('no'), \
         n: null, u: undefined, big: 1n }; o.self = o; \
         const c = structuredClone(o); c.m.get(1).x = 2; c.b[0] = 9; return [c.self === c, c.d \
         instanceof Date, c.d.getTime(), o.m.get(1).x, [...c.s], `${c.r}`, o.b[0], c.e instanceof \
         TypeError, c.e.message, c.n, 'u' in c, c.big === 1n, Object.keys(c).length]",
        json!([true, true, 5, 1, [1], "/a/gi", 1, true, "no", null, true, true, 10]),
    );
    assert!(text("structuredClone(() => 1)", "{}").starts_with("DataCloneError: "));
    let own = "return structuredClone(JSON.parse('{\"__proto__\":{\"x\":1}}')).x === undefined";
    check(own, json!(true));
}

#[test]
fn randomness_follows_the_seed() {
    let code = "return [crypto.randomUUID(), crypto.randomUUID(), [...crypto.getRandomValues(new \
                Uint8Array(8))], Math.random()]";
    let result = |seed| match reply(code, "{}", seed) {
        Reply::Done { result, .. } => serde_json::from_str::<Value>(&result).unwrap(),
        other => panic!("{other:?}"),
    };
    let first = result(7);
    assert_eq!(result(7), first, "a run that is replayed computes the same");
    assert_ne!(result(8)[0], first[0]);
    assert_ne!(first[0], first[1]);
    let uuid = first[0].as_str().unwrap();
    assert!(uuid.len() == 36 && &uuid[14..15] == "4" && "89ab".contains(&uuid[19..20]), "{uuid}");
    assert!(text("crypto.getRandomValues(new Float64Array(1))", "{}").starts_with("TypeMismatch"));
    assert!(text("crypto.getRandomValues(new Uint8Array(65537))", "{}").starts_with("QuotaExc"));
}

/// Code from before them used `Math.random` alone.
#[test]
fn names_may_be_taken() {
    check("Buffer = 5; const URL = 6; return [Buffer, URL]", json!([5, 6]));
    assert_eq!(text("return URL", r#"{"URL":"x"}"#), "\"x\"");
    check("function atob() { return 1 } return atob()", json!(1));
    check(
        "Object.keys = null; Array.from = null; return new URL('http://a/').href",
        json!("http://a/"),
    );
}
