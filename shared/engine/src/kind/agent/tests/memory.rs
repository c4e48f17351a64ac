//! Memory: what the model reads of earlier runs, and the turn that is added.

use serde_json::{Value, json};

use super::turns::{left, messages, said};
use crate::call::{Action, CallResult, Chunk};
use crate::run::tests::{advance, compile, drive, failed, ok, output_of, start};
use crate::{Call, CallId, Document, Workflow};

const CHAT: &str = "
input: [{ name: q, type: string }, { name: s, type: string, default: \"\" }]
nodes:
  - id: a
    type: agent
    model: openai/gpt-5-mini
    system: Be kind.
    messages: [{ role: system, content: Short. }, { role: user, content: Example? }]
    prompt: <api.q>
    memory: { session: '<api.s>', turns: 2 }
    tools: [{ name: add, code: 'return <tool.a> + <tool.b>' }]
output: { content: <a.content>, turns: <a.turns> }
";

fn session(call: &Call) -> Value {
    let Action::Session(session) = &call.action else { panic!("{call:?}") };
    serde_json::to_value(session).unwrap()
}

fn recalled() -> CallResult {
    ok(json!({ "turns": [
        { "user": "Hi", "assistant": "Hello" },
        { "user": "1+1?", "assistant": "2.",
          "tools": [{ "name": "add", "arguments": "{\"a\":1,\"b\":1}", "result": "2" }] },
    ] }))
}

fn answer(id: &CallId) -> CallResult {
    match id.place() {
        "a" => recalled(),
        "a/turn1" => said("Let me see.", &[("c1", "add", json!({ "a": 1, "b": 2 }))]),
        "a/turn1.tool0" => left(json!({ "result": 3, "stdout": "" })),
        "a/turn2" => said("3.", &[]),
        "a/memory.kept" => ok(json!({ "kept": 3 })),
        other => panic!("{other}"),
    }
}

#[test]
fn earlier_turns_come_before_the_prompt_and_the_new_one_is_added_once() {
    let mut run = start(&compile(CHAT), json!({ "q": "1+2?", "s": " chat " }));
    let mut seen = Vec::new();
    drive(&mut run, |id, call| {
        seen.push((id.place().to_owned(), call.clone()));
        answer(id)
    });
    let places: Vec<&str> = seen.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["a", "a/turn1", "a/turn1.tool0", "a/turn2", "a/memory.kept"]);
    let recall = json!({ "session": "chat", "request": { "recall": { "last": 2 } } });
    assert_eq!(session(&seen[0].1), recall);
    let earlier = json!([
        { "role": "system", "content": "Be kind." },
        { "role": "system", "content": "Short." },
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": "Hello" },
        { "role": "user", "content": "1+1?" },
        { "role": "assistant", "content":
          "[Used tools: Tool: add, Input: {\"a\":1,\"b\":1}, Result: 2]\n\n2." },
        { "role": "user", "content": "Example?" },
        { "role": "user", "content": "1+2?" },
    ]);
    assert_eq!(messages(&seen[1].1), earlier);
    let second = messages(&seen[3].1);
    assert_eq!(second.as_array().unwrap()[..8], earlier.as_array().unwrap()[..]);
    assert_eq!(second.as_array().unwrap().len(), 10);
    let turn = json!({
        "user": "1+2?", "assistant": "3.",
        "tools": [{ "name": "add", "arguments": "{\"a\":1,\"b\":2}", "result": "3" }],
    });
    let remember = json!({ "session": "chat", "request": { "remember": { "turn": turn } } });
    assert_eq!(session(&seen[4].1), remember);
    assert!(!seen[4].1.at_most_once);
    assert_eq!(output_of(&run).unwrap(), json!({ "content": "3.", "turns": 2 }));
}

#[test]
fn without_a_session_there_is_no_memory() {
    for none in [json!({ "q": "1+2?" }), json!({ "q": "1+2?", "s": "  " })] {
        let mut run = start(&compile(CHAT), none);
        let mut places = Vec::new();
        drive(&mut run, |id, call| {
            places.push(id.place().to_owned());
            match id.place() {
                "a" => {
                    assert_eq!(messages(call).as_array().unwrap().len(), 4);
                    said("3.", &[])
                }
                other => panic!("{other}"),
            }
        });
        assert_eq!(places, ["a"]);
    }
}

#[test]
fn what_fails_is_not_remembered() {
    let mut run = start(&compile(CHAT), json!({ "q": "x", "s": "s" }));
    let mut places = Vec::new();
    drive(&mut run, |id, _| {
        places.push(id.place().to_owned());
        if id.place() == "a" { recalled() } else { failed("filter", false) }
    });
    assert_eq!(places, ["a", "a/turn1"]);
    assert_eq!(output_of(&run), Err("filter".to_owned()));

    let mut run = start(&compile(CHAT), json!({ "q": "x", "s": "s" }));
    drive(&mut run, |id, _| {
        assert_eq!(id.place(), "a", "another's session is not read, and no model is asked");
        failed("session_of_another_key", false)
    });
    assert_eq!(output_of(&run), Err("session_of_another_key".to_owned()));
}

/// A reset would take the answer back from those who read it as it came.
#[test]
fn keeping_a_turn_takes_no_text_back() {
    let yaml = CHAT.replace("    tools: [{ name: add, code: 'return <tool.a> + <tool.b>' }]\n", "");
    let mut run = start(&compile(&yaml), json!({ "q": "x", "s": "s" }));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[0].0, recalled(), 2_000);
    let (_, calls) = advance(&mut run);
    run.progress(&calls[0].0, Chunk::Text("3.".to_owned()));
    run.complete(&calls[0].0, said("3.", &[]), 2_000);
    let (log, calls) = advance(&mut run);
    assert_eq!(calls[0].0.place(), "a/memory.kept");
    assert!(log.contains("chunk a/turn1 3.") && !log.contains("reset"), "{log}");
}

#[test]
fn fields_are_checked() {
    let problems = |memory: &str| -> Vec<String> {
        let yaml = CHAT.replace("{ session: '<api.s>', turns: 2 }", memory);
        let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
        problems
            .into_iter()
            .map(|problem| format!("{} {}", problem.path, problem.message))
            .collect()
    };
    assert_eq!(problems("{ session: '<api.s>' }"), [""; 0]);
    assert_eq!(
        problems("{ turns: 0, sesion: x }"),
        [
            "/nodes/0/memory `session` is missing",
            "/nodes/0/memory/turns `turns` must be a whole number from 1 to 100",
            "/nodes/0/memory/sesion unknown field `sesion`; did you mean `session`?",
        ]
    );
    assert!(problems("{ session: '{{KEY}}' }")[0].contains("cannot be used here"));
    let run = |session: Value| {
        let mut run = start(&compile(CHAT), json!({ "q": "x", "s": session }));
        drive(&mut run, |id, _| panic!("{id}"));
        output_of(&run)
    };
    assert_eq!(run(json!("x".repeat(257))), Err("invalid_session".to_owned()));
}
