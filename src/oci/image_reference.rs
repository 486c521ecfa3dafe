use std::fmt;
use std::str::FromStr;

use super::digest::excerpt;
use super::{Digest, DigestError, NameError, Reference, RepositoryName, Tag, TagError};

/// The host a registry is reached at: `host` or `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(Box<str>);

impl RegistryHost {
    /// The host as text, with its port where it has one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port, an IPv6 literal without its brackets.
    pub fn host(&self) -> &str {
        match self.0.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => self.0.split_once(':').map_or(&self.0, |(host, _)| host),
        }
    }

    /// Whether the host is this machine: `localhost`, `*.localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RegistryHost {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, ImageReferenceError> {
        let malformed = || ImageReferenceError::Host(excerpt(text));
        let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((address, rest))) => {
                address.parse::<std::net::Ipv6Addr>().map_err(|_| malformed())?;
                (
                    "v6",
                    if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(malformed)?) },
                )
            }
            Some(None) => return Err(malformed()),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0));
        if host.len() <= 253 && host.split('.').all(label) && good_port {
            Ok(Self(text.into()))
        } else {
            Err(malformed())
        }
    }
}

/// Where an image is: `[oci://]host[:port]/repository[:tag][@digest]`, as people and `WasmPlugin` resources write it.
///
/// The first part is a host where it has a `.` or a `:`, or is `localhost`; there is no default registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageReference {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository within it.
    pub repository: RepositoryName,
    /// The tag, where one is named.
    pub tag: Option<Tag>,
    /// The digest, where one is named; it wins over the tag.
    pub digest: Option<Digest>,
}

/// Why a text does not say where an image is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImageReferenceError {
    /// The first part is not a host.
    #[error("`{0}` does not begin with a registry: expected host[:port]/repository[:tag][@digest]")]
    NoRegistry(String),
    /// The host part is malformed.
    #[error("registry `{0}` is not host or host:port")]
    Host(String),
    /// The repository part is malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The tag part is malformed.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// The digest part is malformed.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl ImageReference {
    /// What to ask the registry for: the digest, else the tag, else `latest`.
    pub fn reference(&self) -> Reference {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Reference::Digest(digest.clone()),
            (None, Some(tag)) => Reference::Tag(tag.clone()),
            (None, None) => Reference::Tag(Tag::latest()),
        }
    }

    /// The same place, pinned to `digest` and without a tag.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, ImageReferenceError> {
        let rest = text.strip_prefix("oci://").unwrap_or(text);
        let host_like = |part: &str| part == "localhost" || part.contains(['.', ':']);
        let (registry, rest) = rest
            .split_once('/')
            .filter(|(first, _)| host_like(first))
            .ok_or_else(|| ImageReferenceError::NoRegistry(excerpt(text)))?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (rest, None),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (rest, None),
        };
        Ok(Self { registry: registry.parse()?, repository: repository.parse()?, tag, digest })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_references_read_and_print() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let texts = [
            "127.0.0.1:5000/plugins/key-auth:1.0.0".to_owned(),
            "registry.example.com/a/b/c".to_owned(),
            "localhost/a".to_owned(),
            "[::1]:5000/a:b".to_owned(),
            format!("r.io/a:latest@{digest}"),
            format!("r.io/a@{digest}"),
        ];
        for text in texts {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(format!("oci://{text}").parse(), Ok(reference));
        }
    }

    #[test]
    fn malformed_image_references_are_refused() {
        let bad = [
            "",
            "a",
            "a/b:1",
            "/a",
            "r.io/",
            "r.io/A",
            "r.io/a:",
            "r.io/a:b/c",
            "r.io/a@",
            "r.io/a@md5:x",
            "r.io:0/a",
            "r.io:99999/a",
            "r..io/a",
            "-r.io/a",
            "[::1/a",
            "[x]:5/a",
            "r.io:x/a",
        ];
        for text in bad {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for (host, expected) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.9.9.9:1", true),
            ("[::1]:5000", true),
            ("x.localhost", true),
            ("10.0.0.1:5000", false),
            ("localhost.example.com", false),
        ] {
            assert_eq!(host.parse::<RegistryHost>().unwrap().is_loopback(), expected, "{host}");
        }
    }
}
