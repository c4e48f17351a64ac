//! What a client still sends after its response. A socket that is closed on unread bytes is reset,
//! and a client that sends its whole request before it reads would never see why it was refused.

use std::time::Duration;

use flowgate_core::clock::{Clock, timeout};
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;

const MAX_BYTES: usize = 32 << 20;
/// For the whole of it, and between two reads.
const MAX_TIME: Duration = Duration::from_secs(30);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Closes the sending side, and reads until the client closes its own or a limit is reached.
pub(super) async fn discard(stream: &TcpStream, clock: &dyn Clock) {
    let _ = shutdown(stream, Shutdown::Write);
    let _ = timeout(clock, MAX_TIME, read(stream, clock)).await;
}

async fn read(stream: &TcpStream, clock: &dyn Clock) {
    let mut left = MAX_BYTES;
    let mut buffer = vec![0; 64 << 10];
    while left > 0 {
        let Some(Ok(())) = timeout(clock, MAX_PAUSE, stream.readable()).await else { return };
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => left = left.saturating_sub(read),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
