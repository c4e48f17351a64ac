//! Documents in the child: what is read of them, and hostile ones, which end their call alone.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_engine::call::{
    Action, Call, CallResult, HttpCall, Layout, Piece, ReadCall, Reading, RenderedUrl, Selector,
    Source,
};
use flowgate_outbound::Outbound;
use flowgate_tests::receiver::{Receiver, Reply};
use serde_json::{Value, json};

use crate::code::{CHILD, call as code, group, outbound};
use crate::outbound::user;

pub(crate) mod made;

use made::{docx, docx_of, paragraph, pdf, pdf_bomb, xlsx, zip};

const SHORT: Duration = Duration::from_secs(20);
const ROWS: Layout = Layout::Rows { header: true, sheet: None };

fn call(source: Source, reading: Reading, timeout: Duration) -> Call {
    let action = Action::Read(ReadCall { source, reading });
    Call { action, ..code("", json!({}), timeout) }
}

async fn read_with(outbound: &Outbound, source: Source, reading: Reading) -> Result<Value, String> {
    let call = call(source, reading, SHORT);
    match outbound.perform(&call, &user(), &group(), &mut |_| {}).await {
        CallResult::Succeeded(output) => Ok(output.value),
        CallResult::Failed(error) => Err(format!("{}: {}", error.code, error.message)),
    }
}

async fn read(bytes: &[u8], layout: Layout) -> Result<Value, String> {
    let source = Source::Base64(STANDARD.encode(bytes));
    read_with(&outbound(CHILD), source, Reading::File(layout)).await
}

async fn text(bytes: &[u8], layout: Layout) -> String {
    let value = read(bytes, layout).await.unwrap();
    value["text"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

async fn rows(bytes: &[u8], layout: Layout) -> Value {
    read(bytes, layout).await.unwrap()["rows"].take()
}

/// Fails with this code, and says this.
async fn fails(bytes: &[u8], layout: Layout, code: &str, says: &str) {
    let failed = read(bytes, layout).await.unwrap_err();
    assert!(failed.starts_with(&format!("{code}: ")) && failed.contains(says), "{failed}");
}

#[tokio::test]
async fn pdf_is_read() {
    let two = pdf(&["The first page.", "The second one."]);
    let expected = json!({
        "type": "pdf", "title": "The title", "text": "## The first page.\n\n## The second one.",
        "pages": null, "rows": null
    });
    assert_eq!(read(&two, Layout::Text).await, Ok(expected));
    let pages = read(&two, Layout::Pages).await.unwrap();
    assert_eq!(pages["pages"], json!(["## The first page.", "## The second one."]));
    assert_eq!(pages["text"], Value::Null);
    fails(&two, ROWS, "document_unsupported", "the PDF has no rows").await;
    let protected = include_bytes!("../../fixtures/documents/protected.pdf");
    fails(protected, Layout::Text, "document_protected", "password").await;
    fails(&two[..200], Layout::Text, "document_damaged", "the PDF is damaged").await;
    fails(&pdf(&[""]), Layout::Text, "document_empty", "holds no text").await;
}

#[tokio::test]
async fn docx_is_read() {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", text));
    let body = [
        paragraph("<w:pStyle w:val='Heading2'/>", "Plan"),
        paragraph("", "a &lt; b &#38; c"),
        paragraph("<w:numPr/>", "one"),
        paragraph("<w:numPr/>", "two"),
        format!("<w:tbl><w:tr>{}{}</w:tr><w:tr>{0}{1}</w:tr></w:tbl>", cell("x|y"), cell("z")),
        paragraph("", "The end."),
    ];
    let document = docx(&body.concat());
    let markdown = "## Plan\n\na < b & c\n\n- one\n- two\n\n| x\\|y | z |\n| --- | --- |\n\
                    | x\\|y | z |\n\nThe end.";
    assert_eq!(text(&document, Layout::Markdown).await, markdown);
    let plain = "Plan\n\na < b & c\n\n- one\n- two\n\nx|y\tz\nx|y\tz\n\nThe end.";
    assert_eq!(text(&document, Layout::Text).await, plain);
    assert_eq!(read(&document, Layout::Pages).await.unwrap()["title"], "Q & A");
}

fn cell(at: &str, text: &str) -> String {
    format!("<c r='{at}' t='inlineStr'><is><t>{text}</t></is></c>")
}

#[tokio::test]
async fn workbooks_are_read() {
    let number = |at: &str, value: &str| format!("<c r='{at}'><v>{value}</v></c>");
    let first = [
        format!("<row r='2'>{}{}{}</row>", cell("B2", "name"), cell("C2", "n"), cell("D2", "")),
        format!("<row r='3'>{}{}</row>", cell("B3", "a&amp;b"), number("C3", "2")),
        format!("<row r='5'>{}<c r='D5' t='b'><v>1</v></c></row>", number("C5", "1.5")),
    ];
    let book =
        xlsx(&[("One", &first.concat()), ("Two", &number("A1", "7"))], "<sst xmlns='MAIN'/>");
    let objects = json!([
        {"name": "a&b", "n": 2, "column3": null},
        {"name": null, "n": null, "column3": null},
        {"name": null, "n": 1.5, "column3": true}
    ]);
    assert_eq!(rows(&book, ROWS).await, objects);
    let sheet = |name: &str| Layout::Rows { header: false, sheet: Some(name.to_owned()) };
    assert_eq!(rows(&book, sheet("Two")).await, json!([[7]]));
    fails(&book, sheet("Three"), "document_no_sheet", "no sheet \"Three\", but \"One\"").await;
    let markdown = text(&book, Layout::Markdown).await;
    assert!(markdown.starts_with("## One\n\n| name | n |  |\n| --- | --- | --- |\n| a&b | 2 |  |"));
    assert!(markdown.ends_with("## Two\n\n| 7 |\n| --- |"), "{markdown}");
}

#[tokio::test]
async fn text_is_read_in_its_charset_and_csv_in_its_delimiter() {
    let csv = b"stra\xdfe;n\n\"a;b\";1\n";
    let expected = json!([{"straße": "a;b", "n": "1"}]);
    assert_eq!(rows(csv, ROWS).await, expected);
    assert_eq!(read(csv, ROWS).await.unwrap()["type"], "csv");
    assert_eq!(text("\u{feff}größer".as_bytes(), Layout::Text).await, "größer");
    fails(b"{\"a\": 1}", ROWS, "document_unsupported", "the JSON has no rows").await;
    let page = b"<!doctype html><title>T</title><h1>Hi</h1><script>x</script><p>you";
    assert_eq!(text(page, Layout::Markdown).await, "# Hi\n\nyou");
}

#[tokio::test]
async fn what_is_no_document_is_refused() {
    let lying = format!("data:application/pdf;base64,{}", STANDARD.encode(b"\x89PNG\r\n\x1a\n\0"));
    let outbound = outbound(CHILD);
    let reading = || Reading::File(Layout::Text);
    let failed = read_with(&outbound, Source::Base64(lying), reading()).await.unwrap_err();
    let expected = "document_unsupported: the document is a PNG image, whatever its type \
                    (application/pdf) says";
    assert_eq!(failed, expected);
    let failed = read_with(&outbound, Source::Base64("%".to_owned()), reading()).await.unwrap_err();
    assert!(failed.starts_with("invalid_field: `base64` is not base64"), "{failed}");
    fails(b"", Layout::Text, "document_empty", "is empty").await;
    fails(b"a\0b", Layout::Text, "document_unsupported", "unknown binary").await;
    fails(&zip(&[("a", "b")]), Layout::Text, "document_unsupported", "a ZIP archive").await;
    fails(b"PK\x03\x04cut", Layout::Text, "document_damaged", "ZIP").await;
    let wide = |text: &str| text.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<u8>>();
    let compound = |name: &str| [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &wide(name)[..]].concat();
    let protected = compound("EncryptedPackage");
    fails(&protected, Layout::Text, "document_protected", "password").await;
    fails(&compound("WordDocument"), Layout::Text, "document_unsupported", "old DOC").await;
}

/// Each ends within its limits, and the pool goes on.
#[tokio::test]
async fn bombs_are_clear_errors() {
    let strings = |inner: &str| format!("<sst xmlns='MAIN' {inner}</sst>");
    let one = "<row r='1'><c r='A1' t='s'><v>0</v></c></row>";
    let corners = "<row r='1'><c r='A1'><v>1</v></c></row>\
                   <row r='1048576'><c r='XFD1048576'><v>1</v></c></row>";
    let long = strings(&format!("><si><t>{}</t></si>", "a".repeat(300 << 20)));
    let unique = strings("uniqueCount='4000000000'><si><t>a</t></si>");
    let entity = "<!DOCTYPE x [<!ENTITY a 'b'>]><w:document>&a;</w:document>";
    let html = |inner: &str| format!("<html>{inner}").into_bytes();
    let attributes: String = (0..2_000).map(|number| format!("a{number}=1 ")).collect();
    let bombs = [
        (pdf_bomb(1 << 30), "document_too_large"),
        (xlsx(&[("S", corners)], "<sst xmlns='MAIN'/>"), "document_too_large"),
        (xlsx(&[("S", one)], &unique), "document_too_large"),
        (xlsx(&[("S", one)], &long), "document_too_large"),
        (docx_of(entity), "document_damaged"),
        (docx_of("<w:document>&a;</w:document>"), "document_damaged"),
        (docx_of(&"<a>".repeat(300)), "document_damaged"),
        (docx_of(&format!("<a>{}</a>", " ".repeat(100 << 20))), "document_too_large"),
        (html(&"<div>".repeat(100_000)), "document_too_large"),
        (html(&"<div><table><tr><td></div>".repeat(20_000)), "document_too_large"),
        (html(&format!("<p {}>", attributes)), "document_too_large"),
    ];
    let outbound = outbound(CHILD);
    for (index, (bomb, expected)) in bombs.into_iter().enumerate() {
        let began = Instant::now();
        let source = Source::Base64(STANDARD.encode(&bomb));
        let layout = if index < 4 && index > 0 { ROWS } else { Layout::Text };
        let failed = read_with(&outbound, source, Reading::File(layout)).await.unwrap_err();
        assert!(failed.starts_with(&format!("{expected}: ")), "{index}: {failed}");
        assert!(began.elapsed() < SHORT, "{index}");
        let next = Source::Text("next".to_owned());
        let read = read_with(&outbound, next, Reading::File(Layout::Text)).await.unwrap();
        assert_eq!(read["text"], "next");
    }
}

#[tokio::test]
async fn a_document_that_takes_too_long_is_given_up() {
    // Each paragraph looks at all before it.
    let (html, slow) = ("<p>x".repeat(100_000), "p.none ~ p");
    let select = Reading::Select(vec![selector("x", slow)]);
    let call = call(Source::Text(html), select, Duration::from_millis(300));
    let outbound = outbound(CHILD);
    let result = outbound.perform(&call, &user(), &group(), &mut |_| {}).await;
    let CallResult::Failed(error) = result else { panic!("{result:?}") };
    assert_eq!(error.code, "document_timeout", "{}", error.message);
}

fn selector(name: &str, css: &str) -> Selector {
    let (name, selector) = (name.to_owned(), css.to_owned());
    Selector { name, selector, attribute: None, html: false, all: false }
}

#[tokio::test]
async fn html_is_selected() {
    let html = "<meta charset=gbk><h1> Größe  <b>M</b></h1><a class=k href='/x'>one</a>\
                <a class=k>two</a>";
    let selectors = vec![
        selector("title", "h1"),
        selector("none", "h2"),
        Selector { all: true, ..selector("links", "a.k") },
        Selector { attribute: Some("href".to_owned()), all: true, ..selector("hrefs", "a.k") },
        Selector { html: true, ..selector("inner", "h1") },
        Selector { all: true, ..selector("nothing", "h3") },
    ];
    let outbound = outbound(CHILD);
    let source = || Source::Text(html.to_owned());
    let read = read_with(&outbound, source(), Reading::Select(selectors)).await.unwrap();
    let expected = json!({
        "title": "Größe M", "none": null, "links": ["one", "two"], "hrefs": ["/x"],
        "inner": " Größe  <b>M</b>", "nothing": []
    });
    assert_eq!(read["data"], expected);
    let wrong = vec![selector("a", "p..x"), selector("b", "h1"), selector("c", "[")];
    let failed = read_with(&outbound, source(), Reading::Select(wrong)).await.unwrap_err();
    assert_eq!(failed, "invalid_selector: not a CSS selector: `a`: p..x; `c`: [");
    let read = read_with(&outbound, source(), Reading::Html { markdown: true }).await.unwrap();
    assert_eq!(read["text"], "# Größe **M**\n\n[one](/x)two");
}

async fn fetch(url: &str, markdown: bool) -> Result<Value, String> {
    let url = RenderedUrl(vec![Piece::Text(url.to_owned())]);
    let request = HttpCall { method: "GET".to_owned(), url, ..HttpCall::default() };
    let settings = flowgate_outbound::OutboundSettings {
        allow_loopback: true,
        child_programs: vec![CHILD.into()],
        ..Default::default()
    };
    let outbound = Outbound::new(
        settings,
        std::sync::Arc::new(crate::outbound::StoredSecrets::default()),
        std::sync::Arc::new(crate::outbound::FixedClock),
    );
    read_with(&outbound, Source::Http(Box::new(request)), Reading::Page { markdown }).await
}

#[tokio::test]
async fn a_page_is_fetched_with_its_links_after_its_redirects() {
    const PAGE: &str = "<html><head><title>News</title></head><body><nav>menu</nav><h1>Hi</h1>\
                        <p>You <a href='b#c'>b</a> <a href='b'>again</a> <a href='mailto:x'>m</a>\
                        <a href='//c.example/'>c</a></body></html>";
    let receiver = Receiver::start(|request, _| {
        let headers = |name, value: &str| vec![(name, value.to_owned())];
        let status = axum::http::StatusCode::OK;
        match request.uri.path() {
            "/old" => {
                let found = axum::http::StatusCode::FOUND;
                Reply::With(found, headers("location", "/a/new"), String::new())
            }
            "/a/new" => Reply::With(status, headers("content-type", "text/html"), PAGE.to_owned()),
            "/pdf" => {
                let pdf = String::from_utf8(pdf(&["In a PDF."])).unwrap();
                Reply::With(status, headers("content-type", "text/html"), pdf)
            }
            "/picture" => {
                Reply::With(status, headers("content-type", "text/html"), "GIF89a\0".into())
            }
            "/none" => Reply::Now(status, String::new()),
            _ => Reply::Now(axum::http::StatusCode::NOT_FOUND, "{\"no\": 1}".to_owned()),
        }
    })
    .await;
    let url = |path: &str| format!("{}{path}", receiver.url);
    let read = fetch(&url("/old"), true).await.unwrap();
    let links = json!([
        {"url": url("/a/b"), "text": "b"}, {"url": "http://c.example/", "text": "c"}
    ]);
    let expected = json!({
        "type": "html", "title": "News", "links": links, "status": 200, "url": url("/a/new"),
        "text": "# Hi\n\nYou [b](b#c) [again](b) [m](mailto:x)[c](//c.example/)"
    });
    assert_eq!(read, expected);
    assert_eq!(fetch(&url("/a/new"), false).await.unwrap()["text"], "Hi\n\nYou b again mc");
    let pdf = fetch(&url("/pdf"), true).await.unwrap();
    assert_eq!((&pdf["type"], &pdf["text"]), (&json!("pdf"), &json!("## In a PDF.")));
    let failed = fetch(&url("/picture"), true).await.unwrap_err();
    assert!(failed.starts_with("document_unsupported: the document is a GIF image"), "{failed}");
    assert_eq!(fetch(&url("/none"), true).await.unwrap()["text"], "");
    let failed = fetch(&url("/gone"), true).await.unwrap_err();
    assert!(failed.starts_with("http_status: "), "{failed}");
    assert!(
        fetch("http://169.254.169.254/", true).await.unwrap_err().starts_with("refused_address")
    );
}
