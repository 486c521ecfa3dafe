use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::config_blob::{ContainerConfig, ModuleConfig, WasmConfig};
use super::tarball::Tarball;
use super::{Layout, Plugin};
use crate::oci::{Descriptor, Digest, MediaType, annotation, media_type};

/// How to pack a plugin.
#[derive(Clone, Copy, Debug, Default)]
pub struct PackOptions {
    /// The layout.
    pub layout: Layout,
    /// When it was built, if that is to be told: from `SOURCE_DATE_EPOCH`. Without it nothing in the image has a date.
    pub created: Option<DateTime<Utc>>,
}

/// A packed plugin, ready to be put anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The manifest, byte for byte.
    pub manifest: Vec<u8>,
    /// The manifest's own type, digest and size.
    pub descriptor: Descriptor,
    /// Configuration and layers, each content once.
    pub blobs: Vec<Blob>,
}

/// One blob of an [`Image`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its type, digest and size.
    pub descriptor: Descriptor,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Packs a plugin. The same plugin and options give the same bytes on any machine and day.
pub fn pack(plugin: &Plugin, options: &PackOptions) -> Image {
    let packing =
        Packing { plugin, created: options.created.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)) };
    match options.layout {
        Layout::Compat => packing.compat(),
        Layout::Artifact => packing.artifact(),
        Layout::Docker => packing.docker(),
        Layout::Wasm => packing.wasm(),
    }
}

struct Packing<'a> {
    plugin: &'a Plugin,
    created: Option<String>,
}

impl Packing<'_> {
    /// Metadata layers first, the tar last.
    fn compat(&self) -> Image {
        let tarball = Tarball::of(self.plugin.module());
        // The `diff_id` of a layer that is no archive is its own digest: there is nothing to unpack.
        let mut diff_ids: Vec<_> =
            self.plugin.documents().iter().map(|d| Digest::sha256(&d.content)).collect();
        diff_ids.push(Digest::sha256(&tarball.tar));
        let mut layers: Vec<_> = self
            .plugin
            .documents()
            .iter()
            .map(|d| Blob::new(d.media_type.clone(), d.content.clone()).titled(&d.file_name))
            .collect();
        layers.push(Blob::known(media_type::OCI_LAYER_TAR_GZIP, tarball.gzip).titled("plugin.tar.gz"));
        let no_labels = BTreeMap::new();
        let config = ContainerConfig::new(diff_ids, self.created.as_deref(), &no_labels);
        let mut annotations = self.annotations();
        annotations.insert(annotation::WASM_VARIANT.to_owned(), "compat".to_owned());
        Image::assemble(
            media_type::OCI_MANIFEST,
            Blob::json(media_type::OCI_CONFIG, &config),
            layers,
            annotations,
        )
    }

    /// The configuration is both a layer and the image's configuration; its type tells what the artifact is.
    fn artifact(&self) -> Image {
        let abi_version = self.plugin.info().abi_version.as_deref().unwrap_or_default();
        let config = Blob::json(media_type::WASM_MODULE_CONFIG, &ModuleConfig::new(abi_version));
        let module = Blob::known(media_type::WASM_CONTENT_LAYER, self.plugin.module().to_vec());
        let layers = vec![config.clone().titled("config.json"), module.titled("plugin.wasm")];
        Image::assemble(media_type::OCI_MANIFEST, config, layers, self.annotations())
    }

    /// Docker refuses layers of foreign types, and its manifests have no annotations: labels take their place.
    fn docker(&self) -> Image {
        let tarball = Tarball::of(self.plugin.module());
        let labels = self.annotations();
        let config =
            ContainerConfig::new(vec![Digest::sha256(&tarball.tar)], self.created.as_deref(), &labels);
        let layers = vec![Blob::known(media_type::DOCKER_LAYER_GZIP, tarball.gzip)];
        let config = Blob::json(media_type::DOCKER_CONFIG, &config);
        Image::assemble(media_type::DOCKER_MANIFEST, config, layers, BTreeMap::new())
    }

    fn wasm(&self) -> Image {
        let module = Blob::known(media_type::WASM, self.plugin.module().to_vec());
        let config = WasmConfig::new(module.descriptor.digest.clone(), self.created.as_deref());
        let config = Blob::json(media_type::WASM_CONFIG_V0, &config);
        Image::assemble(
            media_type::OCI_MANIFEST,
            config,
            vec![module.titled("plugin.wasm")],
            self.annotations(),
        )
    }

    /// What is known of title, version, description, date, ABI, language and the module's own sha256.
    fn annotations(&self) -> BTreeMap<String, String> {
        let (plugin, spec, info) = (self.plugin, self.plugin.spec(), self.plugin.info());
        let known = [
            (annotation::TITLE, spec.title.clone().or_else(|| plugin.name().stated())),
            (annotation::VERSION, plugin.version().stated()),
            (annotation::DESCRIPTION, spec.description.clone()),
            (annotation::CREATED, self.created.clone()),
            (annotation::WASM_ABI, info.abi_version.clone()),
            (annotation::WASM_LANGUAGE, info.language.clone()),
            (annotation::WASM_SHA256, Some(info.sha256.clone())),
        ];
        known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

impl Blob {
    fn new(media_type: MediaType, bytes: Vec<u8>) -> Self {
        Self { descriptor: Descriptor::of(media_type, &bytes), bytes }
    }

    fn known(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self::new(MediaType::known(media_type), bytes)
    }

    fn json(media_type: &'static str, content: &impl Serialize) -> Self {
        Self::known(media_type, to_json(content))
    }

    fn titled(mut self, file_name: &str) -> Self {
        self.descriptor = self.descriptor.with_annotation(annotation::TITLE, file_name);
        self
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestBody<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: Vec<&'a Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Image {
    fn assemble(
        media_type: &'static str,
        config: Blob,
        layers: Vec<Blob>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let body = ManifestBody {
            schema_version: 2,
            media_type,
            config: &config.descriptor,
            layers: layers.iter().map(|layer| &layer.descriptor).collect(),
            annotations,
        };
        let manifest = to_json(&body);
        let descriptor = Descriptor::of(MediaType::known(media_type), &manifest);
        let mut blobs = vec![config];
        for layer in layers {
            if blobs.iter().all(|blob| blob.descriptor.digest != layer.descriptor.digest) {
                blobs.push(layer);
            }
        }
        Self { manifest, descriptor, blobs }
    }
}

fn to_json(content: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(content).expect("structs of texts and numbers are JSON")
}

#[cfg(test)]
mod tests;
