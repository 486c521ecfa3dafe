//! The words of the OCI specifications as types: digest, reference, media type, descriptor, manifest, range,
//! error code. Everything parses at the edge and is trusted below it. No I/O.
//!
//! Sources: OCI distribution-spec 1.1.1 and image-spec 1.1.1, Docker's image manifest v2, schema 2, and Semantic
//! Versioning 2.0.0 for tags that are versions.

pub mod annotation;
mod descriptor;
mod digest;
mod error_code;
mod image_reference;
mod json;
mod manifest;
pub mod media_type;
mod name;
mod range;
mod reference;
mod repository_pattern;
mod version;

pub use descriptor::{Descriptor, Platform};
pub use digest::{Algorithm, Digest, DigestError, Digester, hex};
pub use error_code::{ErrorBody, ErrorCode, ErrorEntry};
pub use image_reference::{ImageReference, ImageReferenceError, RegistryHost};
pub use manifest::{Manifest, ManifestError, ManifestKind};
pub use media_type::{MediaType, MediaTypeError};
pub use name::{NameError, RepositoryName, Tag, TagError};
pub use range::{ByteRange, ChunkRange, RangeError, Ranges};
pub use reference::{Reference, ReferenceError};
pub use repository_pattern::RepositoryPattern;
pub use version::Version;
