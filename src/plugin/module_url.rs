use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::oci::{Digest, ImageReference, ImageReferenceError};

/// `spec.url`: where the module is, as the control plane and the agents read it.
///
/// A text without a scheme means `oci://`, but only because discovery adds it after it has parsed the text as a URL
/// (Istio, `pilot/pkg/model/extensions.go`): `reg.io:5000/x:1` has the scheme `reg.io` by then, and `10.0.0.1:5000/x:1`
/// is no URL at all. Both are errors here, as they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleUrl {
    text: String,
    source: ModuleSource,
    scheme_given: bool,
}

/// What kind of place a [`ModuleUrl`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    /// An image in a registry.
    Oci(ImageReference),
    /// A file on a web server, `http` or `https`.
    Http(Url),
    /// A file in the proxy's own container. A path that does not begin with `/` is relative to wherever Envoy runs.
    File(String),
}

/// Why a gateway cannot load from a URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleUrlError {
    /// There is none.
    #[error("there is no URL, expected one such as `oci://host/repository:tag`")]
    Empty,
    /// Host and port without a scheme: the host is read as the scheme.
    #[error("`{text}` has no scheme, so that agents read `{read_as}` as one; write `oci://{text}`")]
    HostReadAsScheme {
        /// The URL.
        text: String,
        /// What stands before the first colon.
        read_as: String,
    },
    /// An address and port without a scheme: no URL at all, and discovery drops the plugin.
    #[error("`{text}` has no scheme and cannot be read as a URL; write `oci://{text}`")]
    AddressWithoutScheme {
        /// The URL.
        text: String,
    },
    /// A scheme that no agent has.
    #[error("`{text}` has the scheme `{scheme}`, expected `oci`, `https`, `http` or `file`")]
    UnknownScheme {
        /// The URL.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// An image reference that agents cannot parse.
    #[error("`{text}` names no image: {source}")]
    Image {
        /// The URL.
        text: String,
        /// What is wrong with it.
        source: ImageReferenceError,
    },
    /// A web address that cannot be parsed.
    #[error("`{text}` is no web address: {reason}")]
    Web {
        /// The URL.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file URL without a path.
    #[error("`{text}` names no file, expected `file:///` and an absolute path")]
    File {
        /// The URL.
        text: String,
    },
}

impl ModuleUrl {
    /// The URL as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What kind of place it names.
    pub fn source(&self) -> &ModuleSource {
        &self.source
    }

    /// The image, if it names one.
    pub fn image(&self) -> Option<&ImageReference> {
        match &self.source {
            ModuleSource::Oci(image) => Some(image),
            _ => None,
        }
    }

    /// Whether the text has a scheme of its own.
    pub fn has_scheme(&self) -> bool {
        self.scheme_given
    }

    /// The digest in the URL, which wins over its tag and over every pull policy.
    pub fn digest(&self) -> Option<&Digest> {
        self.image()?.digest.as_ref()
    }

    /// Whether the agents take it for the tag `latest`: an `oci` URL whose text ends so. Without any tag they fetch
    /// `latest` too, yet do not treat it so (Istio, `pkg/wasm/cache.go`).
    pub fn ends_in_latest(&self) -> bool {
        self.image().is_some() && self.text.ends_with(":latest")
    }

    /// The URL with its scheme, as discovery hands it to the agents.
    pub fn with_scheme(&self) -> String {
        if self.scheme_given { self.text.clone() } else { format!("oci://{}", self.text) }
    }
}

impl FromStr for ModuleUrl {
    type Err = ModuleUrlError;

    fn from_str(text: &str) -> Result<Self, ModuleUrlError> {
        if text.is_empty() {
            return Err(ModuleUrlError::Empty);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let source = match scheme.as_deref() {
            None => without_scheme(text).and_then(|()| image(text, rest))?,
            Some("oci") => image(text, rest)?,
            Some("http" | "https") => web(text)?,
            Some("file") if rest.is_empty() => return Err(ModuleUrlError::File { text: text.to_owned() }),
            Some("file") => ModuleSource::File(rest.to_owned()),
            Some(scheme) => {
                return Err(ModuleUrlError::UnknownScheme {
                    text: text.to_owned(),
                    scheme: scheme.to_owned(),
                });
            }
        };
        Ok(Self { text: text.to_owned(), source, scheme_given: scheme.is_some() })
    }
}

/// What Go's `net/url` makes of a text before discovery looks for a scheme: letters, digits, `+`, `-` and `.` up to a
/// colon are the scheme, if a letter comes first; a colon in the first part of a path is an error otherwise.
fn without_scheme(text: &str) -> Result<(), ModuleUrlError> {
    let first_part = text.split('/').next().unwrap_or_default();
    let Some((before, _)) = first_part.split_once(':') else { return Ok(()) };
    let is_scheme = before.starts_with(|c: char| c.is_ascii_alphabetic())
        && before.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let text = text.to_owned();
    Err(if is_scheme {
        ModuleUrlError::HostReadAsScheme { text, read_as: before.to_owned() }
    } else {
        ModuleUrlError::AddressWithoutScheme { text }
    })
}

/// The reference as the agents' registry client reads it: the first part is a host if it has a dot or a colon, so that
/// `localhost` alone is none, and without a host the image is Docker Hub's (go-containerregistry, `name.NewRepository`).
fn image(text: &str, rest: &str) -> Result<ModuleSource, ModuleUrlError> {
    const DOCKER_HUB: &str = "index.docker.io";
    let first_part = rest.split('/').next().unwrap_or_default();
    let has_host = rest.contains('/') && first_part.contains(['.', ':']);
    let full = match (has_host, rest.contains('/')) {
        (true, _) => rest.to_owned(),
        (false, true) => format!("{DOCKER_HUB}/{rest}"),
        (false, false) => format!("{DOCKER_HUB}/library/{rest}"),
    };
    let parsed = full.parse().map_err(|source| ModuleUrlError::Image { text: text.to_owned(), source });
    parsed.map(ModuleSource::Oci)
}

fn web(text: &str) -> Result<ModuleSource, ModuleUrlError> {
    let wrong = |reason: String| ModuleUrlError::Web { text: text.to_owned(), reason };
    Url::parse(text).map(ModuleSource::Http).map_err(|error| wrong(error.to_string()))
}

impl fmt::Display for ModuleUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ModuleUrl, ModuleUrlError> {
        text.parse()
    }

    #[test]
    fn each_scheme_names_its_kind_of_place() {
        let image = |text: &str| ModuleSource::Oci(text.parse().unwrap());
        for (text, source) in [
            ("oci://reg.io:5000/plugins/a:1", image("reg.io:5000/plugins/a:1")),
            ("OCI://reg.io/a:1", image("reg.io/a:1")),
            ("reg.io/a:1", image("reg.io/a:1")),
            ("oci://a:1", image("index.docker.io/library/a:1")),
            ("team/a:1", image("index.docker.io/team/a:1")),
            ("oci://localhost/a", image("index.docker.io/localhost/a")),
            ("oci://localhost:80/a", image("localhost:80/a")),
            ("https://h.io/x.wasm", ModuleSource::Http("https://h.io/x.wasm".parse().unwrap())),
            ("http://h.io:8080/x:latest", ModuleSource::Http("http://h.io:8080/x:latest".parse().unwrap())),
            ("file:///opt/x.wasm", ModuleSource::File("/opt/x.wasm".to_owned())),
            ("file://x.wasm", ModuleSource::File("x.wasm".to_owned())),
        ] {
            assert_eq!(parse(text).unwrap().source(), &source, "{text}");
        }
    }

    #[test]
    fn a_url_that_no_gateway_loads_from_is_refused_with_the_reason() {
        for (text, part) in [
            ("", "there is no URL"),
            ("reg.io:5000/x:v1", "agents read `reg.io` as one; write `oci://reg.io:5000/x:v1`"),
            ("custom-response:1.0.0", "agents read `custom-response` as one"),
            ("192.168.1.1:5000/x", "cannot be read as a URL; write `oci://192.168.1.1:5000/x`"),
            ("ftp://h/x", "scheme `ftp`, expected `oci`"),
            ("oci://reg.io/UPPER:1", "names no image"),
            ("oci://reg.io/a@sha512:00", "names no image"),
            ("https://", "no web address"),
            ("file://", "names no file"),
        ] {
            let said = parse(text).unwrap_err().to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn a_scheme_is_added_where_there_is_none() {
        assert_eq!(parse("reg.io/a:1").unwrap().with_scheme(), "oci://reg.io/a:1");
        assert_eq!(parse("oci://reg.io/a:1").unwrap().with_scheme(), "oci://reg.io/a:1");
    }
}
