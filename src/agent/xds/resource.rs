use std::fmt;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::TypedExtensionConfig;
use envoy_types::pb::google::protobuf::Any;
use prost::{Message, Name};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::EXTENSION_CONFIG;
use super::wasm::with_attempt;

/// A resource of extension config discovery, encoded: what the filter of that name is to be.
///
/// Make one with [`Resource::plugin`], [`Resource::deny_all`], [`Resource::allow_all`] or [`Resource::removed`].
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    name: Arc<str>,
    version: Version,
    encoded: Any,
}

/// Which content a resource of that name has: the same for the same content, over restarts too. Sixteen hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(Arc<str>);

/// A resource as it goes into a response.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Encoded {
    /// The resource's [`Version`], with a mark behind a dash where the bytes differ from the first ones.
    pub(super) version: Arc<str>,
    pub(super) any: Any,
}

impl Resource {
    /// `config` under `name`.
    pub(super) fn of<M: Message + Name>(name: &str, version: Version, config: &M) -> Self {
        let typed_config = any(config);
        let resource = TypedExtensionConfig { name: name.to_owned(), typed_config: Some(typed_config) };
        let encoded = Any { type_url: EXTENSION_CONFIG.to_owned(), value: resource.encode_to_vec() };
        Self { name: name.into(), version, encoded }
    }

    /// The name that a filter asks for.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Which content it has.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// As it is sent to an Envoy that has not refused it.
    pub(super) fn encoded(&self) -> Encoded {
        Encoded { version: Arc::clone(&self.version.0), any: self.encoded.clone() }
    }

    /// As it is sent to an Envoy that may have refused it: in other bytes for every other `mark`. A placeholder has no
    /// such bytes; Envoy refuses one for its type alone, before it remembers it.
    pub(super) fn encoded_again(&self, mark: &str) -> Encoded {
        match with_attempt(&self.encoded, mark) {
            Some(any) => Encoded { version: format!("{}-{mark}", self.version).into(), any },
            None => self.encoded(),
        }
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Version {
    /// The content behind a version that was sent, which may have a mark.
    pub(super) fn sent_as(text: &Arc<str>) -> Self {
        Self(text.split_once('-').map_or_else(|| Arc::clone(text), |(version, _)| version.into()))
    }

    /// The version of content that has these parts.
    pub(super) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let (beginning, _) = digest.split_first_chunk::<8>().expect("a SHA-256 has 32 bytes");
        Self(format!("{:016x}", u64::from_be_bytes(*beginning)).into())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `message` in an `Any`.
pub(super) fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::google::protobuf::StringValue;

    use super::*;

    #[test]
    fn a_version_is_the_content_and_survives_a_mark() {
        let version = Version::of([b"ab".as_slice(), b"c"]);
        assert_eq!(version, Version::of([b"ab".as_slice(), b"c"]));
        assert_ne!(version, Version::of([b"a".as_slice(), b"bc"]), "where one part ends counts");
        assert_eq!(version.to_string().len(), 16);
        for text in [version.to_string(), format!("{version}-1a2b3c4d.2")] {
            assert_eq!(Version::sent_as(&text.into()), version);
        }
        assert_eq!(Version::sent_as(&"".into()).to_string(), "");
    }

    #[test]
    fn what_is_no_plugin_has_only_one_encoding() {
        let resource = Resource::of("n.a", Version::of([]), &StringValue::default());
        assert_eq!(resource.encoded_again("mark"), resource.encoded());
    }
}
