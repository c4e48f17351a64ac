//! Authors' JavaScript in its child process: what it can do, and what stops it.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowgate_engine::call::{Action, Call, CallResult, CodeCall, Language, Sources};
use flowgate_outbound::{CodeGroup, Outbound, OutboundSettings};
use serde_json::{Value, json};

use crate::outbound::{FixedClock, StoredSecrets, user};

pub(crate) const CHILD: &str = env!("CARGO_BIN_EXE_child-under-test");
const NOW_MS: i64 = 1_758_765_323_024;

pub(crate) fn outbound(program: impl Into<PathBuf>) -> Outbound {
    outbound_with(vec![program.into()])
}

pub(crate) fn outbound_with(child_programs: Vec<PathBuf>) -> Outbound {
    let settings = OutboundSettings { child_programs, ..OutboundSettings::default() };
    Outbound::new(settings, Arc::new(StoredSecrets::default()), Arc::new(FixedClock))
}

pub(crate) fn group() -> CodeGroup {
    CodeGroup::new("test")
}

pub(crate) fn call(code: &str, variables: Value, timeout: Duration) -> Call {
    let variables = variables.as_object().unwrap().clone();
    let (code, sources) = (code.to_owned(), Sources::default());
    let (language, arguments) = (Language::Javascript, serde_json::Map::new());
    let action =
        Action::Code(CodeCall { language, code, variables, arguments, sources, now_ms: NOW_MS });
    Call {
        action,
        input_hash: String::new(),
        delay: Duration::ZERO,
        timeout,
        at_most_once: false,
        seed: 7,
        asked_at_ms: 0,
        needs_price: false,
        literal_keys: Arc::default(),
        workflow: 0,
    }
}

/// Returns the result, or `code: message`.
pub(crate) fn outcome(result: CallResult) -> Result<Value, String> {
    match result {
        CallResult::Succeeded(output) => Ok(output.value["result"].clone()),
        CallResult::Failed(error) => Err(format!("{}: {}", error.code, error.message)),
    }
}

async fn run_with(code: &str, variables: Value) -> Result<Value, String> {
    outcome(
        outbound(CHILD)
            .perform(
                &call(code, variables, Duration::from_secs(10)),
                &user(),
                &group(),
                &mut |_| {},
            )
            .await,
    )
}

async fn run(code: &str) -> Result<Value, String> {
    run_with(code, json!({})).await
}

#[tokio::test]
async fn code_returns_what_it_computes() {
    assert_eq!(run("return 1 + 1").await, Ok(json!(2)));
    assert_eq!(
        run("const x = await Promise.resolve(3); return { x, list: [x, null] } // the end").await,
        Ok(json!({"x": 3, "list": [3, null]}))
    );
    assert_eq!(run("").await, Ok(Value::Null));
    assert_eq!(run("return () => 1").await, Ok(Value::Null));
    assert_eq!(run("return [undefined, NaN]").await, Ok(json!([null, null])));
    assert_eq!(run("return Promise.resolve('later')").await, Ok(json!("later")));
    assert_eq!(run("undeclared = 5; return undeclared").await, Ok(json!(5)));
    assert_eq!(run("return '\\u2028é𝒳'").await, Ok(json!("\u{2028}é𝒳")));
}

#[tokio::test]
async fn variables_are_values_and_never_text() {
    let variables = json!({
        "draft": {"content": "`${1}` \"; return 9; //\u{2028}"},
        "n": 3,
        "empty": null,
        "__proto__": {"polluted": true},
        "list": [1.5, "x"]
    });
    let code =
        "return { text: draft.content, n: n + 1, empty, plain: ({}).polluted === undefined, list }";
    let expected = json!({
        "text": variables["draft"]["content"],
        "n": 4,
        "empty": null,
        "plain": true,
        "list": [1.5, "x"]
    });
    assert_eq!(run_with(code, variables).await, Ok(expected));
    let inner =
        serde_json::from_str(r#"{"a": {"__proto__": {"x": 1}, "constructor": 2}}"#).unwrap();
    assert_eq!(
        run_with("return [a.x === undefined, Object.keys(a)]", inner).await,
        Ok(json!([true, ["__proto__", "constructor"]]))
    );
    assert_eq!(run_with("let draft = 2; return draft", json!({"draft": 1})).await, Ok(json!(2)));
}

#[tokio::test]
async fn console_becomes_stdout() {
    let outbound = outbound(CHILD);
    let code = "console.log('a', 1, {b: [2]}); console.error(new TypeError('no')); const o = {}; \
                o.o = o; console.log(o, undefined, 3n); return 1";
    let result = outbound
        .perform(&call(code, json!({}), Duration::from_secs(10)), &user(), &group(), &mut |_| {})
        .await;
    let CallResult::Succeeded(output) = result else { panic!("{result:?}") };
    assert_eq!(
        output.value,
        json!({ "result": 1, "stdout": "a 1 {\"b\":[2]}\n\
                                        TypeError: no\n\
                                        [object Object] undefined 3\n" })
    );

    let code = "for (let i = 0; i < 100000; i++) console.log('é'.repeat(11)); return 1";
    let result = outbound
        .perform(&call(code, json!({}), Duration::from_secs(10)), &user(), &group(), &mut |_| {})
        .await;
    let CallResult::Succeeded(output) = result else { panic!("{result:?}") };
    let length = output.value["stdout"].as_str().unwrap().len();
    assert!((65_500..=65_536).contains(&length), "{length}");
}

#[tokio::test]
async fn time_and_chance_are_those_of_the_run() {
    let now = run(
        "return [Date.now(), new Date().getTime(), new Date().constructor === Date, new Date() \
         instanceof Date, new Date(5).getTime(), typeof Date(), new Date().toISOString(), new \
         Date(2020, 0, 1).toISOString()]",
    )
    .await;
    assert_eq!(
        now,
        Ok(json!([
            NOW_MS,
            NOW_MS,
            true,
            true,
            5,
            "string",
            "2025-09-25T01:55:23.024Z",
            "2020-01-01T00:00:00.000Z"
        ]))
    );
    let random = "return [Math.random(), Math.random(), Math.random()]";
    let first = run(random).await.unwrap();
    assert_eq!(run(random).await.unwrap(), first);
    assert!(first.as_array().unwrap().iter().all(|n| (0.0..1.0).contains(&n.as_f64().unwrap())));
    assert_ne!(first[0], first[1]);
    let mut other = call(random, json!({}), Duration::from_secs(10));
    other.seed = 8;
    assert_ne!(
        outcome(outbound(CHILD).perform(&other, &user(), &group(), &mut |_| {}).await).unwrap(),
        first
    );
}

#[tokio::test]
async fn nothing_of_the_host_is_there() {
    let code = "return ['require', 'process', 'fetch', 'std', 'os', 'setTimeout', 'Deno', \
                'performance', 'XMLHttpRequest'].filter(name => name in globalThis)";
    assert_eq!(run(code).await, Ok(json!([])));
    let failure = run("return await import('std')").await.unwrap_err();
    assert!(failure.starts_with("code_error: "), "{failure}");
}

#[tokio::test]
async fn failures_name_the_authors_line() {
    assert_eq!(
        run("const a = 1;\nconst b = null;\nreturn b.c").await,
        Err("code_error: TypeError: cannot read property 'c' of null (line 3)".into())
    );
    assert_eq!(
        run("throw new Error('no luck')").await,
        Err("code_error: Error: no luck (line 1)".into())
    );
    assert_eq!(
        run("function f() {\n  throw new RangeError('in f')\n}\n\nawait null; f()").await,
        Err("code_error: RangeError: in f (line 2)".into())
    );
    assert_eq!(run("throw 'just text'").await, Err("code_error: thrown: just text".into()));
    assert_eq!(run("throw {reason: 1}").await, Err("code_error: thrown: {\"reason\":1}".into()));
    let syntax = run("let a = 1;\nlet b = = 2").await.unwrap_err();
    assert!(
        syntax.starts_with("code_error: SyntaxError: ") && syntax.ends_with("(line 2)"),
        "{syntax}"
    );
    assert_eq!(
        run("await new Promise(() => {})").await,
        Err("code_error: the code waits for a promise that never settles".into())
    );
    assert!(
        run("const o = {}; o.o = o; return o")
            .await
            .unwrap_err()
            .starts_with("code_error: TypeError: circular reference")
    );
    assert!(run("return 2n ** 64n").await.unwrap_err().contains("number is out of range"));
    assert!(
        run("const f = () => f() + 1; return f()").await.unwrap_err().starts_with("code_error: ")
    );
    assert!(
        run("let deep = []; for (let i = 0; i < 100; i++) deep = [deep]; return deep")
            .await
            .unwrap_err()
            .contains("nested deeper")
    );
    assert!(
        run("return '\\ud800'")
            .await
            .unwrap_err()
            .starts_with("code_error: the result cannot be stored")
    );
    assert!(run("return 'x'\0").await.unwrap_err().starts_with("code_error: "));
    assert_eq!(
        run("return 'x'.repeat(5e6)").await,
        Err("value_too_large: the code's result is larger than 4194304 bytes".into())
    );
}

#[tokio::test]
async fn endless_code_ends_in_time_and_the_next_call_works() {
    let (outbound, group) = (outbound(CHILD), group());
    let endless = [
        "for (;;) {}",
        "const a = []; a.length = 2 ** 32 - 2; a.join('')",
        "for (;;) await null",
        "try { for (;;) {} } finally { for (;;) {} }",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "throw { get name() { for (;;) {} }, toJSON() { for (;;) {} } }",
    ];
    for code in endless {
        let started = Instant::now();
        let result = outcome(
            outbound
                .perform(
                    &call(code, json!({}), Duration::from_secs(1)),
                    &user(),
                    &group,
                    &mut |_| {},
                )
                .await,
        );
        assert_eq!(result, Err("code_timeout: the code did not end within 1 s".into()), "{code}");
        assert!(started.elapsed() < Duration::from_secs(3), "{code}: {:?}", started.elapsed());
        let next = outbound
            .perform(
                &call("return 'fine'", json!({}), Duration::from_secs(5)),
                &user(),
                &group,
                &mut |_| {},
            )
            .await;
        assert_eq!(outcome(next), Ok(json!("fine")), "after {code}");
    }
}

#[tokio::test]
async fn memory_bombs_fail_clearly_and_the_next_call_works() {
    let (outbound, group) = (outbound(CHILD), group());
    let bombs = [
        "let a = []; for (;;) a.push(new Array(1e6).fill(1))",
        "let s = 'x'; for (;;) s += s",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, {i})",
        "return new ArrayBuffer(2 ** 31 - 1)",
        "return 'x'.repeat(2 ** 29)",
    ];
    for code in bombs {
        let result = outcome(
            outbound
                .perform(
                    &call(code, json!({}), Duration::from_secs(20)),
                    &user(),
                    &group,
                    &mut |_| {},
                )
                .await,
        );
        assert_eq!(
            result,
            Err("code_memory: the code needs more than 64 MiB of memory".into()),
            "{code}"
        );
        let next = outbound
            .perform(
                &call("return 'fine'", json!({}), Duration::from_secs(5)),
                &user(),
                &group,
                &mut |_| {},
            )
            .await;
        assert_eq!(outcome(next), Ok(json!("fine")), "after {code}");
    }
}
