use flowgate_engine::call::{ModelCall, TurnCall};

use super::*;
use crate::model::wire::Enforcement;

const SHAPES: Shapes = Shapes {
    text: |text| json!({ "text": text }),
    pdf: |name, data| json!({ "pdf": data, "name": name }),
    image: |image| picture(image).map(|_| json!("image")),
    call: |id, name, arguments| json!({ "call": id, "name": name, "arguments": arguments }),
    result: |id, result| json!({ "result": id, "content": result.content }),
};

fn encoded(messages: Vec<ModelMessage>) -> Value {
    let call = ModelCall { messages, ..ModelCall::default() };
    let ask = Ask::new("p", "m", &call, Enforcement::Prompt);
    super::messages(&ask, &SHAPES).unwrap().into()
}

fn assistant(content: &str) -> ModelMessage {
    ModelMessage::Assistant { content: content.into() }
}

fn turn(provider: &str, message: Value) -> ModelMessage {
    let arguments = json!({ "n": 1 }).as_object().unwrap().clone();
    let call = TurnCall { id: "functions.t:0".into(), name: "t".into(), arguments, invalid: None };
    let content = "hm".to_owned();
    let turn = Turn { provider: provider.into(), content, calls: vec![call], message };
    ModelMessage::Turn { turn: turn.into() }
}

fn results() -> ModelMessage {
    let result = ToolResult {
        id: "functions.t:0".into(),
        name: "t".into(),
        content: "1".into(),
        is_error: false,
    };
    ModelMessage::Tools { results: vec![result] }
}

#[test]
fn users_and_assistants_take_turns() {
    let messages = vec![
        ModelMessage::system("s"),
        ModelMessage::user("a"),
        ModelMessage::system("t"),
        ModelMessage::user("b"),
        assistant("c"),
        assistant(" "),
        assistant("d"),
        ModelMessage::user("e"),
    ];
    assert_eq!(
        encoded(messages),
        json!([
            { "role": "user", "content": [{ "text": "a" }, { "text": "b" }] },
            { "role": "assistant", "content": [{ "text": "c" }, { "text": "d" }] },
            { "role": "user", "content": [{ "text": "e" }] }
        ])
    );
    assert_eq!(encoded(vec![assistant("")]), json!([]));
}

#[test]
fn only_its_own_provider_reads_a_turn_as_it_came() {
    let own = json!({ "role": "assistant", "content": [{ "signed": "x" }] });
    let result =
        |id: &str| json!({ "role": "user", "content": [{ "result": id, "content": "1" }] });
    assert_eq!(
        encoded(vec![turn("p", own.clone()), results()]),
        json!([own, result("functions.t:0")])
    );
    let rebuilt = json!({ "role": "assistant", "content": [
        { "text": "hm" }, { "call": "turn1_0", "name": "t", "arguments": { "n": 1 } }
    ] });
    for (provider, message) in [("q", own), ("p", Value::Null), ("p", json!({ "content": [] }))] {
        assert_eq!(
            encoded(vec![turn(provider, message), results()]),
            json!([rebuilt, result("turn1_0")])
        );
    }
}

/// Some providers count their calls from 0 in every turn.
#[test]
fn ids_are_unique_in_a_conversation() {
    let messages = vec![turn("q", Value::Null), results(), turn("q", Value::Null), results()];
    let text = encoded(messages).to_string();
    assert_eq!(text.matches("turn1_0").count(), 2, "{text}");
    assert_eq!(text.matches("turn2_0").count(), 2, "{text}");
}

#[test]
fn a_failure_has_words() {
    let check = |content: &str, is_error| {
        let (id, name) = (String::new(), String::new());
        said(&ToolResult { id, name, content: content.to_owned(), is_error }).to_owned()
    };
    assert_eq!(check("no such city", true), "no such city");
    assert_eq!(check(" ", true), "failed");
    assert_eq!(check("", false), "");
}

#[test]
fn a_picture_is_read_or_refused() {
    let base64 =
        |media_type: &str| Image::Base64 { media_type: media_type.into(), data: "AAAA".into() };
    let url = |url: &str| Image::Url(url.into());
    let check = |image: Image| match picture(&image) {
        Ok(Picture::Url(url)) => url.to_owned(),
        Ok(Picture::Data(format, data)) => format!("{format} {data}"),
        Err(error) => error.code,
    };
    assert_eq!(check(base64("image/png")), "png AAAA");
    assert_eq!(check(base64("IMAGE/JPG")), "jpeg AAAA");
    assert_eq!(check(base64("image/webp")), "webp AAAA");
    assert_eq!(check(url("https://example.com/a.png")), "https://example.com/a.png");
    assert_eq!(check(url("data:image/gif;base64,AAAA")), "gif AAAA");
    for unfit in [
        base64("image/tiff"),
        base64("application/pdf"),
        base64("png"),
        base64(""),
        url("data:image/png,AAAA"),
        url("data:text/plain;base64,AAAA"),
    ] {
        assert_eq!(check(unfit), "invalid_request");
    }
}
