use crate::oci::Digest;

use super::rules::{Pins, SecondLookup, TagScope};
use super::subject::Subject;
use super::{Change, ModuleKey, Moment, Pull};

/// What a registry or a web server has under the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The digest of the manifest that holds the layer; of a web server's file, the sha256 of the module in
    /// it.
    pub manifest: Digest,
    /// The digest of what the registry answered first, where that is not the manifest: an index.
    pub root: Option<Digest>,
}

/// What follows from what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The module is in the cache already.
    Present {
        /// Under what it is found.
        key: ModuleKey,
        /// The sha256 of the module itself.
        content: Digest,
        /// What to remember.
        changes: Vec<Change>,
    },
    /// The layer is wanted; [`Moment::stored`] when it is there.
    Wanted {
        /// Under what it is to be found.
        key: ModuleKey,
    },
    /// It is not what was expected.
    Mismatch {
        /// The checksum that was expected.
        expected: Digest,
        /// The checksum that was compared with it.
        found: Digest,
    },
}

/// How a module came to be the one to use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It was known before anything was asked.
    Hit,
    /// The manifest told that it is one in the cache.
    Adopted,
    /// It was downloaded.
    Downloaded,
}

impl Moment<'_> {
    /// What follows from what was found. `expects` is that of [`Action::Fetch`](super::Action::Fetch), and
    /// nothing for [`Action::Resolve`](super::Action::Resolve).
    pub fn arrived(&self, pull: &Pull, expects: Option<&Digest>, found: &Found) -> Arrival {
        let subject = Subject::new(self.flavour, pull);
        match expects {
            Some(expected) => compare(&subject, expected, found),
            None => self.adopt(&subject, found),
        }
    }

    fn adopt(&self, subject: &Subject<'_>, found: &Found) -> Arrival {
        let key = subject.key(found.manifest.clone());
        let looks_again = subject.rules.second_lookup == SecondLookup::AfterManifest;
        match self.known.module(&key).filter(|_| looks_again) {
            Some(module) => {
                let content = module.content.clone();
                let changes = self.use_of(subject, &key, Origin::Adopted);
                Arrival::Present { key, content, changes }
            }
            None => Arrival::Wanted { key },
        }
    }

    /// What to remember when the module under `key` has been downloaded and checked; `content` is its own
    /// sha256.
    pub fn stored(&self, pull: &Pull, key: &ModuleKey, content: Digest) -> Vec<Change> {
        let subject = Subject::new(self.flavour, pull);
        let mut changes = vec![Change::Stored { key: key.clone(), content, at: self.now }];
        changes.extend(self.use_of(&subject, key, Origin::Downloaded));
        changes
    }

    pub(super) fn hit(&self, subject: &Subject<'_>, key: &ModuleKey) -> Vec<Change> {
        self.use_of(subject, key, Origin::Hit)
    }

    fn use_of(&self, subject: &Subject<'_>, key: &ModuleKey, origin: Origin) -> Vec<Change> {
        let mut changes = vec![Change::Used { key: key.clone(), at: self.now }];
        let tagged = || Change::Tagged { url: subject.url.clone(), checksum: key.checksum.clone() };
        let referenced = || Change::Referenced { key: key.clone(), url: subject.url.clone() };
        match (subject.rules.tag_scope, subject.is_tagged(), origin) {
            // A hit writes the entry but not the reference, which the entry then outlives.
            (TagScope::Shared, true, Origin::Hit | Origin::Adopted) => {
                changes.extend([tagged(), subject.version()]);
            }
            (TagScope::Shared, true, Origin::Downloaded) => {
                changes.extend([tagged(), subject.version(), referenced()]);
            }
            (TagScope::Resource, true, Origin::Adopted | Origin::Downloaded) => {
                changes.extend([tagged(), referenced(), subject.runs(key)]);
            }
            (TagScope::Resource, ..) => changes.push(subject.runs(key)),
            (TagScope::Shared, false, _) => {}
        }
        changes
    }
}

/// Whether what was found is what was asked for.
fn compare(subject: &Subject<'_>, expected: &Digest, found: &Found) -> Arrival {
    let is_root = subject.rules.pins == Pins::ManifestOrIndex && found.root.as_ref() == Some(expected);
    if is_root || found.manifest == *expected {
        Arrival::Wanted { key: subject.key(expected.clone()) }
    } else {
        Arrival::Mismatch { expected: expected.clone(), found: found.manifest.clone() }
    }
}

impl Found {
    /// A manifest, or the module of a web server's file.
    pub fn new(manifest: Digest) -> Self {
        Self { manifest, root: None }
    }
}

impl Subject<'_> {
    pub(super) fn version(&self) -> Change {
        let Pull { resource, version, .. } = self.pull;
        Change::Version { url: self.url.clone(), resource: resource.clone(), version: version.clone() }
    }

    fn runs(&self, key: &ModuleKey) -> Change {
        let Pull { resource, version, .. } = self.pull.clone();
        Change::Runs { resource, version, url: self.url.clone(), key: key.clone() }
    }
}
