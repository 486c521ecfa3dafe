use std::path::Path;

use hwasm_registry::artifact::{self, Layout, PackOptions, Plugin};

use super::{Image, temporary_dir};

/// A proxy-wasm module that a gateway loads; `seed` decides its bytes.
pub(crate) fn module(seed: u32) -> Vec<u8> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/response-header/plugin.wat");
    let mut module = wat::parse_file(example).expect("the example is WebAssembly text");
    // A custom section named `seed`: an identifier, its length, the name's length, the name, the content.
    module.extend([0, 9, 4]);
    module.extend(b"seed");
    module.extend(seed.to_le_bytes());
    module
}

/// A module packed as an image.
pub(crate) fn packed(module: &[u8], layout: Layout) -> Image {
    let dir = temporary_dir();
    let path = dir.path().join("plugin.wasm");
    std::fs::write(&path, module).expect("a temporary file can be written");
    let plugin = Plugin::load(&path).expect("the module is a plugin");
    let image = artifact::pack(&plugin, &PackOptions { layout, created: None });
    Image {
        media_type: image.descriptor.media_type.to_string(),
        digest: image.descriptor.digest.to_string(),
        bytes: image.manifest,
        blobs: image.blobs.into_iter().map(|blob| blob.bytes).collect(),
    }
}
