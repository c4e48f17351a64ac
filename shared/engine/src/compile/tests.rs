use std::fmt::Write as _;

use serde_json::json;

use crate::input::{InputRules, Undeclared};
use crate::workflow::*;
use crate::{Document, Problem, Severity};

fn compile_text(text: &str) -> (Option<Workflow>, Vec<Problem>) {
    Workflow::compile(&Document::parse(text).unwrap())
}

/// Every problem as `E line:column path message`.
fn problems(text: &str) -> Vec<String> {
    let (workflow, problems) = compile_text(text);
    let is_sound = problems.iter().all(|problem| problem.severity == Severity::Warning);
    assert_eq!(workflow.is_some(), is_sound, "{problems:#?}");
    let shown = |problem: &Problem| {
        let letter = if problem.severity == Severity::Error { 'E' } else { 'W' };
        format!(
            "{letter} {}:{} {} {}",
            problem.line.unwrap(),
            problem.column.unwrap(),
            problem.path,
            problem.message
        )
    };
    problems.iter().map(shown).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected, "{text}");
}

/// A document with the given nodes, in flow style from line 2 on.
fn nodes(nodes: &[&str]) -> String {
    let mut text = "nodes:\n".to_owned();
    for node in nodes {
        writeln!(text, "  - {{ {node} }}").unwrap();
    }
    text
}

#[test]
fn all_problems_come_at_once_with_their_places() {
    let text = "
nam: x
save: maybe
deadline: 8d
nodes:
  - { id: a, type: template, tmplate: x }
  - { id: a, type: templat }
  - { type: note, text: 1 }
  - { id: '-x', type: http, method: FETCH }
  - 7
output: [1]
webhook: { method: HEAD }
";
    check(
        text,
        &[
            "E 2:6 /nam unknown field `nam`; did you mean `name`?",
            "E 3:7 /save `save` must be true or false",
            "E 4:11 /deadline `deadline` must be a duration such as \"90s\" or \"10m\", from 1s to \
             7d",
            "E 6:5 /nodes/0 `template` is missing",
            "E 6:39 /nodes/0/tmplate unknown field `tmplate`; did you mean `template`?",
            "E 7:5 /nodes/1 `a` is already the id or name of the node `a` (/nodes/0)",
            "E 7:20 /nodes/1/type unknown type `templat`; did you mean `template`?",
            "E 8:5 /nodes/2 `id` is missing",
            "E 8:25 /nodes/2/text `text` must be text; put it in quotes",
            "E 9:5 /nodes/3 `url` is missing",
            "E 9:11 /nodes/3/id an id is 1 to 64 letters, digits, `_` and `-`, beginning with a \
             letter or digit (in quotes where it looks like a number)",
            "E 9:37 /nodes/3/method `method` must be one of GET, POST, PUT, PATCH, DELETE, HEAD, \
             OPTIONS",
            "E 10:5 /nodes/4 a node is an object with `id` and `type`",
            "E 11:9 /output `output` must be an object",
            "E 12:10 /webhook `url` is missing",
            "E 12:20 /webhook/method `method` must be one of GET, POST, PUT, PATCH, DELETE",
        ],
    );
}

#[test]
fn a_text_that_is_cut_off_at_a_comma_is_an_error() {
    check(
        &nodes(&[
            "id: a, type: webhook, url: 'http://x/', body: { t: H, <api.input.x>, you, k: , n: ~ }",
        ]),
        &[
            "E 2:74 /nodes/0/body/<api.input.x> `<api.input.x>` has no value; if it belongs to \
             `t`, put the text in quotes: `t: \"H, <api.input.x>\"`",
            "E 2:79 /nodes/0/body/you `you` has no value; if it belongs to `t`, put the text in \
             quotes: `t: \"H, <api.input.x>, you\"`",
        ],
    );
}

#[test]
fn json_documents_have_places_too() {
    check(
        "{\"nodes\": [\n {\"id\": \"a\", \"type\": \"template\",\n  \"template\": \
         \"<a.content>\"}]}",
        &["E 2:2 /nodes/0 `a` refers to itself"],
    );
}

#[test]
fn nodes_are_needed() {
    check("name: x", &["E 1:1  `nodes` is missing"]);
    check("nodes: {}", &["E 1:8 /nodes `nodes` must be a list"]);
    check("nodes: []", &["E 1:8 /nodes at least one node is needed"]);
    check(&nodes(&["id: a, type: note, text: x"]), &["E 2:3 /nodes at least one node is needed"]);
    check(&nodes(&["id: l, type: loop, for: 1"]), &["E 2:5 /nodes/0 `nodes` is missing"]);
}

#[test]
fn reserved_and_doubled_names_are_refused() {
    for id in ["api", "loop", "parallel", "variable", "LOOP"] {
        assert!(
            problems(&nodes(&[&format!("id: {id}, type: template, template: x")]))[0]
                .contains("is "),
            "{id}"
        );
    }
    check(&nodes(&["id: output, type: output, values: {}"]), &[]);
    check(
        &nodes(&[
            "id: a, name: 'My Agent', type: template, template: x",
            "id: myagent, type: template, template: x",
        ]),
        &["E 3:5 /nodes/1 `myagent` is already the id or name of the node `a` (/nodes/0)"],
    );
    check(&nodes(&["id: draft, name: Draft, type: template, template: x"]), &[]);
    check(&nodes(&["id: 3fa85f64-5717-4562-b3fc-2c963f66afa6, type: template, template: x"]), &[]);
    check(
        &nodes(&["id: a, type: input"]),
        &["E 2:20 /nodes/0/type the input is the workflow's `input` section, not a node"],
    );
}

#[test]
fn references_are_checked() {
    let with = |text: &str| {
        nodes(&[
            "id: t, type: template, template: x",
            &format!("id: u, type: template, template: '{text}'"),
        ])
    };
    check(
        &with("<t.content> <T.content[0].a> <br> <b>bold</b> a < b && c > d <div class=\"x.y\">"),
        &[],
    );
    check(
        &with("<t.foo>"),
        &["E 3:40 /nodes/1/template <t.foo>: `t` (template) has no field `foo`"],
    );
    check(
        &with("<t.contnt>"),
        &["E 3:40 /nodes/1/template <t.contnt>: `t` (template) has no field `contnt`; did you \
             mean `content`?"],
    );
    check(
        &with("<t[0]>"),
        &["E 3:40 /nodes/1/template <t[0]>: `t` leaves an object behind, not a list"],
    );
    check(
        &with("<tt.content>"),
        &["W 3:40 /nodes/1/template <tt.content> names no node and stays text"],
    );
    check(
        &with("<joe@x.org>"),
        &["W 3:40 /nodes/1/template <joe@x.org> looks like a reference but is none and stays text"],
    );
    check(
        &with("<t>"),
        &["W 3:40 /nodes/1/template <t> names a node but no field of it and stays text"],
    );
    check(
        &with("<variable.x>"),
        &["E 3:40 /nodes/1/template <variable.x>: nothing sets or declares `x`"],
    );
    check(
        &with("<loop.item>"),
        &["E 3:40 /nodes/1/template <loop.item> stands outside of any loop"],
    );
    check(
        &with("{{KEY}}"),
        &["E 3:40 /nodes/1/template the secret {{KEY}} cannot be used here: secrets are filled \
             in only on the way out, in urls, headers, queries and http bodies"],
    );
}

#[test]
fn near_misses_are_errors_with_the_right_spelling() {
    let with = |field: &str, text: &str| {
        let text = json!(text);
        format!(
            "{{\"input\": [{{\"name\": \"First Name\"}}, {{\"name\": \"a.b\"}}],\n\
             \"nodes\": [\n\
             {{\"id\": \"fetch\", \"type\": \"http\", \"url\": \"http://x\"}},\n\
             {{\"id\": \"d\", \"name\": \"Agent v1.2\", \"type\": \"template\", \
             \"template\": \"x\"}},\n\
             {{\"id\": \"t\", {field}: {text}}}]}}"
        )
    };
    let template = "\"type\": \"template\", \"template\"";
    let code = "\"type\": \"function\", \"code\"";
    for (text, right) in [
        ("<api.First Name>", "<api[\"First Name\"]>"),
        ("<api.input.First Name>", "<api.input[\"First Name\"]>"),
        ("<fetch.data.First Name>", "<fetch.data[\"First Name\"]>"),
        ("<fetch.data[First Name][0].x>", "<fetch.data[\"First Name\"][0].x>"),
        ("<fetch.data.@id>", "<fetch.data[\"@id\"]>"),
        ("<fetch.data[\"x]>", "<fetch.data.x>"),
        ("<fetch .data>", "<fetch.data>"),
        ("<fetch.data.x >", "<fetch.data.x>"),
        ("<fetch..data>", "<fetch.data>"),
        ("<Agent v1.2.content>", "<agentv12.content>"),
    ] {
        for (field, shown) in [(template, "template"), (code, "code")] {
            let found = problems(&with(field, text));
            let [problem] = found.as_slice() else { panic!("{text}: {found:?}") };
            let expected = format!("/nodes/2/{shown} {text} must be written {right}");
            assert!(problem.starts_with('E') && problem.ends_with(&expected), "{problem}");
        }
        check(&with(template, right), &[]);
        check(&with(code, &format!("return {right}")), &[]);
    }
    let cut = problems(&with(template, "<fetch.data | upper>"));
    assert!(cut[0].ends_with("<fetch.data | upper> must be written <fetch.data>"), "{cut:?}");
    let joined = problems(&with(template, "<api.a.b>"));
    assert!(joined[0].ends_with("; write <api[\"a.b\"]>"), "{joined:?}");

    for text in [
        "<b> <b class=\"x.y\"> a < fetch.data and c > d",
        "see <www.x.org> for more",
        "<joe@fetch.data>",
        "a <fetch.data {{",
    ] {
        let found = problems(&with(template, text));
        assert!(found.iter().all(|problem| problem.starts_with('W')), "{text}: {found:?}");
    }
    for text in ["a <fetch.data && c> d", "a <fetch.x, c> d", "a <fetch.x in c> d", "a<fetch>b"] {
        check(&with(code, text), &[]);
    }
}

#[test]
fn a_published_version_keeps_its_near_misses_as_text() {
    let text = "nodes: [{ id: a, type: template, template: x }, { id: b, type: template, \
                template: '<a.content.x y>' }]";
    let options = CompileOptions { is_published: true, ..CompileOptions::default() };
    let (workflow, problems) = Workflow::compile_with(&Document::parse(text).unwrap(), &options);
    assert!(workflow.is_some() && problems.len() == 1, "{problems:?}");
}

#[test]
fn the_input_is_referred_to_by_its_fields() {
    let with = |text: &str| {
        format!(
            "input: [{{ name: words }}]\nnodes: [{{ id: t, type: template, template: '{text}' }}]"
        )
    };
    check(&with("<api.words> <api.input.words> <api.input> <api.input.other>"), &[]);
    check(
        &with("<api.word>"),
        &["E 2:44 /nodes/0/template <api.word>: the input has no field `word`; did you mean \
           `words`?"],
    );
    check(
        "nodes: [{ id: t, type: template, template: '<api.input.x> <api.x>' }]",
        &["E 1:44 /nodes/0/template <api.x>: the workflow has no `input` section; write \
           <api.input.x>, or declare the field"],
    );
}

#[test]
fn nested_nodes_are_hidden_from_outside() {
    let text = "
nodes:
  - id: l
    type: loop
    for: 1
    nodes: [{ id: inner, type: template, template: '<loop.item> <loop.nothing> <l.results>' }]
  - { id: t, type: template, template: '<inner.content>' }
  - { id: u, type: template, after: inner, template: x }
";
    check(
        text,
        &[
            "E 6:13 /nodes/0/nodes/0 `l` is referred to from inside its own body",
            "E 6:52 /nodes/0/nodes/0/template <loop.nothing>: a loop has `item`, `index` and \
             `last`",
            "E 7:40 /nodes/1/template <inner.content>: `inner` is inside `l`; from outside, use \
             <l.results>",
            "E 8:37 /nodes/2/after `inner` is not in the same list of nodes; `after` cannot cross \
             into or out of a loop or parallel",
        ],
    );
}

#[test]
fn after_is_checked() {
    let with = |after: &str| {
        nodes(&[
            "id: c, type: condition, branches: [{ name: 'yes', if: 'true' }, { name: 'no' }]",
            "id: n, type: note, text: x",
            &format!("id: t, type: template, template: x, after: {after}"),
        ])
    };
    check(&with("[c.yes, C.no, c, c.error]"), &[]);
    check(&with("c.maybe"), &["E 4:50 /nodes/2/after `c` has no branch `maybe`"]);
    check(
        &with("[c.yess]"),
        &["E 4:51 /nodes/2/after/0 `c` has no branch `yess`; did you mean `yes`?"],
    );
    check(&with("x"), &["E 4:50 /nodes/2/after `x` names no node"]);
    check(&with("t"), &["E 4:50 /nodes/2/after `t` cannot come after itself"]);
    check(&with("n"), &["E 4:50 /nodes/2/after `n` is a note and never runs"]);
    check(
        &with("[api.x]"),
        &["E 4:51 /nodes/2/after/0 `api` is no condition: it has no branch `x`, only `api` and \
           `api.error`"],
    );
    check(
        &with("3"),
        &["E 4:50 /nodes/2/after `after` is a list of node ids, such as `[draft, check.yes, \
           fetch.error]`"],
    );
}

#[test]
fn cycles_are_named() {
    let text = nodes(&[
        "id: free, type: template, template: x",
        "id: a, type: template, template: '<c.content>'",
        "id: b, type: template, template: '<a.content>'",
        "id: c, type: template, template: x, after: [b, free]",
        "id: behind, type: template, template: '<c.content>'",
    ]);
    let found = problems(&text);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("these nodes wait for each other: `a` → `b` → `c` → `a`"),
        "{found:?}"
    );
    let lifted = "
nodes:
  - { id: a, type: template, template: '<l.results>' }
  - { id: l, type: loop, for: 1, nodes: [{ id: i, type: template, template: '<a.content>' }] }
";
    assert!(problems(lifted)[0].contains("wait for each other"), "{:?}", problems(lifted));
}

#[test]
fn common_fields_are_checked() {
    check(
        &nodes(&[
            "id: a, type: http, url: u, retry: { max_attempts: 11, backof: 1s }, timeout: 11m",
        ]),
        &[
            "E 2:57 /nodes/0/retry/max_attempts `max_attempts` must be a whole number from 1 to 10",
            "E 2:69 /nodes/0/retry/backof unknown field `backof`; did you mean `backoff`?",
            "E 2:84 /nodes/0/timeout `timeout` must be a duration such as \"90s\" or \"10m\", from \
             1ms to 10m",
        ],
    );
    check(
        &nodes(&["id: a, type: http, url: u, at_most_once: true, retry: { max_attempts: 2 }"]),
        &[],
    );
    check(
        &nodes(&["id: a, type: function, code: x, timeout: 61s"]),
        &["E 2:48 /nodes/0/timeout a function node takes at most 60 s"],
    );
    check(
        &nodes(&["id: a, type: template, template: x, timeout: 5s"]),
        &["W 2:52 /nodes/0/timeout `timeout` has no effect: a template node makes no call"],
    );
}

#[test]
fn size_is_bounded() {
    let many: Vec<String> =
        (0..501).map(|index| format!("id: n{index}, type: template, template: x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(problems(&nodes(&many)), ["E 502:5 /nodes/500 a workflow has at most 500 nodes"]);
    assert_eq!(problems(&nodes(&many[..500])), [""; 0]);
    let mut dense = "nodes:\n".to_owned();
    for index in 0..70 {
        let references: String = (0..index).map(|other| format!("<n{other}.content>")).collect();
        writeln!(dense, "  - {{ id: n{index}, type: template, template: 'x{references}' }}")
            .unwrap();
    }
    assert_eq!(
        problems(&dense),
        ["E 2:3 /nodes a workflow has at most 2000 edges, this one has 2415"]
    );
    let mut deep = "{ id: x, type: template, template: x }".to_owned();
    for depth in 0..11 {
        deep = format!("{{ id: l{depth}, type: loop, for: 1, nodes: [{deep}] }}");
    }
    let found = problems(&format!("nodes: [{deep}]"));
    assert!(found.len() == 1 && found[0].contains("nest at most 10 deep"), "{found:?}");
}

#[test]
fn nodes_are_found_by_id_and_name() {
    let text = "
input: [{ name: x }]
nodes:
  - { id: a-1, name: My Agent v1.2, type: template, template: x }
  - { id: l, type: loop, for: 1, nodes: [{ id: inner, type: note, text: x }, { id: t, type: template, template: x }] }
output: {}
";
    let (workflow, found) = compile_text(text);
    let workflow = workflow.unwrap_or_else(|| panic!("{found:?}"));
    let listed: Vec<_> = workflow.nodes().map(|node| (node.id.as_str(), &*node.kind)).collect();
    assert_eq!(
        listed,
        [
            ("api", "input"),
            ("a-1", "template"),
            ("l", "loop"),
            ("output", "output"),
            ("inner", "note"),
            ("t", "template")
        ]
    );
    for text in ["a-1", "A-1", "my agent V1.2", "MyAgentV12"] {
        assert_eq!(workflow.find_node(text).unwrap().id, "a-1");
    }
    assert_eq!(workflow.find_node("nobody"), None);
}

#[test]
fn settings_have_defaults() {
    let (workflow, _) = compile_text("nodes: [{ id: a, type: template, template: x }]");
    let workflow = workflow.unwrap();
    assert_eq!(
        (workflow.name.as_str(), workflow.deadline.as_secs(), workflow.save),
        ("", 86_400, true)
    );
    assert!(
        workflow.webhook.is_none()
            && workflow.input_fields().is_empty()
            && !workflow.declares_input()
    );
    let rules = InputRules { undeclared: Undeclared::Refuse, coerce: false };
    assert_eq!(workflow.accept_input(json!({"any": 1}), rules), Ok(json!({"any": 1})));
    let (workflow, _) = compile_text(
        "$schema: https://example.com/s.json\n\
         name: N\n\
         deadline: 1h30m\n\
         save: false\n\
         nodes: [{ id: a, type: template, template: x }]",
    );
    let workflow = workflow.unwrap();
    assert_eq!(
        (workflow.name.as_str(), workflow.deadline.as_secs(), workflow.save),
        ("N", 5_400, false)
    );
}

#[test]
fn the_designs_example_compiles() {
    let text = r#"
name: Illustrated story
input:
  - { name: character, type: string, description: Who the story is about }
  - { name: words, type: number, default: 80, value: 20 }
nodes:
  - { id: draft, type: agent, model: anthropic/claude-sonnet-4-5,
      prompt: "Write <api.words> words about <api.character>." }
  - { id: long, type: condition, branches: [ { name: "yes", if: "<api.words> > 100" }, { name: "no" } ] }
  - { id: picture, type: agent, after: [long.yes], model: openai/gpt-5-mini,
      prompt: "For this story: <draft.content>" }
  - { id: notify, type: webhook, url: "https://example.com/hook", body: { story: <draft.content> } }
output: { story: <draft.content>, picture: <picture.content> }
webhook: { url: "https://example.com/done" }
"#;
    check(text, &[]);
    let (workflow, _) = compile_text(text);
    assert_eq!(workflow.unwrap().sample_input(), json!({"words": 20}));
}

#[test]
fn hostile_documents_end_soon() {
    let key = "k".repeat(400_000);
    for text in [
        format!("{{\"{key}\": [{}]}}", vec!["1"; 90_000].join(",")),
        format!("{key}: [{}]", vec!["1"; 90_000].join(",")),
    ] {
        assert!(Document::parse(&text).is_err());
    }
    let many =
        nodes(&[&format!("id: t, type: template, template: '{}'", "<aa.b>".repeat(150_000))]);
    assert_eq!(problems(&many).len(), 500);
    let code: String = (0..40_000).map(|index| format!("<api.input.a{index}>;")).collect();
    assert_eq!(
        problems(&nodes(&[&format!("id: f, type: function, code: '{code}'")])),
        ["E 2:36 /nodes/0/code `code` refers to more than 500 different values"]
    );
    let unknown: String = (0..40_000).map(|index| format!("a{index}: 1\n")).collect();
    assert_eq!(problems(&unknown).len(), 500);
}

#[test]
fn reserved_words_are_no_names_to_refer_by() {
    check(
        &nodes(&[
            "id: a, name: Output, type: template, template: x",
            "id: output, name: output, type: output, values: {}",
        ]),
        &["W 2:20 /nodes/0/name the name `Output` is reserved: references reach this node by its \
           id only"],
    );
}
