//! What is heard of an answer, and when.

use flowgate_app::event::NodeFigures;
use flowgate_engine::document::Document;
use proptest::prelude::*;

use super::*;

fn speech(thinks_aloud: bool) -> Speech {
    let speaker = Some(Speaker { node: "a".into(), thinks_aloud });
    Speech { speaker, ..Speech::default() }
}

fn chunk(node: &str, call: Option<&str>, text: &str) -> EventKind {
    EventKind::Chunk { node: node.into(), call: call.map(Into::into), text: text.to_owned() }
}

fn reset(node: &str, call: Option<&str>) -> EventKind {
    EventKind::NodeReset { node: node.into(), call: call.map(Into::into) }
}

fn finished(node: &str, status: NodeStatus) -> EventKind {
    EventKind::NodeFinished {
        node: node.into(),
        kind: "agent".into(),
        status,
        error: None,
        figures: NodeFigures::default(),
        output: None,
    }
}

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

fn check(
    thinks_aloud: bool,
    events: impl IntoIterator<Item = EventKind>,
    end: &str,
    expected: &[Heard],
) {
    let mut speech = speech(thinks_aloud);
    let mut heard: Vec<Heard> =
        events.into_iter().filter_map(|event| speech.event(&event)).collect();
    heard.extend(speech.end(end));
    assert_eq!(heard, expected);
}

#[test]
fn chunks_are_heard_as_they_come_and_the_rest_at_the_end() {
    let events = [chunk("a", None, "One"), chunk("b", None, "no"), chunk("a", None, ", two")];
    check(false, events, "One, two, three", &[text("One"), text(", two"), text(", three")]);
    check(false, [], "all", &[text("all")]);
    check(false, [], "", &[]);
}

#[test]
fn what_is_said_again_or_differs_at_the_end_takes_the_first_back() {
    let again = [
        reset("a", None),
        chunk("a", None, "Tw"),
        reset("b", None),
        reset("a", None),
        reset("a", None),
        chunk("a", None, "Two"),
    ];
    check(false, again, "Two", &[text("Tw"), Heard::TakenBack, text("Two")]);
    let other = [chunk("a", None, "One")];
    check(false, other, "Two", &[text("One"), Heard::TakenBack, text("Two")]);
}

#[test]
fn an_agent_with_tools_is_heard_once_it_has_finished() {
    let turns = [
        chunk("a", None, "Let me look."),
        reset("a", None),
        chunk("a", Some("turn2.tool0"), "a tool's own"),
        chunk("a", Some("turn2"), "It is "),
        chunk("a", Some("turn2"), "warm."),
        finished("a", NodeStatus::Succeeded),
    ];
    check(true, turns, "It is warm.", &[text("It is warm.")]);
    // A turn that was not taken back is not the answer either once another one speaks.
    let turns = [
        chunk("a", None, "Hm."),
        chunk("a", Some("turn2"), "Yes."),
        finished("a", NodeStatus::Succeeded),
    ];
    check(true, turns, "Yes.", &[text("Yes.")]);
    let failed = [chunk("a", None, "Hm."), finished("a", NodeStatus::Failed)];
    check(true, failed, "other", &[text("other")]);
}

#[test]
fn the_speaker_is_the_agent_whose_content_is_the_answer() {
    let speaker = |output: &str, more: &str| {
        let document = format!(
            "nodes:\n  \
             - {{ id: a, name: My Agent, type: agent, model: offline/echo, prompt: hi{more} }}\n  \
             - {{ id: t, type: template, template: x }}\noutput: {output}\n"
        );
        let (workflow, problems) = Workflow::compile(&Document::parse(&document).unwrap());
        Speech::of(&workflow.unwrap_or_else(|| panic!("{problems:?}"))).speaker
    };
    let agent = |thinks_aloud| Some(Speaker { node: "a".into(), thinks_aloud });
    assert_eq!(speaker("{ x: <a.content> }", ""), agent(false));
    assert_eq!(speaker("{ x: <myagent.content> }", ""), agent(false));
    assert_eq!(speaker("{ x: <t.content>, answer: <a.content> }", ""), agent(false));
    let tool = ", tools: [{ name: add, code: 'return 1' }]";
    assert_eq!(speaker("{ x: <a.content> }", tool), agent(true));
    for other in ["{ x: 'so: <a.content>' }", "{ x: <a.model> }", "{ x: <t.content> }"] {
        assert_eq!(speaker(other, ""), None, "{other}");
    }
    assert_eq!(speaker("{ x: <a.content>, y: <a.content> }", ""), None, "neither has the name");
}

fn events() -> impl Strategy<Value = Vec<EventKind>> {
    let call = prop_oneof![Just(None), Just(Some("turn2")), Just(Some("turn2.tool0"))];
    let event =
        (0..4, "[ab]", call, "[xyz]{0,3}").prop_map(|(kind, node, call, text)| match kind {
            0 | 1 => chunk(&node, call, &text),
            2 => reset(&node, call),
            _ => finished(&node, NodeStatus::Succeeded),
        });
    proptest::collection::vec(event, 0..40)
}

proptest! {
    /// A caller who joins what was heard, from the last time that it was taken back, has the text.
    #[test]
    fn what_is_heard_is_the_text(events in events(), end in "[xyz]{0,6}", thinks_aloud: bool) {
        let mut speech = speech(thinks_aloud);
        let mut all: Vec<Heard> = events.iter().filter_map(|event| speech.event(event)).collect();
        all.extend(speech.end(&end));
        let mut text = String::new();
        for heard in all {
            match heard {
                Heard::Text(more) => text.push_str(&more),
                Heard::TakenBack => text.clear(),
            }
        }
        prop_assert_eq!(text, end);
    }
}
