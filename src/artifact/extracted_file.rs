use std::io::{self, Cursor, Read, Write};

use super::extracted_module::copy_module;
use super::tar_reader::TarReader;
use super::unpacked::Unpacked;
use super::{Encoding, ExtractedModule, Limits, ModuleForm, UnpackError};

/// Enough of a file to know a tar by.
const HEAD_BYTES: usize = 512;
/// Archives within each other. Agents know no end; a module in a tar in a gzip file is two.
const DEPTH: usize = 4;

/// Writes the module of a file to `writer`, as a stream and in memory that does not grow with it: the file of a web server
/// may be the module, or a gzip file or a tar that holds it, or one within the other.
///
/// Of a tar the first member counts, whatever its name (Istio, `getFirstFileFromTar`, `pkg/wasm/httpfetcher.go`).
///
/// # Errors
/// As those of [`super::extract`].
pub fn extract_file(
    reader: impl Read,
    writer: &mut impl Write,
    limits: &Limits,
) -> Result<ExtractedModule, UnpackError> {
    let mut content: Box<dyn Read + '_> = Box::new(reader);
    for _ in 0..=DEPTH {
        let (head, whole) = peek(content).map_err(UnpackError::from_nested)?;
        content = match Shape::of(&head) {
            Shape::Module => {
                let mut raw = Unpacked::open(Encoding::Raw, whole, limits);
                return copy_module(|buffer| raw.read(buffer), writer).map_err(UnpackError::innermost);
            }
            Shape::Gzip => Box::new(Inner(Unpacked::open(Encoding::TarGzip, whole, limits))),
            Shape::Tar => Box::new(first_member(whole, limits).map_err(UnpackError::innermost)?),
            Shape::Other => return Err(UnpackError::NotWasm),
        };
    }
    Err(UnpackError::NotWasm)
}

/// What a file looks like by its beginning.
enum Shape {
    Module,
    Gzip,
    Tar,
    Other,
}

impl Shape {
    fn of(head: &[u8]) -> Self {
        if ModuleForm::of(head).passes_agents() {
            Self::Module
        } else if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.get(257..262) == Some(b"ustar") {
            Self::Tar
        } else {
            Self::Other
        }
    }
}

/// The beginning of `content`, and all of it.
fn peek<'a>(mut content: Box<dyn Read + 'a>) -> io::Result<(Vec<u8>, impl Read + 'a)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    content.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(content)))
}

fn first_member<'a>(content: impl Read + 'a, limits: &Limits) -> Result<FirstMember<'a>, UnpackError> {
    let mut tar = TarReader::new(Unpacked::open(Encoding::Tar, content, limits), limits);
    match tar.next_entry()? {
        Some(_) => Ok(FirstMember(tar)),
        None => Err(UnpackError::NotWasm),
    }
}

/// What unpacks, as a reader again.
struct Inner<'a>(Unpacked<'a>);

/// The data of a tar's member, as a reader again.
struct FirstMember<'a>(TarReader<'a>);

impl Read for Inner<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(io::Error::other)
    }
}

impl Read for FirstMember<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_data(buffer).map_err(io::Error::other)
    }
}

impl UnpackError {
    /// What was wrong at the innermost archive, which its readers hand on as a failed read.
    fn innermost(self) -> Self {
        match self {
            Self::Read(error) => Self::from_nested(error),
            other => other,
        }
    }

    fn from_nested(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner.innermost(),
            Err(error) => Self::Read(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::fixtures::{file, gzip, module, tar};
    use crate::oci::Digest;

    fn extracted(bytes: &[u8], limits: &Limits) -> Result<(ExtractedModule, Vec<u8>), UnpackError> {
        let mut written = Vec::new();
        let module = extract_file(bytes, &mut written, limits)?;
        Ok((module, written))
    }

    #[test]
    fn the_innermost_module_counts_whatever_it_is_wrapped_in() {
        let module = module(r#"(memory (export "memory") 1)"#);
        let archive = tar(&[file("any/name", &module), file("plugin.wasm", b"not this one")]);
        let twice = gzip(&gzip(&module));
        for wrapped in [module.clone(), gzip(&module), archive.clone(), gzip(&archive), twice] {
            let (found, written) = extracted(&wrapped, &Limits::default()).unwrap();
            assert!(written == module);
            assert_eq!((found.size_bytes, found.digest), (module.len() as u64, Digest::sha256(&module)));
        }
    }

    #[test]
    fn what_is_no_module_is_told_apart() {
        let module = module("");
        let small = Limits { unpacked_bytes: 1000, ..Limits::default() };
        let mut broken = gzip(&module);
        broken.truncate(broken.len() - 6);
        let nested = (0..8).fold(module, |inner, _| gzip(&inner));
        let large = gzip(&[b"\0asm\x01\0\0\0".as_slice(), &[0; 2000]].concat());
        for (bytes, limits, expected) in [
            (b"".to_vec(), Limits::default(), "does not begin with"),
            (b"<!doctype html>".to_vec(), Limits::default(), "does not begin with"),
            (tar(&[]), Limits::default(), "does not begin with"),
            (nested, Limits::default(), "does not begin with"),
            (broken, Limits::default(), "no valid gzip"),
            (large, small, "more than 1000 bytes"),
        ] {
            let message = extracted(&bytes, &limits).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
