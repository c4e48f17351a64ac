//! Benchmarks of the engine alone, without outside calls: `cargo bench -p flowgate-engine`.
//!
//! Elements are node executions, so that their cost can be compared: it stays flat.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flowgate_engine::{Document, Outcome, Run, RunStart, Step, Workflow};
use serde_json::{Value, json};

criterion_group!(benches, compiling, chains, grid, looping, references);
criterion_main!(benches);

fn compiling(criterion: &mut Criterion) {
    let text = chain(100);
    let document = Document::parse(&text).expect("the document parses");
    let mut group = criterion.benchmark_group("document of 100 nodes");
    group.throughput(Throughput::Elements(100));
    group.bench_function("parse", |bencher| bencher.iter(|| Document::parse(black_box(&text))));
    group.bench_function("compile", |bencher| {
        bencher.iter(|| Workflow::compile(black_box(&document)))
    });
    group.finish();
}

/// A workflow has at most 500 nodes, so a loop over a chain makes a thousand executions.
fn chains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chain");
    for length in [10, 100, 499] {
        let workflow = compile(&chain(length));
        group.throughput(Throughput::Elements(length as u64));
        group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| run(&workflow, json!({ "a": "x" })))
        });
    }
    for (length, times) in [(10, 100), (100, 10), (499, 2)] {
        let body = chain(length).replace('\n', "\n    ");
        let workflow = compile(&format!(
            "nodes:\n  - id: again\n    type: loop\n    for: {times}\n    {}",
            body.trim_end()
        ));
        group.throughput(Throughput::Elements((length * times) as u64));
        group.bench_function(format!("{length}, {times} times"), |bencher| {
            bencher.iter(|| run(&workflow, json!({ "a": "x" })))
        });
    }
    group.finish();
}

/// Ten layers of ten nodes, each of which waits for the whole layer before it: 900 edges.
fn grid(criterion: &mut Criterion) {
    let mut text = "nodes:\n".to_owned();
    for (layer, column) in (0..10).flat_map(|layer| (0..10).map(move |column| (layer, column))) {
        let before: Vec<String> = (0..10)
            .filter(|_| layer > 0)
            .map(|column| format!("n{}_{column}", layer - 1))
            .collect();
        let _ = writeln!(
            text,
            "  - {{ id: n{layer}_{column}, type: template, template: x, after: [{}] }}",
            before.join(", ")
        );
    }
    let workflow = compile(&text);
    let mut group = criterion.benchmark_group("grid");
    group.throughput(Throughput::Elements(100));
    group.bench_function("10 wide, 10 deep", |bencher| bencher.iter(|| run(&workflow, json!({}))));
    group.finish();
}

fn looping(criterion: &mut Criterion) {
    let workflow = compile(
        "nodes:\n  - id: l\n    type: loop\n    for: 1000\n    nodes: [{ id: t, type: template, \
         template: 'item <loop.index>' }]\n    result: <t.content>\n",
    );
    let mut group = criterion.benchmark_group("loop");
    group.throughput(Throughput::Elements(1_001));
    group.bench_function("1,000 iterations", |bencher| bencher.iter(|| run(&workflow, json!({}))));
    group.finish();
}

/// A hundred nodes that read the same value.
fn references(criterion: &mut Criterion) {
    let deep = (0..30).fold(json!("x"), |inner, _| json!({ "a": inner }));
    let large = "x".repeat(100_000);
    let cases = [
        ("short", "<api.input.a>".to_owned(), json!({ "a": "x" })),
        (
            "short, in text",
            "Say <api.input.a> twice: <api.input.a>".to_owned(),
            json!({ "a": "x" }),
        ),
        ("30 levels deep", format!("<api.input{}>", ".a".repeat(30)), deep),
        ("100 kB", "<api.input.a>".to_owned(), json!({ "a": large })),
    ];
    let mut group = criterion.benchmark_group("100 references");
    group.throughput(Throughput::Elements(100));
    for (name, reference, input) in cases {
        let mut text = "nodes:\n".to_owned();
        for index in 0..100 {
            let _ =
                writeln!(text, "  - {{ id: n{index}, type: template, template: '{reference}' }}");
        }
        let workflow = compile(&(text + "output: { last: <n99.content> }\n"));
        group.bench_function(name, |bencher| bencher.iter(|| run(&workflow, input.clone())));
    }
    group.finish();
}

/// Each node passes on the output of the one before it.
fn chain(length: usize) -> String {
    let mut text = "nodes:\n  - { id: n0, type: template, template: <api.input.a> }\n".to_owned();
    for index in 1..length {
        let _ = writeln!(
            text,
            "  - {{ id: n{index}, type: template, template: <n{}.content> }}",
            index - 1
        );
    }
    text
}

fn compile(text: &str) -> Arc<Workflow> {
    let (workflow, problems) =
        Workflow::compile(&Document::parse(text).expect("the document parses"));
    Arc::new(workflow.unwrap_or_else(|| panic!("{problems:#?}")))
}

fn run(workflow: &Arc<Workflow>, input: Value) -> Run {
    let start = RunStart {
        run_id: "run_1".to_owned(),
        started_at_ms: 0,
        input: Arc::new(input),
        engine: flowgate_engine::ENGINE,
        spending_limit: flowgate_engine::SpendingLimit::default(),
    };
    let mut run = Run::new(Arc::clone(workflow), start);
    loop {
        match run.step() {
            Step::Emit(event) => drop(black_box(event)),
            Step::Done => break,
            other => panic!("nothing calls out here: {other:?}"),
        }
    }
    assert!(matches!(run.outcome(), Some(Outcome::Succeeded { .. })), "{:?}", run.outcome());
    run
}
