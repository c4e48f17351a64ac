//! The child's side: a fresh engine for each call, no I/O, and a watchdog in case the parent dies.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rquickjs::context::EvalOptions;
use rquickjs::function::Func;
use rquickjs::object::Property;
use rquickjs::{Context, Ctx, Error, Function, Object, Promise, Runtime, Value};

use super::{CHILD_ARGUMENT, Reply, Request};

const MEMORY_BYTES: usize = 64 * 1024 * 1024;
const STACK_BYTES: usize = 512 * 1024;
const MAX_REQUEST_BYTES: usize = 96 * 1024 * 1024;
const MAX_STDOUT_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_CHARS: usize = 2_000;
/// How long past its deadline a call may hang before the child exits. A live parent would have
/// killed it long before.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);
/// The file name in stack traces. The line after it is the author's.
const FILE: &str = "function.js";

/// Becomes the child if the first argument asks for it, else returns. Every main that may be a
/// `code_runner` calls this first.
pub fn child_main_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == CHILD_ARGUMENT) {
        let ended = serve();
        std::process::exit(i32::from(ended.is_err()));
    }
}

fn serve() -> io::Result<()> {
    limit_self();
    let watchdog = start_watchdog();
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    while let Some(frame) = read_frame(&mut stdin)? {
        let request: Request = serde_json::from_slice(&frame)?;
        drop(frame);
        let deadline = Instant::now() + Duration::from_millis(request.timeout_ms);
        let _ = watchdog.send(Some(deadline + ORPHAN_GRACE));
        let engine = Engine::new(deadline).map_err(io::Error::other)?;
        let reply = engine.run(&request);
        write_frame(&mut stdout, &serde_json::to_vec(&reply)?)?;
        if !matches!(reply, Reply::Done { .. }) {
            // The parent starts another child. Dropping an engine that ran out of memory could
            // crash.
            std::process::exit(0);
        }
        let _ = watchdog.send(None);
    }
    Ok(())
}

/// Best effort, in addition to the engine's limits: not every system supports every limit.
#[cfg(unix)]
fn limit_self() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limits = [
        (Resource::As, 512 * 1024 * 1024),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 16),
    ];
    for (resource, limit) in limits {
        let _ = setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) });
    }
}

#[cfg(not(unix))]
fn limit_self() {}

/// Exits the process when an armed deadline passes: a parent that was killed cannot kill its child.
fn start_watchdog() -> mpsc::Sender<Option<Instant>> {
    let (sender, deadlines) = mpsc::channel::<Option<Instant>>();
    std::thread::spawn(move || {
        let mut armed = None;
        loop {
            let received = match armed {
                None => deadlines.recv().map_err(mpsc::RecvTimeoutError::from),
                Some(deadline) => deadlines
                    .recv_timeout(Instant::saturating_duration_since(&deadline, Instant::now())),
            };
            match received {
                Ok(deadline) => armed = deadline,
                Err(mpsc::RecvTimeoutError::Timeout) => std::process::exit(1),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    });
    sender
}

/// Returns `None` when the parent has closed its end.
fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_REQUEST_BYTES {
        return Err(io::Error::other("the request is too large"));
    }
    let mut frame = vec![0; length];
    input.read_exact(&mut frame)?;
    Ok(Some(frame))
}

fn write_frame(output: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    output.write_all(&length.to_be_bytes())?;
    output.write_all(frame)?;
    output.flush()
}

struct Engine {
    context: Context,
    deadline: Instant,
}

impl Engine {
    fn new(deadline: Instant) -> rquickjs::Result<Self> {
        let runtime = Runtime::new()?;
        runtime.set_memory_limit(MEMORY_BYTES);
        runtime.set_max_stack_size(STACK_BYTES);
        runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() >= deadline)));
        Ok(Self { context: Context::full(&runtime)?, deadline })
    }

    fn run(&self, request: &Request) -> Reply {
        let printed = Rc::new(RefCell::new(String::new()));
        let result = self.context.with(|ctx| {
            let done = evaluate(&ctx, request, Rc::clone(&printed));
            done.map_err(|error| explain(&ctx, error))
        });
        let reply = match result {
            Ok(result) if result.len() > request.max_result_bytes => Reply::TooLarge,
            Ok(result) => Reply::Done { result, stdout: printed.take() },
            Err(failure) => failure,
        };
        // An interrupted engine throws an error that code could also throw, so check the clock.
        if Instant::now() >= self.deadline && !matches!(reply, Reply::Done { .. }) {
            Reply::OutOfTime
        } else {
            reply
        }
    }
}

/// Returns the result as JSON text.
fn evaluate(
    ctx: &Ctx<'_>,
    request: &Request,
    printed: Rc<RefCell<String>>,
) -> rquickjs::Result<String> {
    prepare(ctx, request, printed)?;
    let variables: Object = ctx.json_parse(request.variables.get())?.get()?;
    for name in variables.keys::<String>() {
        let name = name?;
        let value: Value = variables.get(&name)?;
        ctx.globals().prop(name, Property::from(value).writable().configurable().enumerable())?;
    }
    // The code starts on the line of the opening brace, so line numbers match the author's.
    let mut source = String::with_capacity(request.code.len() + 32);
    source.push_str("(async () => {");
    source.push_str(&request.code);
    source.push_str("\n})()");
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(FILE.to_owned());
    let promise: Promise = ctx.eval_with_options(source, options)?;
    let result: Value = promise.finish()?;
    match ctx.json_stringify(result)? {
        Some(text) => text.to_string(),
        None => Ok("null".to_owned()),
    }
}

/// Installs the clock, the randomness and the console.
fn prepare(ctx: &Ctx<'_>, request: &Request, printed: Rc<RefCell<String>>) -> rquickjs::Result<()> {
    let mut options = EvalOptions::default();
    options.filename = Some("prelude.js".to_owned());
    let prelude: Function = ctx.eval_with_options(include_str!("prelude.js"), options)?;
    let print = Func::from(move |line: String| {
        let mut printed = printed.borrow_mut();
        let room = MAX_STDOUT_BYTES.saturating_sub(printed.len());
        let fits = line
            .char_indices()
            .map(|(at, character)| at + character.len_utf8())
            .take_while(|end| *end <= room)
            .last();
        printed.push_str(&line[..fits.unwrap_or(0)]);
    });
    let (high, low) = ((request.seed >> 32) as u32, request.seed as u32);
    prelude.call((request.now_ms as f64, high, low, print))
}

fn explain(ctx: &Ctx<'_>, error: Error) -> Reply {
    match error {
        Error::Exception => explain_exception(&ctx.catch()),
        Error::WouldBlock => Reply::Failed {
            message: "the code waits for a promise that never settles".into(),
            line: None,
        },
        Error::Allocation => Reply::OutOfMemory,
        other => Reply::Failed { message: other.to_string(), line: None },
    }
}

fn explain_exception(thrown: &Value<'_>) -> Reply {
    let Some(exception) = thrown.as_exception() else {
        // The engine throws null if there is no memory for the error itself.
        if thrown.is_null() {
            return Reply::OutOfMemory;
        }
        let text = thrown.as_string().and_then(|text| text.to_string().ok());
        let text = text.or_else(|| {
            thrown.ctx().json_stringify(thrown.clone()).ok().flatten()?.to_string().ok()
        });
        return Reply::Failed {
            message: shorten(&format!("thrown: {}", text.unwrap_or_default())),
            line: None,
        };
    };
    let message = exception.message().unwrap_or_default();
    // A string can exceed the engine's maximum length before it exceeds the memory: ropes are
    // small.
    if matches!(message.as_str(), "out of memory" | "string too long") {
        return Reply::OutOfMemory;
    }
    let name: String = exception.as_object().get("name").unwrap_or_else(|_| "Error".to_owned());
    Reply::Failed {
        message: shorten(&format!("{name}: {message}")),
        line: exception.stack().as_deref().and_then(line_in),
    }
}

/// Returns the line of the innermost frame in the author's code: `at f (function.js:3:7)`.
fn line_in(stack: &str) -> Option<u32> {
    let after = &stack[stack.find(FILE)? + FILE.len()..];
    after
        .strip_prefix(':')?
        .split(|character: char| !character.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn shorten(text: &str) -> String {
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}
