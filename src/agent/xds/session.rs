use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::Node;
use tokio::sync::Semaphore;
use tonic::Status;

use super::envoys::Newcomer;
use super::subscription::{Delivery, Subscription};
use super::{EXTENSION_CONFIG, Envoys, Limits, Service, Snapshot, Variant};

/// One stream: what was asked on it, and what is to be said next. Both variants of the protocol read into it and write
/// from it.
pub(super) struct Session {
    pub(super) service: Service,
    variant: Variant,
    pub(super) shared: Shared,
    snapshot: Arc<Snapshot>,
    /// There is one from the first request on, which says whose stream it is.
    subscription: Option<Subscription>,
    /// The types that were asked for and are not served.
    other_types: BTreeSet<String>,
    /// Those of them that have not been answered yet.
    unanswered: VecDeque<String>,
}

/// What every session of a server shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) limits: Arc<Limits>,
    pub(super) envoys: Envoys,
    /// What all streams together may still ask for, in bytes.
    pub(super) room: Arc<Semaphore>,
    /// Names this run of the server. Envoys remember what an earlier one sent.
    pub(super) run: Arc<str>,
}

/// What a stream says next.
pub(super) enum Reply {
    /// A resource.
    Resource(Delivery),
    /// There are no resources of this type.
    Nothing { type_url: String, nonce: u64 },
}

impl Session {
    pub(super) fn new(shared: &Shared, service: Service, variant: Variant) -> Self {
        Self {
            service,
            variant,
            shared: shared.clone(),
            snapshot: Arc::default(),
            subscription: None,
            other_types: BTreeSet::new(),
            unanswered: VecDeque::new(),
        }
    }

    /// The subscription that a request for `type_url` is about, or none if it is about another type. The first
    /// request of a stream says whose it is.
    ///
    /// # Errors
    ///
    /// The type cannot be asked for on this service, or is one too many.
    pub(super) fn asked(
        &mut self,
        node: Option<&Node>,
        type_url: &str,
    ) -> Result<Option<&mut Subscription>, Status> {
        let is_served = match self.service {
            Service::Ecds if !matches!(type_url, "" | EXTENSION_CONFIG) => {
                return Err(Status::invalid_argument(format!("this service has only `{EXTENSION_CONFIG}`")));
            }
            Service::Ecds => true,
            Service::Ads if type_url.is_empty() => {
                return Err(Status::invalid_argument("a request without a type, expected a `type_url`"));
            }
            Service::Ads => type_url == EXTENSION_CONFIG,
        };
        if !is_served {
            self.note_other_type(type_url)?;
        }
        let subscription = self.joined(node);
        Ok(is_served.then_some(subscription))
    }

    /// Goes on with a newer snapshot.
    pub(super) fn adopt(&mut self, snapshot: Arc<Snapshot>) {
        if let Some(subscription) = &mut self.subscription {
            subscription.adopt(&snapshot);
        }
        self.snapshot = snapshot;
    }

    /// What is to be said next, if there is anything.
    pub(super) fn next(&mut self) -> Option<Reply> {
        let subscription = self.subscription.as_mut()?;
        if let Some(type_url) = self.unanswered.pop_front() {
            return Some(Reply::Nothing { type_url, nonce: subscription.next_nonce() });
        }
        subscription.next().map(Reply::Resource)
    }

    fn joined(&mut self, node: Option<&Node>) -> &mut Subscription {
        self.subscription.get_or_insert_with(|| {
            let newcomer = Newcomer {
                node_id: node.map_or("", |node| &node.id),
                cluster: node.map_or("", |node| &node.cluster),
                service: self.service,
                variant: self.variant,
            };
            let presence = self.shared.envoys.join(&newcomer);
            let mut subscription = Subscription::new(presence, self.shared.clone());
            subscription.adopt(&self.snapshot);
            subscription
        })
    }

    /// Envoy holds its start up for every type that it asks for, until an answer or a timeout of its own. So each one
    /// is answered, once: there is nothing of it, and never will be.
    fn note_other_type(&mut self, type_url: &str) -> Result<(), Status> {
        if self.other_types.contains(type_url) {
            return Ok(());
        }
        let limit = self.shared.limits.max_other_types;
        if self.other_types.len() >= limit || type_url.len() > self.shared.limits.max_name_bytes {
            return Err(Status::invalid_argument(format!(
                "more than {limit} types that are not served, or one with too long a name"
            )));
        }
        self.other_types.insert(type_url.to_owned());
        self.unanswered.push_back(type_url.to_owned());
        Ok(())
    }
}
