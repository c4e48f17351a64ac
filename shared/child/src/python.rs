//! Python: a fresh interpreter for each call, whose clock is the run's start, and which has no way
//! to the host.

mod source;
mod value;

use std::borrow::Cow;
use std::time::Instant;

use flowgate_child_protocol::{MAX_MESSAGE_CHARS, MAX_STDOUT_BYTES, Python, Reply};
use monty::{MontyRun, RunProgress};
use monty_types::{
    AssertMessageAnnotations, CompileOptions, ExcType, ExtFunctionResult, MontyDate, MontyDateTime,
    MontyException, MontyObject, MontyTimeZone, NameLookupResult, OsFunctionCall, PrintWriter,
    PrintWriterCallback, ResourceLimits, ResourceTracker,
};
use serde_json::value::RawValue;

use super::memory;

const MEMORY_BYTES: usize = 64 * 1024 * 1024;
/// Deeper calls could overflow the stack before the interpreter notices.
const MAX_CALLS_DEEP: usize = 500;
/// Nobody asks for the time, or for names that do not exist, this often.
const MAX_QUESTIONS: usize = 100_000;
/// The file name in error messages.
const FILE: &str = "code.py";

/// Runs one call in an interpreter of its own.
pub(crate) fn run(call: &Python<&RawValue>, deadline: Instant) -> Reply {
    memory::limit(Some(MEMORY_BYTES));
    let mut printed = Printed::default();
    let ended = evaluate(call, deadline, &mut printed);
    let reply = match ended.and_then(|result| value::to_json(&result)) {
        Ok(result) if result.len() > call.code.max_result_bytes => Reply::TooLarge,
        Ok(result) => Reply::Done { result, stdout: printed.0 },
        Err(failure) => failure,
    };
    match Instant::now() >= deadline && !matches!(reply, Reply::Done { .. }) {
        true => Reply::OutOfTime,
        false => reply,
    }
}

fn evaluate(
    call: &Python<&RawValue>,
    deadline: Instant,
    printed: &mut Printed,
) -> Result<MontyObject, Reply> {
    let mut inputs = value::of_object(call.code.variables.get())?;
    let mut arguments = value::of_object(call.arguments.get())?;
    let source = source::complete(&call.code.code, &mut arguments);
    inputs.extend(arguments);
    let (names, values) = inputs.into_iter().unzip();
    let options = CompileOptions { assert_message_annotations: AssertMessageAnnotations::Off };
    let lines = call.code.code.lines().count();
    let explain = |error| explain(&error, lines);
    let code = MontyRun::new(source, FILE, names, options).map_err(explain)?;
    let limits = ResourceLimits::default()
        .max_duration(deadline.saturating_duration_since(Instant::now()))
        .max_memory(MEMORY_BYTES)
        .max_recursion_depth(MAX_CALLS_DEEP);
    let mut progress =
        code.start(values, ResourceTracker::new(limits), PrintWriter::Callback(printed));
    for _ in 0..MAX_QUESTIONS {
        let print = PrintWriter::Callback(printed);
        progress = match progress.map_err(explain)? {
            RunProgress::Complete(result) => return Ok(result),
            RunProgress::OsCall(asked) => {
                asked.resume_with(print, |asked| answer(&asked, call.code.now_ms))
            }
            RunProgress::NameLookup(asked) => asked.resume(NameLookupResult::Undefined, print),
            RunProgress::FunctionCall(asked) => {
                asked.resume(refused("the code calls what the host does not have"), print)
            }
            RunProgress::ResolveFutures(_) => return Err(failed("the code waits for ever")),
        };
        if Instant::now() >= deadline {
            return Err(Reply::OutOfTime);
        }
    }
    Err(failed("the code asks for the time, or for names that are not defined, too often"))
}

/// The host has a clock, and nothing else.
fn answer(asked: &OsFunctionCall, now_ms: i64) -> ExtFunctionResult {
    match asked {
        OsFunctionCall::DateToday => match date_time(now_ms, None) {
            Some(MontyDateTime { year, month, day, .. }) => {
                ExtFunctionResult::Return(MontyObject::Date(MontyDate { year, month, day }))
            }
            None => refused("the date is out of range"),
        },
        OsFunctionCall::DateTimeNow(zone) => match date_time(now_ms, zone.as_ref()) {
            Some(now) => ExtFunctionResult::Return(MontyObject::DateTime(now)),
            None => refused("the time is out of range"),
        },
        other => refused(&format!("{} is not allowed here", other.name())),
    }
}

fn refused(message: &str) -> ExtFunctionResult {
    let error = MontyException::new(ExcType::PermissionError, Some(message.to_owned()));
    ExtFunctionResult::Error(error)
}

/// Returns the time in a zone; in UTC without a zone, as the machines of clouds have it.
fn date_time(now_ms: i64, zone: Option<&MontyTimeZone>) -> Option<MontyDateTime> {
    let offset = zone.map_or(0, |zone| zone.offset_seconds);
    let local_ms = now_ms.checked_add(i64::from(offset).checked_mul(1_000)?)?;
    let (year, month, day) = civil(local_ms.div_euclid(86_400_000))?;
    let in_day = local_ms.rem_euclid(86_400_000);
    let part = |unit: i64, size: i64| u8::try_from(in_day / unit % size).ok();
    Some(MontyDateTime {
        year,
        month,
        day,
        hour: part(3_600_000, 24)?,
        minute: part(60_000, 60)?,
        second: part(1_000, 60)?,
        microsecond: u32::try_from(in_day % 1_000 * 1_000).ok()?,
        offset_seconds: zone.map(|zone| zone.offset_seconds),
        timezone_name: zone.and_then(|zone| zone.name.clone()),
    })
}

/// Returns the date of a day since 1970-01-01: "days to civil" of Howard Hinnant.
fn civil(days: i64) -> Option<(i32, u8, u8)> {
    let shifted = days.checked_add(719_468)?;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some((i32::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

/// What the code printed, up to a limit: the rest is dropped.
#[derive(Default)]
struct Printed(String);

impl PrintWriterCallback for Printed {
    fn stdout_write(&mut self, output: Cow<'_, str>) -> Result<(), MontyException> {
        let room = MAX_STDOUT_BYTES.saturating_sub(self.0.len());
        self.0.push_str(&output[..output.floor_char_boundary(room)]);
        Ok(())
    }

    fn stdout_push(&mut self, end: char) -> Result<(), MontyException> {
        self.stdout_write(end.encode_utf8(&mut [0; 4]).to_owned().into())
    }
}

/// `lines` are those of the author's code.
fn explain(error: &MontyException, lines: usize) -> Reply {
    let message = error.message().unwrap_or_default();
    match error.exc_type() {
        ExcType::MemoryError if message.starts_with("memory limit") => Reply::OutOfMemory,
        ExcType::TimeoutError if message.starts_with("time limit") => Reply::OutOfTime,
        _ => {
            let line = error.traceback().last().map(|frame| frame.start.line);
            let line = line.filter(|line| usize::try_from(*line).is_ok_and(|line| line <= lines));
            Reply::Failed { message: shortened(&error.summary()), line }
        }
    }
}

fn failed(message: &str) -> Reply {
    Reply::Failed { message: shortened(message), line: None }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}
