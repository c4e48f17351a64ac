//! `flowgate test`: cases pass, fail with a picture, or are refused as a file. No server is asked.

use super::*;

/// Runs the command where no server can be reached.
async fn test(folder: &std::path::Path, line: &str) -> Said {
    let mut command = Command::new(program());
    command.arg("test").args(line.split_whitespace()).current_dir(folder);
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").env("FLOWGATE_URL", "http://127.0.0.1:9");
    let ended = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test]
async fn the_cases_of_the_examples_pass() {
    let examples = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"));
    let mut names: Vec<String> = std::fs::read_dir(examples.join("cases"))
        .unwrap()
        .map(|entry| format!("cases/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    let said = test(examples, &format!("{} --json", names.join(" "))).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let said = json(&said);
    assert_eq!(said["failed"], 0);
    assert!(said["passed"].as_u64().unwrap() >= 9, "{said}");
}

const LATE: &str = "
input: [{ name: who, type: string, value: Ada }]
nodes:
  - { id: pause, type: wait, for: 3d }
  - id: fetch
    type: http
    after: [pause]
    url: https://api.example.com/people
    query: { name: <api.who> }
    retry: { max_attempts: 3 }
  - { id: old, type: condition, branches: [{ name: yes, if: <fetch.data.age> > 60 }, { name: no }] }
  - { id: hi, type: template, after: [old.no], template: \"Hi <api.who>\" }
  - { id: dear, type: template, after: [old.yes], template: \"Dear <api.who>\" }
  - { id: child, type: workflow, workflow: greet, input: { text: <hi.content><dear.content> } }
output: { text: <child.text>, until: <pause.until> }
";
const GREET: &str = "
input: [{ name: text, type: string }]
nodes:
  - { id: dear, type: agent, model: openai/gpt-5-mini, prompt: <api.text> }
output: { text: <dear.content> }
";

#[tokio::test]
async fn waits_take_no_time_and_children_are_found_beside() {
    let cases = "
workflow: late.yaml
now: 2026-03-01T00:00:00Z
mocks:
  greet/dear: { content: polished }
cases:
  - name: young
    mocks: { fetch: { data: { age: 30 }, status: 200, headers: {} } }
    expect: { output: { text: polished, until: { $matches: ^2026-03-04T } }, skipped: [dear] }
  - name: no answer
    mocks: { fetch: { fails: { code: timeout } } }
    expect: { error: { code: timeout, node: fetch }, skipped: [hi] }
";
    let folder = folder(&[("late.yaml", LATE), ("greet.yaml", GREET), ("cases.yaml", cases)]);
    let began = std::time::Instant::now();
    let said = test(folder.path(), "cases.yaml").await;
    assert_eq!(said.out, "✓ young\n✓ no answer\n2 passed, 0 failed\n", "{}", said.err);
    assert_eq!(said.code, 0);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(
        test(folder.path(), "cases.yaml --only young").await.out,
        "✓ young\n1 passed, 0 failed\n"
    );
    let said = test(folder.path(), "cases.yaml --only yuong").await;
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    assert!(said.err.contains("no case's name contains `yuong`"), "{}", said.err);
}

#[tokio::test]
async fn a_failed_case_shows_what_differs_and_what_ran() {
    let cases = "
workflow: late.yaml
cases:
  - name: wrong
    mocks: { fetch: { data: { age: 30 } }, child: { text: hi } }
    expect: { output: { text: { $length: 3 } }, ran: [dear] }
  - { name: calls out, expect: { status: succeeded } }
";
    let folder = folder(&[("late.yaml", LATE), ("cases.yaml", cases)]);
    let said = test(folder.path(), "cases.yaml").await;
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    for part in [
        "✗ wrong",
        "/output/text (the length is 2)",
        "- expected {\"$length\":3}",
        "+ actual   \"hi\"",
        "/ran/dear",
        "- dear",
        "✓ pause ███",
        "72 h 00 min",
        "✗ calls out",
        "not mocked: `fetch` would send a request",
        "0 passed, 2 failed",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let said = json(&test(folder.path(), "cases.yaml --json").await);
    assert_eq!(said["cases"][0]["differences"][0]["path"], "/output/text");
    assert_eq!(said["cases"][1]["missing_mocks"], json!(["`fetch` would send a request"]));
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_every_problem_and_its_line() {
    let cases = "workflow: late.yaml
mocks: { nobody: {} }
cases:
  - { name: a, input: { who: 1 }, expect: { outputs: {} } }
  - { name: a, mocks: { fetch: { dta: 1 } }, expect: { output: { $matches: \"(\" } } }
  - { name: c, workflow: broken.yaml, expect: { status: succeeded } }
  - { name: d, workflow: none.yaml, expect: { status: succeeded } }
  - { name: e, workflow: '-', expect: { status: succeeded } }
";
    let broken = "nodes: [{ id: a, type: tempate }]";
    let folder = folder(&[("late.yaml", LATE), ("broken.yaml", broken), ("cases.yaml", cases)]);
    let said = test(folder.path(), "cases.yaml").await;
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    for place in [
        "cases.yaml:2:",
        "cases.yaml:4:",
        "cases.yaml:5:",
        "cases.yaml:7:",
        "broken.yaml:1:",
        "no case has a node `nobody`",
        "unknown field `outputs`",
        "did you mean `data`?",
        "not a regular expression",
        "none.yaml cannot be read",
        "- cannot be read",
    ] {
        assert!(said.out.contains(place), "{place}: {}", said.out);
    }
    assert!(said.out.contains("no case ran"));
    let hostile = "a: ".to_owned() + &"[".repeat(100_000);
    std::fs::write(folder.path().join("cases.yaml"), hostile).unwrap();
    assert_eq!(test(folder.path(), "cases.yaml").await.code, 2);
}

#[tokio::test]
async fn an_agent_runs_by_a_script() {
    let document = "
nodes:
  - id: each
    type: loop
    for: 2
    result: <helper.content>
    nodes:
      - id: helper
        type: agent
        models: [openai/gpt-5, anthropic/claude-sonnet-4-5]
        prompt: hi
        memory: { session: one }
        tools:
          - { mcp: \"https://example.com/mcp\", only: [search] }
          - { name: look, description: Looks, http: { url: \"https://example.com/\" } }
          - { workflow: greet }
output: { said: <each.results> }";
    let cases = "
workflow: agent.yaml
cases:
  - name: tools and a second model
    mocks:
      helper:
        - turns:
            - { fails: { code: http_status } }
            - { calls: [{ name: search }, { name: look }, { name: greet, arguments: { text: x } }] }
            - first
          tools: { search: found, look: { a: 1 }, greet: { text: hello } }
        - turns: [second]
    expect: { output: { said: [first, second] } }
  - name: too few turns
    mocks: { helper: { turns: [{ calls: [{ name: search }] }], tools: { search: found } } }
    expect: { error: mocks_used_up }
";
    let files = [("agent.yaml", document), ("greet.yaml", GREET), ("cases.yaml", cases)];
    let said = test(folder(&files).path(), "cases.yaml").await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

/// A case passes only for what its workflow does.
#[tokio::test]
async fn what_did_not_run_or_had_no_mocks_left_does_not_pass() {
    let cases = "
workflow: late.yaml
mocks: { fetch: { data: { age: 30 } }, child: { text: hi } }
cases:
  - { name: not, expect: { nodes: { dear: { $not: { content: x } } } } }
  - { name: nothing, expect: { nodes: { dear: null } } }
  - { name: used up, mocks: { fetch: [] }, expect: { status: failed } }
  - { name: says so, mocks: { fetch: [] }, expect: { error: mocks_used_up } }
";
    let folder = folder(&[("late.yaml", LATE), ("greet.yaml", GREET), ("cases.yaml", cases)]);
    let said = json(&test(folder.path(), "cases.yaml --json").await);
    let passed: Vec<&Value> =
        said["cases"].as_array().unwrap().iter().map(|case| &case["passed"]).collect();
    assert_eq!(passed, [false, false, false, true], "{said}");
    for case in [0, 1] {
        let found = &said["cases"][case]["differences"];
        assert_eq!(found[0]["path"], "/nodes/dear", "{found}");
        assert_eq!(found[0]["why"], "the node did not run", "{found}");
    }
    let missing = &said["cases"][2]["missing_mocks"];
    assert_eq!(missing, &json!(["`fetch`: the node ran more often than it has mocks"]));
}

#[tokio::test]
async fn what_no_node_wanted_is_mentioned() {
    let agent = "nodes: [{ id: helper, type: agent, model: openai/gpt-5, prompt: hi }]\n\
                 output: { text: <helper.content> }\n";
    let cases = "
cases:
  - name: late
    workflow: late.yaml
    mocks: { fetch: [{ data: { age: 1 } }, { data: { age: 2 } }], child: { text: hi } }
    expect: { status: succeeded }
  - name: agent
    workflow: agent.yaml
    mocks: { helper: { turns: [one, two, three] } }
    expect: { output: { text: one } }
";
    let files = [("late.yaml", LATE), ("greet.yaml", GREET), ("agent.yaml", agent)];
    let folder = folder(&[&files[..], &[("cases.yaml", cases)]].concat());
    let said = test(folder.path(), "cases.yaml").await;
    let expected = "✓ late\n    not used: 1 mock of `fetch`\n\
                    ✓ agent\n    not used: 2 turns of `helper`\n2 passed, 0 failed\n";
    assert_eq!((said.code, &*said.out), (0, expected), "{}", said.err);
    let said = json(&test(folder.path(), "cases.yaml --json").await);
    assert_eq!(said["cases"][1]["unused_mocks"], json!(["2 turns of `helper`"]));
}
