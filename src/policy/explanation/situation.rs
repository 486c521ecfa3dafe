use std::fmt;

use serde::{Serialize, Serializer};

use crate::plugin::{ModuleUrl, PullPolicy};
use crate::policy::decision::{Moment, Pull};
use crate::policy::simulation::{Endpoint, Event, FakeImage, Simulation, Step};

use super::Question;

/// Something that happens to a resource after its module was pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Situation {
    /// Nothing is cached.
    FirstPull,
    /// The resource is delivered again as it was.
    SameVersion,
    /// It is delivered in a new version.
    NewVersion,
    /// The tag moved, or the file was replaced; the resource is as it was.
    MovedSameVersion,
    /// It moved, and the resource has a new version.
    MovedNewVersion,
    /// It moved, and another resource names the same URL for the first time.
    OtherResource,
    /// It moved, another resource pulled it under `Always`, and this one is as it was.
    OtherResourcePulled,
    /// It moved, and agent and gateway start anew.
    Restart,
    /// It moved, and no delivery named the module for longer than the cache keeps it.
    Idle,
    /// It moved, the resource has a new version, and the registry fails.
    RegistryFails,
    /// The same, delivered once more when the registry works again.
    RegistryIsBack,
    /// It moved, and the resource never had a version.
    NoVersion,
    /// The tag shared its digest with one pulled before; nobody named either for too long, and it moved.
    SharedDigest,
    /// The digest is that of an index.
    IndexDigest,
}

impl Situation {
    /// Every situation, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::FirstPull,
        Self::SameVersion,
        Self::NewVersion,
        Self::MovedSameVersion,
        Self::MovedNewVersion,
        Self::OtherResource,
        Self::OtherResourcePulled,
        Self::Restart,
        Self::Idle,
        Self::RegistryFails,
        Self::RegistryIsBack,
        Self::NoVersion,
        Self::SharedDigest,
        Self::IndexDigest,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstPull => "first-pull",
            Self::SameVersion => "same-version",
            Self::NewVersion => "new-version",
            Self::MovedSameVersion => "moved-same-version",
            Self::MovedNewVersion => "moved-new-version",
            Self::OtherResource => "other-resource",
            Self::OtherResourcePulled => "other-resource-pulled",
            Self::Restart => "restart",
            Self::Idle => "idle",
            Self::RegistryFails => "registry-fails",
            Self::RegistryIsBack => "registry-is-back",
            Self::NoVersion => "no-version",
            Self::SharedDigest => "shared-digest",
            Self::IndexDigest => "index-digest",
        }
    }

    /// Plays it; none where it cannot come about with this URL.
    pub(super) fn play(self, question: &Question) -> Option<Step> {
        let script = Script::new(question, self == Self::IndexDigest)?;
        let (before, last) = script.events(self)?;
        let mut simulation = Simulation::new(question.flavour);
        simulation.run(script.serve(&script.old));
        for event in before {
            simulation.run(event);
        }
        Some(simulation.deliver(&last))
    }
}

/// The URL, and the images it leads to before and after it moved.
pub(super) struct Script<'a> {
    question: &'a Question,
    pub(super) old: FakeImage,
    pub(super) new: FakeImage,
}

impl<'a> Script<'a> {
    /// The images are such that the digests asked for are those of the old one, or of its index.
    pub(super) fn new(question: &'a Question, pins_index: bool) -> Option<Self> {
        let image = question.url.image();
        let (in_url, given) = (question.url.digest(), question.sha256.as_ref());
        let mut old = FakeImage::of(b"old");
        match (image, in_url.or(given), pins_index) {
            (Some(_), Some(pin), true) => old.index = Some(pin.clone()),
            (_, _, true) => return None,
            (Some(_), Some(pin), false) => old.manifest = pin.clone(),
            (None, Some(pin), false) => old.content = pin.clone(),
            (_, None, false) => {}
        }
        Some(Self { question, old, new: FakeImage::of(b"new") })
    }

    /// What happens before the delivery that is looked at, and that delivery.
    fn events(&self, situation: Situation) -> Option<(Vec<Event>, Pull)> {
        let first = || Event::Deliver(self.pull("1"));
        let idle = || Event::Pass(Moment::EXPIRY + Moment::PURGE_INTERVAL);
        let moved = || self.serve(&self.new);
        Some(match situation {
            Situation::FirstPull | Situation::IndexDigest => (vec![], self.pull("1")),
            Situation::SameVersion => (vec![first()], self.pull("1")),
            Situation::NewVersion => (vec![first()], self.pull("2")),
            Situation::MovedSameVersion => (vec![first(), moved()], self.pull("1")),
            Situation::MovedNewVersion => (vec![first(), moved()], self.pull("2")),
            Situation::OtherResource => (vec![first(), moved()], self.other(self.question.policy)),
            Situation::OtherResourcePulled => {
                let other = Event::Deliver(Pull { sha256: None, ..self.other(PullPolicy::Always) });
                (vec![first(), moved(), other], self.pull("1"))
            }
            Situation::Restart => (vec![first(), moved(), Event::Restart], self.pull("1")),
            Situation::Idle => (vec![first(), moved(), idle()], self.pull("1")),
            Situation::RegistryFails => (self.failing(), self.pull("2")),
            Situation::RegistryIsBack => {
                let mut events = self.failing();
                events.extend([Event::Deliver(self.pull("2")), Event::Fail(None)]);
                (events, self.pull("2"))
            }
            Situation::NoVersion => (vec![Event::Deliver(self.pull("")), moved()], self.pull("")),
            Situation::SharedDigest => {
                let twin = self.twin()?;
                let served = Event::Serve(twin.clone(), self.old.clone());
                let pulled = Event::Deliver(Pull { url: twin, ..self.other(self.question.policy) });
                (vec![served, pulled, first(), idle(), moved()], self.pull("1"))
            }
        })
    }

    /// The first pull, the move, and a registry that fails.
    fn failing(&self) -> Vec<Event> {
        let failing = Event::Fail(Some(Endpoint::Ping));
        vec![Event::Deliver(self.pull("1")), self.serve(&self.new), failing]
    }

    fn serve(&self, image: &FakeImage) -> Event {
        Event::Serve(self.question.url.clone(), image.clone())
    }

    fn pull(&self, version: &str) -> Pull {
        let Question { url, sha256, policy, .. } = self.question.clone();
        Pull { url, sha256, policy, resource: "asked".to_owned(), version: version.to_owned() }
    }

    fn other(&self, policy: PullPolicy) -> Pull {
        Pull { resource: "other".to_owned(), policy, ..self.pull("1") }
    }

    /// Another tag of the same repository, if this URL has a tag that counts.
    fn twin(&self) -> Option<ModuleUrl> {
        let image = self.question.url.image().filter(|image| image.digest.is_none())?;
        let tag = if image.tag.as_ref().is_some_and(|tag| tag.as_str() == "twin") { "other" } else { "twin" };
        let pinned = self.question.sha256.is_some();
        let url = format!("oci://{}/{}:{tag}", image.registry, image.repository);
        if pinned { None } else { url.parse().ok() }
    }
}

/// The situation, for a table.
impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FirstPull => "first pull",
            Self::SameVersion => "same version",
            Self::NewVersion => "new version",
            Self::MovedSameVersion => "moved, same version",
            Self::MovedNewVersion => "moved, new version",
            Self::OtherResource => "moved, another resource",
            Self::OtherResourcePulled => "moved, another has pulled",
            Self::Restart => "moved, restart",
            Self::Idle => "moved, idle for a day",
            Self::RegistryFails => "moved, registry fails",
            Self::RegistryIsBack => "registry back, same version",
            Self::NoVersion => "moved, no version at all",
            Self::SharedDigest => "two tags, idle, moved",
            Self::IndexDigest => "the digest is an index's",
        })
    }
}

impl Serialize for Situation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
