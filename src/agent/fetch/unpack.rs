use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _, Write as _};
use std::sync::Arc;

use crate::agent::cache::{ModuleCache, Staged};
use crate::artifact::{Encoding, ExtractedModule, Limits, UnpackError, extract, extract_file, inspect};

use super::PullError;

/// What holds a module.
#[derive(Clone, Copy, Debug)]
pub(super) enum Package {
    /// A layer of an image.
    Layer(Encoding),
    /// A web server's file, of whatever kind it turns out to be.
    File,
}

/// Takes the module out of `packed`, and checks that a gateway could run it. Blocks.
///
/// What the module lacks to be a plugin is only warned of: gateways differ in what they provide, and Envoy
/// has the last word.
pub(super) fn unpack(
    cache: &ModuleCache,
    package: Package,
    mut packed: File,
    limit_bytes: u64,
) -> Result<Staged, PullError> {
    let limits = Limits { unpacked_bytes: limit_bytes, search_bytes: limit_bytes, ..Limits::default() };
    let module = cache.partial().map_err(PullError::cache)?;
    packed.rewind().map_err(|error| PullError::Unpack(Arc::new(UnpackError::Read(error))))?;
    let found = write_module(package, packed, module.as_file(), &limits)
        .map_err(|error| PullError::Unpack(Arc::new(error)))?;
    let bytes = std::fs::read(module.path());
    let bytes = bytes.map_err(|error| PullError::Unpack(Arc::new(UnpackError::Read(error))))?;
    let info = inspect(&bytes).map_err(|error| PullError::Module(Arc::new(error)))?;
    for problem in info.problems() {
        tracing::warn!(module = %found.digest, problem, "a gateway may refuse this module");
    }
    let synced = module.as_file().sync_all();
    synced.map_err(|error| PullError::Unpack(Arc::new(UnpackError::Write(error))))?;
    Ok(Staged::new(found.digest, found.size_bytes, module))
}

fn write_module(
    package: Package,
    packed: File,
    module: &File,
    limits: &Limits,
) -> Result<ExtractedModule, UnpackError> {
    let (reader, mut writer) = (BufReader::new(packed), BufWriter::new(module));
    let found = match package {
        Package::Layer(encoding) => extract(encoding, reader, &mut writer, limits)?,
        Package::File => extract_file(reader, &mut writer, limits)?,
    };
    writer.flush().map_err(UnpackError::Write)?;
    Ok(found)
}
