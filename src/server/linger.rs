use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long a closed connection goes on to swallow what the client still sends.
const LINGER: Duration = Duration::from_secs(3);

/// A connection that, once closed by us, swallows for a moment what the client is still sending.
///
/// A refused upload is answered before its body has been read. Closing at once would make the kernel reset the
/// connection, and the client would lose the answer that says why (RFC 9112, section 9.6).
pub(super) struct Linger<T> {
    io: T,
    closing: Option<Pin<Box<Sleep>>>,
}

impl<T> Linger<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, closing: None }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Linger<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Linger<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        }
        let deadline = this.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        let mut scratch = [0; 16 << 10];
        while deadline.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                // The client has closed too, or is gone.
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_still_sends_can_finish_and_read_the_answer() {
        let (near, mut far) = tokio::io::duplex(16);
        let closing = tokio::spawn(async move {
            let mut near = Linger::new(near);
            near.write_all(b"refused").await.unwrap();
            near.shutdown().await.unwrap();
        });
        far.write_all(&vec![0; 100_000]).await.unwrap();
        let mut answer = String::new();
        far.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "refused");
        far.shutdown().await.unwrap();
        closing.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_closes_is_left_after_a_moment() {
        let (near, _far) = tokio::io::duplex(16);
        let began = tokio::time::Instant::now();
        Linger::new(near).shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), LINGER.as_secs());
    }
}
