use std::fmt;

use serde::{Serialize, Serializer};

use crate::oci::{Digest, ImageReference};
use crate::plugin::{ModuleSource, ModuleUrl};

/// What stays of a URL when tag and digest are left out: modules of one name are told apart by their checksum
/// alone.
///
/// For an image it is `oci://`, registry and repository, with Docker Hub under one name; for anything else
/// the whole URL, its query included (Istio, `moduleNameFromURL`, `pkg/wasm/cache.go`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(Box<str>);

/// Under what a module is found in the cache.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleKey {
    /// Where it came from.
    pub name: ModuleName,
    /// What it was checked against: for an image the digest of its manifest, for a web server's file the
    /// module's own.
    pub checksum: Digest,
}

impl ModuleName {
    /// The name of what `url` leads to.
    pub fn of(url: &ModuleUrl) -> Self {
        match url.source() {
            ModuleSource::Oci(image) => Self(of_image(image).into()),
            ModuleSource::Http(_) | ModuleSource::File(_) => Self(url.as_str().into()),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Docker Hub goes by `index.docker.io`, and its repositories without a slash are in `library/`
/// (go-containerregistry, `pkg/name`).
fn of_image(image: &ImageReference) -> String {
    const DOCKER_HUB: &str = "index.docker.io";
    let registry = match image.registry.as_str() {
        "docker.io" => DOCKER_HUB,
        other => other,
    };
    let repository = image.repository.as_str();
    let library = if registry == DOCKER_HUB && !repository.contains('/') { "library/" } else { "" };
    format!("oci://{registry}/{library}{repository}")
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ModuleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_digest_and_the_spellings_of_docker_hub_are_left_out() {
        let digest = "0".repeat(64);
        for (url, name) in [
            ("oci://reg.io:5000/plugins/a:1".to_owned(), "oci://reg.io:5000/plugins/a"),
            ("reg.io/a".to_owned(), "oci://reg.io/a"),
            (format!("oci://reg.io/a:1@sha256:{digest}"), "oci://reg.io/a"),
            ("oci://docker.io/a:1".to_owned(), "oci://index.docker.io/library/a"),
            ("oci://docker.io/team/a:1".to_owned(), "oci://index.docker.io/team/a"),
            ("oci://index.docker.io/a".to_owned(), "oci://index.docker.io/library/a"),
            ("oci://a".to_owned(), "oci://index.docker.io/library/a"),
            ("team/a".to_owned(), "oci://index.docker.io/team/a"),
            ("https://h.io/x.wasm?v=1".to_owned(), "https://h.io/x.wasm?v=1"),
            ("http://h.io/x:latest".to_owned(), "http://h.io/x:latest"),
        ] {
            assert_eq!(ModuleName::of(&url.parse().unwrap()).as_str(), name, "{url}");
        }
    }
}
