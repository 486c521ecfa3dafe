use std::fmt::Write as _;
use std::path::Path;

use hwasm_registry::artifact::{self, Layout, PackOptions, Plugin};
use hwasm_registry::oci::media_type;

use super::{Image, digest_of, temporary_dir};

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
    pack(&[("plugin.wasm", module)], layout)
}

/// A module and a `spec.yaml`, which may be what no packer takes, as an image.
pub(crate) fn packed_with_spec(module: &[u8], spec: &str) -> Image {
    let image = pack(&[("plugin.wasm", module), ("spec.yaml", b"info: {}")], Layout::Compat);
    let mut manifest: serde_json::Value = serde_json::from_slice(&image.bytes).expect("a manifest");
    let layers = manifest["layers"].as_array_mut().expect("an image has layers");
    let layer = layers.iter_mut().find(|layer| layer["mediaType"] == media_type::WASM_SPEC);
    let layer = layer.expect("the packed specification");
    layer["digest"] = digest_of(spec.as_bytes()).into();
    layer["size"] = spec.len().into();
    let Image { mut blobs, media_type, .. } = image;
    blobs.push(spec.as_bytes().to_vec());
    Image { blobs, ..Image::of(&media_type, &manifest) }
}

fn pack(files: &[(&str, &[u8])], layout: Layout) -> Image {
    let dir = temporary_dir();
    for (name, content) in files {
        std::fs::write(dir.path().join(name), content).expect("a temporary file can be written");
    }
    let plugin = Plugin::load(dir.path()).expect("the module is a plugin");
    let image = artifact::pack(&plugin, &PackOptions { layout, created: None });
    Image {
        media_type: image.descriptor.media_type.to_string(),
        digest: image.descriptor.digest.to_string(),
        bytes: image.manifest,
        blobs: image.blobs.into_iter().map(|blob| blob.bytes).collect(),
    }
}

/// A Higress `WasmPlugin` named `p`, whose `spec` is a flow, or a block on lines of its own.
pub(crate) fn wasmplugin(spec: &str) -> String {
    format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: p}}\nspec: {spec}\n"
    )
}

/// A text that unfolds, two levels of aliases at a time, to a hundred million values.
pub(crate) fn alias_bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..8 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").expect("a String takes every text");
    }
    text
}
