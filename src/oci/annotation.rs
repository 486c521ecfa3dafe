//! Annotation keys (image-spec 1.1.1, annotations.md) and those of the Wasm image world.

/// Human-readable title; on a layer, its file name.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Version of the packaged software.
pub const VERSION: &str = "org.opencontainers.image.version";
/// Human-readable description.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// RFC 3339 date and time of the build.
pub const CREATED: &str = "org.opencontainers.image.created";
/// The tag of a manifest within an image layout's `index.json`.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// `compat`: an image whose last layer holds `plugin.wasm` (solo.io, compat variant).
pub const WASM_VARIANT: &str = "module.wasm.image/variant";
/// The proxy-wasm ABI version that the module exports, such as `0.2.1`.
pub const WASM_ABI: &str = "io.hwasm.module.abi-version";
/// The source language that the module's producers section names.
pub const WASM_LANGUAGE: &str = "io.hwasm.module.language";
/// sha256 of the module itself, 64 hex digits: what Envoy's own remote fetch compares.
pub const WASM_SHA256: &str = "io.hwasm.module.sha256";
