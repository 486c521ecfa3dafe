//! Plugins that differ in the header that they set.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use hwasm_registry::artifact::{Image, PackOptions, Plugin, pack};

use crate::content::Content;
use crate::registry::Repository;

const EXAMPLE: &str = include_str!("../../examples/response-header/plugin.wat");
/// The header that the example sets.
const HEADER: &[u8; 7] = b"x-hello";
/// What makes a large module: so many functions of so many steps, of 12 bytes each.
const FUNCTIONS: u32 = 2_000;
const STEPS: u32 = 40;

/// A module whose header can be set.
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// Where the header's name is.
    at: usize,
}

/// A module that nobody has seen before.
pub(crate) struct Module {
    /// The header that it adds to every response.
    pub(crate) header: String,
    pub(crate) bytes: Vec<u8>,
}

impl Template {
    /// The example.
    pub(crate) fn small() -> Result<Self> {
        Self::compiled(EXAMPLE)
    }

    /// The example with about 1 MB of code.
    pub(crate) fn large() -> Result<Self> {
        let open = EXAMPLE.trim_end().strip_suffix(')').context("the example ends as it did")?;
        Self::compiled(&format!("{open}\n{})", ballast()))
    }

    fn compiled(text: &str) -> Result<Self> {
        let bytes = wat::parse_str(text)?;
        let mut places = bytes.windows(HEADER.len()).enumerate();
        let (at, _) = places.find(|(_, window)| window == HEADER).context("the example sets its header")?;
        Ok(Self { bytes, at })
    }

    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The module number `number`, of at most five digits.
    pub(crate) fn module(&self, number: usize) -> Module {
        let header = format!("x-{number:05}");
        let mut bytes = self.bytes.clone();
        bytes[self.at..][..HEADER.len()].copy_from_slice(header.as_bytes());
        Module { header, bytes }
    }
}

/// Functions that nobody calls, no two of them alike, so that they do not compress to nothing.
fn ballast() -> String {
    let mut text = String::new();
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state | 0x4000_0000
    };
    for _ in 0..FUNCTIONS {
        text.push_str("(func (param i32) (result i32) local.get 0");
        for _ in 0..STEPS {
            write!(text, " i32.const {} i32.add i32.const {} i32.mul", next(), next())
                .expect("a String takes every text");
        }
        text.push_str(")\n");
    }
    text
}

impl Module {
    /// The image that `hwasm-registry push` makes of it; the module goes to `path`.
    pub(crate) fn image(&self, path: &Path) -> Result<Pushable> {
        std::fs::write(path, &self.bytes)?;
        let Image { manifest, blobs, .. } = pack(&Plugin::load(path)?, &PackOptions::default());
        let blobs = blobs.into_iter().map(|blob| Content::new(blob.bytes)).collect();
        Ok(Pushable { blobs, manifest: Content::new(manifest) })
    }
}

/// An image, ready to be sent.
pub(crate) struct Pushable {
    blobs: Vec<Content>,
    manifest: Content,
}

impl Pushable {
    pub(crate) async fn push_blobs(&self, repository: &Repository) -> Result<()> {
        for blob in &self.blobs {
            repository.push_blob(blob).await?;
        }
        Ok(())
    }

    /// The last step of a push, with which the tag moves.
    pub(crate) async fn put_manifest(&self, repository: &Repository, tag: &str) -> Result<()> {
        repository.put_manifest(tag, &self.manifest).await
    }
}
