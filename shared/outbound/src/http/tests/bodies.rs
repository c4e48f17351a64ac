//! What is sent: bodies, and what is left out.

use flowgate_engine::call::{Body, FormPart, IdempotencyKey, PartContent};

use super::*;

/// Sends a request with this body and returns what arrives.
async fn sent(body: Body) -> Result<String, CallError> {
    let server = Server::answering(answer(200, "", "")).await;
    let call = HttpCall { method: "POST".into(), body: Some(body), ..get(&server.url) };
    let sent = world().send(call).await;
    let received = server.received();
    assert_eq!(received.len(), usize::from(sent.is_ok()), "a fault is found before it goes out");
    sent.map(|_| received[0].clone())
}

fn part(name: &str, content: PartContent) -> FormPart {
    FormPart { name: name.into(), content, filename: None, content_type: None }
}

#[tokio::test]
async fn a_form_is_sent_as_browsers_send_it() {
    let fields = vec![
        ("a b".into(), text("ä&=+")),
        ("empty".into(), text("")),
        ("none".into(), null()),
        ("k".into(), secret()),
    ];
    let request = sent(Body::Form(fields)).await.unwrap();
    assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(body(&request), format!("a+b=%C3%A4%26%3D%2B&empty=&k={SECRET}"));
}

#[tokio::test]
async fn parts_are_sent_between_boundaries() {
    let file = FormPart {
        filename: Some("a\"b\r\n.png".into()),
        content_type: Some("image/png".into()),
        ..part("file", PartContent::Base64(text("iVBO\r\nRw==")))
    };
    let parts = vec![
        part("x\"\r\ny", PartContent::Value(text("--\r\n"))),
        file,
        part("none", PartContent::Value(null())),
        part("k", PartContent::Value(secret())),
    ];
    let request = sent(Body::Multipart(parts)).await.unwrap();
    let content_type = header(&request, "content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"x%22%0D%0Ay\"\r\n\r\n--\r\n\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; \
         filename=\"a%22b%0D%0A.png\"\r\ncontent-type: image/png\r\n\r\n\u{fffd}PNG\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"k\"\r\n\r\n{SECRET}\r\n\
         --{boundary}--\r\n"
    );
    assert_eq!(body(&request), expected);
}

#[tokio::test]
async fn a_boundary_depends_on_what_it_separates() {
    let boundary = async |content: &str| {
        let parts = vec![part("a", PartContent::Value(text(content)))];
        let request = sent(Body::Multipart(parts)).await.unwrap();
        header(&request, "content-type").unwrap().to_owned()
    };
    let first = boundary("a").await;
    assert_eq!(first, boundary("a").await, "every attempt is the same");
    let guessed = first.rsplit_once('=').unwrap().1.to_owned();
    assert_ne!(first, boundary(&guessed).await, "content cannot contain its own boundary");
}

#[tokio::test]
async fn bytes_are_sent_as_they_are() {
    let binary = |base64: Rendered, media_type: &str| {
        let media_type = media_type.to_owned();
        sent(Body::Binary { base64, media_type })
    };
    for base64 in ["aGkh", " aG\nkh ", "aGkhCg==", "aGkhCg"] {
        let request = binary(text(base64), "image/png").await.unwrap();
        assert_eq!(header(&request, "content-type"), Some("image/png"));
        assert_eq!(body(&request).trim_end(), "hi!", "{base64}");
    }
    for wrong in [text("aGk*"), text("a"), text("_-8="), Rendered::Json(json!({"a": 1})), null()] {
        let error = binary(wrong.clone(), "image/png").await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("invalid_base64", false), "{wrong:?}");
    }
    let error = binary(secret(), "image/png").await.unwrap_err();
    assert_eq!(error.message, "the base64 of `binary` is not base64");
    assert_eq!(binary(text("aGkh"), "a\r\nb: c").await.unwrap_err().code, "invalid_request");
    let bad_part = FormPart {
        content_type: Some("a\r\nb: c".into()),
        ..part("a", PartContent::Value(text("x")))
    };
    assert_eq!(sent(Body::Multipart(vec![bad_part])).await.unwrap_err().code, "invalid_request");
    let bad_part = part("doc", PartContent::Base64(text("*")));
    let error = sent(Body::Multipart(vec![bad_part])).await.unwrap_err();
    assert_eq!(error.message, "the base64 of `doc` is not base64");
}

#[tokio::test]
async fn the_author_may_set_the_content_type_of_bytes_but_not_of_parts() {
    let with_type = async |body: Body| {
        let server = Server::answering(answer(200, "", "")).await;
        let headers = vec![("content-type".into(), text("text/own"))];
        let call =
            HttpCall { method: "POST".into(), headers, body: Some(body), ..get(&server.url) };
        world().send(call).await.unwrap();
        header(&server.received()[0], "content-type").unwrap().to_owned()
    };
    let binary = Body::Binary { base64: text("aGkh"), media_type: "image/png".into() };
    assert_eq!(with_type(binary).await, "text/own");
    assert_eq!(with_type(Body::Plain(Rendered::Json(json!([])))).await, "text/own");
    assert_eq!(with_type(Body::Form(Vec::new())).await, "text/own");
    let parts = Body::Multipart(vec![part("a", PartContent::Value(text("b")))]);
    assert!(with_type(parts).await.starts_with("multipart/form-data; boundary="));
}

#[tokio::test]
async fn null_is_left_out_of_query_and_headers() {
    let server = Server::answering(answer(200, "", "")).await;
    let call = HttpCall {
        query: vec![("a".into(), null()), ("b".into(), text("")), ("c".into(), null())],
        headers: vec![("x-a".into(), null()), ("x-b".into(), text(""))],
        ..get(&server.url)
    };
    world().send(call).await.unwrap();
    let nothing = HttpCall { query: vec![("a".into(), null())], ..get(&server.url) };
    world().send(nothing).await.unwrap();
    let received = server.received();
    assert_eq!(line(&received[0]), "GET /?b=");
    assert_eq!(line(&received[1]), "GET /");
    assert!(received[0].contains("x-b: \r\n") && !received[0].contains("x-a"), "{}", received[0]);
}

#[tokio::test]
async fn an_idempotency_key_is_sent_unless_the_author_sets_the_header() {
    let server = Server::answering(answer(200, "", "")).await;
    let own = || ("Idempotency-Key".to_owned(), text("own"));
    let none = || ("Idempotency-Key".to_owned(), null());
    for (key, headers, expected) in [
        (None, vec![], None),
        (Some(IdempotencyKey::Auto), vec![], Some("made")),
        (Some(IdempotencyKey::Text("given".into())), vec![], Some("given")),
        (Some(IdempotencyKey::Auto), vec![own()], Some("own")),
        (Some(IdempotencyKey::Auto), vec![none()], Some("made")),
    ] {
        let call =
            HttpCall { idempotency_key: key, call_key: "made".into(), headers, ..get(&server.url) };
        world().send(call).await.unwrap();
        assert_eq!(header(server.received().last().unwrap(), "idempotency-key"), expected);
    }
    let split = HttpCall {
        idempotency_key: Some(IdempotencyKey::Text("a\r\nb: c".into())),
        ..get(&server.url)
    };
    assert_eq!(world().code(split).await, "invalid_header");
}
