//! Modules, tars and manifests that the tests of this room share.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::oci::{Descriptor, Digest, Manifest, MediaType, media_type};

/// `body` as a module, compiled from text.
pub(super) fn module(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {body})")).unwrap()
}

/// A module that a gateway loads, of ABI `abi` (such as `0_2_1`) and with `extra` fields.
pub(super) fn module_with(abi: &str, extra: &str) -> Vec<u8> {
    let fields = format!(
        r#"{extra} (memory (export "memory") 1) (func (export "proxy_abi_version_{abi}"))
           (func (export "malloc") (param i32) (result i32) i32.const 1024)"#
    );
    module(&fields)
}

/// A plugin with nothing to complain about.
pub(super) fn plugin_module() -> Vec<u8> {
    let extra = r#"(import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
        (@producers (language "Rust" "") (processed-by "rustc" "1.95.0"))"#;
    module_with("0_2_1", extra)
}

/// An empty component.
pub(super) fn component() -> Vec<u8> {
    b"\0asm\x0d\0\x01\0".to_vec()
}

/// One member of a tar.
pub(super) struct Member<'a> {
    pub(super) path: &'a str,
    pub(super) kind: u8,
    pub(super) data: &'a [u8],
    /// The size that the header states, where it lies.
    pub(super) stated_size: Option<u64>,
}

/// A regular file of a tar.
pub(super) fn file<'a>(path: &'a str, data: &'a [u8]) -> Member<'a> {
    Member { path, kind: b'0', data, stated_size: None }
}

/// A member of another type.
pub(super) fn special(path: &str, kind: u8) -> Member<'_> {
    Member { path, kind, data: b"", stated_size: None }
}

/// A tar without its two closing blocks, as umoci writes it.
pub(super) fn unterminated_tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for member in members {
        let mut header = [0_u8; 512];
        header[..member.path.len()].copy_from_slice(member.path.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        let size = member.stated_size.unwrap_or(member.data.len() as u64);
        write_size(&mut header, size);
        header[156] = member.kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(member.data);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar
}

fn write_size(header: &mut [u8; 512], size: u64) {
    if size < 1 << 33 {
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    } else {
        header[124] = 0x80;
        header[128..136].copy_from_slice(&size.to_be_bytes());
    }
}

/// A tar as everybody else writes it.
pub(super) fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut tar = unterminated_tar(members);
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// `bytes` as one gzip member.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `bytes` as one zstd frame.
pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A descriptor of content nobody looks at.
pub(super) fn descriptor(media_type: &str) -> Descriptor {
    Descriptor::new(media_type.parse().unwrap(), Digest::sha256(media_type.as_bytes()), 100)
}

/// An image manifest with a configuration of type `config` and layers of the types `layers`.
pub(super) fn image(config: &str, layers: &[&str]) -> Manifest {
    image_of(media_type::OCI_MANIFEST, None, config, layers)
}

/// A manifest that came as `media_type`, and whose body names `body_type`.
pub(super) fn image_of(
    media_type: &'static str,
    body_type: Option<&str>,
    config: &str,
    layers: &[&str],
) -> Manifest {
    let layers: Vec<_> = layers.iter().map(|layer| descriptor(layer)).collect();
    let mut body = serde_json::json!({"schemaVersion": 2, "config": descriptor(config), "layers": layers});
    if let Some(body_type) = body_type {
        body["mediaType"] = body_type.into();
    }
    Manifest::parse(&MediaType::known(media_type), body.to_string().as_bytes()).unwrap()
}
