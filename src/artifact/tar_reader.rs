//! The members of a tar, one after the other, in fixed memory (POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU long names).
//!
//! The usual reader holds GNU long names and pax records of any size in memory, and refuses tars without the closing
//! blocks, which umoci writes. Agents find `plugin.wasm` in those, and so do we.

use std::fmt;

use serde::Serialize;

use super::tar_header::{self, BLOCK, Header, PaxRecords};
use super::unpacked::Unpacked;
use super::{Limits, UnpackError};

/// What a tar entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A file with bytes of its own.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link; agents read it as an empty file.
    Symlink,
    /// A hard link; agents read it as an empty file.
    HardLink,
    /// A device, a pipe, or a GNU sparse file.
    Other,
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regular => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symlink",
            Self::HardLink => "a hard link",
            Self::Other => "a special file",
        })
    }
}

/// One member of a tar.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) kind: EntryKind,
    pub(super) size_bytes: u64,
}

impl Entry {
    /// The last part of the path, which is what agents compare with `plugin.wasm`.
    pub(super) fn base_name(&self) -> &str {
        let path = self.path.trim_end_matches('/');
        path.rsplit_once('/').map_or(path, |(_, name)| name)
    }
}

/// Reads a tar member by member.
pub(super) struct TarReader<'a> {
    content: Unpacked<'a>,
    limits: Limits,
    entries: u32,
    unread: u64,
    padding: u64,
}

impl<'a> TarReader<'a> {
    pub(super) fn new(content: Unpacked<'a>, limits: &Limits) -> Self {
        Self { content, limits: *limits, entries: 0, unread: 0, padding: 0 }
    }

    /// How many headers have been read, extensions included.
    pub(super) fn entries(&self) -> u32 {
        self.entries
    }

    /// Goes on to the first member that agents would take for the module, and shows the ones passed by.
    pub(super) fn find_plugin(
        &mut self,
        mut passed: impl FnMut(&Entry),
    ) -> Result<Option<Entry>, UnpackError> {
        while let Some(entry) = self.next_entry()? {
            if entry.base_name() == "plugin.wasm" {
                return Ok(Some(entry));
            }
            passed(&entry);
        }
        Ok(None)
    }

    /// The next bytes of the current member; 0 at its end.
    pub(super) fn read_data(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        if self.unread > self.content.allowance() {
            return Err(self.content.too_large());
        }
        let wanted = usize::try_from(self.unread).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.content.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(self
                .content
                .malformed(format!("it ends {} bytes before the file does", self.unread)));
        }
        self.unread -= read as u64;
        Ok(read)
    }

    /// The next member, whatever it is.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, UnpackError> {
        let (mut long_name, mut records) = (String::new(), PaxRecords::default());
        loop {
            let Some(header) = self.next_header()? else { return Ok(None) };
            match header.kind_byte() {
                b'L' => long_name = tar_header::text(&self.read_extension(&header)?),
                b'x' => records = self.read_records(&header)?,
                // A long link target does not name the module.
                b'K' => self.start_data(self.stated_size(&header)?)?,
                // Records for the whole archive: agents check them, apply none, and see an empty file.
                b'g' => {
                    let named = Some(self.read_records(&header)?.path).filter(|path| !path.is_empty());
                    let path = named.unwrap_or_else(|| header.path());
                    return Ok(Some(Entry { path, kind: EntryKind::Other, size_bytes: 0 }));
                }
                // GNU's name wins over pax, and both over the header; an empty one says nothing.
                _ => {
                    let path = [long_name, records.path].into_iter().find(|path| !path.is_empty());
                    let path = path.unwrap_or_else(|| header.path());
                    return self.entry(&header, path, records.size).map(Some);
                }
            }
        }
    }

    /// The next header, or `None` where the tar ends: at a zero block or, unterminated, between two members.
    fn next_header(&mut self) -> Result<Option<Header>, UnpackError> {
        if !self.skip_to_header()? {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        match self.content.fill(&mut block)? {
            0 => return Ok(None),
            BLOCK if block.iter().all(|byte| *byte == 0) => return Ok(None),
            BLOCK => {}
            _ => return Err(self.content.malformed("it ends within a header")),
        }
        if self.entries == self.limits.tar_entries {
            return Err(UnpackError::TooManyEntries { limit: self.limits.tar_entries });
        }
        self.entries += 1;
        let header = Header::new(&block);
        if header.is_sound() {
            Ok(Some(header))
        } else {
            Err(self.content.malformed("bytes that are no tar header"))
        }
    }

    /// Passes by what is left of the current member; false where the tar ends within its padding.
    fn skip_to_header(&mut self) -> Result<bool, UnpackError> {
        let ahead = self.unread.saturating_add(self.padding);
        if self.content.position().saturating_add(ahead) > self.limits.search_bytes {
            return Err(UnpackError::SearchTooFar { limit_bytes: self.limits.search_bytes });
        }
        let mut scratch = [0; 16 * 1024];
        while self.unread > 0 {
            self.read_data(&mut scratch)?;
        }
        let padding = usize::try_from(self.padding).expect("padding is less than a block");
        self.padding = 0;
        Ok(self.content.fill(&mut scratch[..padding])? == padding)
    }

    fn entry(&mut self, header: &Header, path: String, size: Option<u64>) -> Result<Entry, UnpackError> {
        let stated = self.stated_size(header)?;
        let stated = size.unwrap_or(stated);
        // A type byte of NUL is the oldest form, where a slash made a directory. Types that nobody knows are files, as
        // POSIX asks for; the types of links, devices, directories and pipes have no data, whatever their size says.
        let kind = match header.kind_byte() {
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'5' => EntryKind::Directory,
            0 if path.ends_with('/') => EntryKind::Directory,
            b'3' | b'4' | b'6' | b'S' => EntryKind::Other,
            _ => EntryKind::Regular,
        };
        let has_data = kind == EntryKind::Regular || header.kind_byte() == b'S';
        let size_bytes = if has_data { stated } else { 0 };
        self.start_data(size_bytes)?;
        Ok(Entry { path, kind, size_bytes })
    }

    fn stated_size(&self, header: &Header) -> Result<u64, UnpackError> {
        header.size().ok_or_else(|| self.content.malformed("a size that is no number"))
    }

    fn read_records(&mut self, header: &Header) -> Result<PaxRecords, UnpackError> {
        let records = self.read_extension(header)?;
        PaxRecords::parse(&records).ok_or_else(|| self.content.malformed("a bad pax record"))
    }

    fn start_data(&mut self, size_bytes: u64) -> Result<(), UnpackError> {
        let padded = size_bytes.checked_next_multiple_of(BLOCK as u64);
        self.padding = padded.ok_or_else(|| self.content.malformed("a size beyond reason"))? - size_bytes;
        self.unread = size_bytes;
        Ok(())
    }

    fn read_extension(&mut self, header: &Header) -> Result<Vec<u8>, UnpackError> {
        let (size_bytes, limit_bytes) = (self.stated_size(header)?, self.limits.tar_extension_bytes);
        if size_bytes > limit_bytes {
            return Err(UnpackError::LongExtension { size_bytes, limit_bytes });
        }
        self.start_data(size_bytes)?;
        let mut data = vec![0; usize::try_from(size_bytes).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < data.len() {
            filled += self.read_data(&mut data[filled..])?;
        }
        Ok(data)
    }
}
