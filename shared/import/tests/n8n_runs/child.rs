//! The child that runs code: this program, caged.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use flowgate_child_protocol::{ARGUMENT, Code, Hello, Python, Reply, Request};
use flowgate_engine::call::{CodeCall, Language};
use flowgate_engine::{CallError, CallOutput, CallResult};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

thread_local! {
    static CHILD: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// Runs code as the product does.
pub(crate) fn perform(call: &CodeCall) -> CallResult {
    let code = Code {
        code: call.code.as_str().into(),
        variables: Value::from(call.variables.clone()),
        now_ms: call.now_ms,
        seed: 7,
        timeout_ms: 10_000,
        max_result_bytes: 1 << 20,
    };
    let request = match call.language {
        Language::Javascript => Request::Javascript(code),
        Language::Python => {
            Request::Python(Python { code, arguments: call.arguments.clone().into() })
        }
    };
    CHILD.with_borrow_mut(|child| {
        let reply = child.get_or_insert_with(Running::start).ask(&request);
        // A child whose code failed ends by itself.
        if !matches!(reply, Reply::Done { .. }) {
            *child = None;
        }
        result(reply)
    })
}

fn result(reply: Reply) -> CallResult {
    match reply {
        Reply::Done { result, stdout } => {
            let result: Value = serde_json::from_str(&result).unwrap();
            let value = json!({ "result": result, "stdout": stdout });
            CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
        }
        other => {
            let message = match other {
                Reply::Failed { message, .. } => message,
                other => format!("{other:?}"),
            };
            let error = CallError { code: "code_error".into(), message, ..CallError::default() };
            CallResult::Failed(error)
        }
    }
}

struct Running {
    process: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Running {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([ARGUMENT, &std::process::id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut running = Self { process, input, output };
        running.read::<Hello>();
        running
    }

    fn ask(&mut self, request: &Request<'_, Value>) -> Reply {
        let frame = serde_json::to_vec(request).unwrap();
        let length = u32::try_from(frame.len()).unwrap();
        self.input.write_all(&length.to_be_bytes()).unwrap();
        self.input.write_all(&frame).unwrap();
        self.read()
    }

    fn read<T: DeserializeOwned>(&mut self) -> T {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).unwrap();
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.output.read_exact(&mut frame).unwrap();
        serde_json::from_slice(&frame).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
