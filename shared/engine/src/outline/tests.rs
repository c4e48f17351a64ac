use cpu_time::ThreadTime;
use serde_json::json;

use super::*;
use crate::Workflow;

fn outline(text: &str) -> Outline {
    let document = Document::parse(text).unwrap();
    let (_, _, outline) = Workflow::compile_with_outline(&document, &CompileOptions::default());
    outline
}

/// `from -branch-> to field: reference`
fn edges(outline: &Outline) -> Vec<String> {
    let shown = |edge: &OutlineEdge| {
        let OutlineEdge { from, to, branch, field, reference } = edge;
        let branch = branch.as_ref().map_or(String::new(), |branch| format!("-{branch}"));
        let field = field.as_ref().map_or(String::new(), |field| format!(" {field}"));
        let reference = reference.as_ref().map_or(String::new(), |path| format!(": {path}"));
        format!("{from} {branch}-> {to}{field}{reference}")
    };
    outline.edges.iter().map(shown).collect()
}

const SUPPORT: &str = r#"name: Support reply
input:
  - { name: ticket_id }
  - name: question
    description: What is asked
  - { name: tone, default: friendly }

nodes:
  # The ticket, from the shop.
  - id: ticket
    type: http
    url: https://shop.example/tickets/<api.ticket_id>?with=<api.input.tone>

  - id: research
    type: loop
    each: <ticket.data.queries>
    until: <digest.content> == "done"
    result: <digest.content>
    nodes:
      - { id: search, type: http, url: "{{SHOP}}/search?q=<loop.item>" }
      - id: digest
        name: The digest
        type: agent
        model: openai/gpt-4o-mini
        prompt: |
          <search.data> for <api.question>
          <ticket.data.body>

  - id: answer
    type: agent
    model: anthropic/claude-sonnet-4-5
    prompt: "<ticket.data.body> <research.results>"
    on_error: fail
    tools:
      - { name: search_docs, description: x, http: { url: "https://x/<tool.q>/<api.tone>" } }
      - { workflow: refund-policy }
      - { mcp: "https://mcp.example/x", prefix: shop }
      - { name: sum, description: x, code: return 1 }

  - id: confident
    type: condition
    branches:
      - { name: "yes", if: <answer.turns> > 0 }
      - { name: otherwise }
  - { id: reply, type: template, template: hi, after: [confident.yes] }
  - { id: failed, type: template, template: <answer.error>, after: [answer.error] }
  - { id: why, type: note, text: Because }

output:
  reply: <answer.content>
  all: { a: ["<answer.model>", "<api.input>"], r: <reply.content> }
"#;

#[test]
fn nodes_are_in_the_order_of_the_document() {
    let outline = outline(SUPPORT);
    let shown: Vec<String> = outline
        .nodes
        .iter()
        .map(|node| {
            let OutlineNode { id, kind, path, line, last_line, .. } = node;
            let parent = node.parent.as_deref().unwrap_or("-");
            let touches = node.touches.as_deref().unwrap_or("-");
            format!("{id} {kind} {path} {line}-{last_line} {parent} | {touches}")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "ticket http /nodes/0 10-12 - | GET /tickets/{ticket_id}?with=api.input.tone",
            "research loop /nodes/1 14-27 - | ticket.data.queries",
            "search http /nodes/1/nodes/0 20-20 research | GET /search?q=loop.item",
            "digest agent /nodes/1/nodes/1 21-27 research | gpt-4o-mini",
            "answer agent /nodes/2 29-38 - | claude-sonnet-4-5",
            "confident condition /nodes/3 40-44 - | answer.turns > 0",
            "reply template /nodes/4 45-45 - | hi",
            "failed template /nodes/5 46-46 - | answer.error",
            "why note /nodes/6 47-47 - | Because",
        ]
    );
    assert_eq!(outline.nodes[3].name.as_deref(), Some("The digest"));
    assert_eq!(outline.nodes[5].branches, ["yes", "otherwise"]);
    let tools: Vec<_> =
        outline.nodes[4].tools.iter().map(|tool| (&*tool.name, tool.kind)).collect();
    assert_eq!(
        tools,
        [("search_docs", "http"), ("refund-policy", "workflow"), ("shop", "mcp"), ("sum", "code")]
    );
    assert!(!outline.truncated);
}

#[test]
fn edges_say_what_is_read_and_where() {
    assert_eq!(
        edges(&outline(SUPPORT)),
        [
            "api -> ticket /nodes/0/url: ticket_id",
            "api -> ticket /nodes/0/url: tone",
            "ticket -> research /nodes/1/each: data.queries",
            "digest -> research /nodes/1/until: content",
            "digest -> research /nodes/1/result: content",
            "api -> answer /nodes/2/tools/0/http/url: tone",
            "ticket -> answer /nodes/2/prompt: data.body",
            "research -> answer /nodes/2/prompt: results",
            "answer -> confident /nodes/3/branches/0/if: turns",
            "confident -yes-> reply",
            "answer -error-> failed",
            "answer -error-> failed /nodes/5/template: error",
            "api -> output /output/all/a/1",
            "answer -> output /output/reply: content",
            "answer -> output /output/all/a/0: model",
            "reply -> output /output/all/r: content",
            "api -> digest /nodes/1/nodes/1/prompt: question",
            "ticket -> digest /nodes/1/nodes/1/prompt: data.body",
            "search -> digest /nodes/1/nodes/1/prompt: data",
        ]
    );
}

#[test]
fn the_gates_have_their_fields() {
    let outline = outline(SUPPORT);
    let inputs: Vec<_> = outline
        .inputs
        .iter()
        .map(|input| (&*input.path, &*input.name, input.input_type, input.required))
        .collect();
    assert_eq!(
        inputs,
        [
            ("/input/0", "ticket_id", "string", true),
            ("/input/1", "question", "string", true),
            ("/input/2", "tone", "string", false),
        ]
    );
    assert_eq!(outline.inputs[2].default, Some(json!("friendly")));
    assert_eq!(outline.inputs[1].description.as_deref(), Some("What is asked"));
    let outputs: Vec<_> = outline
        .outputs
        .iter()
        .map(|output| (&*output.path, &*output.name, &*output.value, output.sources.join(" ")))
        .collect();
    assert_eq!(
        outputs,
        [
            ("/output/reply", "reply", "<answer.content>", "answer".to_owned()),
            (
                "/output/all",
                "all",
                r#"{"a":["<answer.model>","<api.input>"],"r":"<reply.content>"}"#,
                "api answer reply".to_owned()
            ),
        ]
    );
}

#[test]
fn drafts_with_problems_have_an_outline() {
    let text = "
nodes:
  - { id: a, type: templat, template: '<b.content> <api.input.x>', after: [c.error, zz, a] }
  - { id: b, type: template }
  - { type: template, template: <b.content> }
  - { id: c, type: http, url: 7, after: c }
  - text
  - id: l
    type: loop
    result: <inner.content>
    nodes: [{ id: inner, type: template, template: <b.content> <nobody.x> <b.typo> }]
output: { x: <a.y>, z: 1 }
";
    let outline = outline(text);
    let ids: Vec<_> = outline.nodes.iter().map(|node| (&*node.id, &*node.kind)).collect();
    assert_eq!(
        ids,
        [
            ("a", "templat"),
            ("b", "template"),
            ("", "template"),
            ("c", "http"),
            ("l", "loop"),
            ("inner", "template")
        ]
    );
    assert_eq!(
        edges(&outline),
        [
            "c -error-> a",
            "api -> a /nodes/0/template: x",
            "b -> a /nodes/0/template: content",
            "inner -> l /nodes/5/result: content",
            "a -> output /output/x: y",
            "b -> inner /nodes/5/nodes/0/template: content",
            "b -> inner /nodes/5/nodes/0/template: typo",
        ]
    );
    assert_eq!(outline.nodes[0].touches, None);
    assert_eq!(outline.outputs.len(), 2);
    for text in ["{}", "nodes: 1", "nodes: []", "input: 3\noutput: []\nnodes: [[], 1]"] {
        assert_eq!(super::tests::outline(text), Outline::default(), "{text}");
    }
}

/// A compiled workflow and its problems are the same whether an outline is drawn or not.
#[test]
fn the_outline_adds_no_problem() {
    for text in [SUPPORT, "nodes: [{ id: a, type: x, template: '<b.c> {{K}}', after: 3 }]"] {
        let document = Document::parse(text).unwrap();
        let options = CompileOptions::default();
        let (workflow, problems) = Workflow::compile_with(&document, &options);
        let (outlined, with, _) = Workflow::compile_with_outline(&document, &options);
        assert_eq!((workflow.is_some(), problems), (outlined.is_some(), with));
    }
}

#[test]
fn lines_end_where_the_node_does() {
    let check = |text: &str, expected: &[(u32, u32)]| {
        let lines: Vec<_> =
            outline(text).nodes.iter().map(|node| (node.line, node.last_line)).collect();
        assert_eq!(lines, expected, "{text}");
    };
    check(
        "nodes:\n  - id: a\n    type: x\n\n  # b\n  - id: b\n    t: |\n      1\n\n      2\n\n",
        &[(2, 3), (6, 10)],
    );
    check(
        "nodes: [\n  { id: a,\n    t: [\n  1 ] # ]\n ,\n  },\n\n  {id: b}\n]\n",
        &[(2, 6), (8, 8)],
    );
    check(
        "{\"nodes\": [\n{\"id\": \"a\",\n\"b\": [1\n]\n},\n {\"id\": \"b\"}\n]}",
        &[(2, 5), (6, 6)],
    );
    check(
        "nodes:\n- id: a\n  t: >-\n    one\n    two\n  p: \"x\n    y\"\n\
         - id: b\n  q: plain\n    more\n- id: c\n  z:\n- id: d\n",
        &[(2, 7), (8, 10), (11, 12), (13, 13)],
    );
    check(
        "x: &n\n  id: a\n  type: x\nnodes:\n  - *n\n  - { <<: *n, id: b }\nend: 1\n",
        &[(5, 5), (6, 6)],
    );
}

#[test]
fn changes_are_of_values() {
    let check =
        |before: &str, after: &str, expected: &[(&str, Option<Change>)], removed: &[&str]| {
            let (then, now) = (Document::parse(before).unwrap(), Document::parse(after).unwrap());
            let options = CompileOptions::default();
            let (_, _, mut outline) = Workflow::compile_with_outline(&now, &options);
            outline.compare(&now, &then, &options);
            let changes: Vec<_> =
                outline.nodes.iter().map(|node| (&*node.id, node.change)).collect();
            assert_eq!(
                (changes.as_slice(), outline.removed.as_slice()),
                (expected, &removed.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..]),
                "{after}"
            );
        };
    let before = "
nodes:
  - { id: a, type: template, template: x }
  - { id: b, type: template, template: y }
  - { id: l, type: loop, for: 2, nodes: [{ id: i, type: template, template: z }] }
  - { id: gone, type: note, text: x }
";
    check(
        before,
        before,
        &[("a", None), ("b", None), ("l", None), ("i", None), ("gone", None)],
        &[],
    );
    let after = "
# moved, and written in another way
nodes:
  - id: l
    for: 2
    type: loop
    nodes:
      - { id: i, type: template, template: other }
      - { id: b, type: template, template: y }
  - template: x
    type: template
    id: a
  - { id: new, type: template, template: x }
  - { type: template, template: without an id }
";
    check(
        before,
        after,
        &[
            ("l", None),
            ("i", Some(Change::Changed)),
            ("b", Some(Change::Changed)),
            ("a", None),
            ("new", Some(Change::Added)),
            ("", Some(Change::Added)),
        ],
        &["gone"],
    );
}

/// The longest text of an outline, near enough.
fn size(outline: &Outline) -> usize {
    format!("{outline:?}").len()
}

#[test]
fn large_documents_have_small_outlines() {
    let id = |index: usize| format!("n{index:03}{}", "x".repeat(50));
    let reads = |index: usize| {
        (0..20).map(|at| format!("<{}.content{at}> ", id((index + at) % 500))).collect::<String>()
    };
    let many_reads =
        |index: usize| json!({ "id": id(index), "type": "template", "template": reads(index) });
    let branch = |at: usize| json!({ "name": format!("{at}{}", "y".repeat(150)), "if": "true" });
    let many_branches = |index: usize| {
        let branches: Vec<_> = (0..10).map(branch).collect();
        json!({ "id": id(index), "type": "condition", "branches": branches })
    };
    let nested = (0..40).fold(json!("<n000.x>"), |inner, _| json!({ "k".repeat(250): inner }));
    let deep: Vec<_> = (0..90).map(|at| json!([nested, { "at": at }])).collect();
    let reading = "<n000.x> ".repeat(100_000);
    for nodes in [
        (0..500).map(many_reads).collect::<Vec<_>>(),
        (0..500).map(many_branches).collect(),
        vec![json!({ "id": "n000", "type": "set", "values": { "x": "y".repeat(900_000) } })],
        vec![json!({ "id": "n000", "type": "output", "values": { "x": deep } })],
        vec![json!({ "id": "n001", "type": "template", "template": reading })],
    ] {
        let output = json!({ "z".repeat(256): "<n000.x>", "y": "<n000.x>" });
        let text = json!({ "nodes": nodes, "output": output }).to_string();
        let document = Document::parse(&text).unwrap();
        let started = ThreadTime::now();
        let options = CompileOptions::default();
        let (_, _, mut outline) = Workflow::compile_with_outline(&document, &options);
        outline.compare(&document, &document, &options);
        // A few milliseconds, without optimizations a few dozen.
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
        assert!(size(&outline) < 4 * MAX_BYTES && outline.edges.len() <= MAX_EDGES);
    }
}

/// A reference beyond the limits is left out, which the outline says.
#[test]
fn what_has_no_room_is_left_out() {
    let read = |at: usize| format!("<a.result[{at}]> ");
    let outline_of = |reads: usize| {
        let text: String = (0..reads).map(read).collect();
        let nodes = json!([
            { "id": "a", "type": "function", "code": "return [1]" },
            { "id": "b", "type": "template", "template": text },
        ]);
        outline(&json!({ "nodes": nodes }).to_string())
    };
    let (all, some) = (outline_of(200), outline_of(201));
    assert_eq!((all.edges.len(), all.truncated), (200, false));
    assert_eq!((some.edges.len(), some.truncated), (200, true));
}
