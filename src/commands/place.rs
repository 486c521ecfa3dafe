use std::fmt;

use crate::client::{Location, LocationError};
use crate::oci::{ImageReference, ImageReferenceError, Reference, RegistryHost};

/// Where content is, as a person names it on the command line.
///
/// | text | place |
/// |---|---|
/// | `repository[:tag][@digest]` | the local registry |
/// | `./dir[:tag or @digest]`, `/dir…` | an OCI layout directory |
/// | anything else | what [`Location`] says |
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A repository of the local registry, under the name that registry goes by.
    Local(ImageReference),
    /// Anywhere else.
    At(Location),
}

/// Why a text does not name a place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` names no image: {source}")]
pub(super) struct PlaceError {
    text: String,
    source: LocationError,
}

impl Place {
    /// Reads `text`; `local` is the host that a name without a host stands for.
    pub(super) fn parse(text: &str, local: &RegistryHost) -> Result<Self, PlaceError> {
        let refuse = |source| PlaceError { text: text.to_owned(), source };
        match text.parse() {
            Ok(bundle @ Location::Bundle(_)) => Ok(Self::At(bundle)),
            _ if is_path(text) => format!("oci:{text}").parse().map(Self::At).map_err(refuse),
            Ok(location) => Ok(Self::At(location)),
            Err(LocationError::Image(ImageReferenceError::NoRegistry(_))) => {
                let named = format!("{local}/{text}").parse();
                named.map(Self::Local).map_err(|error| refuse(LocationError::Image(error)))
            }
            Err(error) => Err(refuse(error)),
        }
    }
}

impl Place {
    /// The tag or digest that is named.
    pub(super) fn reference(&self) -> Option<Reference> {
        self.clone().into_location().reference()
    }

    /// The same place with another tag or digest.
    #[must_use]
    pub(super) fn with_reference(&self, reference: &Reference) -> Self {
        let location = self.clone().into_location().with_reference(reference);
        match (self, location) {
            (Self::Local(_), Location::Registry(image)) => Self::Local(image),
            (_, location) => Self::At(location),
        }
    }

    /// The place under the name it goes by.
    pub(super) fn into_location(self) -> Location {
        match self {
            Self::Local(image) => Location::Registry(image),
            Self::At(location) => location,
        }
    }
}

fn is_path(text: &str) -> bool {
    ["./", "../", "/"].iter().any(|start| text.starts_with(start)) || matches!(text, "." | "..")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(image) => image.fmt(f),
            Self::At(location) => location.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Place, PlaceError> {
        Place::parse(text, &"127.0.0.1:5000".parse().unwrap())
    }

    #[test]
    fn each_kind_of_place_has_a_shape_of_its_own() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, kind) in [
            ("oci://r.io/plugins/a:1", "registry"),
            ("r.io/plugins/a", "registry"),
            ("127.0.0.1:5000/plugins/a:1", "registry"),
            ("localhost/a", "registry"),
            ("plugins/a:1", "local"),
            ("a", "local"),
            (&format!("plugins/a@{digest}"), "local"),
            ("./out", "layout"),
            ("./out:1.0.0", "layout"),
            ("../out:1.0.0", "layout"),
            ("/media/stick:1.0.0", "layout"),
            ("oci:out:1.0.0", "layout"),
            ("plugins.tar", "bundle"),
            ("/media/plugins.tar:1.0.0", "bundle"),
            (&format!("./plugins.tar@{digest}"), "bundle"),
        ] {
            let found = match parse(text).unwrap() {
                Place::Local(_) => "local",
                Place::At(Location::Registry(_)) => "registry",
                Place::At(Location::Layout(_)) => "layout",
                Place::At(Location::Bundle(_)) => "bundle",
            };
            assert_eq!(found, kind, "{text}");
        }
    }

    #[test]
    fn a_name_without_a_host_is_printed_with_the_local_registrys() {
        assert_eq!(parse("plugins/a:1").unwrap().to_string(), "127.0.0.1:5000/plugins/a:1");
    }

    #[test]
    fn malformed_places_are_refused_with_what_was_expected() {
        for (text, expected) in [
            ("Plugins/A", "lower-case"),
            ("plugins/a:", "tag"),
            ("plugins/a@md5:0", "digest"),
            ("r.io/A", "lower-case"),
            ("", "lower-case"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
