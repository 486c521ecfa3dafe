use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::Value;

use crate::plugin::{ReadError, ReadLimits, read};

use super::{PullSecret, PullSecretError};

/// Kubernetes stores no larger secret.
const SECRET_BYTES: u64 = 1024 * 1024;

/// The pull secrets there are. One that cannot be used says so to who names it, and is nobody else's trouble.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullSecrets {
    /// By namespace and name.
    manifests: BTreeMap<(Option<String>, String), Result<PullSecret, PullSecretError>>,
    /// By name.
    files: BTreeMap<String, Result<PullSecret, PullSecretError>>,
}

impl PullSecrets {
    /// Adds the files `<name>.json` of a directory, each a Docker `config.json`: secrets of every namespace.
    /// Blocks.
    ///
    /// # Errors
    /// The directory, or a file of it, cannot be read.
    pub fn add_directory(&mut self, directory: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.'));
            let is_json = path.extension().is_some_and(|extension| extension == "json") && path.is_file();
            if let Some(name) = name.filter(|_| is_json) {
                let mut json = Vec::new();
                File::open(&path)?.take(SECRET_BYTES).read_to_end(&mut json)?;
                self.files.insert(name.to_owned(), PullSecret::parse(name, &json));
            }
        }
        Ok(())
    }

    /// Adds the Kubernetes secrets among the documents of a text, those of a `List` too; other resources are passed over.
    pub fn add_manifests(&mut self, text: &[u8], limits: &ReadLimits) -> Result<(), ReadError> {
        for document in read(text, limits)? {
            let manifest = document.to_json();
            match manifest["items"].as_array().filter(|_| manifest["kind"] == "List") {
                Some(items) => items.iter().for_each(|item| self.add_manifest(item)),
                None => self.add_manifest(&manifest),
            }
        }
        Ok(())
    }

    fn add_manifest(&mut self, manifest: &Value) {
        let is_secret = manifest["kind"] == "Secret" && manifest["apiVersion"] == "v1";
        let metadata = &manifest["metadata"];
        if let Some(name) = metadata["name"].as_str().filter(|_| is_secret) {
            let namespace = metadata["namespace"].as_str().map(str::to_owned);
            let secret = PullSecret::from_manifest(name, manifest);
            self.manifests.insert((namespace, name.to_owned()), secret);
        }
    }

    /// These and `others`, which win where both have one of a name.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.manifests.extend(others.manifests.clone());
        self.files.extend(others.files.clone());
        self
    }

    /// The secret that a plugin of `namespace` calls `name`: of its own namespace, or of a manifest that does
    /// not say of which; else the file of that name.
    ///
    /// # Errors
    /// There is none, or it cannot be used: then nothing is to be fetched without it.
    pub fn find(&self, namespace: Option<&str>, name: &str) -> Result<&PullSecret, PullSecretError> {
        let fits = |held: &Option<String>| held.is_none() || held.as_deref() == namespace;
        let named = self.manifests.iter().filter(|((held, known), _)| known == name && fits(held));
        // The one that says its namespace goes before one that does not.
        let manifest = named.max_by_key(|((held, _), _)| held.as_deref() == namespace);
        let secret = manifest.map(|(_, secret)| secret).or_else(|| self.files.get(name));
        let missing = || PullSecretError::Missing(name.to_owned());
        secret.ok_or_else(missing)?.as_ref().map_err(PullSecretError::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Credential;

    const JSON: &str = r#"{"auths":{"r.io":{"auth":"YWRhOnB3"}}}"#;

    fn manifest(namespace: &str, name: &str, rest: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n{rest}\n---\n"
        )
    }

    #[test]
    fn secrets_are_found_in_manifests_and_files() {
        let kind = "type: kubernetes.io/dockerconfigjson";
        let data = "data: {.dockerconfigjson: eyJhdXRocyI6eyJyLmlvIjp7ImF1dGgiOiJZV1JoT25CMyJ9fX0=}";
        let text = [
            manifest("a", "plain", &format!("{kind}\nstringData: {{.dockerconfigjson: '{JSON}'}}")),
            manifest("a", "encoded", &format!("{kind}\n{data}")),
            manifest("b", "elsewhere", &format!("{kind}\n{data}")),
            manifest("a", "opaque", data),
            manifest("a", "empty", kind),
            "kind: WasmPlugin\napiVersion: x\nmetadata: {name: plain}\n".to_owned(),
        ];
        let mut secrets = PullSecrets::default();
        secrets.add_manifests(text.concat().as_bytes(), &ReadLimits::default()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        for (name, json) in [("file.json", JSON), ("bad.json", "s3cret"), ("other.txt", JSON)] {
            std::fs::write(directory.path().join(name), json).unwrap();
        }
        secrets.add_directory(directory.path()).unwrap();

        let host = "r.io".parse().unwrap();
        for name in ["plain", "encoded", "file"] {
            let found = secrets.find(Some("a"), name).unwrap().find(&host).unwrap();
            assert_eq!(found, Some(Credential::password("ada", "pw")), "{name}");
        }
        assert!(secrets.find(Some("b"), "elsewhere").is_ok() && secrets.find(None, "elsewhere").is_err());
        for (name, expected) in [
            ("elsewhere", "is not there"),
            ("other", "is not there"),
            ("opaque", "has type `Opaque`"),
            ("empty", "has no base64 text"),
            ("bad", "not a Docker `config.json`"),
        ] {
            let message = secrets.find(Some("a"), name).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains("s3cret"), "{message}");
        }
    }
}
