//! The child: runs untrusted code and reads untrusted documents for one parent, in a cage, and does
//! nothing else. It has no files, no network, no processes, and no secrets.

pub mod cage;
mod document;
mod javascript;
mod memory;
mod python;
mod watchdog;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flowgate_child_protocol::{
    ARGUMENT, BUILD, Hello, MAX_DOCUMENT_BYTES, MAX_REQUEST_BYTES, Reply, Request,
};
use serde_json::value::RawValue;

/// Counts the memory of a call, and ends the process with a code of its own where it does not
/// suffice. The allocator of a program that is nothing but the child.
pub use monty_alloc::LimitedAllocator as Allocator;
use watchdog::Watchdog;

/// Runs `flowgate-child`.
pub fn main() -> ExitCode {
    main_if_asked();
    eprintln!("flowgate starts this program for code in workflows. It does nothing by itself.");
    ExitCode::from(2)
}

/// Becomes the child if the first argument asks for it, else returns. A program that calls this
/// first can be its own child.
pub fn main_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|argument| argument == ARGUMENT) {
        let ended = serve(arguments.next());
        std::process::exit(i32::from(ended.is_err()));
    }
}

fn serve(parent: Option<OsString>) -> io::Result<()> {
    let parent = parent.and_then(|id| id.to_str()?.parse().ok());
    let parent = parent.ok_or_else(|| io::Error::other("the parent's process id is missing"))?;
    read_on_this_thread()?;
    let mut watchdog = Watchdog::default();
    let layers = cage::enter(parent, || watchdog.start())?;

    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    write_frame(&mut stdout, &serde_json::to_vec(&Hello { build: BUILD, layers })?)?;
    while let Some(frame) = read_frame(&mut stdin, MAX_REQUEST_BYTES)? {
        let request = serde_json::from_slice::<Request<&RawValue>>(&frame)?;
        let timeout_ms = match &request {
            Request::Javascript(call) => call.timeout_ms,
            Request::Python(call) => call.code.timeout_ms,
            Request::Document(asked) => asked.timeout_ms,
        };
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        watchdog.arm(deadline);
        let reply = match request {
            Request::Javascript(call) => {
                // Its engine counts its own memory.
                memory::limit(None);
                javascript::run(&call, deadline)
            }
            Request::Python(call) => python::run(&call, deadline),
            Request::Document(asked) => {
                let bytes = read_frame(&mut stdin, MAX_DOCUMENT_BYTES)?;
                document::read(&asked, &bytes.ok_or(io::ErrorKind::UnexpectedEof)?)
            }
        };
        memory::limit(None);
        write_frame(&mut stdout, &serde_json::to_vec(&reply)?)?;
        if !matches!(reply, Reply::Done { .. }) {
            // The parent starts another child for the next call.
            return Ok(());
        }
        watchdog.disarm();
    }
    Ok(())
}

/// Makes this thread the pool in which PDFs are read: in the cage no other can start.
fn read_on_this_thread() -> io::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().map_err(io::Error::other)
}

/// Returns `None` when the parent has closed its end.
fn read_frame(input: &mut impl Read, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > max_bytes {
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
