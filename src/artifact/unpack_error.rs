use std::io;

use super::{Encoding, EntryKind};

/// Why a module cannot be taken out of a layer.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The layer's own bytes could not be had; nothing is said about them.
    #[error("layer could not be read")]
    Read(#[source] io::Error),
    /// The module's bytes could not be put where they belong.
    #[error("module could not be written")]
    Write(#[source] io::Error),
    /// The bytes are not what the layer's media type says.
    #[error("layer is no valid {encoding}: {reason}")]
    Malformed {
        /// What it should be.
        encoding: Encoding,
        /// What is wrong.
        reason: String,
    },
    /// It unpacks to more than [`super::Limits::unpacked_bytes`].
    #[error("layer unpacks to more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The first [`super::Limits::search_bytes`] hold no `plugin.wasm`.
    #[error("no `plugin.wasm` in the first {limit_bytes} unpacked bytes of the layer")]
    SearchTooFar {
        /// The limit.
        limit_bytes: u64,
    },
    /// The first [`super::Limits::tar_entries`] entries hold no `plugin.wasm`.
    #[error("no `plugin.wasm` among the first {limit} tar entries of the layer")]
    TooManyEntries {
        /// The limit.
        limit: u32,
    },
    /// A header extension above [`super::Limits::tar_extension_bytes`].
    #[error("tar header extension of {size_bytes} bytes; at most {limit_bytes} are held in memory")]
    LongExtension {
        /// What the header states.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// A whole tar without `plugin.wasm`.
    #[error("layer holds no `plugin.wasm`{}", others(.wasm_files))]
    NoPlugin {
        /// Files that end in `.wasm`, the first few.
        wasm_files: Vec<String>,
    },
    /// `plugin.wasm` has no bytes of its own.
    #[error("`{path}` is {kind}; it must be a regular file")]
    NotRegular {
        /// Its path in the tar.
        path: String,
        /// What it is.
        kind: EntryKind,
    },
    /// The path climbs out of the directory it is unpacked in.
    #[error("`{0}` has a `..` in its path; `plugin.wasm` must lie below the root of the layer")]
    ParentPath(String),
    /// The file has no Wasm magic.
    #[error("module does not begin with `\\0asm`, so it is no Wasm")]
    NotWasm,
}

fn others(wasm_files: &[String]) -> String {
    match wasm_files {
        [] => String::new(),
        files => format!(", only `{}`; agents look for that very name", files.join("`, `")),
    }
}
