//! A client's socket with limits of time: a client that sends no headers, or takes no byte of its
//! response, is let go.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use flowgate_core::clock::Clock;
use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::ConnectionLimits;
use super::stage::{Awaited, Stage};
use super::watch::Watch;

/// Shares the stream: what the client still sends after the response is discarded elsewhere.
pub(super) struct Socket {
    stream: Arc<TcpStream>,
    stage: Arc<Stage>,
    reads: Watch,
    writes: Watch,
    headers: Duration,
    keep_alive: Duration,
    idle: Duration,
}

/// Sends small frames at once. Lets go of a client that acknowledges nothing for `idle`, even of
/// what the system has taken for it already.
pub(super) fn configure(stream: &TcpStream, idle: Duration) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from(idle.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = idle;
}

impl Socket {
    pub(super) fn new(
        stream: Arc<TcpStream>,
        stage: Arc<Stage>,
        limits: &ConnectionLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            stream,
            stage,
            reads: Watch::new(clock.clone()),
            writes: Watch::new(clock),
            headers: limits.headers,
            keep_alive: limits.keep_alive,
            idle: limits.idle,
        }
    }

    /// Waits until the stream can be read. Fails at the limit of what is awaited.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(readable) = self.stream.poll_read_ready(context) {
            return Poll::Ready(readable);
        }
        let (awaited, wait) = self.stage.read();
        let limit = match awaited {
            Awaited::Headers => self.headers,
            Awaited::NextRequest => self.keep_alive,
            Awaited::Nothing => {
                // hyper does not ask again by itself when the response has ended.
                self.stage.wake_at_change(context.waker());
                return Poll::Pending;
            }
        };
        if self.reads.is_over(context, wait, limit) { self.time_out() } else { Poll::Pending }
    }

    fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(writable) = self.stream.poll_write_ready(context) {
            return Poll::Ready(writable);
        }
        if self.writes.is_over(context, 0, self.idle) { self.time_out() } else { Poll::Pending }
    }

    fn time_out(&self) -> Poll<io::Result<()>> {
        self.stage.set_gone();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_write_with(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_writable(context))?;
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.stage.set_gone();
                    return Poll::Ready(Err(error));
                }
                Ok(written) => {
                    self.writes.ended();
                    return Poll::Ready(Ok(written));
                }
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_readable(context))?;
            match self.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(read) => {
                    if read == 0 {
                        self.stage.set_gone();
                    } else if self.stage.read().0 == Awaited::NextRequest {
                        self.stage.set(Awaited::Headers);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) => {
                    self.stage.set_gone();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |stream| stream.try_write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(&*self.stream, Shutdown::Write).map_err(Into::into))
    }
}
