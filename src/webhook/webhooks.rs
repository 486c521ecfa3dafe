use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::deliverer::Deliverer;
use super::metrics::Outcome;
use super::receiver::{Failure, Receiver};
use super::{Config, DeadLetter, Error, OpenError, Undelivered, WebhookMetrics, WebhookStatus};
use crate::storage::{self, Store, WebhookState};

/// The configured webhooks. Cheap to clone; the clones share everything.
#[derive(Clone)]
pub struct Webhooks {
    store: Store,
    receivers: Arc<[Arc<Receiver>]>,
    /// Where each of them stood when they were opened.
    begins: Arc<[WebhookState]>,
    metrics: WebhookMetrics,
}

impl Webhooks {
    /// The webhooks of `config` over the events in `store`. One whose name is new begins behind the newest event; one that
    /// comes back goes on where it was.
    ///
    /// # Errors
    /// Where a secret cannot be read, and where the store does not answer.
    pub async fn open(store: Store, config: &Config) -> Result<Self, OpenError> {
        let opened = config.entries().iter().map(|entry| Receiver::open(entry).map(Arc::new));
        let receivers: Arc<[_]> = opened.collect::<Result<_, _>>()?;
        let mut begins = Vec::new();
        for receiver in receivers.iter() {
            begins.push(store.ensure_webhook(&receiver.entry.name).await?);
        }
        Ok(Self { store, receivers, begins: begins.into(), metrics: WebhookMetrics::default() })
    }

    /// No webhooks, for who serves `store` only for a moment: events wait for a server that stays.
    pub fn none(store: Store) -> Self {
        Self { store, receivers: Arc::default(), begins: Arc::default(), metrics: WebhookMetrics::default() }
    }

    /// What is counted of them.
    pub fn metrics(&self) -> &WebhookMetrics {
        &self.metrics
    }

    /// Delivers, each webhook in a task of its own, until `stopped`. To be run once.
    pub async fn run(self, stopped: CancellationToken) {
        let mut deliverers = JoinSet::new();
        for (receiver, state) in self.receivers.iter().zip(self.begins.iter()) {
            let (store, metrics) = (self.store.clone(), self.metrics.clone());
            let deliverer = Deliverer::new(store, Arc::clone(receiver), metrics, state.clone());
            deliverers.spawn(deliverer.run(stopped.clone()));
        }
        // One fails only by a panic, which has been reported; the others go on.
        while deliverers.join_next().await.is_some() {}
    }

    /// How each of them does, in the order of the configuration.
    pub async fn list(&self) -> storage::Result<Vec<WebhookStatus>> {
        if self.receivers.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.list_webhooks().await?;
        // Read after the cursors, none of which is then beyond it.
        let newest = self.store.event_range().await?.newest;
        let status = |receiver: &Arc<Receiver>| {
            let row = rows.iter().find(|row| row.state.name == receiver.entry.name)?;
            Some(WebhookStatus::new(&receiver.entry, row, newest))
        };
        Ok(self.receivers.iter().filter_map(status).collect())
    }

    /// Brings up to date what [`Webhooks::metrics`] say of waiting events.
    pub async fn measure(&self) -> storage::Result<()> {
        for status in self.list().await? {
            self.metrics.set_pending(&status.name, status.pending);
        }
        Ok(())
    }

    /// What the webhook has given up on behind the dead letter numbered `after`, oldest first, at most `limit`.
    pub async fn dead_letters(&self, name: &str, after: u64, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        self.receiver(name)?;
        Ok(self.store.list_dead_letters(name, after, limit).await?)
    }

    /// Delivers a dead letter's event once more, now; on success the letter is gone. The inner outcome is the receiver's.
    pub async fn retry(&self, name: &str, id: u64) -> Result<Result<(), Failure>, Error> {
        let receiver = self.receiver(name)?;
        let found = self.store.list_dead_letters(name, id.saturating_sub(1), 1).await?;
        let found = found.into_iter().find(|letter| letter.id == id).ok_or(Error::DeadLetterUnknown(id))?;
        let Undelivered::Event(event) = found.letter.content else {
            return Err(Error::NothingToDeliver(id));
        };
        let outcome = receiver.send(&event).await;
        match &outcome {
            Ok(()) => self.store.delete_dead_letter(name, id).await.map(drop)?,
            Err(failure) => self.store.note_dead_letter_attempt(name, id, &failure.to_string()).await?,
        }
        let counted = if outcome.is_ok() { Outcome::Delivered } else { Outcome::Failed };
        self.metrics.attempted(name, counted);
        Ok(outcome)
    }

    /// Forgets a dead letter.
    pub async fn forget(&self, name: &str, id: u64) -> Result<(), Error> {
        self.receiver(name)?;
        let was_there = self.store.delete_dead_letter(name, id).await?;
        if was_there { Ok(()) } else { Err(Error::DeadLetterUnknown(id)) }
    }

    fn receiver(&self, name: &str) -> Result<&Arc<Receiver>, Error> {
        let mut receivers = self.receivers.iter();
        receivers.find(|receiver| receiver.entry.name == name).ok_or(Error::WebhookUnknown)
    }
}
