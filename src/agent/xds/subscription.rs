use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use super::Snapshot;
use super::envoys::Presence;
use super::limits::cut;
use super::resource::{Encoded, Version};
use super::session::Shared;

/// What is kept of a version that an Envoy brings along. Ours are shorter.
const MAX_VERSION_BYTES: usize = 64;

/// What one stream asks for, and how far it was answered. Of each name one version is under way at a time, so a client
/// that never acknowledges costs nothing.
pub(super) struct Subscription {
    presence: Presence,
    shared: Shared,
    wanted: BTreeMap<Arc<str>, Wanted>,
    /// A digest of the list of names that was read last.
    listed: Option<u64>,
    /// The names whose resource is to be sent.
    due: BTreeSet<Arc<str>>,
    last_nonce: u64,
    snapshot: Arc<Snapshot>,
}

/// What the Envoy has of a name when it asks for it.
pub(super) enum Possession {
    /// Nothing: it was started anew, or its filter was.
    Nothing,
    /// Something, it does not say what; whatever it refused, it refused from this server.
    Unknown,
    /// Something that another run of the server sent. What it refused then, nobody knows.
    Foreign,
    /// This version, from a stream before this one.
    Version(String),
}

/// A resource on its way.
pub(super) struct Delivery {
    pub(super) name: Arc<str>,
    pub(super) nonce: u64,
    pub(super) encoded: Encoded,
    /// Which run of the server sends it.
    pub(super) run: Arc<str>,
}

/// A name that is asked for.
struct Wanted {
    /// The room that the name takes.
    room: OwnedSemaphorePermit,
    /// Whether the Envoy may have refused what this server knows nothing of.
    is_foreign: bool,
    newest: Option<Sent>,
}

/// The newest version that the Envoy got.
struct Sent {
    /// The response's, or 0 for what it had before this stream.
    nonce: u64,
    content: Version,
    /// The version as it was sent.
    version: Arc<str>,
    attempt: u32,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The Envoy brought it along.
    Claimed,
    Unanswered,
    /// The answer was left out.
    Unknown,
    Accepted,
    Rejected,
}

impl Subscription {
    pub(super) fn new(presence: Presence, shared: Shared) -> Self {
        Self {
            presence,
            shared,
            wanted: BTreeMap::new(),
            listed: None,
            due: BTreeSet::new(),
            last_nonce: 0,
            snapshot: Arc::default(),
        }
    }

    /// Whether this list of names is another one than the last. An acknowledgement has the same list, and there is one
    /// for each of the names.
    pub(super) fn is_news(&mut self, names: &[String]) -> bool {
        let mut hash = DefaultHasher::new();
        names.hash(&mut hash);
        let listed = Some(hash.finish());
        std::mem::replace(&mut self.listed, listed) != listed
    }

    /// The names that are asked for.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.wanted.keys()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.wanted.contains_key(name)
    }

    /// Asks for a name. A name that is asked for again is sent again, as the protocol wants it of the delta variant.
    ///
    /// # Errors
    ///
    /// The name is too long, or one too many.
    pub(super) fn add(&mut self, name: &str, possession: Possession) -> Result<(), Status> {
        self.admit(name)?;
        // A name that is served is not kept once more for each stream.
        let known = self.snapshot.entry(name).map(|entry| Arc::clone(entry.resource.name()));
        let name: Arc<str> = known.unwrap_or_else(|| name.into());
        let room = match self.wanted.remove(&name) {
            Some(before) => before.room,
            None => self.take_room(&name)?,
        };
        let is_foreign = matches!(possession, Possession::Foreign | Possession::Version(_));
        let newest = match possession {
            Possession::Nothing => {
                self.presence.has_nothing(&name);
                None
            }
            Possession::Unknown | Possession::Foreign => None,
            Possession::Version(version) => Some(Sent::claimed(&version)),
        };
        self.wanted.insert(Arc::clone(&name), Wanted { room, is_foreign, newest });
        self.look_at(&name);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        if self.wanted.remove(name).is_some() {
            self.due.remove(name);
            self.presence.forget(name);
        }
    }

    /// Takes an ACK, or a NACK with its reason. A nonce that no answer is expected for says nothing: it comes along
    /// with every change of names, too.
    pub(super) fn answered(&mut self, nonce: &str, refusal: Option<&str>) {
        let Ok(nonce) = nonce.parse::<u64>() else { return };
        let mut unanswered = self.wanted.iter_mut().filter_map(|(name, wanted)| {
            let sent = wanted.newest.as_mut().filter(|sent| sent.outcome == Outcome::Unanswered)?;
            (sent.nonce == nonce).then_some((name, sent))
        });
        let Some((name, sent)) = unanswered.next() else { return };
        if let Some(reason) = refusal {
            sent.outcome = Outcome::Rejected;
            self.presence.rejected(name, &sent.version, reason);
        } else {
            sent.outcome = Outcome::Accepted;
            self.presence.accepted(name, &sent.version);
        }
        let mut answered = vec![Arc::clone(name)];
        answered.extend(self.unanswered_before(nonce));
        for name in answered {
            self.look_at(&name);
        }
    }

    /// A client answers in order, but of two responses it may answer the later one alone: nothing is to be expected for
    /// these any more.
    fn unanswered_before(&mut self, nonce: u64) -> Vec<Arc<str>> {
        let mut skipped = Vec::new();
        for (name, wanted) in &mut self.wanted {
            if let Some(sent) = wanted.newest.as_mut()
                && sent.outcome == Outcome::Unanswered
                && sent.nonce < nonce
            {
                sent.outcome = Outcome::Unknown;
                skipped.push(Arc::clone(name));
            }
        }
        skipped
    }

    /// Goes on with a newer snapshot.
    pub(super) fn adopt(&mut self, snapshot: &Arc<Snapshot>) {
        self.snapshot = Arc::clone(snapshot);
        let names: Vec<Arc<str>> = self.wanted.keys().cloned().collect();
        for name in names {
            self.look_at(&name);
        }
    }

    /// The next resource to send.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        loop {
            let name = self.due.pop_first()?;
            let snapshot = Arc::clone(&self.snapshot);
            let (Some(wanted), Some(entry)) = (self.wanted.get_mut(&name), snapshot.entry(&name)) else {
                continue;
            };
            let resource = &entry.resource;
            let encoded = match self.presence.refusals(&name, resource.version()) {
                0 if !wanted.is_foreign => resource.encoded(),
                refusals => resource.encoded_again(&format!("{}.{refusals}", self.shared.run)),
            };
            wanted.is_foreign = false;
            self.last_nonce += 1;
            wanted.newest = Some(Sent {
                nonce: self.last_nonce,
                content: resource.version().clone(),
                version: Arc::clone(&encoded.version),
                attempt: entry.attempt,
                outcome: Outcome::Unanswered,
            });
            self.presence.sent(resource.name(), &encoded.version);
            let run = Arc::clone(&self.shared.run);
            return Some(Delivery { name, nonce: self.last_nonce, encoded, run });
        }
    }

    /// A nonce for a response without a resource.
    pub(super) fn next_nonce(&mut self) -> u64 {
        self.last_nonce += 1;
        self.last_nonce
    }

    /// Puts a name on the list of those to be sent, or takes it off. While an answer is awaited it is not on the list:
    /// an Envoy that is busy with one version gets the newest next, and none of those between.
    fn look_at(&mut self, name: &Arc<str>) {
        let (Some(wanted), Some(entry)) = (self.wanted.get_mut(name), self.snapshot.entry(name)) else {
            self.due.remove(name);
            return;
        };
        let content = entry.resource.version();
        let is_due = match &mut wanted.newest {
            None => true,
            Some(sent) if sent.outcome == Outcome::Unanswered => false,
            Some(sent) if sent.content != *content => true,
            Some(sent) if sent.outcome == Outcome::Rejected => sent.attempt != entry.attempt,
            Some(sent) => {
                if sent.outcome == Outcome::Claimed {
                    sent.outcome = Outcome::Accepted;
                    self.presence.accepted(name, &sent.version);
                }
                false
            }
        };
        if is_due {
            self.due.insert(Arc::clone(name));
        } else {
            self.due.remove(name);
        }
    }

    fn admit(&self, name: &str) -> Result<(), Status> {
        let limit = self.shared.limits.max_name_bytes;
        if name.len() > limit {
            let length = name.len();
            return Err(Status::invalid_argument(format!(
                "a resource name of {length} bytes, expected at most {limit}"
            )));
        }
        Ok(())
    }

    fn take_room(&self, name: &str) -> Result<OwnedSemaphorePermit, Status> {
        let limit = self.shared.limits.max_names;
        if self.wanted.len() >= limit {
            return Err(Status::resource_exhausted(format!(
                "more than {limit} resource names on one stream"
            )));
        }
        let bytes = u32::try_from(name.len()).unwrap_or(u32::MAX);
        Arc::clone(&self.shared.room)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Status::resource_exhausted("all streams together ask for too many resource names"))
    }
}

impl Sent {
    fn claimed(version: &str) -> Self {
        let version: Arc<str> = cut(version, MAX_VERSION_BYTES).into();
        Self { nonce: 0, content: Version::sent_as(&version), version, attempt: 0, outcome: Outcome::Claimed }
    }
}
