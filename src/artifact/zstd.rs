use std::io::{self, Read};

use ruzstd::decoding::StreamingDecoder;

/// Every frame of a zstd stream, one after the other (RFC 8878, section 3), with a bound on the window.
///
/// The decoder we build on reads a single frame, and would allow a window of 100 MiB.
pub(super) struct ZstdReader<R: Read> {
    state: State<R>,
    window_limit: u64,
}

enum State<R: Read> {
    Between(R),
    Within(Box<StreamingDecoder<Source<R>, ruzstd::decoding::FrameDecoder>>),
    Done,
}

/// The frame header, which was read to see the window, then the rest.
type Source<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

const FRAME_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

impl<R: Read> ZstdReader<R> {
    pub(super) fn new(reader: R, window_limit: u64) -> Self {
        Self { state: State::Between(reader), window_limit }
    }

    /// The state at the next frame's first block, or at the end of the stream.
    fn next_frame(&self, mut reader: R) -> io::Result<State<R>> {
        let mut magic = [0; 4];
        loop {
            match read_full(&mut reader, &mut magic)? {
                0 => return Ok(State::Done),
                4 if magic == FRAME_MAGIC => break,
                4 if magic[0] & 0xf0 == 0x50 && magic[1..] == [0x2a, 0x4d, 0x18] => skip_frame(&mut reader)?,
                _ => return Err(invalid("bytes that begin no zstd frame")),
            }
        }
        let header = read_header(&mut reader, magic)?;
        let window = window_bytes(&header);
        if window > self.window_limit {
            return Err(invalid(&format!(
                "a zstd window of {window} bytes; at most {} are held",
                self.window_limit
            )));
        }
        let source = io::Cursor::new(header).chain(reader);
        let decoder = StreamingDecoder::new(source).map_err(|error| invalid(&error.to_string()))?;
        Ok(State::Within(Box::new(decoder)))
    }
}

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(reader) => self.state = self.next_frame(reader)?,
                State::Within(mut decoder) => {
                    let read = decoder.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        self.state = State::Within(decoder);
                        return Ok(read);
                    }
                    self.state = State::Between(decoder.into_inner().into_inner().1);
                }
            }
        }
    }
}

/// Magic, descriptor, and the window, dictionary and content size fields that the descriptor announces.
fn read_header(reader: &mut impl Read, magic: [u8; 4]) -> io::Result<Vec<u8>> {
    let mut descriptor = [0];
    reader.read_exact(&mut descriptor)?;
    let [descriptor] = descriptor;
    let single_segment = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        flag => 1 << flag,
    };
    let mut header = magic.to_vec();
    header.push(descriptor);
    header.resize(5 + usize::from(!single_segment) + dictionary + content_size, 0);
    reader.read_exact(&mut header[5..])?;
    Ok(header)
}

/// RFC 8878, section 3.1.1.1.2; a single segment's window is its content size.
fn window_bytes(header: &[u8]) -> u64 {
    let descriptor = header[4];
    if descriptor & 0x20 == 0 {
        let (exponent, mantissa) = (header[5] >> 3, u64::from(header[5] & 7));
        let base = 1_u64 << (10 + exponent);
        return base + base / 8 * mantissa;
    }
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let field = &header[5 + dictionary..];
    let size = field.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
    if field.len() == 2 { size + 256 } else { size }
}

fn skip_frame(reader: &mut impl Read) -> io::Result<()> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    let skipped = io::copy(&mut reader.take(length), &mut io::sink())?;
    if skipped == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Reads until `buffer` is full or the stream ends.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::fixtures::zstd;

    fn decode(stream: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        ZstdReader::new(stream, 1 << 20).read_to_end(&mut content).map(|_| content)
    }

    #[test]
    fn frames_are_read_one_after_the_other() {
        let skippable = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let stream = [zstd(b"hello "), skippable, zstd(b""), zstd(b"world")].concat();
        assert_eq!(decode(&stream).unwrap(), b"hello world");
        assert_eq!(decode(b"").unwrap(), b"");
    }

    #[test]
    fn broken_streams_are_errors() {
        let whole = zstd(&[7; 5000]);
        for bad in [b"\x1f\x8b\x08\0".as_slice(), &whole[..3], &whole[..8], &[&whole[..], b"x"].concat()] {
            assert!(decode(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_window_above_the_limit_is_refused_before_it_is_allocated() {
        // Descriptor 0: a window descriptor follows; exponent 21 asks for 2 GiB.
        let greedy = [&FRAME_MAGIC[..], &[0, 21 << 3], &[1, 0, 0]].concat();
        assert!(decode(&greedy).unwrap_err().to_string().contains("a zstd window of 2147483648 bytes"));
        // A single segment of 2^40 bytes, in an eight-byte field.
        let segment = [&FRAME_MAGIC[..], &[0xe0], &(1_u64 << 40).to_le_bytes()].concat();
        assert!(decode(&segment).unwrap_err().to_string().contains("1099511627776"));
    }
}
