//! Media types by name, and the newtype that carries any of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::excerpt;

/// `application/vnd.oci.image.manifest.v1+json`
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// `application/vnd.oci.image.index.v1+json`
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// `application/vnd.oci.image.config.v1+json`
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// `application/vnd.oci.image.layer.v1.tar`
pub const OCI_LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";
/// `application/vnd.oci.image.layer.v1.tar+gzip`
pub const OCI_LAYER_TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// `application/vnd.oci.image.layer.v1.tar+zstd`
pub const OCI_LAYER_TAR_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// The descriptor of `{}` (image-spec 1.1.1, "Guidance for an Empty Descriptor").
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Docker image manifest version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker gzip layer.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// The raw module of a two-layer Wasm artifact (solo.io's Wasm artifact image specification, "oci" variant).
pub const WASM_CONTENT_LAYER: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
/// The configuration layer of a two-layer Wasm artifact.
pub const WASM_MODULE_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
/// `spec.yaml` of a Higress plugin.
pub const WASM_SPEC: &str = "application/vnd.module.wasm.spec.v1+yaml";
/// `README.md` of a Higress plugin; a translation has its language between `v1` and `+markdown`.
pub const WASM_DOC: &str = "application/vnd.module.wasm.doc.v1+markdown";
/// `icon.png` of a Higress plugin.
pub const WASM_ICON: &str = "application/vnd.module.wasm.icon.v1+png";
/// The one layer of a CNCF Wasm artifact (CNCF TAG Runtime, "Wasm OCI Artifact layout").
pub const WASM: &str = "application/wasm";
/// The configuration of a CNCF Wasm artifact.
pub const WASM_CONFIG_V0: &str = "application/vnd.wasm.config.v0+json";
/// The configuration that wasm-to-oci wrote.
pub const WASM_TO_OCI_CONFIG: &str = "application/vnd.wasm.config.v1+json";
/// The layer that wasm-to-oci and Spin write.
pub const WASM_TO_OCI_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// Bytes of no stated type; what blobs are served as.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// A media type without parameters (RFC 6838, section 4.2): `type/subtype`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(Box<str>);

impl MediaType {
    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names an OCI index or a Docker manifest list.
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), OCI_INDEX | DOCKER_MANIFEST_LIST)
    }

    /// Whether it names an OCI image manifest or Docker's schema 2.
    pub fn is_image(&self) -> bool {
        matches!(self.as_str(), OCI_MANIFEST | DOCKER_MANIFEST)
    }

    /// Whether content under it may be absent from a registry (image-spec 1.1.1, "Non-Distributable Layers";
    /// Docker's `foreign` layers).
    pub fn is_non_distributable(&self) -> bool {
        let text = self.as_str();
        text.starts_with("application/vnd.oci.image.layer.nondistributable.")
            || text.starts_with("application/vnd.docker.image.rootfs.foreign.")
    }

    /// One of this module's constants as a value.
    ///
    /// # Panics
    /// Where `text` is not a media type; for texts from outside use [`FromStr`].
    pub fn known(text: &'static str) -> Self {
        text.parse().expect("the constants of this module are media types")
    }
}

/// Why a text is not a media type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("media type `{0}` is not `type/subtype` without parameters (RFC 6838, section 4.2)")]
pub struct MediaTypeError(String);

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        let restricted_name = |name: &str| {
            name.len() <= 127
                && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        match text.split_once('/') {
            Some((kind, subtype)) if restricted_name(kind) && restricted_name(subtype) => {
                Ok(Self(text.into()))
            }
            _ => Err(MediaTypeError(excerpt(text))),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for MediaType {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for MediaType {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.0.into()
    }
}

impl TryFrom<String> for MediaType {
    type Error = MediaTypeError;

    fn try_from(text: String) -> Result<Self, MediaTypeError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_have_two_parts_and_no_parameters() {
        for good in [OCI_MANIFEST, WASM, "x/y"] {
            assert!(good.parse::<MediaType>().is_ok(), "{good}");
        }
        for bad in ["", "x", "/y", "x/", "x/y; charset=utf-8", "x/y/z", "x /y", "ü/y"] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad}");
        }
    }
}
