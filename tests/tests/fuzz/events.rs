//! Event streams: what a client library decodes is what was sent, however the bytes are cut.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::budget::fuzz;
use crate::cli_sse::Frames;
use crate::words::odd_text;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Frame {
    event: String,
    id: Option<String>,
    data: String,
}

/// A reader by the standard's grammar: lines end with CR, LF or CRLF.
fn by_the_standard(text: &str) -> Vec<Frame> {
    frames(text.replace("\r\n", "\n").split(['\r', '\n']))
}

/// A reader as several Python libraries have it: `str.splitlines`, which ends lines at more
/// characters than the standard does.
fn by_splitlines(text: &str) -> Vec<Frame> {
    const ENDS: [char; 9] =
        ['\r', '\n', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}'];
    frames(text.replace("\r\n", "\n").split(|c| ENDS.contains(&c) || c == '\u{2029}'))
}

/// An unfinished frame at the end is dropped.
fn frames<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Frame> {
    let (mut all, mut frame, mut data) = (Vec::new(), Frame::default(), Vec::new());
    let lines: Vec<&str> = lines.collect();
    // What comes after the last end of a line is no line yet.
    for line in lines.iter().take(lines.len().saturating_sub(1)).copied() {
        if line.is_empty() {
            if !data.is_empty() {
                frame.data = std::mem::take(&mut data).join("\n");
                all.push(std::mem::take(&mut frame));
            }
            frame = Frame::default();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut frame.event),
            "id" => frame.id = Some(value.to_owned()),
            "data" => data.push(value.to_owned()),
            _ => {}
        }
    }
    all
}

const ECHO: &str = r#"
input: [{ name: x, type: string }]
nodes:
  - { id: draft, type: agent, model: offline/echo, echo_delay: 0s, prompt: "<api.x>" }
  - { id: say, type: template, template: "<api.x>" }
output: { said: <say.content> }
"#;

struct World {
    runtime: tokio::runtime::Runtime,
    server: TestServer,
}

impl World {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let server = runtime.block_on(async {
            let server = TestServer::start().await;
            server.publish("echo", ECHO).await;
            server
        });
        Self { runtime, server }
    }

    fn stream(&self, path: &str, body: &Value) -> String {
        self.runtime.block_on(async {
            let asked = self.server.post(path, ADMIN_KEY).header("accept", "text/event-stream");
            let response = asked.json(body).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
            assert!(kind.starts_with("text/event-stream"), "{kind}");
            String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap()
        })
    }
}

/// Text with all that ends a line somewhere.
fn text() -> impl Strategy<Value = String> {
    let ends = "[\r\n\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}a: ]{0,12}";
    prop_oneof![odd_text(12), (odd_text(3), ends, odd_text(3)).prop_map(|(a, b, c)| a + &b + &c)]
}

#[test]
fn streams_of_the_native_api() {
    let world = World::start();
    fuzz("streams_of_the_native_api", &text(), |x| {
        let body = json!({ "input": { "x": x } });
        let sent = world.stream("/v1/workflows/echo/runs", &body);
        let read = by_the_standard(&sent);
        prop_assert_eq!(&by_splitlines(&sent), &read, "{:?}", sent);
        prop_assert!(read.len() > 4, "{sent:?}");
        let mut chunks = String::new();
        for frame in &read {
            let data: Value = serde_json::from_str(&frame.data).unwrap();
            match (frame.event.as_str(), data["node"].as_str()) {
                ("chunk", Some("draft")) => chunks += data["text"].as_str().unwrap(),
                // A heavy one points to the run instead.
                ("run.finished", _) if data["output"].is_object() => {
                    prop_assert_eq!(&data["output"]["said"], &x);
                }
                _ => {}
            }
        }
        prop_assert_eq!(read.last().map(|frame| frame.event.as_str()), Some("run.finished"));
        prop_assert!(x.trim().is_empty() || chunks.contains(x.split_whitespace().next().unwrap()));
        Ok(())
    });
}

#[test]
fn streams_of_sim() {
    let world = World::start();
    fuzz("streams_of_sim", &text(), |x| {
        let body = json!({ "x": x, "stream": true, "selectedOutputs": ["say.content"] });
        let sent = world.stream("/api/workflows/echo/execute", &body);
        let read = by_the_standard(&sent);
        prop_assert_eq!(&by_splitlines(&sent), &read, "{:?}", sent);
        prop_assert_eq!(read.last().map(|frame| frame.data.as_str()), Some("[DONE]"));
        let said: String = read
            .iter()
            .filter_map(|frame| serde_json::from_str::<Value>(&frame.data).ok())
            .filter_map(|data| data["chunk"].as_str().map(str::to_owned))
            .collect();
        prop_assert_eq!(said, x);
        Ok(())
    });
}

/// The command line's own reader: the same frames however the bytes are cut, and those of the
/// standard.
#[test]
fn streams_that_are_cut_anywhere() {
    let line = prop_oneof![
        "(event|id|data|retry|:|x)(: ?[a-zé😀]{0,6})?",
        odd_text(3).prop_map(|text| text.replace(['\r', '\n'], "")),
        Just(String::new()),
    ];
    let stream = (prop::collection::vec((line, any::<bool>()), 0..20), 1..20_usize);
    fuzz("streams_that_are_cut_anywhere", &stream, |(lines, size)| {
        let text: String = lines
            .iter()
            .map(|(line, crlf)| format!("{line}{}", if *crlf { "\r\n" } else { "\n" }))
            .collect();
        let mut frames = Frames::default();
        let mut read = Vec::new();
        for bytes in text.as_bytes().chunks(size) {
            let some = frames.push(bytes).unwrap();
            read.extend(some.into_iter().map(|frame| Frame {
                event: frame.event,
                id: frame.id,
                data: frame.data,
            }));
        }
        prop_assert_eq!(read, by_the_standard(&text), "{:?}", text);
        Ok(())
    });
}
