use std::path::PathBuf;

use super::*;
use crate::artifact::fixtures::plugin_module;
use crate::artifact::{Limits, examine, extract, holds_module, module_layer, verdicts};
use crate::oci::Manifest;

/// One plugin with everything that can go into an image.
fn plugin() -> (tempfile::TempDir, Plugin) {
    plugin_of(&plugin_module())
}

fn plugin_of(module: &[u8]) -> (tempfile::TempDir, Plugin) {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("key-auth");
    std::fs::create_dir(&directory).unwrap();
    let spec =
        "info:\n  name: key-auth\n  version: 1.0.0+1\n  title: Key Auth\n  description: Checks a key\n";
    let files: [(&str, &[u8]); 5] = [
        ("plugin.wasm", module),
        ("spec.yaml", spec.as_bytes()),
        ("README.md", b"# Key Auth\n"),
        ("README_ZH.md", b"# Key Auth ZH\n"),
        ("icon.png", b"\x89PNG"),
    ];
    for (name, content) in files {
        std::fs::write(directory.join(name), content).unwrap();
    }
    let plugin = Plugin::load(&directory).unwrap();
    (parent, plugin)
}

fn packed(plugin: &Plugin, layout: Layout) -> Image {
    pack(plugin, &PackOptions { layout, created: None })
}

fn parsed(image: &Image) -> Manifest {
    Manifest::parse(&image.descriptor.media_type, &image.manifest).unwrap()
}

fn blob<'a>(image: &'a Image, descriptor: &Descriptor) -> &'a Blob {
    image.blobs.iter().find(|blob| blob.descriptor.digest == descriptor.digest).unwrap()
}

fn config_json(image: &Image) -> serde_json::Value {
    serde_json::from_slice(&image.blobs[0].bytes).unwrap()
}

/// A change here changes what every author's next push is called: it needs a reason, and a line in the changelog.
#[test]
fn the_digest_of_each_layout_never_drifts() {
    let (_keep, plugin) = plugin_of(&fixed_module());
    let digests: Vec<_> =
        Layout::ALL.map(|layout| format!("{layout} {}", packed(&plugin, layout).descriptor.digest)).into();
    insta::assert_snapshot!(digests.join("\n"), @r"
    compat sha256:9dfb8c116396afdc0dd9cc86bdefa2ce2b8a08243f66ea1343071434d2947a29
    artifact sha256:86964e6aaaf0f20a0633cc4af14ef5eaedef3ebe62f59b245d8c87e5cb2ff28e
    docker sha256:26b695cab15cb697d8a952822ff70076ce21e71b823d5dcc2712f468572d7743
    wasm sha256:70082795cea780d2b769671f31cab5a1f27785bfebd5aaa336d7281da6dea3a9
    ");
}

/// A module that no compiler has a say in: an export, and 64 KiB that are neither uniform nor random.
fn fixed_module() -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(b"\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x1b\x01\x17proxy_abi_version_0_2_1\0\0\x0a\x04\x01\x02\0\x0b");
    let filler = (0_u32..65_536).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8);
    module.extend(b"\0\x82\x80\x04\x01x");
    module.extend(filler);
    module
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let ((_keep, first), (_keep_too, second)) = (plugin(), plugin());
    for layout in Layout::ALL {
        assert_eq!(packed(&first, layout), packed(&second, layout), "{layout}");
    }
}

#[test]
fn an_image_does_not_depend_on_the_directory_it_was_packed_in() {
    let parent = tempfile::tempdir().unwrap();
    let digests = ["here", "there/1.0.0"].map(|name| {
        let directory = parent.path().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("plugin.wasm"), plugin_module()).unwrap();
        packed(&Plugin::load(&directory).unwrap(), Layout::Compat).descriptor
    });
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn what_goes_in_comes_out_of_every_layout() {
    let (_keep, plugin) = plugin();
    for layout in Layout::ALL {
        let image = packed(&plugin, layout);
        let manifest = parsed(&image);
        let layer = module_layer(&manifest).unwrap();
        let mut module = Vec::new();
        let bytes = blob(&image, layer.descriptor).bytes.as_slice();
        let extracted = extract(layer.encoding, bytes, &mut module, &Limits::default()).unwrap();
        assert_eq!(module, plugin.module(), "{layout}");
        assert_eq!(extracted.digest.hex(), plugin.info().sha256);
    }
}

#[test]
fn our_layouts_load_where_they_should() {
    let (_keep, plugin) = plugin();
    let cases = [
        (Layout::Compat, "-++++-"),
        (Layout::Artifact, "+++++-"),
        (Layout::Docker, "+++++-"),
        (Layout::Wasm, "-----+"),
    ];
    for (layout, expected) in cases {
        let image = packed(&plugin, layout);
        let manifest = parsed(&image);
        let layer = module_layer(&manifest).unwrap();
        let bytes = blob(&image, layer.descriptor).bytes.as_slice();
        let content = examine(layer.encoding, bytes, &Limits::default()).unwrap();
        let found: String =
            verdicts(&manifest, Some(&content)).iter().map(|v| if v.loads() { '+' } else { '-' }).collect();
        assert_eq!(found, expected, "{layout}");
        assert!(holds_module(&manifest, Some(&content)), "{layout}");
    }
}

#[test]
fn every_blob_is_what_its_descriptor_says_and_stands_there_once() {
    let (_keep, plugin) = plugin();
    for layout in Layout::ALL {
        let image = packed(&plugin, layout);
        assert_eq!(image.descriptor, Descriptor::of(image.descriptor.media_type.clone(), &image.manifest));
        let manifest = parsed(&image);
        assert!(manifest.check_media_type().is_ok());
        for descriptor in manifest.blobs() {
            let blob = blob(&image, descriptor);
            assert_eq!(
                (descriptor.size, &descriptor.digest),
                (blob.bytes.len() as u64, &Digest::sha256(&blob.bytes))
            );
        }
        let mut digests: Vec<_> = image.blobs.iter().map(|blob| &blob.descriptor.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), image.blobs.len(), "{layout}");
    }
}

#[test]
fn compat_has_metadata_first_and_a_true_diff_id_for_every_layer() {
    let (_keep, plugin) = plugin();
    let image = packed(&plugin, Layout::Compat);
    let manifest = parsed(&image);
    let types: Vec<_> = manifest.layers().iter().map(|layer| layer.media_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "application/vnd.module.wasm.spec.v1+yaml",
            "application/vnd.module.wasm.doc.v1+markdown",
            "application/vnd.module.wasm.doc.v1.zh+markdown",
            "application/vnd.module.wasm.icon.v1+png",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ]
    );
    assert_eq!(manifest.layers()[0].annotation(annotation::TITLE), Some("spec.yaml"));
    let config = config_json(&image);
    assert_eq!((&config["architecture"], &config["os"]), (&"amd64".into(), &"linux".into()));
    let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap();
    assert_eq!(diff_ids.len(), manifest.layers().len());
    for (diff_id, layer) in diff_ids.iter().zip(manifest.layers()) {
        let packed = &blob(&image, layer).bytes;
        let mut unpacked = Vec::new();
        let is_gzip =
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut unpacked)
                .is_ok();
        let expected = Digest::sha256(if is_gzip { &unpacked } else { packed });
        assert_eq!(diff_id.as_str(), Some(expected.to_string().as_str()), "{}", layer.media_type);
    }
}

#[test]
fn artifact_has_exactly_the_configuration_and_the_raw_module() {
    let (_keep, plugin) = plugin();
    let image = packed(&plugin, Layout::Artifact);
    let manifest = parsed(&image);
    let types: Vec<_> = manifest.layers().iter().map(|layer| layer.media_type.as_str()).collect();
    assert_eq!(types, [media_type::WASM_MODULE_CONFIG, media_type::WASM_CONTENT_LAYER]);
    assert_eq!(image.blobs[1].bytes, plugin.module());
    let expected =
        serde_json::json!({"type": "envoy_proxy", "abi_version": "0.2.1", "config": {"root_ids": []}});
    assert_eq!(config_json(&image), expected);
    assert_eq!(manifest.effective_artifact_type(), Some(media_type::WASM_MODULE_CONFIG));
}

#[test]
fn docker_has_dockers_types_and_nothing_else() {
    let (_keep, plugin) = plugin();
    let image = packed(&plugin, Layout::Docker);
    let manifest = parsed(&image);
    assert_eq!(manifest.media_type, media_type::DOCKER_MANIFEST);
    assert_eq!(manifest.body_media_type.as_deref(), Some(media_type::DOCKER_MANIFEST));
    let types: Vec<_> = manifest.blobs().map(|blob| blob.media_type.as_str()).collect();
    assert_eq!(types, [media_type::DOCKER_CONFIG, media_type::DOCKER_LAYER_GZIP]);
    assert!(manifest.annotations.is_empty());
    assert_eq!(config_json(&image)["config"]["Labels"][annotation::TITLE], "Key Auth");
}

#[test]
fn wasm_has_cncfs_configuration_and_one_raw_layer() {
    let (_keep, plugin) = plugin();
    let image = packed(&plugin, Layout::Wasm);
    let manifest = parsed(&image);
    let types: Vec<_> = manifest.blobs().map(|blob| blob.media_type.as_str()).collect();
    assert_eq!(types, [media_type::WASM_CONFIG_V0, media_type::WASM]);
    let digest = manifest.layers()[0].digest.to_string();
    let expected = serde_json::json!({
        "created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip1", "layerDigests": [digest],
    });
    assert_eq!(config_json(&image), expected);
}

#[test]
fn annotations_say_what_is_known_and_a_date_only_when_given() {
    let (_keep, plugin) = plugin();
    let known = parsed(&packed(&plugin, Layout::Compat)).annotations;
    let expected = [
        (annotation::TITLE, "Key Auth"),
        (annotation::VERSION, "1.0.0+1"),
        (annotation::DESCRIPTION, "Checks a key"),
        (annotation::WASM_ABI, "0.2.1"),
        (annotation::WASM_LANGUAGE, "Rust"),
        (annotation::WASM_SHA256, &plugin.info().sha256),
        (annotation::WASM_VARIANT, "compat"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(known, expected);

    let created = DateTime::from_timestamp(1_700_000_000, 0);
    let dated = pack(&plugin, &PackOptions { layout: Layout::Compat, created });
    assert_eq!(parsed(&dated).annotations[annotation::CREATED], "2023-11-14T22:13:20Z");
    assert_eq!(config_json(&dated)["created"], "2023-11-14T22:13:20Z");
}

/// The types that other Rust tools read manifests with.
#[test]
fn other_readers_understand_our_manifests() {
    use oci_spec::image::{ImageConfiguration, ImageManifest};
    let (_keep, plugin) = plugin();
    for layout in Layout::ALL {
        let image = packed(&plugin, layout);
        let manifest = ImageManifest::from_reader(image.manifest.as_slice()).unwrap();
        assert_eq!(manifest.layers().len(), parsed(&image).layers().len(), "{layout}");
        if matches!(layout, Layout::Compat | Layout::Docker) {
            let config = ImageConfiguration::from_reader(image.blobs[0].bytes.as_slice()).unwrap();
            assert_eq!(config.rootfs().diff_ids().len(), manifest.layers().len(), "{layout}");
        }
    }
}

/// `examples/response-header`, which the documentation tells everybody to push first.
#[test]
fn the_example_packs_and_has_nothing_to_complain_about() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/response-header");
    let plugin = Plugin::load(&directory).unwrap();
    assert_eq!((plugin.info().problems(), plugin.info().warnings()), (vec![], vec![]));
    assert_eq!((plugin.name().value.as_str(), plugin.version().value.as_str()), ("response-header", "1.0.0"));
    assert_eq!(plugin.info().abi_version.as_deref(), Some("0.2.1"));
    let layers = parsed(&packed(&plugin, Layout::Compat)).layers().len();
    assert_eq!(layers, plugin.documents().len() + 1);
}
