use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;

use super::envoy_status::{
    EnvoyStatus, Rejection, ResourceState, ResourceStatus, Service, Transition, Variant,
};
use super::limits::{Limits, cut};
use super::resource::Version;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The Envoys that are connected, and for a while those that were. Envoys that give the same node id are one
/// here. Clones are the same list.
#[derive(Clone)]
pub struct Envoys {
    known: Arc<Mutex<BTreeMap<String, Record>>>,
    /// Whether any Envoy ever refused anything: as long as none did, nobody needs to look.
    has_refused: Arc<AtomicBool>,
    /// Told of each refusal.
    refusal: Arc<Notify>,
    limits: Arc<Limits>,
    clock: Clock,
}

/// One Envoy.
struct Record {
    cluster: String,
    service: Service,
    variant: Variant,
    streams: usize,
    connected_at: SystemTime,
    gone_at: Option<SystemTime>,
    resources: BTreeMap<Arc<str>, Held>,
}

/// What it has of one resource.
struct Held {
    status: ResourceStatus,
    /// The content that it refused last, and how many times in a row.
    refused: Option<(Version, u32)>,
}

/// One stream of an Envoy: the Envoy counts as connected until this is dropped.
pub(super) struct Presence {
    envoys: Envoys,
    node_id: String,
}

/// Who opens a stream.
pub(super) struct Newcomer<'a> {
    pub(super) node_id: &'a str,
    pub(super) cluster: &'a str,
    pub(super) service: Service,
    pub(super) variant: Variant,
}

impl Envoys {
    /// None yet. What is remembered is bounded by `limits`.
    pub fn new(limits: &Limits, clock: Clock) -> Self {
        Self {
            known: Arc::default(),
            has_refused: Arc::default(),
            refusal: Arc::default(),
            limits: Arc::new(limits.clone()),
            clock,
        }
    }

    /// All of them, by node id.
    pub fn list(&self) -> Vec<EnvoyStatus> {
        let now = (self.clock)();
        let mut known = self.lock();
        forget_the_gone(&mut known, &self.limits, now);
        known.iter().map(|(node_id, record)| record.status(node_id)).collect()
    }

    /// What connected Envoys refuse, in a sentence for each resource.
    pub(in crate::agent) fn refusals(&self) -> BTreeMap<Arc<str>, String> {
        if !self.has_refused.load(Ordering::Relaxed) {
            return BTreeMap::new();
        }
        let mut refusals: BTreeMap<Arc<str>, (usize, String)> = BTreeMap::new();
        let known = self.lock();
        for (name, held) in
            known.values().filter(|record| record.streams > 0).flat_map(|record| &record.resources)
        {
            let rejection = held.status.rejected.as_deref();
            if let Some(rejection) = rejection.filter(|_| held.status.state == ResourceState::Rejected) {
                let entry = refusals.entry(Arc::clone(name)).or_insert_with(|| (0, rejection.reason.clone()));
                entry.0 += 1;
            }
        }
        let sentence = |(count, reason): (usize, String)| {
            let envoys = if count == 1 {
                "an Envoy refuses it".to_owned()
            } else {
                format!("{count} Envoys refuse it")
            };
            format!("{envoys}: {reason}")
        };
        refusals.into_iter().map(|(name, refusal)| (name, sentence(refusal))).collect()
    }

    /// Completes once an Envoy has refused something since the last time. For one listener.
    pub(in crate::agent) async fn refuse(&self) {
        self.refusal.notified().await;
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.lock().values().filter(|record| record.streams > 0).count()
    }

    pub(super) fn join(&self, newcomer: &Newcomer<'_>) -> Presence {
        let now = (self.clock)();
        let node_id = cut(newcomer.node_id, self.limits.node_bytes).to_owned();
        let mut known = self.lock();
        forget_the_gone(&mut known, &self.limits, now);
        let record = known.entry(node_id.clone()).or_insert_with(|| Record::of(newcomer, now));
        cut(newcomer.cluster, self.limits.node_bytes).clone_into(&mut record.cluster);
        (record.service, record.variant) = (newcomer.service, newcomer.variant);
        if record.streams == 0 {
            record.connected_at = now;
        }
        record.streams += 1;
        record.gone_at = None;
        Presence { envoys: self.clone(), node_id }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        // Every change is whole at each step, so what a panic left behind is still true.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those that have been gone for too long, and the longest gone of too many.
fn forget_the_gone(known: &mut BTreeMap<String, Record>, limits: &Limits, now: SystemTime) {
    known.retain(|_, record| {
        record.gone_at.is_none_or(|at| now.duration_since(at).is_ok_and(|gone| gone < limits.remember))
    });
    let mut gone: Vec<SystemTime> = known.values().filter_map(|record| record.gone_at).collect();
    if let Some(excess) = gone.len().checked_sub(limits.max_gone_envoys).filter(|excess| *excess > 0) {
        gone.sort_unstable();
        let last_forgotten = gone[excess - 1];
        known.retain(|_, record| record.gone_at.is_none_or(|at| at > last_forgotten));
    }
}

impl Presence {
    /// How many times in a row the Envoy refused this content, if it is the last that it refused.
    pub(super) fn refusals(&self, name: &str, version: &Version) -> u32 {
        let known = self.envoys.lock();
        let held = known.get(&self.node_id).and_then(|record| record.resources.get(name));
        let refused = held.and_then(|held| held.refused.as_ref());
        refused.filter(|(refused, _)| refused == version).map_or(0, |(_, times)| *times)
    }

    pub(super) fn sent(&self, name: &Arc<str>, version: &Arc<str>) {
        self.change(name, |status, now| {
            status.sent = Some(Transition { version: Arc::clone(version), at: now });
            status.state = ResourceState::Sent;
        });
    }

    /// The Envoy runs this version: it says so, or has taken it.
    pub(super) fn accepted(&self, name: &Arc<str>, version: &Arc<str>) {
        self.change(name, |status, now| {
            status.accepted = Some(Transition { version: Arc::clone(version), at: now });
            status.state = ResourceState::Accepted;
        });
    }

    pub(super) fn rejected(&self, name: &Arc<str>, version: &Arc<str>, reason: &str) {
        let reason = cut(reason, self.envoys.limits.reason_bytes);
        tracing::warn!(envoy = ?self.node_id, resource = %name, %version, ?reason, "an Envoy refused a plugin");
        self.envoys.has_refused.store(true, Ordering::Relaxed);
        self.change(name, |status, now| {
            status.rejected = Some(Box::new(Rejection {
                version: Arc::clone(version),
                at: now,
                reason: reason.to_owned(),
            }));
            status.state = ResourceState::Rejected;
        });
        let content = Version::sent_as(version);
        if let Some(held) = self.record(&mut self.envoys.lock()).resources.get_mut(name) {
            let before = held.refused.take().filter(|(refused, _)| *refused == content);
            held.refused = Some((content, before.map_or(0, |(_, times)| times).saturating_add(1)));
        }
        self.envoys.refusal.notify_one();
    }

    /// The Envoy says that it has nothing of that name: whatever it ran, ran before it was started anew.
    pub(super) fn has_nothing(&self, name: &str) {
        if let Some(held) = self.record(&mut self.envoys.lock()).resources.get_mut(name) {
            held.status.accepted = None;
        }
    }

    /// The Envoy asks for that name no longer.
    pub(super) fn forget(&self, name: &str) {
        self.record(&mut self.envoys.lock()).resources.remove(name);
    }

    fn change(&self, name: &Arc<str>, change: impl FnOnce(&mut ResourceStatus, SystemTime)) {
        let now = (self.envoys.clock)();
        let mut known = self.envoys.lock();
        let record = self.record(&mut known);
        let held = record.resources.entry(Arc::clone(name)).or_insert_with(|| Held::of(name));
        change(&mut held.status, now);
    }

    fn record<'a>(&self, known: &'a mut BTreeMap<String, Record>) -> &'a mut Record {
        known.get_mut(&self.node_id).expect("an Envoy with an open stream is never forgotten")
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let now = (self.envoys.clock)();
        let mut known = self.envoys.lock();
        let record = self.record(&mut known);
        record.streams -= 1;
        record.gone_at = (record.streams == 0).then_some(now);
        forget_the_gone(&mut known, &self.envoys.limits, now);
    }
}

impl Record {
    fn of(newcomer: &Newcomer<'_>, now: SystemTime) -> Self {
        Self {
            cluster: String::new(),
            service: newcomer.service,
            variant: newcomer.variant,
            streams: 0,
            connected_at: now,
            gone_at: None,
            resources: BTreeMap::new(),
        }
    }

    fn status(&self, node_id: &str) -> EnvoyStatus {
        EnvoyStatus {
            node_id: node_id.to_owned(),
            cluster: self.cluster.clone(),
            service: self.service,
            variant: self.variant,
            streams: self.streams,
            connected_at: self.connected_at,
            gone_at: self.gone_at,
            resources: self.resources.values().map(|held| held.status.clone()).collect(),
        }
    }
}

impl Held {
    fn of(name: &Arc<str>) -> Self {
        let name = Arc::clone(name);
        let status =
            ResourceStatus { name, state: ResourceState::Sent, sent: None, accepted: None, rejected: None };
        Self { status, refused: None }
    }
}

impl fmt::Debug for Envoys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envoys").field("connected", &self.connected()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_status_reads_as_json() {
        let clock: Clock = Arc::new(|| SystemTime::UNIX_EPOCH + Duration::from_hours(24));
        let envoys = Envoys::new(&Limits::default(), clock);
        let (service, variant) = (Service::Ads, Variant::Delta);
        let presence = envoys.join(&Newcomer { node_id: "gateway-1", cluster: "gateways", service, variant });
        let name: Arc<str> = "ns.p".into();
        presence.sent(&name, &"1111".into());
        presence.accepted(&name, &"1111".into());
        presence.sent(&name, &"2222".into());
        presence.rejected(&name, &"2222".into(), "Unable to create Wasm plugin p");
        insta::assert_snapshot!(serde_json::to_string_pretty(&envoys.list()).unwrap(), @r#"
        [
          {
            "nodeId": "gateway-1",
            "cluster": "gateways",
            "service": "ads",
            "variant": "delta",
            "streams": 1,
            "connectedAt": "1970-01-02T00:00:00Z",
            "goneAt": null,
            "resources": [
              {
                "name": "ns.p",
                "state": "rejected",
                "sent": {
                  "version": "2222",
                  "at": "1970-01-02T00:00:00Z"
                },
                "accepted": {
                  "version": "1111",
                  "at": "1970-01-02T00:00:00Z"
                },
                "rejected": {
                  "version": "2222",
                  "at": "1970-01-02T00:00:00Z",
                  "reason": "Unable to create Wasm plugin p"
                }
              }
            ]
          }
        ]
        "#);
        drop(presence);
        assert_eq!(envoys.list()[0].gone_at, Some(envoys.list()[0].connected_at));
    }

    #[test]
    fn streams_of_one_node_are_one_envoy() {
        let envoys = Envoys::new(&Limits::default(), Arc::new(SystemTime::now));
        let newcomer = Newcomer { node_id: "n", cluster: "", service: Service::Ecds, variant: Variant::Sotw };
        let (first, second) = (envoys.join(&newcomer), envoys.join(&newcomer));
        assert_eq!((envoys.connected(), envoys.list()[0].streams), (1, 2));
        drop(first);
        assert_eq!((envoys.list()[0].streams, envoys.list()[0].gone_at), (1, None));
        drop(second);
        assert_eq!(envoys.connected(), 0);
    }
}
