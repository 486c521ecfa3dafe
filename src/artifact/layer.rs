use std::fmt;

use serde::Serialize;

use crate::oci::{Descriptor, Manifest, ManifestKind, media_type};

/// How a layer carries the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// The module itself.
    Raw,
    /// A tar.
    Tar,
    /// A gzip tar: the only tar that agents read.
    TarGzip,
    /// A zstd tar.
    TarZstd,
}

impl Encoding {
    /// How a layer of `media_type` carries a module, or `None` where it carries none.
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            media_type::OCI_LAYER_TAR_GZIP | media_type::DOCKER_LAYER_GZIP => Some(Self::TarGzip),
            media_type::OCI_LAYER_TAR | "application/vnd.docker.image.rootfs.diff.tar" => Some(Self::Tar),
            media_type::OCI_LAYER_TAR_ZSTD | "application/vnd.docker.image.rootfs.diff.tar.zstd" => {
                Some(Self::TarZstd)
            }
            media_type::WASM_CONTENT_LAYER | media_type::WASM | media_type::WASM_TO_OCI_LAYER => {
                Some(Self::Raw)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw module",
            Self::Tar => "tar",
            Self::TarGzip => "gzip tar",
            Self::TarZstd => "zstd tar",
        })
    }
}

/// The layer that holds the module, if any does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleLayer<'a> {
    /// Its descriptor.
    pub descriptor: &'a Descriptor,
    /// How it carries the module.
    pub encoding: Encoding,
    /// Its place among the layers.
    pub index: usize,
}

/// Why a manifest has no layer that could hold a module.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoModuleLayer {
    /// An index: look at its [`linux_amd64_child`].
    #[error("it is an index, and agents take a module from its linux/amd64 child only")]
    Index,
    /// No image at all.
    #[error("it is neither an OCI image manifest nor Docker's schema 2")]
    NotAnImage,
    /// No layer of a type that carries modules.
    #[error("none of its layers is a tar or a Wasm module")]
    NoLayer,
}

/// The layer to take the module from.
///
/// Agents read the last layer, if it is a gzip tar, and else the raw layer of a two-layer artifact. We take more: any
/// tar or raw module type, and the last layer of such a type wherever it stands. In an artifact of two layers with one
/// `…wasm.content.layer.v1+wasm` that layer is the module, whatever the other one is.
pub fn module_layer(manifest: &Manifest) -> Result<ModuleLayer<'_>, NoModuleLayer> {
    match manifest.kind {
        ManifestKind::Index { .. } => return Err(NoModuleLayer::Index),
        ManifestKind::Other => return Err(NoModuleLayer::NotAnImage),
        ManifestKind::Image { .. } => {}
    }
    let layers = manifest.layers();
    let raw = || layers.iter().position(|layer| layer.media_type == media_type::WASM_CONTENT_LAYER);
    let artifact = if layers.len() == 2 { raw() } else { None };
    let last = || layers.iter().rposition(|layer| Encoding::of(layer.media_type.as_str()).is_some());
    let index = artifact.or_else(last).ok_or(NoModuleLayer::NoLayer)?;
    let descriptor = &layers[index];
    let encoding = Encoding::of(descriptor.media_type.as_str()).ok_or(NoModuleLayer::NoLayer)?;
    Ok(ModuleLayer { descriptor, encoding, index })
}

/// The child of an index that agents pull, whatever machine they run on.
///
/// The first one for linux/amd64 wins, and a child that names no platform counts as one.
pub fn linux_amd64_child(index: &Manifest) -> Option<&Descriptor> {
    index.children().iter().find(|child| {
        child
            .platform
            .as_ref()
            .is_none_or(|platform| platform.os == "linux" && platform.architecture == "amd64")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::fixtures::{descriptor, image};
    use crate::oci::MediaType;

    #[test]
    fn the_module_is_in_the_last_layer_that_can_hold_one() {
        use media_type::{
            DOCKER_LAYER_GZIP, OCI_LAYER_TAR, OCI_LAYER_TAR_GZIP, OCI_LAYER_TAR_ZSTD, WASM,
            WASM_CONTENT_LAYER, WASM_DOC, WASM_MODULE_CONFIG, WASM_SPEC, WASM_TO_OCI_LAYER,
        };
        type Expected = Option<(usize, Encoding)>;
        let cases: [(&[&str], Expected); 13] = [
            (&[OCI_LAYER_TAR_GZIP], Some((0, Encoding::TarGzip))),
            (&[DOCKER_LAYER_GZIP], Some((0, Encoding::TarGzip))),
            (&[OCI_LAYER_TAR], Some((0, Encoding::Tar))),
            (&[OCI_LAYER_TAR_ZSTD], Some((0, Encoding::TarZstd))),
            (&[WASM_SPEC, WASM_DOC, OCI_LAYER_TAR_GZIP], Some((2, Encoding::TarGzip))),
            (&[OCI_LAYER_TAR_GZIP, WASM_SPEC], Some((0, Encoding::TarGzip))),
            (&[WASM_CONTENT_LAYER, WASM_MODULE_CONFIG], Some((0, Encoding::Raw))),
            (&[WASM_CONTENT_LAYER, OCI_LAYER_TAR_GZIP], Some((0, Encoding::Raw))),
            (&[WASM_SPEC, WASM_DOC, WASM_CONTENT_LAYER], Some((2, Encoding::Raw))),
            (&[WASM], Some((0, Encoding::Raw))),
            (&[WASM_TO_OCI_LAYER], Some((0, Encoding::Raw))),
            (&[WASM_SPEC], None),
            (&[], None),
        ];
        for (layers, expected) in cases {
            let manifest = image(media_type::OCI_CONFIG, layers);
            let found = module_layer(&manifest).ok().map(|layer| (layer.index, layer.encoding));
            assert_eq!(found, expected, "{layers:?}");
        }
    }

    fn index(platforms: &[Option<(&str, &str)>]) -> Manifest {
        let children: Vec<_> = platforms
            .iter()
            .enumerate()
            .map(|(position, platform)| {
                let mut child = serde_json::to_value(descriptor(media_type::OCI_MANIFEST)).unwrap();
                child["size"] = position.into();
                if let Some((os, architecture)) = platform {
                    child["platform"] = serde_json::json!({"os": os, "architecture": architecture});
                }
                child
            })
            .collect();
        let body = serde_json::json!({"schemaVersion": 2, "manifests": children}).to_string();
        Manifest::parse(&MediaType::known(media_type::OCI_INDEX), body.as_bytes()).unwrap()
    }

    #[test]
    fn agents_take_the_first_child_for_linux_amd64_or_for_no_platform() {
        let (amd64, arm64, wasm) =
            (Some(("linux", "amd64")), Some(("linux", "arm64")), Some(("wasip1", "wasm")));
        let attestation = Some(("unknown", "unknown"));
        let cases: [(&[_], Option<u64>); 6] = [
            (&[arm64, amd64, amd64], Some(1)),
            (&[arm64, None, amd64], Some(1)),
            (&[wasm, attestation, amd64], Some(2)),
            (&[arm64, attestation], None),
            (&[Some(("", ""))], None),
            (&[], None),
        ];
        for (platforms, expected) in cases {
            let index = index(platforms);
            assert_eq!(linux_amd64_child(&index).map(|child| child.size), expected, "{platforms:?}");
            assert_eq!(module_layer(&index), Err(NoModuleLayer::Index));
        }
    }
}
