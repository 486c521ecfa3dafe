//! Who we are to a registry, as Docker and Podman remember it.

mod docker_config;
mod files;
mod helper;

use std::fmt;

pub use docker_config::{DockerConfig, DockerConfigError};
pub use files::{CredentialFiles, Stored};

use super::Error;
use crate::oci::RegistryHost;

/// Where the credentials for a registry come from.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// From nowhere: only what is public.
    Anonymous,
    /// The same for every registry asked, such as from the command line.
    Fixed(Credential),
    /// From the files and helpers that Docker and Podman share.
    Files(CredentialFiles),
}

impl Default for Credentials {
    /// The files of the user who runs us.
    fn default() -> Self {
        Self::Files(CredentialFiles::from_environment())
    }
}

impl Credentials {
    /// The credential for `host`, where there is one.
    pub async fn find(&self, host: &RegistryHost) -> Result<Option<Credential>, Error> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Fixed(credential) => Ok(Some(credential.clone())),
            Self::Files(files) => files.find(host).await,
        }
    }
}

/// What proves to a registry who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A user's name and password, or an access token in place of one.
    Password {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that a token server turns into others (`identitytoken`).
    IdentityToken(Secret),
}

impl Credential {
    /// A user's name and password.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { username: username.into(), password: Secret::new(password) }
    }
}

/// A text that never appears in logs or messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_stars() {
        let printed = format!("{:?}", Credential::password("ada", "s3cret"));
        assert!(printed.contains("ada") && printed.contains("***") && !printed.contains("s3cret"));
    }
}
