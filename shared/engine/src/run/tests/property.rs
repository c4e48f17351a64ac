use proptest::prelude::*;

use super::*;

/// A node of a random graph: it refers to earlier ones, and may hang on a branch of an earlier
/// condition.
#[derive(Debug, Clone)]
struct Sketch {
    kind: u8,
    references: Vec<prop::sample::Index>,
    hangs_on: Option<(prop::sample::Index, bool)>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let references = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    (0..7u8, references, prop::option::of((any::<prop::sample::Index>(), any::<bool>())))
        .prop_map(|(kind, references, hangs_on)| Sketch { kind, references, hangs_on })
}

const FIELDS: [&str; 7] = ["content", "data", "branch", "results", "data", "results", "results"];

fn document(sketches: &[Sketch]) -> String {
    let nodes = sketches.iter().enumerate().map(|(index, sketch)| {
        let text: String = sketch
            .references
            .iter()
            .filter(|_| index > 0)
            .map(|other| {
                let other = other.index(index);
                format!("<n{other}.{}>", FIELDS[usize::from(sketches[other].kind)])
            })
            .collect();
        let mut node = match sketch.kind {
            0 => json!({"type": "template", "template": format!("{index}{text}")}),
            1 => json!({"type": "http", "url": format!("http://x/{index}{text}")}),
            2 => json!({
                "type": "condition",
                "branches": [{"name": "a", "if": format!("size('{index}') == 1")}, {"name": "b"}]
            }),
            3 => json!({
                "type": "parallel",
                "for": 3,
                "width": 2,
                "nodes": [{
                    "id": format!("i{index}"),
                    "type": "http",
                    "url": format!("http://x/<parallel.index>{text}")
                }]
            }),
            4 => json!({"type": "http", "url": format!("http://fails/{index}{text}")}),
            5 => json!({
                "type": "loop",
                "while": "<loop.last> == null || size(<loop.last>) < 3",
                "nodes": [{
                    "id": format!("i{index}"),
                    "type": "http",
                    "url": format!("http://x/<loop.index>{text}")
                }],
                "result": [format!("<i{index}.data>"), "<loop.last>", "<loop.last[0]>"],
                "break_when": "<loop.index> == 2"
            }),
            _ => json!({
                "type": "loop",
                "until": format!("<i{index}.data> != null && <loop.index> > 0"),
                "nodes": [{
                    "id": format!("i{index}"),
                    "type": "http",
                    "url": format!("http://x/{text}")
                }]
            }),
        };
        node["id"] = json!(format!("n{index}"));
        if let Some((other, first)) = sketch.hangs_on.as_ref().filter(|_| index > 0) {
            let other = other.index(index);
            let handle = match sketches[other].kind {
                2 => {
                    if *first {
                        ".a"
                    } else {
                        ".b"
                    }
                }
                4 if *first => ".error",
                _ => "",
            };
            node["after"] = json!([format!("n{other}{handle}")]);
        }
        node
    });
    json!({ "nodes": nodes.collect::<Vec<_>>() }).to_string()
}

/// Runs with calls answered in the order the picks say; one kind of call always fails.
fn run_with(workflow: &Arc<Workflow>, picks: &[prop::sample::Index]) -> (String, Run) {
    let mut run = start(workflow, json!({}));
    let (mut log, mut open) = (String::new(), Vec::new());
    let mut picks = picks.iter().cycle();
    loop {
        let (part, calls) = advance(&mut run);
        log.push_str(&part);
        open.extend(calls);
        if run.outcome().is_some() {
            return (log, run);
        }
        let (id, call) = open.remove(picks.next().unwrap().index(open.len()));
        let crate::Action::Http(http) = &call.action else { panic!() };
        let url = serde_json::to_string(&http.url).unwrap();
        let result = if url.contains("fails") {
            failed("broken", false)
        } else {
            ok(json!({ "data": url }))
        };
        writeln!(log, "answer {id}").unwrap();
        assert_eq!(run.complete(&id, result, 2_000), Completion::Final);
    }
}

fn count(log: &str, start: &str) -> usize {
    log.lines().filter(|line| line.starts_with(start)).count()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn order_decides_the_steps_and_only_those(
        sketches in prop::collection::vec(sketch(), 1..14),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        others in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
    ) {
        let workflow = compile(&document(&sketches));
        let (log, run) = run_with(&workflow, &picks);
        let (again, _) = run_with(&workflow, &picks);
        prop_assert_eq!(&log, &again);
        prop_assert_eq!(
            count(&log, "start "),
            count(&log, "end ") + count(&log, "fail ") + count(&log, "cancel ")
        );
        prop_assert_eq!(count(&log, "perform "), count(&log, "answer "));
        let (other_log, other) = run_with(&workflow, &others);
        match (run.outcome(), other.outcome()) {
            (Some(Outcome::Succeeded { output }), Some(Outcome::Succeeded { output: same })) => {
                prop_assert_eq!(output, same);
                let sorted = |log: &str| {
                    let lines = log.lines().filter(|line| !line.starts_with("wait"));
                    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
                    lines.sort();
                    lines
                };
                prop_assert_eq!(sorted(&log), sorted(&other_log));
            }
            (Some(Outcome::Failed { .. }), Some(Outcome::Failed { .. })) => {}
            (one, two) => prop_assert!(false, "{one:?} {two:?}"),
        }
    }

    #[test]
    fn cancelled_runs_end_at_once(
        sketches in prop::collection::vec(sketch(), 1..14),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..6)
    ) {
        let workflow = compile(&document(&sketches));
        let mut run = start(&workflow, json!({}));
        let (mut log, mut open) = advance(&mut run);
        for pick in picks {
            if open.is_empty() { break }
            let (id, _) = open.remove(pick.index(open.len()));
            run.complete(&id, ok(json!({"data": 1})), 2_000);
            let (part, calls) = advance(&mut run);
            log.push_str(&part);
            open.extend(calls);
        }
        run.cancel();
        log.push_str(&advance(&mut run).0);
        prop_assert!(run.outcome().is_some());
        prop_assert_eq!(
            count(&log, "start "),
            count(&log, "end ") + count(&log, "fail ") + count(&log, "cancel ")
        );
    }

    #[test]
    fn no_text_panics(text in "\\PC*", yaml in "[a-z<>{}.: \\[\\]\"'&*!|#,\\n-]{0,80}") {
        crate::expr::reference::scan(&text);
        let _ = crate::json::parse(text.as_bytes());
        for text in [text, yaml] {
            if let Ok(document) = Document::parse(&text) {
                let _ = Workflow::compile(&document);
            }
        }
    }

    #[test]
    fn json_means_what_serde_json_says(text in "[\\[\\]{}:,\"0-9eE.+\\-truefalsn\\\\u ]{0,24}") {
        if let Ok(ours) = crate::json::parse(text.as_bytes()) {
            prop_assert_eq!(&ours, &serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(crate::json::size(&ours), ours.to_string().len());
        }
    }
}
