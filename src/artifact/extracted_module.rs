use std::io::{Read, Write};
use std::path::Path;

use super::tar_reader::{Entry, EntryKind, TarReader};
use super::unpacked::Unpacked;
use super::{Encoding, Limits, ModuleForm, UnpackError};
use crate::oci::{Algorithm, Digest, Digester};

/// A module that was taken out of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractedModule {
    /// Its length.
    pub size_bytes: u64,
    /// Its own digest, which is not the layer's unless the layer is raw.
    pub digest: Digest,
}

/// Writes the module of a layer to `writer`, as a stream and in fixed memory.
///
/// Takes every shape that agents take, and a few more that they meet: see [`super::module_layer`]. The layer is read
/// no further than the module's end; whether its bytes match its digest is for the caller to check.
///
/// # Errors
/// Apart from [`UnpackError::Read`] and [`UnpackError::Write`], each error is about the layer's content. Bytes may
/// have been written by then.
pub fn extract(
    encoding: Encoding,
    reader: impl Read,
    writer: &mut impl Write,
    limits: &Limits,
) -> Result<ExtractedModule, UnpackError> {
    let mut content = Unpacked::open(encoding, reader, limits);
    if encoding == Encoding::Raw {
        return copy_module(|buffer| content.read(buffer), writer);
    }
    let mut tar = TarReader::new(content, limits);
    let mut wasm_files = Vec::new();
    let entry = tar.find_plugin(|passed| note_wasm_file(&mut wasm_files, passed))?;
    check_entry(&entry.ok_or(UnpackError::NoPlugin { wasm_files })?)?;
    copy_module(|buffer| tar.read_data(buffer), writer)
}

/// Keeps the first few names that end in `.wasm`: a hint for authors who forgot the agents' name for it.
pub(super) fn note_wasm_file(wasm_files: &mut Vec<String>, entry: &Entry) {
    const MOST: usize = 4;
    const LONGEST: usize = 120;
    let is_wasm = entry.kind == EntryKind::Regular
        && Path::new(entry.base_name())
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"));
    if is_wasm && wasm_files.len() < MOST {
        wasm_files.push(entry.path.chars().take(LONGEST).collect());
    }
}

fn check_entry(entry: &Entry) -> Result<(), UnpackError> {
    if entry.path.split('/').any(|part| part == "..") {
        return Err(UnpackError::ParentPath(entry.path.clone()));
    }
    if entry.kind != EntryKind::Regular {
        return Err(UnpackError::NotRegular { path: entry.path.clone(), kind: entry.kind });
    }
    Ok(())
}

pub(super) fn copy_module(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, UnpackError>,
    writer: &mut impl Write,
) -> Result<ExtractedModule, UnpackError> {
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    while filled < 8 {
        match read(&mut buffer[filled..])? {
            0 => return Err(UnpackError::NotWasm),
            more => filled += more,
        }
    }
    if !ModuleForm::of(&buffer[..filled]).passes_agents() {
        return Err(UnpackError::NotWasm);
    }
    let mut size_bytes = 0;
    while filled > 0 {
        digester.update(&buffer[..filled]);
        writer.write_all(&buffer[..filled]).map_err(UnpackError::Write)?;
        size_bytes += filled as u64;
        filled = read(&mut buffer)?;
    }
    Ok(ExtractedModule { size_bytes, digest: digester.finish() })
}

#[cfg(test)]
mod tests;
