//! Images between registries, OCI layouts and bundles.

use std::fs;

use hwasm_registry::oci::Digest;
use hwasm_registry::oci::media_type::OCI_MANIFEST;

use crate::home::Home;

fn digest(home: &Home, repository: &str) -> String {
    home.json(&["list", repository])["tags"][0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_bundle_carries_an_image_to_another_machine() {
    let [sender, receiver] = [Home::new(), Home::new()];
    let module = sender.write_plugin("plugin.wasm");
    sender.ok(&["push", "plugin.wasm", "plugins/a:1.0.0"]);
    sender.ok(&["copy", "plugins/a:1.0.0", "stick.tar"]);
    fs::copy(sender.path("stick.tar"), receiver.path("stick.tar")).unwrap();
    let copied = receiver.json(&["copy", "stick.tar:1.0.0", "plugins/b"]);
    assert_eq!(copied["images"][0]["digest"], digest(&sender, "plugins/a"));
    assert_eq!(digest(&receiver, "plugins/b"), digest(&sender, "plugins/a"));
    receiver.ok(&["pull", "plugins/b:1.0.0", "-o", "back.wasm"]);
    assert_eq!(fs::read(receiver.path("back.wasm")).unwrap(), module);
}

#[test]
fn every_tag_is_copied_when_asked() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    home.ok(&["push", "plugin.wasm", "plugins/a:1"]);
    home.ok(&["tag", "plugins/a:1", "2", "3"]);
    for destination in ["./layout", "all.tar", "plugins/b"] {
        home.ok(&["copy", "--all-tags", "plugins/a", destination]);
        let tags = home.json(&["list", destination]);
        assert_eq!(tags["tags"].as_array().unwrap().len(), 3, "{destination}: {tags}");
    }
}

/// Adds a manifest that refers to `subject` to the layout `name`, as a signing tool would.
fn add_referrer(home: &Home, name: &str, subject: &serde_json::Value) {
    let blob = |content: &str| {
        let digest = Digest::sha256(content.as_bytes());
        home.write(&format!("{name}/blobs/sha256/{}", digest.hex()), content);
        digest.to_string()
    };
    let empty = serde_json::json!({
        "mediaType": "application/vnd.oci.empty.v1+json", "digest": blob("{}"), "size": 2,
    });
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example.signature",
        "config": empty, "layers": [empty], "subject": subject,
    })
    .to_string();
    let path = home.path(&format!("{name}/index.json"));
    let mut index: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let entry = serde_json::json!({
        "mediaType": OCI_MANIFEST, "digest": blob(&manifest), "size": manifest.len(),
    });
    index["manifests"].as_array_mut().unwrap().push(entry);
    fs::write(path, index.to_string()).unwrap();
}

#[test]
fn what_refers_to_an_image_comes_along_unless_told_otherwise() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    home.ok(&["pack", "plugin.wasm", "./layout:1"]);
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(home.path("layout/index.json")).unwrap()).unwrap();
    let subject = serde_json::json!({
        "mediaType": OCI_MANIFEST,
        "digest": index["manifests"][0]["digest"],
        "size": index["manifests"][0]["size"],
    });
    add_referrer(&home, "layout", &subject);
    let copied = |arguments: &[&str]| home.json(&[&["copy"], arguments].concat())["images"][0].clone();
    assert_eq!(copied(&["--no-referrers", "./layout:1", "plugins/alone"])["referrers"], 0);
    for [from, to] in
        [["./layout:1", "plugins/a"], ["plugins/a:1", "stick.tar"], ["stick.tar:1", "plugins/b"]]
    {
        let image = copied(&[from, to]);
        assert_eq!(
            (image["referrers"].as_u64(), image["manifests"].as_u64()),
            (Some(1), Some(2)),
            "{from} -> {to}"
        );
    }
}

#[test]
fn a_layout_is_packed_inspected_and_pulled_without_any_registry() {
    let home = Home::new();
    let module = home.write_plugin("plugin.wasm");
    for place in ["./out:1.0.0", "out.tar:1.0.0"] {
        let packed = home.json(&["pack", "plugin.wasm", place]);
        assert!(packed["digest"].as_str().unwrap().starts_with("sha256:"), "{packed}");
        let inspected = home.json(&["inspect", place]);
        assert_eq!(inspected["image"]["digest"], packed["digest"], "{inspected}");
        home.ok(&["pull", place, "-o", "back.wasm"]);
        assert_eq!(fs::read(home.path("back.wasm")).unwrap(), module, "{place}");
    }
    assert!(!home.path(".local/share/hwasm-registry").exists(), "no store was opened");
}

#[test]
fn a_copy_of_every_tag_refuses_the_name_of_one_image() {
    let ran = Home::new().run(&["copy", "--all-tags", "plugins/a:1", "x.tar"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--all-tags"), "{ran:?}");
}
