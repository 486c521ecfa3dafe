use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use serde_json::{Map, Value, json};

use super::helper::Helper;
use super::{Credential, Secret};
use crate::client::Error;
use crate::client::layout::{folder_of, lock_directory, persist, run_blocking};
use crate::oci::RegistryHost;

/// The key under which Docker keeps the credentials for its own hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
const EXPECTED: &str = "credential file";

/// The files that Docker and Podman keep credentials in.
///
/// Read, the first that knows the host wins: `REGISTRY_AUTH_FILE`, Docker's `config.json` (`DOCKER_CONFIG`, else
/// `~/.docker`), `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`. Written:
/// `REGISTRY_AUTH_FILE` where it is set, else Docker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFiles {
    read: Vec<PathBuf>,
    write: PathBuf,
}

/// Where a login was kept, or a logout took it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// In this file, hardly hidden (base64).
    File(PathBuf),
    /// With this credential helper.
    Helper(String),
}

impl CredentialFiles {
    /// The files of the user who runs us.
    pub fn from_environment() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = dirs::home_dir().unwrap_or_default();
        let docker = variable("DOCKER_CONFIG").unwrap_or_else(|| home.join(".docker")).join("config.json");
        let podman = variable("REGISTRY_AUTH_FILE");
        let runtime = variable("XDG_RUNTIME_DIR").map(|runtime| runtime.join("containers/auth.json"));
        let config = variable("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let write = podman.clone().unwrap_or_else(|| docker.clone());
        let read = podman.into_iter().chain([docker]).chain(runtime);
        Self { read: read.chain([config.join("containers/auth.json")]).collect(), write }
    }

    /// One file for everything.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let write = path.into();
        Self { read: vec![write.clone()], write }
    }

    /// The credential for `host`, from the first file or helper that knows it.
    pub async fn find(&self, host: &RegistryHost) -> Result<Option<Credential>, Error> {
        let (files, key) = (self.read.clone(), key_of(host));
        run_blocking(move || {
            for file in &files {
                if let Some(found) = find_in(file, &key)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Keeps a user's name and password for `host`, with the helper that the file names for it, else in the file.
    pub async fn store(
        &self,
        host: &RegistryHost,
        username: &str,
        password: &Secret,
    ) -> Result<Stored, Error> {
        let (path, key) = (self.write.clone(), key_of(host));
        let (username, password) = (username.to_owned(), password.clone());
        run_blocking(move || {
            let (mut file, _alone) = CredentialFile::read_alone(&path)?;
            let helper = file.helper(&key);
            let entry = match &helper {
                Some(name) => {
                    Helper::named(name)?.store(&key, &username, password.expose())?;
                    json!({})
                }
                None => json!({ "auth": STANDARD.encode(format!("{username}:{}", password.expose())) }),
            };
            file.auths()?.insert(key, entry);
            file.write()?;
            Ok(helper.map_or(Stored::File(path), Stored::Helper))
        })
        .await
    }

    /// Forgets the credentials for `host` wherever [`Self::find`] would see them; answers where that was.
    pub async fn erase(&self, host: &RegistryHost) -> Result<Vec<Stored>, Error> {
        let (files, key) = (self.read.clone(), key_of(host));
        run_blocking(move || files.iter().filter_map(|path| erase_in(path, &key).transpose()).collect()).await
    }
}

/// The key that Docker files a registry under.
fn key_of(host: &RegistryHost) -> String {
    match host.as_str() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB_KEY.to_owned(),
        other => other.to_owned(),
    }
}

fn find_in(path: &Path, key: &str) -> Result<Option<Credential>, Error> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::File { action: "open", path: path.to_owned(), source }),
    };
    let malformed = |problem: String| Error::Malformed { path: path.to_owned(), expected: EXPECTED, problem };
    match docker_credential::get_credential_from_reader(io::BufReader::new(file), key) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Some(Credential::password(username, password)))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential::IdentityToken(Secret::new(token)))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
            if stdout.contains("credentials not found") || stderr.contains("credentials not found") =>
        {
            Ok(None)
        }
        Err(CredentialRetrievalError::HelperFailure { helper, stdout, stderr }) => {
            let problem = format!("{} {}", stderr.trim(), stdout.trim()).trim().to_owned();
            Err(Error::CredentialHelper { helper, problem })
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            let helper = CredentialFile::read(path.to_owned())?.helper(key).unwrap_or_default();
            let program = format!("docker-credential-{helper}");
            Err(malformed(format!("it names the credential helper `{program}`, which cannot be run")))
        }
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// Forgets the credential that the file at `path`, or the helper it names, keeps under `key`.
fn erase_in(path: &Path, key: &str) -> Result<Option<Stored>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let (mut file, _alone) = CredentialFile::read_alone(path)?;
    let helper = file.helper(key);
    let erased = helper.as_ref().map_or(Ok(false), |name| Helper::named(name)?.erase(key))?;
    let auths = file.auths()?;
    let before = auths.len();
    auths.retain(|known, _| !is_same_registry(known, key));
    let listed = auths.len() < before;
    if listed {
        file.write()?;
    }
    Ok((erased || listed).then(|| helper.map_or(Stored::File(path.to_owned()), Stored::Helper)))
}

/// Whether a credential filed under `known` is found for `key`: older tools filed whole URLs.
fn is_same_registry(known: &str, key: &str) -> bool {
    let url = known.strip_prefix("https://").or_else(|| known.strip_prefix("http://"));
    known == key || url.is_some_and(|url| url.split('/').next() == Some(key))
}

/// A credential file as JSON, so that what we do not know in it is kept.
struct CredentialFile {
    path: PathBuf,
    root: Map<String, Value>,
}

impl CredentialFile {
    /// Reads the file, and keeps others of us from changing it as long as the second value lives.
    fn read_alone(path: &Path) -> Result<(Self, fs::File), Error> {
        // Behind a symbolic link lies the file that its owner means.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = folder_of(&path);
        fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
        let alone = lock_directory(folder)?;
        Ok((Self::read(path)?, alone))
    }

    fn read(path: PathBuf) -> Result<Self, Error> {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(Error::File { action: "read", path, source }),
        };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { path, root: Map::new() });
        }
        match serde_json::from_slice(&bytes) {
            Ok(root) => Ok(Self { path, root }),
            Err(error) => Err(Error::Malformed { path, expected: EXPECTED, problem: error.to_string() }),
        }
    }

    /// The helper that keeps credentials for `key`.
    fn helper(&self, key: &str) -> Option<String> {
        let own = self.root.get("credHelpers").and_then(|helpers| helpers.get(key));
        let name = own.or_else(|| self.root.get("credsStore"))?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn auths(&mut self) -> Result<&mut Map<String, Value>, Error> {
        let auths = self.root.entry("auths").or_insert_with(|| json!({}));
        auths.as_object_mut().ok_or_else(|| Error::Malformed {
            path: self.path.clone(),
            expected: EXPECTED,
            problem: "`auths` is not an object".to_owned(),
        })
    }

    /// Replaces the file as a whole; only its owner may read it.
    fn write(&self) -> Result<(), Error> {
        let folder = folder_of(&self.path);
        let text = serde_json::to_vec_pretty(&self.root).expect("a JSON value has text keys");
        // `tempfile` makes files of mode 0600.
        let mut file =
            tempfile::NamedTempFile::new_in(folder).map_err(Error::file("make a file in", folder))?;
        file.write_all(&text).map_err(Error::file("write", &self.path))?;
        persist(file, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> RegistryHost {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_login_is_kept_found_and_forgotten_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/config.json");
        let files = CredentialFiles::at(&path);
        assert_eq!(files.find(&host("r.io")).await.unwrap(), None);
        let stored = files.store(&host("r.io:5000"), "ada", &Secret::new("p:w")).await.unwrap();
        assert_eq!(stored, Stored::File(path.clone()));

        let mut text: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(text, json!({"auths": {"r.io:5000": {"auth": "YWRhOnA6dw=="}}}));
        text["HttpHeaders"] = json!({"X": "y"});
        fs::write(&path, text.to_string()).unwrap();

        files.store(&host("docker.io"), "hub", &Secret::new("x")).await.unwrap();
        let found = files.find(&host("r.io:5000")).await.unwrap();
        assert_eq!(found, Some(Credential::password("ada", "p:w")));
        assert_eq!(files.find(&host("docker.io")).await.unwrap(), Some(Credential::password("hub", "x")));
        assert_eq!(files.find(&host("r.io")).await.unwrap(), None);

        assert_eq!(files.erase(&host("r.io:5000")).await.unwrap(), [Stored::File(path.clone())]);
        assert_eq!(files.erase(&host("r.io:5000")).await.unwrap(), []);
        let text: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(text["HttpHeaders"]["X"], "y");
        assert!(text["auths"].get("r.io:5000").is_none() && text["auths"].get(DOCKER_HUB_KEY).is_some());
    }

    #[tokio::test]
    async fn a_logout_leaves_nothing_that_would_be_found() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["docker.json", "podman.json"].map(|name| directory.path().join(name));
        fs::write(&paths[0], r#"{"auths":{"https://r.io/v1/":{"auth":"YWRhOnA="},"q.io":{}}}"#).unwrap();
        fs::write(&paths[1], r#"{"auths":{"r.io":{"auth":"YWRhOnE="}}}"#).unwrap();
        let files = CredentialFiles { read: paths.to_vec(), write: paths[0].clone() };
        assert_eq!(files.find(&host("r.io")).await.unwrap(), Some(Credential::password("ada", "p")));
        assert_eq!(files.erase(&host("r.io")).await.unwrap(), paths.clone().map(Stored::File));
        assert_eq!(files.find(&host("r.io")).await.unwrap(), None);
        assert!(fs::read_to_string(&paths[0]).unwrap().contains("q.io"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_may_read_the_file_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real.json"), directory.path().join("config.json"));
        fs::write(&real, "{}").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        CredentialFiles::at(&link).store(&host("r.io"), "a", &Secret::new("b")).await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn identity_tokens_are_read_and_malformed_files_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.json");
        fs::write(&path, r#"{"auths":{"r.io":{"auth":"YTo=","identitytoken":"t"}}}"#).unwrap();
        let files = CredentialFiles::at(&path);
        let token = Credential::IdentityToken(Secret::new("t"));
        assert_eq!(files.find(&host("r.io")).await.unwrap(), Some(token));
        for bad in ["{", "[]", r#"{"auths":{"r.io":{"auth":"%%%"}}}"#, r#"{"auths":3}"#] {
            fs::write(&path, bad).unwrap();
            let message = files.find(&host("r.io")).await.unwrap_err().to_string();
            assert!(message.contains("auth.json") && message.contains("credential file"), "{message}");
        }
        fs::write(&path, r#"{"credsStore":"surely-not-installed"}"#).unwrap();
        let message = files.find(&host("r.io")).await.unwrap_err().to_string();
        assert!(message.contains("`docker-credential-surely-not-installed`"), "{message}");
        assert!(files.store(&host("r.io"), "a", &Secret::new("b")).await.is_err());
    }
}
