use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use super::zstd::ZstdReader;
use super::{Encoding, Limits, UnpackError};

/// A layer's content as it unpacks, counted against the limit.
pub(super) struct Unpacked<'a> {
    content: Box<dyn Read + 'a>,
    source_failed: Rc<Cell<bool>>,
    encoding: Encoding,
    position: u64,
    limit_bytes: u64,
}

impl<'a> Unpacked<'a> {
    /// Unpacks the layer that `reader` yields.
    pub(super) fn open(encoding: Encoding, reader: impl Read + 'a, limits: &Limits) -> Self {
        let source_failed = Rc::new(Cell::new(false));
        let source = Source { reader, failed: Rc::clone(&source_failed) };
        let content: Box<dyn Read + 'a> = match encoding {
            Encoding::Raw | Encoding::Tar => Box::new(source),
            // Agents read every member of a gzip stream, so a module may hide behind the first.
            Encoding::TarGzip => Box::new(MultiGzDecoder::new(source)),
            Encoding::TarZstd => Box::new(ZstdReader::new(BufReader::new(source), limits.zstd_window_bytes)),
        };
        Self { content, source_failed, encoding, position: 0, limit_bytes: limits.unpacked_bytes }
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes may be read yet.
    pub(super) fn allowance(&self) -> u64 {
        self.limit_bytes - self.position
    }

    /// The next bytes; 0 at the end. Content beyond the limit is an error, content that ends at it is not.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let allowance = usize::try_from(self.allowance()).unwrap_or(usize::MAX);
        if allowance == 0 && !buffer.is_empty() {
            let more = self.read_content(&mut [0])?;
            return if more == 0 { Ok(0) } else { Err(self.too_large()) };
        }
        let wanted = buffer.len().min(allowance);
        let read = self.read_content(&mut buffer[..wanted])?;
        self.position += read as u64;
        Ok(read)
    }

    /// Reads until `buffer` is full or the content ends, and says how much came.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    pub(super) fn too_large(&self) -> UnpackError {
        UnpackError::TooLarge { limit_bytes: self.limit_bytes }
    }

    pub(super) fn malformed(&self, reason: impl Into<String>) -> UnpackError {
        UnpackError::Malformed { encoding: self.encoding, reason: reason.into() }
    }

    fn read_content(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        loop {
            match self.content.read(buffer) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.source_failed.get() => return Err(UnpackError::Read(error)),
                Err(error) => return Err(self.malformed(error.to_string())),
            }
        }
    }
}

/// The packed bytes; remembers whether an error came from below or from the decoder above.
struct Source<R> {
    reader: R,
    failed: Rc<Cell<bool>>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.reader.read(buffer);
        let failed = result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        self.failed.set(self.failed.get() || failed);
        result
    }
}
