//! The configuration blobs of the layouts, as ordered structs: equal input must give equal bytes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::oci::Digest;

/// The configuration of an image that container tools handle (image-spec 1.1.1, config.md).
#[derive(Serialize)]
pub(super) struct ContainerConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    architecture: &'static str,
    os: &'static str,
    config: Execution<'a>,
    rootfs: RootFs,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<Digest>,
}

impl<'a> ContainerConfig<'a> {
    /// For linux/amd64, the platform that agents ask for on every machine.
    ///
    /// `diff_ids` are the digests of the unpacked layers, one for each, as container tools check them.
    pub(super) fn new(
        diff_ids: Vec<Digest>,
        created: Option<&'a str>,
        labels: &'a BTreeMap<String, String>,
    ) -> Self {
        let rootfs = RootFs { kind: "layers", diff_ids };
        Self { created, architecture: "amd64", os: "linux", config: Execution { labels }, rootfs }
    }
}

/// The configuration of a two-layer artifact (solo.io's Wasm artifact image specification, "Envoy Wasm Filter").
#[derive(Serialize)]
pub(super) struct ModuleConfig<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    abi_version: &'a str,
    config: Roots,
}

#[derive(Serialize)]
struct Roots {
    root_ids: [&'static str; 0],
}

impl<'a> ModuleConfig<'a> {
    pub(super) fn new(abi_version: &'a str) -> Self {
        Self { kind: "envoy_proxy", abi_version, config: Roots { root_ids: [] } }
    }
}

/// The configuration of a CNCF artifact (CNCF TAG Runtime, "Wasm OCI Artifact layout").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WasmConfig<'a> {
    created: &'a str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [Digest; 1],
}

impl<'a> WasmConfig<'a> {
    /// `created` stands there always, because wkg refuses a configuration without it; unknown, it is the epoch.
    pub(super) fn new(layer: Digest, created: Option<&'a str>) -> Self {
        let created = created.unwrap_or("1970-01-01T00:00:00Z");
        Self { created, architecture: "wasm", os: "wasip1", layer_digests: [layer] }
    }
}
