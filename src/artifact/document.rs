use crate::oci::{MediaType, media_type};

/// A file that travels with the module in a layer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its file name.
    pub file_name: String,
    /// The type of its layer.
    pub media_type: MediaType,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl Document {
    /// The most one may have.
    pub(super) const MAX_BYTES: u64 = 4 * 1024 * 1024;

    /// The place among the layers and the layer type of a file called so, or `None` where it stays at home (Higress's
    /// Wasm plugin image specification).
    pub(super) fn kind_of(file_name: &str) -> Option<(u8, MediaType)> {
        match file_name {
            "spec.yaml" => Some((0, MediaType::known(media_type::WASM_SPEC))),
            "README.md" => Some((1, MediaType::known(media_type::WASM_DOC))),
            "icon.png" => Some((3, MediaType::known(media_type::WASM_ICON))),
            _ => {
                let language = file_name.strip_prefix("README_")?.strip_suffix(".md")?;
                let plain =
                    !language.is_empty() && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                let media_type =
                    format!("application/vnd.module.wasm.doc.v1.{}+markdown", language.to_lowercase());
                media_type.parse().ok().filter(|_| plain).map(|media_type| (2, media_type))
            }
        }
    }
}
