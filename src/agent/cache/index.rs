//! What is known, as JSON.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::oci::Digest;
use crate::policy::{Change, Knowledge, ModuleKey, ModuleName};

use super::grants::{Grant, Grants};
use super::state::{Checked, ModuleFile, State};

/// The form of the index that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The file `index.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    version: u32,
    /// What credentials' fingerprints are salted with.
    pub(super) salt: String,
    files: Vec<FileEntry>,
    modules: Vec<ModuleEntry>,
    urls: Vec<UrlEntry>,
    resources: Vec<ResourceEntry>,
}

/// Why an index is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    #[error("it cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has version {0}, expected {VERSION}")]
    Version(u32),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileEntry {
    content: Digest,
    size_bytes: u64,
    last_used_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyEntry {
    name: String,
    checksum: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModuleEntry {
    #[serde(flatten)]
    key: KeyEntry,
    content: Digest,
    last_used_ms: u64,
    urls: BTreeSet<String>,
    granted: Vec<GrantEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrantEntry {
    to: String,
    proof: String,
    at_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UrlEntry {
    url: String,
    checksum: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceEntry {
    resource: String,
    version: String,
    url: String,
    #[serde(flatten)]
    key: KeyEntry,
}

impl Index {
    /// The index of `state`.
    pub(super) fn of(state: &State, salt: &str) -> Self {
        let file = |(content, file): (&Digest, &ModuleFile)| FileEntry {
            content: content.clone(),
            size_bytes: file.size_bytes,
            last_used_ms: to_ms(file.last_used),
        };
        let resource = |(name, used): (&str, &crate::policy::ResourceUse)| ResourceEntry {
            resource: name.to_owned(),
            version: used.version.clone(),
            url: used.url.clone(),
            key: KeyEntry::of(&used.key),
        };
        let urls = state.known.tags();
        Self {
            version: VERSION,
            salt: salt.to_owned(),
            files: state.files.iter().map(file).collect(),
            modules: module_entries(state),
            urls: urls
                .map(|(url, entry)| UrlEntry { url: url.to_owned(), checksum: entry.checksum.clone() })
                .collect(),
            resources: state.known.resources().map(resource).collect(),
        }
    }

    /// Reads an index.
    pub(super) fn parse(json: &[u8]) -> Result<Self, IndexError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        match serde_json::from_slice(json)? {
            Versioned { version: VERSION } => Ok(serde_json::from_slice(json)?),
            Versioned { version } => Err(IndexError::Version(version)),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers make JSON")
    }

    /// The state that the index is of. Names that nothing could be fetched by are left out.
    pub(super) fn into_state(self) -> State {
        let mut known = Knowledge::default();
        let mut grants = Grants::default();
        let urls = self.urls.into_iter();
        known.apply_all(urls.map(|UrlEntry { url, checksum }| Change::Tagged { url, checksum }));
        for entry in self.modules {
            let Some(key) = entry.key.read() else { continue };
            for grant in &entry.granted {
                if let (Ok(who), Ok(proof)) = (grant.to.parse(), grant.proof.parse()) {
                    grants.grant(&key, &who, Grant { proof, at: from_ms(grant.at_ms) });
                }
            }
            let at = from_ms(entry.last_used_ms);
            known.apply(Change::Stored { key: key.clone(), content: entry.content, at });
            let urls = entry.urls.into_iter();
            known.apply_all(urls.map(|url| Change::Referenced { key: key.clone(), url }));
        }
        for ResourceEntry { resource, version, url, key } in self.resources {
            known.apply_all(key.read().map(|key| Change::Runs { resource, version, url, key }));
        }
        let file = |entry: FileEntry| {
            let last_used = from_ms(entry.last_used_ms);
            let file = ModuleFile { size_bytes: entry.size_bytes, checked: Checked::NotYet, last_used };
            (entry.content, file)
        };
        State { known, files: self.files.into_iter().map(file).collect(), grants, ..State::default() }
    }
}

fn module_entries(state: &State) -> Vec<ModuleEntry> {
    let granted = |key: &ModuleKey| {
        let entry = |(who, grant): (&super::Identity, Grant)| GrantEntry {
            to: who.to_string(),
            proof: grant.proof.name().to_owned(),
            at_ms: to_ms(grant.at),
        };
        state.grants.of(key).map(entry).collect()
    };
    let entry = |(key, module): (&ModuleKey, &crate::policy::CachedModule)| ModuleEntry {
        key: KeyEntry::of(key),
        content: module.content.clone(),
        last_used_ms: to_ms(module.last_used),
        urls: module.referencing.clone(),
        granted: granted(key),
    };
    state.known.modules().map(entry).collect()
}

impl KeyEntry {
    fn of(key: &ModuleKey) -> Self {
        Self { name: key.name.as_str().to_owned(), checksum: key.checksum.clone() }
    }

    /// A name is a URL, and its own name.
    fn read(self) -> Option<ModuleKey> {
        let name = ModuleName::of(&self.name.parse().ok()?);
        Some(ModuleKey { name, checksum: self.checksum })
    }
}

/// Milliseconds since 1970; a time before is then.
fn to_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A time that the clock cannot tell is its beginning.
fn from_ms(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::cache::{Identity, Proof};

    #[test]
    fn what_is_written_is_read_again() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1234);
        let content = Digest::sha256(b"module");
        let mut state = State::default();
        for url in ["oci://r.io/p:1", "https://h.io/p.wasm?x=1"] {
            let name = ModuleName::of(&url.parse().unwrap());
            let key = ModuleKey { name, checksum: Digest::sha256(url.as_bytes()) };
            let (url, checksum) = (url.to_owned(), key.checksum.clone());
            state.known.apply_all([
                Change::Stored { key: key.clone(), content: content.clone(), at },
                Change::Tagged { url: url.clone(), checksum },
                Change::Referenced { key: key.clone(), url: url.clone() },
                Change::Runs { resource: url.clone(), version: "7".into(), url, key: key.clone() },
            ]);
            state.grants.grant(&key, &Identity::Agent, Grant { proof: Proof::Checked, at });
        }
        let file = ModuleFile { size_bytes: 6, checked: Checked::NotYet, last_used: at };
        state.files.insert(content, file);
        let index = Index::parse(&Index::of(&state, "salt").to_json()).unwrap();
        assert_eq!(index.salt, "salt");
        let read = index.into_state();
        assert_eq!((read.known, read.files, read.grants), (state.known, state.files, state.grants));
    }

    #[test]
    fn another_version_is_not_read() {
        for (text, expected) in [
            (r#"{"version":2}"#, "version 2"),
            (r#"{"version":1}"#, "cannot be read"),
            ("{", "cannot be read"),
        ] {
            let message = Index::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
