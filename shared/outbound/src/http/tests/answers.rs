//! How answers are read, bounded and refused.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flowgate_engine::call::{ReadAs, Status};

use super::*;

const LIMIT: usize = 4 * 1024 * 1024;

async fn read_as(
    read_as: Option<ReadAs>,
    headers: &str,
    body: impl AsRef<[u8]>,
) -> Result<Value, CallError> {
    let server = Server::answering(answer(200, headers, body)).await;
    world().send(HttpCall { read_as, ..get(&server.url) }).await
}

async fn read(headers: &str, body: impl AsRef<[u8]>) -> Result<Value, CallError> {
    read_as(None, headers, body).await
}

#[tokio::test]
async fn an_answer_is_read_as_its_content_type_says() {
    let check = async |content_type: &str, body: &[u8], expected: Value| {
        let headers = match content_type {
            "" => String::new(),
            content_type => format!("content-type: {content_type}\r\n"),
        };
        let data = read(&headers, body).await.unwrap()["data"].clone();
        assert_eq!(data, expected, "{content_type:?} {body:?}");
    };
    check("application/json", b"{\"a\":9007199254740993}", json!({"a": 9007199254740993_u64}))
        .await;
    check("application/json", b"\xef\xbb\xbf[-9223372036854775808]", json!([i64::MIN])).await;
    check("application/json", b"\xff\xfe[\x001\x00]\x00", json!([1])).await;
    check("application/json; charset=iso-8859-1", b"[\"\xe9\"]", json!(["é"])).await;
    check("application/problem+json", b"[1]", json!([1])).await;
    check("text/plain", b"{\"a\":1}", json!("{\"a\":1}")).await;
    check("", b"plain \xc3\xa9", json!("plain é")).await;
    check("text/plain", b"\xef\xbb\xbfa", json!("a")).await;
    check("text/plain", b"a\xffb", json!("a\u{fffd}b")).await;
    check("text/html; charset=windows-1252", b"\x80\xe9", json!("€é")).await;
    check("text/html; charset=Shift_JIS", b"\x93\xfa\x96\x7b", json!("日本")).await;
    check("text/html; charset=\"utf-16be\"", b"\x00a\x20\xac", json!("a€")).await;
    check("text/csv; charset=iso-8859-1", b"\xef\xbb\xbf\xc3\xa9", json!("é")).await;
    check("image/svg+xml", b"<svg/>", json!("<svg/>")).await;
    check("image/png", b"\x89PNG", json!("iVBORw==")).await;
    check("application/octet-stream", b"\x00", json!("AA==")).await;
    for empty in ["application/json", "text/plain", "image/png", ""] {
        check(empty, b"", Value::Null).await;
    }
    let image = read("content-type: Image/PNG; q=1\r\n", b"\x89PNG").await.unwrap();
    assert_eq!(image["content_type"], "image/png");
    let text = read("content-type: text/plain\r\n", b"x").await.unwrap();
    assert_eq!(text.get("content_type"), None);
}

#[tokio::test]
async fn answers_without_a_body_have_null() {
    for status in [204, 205, 304] {
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let server = Server::answering(head).await;
        let answer = world().send(get(&server.url)).await.unwrap();
        assert_eq!((&answer["status"], &answer["data"]), (&json!(status), &Value::Null));
    }
    let head = "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 7\r\n\
                content-type: application/json\r\ncontent-encoding: gzip\r\n\r\n";
    let server = Server::answering(head).await;
    let call = HttpCall { method: "HEAD".into(), ..get(&server.url) };
    assert_eq!(world().send(call).await.unwrap()["data"], Value::Null);
}

#[tokio::test]
async fn the_author_knows_better_than_the_content_type() {
    let check = async |how: ReadAs, content_type: &str, body: &[u8], expected: Value| {
        let headers = format!("content-type: {content_type}\r\n");
        let data = read_as(Some(how), &headers, body).await.unwrap()["data"].clone();
        assert_eq!(data, expected, "{how:?} {content_type}");
    };
    check(ReadAs::Json, "text/html", b"[1]", json!([1])).await;
    check(ReadAs::Text, "application/json", b"[1", json!("[1")).await;
    check(ReadAs::Text, "application/pdf", b"x", json!("x")).await;
    check(ReadAs::Base64, "text/plain; charset=nonsense", b"hi!", json!("aGkh")).await;
}

#[tokio::test]
async fn an_answer_that_is_not_what_it_says_is_a_failure() {
    for (how, headers, body, reason) in [
        (None, "content-type: application/json", "{\"a\":", "it says it is JSON and is not: "),
        (None, "content-type: application/json", "<html>", "it says it is JSON and is not: "),
        (None, "content-type: application/json", "{\"a\":1,\"a\":2}", "key \"a\" is given twice"),
        (
            None,
            "content-type: application/json",
            "[18446744073709551616]",
            "number is out of range",
        ),
        (Some(ReadAs::Json), "content-type: text/plain", "x", "it is not JSON: "),
        (
            None,
            "content-type: text/plain; charset=klingon",
            "x",
            "its charset \"klingon\" is unknown",
        ),
        (None, "content-type: text/plain; charset=iso-2022-kr", "x", "is unknown"),
        (None, "content-encoding: br", "x", "its content encoding \"br\" is not supported"),
        (None, "content-encoding: gzip, gzip", "x", "it is compressed more than once"),
        (None, "content-encoding: gzip", "not gzip at all", "not compressed as"),
        (None, "content-encoding: deflate", "not deflate", "not compressed as"),
    ] {
        let error = read_as(how, &format!("{headers}\r\n"), body).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("invalid_answer", false), "{headers}");
        assert!(error.message.contains(reason), "{headers}: {}", error.message);
    }
    let broken = read("content-type: application/json\r\n", b"[\"\xff\"]").await.unwrap_err();
    assert!(broken.message.ends_with("it is not text in its charset"), "{}", broken.message);
    let long = format!("{{\"{0}\":1,\"{0}\":2}}", "k".repeat(100_000));
    let error = read("content-type: application/json\r\n", long).await.unwrap_err();
    assert!(error.message.len() < 400, "{}", error.message.len());
    let left = error.output.unwrap();
    assert_eq!(left["status"], 200);
    assert_is_start(&left["data"]);
}

/// 64 KiB, without an end in which half a secret could stand.
fn assert_is_start(data: &Value) {
    let kept = data.as_str().unwrap().len();
    assert!((60 << 10..64 << 10).contains(&kept), "{kept}");
}

/// Wherever the body is cut, nothing is left of a secret that stands there.
#[tokio::test]
async fn a_failure_keeps_no_half_secret() {
    let start = 64 * 1024 - KEY.len();
    for before in (start..64 * 1024).step_by(3) {
        let body = format!("{}{KEY}{}", "x".repeat(before), "y".repeat(100));
        let server = Server::answering(answer(500, "", body.as_bytes())).await;
        let left = world().send(get(&server.url)).await.unwrap_err().output.unwrap();
        let data = left["data"].as_str().unwrap();
        assert!(data.bytes().all(|byte| byte == b'x'), "{before}: {}", &data[65_000..]);
    }
}

#[tokio::test]
async fn a_failure_keeps_what_was_answered() {
    let fail = async |status: u16, headers: &str, body: &[u8]| {
        let server = Server::answering(answer(status, headers, body)).await;
        let error = world().send(get(format!("{}/x?key=1", server.url))).await.unwrap_err();
        assert_eq!(error.code, "http_status");
        assert_eq!(error.message, format!("GET {}/x answered {status}", server.url));
        *error.output.unwrap()
    };
    let left = fail(422, "content-type: application/json\r\nx-a: b\r\n", b"{\"why\":\"no\"}").await;
    assert_eq!((&left["status"], &left["data"]), (&json!(422), &json!({"why": "no"})));
    assert_eq!(left["headers"]["x-a"], "b");
    let left = fail(500, "content-type: application/json\r\n", b"{\"why\":").await;
    assert_eq!(left["data"], "{\"why\":", "it says no other failure");
    let left = fail(500, "content-type: image/png\r\n", b"\x89PNG").await;
    assert_eq!((&left["data"], &left["content_type"]), (&json!("iVBORw=="), &json!("image/png")));
    let left = fail(500, "content-encoding: gzip\r\n", &gzip(b"oh")).await;
    assert_eq!(left["data"], "oh");
    let left = fail(500, "content-encoding: br\r\n", b"oh").await;
    assert_eq!(left["data"], Value::Null);
    let left = fail(500, "content-encoding: gzip\r\n", &gzip(&vec![b'x'; 10_000_000])).await;
    assert_is_start(&left["data"]);
    let left = fail(503, "", &vec![b'x'; 10_000_000]).await;
    assert_is_start(&left["data"]);
    assert_eq!(fail(404, "", b"").await["data"], Value::Null);
}

#[tokio::test]
async fn a_failure_waits_for_no_body_that_does_not_come() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let settings = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
    let error = world_at(settings, &[], Arc::new(Hasty)).send(get(url)).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), &error.output.unwrap()["status"]),
        ("http_status", &json!(500))
    );
}

#[tokio::test]
async fn a_failure_shows_no_secret() {
    let server = Server::start(|request| {
        let token = header(request, "x-token").unwrap_or_default();
        once(answer(400, &format!("x-echo: {token}\r\n"), format!("unknown {token} {KEY}")))
    })
    .await;
    let call = HttpCall { headers: vec![("x-token".into(), secret())], ..get(&server.url) };
    let left = world().send(call).await.unwrap_err().output.unwrap();
    assert_eq!(
        (&left["data"], &left["headers"]["x-echo"]),
        (&json!("unknown *** ***"), &json!("***"))
    );
}

#[tokio::test]
async fn the_author_says_which_status_is_no_failure() {
    let server = Server::answering(answer(404, "", "gone")).await;
    let accepting =
        |accept: &[Status]| HttpCall { accept: Some(accept.to_vec()), ..get(&server.url) };
    for accept in [&[Status::Any][..], &[Status::Class(4)], &[Status::Code(500), Status::Code(404)]]
    {
        let answer = world().send(accepting(accept)).await.unwrap();
        assert_eq!((&answer["status"], &answer["data"]), (&json!(404), &json!("gone")));
    }
    assert_eq!(world().code(accepting(&[Status::Class(2)])).await, "http_status");
    let fine = Server::answering(answer(200, "", "")).await;
    let call = HttpCall { accept: Some(vec![Status::Code(404)]), ..get(&fine.url) };
    let error = world().send(call).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("http_status", false));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compression_is_asked_for_and_undone() {
    let words: String = (0..200_000).map(|number| format!("{number} ")).collect();
    let long = words.as_bytes();
    let two_members = [gzip(&long[..9]), gzip(&long[9..])].concat();
    for (encoding, body) in [
        ("gzip", gzip(long)),
        ("x-GZip", gzip(long)),
        ("identity, gzip", gzip(long)),
        ("gzip", two_members),
        ("deflate", zlib(long)),
        ("deflate", raw_deflate(long)),
        ("identity", long.to_vec()),
        ("", long.to_vec()),
    ] {
        let server =
            Server::answering(answer(200, &format!("content-encoding: {encoding}\r\n"), body))
                .await;
        let data = world().send(get(&server.url)).await.unwrap()["data"].clone();
        assert!(data == words.as_str(), "{encoding}");
        let asked = header(&server.received()[0], "accept-encoding").map(str::to_owned);
        assert_eq!(asked.as_deref(), Some("gzip, deflate"));
    }
    for encoding in ["br", "zstd", "gzip, br", "aws-chunked"] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let error = read(&headers, b"\x0b\x02\x80oh\x03").await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("invalid_answer", false), "{encoding}");
        assert!(error.message.contains("content encoding"), "{}", error.message);
    }
    let short = read("content-encoding: gzip\r\ncontent-type: application/json\r\n", gzip(b"[1]"));
    assert_eq!(short.await.unwrap()["data"], json!([1]));
    let own = Server::answering(answer(200, "", "")).await;
    let headers = vec![("Accept-Encoding".into(), text("identity"))];
    world().send(HttpCall { headers, ..get(&own.url) }).await.unwrap();
    assert_eq!(header(&own.received()[0], "accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn what_is_cut_off_is_no_answer() {
    for (encoding, whole) in [
        ("gzip", gzip(b"all of it")),
        ("deflate", zlib(b"all of it")),
        ("deflate", raw_deflate(b"all of it")),
    ] {
        for length in 1..whole.len() {
            let headers = format!("content-encoding: {encoding}\r\n");
            let end = read(&headers, &whole[..length]).await.map_err(|error| error.code);
            // The checksum of zlib is the end of what stands for nothing.
            let is_whole = matches!(&end, Ok(answer) if answer["data"] == "all of it");
            assert!(
                is_whole || end == Err("invalid_answer".to_owned()),
                "{encoding} {length} {end:?}"
            );
            assert!(!is_whole || encoding == "deflate", "{encoding} {length}");
        }
    }
}

/// Answers with pieces, and counts the bytes that it could send.
async fn counting(
    head: String,
    pieces: impl Fn() -> Pieces + Send + Sync + 'static,
) -> (Server, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let server = Server::start(move |_| {
        let counted = counted.clone();
        let head = std::iter::once(head.clone().into_bytes());
        Box::new(head.chain(pieces()).inspect(move |piece| {
            counted.fetch_add(piece.len(), Ordering::SeqCst);
        }))
    })
    .await;
    (server, sent)
}

/// Fails as too large, and counts no more memory than the copies of the largest answer.
async fn check_too_large(server: &Server) {
    let world = world();
    let metered = Metered::new(world.memory.empty_charge(&Holder::of_key(None)));
    let error = world.send_counted(get(&server.url), &metered).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("value_too_large", false), "{error:?}");
    assert!(world.memory.used() <= 5 * LIMIT + crate::BYTES_OF_CALL, "{}", world.memory.used());
}

#[tokio::test]
async fn a_bomb_is_stopped() {
    let head = |encoding: &str| {
        format!("HTTP/1.1 200 X\r\nconnection: close\r\ncontent-encoding: {encoding}\r\n\r\n")
    };
    // 10 GB in 10 MB.
    let member = gzip(&vec![0; 10_000_000]);
    assert!(member.len() < 11_000);
    let pieces = move || -> Pieces { Box::new(std::iter::repeat_n(member.clone(), 1_000)) };
    let (server, sent) = counting(head("gzip"), pieces).await;
    check_too_large(&server).await;
    assert!(sent.load(Ordering::SeqCst) < 10_000_000);
    for (encoding, bomb) in [
        ("gzip", gzip(&vec![0; 100_000_000])),
        ("deflate", zlib(&vec![0; 100_000_000])),
        ("deflate", raw_deflate(&vec![0; 100_000_000])),
    ] {
        let (server, _) = counting(head(encoding), move || once(bomb.clone())).await;
        check_too_large(&server).await;
    }
    // Compressed bytes that stand for nothing.
    let empty = gzip(b"").repeat(4_000);
    let pieces = move || -> Pieces { Box::new(std::iter::repeat_n(empty.clone(), 10_000)) };
    let (server, sent) = counting(head("gzip"), pieces).await;
    check_too_large(&server).await;
    assert!(sent.load(Ordering::SeqCst) < 100_000_000);
}

#[tokio::test]
async fn an_answer_without_end_is_stopped() {
    let head = "HTTP/1.1 200 X\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    let pieces = move || -> Pieces { Box::new(std::iter::repeat_n(chunk.clone(), 16 * 1024)) };
    let (server, sent) = counting(head.to_owned(), pieces).await;
    check_too_large(&server).await;
    assert!(sent.load(Ordering::SeqCst) < 100_000_000, "of 1 GB");
    let head = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", LIMIT + 1);
    check_too_large(&Server::answering(head).await).await;
}

#[tokio::test]
async fn what_grows_as_text_is_bounded_too() {
    let full = vec![0x80; LIMIT];
    for headers in ["content-type: text/plain; charset=windows-1252", "content-type: image/png"] {
        let error = read(&format!("{headers}\r\n"), &full).await.unwrap_err();
        assert_eq!(error.code, "value_too_large", "{headers}");
    }
    let fits = read("content-type: text/plain\r\n", vec![b'x'; LIMIT]).await.unwrap();
    assert_eq!(fits["data"].as_str().unwrap().len(), LIMIT);
}
