use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_util::Stream;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::JoinHandle;

/// The largest frame: as much as a socket takes at once.
const LARGEST_FRAME: usize = 256 << 10;
/// The smallest frame: below it the cost of a call outweighs that of the bytes.
const SMALLEST_FRAME: usize = 16 << 10;
/// What the frames of all streams together may take, as long as none must be smaller than the smallest.
const FRAMES_BYTES: usize = 24 << 20;
/// How many frames of one stream may wait for the network at a time.
const WINDOW: usize = 2;
/// How many large buffers are kept for reuse: a fresh one costs a page fault every 4 KiB.
const SPARE_BUFFERS: usize = 16;

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The bytes of a blob, or of a part of one, as frames.
///
/// Bytes in the page cache are read at once; only a miss goes to a blocking thread. A consumer that keeps frames
/// without dropping them gets no more than two of them: a slow client costs two frames, whatever the blob's size.
pub struct BlobStream {
    file: Arc<File>,
    position: u64,
    end: u64,
    window: Arc<Window>,
    /// A read that missed the page cache.
    pending: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl BlobStream {
    pub(super) fn new(file: Arc<File>, range: Range<u64>) -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self { file, position: range.start, end: range.end, window: Arc::default(), pending: None }
    }

    /// How many bytes are still to come.
    pub fn remaining(&self) -> u64 {
        self.end - self.position
    }

    fn frame_len(&self) -> usize {
        let share = FRAMES_BYTES / (WINDOW * RUNNING.load(Ordering::Relaxed).max(1));
        let size = share.clamp(SMALLEST_FRAME, LARGEST_FRAME).next_multiple_of(SMALLEST_FRAME);
        usize::try_from(self.remaining()).map_or(size, |remaining| remaining.min(size))
    }

    /// Reads the next frame from the page cache, or starts a thread that waits for the disk.
    fn read(&mut self) -> Option<io::Result<Vec<u8>>> {
        let mut buffer = take_buffer(self.frame_len());
        let slice = &mut [io::IoSliceMut::new(&mut buffer)];
        match preadv2(&self.file, slice, self.position, ReadWriteFlags::NOWAIT) {
            Ok(0) => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => {
                buffer.truncate(read);
                Some(Ok(buffer))
            }
            // Not in the page cache, or a file system that cannot tell.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::INTR) => {
                let (file, position) = (Arc::clone(&self.file), self.position);
                self.pending = Some(tokio::task::spawn_blocking(move || {
                    file.read_exact_at(&mut buffer, position).map(|()| buffer)
                }));
                None
            }
            Err(errno) => Some(Err(errno.into())),
        }
    }
}

impl Stream for BlobStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.position == this.end {
            return Poll::Ready(None);
        }
        ready!(this.window.poll_open(cx));
        let read = loop {
            if let Some(pending) = &mut this.pending {
                let read =
                    ready!(Pin::new(pending).poll(cx)).unwrap_or_else(|error| Err(io::Error::other(error)));
                this.pending = None;
                break read;
            }
            if let Some(read) = this.read() {
                break read;
            }
        };
        let buffer = match read {
            Ok(buffer) => buffer,
            Err(error) => {
                this.position = this.end;
                return Poll::Ready(Some(Err(error)));
            }
        };
        this.position += buffer.len() as u64;
        Poll::Ready(Some(Ok(Bytes::from_owner(Frame::new(buffer, Arc::clone(&this.window))))))
    }
}

impl Drop for BlobStream {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many frames of one stream are out, and who waits for one to come back.
#[derive(Default)]
struct Window {
    state: Mutex<(usize, Option<Waker>)>,
}

impl Window {
    fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 < WINDOW {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }

    fn add(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
    }

    fn remove(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 -= 1;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }
}

/// A buffer on its way to the network; it counts in its stream's window until it is dropped.
struct Frame {
    buffer: Vec<u8>,
    window: Arc<Window>,
}

impl Frame {
    fn new(buffer: Vec<u8>, window: Arc<Window>) -> Self {
        window.add();
        Self { buffer, window }
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.window.remove();
        give_back(std::mem::take(&mut self.buffer));
    }
}

fn take_buffer(len: usize) -> Vec<u8> {
    let spare = (len > LARGEST_FRAME / 2)
        .then(|| SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop())
        .flatten();
    let mut buffer = spare.unwrap_or_default();
    buffer.resize(len, 0);
    buffer
}

fn give_back(buffer: Vec<u8>) {
    if buffer.capacity() == LARGEST_FRAME {
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS {
            spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::StreamExt as _;

    use super::*;

    fn file(bytes: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(file)
    }

    #[tokio::test]
    async fn a_stream_yields_exactly_its_range() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| n.to_le_bytes()[1]).collect();
        let mut stream = BlobStream::new(file(&bytes), 10..999_990);
        let mut seen = Vec::new();
        while let Some(frame) = stream.next().await {
            seen.extend_from_slice(&frame.unwrap());
        }
        assert_eq!(seen, &bytes[10..999_990]);
    }

    #[tokio::test]
    async fn a_consumer_that_keeps_its_frames_gets_no_more_than_the_window() {
        let mut stream = BlobStream::new(file(&vec![7; 4 << 20]), 0..4 << 20);
        let mut kept = vec![stream.next().await.unwrap().unwrap(), stream.next().await.unwrap().unwrap()];
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(20), stream.next()).await;
        assert!(waiting.is_err());
        kept.pop();
        assert!(stream.next().await.is_some());
    }

    #[tokio::test]
    async fn a_truncated_file_is_an_error_and_not_a_short_answer() {
        let mut stream = BlobStream::new(file(b"short"), 0..100);
        assert_eq!(stream.next().await.unwrap().unwrap(), "short");
        assert!(stream.next().await.unwrap().is_err());
        assert!(stream.next().await.is_none());
    }
}
