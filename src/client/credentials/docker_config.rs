use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::{Credential, Secret};
use crate::oci::RegistryHost;

/// Padding is often left out by hand.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The logins of a Docker `config.json` that somebody else wrote, such as that of a Kubernetes secret.
///
/// Only `auths` is read. Credential helpers, which the file could name too, are programs of its writer's choice.
#[derive(Clone, PartialEq, Eq)]
pub struct DockerConfig {
    logins: BTreeMap<String, Login>,
}

/// Why a text is no Docker configuration. It does not quote the text, which holds secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    /// Not a JSON object with `auths`.
    #[error("it is not a Docker `config.json`, expected an object `auths`: line {line}, column {column}")]
    Json {
        /// Where reading failed.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// `auth` is not base64 of `user:password`.
    #[error("the `auth` of `{host}` is not base64 of `user:password`")]
    Auth {
        /// The key in `auths`.
        host: String,
    },
}

#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Login {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
struct Document {
    auths: BTreeMap<String, Login>,
}

impl DockerConfig {
    /// Reads the text of a `config.json`.
    pub fn parse(json: &[u8]) -> Result<Self, DockerConfigError> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|error| DockerConfigError::Json { line: error.line(), column: error.column() })?;
        Ok(Self { logins: document.auths })
    }

    /// The credential for `host`, matched as Docker does: by host and port, of keys that are URLs too.
    pub fn find(&self, host: &RegistryHost) -> Result<Option<Credential>, DockerConfigError> {
        let wanted = one_name(host.as_str());
        let exact = self.logins.iter().find(|(key, _)| one_name(key) == wanted);
        let by_host = || self.logins.iter().find(|(key, _)| one_name(host_of(key)) == wanted);
        match exact.or_else(by_host) {
            Some((key, login)) => login.credential(key),
            None => Ok(None),
        }
    }
}

impl Login {
    fn credential(&self, key: &str) -> Result<Option<Credential>, DockerConfigError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credential::IdentityToken(Secret::new(&self.identitytoken))));
        }
        if self.auth.is_empty() {
            let credential = || Credential::password(&self.username, &self.password);
            return Ok((!self.username.is_empty()).then(credential));
        }
        let wrong = || DockerConfigError::Auth { host: key.to_owned() };
        let pair = LENIENT.decode(self.auth.trim()).ok().and_then(|pair| String::from_utf8(pair).ok());
        let pair = pair.ok_or_else(wrong)?;
        let (username, password) = pair.split_once(':').ok_or_else(wrong)?;
        Ok(Some(Credential::password(username, password.trim_matches('\0'))))
    }
}

/// The host of a key, which older tools wrote as a URL.
fn host_of(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or(rest)
}

/// Docker Hub has several names.
fn one_name(host: &str) -> String {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.logins.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(json: &str, host: &str) -> Result<Option<Credential>, DockerConfigError> {
        DockerConfig::parse(json.as_bytes())?.find(&host.parse().unwrap())
    }

    #[test]
    fn logins_are_found_by_host_however_they_are_filed() {
        let ada = || Ok(Some(Credential::password("ada", "p:w")));
        let auth = r#"{"auth":"YWRhOnA6dw=="}"#;
        for (json, host, expected) in [
            (format!(r#"{{"auths":{{"r.io":{auth}}}}}"#), "r.io", ada()),
            (format!(r#"{{"auths":{{"https://r.io/v1/":{auth}}}}}"#), "r.io", ada()),
            (format!(r#"{{"auths":{{"r.io/team":{auth}}}}}"#), "r.io", ada()),
            (format!(r#"{{"auths":{{"https://index.docker.io/v1/":{auth}}}}}"#), "docker.io", ada()),
            (r#"{"auths":{"r.io":{"auth":"YWRhOnA6dw"}}}"#.into(), "r.io", ada()),
            (r#"{"auths":{"r.io":{"username":"ada","password":"p:w"}}}"#.into(), "r.io", ada()),
            (format!(r#"{{"auths":{{"r.io:5000":{auth}}}}}"#), "r.io", Ok(None)),
            (r#"{"auths":{"r.io":{}}}"#.into(), "r.io", Ok(None)),
            (r#"{"auths":{}}"#.into(), "r.io", Ok(None)),
        ] {
            assert_eq!(find(&json, host), expected, "{json}");
        }
        let token = find(r#"{"auths":{"r.io":{"auth":"YTo=","identitytoken":"t"}}}"#, "r.io").unwrap();
        assert_eq!(token, Some(Credential::IdentityToken(Secret::new("t"))));
    }

    #[test]
    fn a_helper_that_a_secret_names_is_not_run() {
        let json = r#"{"credsStore":"evil","credHelpers":{"r.io":"evil"},"auths":{}}"#;
        assert_eq!(find(json, "r.io"), Ok(None));
    }

    #[test]
    fn errors_and_debug_output_show_no_secret() {
        for bad in
            ["null", "", "s3cret", "[]", r#"{"auths":"s3cret"}"#, r#"{"auths":{"r.io":{"auth":"s3cret!"}}}"#]
        {
            let message = find(bad, "r.io").unwrap_err().to_string();
            assert!(!message.contains("s3cret"), "{message}");
        }
        let config = DockerConfig::parse(br#"{"auths":{"r.io":{"password":"s3cret"}}}"#).unwrap();
        assert_eq!(format!("{config:?}"), r#"{"r.io"}"#);
    }
}
