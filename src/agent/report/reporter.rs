use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::said::Said;
use crate::agent::{Puller, StatusReader};
use crate::client::{self, ErrorKind};
use crate::oci::RegistryHost;

/// How often there is a look whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long what is told counts.
const LEASE: Duration = Duration::from_mins(1);
/// How often it is told again though nothing has changed.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// When a registry that does not want to know is asked again: it may have been replaced by one that does.
const ASK_AGAIN_AFTER: Duration = Duration::from_mins(10);
/// How long telling may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells registries like ours how the agent is doing.
pub struct Reporter {
    puller: Arc<Puller>,
    /// What the agent calls its node.
    id: String,
    watches: bool,
    status: StatusReader,
    told: BTreeMap<RegistryHost, Told>,
}

/// What a registry was told last.
struct Told {
    said: Said,
    /// When to say it again.
    due: Instant,
    /// Whether it does not want to know.
    is_deaf: bool,
}

impl Reporter {
    /// A reporter for the agent `id`, which has told nobody yet.
    pub fn new(puller: Arc<Puller>, id: String, watches: bool, status: StatusReader) -> Self {
        Self { puller, id, watches, status, told: BTreeMap::new() }
    }

    /// Reports until `shutdown` completes. What was told last then counts until its lease ends.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut looking = interval(LOOK_EVERY);
        looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                _ = looking.tick() => {}
            }
            tokio::select! {
                () = &mut shutdown => return,
                () = self.tell() => {}
            }
        }
    }

    /// Tells each registry what it has not been told, or not for a while.
    async fn tell(&mut self) {
        let all = Said::to_each(&self.status, self.watches, LEASE.as_secs());
        self.told.retain(|host, _| all.contains_key(host));
        let now = Instant::now();
        let due: Vec<_> = all.into_iter().filter(|(host, said)| self.is_due(host, said, now)).collect();
        let telling = due.into_iter().map(async |(host, said)| {
            let outcome = timeout(PATIENCE, self.puller.report(&host, &self.id, &said)).await;
            (host, said, outcome)
        });
        for (host, said, outcome) in join_all(telling).await {
            let is_deaf = matches!(&outcome, Ok(Err(error)) if does_not_want(error));
            if let Ok(Err(error)) = &outcome {
                tracing::debug!(registry = %host, %error, "a registry was not told how the agent is doing");
            }
            let due = Instant::now() + if is_deaf { ASK_AGAIN_AFTER } else { RENEW_EVERY };
            self.told.insert(host, Told { said, due, is_deaf });
        }
    }

    fn is_due(&self, host: &RegistryHost, said: &Said, now: Instant) -> bool {
        self.told.get(host).is_none_or(|told| now >= told.due || (told.said != *said && !told.is_deaf))
    }
}

/// Whether the registry answers, and has no use for it.
fn does_not_want(error: &client::Error) -> bool {
    match error {
        client::Error::Refused(refusal) => (400..500).contains(&refusal.status) && refusal.status != 429,
        error => error.kind() != ErrorKind::Network,
    }
}
