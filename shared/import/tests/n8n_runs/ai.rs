//! Agents and what hangs on them.

use flowgate_engine::Action;
use serde_json::{Value, json};

use crate::Case;
use crate::drive::*;

pub(crate) const CASES: &[Case] = &[
    ("a chain", chain),
    ("an agent with all that hangs on it", agent),
    ("an answer with a schema", schema),
    ("text classifier", classifier),
];

fn said(content: &str) -> Value {
    json!({ "content": content, "model": "m", "finish_reason": "stop", "tool_calls": [],
        "tokens": { "input": 1, "output": 1, "total": 2 } })
}

/// What a call of a model says, as JSON.
fn asked(call: &flowgate_engine::Call) -> String {
    serde_json::to_string(&call.action).unwrap()
}

fn chain() {
    let prompt = json!({ "promptType": "define", "text": "=Say {{ $json.body.what }}" });
    let file = file(
        [
            hook(),
            ai("Chain", "chainLlm", 1.5, prompt),
            ai("Model", "lmChatOpenAi", 1.2, json!({ "model": { "value": "gpt-4o" } })),
            set("End", &[("said", "={{ $json.text }}!")]),
        ],
        "Hook > Chain > End; Model ~ai_languageModel> Chain",
    );
    let found = answer_with(&file, json!({ "what": "hi" }), &mut |_, call| {
        let call = asked(call);
        assert!(call.contains("Say hi") && call.contains("openai/gpt-4o"), "{call}");
        left(said("hi"))
    });
    assert_eq!(found, json!([{ "said": "hi!" }]));
}

fn agent() {
    let tool = json!({ "name": "twice", "description": "Doubles",
        "jsCode": "return String(2 * Number(query))" });
    let chat = json!({ "options": {} });
    let file = file(
        [
            ai("Chat", "chatTrigger", 1.1, chat),
            ai("Agent", "agent", 1.7, json!({ "options": { "systemMessage": "Be kind." } })),
            ai("Model", "lmChatAnthropic", 1.2, json!({})),
            ai("Memory", "memoryBufferWindow", 1.3, json!({})),
            ai("Tool", "toolCode", 1.1, tool),
        ],
        "Chat > Agent; Model ~ai_languageModel> Agent; Memory ~ai_memory> Agent; \
        Tool ~ai_tool> Agent",
    );
    let mut turns = 0;
    let input = json!({ "chatInput": "What is 2 * 21?", "sessionId": "s1" });
    let found = answer_with(&file, input, &mut |_, call| match &call.action {
        Action::Session(_) => left(json!({ "turns": [] })),
        Action::Model(_) => {
            turns += 1;
            let call = asked(call);
            assert!(call.contains("Be kind.") && call.contains("What is 2 * 21?"), "{call}");
            match turns {
                1 => {
                    let mut turn = said("");
                    turn["finish_reason"] = json!("tools");
                    let arguments = json!({ "query": "21" });
                    let calls = json!([{ "id": "c1", "name": "twice", "arguments": arguments }]);
                    turn["turn"] = json!({ "provider": "anthropic", "content": "",
                        "calls": calls, "message": {} });
                    left(turn)
                }
                _ => {
                    assert!(call.contains("42"), "{call}");
                    left(said("42"))
                }
            }
        }
        other => panic!("{other:?}"),
    });
    assert_eq!((found, turns), (json!({ "output": "42" }), 2));
}

fn schema() {
    let example = json!({ "jsonSchemaExample": "{ \"city\": \"Rome\", \"size\": 3 }" });
    let prompt = json!({ "promptType": "define", "text": "A city", "hasOutputParser": true });
    let file = file(
        [
            hook(),
            ai("Agent", "agent", 1.7, prompt),
            ai("Model", "lmChatOpenAi", 1.2, json!({})),
            ai("Parser", "outputParserStructured", 1.2, example),
            set("End", &[("city", "={{ $json.output.city }}"), ("all", "={{ $json.output }}")]),
        ],
        "Hook > Agent > End; Model ~ai_languageModel> Agent; Parser ~ai_outputParser> Agent",
    );
    let city = json!({ "city": "Rome", "size": 3 });
    let found = answer_with(&file, json!({}), &mut |_, call| {
        assert!(asked(call).contains("\"city\""));
        let mut answer = said(&city.to_string());
        answer["data"] = city.clone();
        left(answer)
    });
    assert_eq!(found, json!([{ "city": "Rome", "all": city }]));
}

fn classifier() {
    let categories = json!({ "categories": [{ "category": "Good" }, { "category": "Bad" }] });
    let parameters = json!({ "inputText": "={{ $json.body.text }}", "categories": categories });
    let file = file(
        [
            hook(),
            ai("Class", "textClassifier", 1.0, parameters),
            ai("Model", "lmChatOpenAi", 1.2, json!({})),
            set("G", &[("is", "=good: {{ $json.body.text }}")]),
            set("B", &[("is", "=bad: {{ $json.body.text }}")]),
        ],
        "Hook > Class > G; Class.1 > B; Model ~ai_languageModel> Class",
    );
    let found = answer_with(&file, json!({ "text": "no" }), &mut |_, call| {
        assert!(asked(call).contains("c2_bad"));
        let choice = json!({ "branch": "c2_bad", "reason": "x" });
        let mut answer = said(&choice.to_string());
        answer["data"] = choice;
        left(answer)
    });
    assert_eq!(found, json!([{ "is": "bad: no" }]));
}
