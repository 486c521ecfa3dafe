use crate::client::{Credential, CredentialFiles, Credentials, Error, Options, Secret, Stored};
use crate::oci::RegistryHost;

use super::Registry;

/// What a login came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Where user name and password are kept.
    pub stored: Stored,
    /// Whether the registry checked them: one that answers everybody does not.
    pub checked: bool,
}

/// Checks a user's name and password with the registry at `host`, and keeps them in `files` if it takes them.
///
/// The credentials in `options` are not used.
pub async fn login(
    host: &RegistryHost,
    user: (&str, &Secret),
    files: &CredentialFiles,
    options: &Options,
) -> Result<Login, Error> {
    let (username, password) = user;
    let credential = Credential::Password { username: username.to_owned(), password: password.clone() };
    let options = Options { credentials: Credentials::Fixed(credential), ..options.clone() };
    let registry = Registry::new(host.clone(), &options)?;
    registry.ping().await?;
    let stored = files.store(host, username, password).await?;
    Ok(Login { stored, checked: registry.was_asked().await })
}

/// Forgets the credentials for `host`, and answers where they were kept.
pub async fn logout(host: &RegistryHost, files: &CredentialFiles) -> Result<Vec<Stored>, Error> {
    files.erase(host).await
}
