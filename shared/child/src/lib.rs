//! The child: runs untrusted code for one parent, in a cage, and does nothing else. It has no
//! files, no network, no processes, and no secrets.

pub mod cage;
mod javascript;
mod watchdog;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flowgate_child_protocol::{ARGUMENT, BUILD, Hello, MAX_REQUEST_BYTES, Reply, Request};
use serde_json::value::RawValue;

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
    let mut watchdog = Watchdog::default();
    let layers = cage::enter(parent, || watchdog.start())?;

    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    write_frame(&mut stdout, &serde_json::to_vec(&Hello { build: BUILD, layers })?)?;
    while let Some(frame) = read_frame(&mut stdin)? {
        let Request::Javascript(call) = serde_json::from_slice::<Request<&RawValue>>(&frame)?;
        let deadline = Instant::now() + Duration::from_millis(call.timeout_ms);
        watchdog.arm(deadline);
        let reply = javascript::run(&call, deadline);
        write_frame(&mut stdout, &serde_json::to_vec(&reply)?)?;
        if !matches!(reply, Reply::Done { .. }) {
            // The parent starts another child for the next call.
            return Ok(());
        }
        watchdog.disarm();
    }
    Ok(())
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
