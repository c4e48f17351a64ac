//! The odd requests, by what is odd about them.

use super::Expected::{self, NoFault, Once, Refused};
use super::Odd;

const KEY: &str = flowgate_tests::server::ADMIN_KEY;

pub(crate) fn all() -> Vec<Odd> {
    let groups = [
        methods(),
        versions(),
        targets(),
        paths(),
        header_lines(),
        header_values(),
        lengths(),
        chunks(),
        bodies(),
        sizes(),
        no_requests(),
    ];
    groups.into_iter().flatten().collect()
}

fn odd(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expected: Expected) -> Odd {
    Odd { name: name.into(), bytes: bytes.into(), expected }
}

/// A list of requests, each made of one part.
fn each(
    what: &str,
    parts: &[&str],
    expected: Expected,
    request: impl Fn(&str) -> String,
) -> Vec<Odd> {
    let named = |part: &&str| {
        let shown: String = part.chars().take(60).collect();
        odd(format!("{what} {shown:?}"), request(part), expected)
    };
    parts.iter().map(named).collect()
}

fn methods() -> Vec<Odd> {
    let health = |method: &str| format!("{method} /health HTTP/1.1\r\nhost: x\r\n\r\n");
    let start = |method: &str| {
        format!("{method} /v1/workflows/plain/runs HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n\r\n")
    };
    let wrong = [
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "TRACE",
        "CONNECT",
        "get",
        "Get",
        "PROPFIND",
        "MKCOL",
        "PURGE",
        "DEBUG",
        "LINK",
        "SEARCH",
        "GETT",
        "G",
        "A-B",
        "!#$%&'*+-.^_`|~",
    ];
    let broken = [
        "",
        " ",
        "G ET",
        "G\tET",
        "GET\t",
        "G\0ET",
        "G\u{e9}T",
        "(GET)",
        "GET,",
        "GET:",
        "\"GET\"",
        "GE\u{7f}T",
        "{GET}",
        "GET\u{b}",
        "\u{feff}GET",
        "\u{2028}GET",
    ];
    let long = "A".repeat(70_000);
    [
        each("method", &wrong, Refused, health),
        each("method", &broken, Refused, health),
        each("method", &["HEAD", "OPTIONS"], NoFault, health),
        each("start with", &["PUT", "PATCH", "DELETE", "TRACE", "post", "PoSt"], Refused, start),
        each("method", &[&long], Refused, health),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn versions() -> Vec<Odd> {
    let request = |version: &str| format!("GET /health {version}\r\nhost: x\r\n\r\n");
    let wrong = [
        "HTTP/2.0",
        "HTTP/3.0",
        "HTTP/1.2",
        "HTTP/0.9",
        "HTTP/9.9",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/11",
        "HTTP/1.1.1",
        "HTTP/-1.1",
        "HTTP/1.10",
        "http/1.1",
        "Http/1.1",
        "HTTPS/1.1",
        "HTTP 1.1",
        "HTTP/1,1",
        "HTTP/\u{661}.1",
        "ICY/1.0",
        "RTSP/1.0",
        "HTTP/1.1 x",
        "HTTP/1.1\0",
        "HTTP/1.1/",
        "/1.1",
        "1.1",
        "HTTP/ 1.1",
        "HTTP\\1.1",
    ];
    let none = ["GET /health\r\n\r\n", "GET /health\n\n", "GET\r\n\r\n", "/health\r\n\r\n"];
    let bytes = |text: &str| text.to_owned();
    let old =
        ["GET /health HTTP/1.0\r\n\r\n", "GET /health HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"];
    [
        each("version", &wrong, Refused, request),
        each("no version", &none, Refused, bytes),
        each("old version", &old, NoFault, bytes),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn targets() -> Vec<Odd> {
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
    let wrong = [
        "",
        " ",
        "health",
        "*",
        "//",
        "///",
        "////health",
        "/\\health",
        "\\health",
        "#",
        "/he alth",
        "/\u{7f}",
        "/\u{1}",
        "/\0",
        "/x\ty",
        "?",
        "%2Fhealth",
        "http:",
        "http:///health",
        "http://x y/health",
        "file:///etc/passwd",
        "gopher://x/",
        ":80",
        "@x",
        "[::1]",
        "<>",
    ];
    let strange = [
        "http://x/health",
        "http://other.example/health",
        "HTTP://X/health",
        "https://x/health",
        "http://user:pass@x/health",
        "http://127.0.0.1:1/health",
        "http://[::1]/health",
        "http://x:99999/health",
        "/health?",
        "/health?x=y",
        "/health?%",
        "/health?%00",
        "/health??",
        "/health#x",
        "/health?x=<script>",
        "/health?\u{e9}",
    ];
    [each("target", &wrong, Refused, request), each("target", &strange, NoFault, request)]
        .into_iter()
        .flatten()
        .collect()
}

fn paths() -> Vec<Odd> {
    let request =
        |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n\r\n");
    let wrong = [
        "/health/",
        "/Health",
        "/health/x",
        "/health%2f",
        "/health%2f..",
        "/health/..",
        "/./health",
        "/x/../health",
        "/%2e%2e/health",
        "/..%2fhealth",
        "/v1/../health",
        "/v1//runs",
        "/v1/runs/",
        "/v1/runs/..",
        "/v1/runs/%2e%2e",
        "/v1/runs/..%2f..%2fhealth",
        "/v1/runs/%00",
        "/v1/runs/%",
        "/v1/runs/%zz",
        "/v1/runs/%c0%af",
        "/v1/runs/%ff",
        "/v1/runs/%e2%80%a8",
        "/v1/runs/a%2fb",
        "/v1/runs/a%5cb",
        "/v1/runs/;x=y",
        "/v1/runs/run_%30",
        "/v1/runs/*",
        "/v1/runs/{run_id}",
        "/v1/workflows/%2e%2e%2fkeys",
        "/v1/workflows/..;/keys",
        "/v1/workflows/plain%00/runs",
        "/v1/workflows/plain%20/runs",
        "/v1/workflows/%70lain%2fruns",
        "/v1/workflows//runs",
        "/api/workflows/plain/executions/%2e%2e/status",
        "/api/jobs/..%2f..%2f",
        "/api/jobs/%0d%0a",
        "/v1/flow/plain/run/%0d%0aset-cookie:x",
        "/v1/secrets/..",
        "/v1/secrets/%2e%2e%2f",
        "/v1/secrets/A%0aB",
        "/.git/config",
        "/.env",
        "/etc/passwd",
        "/proc/self/environ",
        "/v1/runs/\u{e9}",
        "/v1/runs/\u{202e}",
        "/v1/keys/%",
        "/openapi.json/",
        "/openapi.yaml",
        "/v1",
        "/v1/",
        "/api",
        "/api/v2",
        "/api/v3/workflows/plain/execute",
        "/v2/workflows",
    ];
    let long = format!("/v1/runs/{}", "x".repeat(8_000));
    let deep = "/a".repeat(3_000);
    let percent = format!("/v1/runs/{}", "%61".repeat(3_000));
    [
        each("path", &wrong, Refused, request),
        each("long path", &[&long, &deep, &percent], Refused, request),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn header_lines() -> Vec<Odd> {
    let request = |line: &str| format!("GET /v1/workflows HTTP/1.1\r\nhost: x\r\n{line}\r\n\r\n");
    let broken = [
        "x",
        ":",
        ": x",
        " x: y",
        "\tx: y",
        "x : y",
        "x\t: y",
        "x y: z",
        "x\0: y",
        "x: \0",
        "x: a\0b",
        "x: a\u{1}b",
        "x: a\u{7f}b",
        "x\u{e9}: y",
        "(x): y",
        "x,y: z",
        "\"x\": y",
        "x\u{b}: y",
        "x: y\rz: w",
        "x: y\n z",
        "x: y\r\n z",
        "x: y\r\n\tz",
        "\r\nx: y",
        "=: x",
        "x@y: z",
        "{x}: y",
        "x/y: z",
        "x\\y: z",
        "[x]: y",
        "<x>: y",
        "x?: y",
        "x;y: z",
        "\u{feff}x: y",
        "host",
        "x:\r",
    ];
    let strange = [
        "x:",
        "x:y",
        "x:    y",
        "x: y   ",
        "X-A: \u{e9}",
        "x-a: \u{2028}",
        "x!: y",
        "_: _",
        "x_y: z",
        "connection: close",
        "connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x",
        "upgrade: tls/1.2",
        "te: trailers, chunked;q=0.5",
        "trailer: x",
        "keep-alive: timeout=999999",
        "via: 1.1 x",
        "max-forwards: 0",
        "range: bytes=0-0",
        "if-none-match: *",
        "if-modified-since: yesterday",
        "expect: 100-continue",
        "expect: x",
        "proxy-connection: keep-alive",
        "forwarded: for=x",
        "x-forwarded-host: evil.example",
        "x-http-method-override: DELETE",
        "x-original-url: /v1/keys",
        "x-rewrite-url: /v1/keys",
        "accept-encoding: gzip;q=9",
        "content-type: ,",
        "accept: ;;;",
        "cookie: a=b; c",
        "date: x",
        "origin: null",
        "access-control-request-method: \u{e9}",
    ];
    // No credential, so whatever else is odd about them, these are no success.
    [each("header", &broken, Refused, request), each("header", &strange, Refused, request)]
        .into_iter()
        .flatten()
        .collect()
}

fn header_values() -> Vec<Odd> {
    let request = |lines: &str| {
        format!(
            "POST /v1/workflows/plain/runs HTTP/1.1\r\n{lines}\r\ncontent-length: 2\r\n\r\n{{}}"
        )
    };
    let keyed = |line: &str| request(&format!("host: x\r\nx-api-key: {KEY}\r\n{line}"));
    let credentials = [
        "authorization: ",
        "authorization: Bearer",
        "authorization: Bearer \u{e9}",
        "authorization: Bearer\tx",
        "authorization: ,",
        "authorization: Negotiate AAAA",
        "x-api-key: ",
        "x-api-key: \u{e9}",
        "authorization: Bearer a\r\nauthorization: Bearer b",
    ];
    let values = [
        "prefer: wait=-1",
        "prefer: wait=99999999999999999999",
        "prefer: wait=1e3",
        "prefer: ;=,",
        "idempotency-key: \u{e9}",
        "accept: text/event-stream;q=\u{e9}",
        "content-type: \u{e9}",
        "content-encoding: gzip",
        "content-encoding: x",
        "traceparent: 00-00-00-00",
        "x-request-id: \u{e9}",
        "x-request-id: a b\tc",
        "expect: 100-continue",
        "content-type: text/html",
        "content-type: multipart/form-data",
        "last-event-id: x",
    ];
    let hosts = [
        "",
        "host:",
        "host: ",
        "host: x y",
        "host: a\r\nhost: b",
        "host: \u{e9}",
        "host: [",
        "host: x:99999",
        "host: /",
        "host: x@y",
        "host: \"",
        "host: <x>",
    ];
    let long = format!("authorization: Bearer {}", "x".repeat(20_000));
    [
        each("credential", &credentials, Refused, |line| request(&format!("host: x\r\n{line}"))),
        each("value", &values, NoFault, keyed),
        each("hosts", &hosts, Refused, request),
        each("credential", &[&long], Refused, |line| request(&format!("host: x\r\n{line}"))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A start whose framing is odd. A second request hides in what may be its body.
fn framed(lines: &str, body: &str) -> String {
    format!(
        "POST /v1/workflows/plain/runs HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n{lines}\r\n\r\n\
         {body}"
    )
}

fn lengths() -> Vec<Odd> {
    let broken = [
        "content-length: -1",
        "content-length: +2",
        "content-length: x",
        "content-length: 0x2",
        "content-length: 2 2",
        "content-length: 2,3",
        "content-length: 2;",
        "content-length: 2.0",
        "content-length: 1e1",
        "content-length: \u{662}",
        "content-length: 99999999999999999999999",
        "content-length: 18446744073709551616",
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 3\r\ncontent-length: 2",
        "content-length: ",
        "content-length: \"2\"",
        "content-length: 5000000",
        "content-length: 18446744073709551615",
        "content-length: 100",
    ];
    let strange = [
        "content-length: 2",
        "content-length: 02",
        "content-length: 2\r\ncontent-length: 2",
        "Content-Length:2",
        "content_length: 2",
    ];
    [
        each("length", &broken, Refused, |line| framed(line, "{}")),
        each("length", &strange, NoFault, |line| framed(line, "{}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn chunks() -> Vec<Odd> {
    const CHUNKED: &str = "transfer-encoding: chunked";
    let broken = [
        "x\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        " \r\n{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n{}",
        "fffffffffffffffff\r\n{}",
        "10000000000000000\r\n{}",
        "2\r\n{}x\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{",
        "2\r\n{}\r\n",
        "3\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "2\r{}\r0\r\r",
    ];
    let strange = [
        "2\r\n{}\r\n0\r\n\r\n",
        "02\r\n{}\r\n0\r\n\r\n",
        "2;a=b\r\n{}\r\n0\r\n\r\n",
        "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nx: y\r\n\r\n",
        "2\r\n{}\r\n000\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\ncontent-length: 9\r\n\r\n",
    ];
    let hidden = "2\r\n{}\r\n0\r\n\r\n";
    let codings = [
        "transfer-encoding: x",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: ",
        "transfer-encoding: chunked\r\ntransfer-encoding: x",
        "transfer-encoding: xchunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunkedx",
    ];
    let smuggled = "0\r\n\r\n";
    let mixed = [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "content-length: 0\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: identity, chunked",
        "Transfer-Encoding:chunked",
        "transfer-encoding:\tchunked",
        "transfer-encoding: CHUNKED",
        "transfer-encoding : chunked",
        " transfer-encoding: chunked",
        "x: y\r\n\ttransfer-encoding: chunked",
        "transfer_encoding: chunked\r\ncontent-length: 5",
    ];
    [
        each("chunk", &broken, Refused, |body| framed(CHUNKED, body)),
        each("chunk", &strange, NoFault, |body| framed(CHUNKED, body)),
        each("coding", &codings, Refused, |line| framed(line, hidden)),
        each("framing", &mixed, Once, |line| framed(line, smuggled)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn bodies() -> Vec<Odd> {
    let start = |body: &str| framed(&format!("content-length: {}", body.len()), body);
    let deep = "[".repeat(100_000);
    let objects = "{\"a\":".repeat(50_000);
    let zeros = format!("{{\"input\":{{\"n\":1{}}}}}", "0".repeat(100_000));
    let values = format!("{{\"input\":[{}1]}}", "1,".repeat(200_000));
    let wrong = [
        "[]",
        "1",
        "null",
        "\"x\"",
        "{",
        "}",
        "{\"a\"}",
        "{\"input\":1e400}",
        "{\"input\":{},\"input\":{}}",
        "{\"input\":NaN}",
        "{'input':{}}",
        "{\"input\":{}}x",
        "{\"input\":\"\\ud800\"}",
        "\0",
        "{}\0",
        "{\"input\":{\"__proto__\":1,\"__proto__\":2}}",
        "{\"unknown\":1}",
        "<x/>",
        "a=b&c=d",
        "---\na: b",
    ];
    [
        each("body", &wrong, Refused, start),
        each("large body", &[&deep, &objects, &zeros, &values], Refused, start),
        vec![
            odd("a body of bytes", bytes_framed(&[0xff, 0xfe, 0x00]), Refused),
            odd("half a character", bytes_framed(&[b'"', 0xc3, b'"']), Refused),
            odd("a gzip body", bytes_framed(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), Refused),
            odd("UTF-16", bytes_framed(b"\xff\xfe{\0}\0"), Refused),
        ],
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn bytes_framed(body: &[u8]) -> Vec<u8> {
    let head = framed(&format!("content-length: {}", body.len()), "");
    [head.as_bytes(), body].concat()
}

fn sizes() -> Vec<Odd> {
    let many = |count: usize| {
        let lines: String = (0..count).map(|n| format!("x-{n}: y\r\n")).collect();
        format!("GET /v1/workflows HTTP/1.1\r\nhost: x\r\n{lines}\r\n")
    };
    let value = |length: usize| {
        let value = "y".repeat(length);
        format!("GET /v1/workflows HTTP/1.1\r\nhost: x\r\nx: {value}\r\n\r\n")
    };
    let query = format!("GET /v1/workflows?{} HTTP/1.1\r\nhost: x\r\n\r\n", "a=b&".repeat(15_000));
    let query_of = |length: usize| {
        format!("GET /v1/workflows?x={} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(length))
    };
    vec![
        odd("99 headers", many(90), Refused),
        odd("101 headers", many(101), Refused),
        odd("10,000 headers", many(10_000), Refused),
        odd("a header of 60 kB", value(60_000), Refused),
        odd("a header of 600 kB", value(600_000), Refused),
        odd("a header of 4 MB", value(4_000_000), Refused),
        odd("15,000 parameters", query, Refused),
        odd("a query of 70 kB", query_of(70_000), Refused),
        odd("a query of 1 MB", query_of(1_000_000), Refused),
        odd(
            "a name of 70 kB",
            format!("GET / HTTP/1.1\r\n{}: y\r\n\r\n", "x".repeat(70_000)),
            Refused,
        ),
        odd("a body of 5 MB", framed("content-length: 5000000", &"x".repeat(5_000_000)), Refused),
    ]
}

/// Bytes that are no HTTP, or half of it.
fn no_requests() -> Vec<Odd> {
    let texts = [
        "",
        "\0",
        "\r\n",
        "\n\n\n\n",
        " ",
        "G",
        "GET",
        "GET ",
        "GET /",
        "GET /health",
        "GET /health HTTP/1.1",
        "GET /health HTTP/1.1\r\n",
        "GET /health HTTP/1.1\r\nhost: x",
        "GET /health HTTP/1.1\r\nhost: x\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HELO x\r\n",
        "EHLO x\r\nMAIL FROM:<x>\r\n",
        "SSH-2.0-x\r\n",
        "*1\r\n$4\r\nPING\r\n",
        "USER x\r\nPASS y\r\n",
        "STATS\r\n",
        "{}",
        "<xml/>",
        "HTTP/1.1 200 OK\r\n\r\n",
        "\u{feff}GET /health HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /health HTTP/1.1\rhost: x\r\r",
    ];
    let mut all = each("bytes", &texts, Refused, str::to_owned);
    let tls: &[u8] = &[0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3, 0, 1, 2, 3];
    let socks: &[u8] = &[5, 1, 0];
    let http2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let proxy: &[u8] = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /health HTTP/1.1\r\n\r\n";
    for (name, bytes) in [("TLS", tls), ("SOCKS", socks), ("HTTP/2", http2), ("PROXY", proxy)] {
        all.push(odd(name, bytes, Refused));
    }
    all.push(odd("every byte", (0..=255).collect::<Vec<u8>>(), Refused));
    all.push(odd("zeros", vec![0; 100_000], Refused));
    all
}
