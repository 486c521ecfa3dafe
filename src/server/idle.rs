use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A connection that fails once no byte has moved in either direction for a while.
///
/// One clock for both directions: while an answer streams out nothing comes in, and that is not idleness.
pub(super) struct IdleTimeout<T> {
    io: T,
    limit: Duration,
    last_progress: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl<T> IdleTimeout<T> {
    pub(super) fn new(io: T, limit: Duration) -> Self {
        Self { io, limit, last_progress: Instant::now(), sleep: Box::pin(tokio::time::sleep(limit)) }
    }

    /// Passes a finished operation on; for a waiting one, looks at the clock.
    fn observe<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.last_progress = Instant::now();
            return outcome;
        }
        // The timer is moved only when it fires: moving it for every operation would cost more than the operation.
        while self.sleep.as_mut().poll(cx).is_ready() {
            let due = self.last_progress + self.limit;
            if due <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.sleep.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for IdleTimeout<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.observe(cx, outcome)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for IdleTimeout<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buffer);
        self.observe(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, buffers);
        self.observe(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_moves_in_one_direction_is_not_idle() {
        let (near, mut far) = tokio::io::duplex(1);
        let (mut reader, mut writer) = tokio::io::split(IdleTimeout::new(near, Duration::from_secs(10)));
        let reading = tokio::spawn(async move { reader.read_u8().await });
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(8)).await;
            writer.write_u8(1).await.unwrap();
            far.read_u8().await.unwrap();
        }
        assert!(!reading.is_finished());
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
