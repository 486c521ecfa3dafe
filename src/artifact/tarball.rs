use std::io::{self, Write};

use flate2::{Compression, GzBuilder};

/// The compression level of every layer: part of what makes equal input equal bytes.
const LEVEL: Compression = Compression::new(6);

/// The value of gzip's OS byte for "unknown" (RFC 1952, section 2.3.1).
const UNKNOWN_OS: u8 = 255;

/// A tar with the module as its only file, plain and packed, the same bytes for the same module on any machine and day.
pub(super) struct Tarball {
    /// The tar itself: what a `diff_id` hashes.
    pub(super) tar: Vec<u8>,
    /// The tar in gzip: the layer.
    pub(super) gzip: Vec<u8>,
}

impl Tarball {
    pub(super) fn of(module: &[u8]) -> Self {
        let tar = tar(module).expect("a tar is written to memory, and its one short name fits");
        let gzip = gzip(&tar).expect("gzip is written to memory");
        Self { tar, gzip }
    }
}

/// A ustar archive: no time, no owner, read for all.
fn tar(module: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path("plugin.wasm")?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(module.len() as u64);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::with_capacity(module.len() + 2048));
    builder.append(&header, module)?;
    builder.into_inner()
}

/// One gzip member: no file name, no time.
fn gzip(tar: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().operating_system(UNKNOWN_OS).write(Vec::new(), LEVEL);
    encoder.write_all(tar)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_carry_neither_time_nor_owner_nor_machine() {
        let tarball = Tarball::of(b"\0asm\x01\0\0\0");
        assert_eq!(tarball.gzip[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        let mut archive = tar::Archive::new(tarball.tar.as_slice());
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        assert_eq!(entries.len(), 1);
        let header = entries[0].header();
        assert!(header.as_ustar().is_some());
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!((header.mode().unwrap(), header.entry_type()), (0o644, tar::EntryType::Regular));
        assert_eq!((header.username().unwrap(), header.groupname().unwrap()), (Some(""), Some("")));
    }
}
