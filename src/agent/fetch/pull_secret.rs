use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::client::{Credential, DockerConfig, DockerConfigError};
use crate::oci::RegistryHost;

/// The type of a Kubernetes secret that holds logins to registries, and the key that they are under in it.
const TYPE: &str = "kubernetes.io/dockerconfigjson";
const KEY: &str = ".dockerconfigjson";

/// What a plugin's `imagePullSecret` names: logins to registries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSecret {
    name: String,
    config: DockerConfig,
}

/// Why a secret cannot be used. It does not quote the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullSecretError {
    /// There is none of that name.
    #[error("pull secret `{0}` is not there, and without it nothing is fetched")]
    Missing(String),
    /// It is of another type.
    #[error("pull secret `{name}` has type `{found}`, expected `{TYPE}`")]
    Type {
        /// Its name.
        name: String,
        /// Its type.
        found: String,
    },
    /// It has no logins.
    #[error("pull secret `{0}` has no base64 text `{KEY}` in `data`, and no text in `stringData`")]
    Key(String),
    /// Its logins cannot be read.
    #[error("pull secret `{name}` is not usable: {source}")]
    Config {
        /// Its name.
        name: String,
        /// What is wrong.
        source: DockerConfigError,
    },
}

impl PullSecret {
    /// The secret `name` whose logins are `json`, a Docker `config.json`.
    pub fn parse(name: &str, json: &[u8]) -> Result<Self, PullSecretError> {
        let config = DockerConfig::parse(json)
            .map_err(|source| PullSecretError::Config { name: name.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), config })
    }

    /// The secret `name` out of its Kubernetes manifest.
    pub(super) fn from_manifest(name: &str, manifest: &Value) -> Result<Self, PullSecretError> {
        let found = manifest["type"].as_str().unwrap_or("Opaque");
        if found != TYPE {
            return Err(PullSecretError::Type { name: name.to_owned(), found: found.to_owned() });
        }
        // The API server lets `stringData` win.
        let text = manifest["stringData"][KEY].as_str().map(|text| text.as_bytes().to_vec());
        let data = || {
            let encoded: String = manifest["data"][KEY].as_str()?.split_whitespace().collect();
            STANDARD.decode(encoded).ok()
        };
        let json = text.or_else(data).ok_or_else(|| PullSecretError::Key(name.to_owned()))?;
        Self::parse(name, &json)
    }

    /// The secret's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The login for `host`; a secret without one makes an anonymous request.
    pub(super) fn find(&self, host: &RegistryHost) -> Result<Option<Credential>, PullSecretError> {
        let failed = |source| PullSecretError::Config { name: self.name.clone(), source };
        self.config.find(host).map_err(failed)
    }
}
