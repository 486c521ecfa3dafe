use wasmparser::BinaryReaderError;

use super::ModuleForm;

/// Why bytes are not a module that a gateway could run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModuleError {
    /// Shorter than the eight bytes every module begins with.
    #[error("file has {0} bytes; a Wasm module has at least 8")]
    TooSmall(usize),
    /// Other content.
    #[error("file is {0}, not a Wasm module, which begins with `\\0asm`")]
    NotWasm(&'static str),
    /// A component of the component model.
    #[error(
        "file is a Wasm component; gateways run core modules only, so build for `wasm32-wasip1`, not `wasip2`"
    )]
    Component,
    /// A binary format version nobody speaks.
    #[error("module has binary version {0}; only version 1 exists")]
    Version(u32),
    /// The file ends within the module.
    #[error("module is truncated: {size_bytes} bytes end where more are expected, at offset {offset}")]
    Truncated {
        /// Length of the file.
        size_bytes: u64,
        /// Where reading failed.
        offset: u64,
    },
    /// The bytes break the rules of Wasm, or use a proposal that Envoy's V8 does not take.
    #[error("module is invalid at offset {offset}: {reason}")]
    Invalid {
        /// Where it goes wrong.
        offset: u64,
        /// What the validator says.
        reason: String,
    },
}

impl ModuleError {
    /// What the first bytes of a file rule out, before anything is parsed.
    pub(super) fn check_header(module: &[u8]) -> Result<(), Self> {
        match ModuleForm::of(module) {
            ModuleForm::TooSmall => Err(Self::TooSmall(module.len())),
            ModuleForm::NotWasm => Err(Self::NotWasm(kind_of(module))),
            ModuleForm::Component => Err(Self::Component),
            ModuleForm::UnknownVersion(version) => Err(Self::Version(version)),
            ModuleForm::Core => Ok(()),
        }
    }

    /// The parser's error about a file of `size` bytes.
    pub(super) fn from_reader(error: &BinaryReaderError, size: usize) -> Self {
        if error.message().starts_with("unexpected end") {
            Self::Truncated { size_bytes: size as u64, offset: error.offset() }
        } else {
            Self::Invalid { offset: error.offset(), reason: error.message().to_owned() }
        }
    }
}

/// What a file looks like that is no module, in words that help whoever picked the wrong one.
fn kind_of(file: &[u8]) -> &'static str {
    let text = file.trim_ascii_start();
    match file {
        [0x1f, 0x8b, ..] => "gzip data",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd data",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [0x7f, b'E', b'L', b'F', ..] => "a native ELF binary (a Go filter is a `.so`, not Wasm)",
        [b'!', b'<', b'a', b'r', ..] => "a static library",
        _ if file.get(257..262) == Some(b"ustar") => "a tar archive",
        _ if text.starts_with(b"(") => "WebAssembly text (name it `.wat` and it is compiled)",
        _ if text.starts_with(b"<") => "an HTML or XML page",
        _ if text.starts_with(b"{") => "JSON",
        _ => "something else",
    }
}
