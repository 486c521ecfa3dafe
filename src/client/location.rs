use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::oci::{
    Digest, DigestError, ImageReference, ImageReferenceError, Reference, RegistryHost, RepositoryName, Tag,
    TagError,
};

/// Where an image is, as people write it.
///
/// | text | place |
/// |---|---|
/// | `host[:port]/repository[:tag][@digest]`, optionally behind `oci://` or `docker://` | a registry |
/// | `oci:DIR[:tag]`, `oci:DIR@digest` | an OCI image layout directory |
/// | `tar:FILE[:tag]`, `tar:FILE@digest`, or any path that ends in `.tar`, `.tar:tag` or `.tar@digest` | a bundle: a tar file that holds an OCI image layout |
///
/// The last `:` behind the last `/` of a path begins the tag; `oci:./a:b` is tag `b` in directory `./a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A repository of a registry.
    Registry(ImageReference),
    /// An OCI image layout directory.
    Layout(FileLocation),
    /// A tar file that holds an OCI image layout.
    Bundle(FileLocation),
}

/// An image in a layout or bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLocation {
    /// The layout's directory or the bundle's file.
    pub path: PathBuf,
    /// Which image; none means the only one, or `latest`.
    pub reference: Option<Reference>,
}

/// Why a text does not say where an image is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LocationError {
    /// It was read as an image in a registry.
    #[error("{0}; a layout directory is written `oci:DIR[:tag]` and a bundle `FILE.tar[:tag]`")]
    Image(#[from] ImageReferenceError),
    /// No path behind `oci:` or `tar:`.
    #[error("`{0}` names no path: expected `oci:DIR[:tag]` or `tar:FILE[:tag]`")]
    NoPath(String),
    /// The part behind the path's last colon is not a tag.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// The part behind the `@` is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Location {
    /// What is asked for, where the text says: a digest wins over a tag.
    pub fn reference(&self) -> Option<Reference> {
        match self {
            Self::Registry(image) => {
                (image.tag.is_some() || image.digest.is_some()).then(|| image.reference())
            }
            Self::Layout(file) | Self::Bundle(file) => file.reference.clone(),
        }
    }

    /// The same place with another tag or digest.
    #[must_use]
    pub fn with_reference(&self, reference: &Reference) -> Self {
        let file = |file: &FileLocation| FileLocation {
            path: file.path.clone(),
            reference: Some(reference.clone()),
        };
        match self {
            Self::Registry(image) => Self::Registry(image_with(image, reference)),
            Self::Layout(at) => Self::Layout(file(at)),
            Self::Bundle(at) => Self::Bundle(file(at)),
        }
    }
}

fn image_with(image: &ImageReference, reference: &Reference) -> ImageReference {
    let (tag, digest) = match reference {
        Reference::Tag(tag) => (Some(tag.clone()), None),
        Reference::Digest(digest) => (None, Some(digest.clone())),
    };
    ImageReference { tag, digest, ..image.clone() }
}

impl FileLocation {
    fn parse(text: &str) -> Result<Self, LocationError> {
        let (path, reference) = split_reference(text)?;
        if path.is_empty() {
            return Err(LocationError::NoPath(text.to_owned()));
        }
        Ok(Self { path: path.into(), reference })
    }
}

/// Splits `path[:tag]` or `path[:tag]@digest`; the digest wins.
fn split_reference(text: &str) -> Result<(&str, Option<Reference>), LocationError> {
    let name_at = text.rfind('/').map_or(0, |slash| slash + 1);
    let digest_at = text[name_at..].rfind('@').map(|at| name_at + at).filter(|at| text[*at..].contains(':'));
    let (rest, digest) = match digest_at {
        Some(at) => (&text[..at], Some(text[at + 1..].parse::<Digest>()?)),
        None => (text, None),
    };
    let (path, tag) = match rest[name_at..].rfind(':') {
        Some(colon) => (&rest[..name_at + colon], Some(rest[name_at + colon + 1..].parse::<Tag>()?)),
        None => (rest, None),
    };
    Ok((path, digest.map(Reference::Digest).or(tag.map(Reference::Tag))))
}

/// Whether a text without a scheme names a tar file.
fn names_tar_file(text: &str) -> bool {
    let path = split_reference(text).map_or(text, |(path, _)| path);
    Path::new(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if let Some(image) = text.strip_prefix("oci://").or_else(|| text.strip_prefix("docker://")) {
            return Ok(Self::Registry(image.parse()?));
        }
        if let Some(rest) = text.strip_prefix("oci:") {
            return FileLocation::parse(rest).map(Self::Layout);
        }
        if let Some(rest) = text.strip_prefix("tar:") {
            return FileLocation::parse(rest).map(Self::Bundle);
        }
        if names_tar_file(text) {
            return FileLocation::parse(text).map(Self::Bundle);
        }
        Ok(Self::Registry(text.parse()?))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, file) = match self {
            Self::Registry(image) => return image.fmt(f),
            Self::Layout(file) => ("oci", file),
            Self::Bundle(file) => ("tar", file),
        };
        write!(f, "{scheme}:{}", file.path.display())?;
        match &file.reference {
            Some(Reference::Tag(tag)) => write!(f, ":{tag}"),
            Some(Reference::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// What people type to name a registry or one of its repositories, without an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryLocation {
    /// The registry.
    pub registry: RegistryHost,
    /// The repository; none means the whole registry.
    pub repository: Option<RepositoryName>,
}

impl FromStr for RepositoryLocation {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, ImageReferenceError> {
        let rest = ["oci://", "docker://", "https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text)
            .trim_end_matches('/');
        match rest.split_once('/') {
            Some((registry, repository)) => {
                Ok(Self { registry: registry.parse()?, repository: Some(repository.parse()?) })
            }
            None => Ok(Self { registry: rest.parse()?, repository: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_read_as_the_table_says() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let cases = [
            ("r.io/a:1".to_owned(), "r.io/a:1".to_owned()),
            ("oci://r.io/a:1".to_owned(), "r.io/a:1".to_owned()),
            ("docker://127.0.0.1:5000/a".to_owned(), "127.0.0.1:5000/a".to_owned()),
            ("oci:out".to_owned(), "oci:out".to_owned()),
            ("oci:out:1.0.0".to_owned(), "oci:out:1.0.0".to_owned()),
            ("oci:/a:b/out".to_owned(), "oci:/a:b/out".to_owned()),
            (format!("oci:./out@{digest}"), format!("oci:./out@{digest}")),
            (format!("oci:./out:1@{digest}"), format!("oci:./out@{digest}")),
            ("tar:bundle:1".to_owned(), "tar:bundle:1".to_owned()),
            ("a/b.tar".to_owned(), "tar:a/b.tar".to_owned()),
            ("b.tar:1.0".to_owned(), "tar:b.tar:1.0".to_owned()),
            (format!("b.tar@{digest}"), format!("tar:b.tar@{digest}")),
            ("tar:/x@y/b.tar".to_owned(), "tar:/x@y/b.tar".to_owned()),
        ];
        for (text, printed) in cases {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), printed, "{text}");
            assert_eq!(printed.parse(), Ok(location), "{text}");
        }
    }

    #[test]
    fn malformed_locations_say_what_was_expected() {
        for (text, expected) in [
            ("", "registry"),
            ("plugin", "oci:DIR"),
            ("oci:", "names no path"),
            ("tar::1", "names no path"),
            ("oci:out:", "tag ``"),
            ("oci:out:a+b", "tag `a+b`"),
            ("oci:out@sha256:0", "digest"),
            ("r.io/A", "repository name"),
        ] {
            let message = text.parse::<Location>().unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_reference_can_be_asked_for_and_replaced() {
        let tag = Reference::Tag("2".parse().unwrap());
        for (text, replaced) in [("r.io/a", "r.io/a:2"), ("oci:d:1", "oci:d:2"), ("b.tar", "tar:b.tar:2")] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.with_reference(&tag).to_string(), replaced);
        }
        assert_eq!("r.io/a".parse::<Location>().unwrap().reference(), None);
        assert_eq!("r.io/a:2".parse::<Location>().unwrap().reference(), Some(tag));
    }

    #[test]
    fn a_registry_or_one_repository_can_be_named() {
        for (text, registry, repository) in [
            ("localhost:5000", "localhost:5000", None),
            ("https://r.io/", "r.io", None),
            ("oci://r.io/a/b", "r.io", Some("a/b")),
        ] {
            let location: RepositoryLocation = text.parse().unwrap();
            assert_eq!(location.registry.as_str(), registry);
            assert_eq!(location.repository.as_ref().map(RepositoryName::as_str), repository);
        }
        assert!("".parse::<RepositoryLocation>().is_err());
    }
}
