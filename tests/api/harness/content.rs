use hwasm_registry::oci::{Algorithm, Digest, media_type};
use serde_json::{Value, json};

/// `len` bytes that depend on `seed` and do not repeat soon.
pub(crate) fn bytes_of(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(len).collect()
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

pub(crate) fn sha512_of(bytes: &[u8]) -> String {
    Digest::of(Algorithm::Sha512, bytes).to_string()
}

/// A manifest, and the blobs it needs.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl Image {
    /// An OCI image with one layer that `seed` decides.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, |_| {})
    }

    /// The same, with its JSON changed.
    pub(crate) fn with(seed: u64, change: impl FnOnce(&mut Value)) -> Self {
        let (config, layer) = (b"{}".to_vec(), bytes_of(seed, 100));
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer)],
        });
        change(&mut manifest);
        Self { blobs: vec![config, layer], ..Self::of(media_type::OCI_MANIFEST, &manifest) }
    }

    /// A Docker schema 2 image.
    pub(crate) fn docker(seed: u64) -> Self {
        let (config, layer) = (b"{}".to_vec(), bytes_of(seed, 100));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::DOCKER_MANIFEST,
            "config": descriptor("application/vnd.docker.container.image.v1+json", &config),
            "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
        });
        Self { blobs: vec![config, layer], ..Self::of(media_type::DOCKER_MANIFEST, &manifest) }
    }

    /// An index over images that must be pushed before it.
    pub(crate) fn index(children: &[&Self]) -> Self {
        let children: Vec<_> =
            children.iter().map(|child| descriptor(&child.media_type, &child.bytes)).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children });
        Self::of(media_type::OCI_INDEX, &index)
    }

    /// An artifact of `artifact_type` that refers to `subject`; it needs only the empty blob `{}`.
    pub(crate) fn referrer(subject: &Self, artifact_type: &str, name: &str) -> Self {
        Self::with(0, |manifest| {
            manifest["artifactType"] = artifact_type.into();
            manifest["subject"] = descriptor(&subject.media_type, &subject.bytes);
            manifest["annotations"] = json!({ "name": name });
            manifest["layers"] = json!([]);
        })
    }

    /// A manifest of any type, without blobs.
    pub(crate) fn of(media_type: &str, manifest: &Value) -> Self {
        let bytes = serde_json::to_vec(manifest).expect("a value is JSON");
        Self { media_type: media_type.to_owned(), digest: digest_of(&bytes), bytes, blobs: Vec::new() }
    }
}

pub(crate) fn descriptor_of(image: &Image) -> Value {
    descriptor(&image.media_type, &image.bytes)
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len() })
}
