use std::cell::RefCell;

use super::*;
use crate::expr::cel::Counted;

fn made(message: &Value) -> Result<Value, NodeError> {
    let counted = RefCell::new(Counted::default());
    mime(message, &Values::new(Vec::new(), &counted, "")).map(Option::unwrap)
}

fn head_of(message: &Value) -> String {
    let made = made(message).unwrap();
    made[0].as_str().unwrap().split_once("MIME-Version").unwrap().0.to_owned()
}

#[test]
fn headers_are_folded_and_encoded() {
    let check = |message: Value, expected: &str| assert_eq!(head_of(&message), expected);
    check(
        json!({ "to": "a@x.example", "subject": "Plain" }),
        "To: a@x.example\r\nSubject: Plain\r\n",
    );
    check(json!({ "subject": "Grüße" }), "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n");
    check(
        json!({ "subject": "=?UTF-8?B?YQ==?=" }),
        "Subject: =?UTF-8?B?PT9VVEYtOD9CP1lRPT0/PQ==?=\r\n",
    );
    check(
        json!({ "to": ["a@x.example, b@x.example", "\"Ä, \\\"B\\\"\" <c@x.example>"] }),
        "To: a@x.example,\r\n b@x.example,\r\n =?UTF-8?B?w4QsICJCIg==?= <c@x.example>\r\n",
    );
    check(
        json!({ "cc": "\"Doe, Jane\" <j@x.example>, Zoë <z@x.example>" }),
        "Cc: \"Doe, Jane\" <j@x.example>,\r\n =?UTF-8?B?Wm/Dqw==?= <z@x.example>\r\n",
    );
    check(json!({ "cc": "", "bcc": [], "subject": "", "to": " , " }), "");
    check(json!({ "references": "<1@x> <2@x>" }), "References: <1@x>\r\n <2@x>\r\n");
}

#[test]
fn no_line_of_a_head_is_too_long_for_mail_servers() {
    let long = "ü".repeat(5_000);
    let addresses: Vec<String> = (0..200).map(|at| format!("{at}@x.example")).collect();
    let head = head_of(&json!({
        "to": addresses, "subject": long, "from": format!("{long} <a@x.example>"),
        "references": "<1@x.example> ".repeat(200)
    }));
    assert!(head.split("\r\n").all(|line| line.len() <= 120), "{head}");
    assert!(head_of(&json!({ "subject": "a".repeat(3_000) })).lines().all(|it| it.len() < 100));
}

#[test]
fn a_field_cannot_add_a_header() {
    for name in HEADERS.map(|(name, _)| name) {
        for text in ["a\r\nBcc: b@x.example", "a\nb", "a\rb", "a\0b"] {
            let error = made(&json!({ name: text })).unwrap_err();
            assert_eq!(error.code, "invalid_field", "{name}");
            assert!(made(&json!({ name: ["a@x.example", text] })).is_err(), "{name}");
        }
    }
}

#[test]
fn texts_are_base64_with_the_line_ends_of_mails() {
    let made = made(&json!({ "text": "a\nb\r\nc" })).unwrap();
    let expected = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Transfer-Encoding: base64\r\n\r\nYQ0KYg0KYw==\r\n";
    assert_eq!(made, json!([expected]));
    let made = self::made(&json!({ "text": "x".repeat(200), "html": "<p>" })).unwrap();
    let text = made[0].as_str().unwrap();
    assert!(text.contains("multipart/alternative") && text.lines().all(|line| line.len() <= 100));
}

#[test]
fn attachments_are_pieces_with_their_names() {
    let file = json!({
        "$file": "file_0123456789abcdef0123456789abcdef", "name": "Übersicht; 1\".pdf",
        "type": "application/pdf", "size": 5, "sha256": "0".repeat(64)
    });
    let made = made(&json!({ "text": "a", "attachments": [file] })).unwrap();
    let pieces = made.as_array().unwrap();
    assert_eq!(pieces.len(), 4);
    let head = pieces[1].as_str().unwrap();
    assert!(
        head.contains(
            "Content-Disposition: attachment; filename=\"_bersicht; 1_.pdf\";\r\n \
         filename*=UTF-8''%C3%9Cbersicht%3B%201%22.pdf\r\n\r\n"
        ),
        "{head}"
    );
    assert_eq!(pieces[2]["$base64"]["name"], "Übersicht; 1\".pdf");
    let boundary = head.lines().nth(1).unwrap();
    assert_eq!(pieces[3].as_str().unwrap().trim(), format!("{boundary}--"));
    let wrong = json!({ "attachments": [{ "$file": "file_x", "name": "a\r\nb" }] });
    assert_eq!(self::made(&wrong).unwrap_err().code, "invalid_file");
}

#[test]
fn the_text_of_a_message_is_its_first_part_that_is_no_attachment() {
    let counted = RefCell::new(Counted::default());
    let payload = json!({
        "headers": [
            { "name": "References", "value": "<1@x>\r\n\t<2@x>" },
            { "name": "Subject", "value": "a  b" },
        ],
        "mimeType": "multipart/mixed",
        "parts": [
            { "mimeType": "text/plain", "filename": "notes.txt", "body": { "attachmentId": "A" } },
            { "mimeType": "multipart/alternative", "parts": [
                { "mimeType": "text/plain", "filename": "", "body": { "data": "w6k" } },
                { "mimeType": "text/html", "filename": "", "body": { "data": "PGI-" } }
            ] }
        ]
    });
    let read = mime_text(&payload, &Values::new(Vec::new(), &counted, "")).unwrap();
    let expected = json!({
        "from": null, "to": null, "cc": null, "reply_to": null, "subject": "a  b", "date": null,
        "message_id": null, "references": "<1@x> <2@x>", "text": "é", "html": "<b>"
    });
    assert_eq!(read, Some(expected));
}
