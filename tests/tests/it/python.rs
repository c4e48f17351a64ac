//! Python in the child: code as people write it for Dify, what Monty lacks, and what stops it.

use std::path::Path;
use std::time::{Duration, Instant};

use flowgate_engine::call::{Action, Call, CallResult, Language};
use flowgate_outbound::Outbound;
use serde_json::{Value, json};

use crate::code::{CHILD, call as code_call, group, outbound};
use crate::outbound::user;

const SHORT: Duration = Duration::from_secs(10);

fn call(code: &str, variables: Value, arguments: Value, timeout: Duration) -> Call {
    let mut call = code_call(code, variables, timeout);
    let Action::Code(asked) = &mut call.action else { panic!() };
    asked.language = Language::Python;
    asked.arguments = arguments.as_object().unwrap().clone();
    call
}

async fn perform(outbound: &Outbound, call: &Call) -> Result<Value, String> {
    match outbound.perform(call, &user(), &group(), &mut |_| {}).await {
        CallResult::Succeeded(output) => Ok(output.value),
        CallResult::Failed(error) => Err(format!("{}: {}", error.code, error.message)),
    }
}

async fn run_with(code: &str, variables: Value, arguments: Value) -> Result<Value, String> {
    let call = call(code, variables, arguments, SHORT);
    perform(&outbound(CHILD), &call).await.map(|mut output| output["result"].take())
}

async fn run(code: &str) -> Result<Value, String> {
    run_with(code, json!({}), json!({})).await
}

/// The results of the files are those of CPython.
#[tokio::test]
async fn code_of_others_gives_what_cpython_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/python");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let code = std::fs::read_to_string(&path).unwrap();
        let mut head = code.lines().map(|line| line.split_once(": ").map_or("", |(_, json)| json));
        let arguments: Value = serde_json::from_str(head.next().unwrap()).unwrap();
        let expected: Value = serde_json::from_str(head.next().unwrap()).unwrap();
        let result = run_with(&code, json!({}), arguments).await;
        assert_eq!(result, Ok(expected), "{}", path.display());
        count += 1;
    }
    assert!(count >= 26, "{count}");
}

#[tokio::test]
async fn lines_return_and_main_is_called() {
    assert_eq!(run("return 1 + 1").await, Ok(json!(2)));
    assert_eq!(run("for n in range(9):\n    if n > 3:\n        return n").await, Ok(json!(4)));
    assert_eq!(run("x = 1").await, Ok(Value::Null));
    let bound =
        run_with("return [a, b['c'], n]", json!({"a": 2}), json!({"b": {"c": null}, "n": 1}));
    assert_eq!(bound.await, Ok(json!([2, null, 1])));
    // A function of the name of an argument does not hide it.
    let code = "def text(): pass\ndef main(text):\n    return text";
    assert_eq!(run_with(code, json!({}), json!({"text": "x"})).await, Ok(json!("x")));
    let failed = run_with("def main(a):\n    return a", json!({}), json!({"a": 1, "b": 2})).await;
    let message = "code_error: TypeError: main() got an unexpected keyword argument 'b'";
    assert_eq!(failed, Err(message.to_owned()));
    let failed = run_with("def main(a):\n    return a", json!({}), json!({})).await.unwrap_err();
    assert!(failed.starts_with("code_error: TypeError: main() missing 1 required"), "{failed}");
}

#[tokio::test]
async fn now_is_the_start_of_the_run_and_print_is_kept() {
    let code = "from datetime import datetime, date, timezone\nprint('a', 1)\nprint('é' * 40000)\n\
                return [datetime.now().isoformat(), date.today().isoformat(), \
                datetime.now(timezone.utc).isoformat()]";
    let output = perform(&outbound(CHILD), &call(code, json!({}), json!({}), SHORT)).await.unwrap();
    let expected =
        json!(["2025-09-25T01:55:23.024000", "2025-09-25", "2025-09-25T01:55:23.024000+00:00"]);
    assert_eq!(output["result"], expected);
    let stdout = output["stdout"].as_str().unwrap();
    assert!(stdout.starts_with("a 1\né") && stdout.len() <= 64 * 1024, "{}", stdout.len());
    assert!(stdout.len() > 64 * 1024 - 4);
}

#[tokio::test]
async fn numbers_stay_what_they_are() {
    let numbers = json!({"n": [9_007_199_254_740_993_i64, u64::MAX, -5, 1.5, 1e300]});
    assert_eq!(run_with("return n", numbers.clone(), json!({})).await, Ok(numbers["n"].clone()));
    assert_eq!(run("return {1: (4, 5), None: 3}").await, Ok(json!({"1": [4, 5], "null": 3})));
    for (code, says) in [
        ("return {1, 2}", "a set"),
        ("return b'a'", "bytes"),
        ("return float('inf')", "inf"),
        ("return 2 ** 70", "cannot be stored"),
        ("from datetime import date\nreturn date(2024, 1, 1)", "a date or time"),
        ("a = []\na.append(a)\nreturn a", "itself"),
        ("a = []\nfor i in range(300):\n    a = [a]\nreturn a", "too deeply"),
        ("return lambda: 1", "no JSON"),
    ] {
        let failed = run(code).await.unwrap_err();
        assert!(failed.starts_with("code_error: ") && failed.contains(says), "{code}: {failed}");
    }
}

/// The docs name them.
#[tokio::test]
async fn what_monty_lacks_is_a_clear_error() {
    for (code, says) in [
        ("return '%s' % 1", "unsupported operand type(s) for %"),
        ("def g():\n    yield 1\nreturn 1", "yield"),
        ("class A:\n    pass\nclass B(A):\n    pass", "inheritance"),
        ("match 1:\n    case 1:\n        pass", "match"),
        ("import re\nreturn re.sub('a', lambda m: 'b', 'a')", "callable replacement"),
        ("return {'a': 1} | {'b': 2}", "unsupported operand type(s) for |"),
        ("a = {'b': 1}\ndel a['b']", "'del' statement"),
        ("import time", "No module named 'time'"),
        ("import random", "No module named 'random'"),
        ("import requests", "No module named 'requests'"),
        ("from itertools import product\nreturn 1", "product"),
    ] {
        let failed = run(code).await.unwrap_err();
        assert!(failed.starts_with("code_error: ") && failed.contains(says), "{code}: {failed}");
    }
}

#[tokio::test]
async fn there_is_no_way_to_the_host() {
    for code in [
        "open('/etc/passwd')",
        "import os\nreturn os.environ",
        "import os\nreturn os.getenv('HOME')",
        "from pathlib import Path\nreturn Path('/').exists()",
        "from pathlib import Path\nPath('/x').write_text('a')",
        "eval('1')",
        "exec('1')",
        "import socket",
        "import subprocess",
        "__import__('os')",
    ] {
        let failed = run(code).await.unwrap_err();
        assert!(failed.starts_with("code_error: "), "{code}: {failed}");
    }
}

/// Each ends its call alone: the pool goes on.
#[tokio::test]
async fn bombs_end_their_call_alone() {
    let outbound = outbound(CHILD);
    let limit = Duration::from_millis(1_500);
    let deep = format!("return {}1", "1+".repeat(200_000));
    for (code, expected) in [
        ("while True:\n    pass", "code_timeout"),
        (
            "while True:\n  try:\n    while True: pass\n  except BaseException:\n    pass",
            "code_timeout",
        ),
        ("x = []\nwhile True:\n    x.append('a' * 1000)", "code_memory"),
        ("return [0] * 10 ** 10", "code_memory"),
        ("return len(f\"{1:1000000000}\")", "code_"),
        ("return 10 ** 10 ** 8", "code_"),
        ("return len('a'.join(['b' * 1000000] * 1000))", "code_memory"),
        ("def f(n):\n    return f(n + 1)\nreturn f(0)", "code_error"),
        ("import re\nreturn re.match(r'(a+)+$', 'a' * 40 + 'b')", "code_"),
        (deep.as_str(), "code_crashed"),
    ] {
        let began = Instant::now();
        let asked = call(code, json!({}), json!({}), limit);
        let result = perform(&outbound, &asked).await;
        let shown: String = code.chars().take(60).collect();
        match result {
            Err(failed) => assert!(failed.starts_with(expected), "{shown}: {failed}"),
            // A regular expression may be clever.
            Ok(output) => assert!(shown.contains("re.match"), "{shown}: {output}"),
        }
        assert!(began.elapsed() < limit + Duration::from_secs(5), "{shown}");
        let next = call("return 'next'", json!({}), json!({}), SHORT);
        assert_eq!(perform(&outbound, &next).await.unwrap()["result"], "next", "{shown}");
    }
}

#[tokio::test]
async fn an_error_has_its_line() {
    let code = "def f(x):\n    return 1 / x\n\ndef main(n):\n    return f(n)";
    let failed = run_with(code, json!({}), json!({"n": 0})).await;
    assert_eq!(failed, Err("code_error: ZeroDivisionError: division by zero (line 2)".to_owned()));
    let failed = run("x = 1\nreturn (").await.unwrap_err();
    assert!(failed.starts_with("code_error: SyntaxError"), "{failed}");
}
