//! JavaScript: a fresh engine for each call, a clock and randomness of the run's own, and no way to
//! the host.

mod integers;
#[cfg(test)]
mod tests;
mod web;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use flowgate_child_protocol::{Code, MAX_MESSAGE_CHARS, MAX_STDOUT_BYTES, Reply};
use rquickjs::context::EvalOptions;
use rquickjs::function::Func;
use rquickjs::object::Property;
use rquickjs::{Context, Ctx, Error, Function, Object, Promise, Runtime, Value};
use serde_json::value::RawValue;

const MEMORY_BYTES: usize = 64 * 1024 * 1024;
const STACK_BYTES: usize = 512 * 1024;
/// The file name in stack traces. The line after it is the author's.
const FILE: &str = "function.js";

/// Runs one call in an engine of its own.
pub(crate) fn run(call: &Code<&RawValue>, deadline: Instant) -> Reply {
    let engine = match Engine::new(deadline) {
        Ok(engine) => engine,
        Err(error) => return Reply::Failed { message: error.to_string(), line: None },
    };
    let reply = engine.run(call);
    if !matches!(reply, Reply::Done { .. }) {
        // The process ends now. Dropping an engine that ran out of memory could crash.
        std::mem::forget(engine);
    }
    reply
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

    fn run(&self, call: &Code<&RawValue>) -> Reply {
        let printed = Rc::new(RefCell::new(String::new()));
        let result = self.context.with(|ctx| {
            let done = evaluate(&ctx, call, Rc::clone(&printed));
            done.map_err(|error| explain(&ctx, error))
        });
        let reply = match result {
            Ok(result) if result.len() > call.max_result_bytes => Reply::TooLarge,
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
    call: &Code<&RawValue>,
    printed: Rc<RefCell<String>>,
) -> rquickjs::Result<String> {
    let [revive, encode] = prepare(ctx, call, printed)?;
    bind(ctx, call.variables.get(), &revive)?;
    // The code starts on the line of the opening brace, so line numbers match the author's.
    let mut source = String::with_capacity(call.code.len() + 32);
    source.push_str("(async () => {");
    source.push_str(&call.code);
    source.push_str("\n})()");
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(FILE.to_owned());
    let promise: Promise = ctx.eval_with_options(source, options)?;
    let result: Value = promise.finish()?;
    let mark = integers::mark_of_result(call.seed);
    let encoded: Object = encode.call((result, mark.as_str()))?;
    let has_marks: bool = encoded.get("marks")?;
    Ok(match encoded.get::<_, Option<String>>("encoded")? {
        Some(result) if has_marks => integers::without_marks(&result, &mark),
        Some(result) => result,
        None => "null".to_owned(),
    })
}

/// Makes each variable a property of the global object that no loop over it shows.
fn bind<'js>(ctx: &Ctx<'js>, variables: &str, revive: &Function<'js>) -> rquickjs::Result<()> {
    let variables: Object = match integers::with_marks(variables) {
        None => ctx.json_parse(variables)?.get()?,
        Some((marked, mark)) => revive.call((ctx.json_parse(marked)?, mark))?,
    };
    for name in variables.keys::<String>() {
        let name = name?;
        let value: Value = variables.get(&name)?;
        ctx.globals().prop(name, Property::from(value).writable().configurable())?;
    }
    Ok(())
}

/// Installs the clock, the randomness, the console and what browsers offer. Returns what reads
/// marked integers, and what encodes the result.
fn prepare<'js>(
    ctx: &Ctx<'js>,
    call: &Code<&RawValue>,
    printed: Rc<RefCell<String>>,
) -> rquickjs::Result<[Function<'js>; 2]> {
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
    let (high, low) = ((call.seed >> 32) as u32, call.seed as u32);
    let load_web = Func::from(web::load);
    let hooks: Object = prelude.call((call.now_ms as f64, high, low, print, load_web))?;
    Ok([hooks.get("revive")?, hooks.get("encode")?])
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
