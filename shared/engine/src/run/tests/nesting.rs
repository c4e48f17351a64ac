use super::*;

#[test]
fn a_loop_goes_through_its_items_in_order() {
    let yaml = "
nodes:
  - { id: who, type: template, template: Ada }
  - id: each
    type: loop
    each: <api.input.list>
    nodes:
      - { id: a, type: template, template: '<loop.index>:<loop.item>' }
      - { id: b, type: template, template: '<who.content> <a.content>' }
output: { all: <each.results>, first: '<each.results[0].content>' }
";
    assert_eq!(
        output(yaml, json!({"list": ["x", 2]})),
        json!({"all": [{"content": "Ada 0:x"}, {"content": "Ada 1:2"}], "first": "Ada 0:x"})
    );
    assert_eq!(output(yaml, json!({"list": []})), json!({"all": [], "first": null}));
    assert_eq!(output(yaml, json!({"list": null})), json!({"all": [], "first": null}));
    assert_eq!(error(yaml, json!({"list": {}})).code, "not_a_list");
    assert_eq!(error(yaml, json!({"list": vec![0; 1001]})).code, "too_many_iterations");
}

#[test]
fn a_loop_counts() {
    let yaml = |count: &str| {
        format!(
            "nodes: [{{ id: l, type: loop, for: {count}, result: <loop.item>, nodes: [{{ id: t, \
             type: template, template: x }}] }}]"
        )
    };
    assert_eq!(output(&yaml("3"), json!({})), json!({"results": [0, 1, 2]}));
    assert_eq!(output(&yaml("<api.input.n>"), json!({"n": 2.0})), json!({"results": [0, 1]}));
    assert_eq!(output(&yaml("<api.input.n>"), json!({})), json!({"results": []}));
    for bad in [json!(-1), json!(1.5), json!("2"), json!([])] {
        assert_eq!(error(&yaml("<api.input.n>"), json!({ "n": bad })).code, "not_a_count");
    }
    assert_eq!(error(&yaml("<api.input.n>"), json!({"n": 1e300})).code, "not_a_count");
    assert_eq!(error(&yaml("<api.input.n>"), json!({"n": 1001})).code, "too_many_iterations");
}

const PAGES: &str = "
nodes:
  - id: pages
    type: parallel
    each: [a, b, '<api.input.third>']
    width: 2
    nodes:
      - { id: page, type: http, url: 'http://x/<parallel.item>' }
      - { id: text, type: template, template: '<parallel.index>=<page.data>' }
    result: <text.content>
output: { pages: <pages.results> }
";

#[test]
fn a_parallel_is_as_wide_as_allowed_and_keeps_the_order() {
    let mut run = start(&compile(PAGES), json!({"third": "c"}));
    let (log, calls) = advance(&mut run);
    assert_eq!(
        log,
        "start api\n\
         end api {\"third\":\"c\"}\n\
         start pages\n\
         start pages[0]/page\n\
         perform pages[0]/page#0\n\
         start pages[1]/page\n\
         perform pages[1]/page#0\n\
         wait 2\n"
    );
    run.complete(&calls[1].0, ok(json!({"data": "B"})), 2_000);
    let (log, third) = advance(&mut run);
    assert_eq!(
        log,
        "end pages[1]/page {\"data\":\"B\"}\n\
         start pages[1]/text\n\
         end pages[1]/text {\"content\":\"1=B\"}\n\
         start pages[2]/page\n\
         perform pages[2]/page#0\n\
         wait 2\n"
    );
    run.complete(&third[0].0, ok(json!({"data": "C"})), 2_000);
    advance(&mut run);
    run.complete(&calls[0].0, ok(json!({"data": "A"})), 2_000);
    advance(&mut run);
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded { output: json!({"pages": ["0=A", "1=B", "2=C"]}) })
    );
}

#[test]
fn a_failure_inside_takes_the_run_down_and_waits_for_its_siblings() {
    let mut run = start(&compile(PAGES), json!({"third": "c"}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[0].0, failed("http_status", true), 2_000);
    assert_eq!(advance(&mut run).0, "fail pages[0]/page http_status\nwait 1\n");
    run.complete(&calls[1].0, ok(json!({"data": "B"})), 2_000);
    assert_eq!(
        advance(&mut run).0,
        "end pages[1]/page {\"data\":\"B\"}\nfail pages http_status\ndone\n"
    );
    assert!(matches!(
        run.outcome(),
        Some(Outcome::Failed { error, .. }) if error.node.as_deref() == Some("page")
    ));
}

#[test]
fn a_container_with_an_error_edge_keeps_the_failure_to_itself() {
    let yaml = "
nodes:
  - id: outer
    type: parallel
    for: 2
    nodes:
      - { id: inner, type: loop, for: 2, nodes:
          [ { id: call, type: http, url: 'http://x/<parallel.index>/<loop.index>' } ], result: <call.data> }
      - { id: rescue, type: template, after: inner.error, template: 'rescued <inner.error>' }
    result: '<inner.results><rescue.content>'
  - { id: beside, type: http, url: 'http://x/beside' }
  - { id: next, type: template, template: <beside.data> }
output: { results: <outer.results>, next: <next.content> }
";
    let mut run = start(&compile(yaml), json!({}));
    let log = drive(&mut run, |id, _| match id.place() {
        "outer[1]/inner[0]/call" => failed("broken", false),
        place => ok(json!({ "data": place })),
    });
    assert!(
        log.contains(
            "fail outer[1]/inner[0]/call broken\nfail outer[1]/inner broken\nstart outer[1]/rescue"
        ),
        "{log}"
    );
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded {
            output: json!({
                "results": [
                    "[\"outer[0]/inner[0]/call\",\"outer[0]/inner[1]/call\"]",
                    "rescued broken happened"
                ],
                "next": "beside"
            })
        }),
        "{log}"
    );
}

#[test]
fn an_error_edge_inside_lets_the_loop_go_on() {
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 3
    nodes:
      - { id: call, type: http, url: 'http://x/<loop.index>' }
      - { id: bad, type: template, after: call.error, template: <call.code> }
    result: '<call.data><bad.content>'
";
    let mut run = start(&compile(yaml), json!({}));
    drive(&mut run, |id, _| {
        if id.place() == "l[1]/call" { failed("oops", true) } else { ok(json!({"data": "fine"})) }
    });
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded { output: json!({"results": ["fine", "oops", "fine"]}) })
    );
}

#[test]
fn a_response_inside_a_parallel_ends_the_run() {
    let yaml = "
nodes:
  - id: race
    type: parallel
    each: [a, b, c]
    width: 2
    nodes:
      - { id: call, type: http, url: 'http://x/<parallel.item>' }
      - { id: answer, type: response, data: <call.data> }
";
    let mut run = start(&compile(yaml), json!({}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[1].0, ok(json!({"data": "B"})), 2_000);
    let (log, _) = advance(&mut run);
    assert!(log.ends_with("wait 1\n"), "{log}");
    run.complete(&calls[0].0, ok(json!({"data": "A"})), 2_000);
    assert_eq!(advance(&mut run).0, "end race[0]/call {\"data\":\"A\"}\ncancel race\ndone\n");
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded { output: json!({"data": "B", "status": 200, "headers": {}}) })
    );
}

#[test]
fn a_parallel_that_was_cut_short_gives_no_results() {
    let yaml = "
nodes:
  - id: race
    type: parallel
    for: 2
    nodes:
      - { id: call, type: http, url: 'http://x/<parallel.index>' }
      - { id: answer, type: response, data: <call.data> }
";
    let mut run = start(&compile(yaml), json!({}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[0].0, ok(json!({"data": "A"})), 2_000);
    run.complete(&calls[1].0, ok(json!({"data": "B"})), 2_000);
    let (log, _) = advance(&mut run);
    assert!(log.contains("end race[0]/answer") && log.contains("cancel race\ndone\n"), "{log}");
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded { output: json!({"data": "A", "status": 200, "headers": {}}) })
    );
}

#[test]
fn cancel_tells_open_containers_too() {
    let mut run = start(&compile(PAGES), json!({}));
    advance(&mut run);
    run.cancel();
    assert_eq!(
        advance(&mut run).0,
        "cancel pages[0]/page\ncancel pages[1]/page\ncancel pages\ndone\n"
    );
}

#[test]
fn iterations_give_their_memory_back() {
    let yaml = "
nodes:
  - { id: l, type: loop, for: 100, nodes:
      [ { id: big, type: template, template: <api.input.x> } ], result: ok }
";
    let result = output(yaml, json!({"x": "a".repeat(1 << 20)}));
    assert_eq!(result["results"].as_array().unwrap().len(), 100);
    let kept = yaml.replace("result: ok", "result: <big.content>");
    assert_eq!(error(&kept, json!({"x": "a".repeat(1 << 20)})).code, "value_too_large");
}

#[test]
fn a_run_makes_a_bounded_number_of_executions() {
    let yaml = "
nodes:
  - id: outer
    type: loop
    for: 1000
    nodes:
      - { id: inner, type: loop, for: 1000, nodes:
          [ { id: t, type: template, template: x } ], result: 1 }
    result: 1
";
    assert_eq!(error(yaml, json!({})).code, "too_many_executions");
}

#[test]
fn references_reach_outwards_through_scopes() {
    let yaml = "
nodes:
  - { id: top, type: template, template: T }
  - id: a
    type: loop
    each: [x, y]
    nodes:
      - { id: mid, type: template, template: 'M<loop.item>' }
      - id: b
        type: parallel
        for: 2
        nodes:
          - id: c
            type: loop
            for: 1
            nodes: [{ id: leaf, type: template, template: '<top.content><mid.content><parallel.index><loop.index>' }]
            result: '<leaf.content>!<top.content>'
        result: '<c.results[0]>'
    result: <b.results>
";
    assert_eq!(
        output(yaml, json!({})),
        json!({"results": [["TMx00!T", "TMx10!T"], ["TMy00!T", "TMy10!T"]]})
    );
}
