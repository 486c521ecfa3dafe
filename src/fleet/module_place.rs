use std::collections::BTreeSet;

use crate::oci::{Reference, RepositoryName};
use crate::plugin::{ModuleSource, ModuleUrl};

/// Where in this registry a plugin's URL leads: a repository, and the tag or digest that an agent asks for.
pub(super) type ModulePlace = (RepositoryName, Reference);

/// Where `url` leads, if it names one of `hosts`, or any host where there are none: a registry does not know by which
/// names gateways reach it.
pub(super) fn place_of(url: &str, hosts: &BTreeSet<String>) -> Option<ModulePlace> {
    let is_ours = |host: &str| hosts.is_empty() || hosts.contains(host);
    let url: ModuleUrl = url.parse().ok()?;
    match url.source() {
        ModuleSource::Oci(image) => {
            is_ours(image.registry.as_str()).then(|| (image.repository.clone(), image.reference()))
        }
        ModuleSource::Http(web) => {
            let port = web.port().map(|port| format!(":{port}")).unwrap_or_default();
            let host = format!("{}{port}", web.host_str()?);
            is_ours(&host).then(|| plugin_file(web.path())).flatten()
        }
        ModuleSource::File(_) => None,
    }
}

/// `/plugins/<name>/<version>/plugin.wasm` is the module of `plugins/<name>:<version>`.
fn plugin_file(path: &str) -> Option<ModulePlace> {
    let (image, _) =
        path.strip_prefix('/')?.split_once("/plugin.wasm").filter(|(_, rest)| rest.is_empty())?;
    let (repository, version) = image.rsplit_once('/')?;
    let repository = repository.starts_with("plugins/").then_some(repository)?;
    Some((repository.parse().ok()?, Reference::Tag(version.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_a_place_or_elsewhere() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let hosts = BTreeSet::from(["reg.io".to_owned(), "127.0.0.1:5000".to_owned()]);
        for (url, expected) in [
            ("oci://reg.io/plugins/a:v1", Some("plugins/a v1".to_owned())),
            ("reg.io/plugins/a", Some("plugins/a latest".to_owned())),
            (&format!("oci://reg.io/plugins/a:v1@{digest}"), Some(format!("plugins/a {digest}"))),
            ("oci://other.io/plugins/a:v1", None),
            (
                "http://127.0.0.1:5000/plugins/team/a/1.0.0/plugin.wasm",
                Some("plugins/team/a 1.0.0".to_owned()),
            ),
            ("http://127.0.0.1:5000/elsewhere/a/1.0.0/plugin.wasm", None),
            ("http://127.0.0.1:5000/plugins/a/1.0.0/metadata.txt", None),
            ("http://127.0.0.1/plugins/a/1.0.0/plugin.wasm", None),
            ("file:///opt/plugin.wasm", None),
            ("not a url", None),
        ] {
            let place = |hosts| place_of(url, hosts).map(|(name, reference)| format!("{name} {reference}"));
            assert_eq!(place(&hosts), expected, "{url}");
        }
        assert!(place_of("oci://other.io/plugins/a:v1", &BTreeSet::new()).is_some(), "any host counts");
    }
}
