use serde::Serialize;

use crate::plugin::{ModuleSource, ModuleUrl, ModuleUrlError};

/// `code` of the VM: where its module comes from (Envoy `config.core.v3.AsyncDataSource`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// `local`: a file in the proxy's container.
    Local {
        /// `filename`.
        filename: String,
    },
    /// `remote`: what the agent pulls before Envoy sees the resource.
    Remote {
        /// `http_uri`.
        http_uri: HttpUri,
        /// `sha256`, where the plugin gives one.
        #[serde(skip_serializing_if = "String::is_empty")]
        sha256: String,
    },
}

/// `http_uri` of a remote module. The agent reads the address; the cluster is a filler that nobody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct HttpUri {
    /// `uri`.
    pub(super) uri: String,
    cluster: &'static str,
    timeout: &'static str,
}

impl Code {
    /// What discovery makes of a plugin's `url` (`buildDataSource`, Istio `pilot/pkg/model/extensions.go`): a
    /// path for `file`, `oci` where there is no scheme, and the text as it stands for whatever else. A URL
    /// that no agent can load from is still sent; the agent refuses it.
    ///
    /// # Errors
    ///
    /// An address and port without a scheme, which Go's `url.Parse` refuses: discovery drops the plugin.
    pub(super) fn of(url: &str, sha256: &str) -> Result<Self, ModuleUrlError> {
        match url.parse::<ModuleUrl>() {
            Ok(parsed) => match parsed.source() {
                ModuleSource::File(path) => Ok(Self::Local { filename: path.clone() }),
                ModuleSource::Oci(_) | ModuleSource::Http(_) => {
                    Ok(Self::remote(parsed.with_scheme(), sha256))
                }
            },
            Err(error @ ModuleUrlError::AddressWithoutScheme { .. }) => Err(error),
            Err(ModuleUrlError::File { .. }) => Ok(Self::Local { filename: String::new() }),
            Err(ModuleUrlError::Empty) => Ok(Self::remote("oci:".to_owned(), sha256)),
            Err(ModuleUrlError::Image { .. }) if !url.contains("://") => {
                Ok(Self::remote(format!("oci://{url}"), sha256))
            }
            Err(_) => Ok(Self::remote(url.to_owned(), sha256)),
        }
    }

    fn remote(uri: String, sha256: &str) -> Self {
        let http_uri = HttpUri { uri, cluster: "_", timeout: "30s" };
        Self::Remote { http_uri, sha256: sha256.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_an_address_for_the_agent() {
        let cases = [
            ("oci://r.io/p:1", "oci://r.io/p:1"),
            ("https://h/p.wasm", "https://h/p.wasm"),
            ("r.io/p:1", "oci://r.io/p:1"),
            ("p", "oci://p"),
            ("", "oci:"),
            // What agents refuse is sent to them all the same.
            ("r.io/UPPER:1", "oci://r.io/UPPER:1"),
            ("ftp://h/p", "ftp://h/p"),
            // A host with a port, and no scheme: the host is taken for the scheme.
            ("localhost:5000/p:1", "localhost:5000/p:1"),
        ];
        for (url, address) in cases {
            let Code::Remote { http_uri, sha256 } = Code::of(url, "ab").unwrap() else {
                panic!("{url} is not remote");
            };
            assert_eq!((http_uri.uri.as_str(), sha256.as_str()), (address, "ab"), "{url}");
        }
    }

    #[test]
    fn a_file_url_is_a_path_and_relative_with_two_slashes() {
        for (url, path) in
            [("file:///opt/p.wasm", "/opt/p.wasm"), ("file://p.wasm", "p.wasm"), ("file://", "")]
        {
            assert_eq!(Code::of(url, ""), Ok(Code::Local { filename: path.to_owned() }), "{url}");
        }
    }

    #[test]
    fn what_go_cannot_parse_is_an_error() {
        for url in ["127.0.0.1:5000/p", "my_host:5000/p"] {
            assert!(matches!(Code::of(url, ""), Err(ModuleUrlError::AddressWithoutScheme { .. })), "{url}");
        }
    }
}
