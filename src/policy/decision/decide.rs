use std::time::SystemTime;

use crate::oci::{Algorithm, Digest};
use crate::plugin::{EffectivePolicy, ModuleSource};

use super::rules::{EmptyVersion, Pins, Remembered, SecondLookup, TagScope, VersionRecorded};
use super::subject::Subject;
use super::{Change, Flavour, Knowledge, ModuleKey, PolicyReason, Pull, Reason, TagEntry};

/// An agent at one moment: who it is, what it knows, and what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Whose rules are followed.
    pub flavour: Flavour,
    /// What it knows.
    pub known: &'a Knowledge,
    /// The time.
    pub now: SystemTime,
}

/// What to do about a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What to remember at once, before anything is fetched.
    pub changes: Vec<Change>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: the module is a file in the proxy's container.
    Local,
    /// Use the module that is there. No request.
    Hit {
        /// Under what it is found.
        key: ModuleKey,
        /// The sha256 of the module itself.
        content: Digest,
    },
    /// Ask for the manifest; the layer only if [`Moment::arrived`] says that the module is not there.
    Resolve,
    /// Bring the module: manifest and layer, or the file of a web server.
    Fetch {
        /// The checksum it must have.
        expects: Option<Digest>,
    },
    /// Give up without a request.
    Refuse,
}

/// The checksum to look for, or why there is none.
enum Wanted {
    Pinned(Digest),
    Remembered(Digest, Reason),
    Unknown(Reason),
}

impl Moment<'_> {
    /// What to do about a delivery, and why.
    pub fn decide(&self, pull: &Pull) -> Decision {
        let subject = Subject::new(self.flavour, pull);
        if matches!(pull.url.source(), ModuleSource::File(_)) {
            return Decision { action: Action::Local, reason: Reason::Local, changes: Vec::new() };
        }
        let (wanted, mut changes) = self.wanted(&subject);
        let (action, reason) = match wanted {
            Wanted::Pinned(pin) => self.pinned(&subject, pin),
            Wanted::Remembered(checksum, reason) => self.remembered(&subject, checksum, reason),
            Wanted::Unknown(reason) => (unknown(&subject), reason),
        };
        if let Action::Hit { key, .. } = &action {
            changes.extend(self.hit(&subject, key));
        }
        Decision { action, reason, changes }
    }

    /// The policy that is in effect for a pull, and why.
    pub fn policy(flavour: Flavour, pull: &Pull) -> (EffectivePolicy, PolicyReason) {
        let subject = Subject::new(flavour, pull);
        (subject.policy, PolicyReason::of(pull, subject.rules.untagged))
    }

    /// The URL as it is remembered: with its scheme, and with the tag that the agent adds.
    pub fn url(flavour: Flavour, pull: &Pull) -> String {
        Subject::new(flavour, pull).url
    }

    fn wanted(&self, subject: &Subject<'_>) -> (Wanted, Vec<Change>) {
        if let Some(pin) = &subject.pin {
            return (Wanted::Pinned(pin.clone()), Vec::new());
        }
        match subject.rules.tag_scope {
            TagScope::Shared => self.wanted_by_url(subject),
            TagScope::Resource => (self.wanted_by_resource(subject), Vec::new()),
        }
    }

    /// All resources of a URL share what it stands for.
    fn wanted_by_url(&self, subject: &Subject<'_>) -> (Wanted, Vec<Change>) {
        let Some(entry) = self.known.tag(&subject.url) else {
            return (Wanted::Unknown(Reason::FirstPull), Vec::new());
        };
        let recorded = entry.versions.get(&subject.pull.resource);
        let wanted = decided_by(subject, recorded, &entry.checksum);
        let changes = match subject.rules.version_recorded {
            VersionRecorded::BeforeFetch => vec![subject.version()],
            VersionRecorded::AfterSuccess => Vec::new(),
        };
        (wanted, changes)
    }

    /// A resource keeps what it got by the same URL; a newcomer takes what the URL stands for, unless it is
    /// to ask.
    fn wanted_by_resource(&self, subject: &Subject<'_>) -> Wanted {
        let own = self.known.resource(&subject.pull.resource).filter(|used| used.url == subject.url);
        match (own, self.known.tag(&subject.url)) {
            (Some(own), _) => decided_by(subject, Some(&own.version), &own.key.checksum),
            (None, Some(TagEntry { checksum, .. })) => decided_by(subject, None, checksum),
            (None, None) => Wanted::Unknown(Reason::FirstPull),
        }
    }

    fn pinned(&self, subject: &Subject<'_>, pin: Digest) -> (Action, Reason) {
        if subject.rules.pins == Pins::Manifest && pin.algorithm() != Algorithm::Sha256 {
            return (Action::Refuse, Reason::UnsupportedDigest);
        }
        match self.lookup(subject, &pin) {
            Some(hit) => (hit, Reason::PinnedPresent),
            None => (Action::Fetch { expects: Some(pin) }, Reason::PinnedAbsent),
        }
    }

    fn remembered(&self, subject: &Subject<'_>, checksum: Digest, reason: Reason) -> (Action, Reason) {
        if let Some(hit) = self.lookup(subject, &checksum) {
            return (hit, reason);
        }
        match subject.rules.remembered {
            Remembered::Expected => (Action::Fetch { expects: Some(checksum) }, Reason::ModuleGone),
            Remembered::Trusted => (Action::Refuse, Reason::LeftoverEntry),
            Remembered::Hint => (unknown(subject), Reason::ModuleGone),
        }
    }

    fn lookup(&self, subject: &Subject<'_>, checksum: &Digest) -> Option<Action> {
        let key = subject.key(checksum.clone());
        let content = self.known.module(&key)?.content.clone();
        Some(Action::Hit { key, content })
    }
}

/// Whether the policy is content with what is remembered.
fn decided_by(subject: &Subject<'_>, recorded: Option<&String>, checksum: &Digest) -> Wanted {
    let remembered = |reason| Wanted::Remembered(checksum.clone(), reason);
    let version = subject.pull.version.as_str();
    match (subject.policy, version.is_empty(), recorded) {
        (EffectivePolicy::IfNotPresent | EffectivePolicy::Pinned | EffectivePolicy::Local, ..) => {
            remembered(Reason::Present)
        }
        (EffectivePolicy::Always, true, _) if subject.rules.empty_version == EmptyVersion::New => {
            Wanted::Unknown(Reason::NoVersionIsNew)
        }
        (EffectivePolicy::Always, true, None) => remembered(Reason::NoVersionIsKnown),
        (EffectivePolicy::Always, _, Some(seen)) if seen == version => remembered(Reason::SameVersion),
        (EffectivePolicy::Always, _, Some(_)) => Wanted::Unknown(Reason::NewVersion),
        (EffectivePolicy::Always, false, None) => Wanted::Unknown(Reason::FirstOfResource),
    }
}

/// What to do when nothing says which module it is. A web server tells no digest before the body, so there is
/// nothing to resolve.
fn unknown(subject: &Subject<'_>) -> Action {
    match (subject.pull.url.source(), subject.rules.second_lookup) {
        (ModuleSource::Oci(_), SecondLookup::AfterManifest) => Action::Resolve,
        _ => Action::Fetch { expects: None },
    }
}
