use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::{LONGEST_RETRY_AFTER, pause};
use super::metrics::Outcome;
use super::outage::Outage;
use super::receiver::{Failure, Receiver};
use super::{Event, EventKind, Undelivered, WebhookMetrics};
use crate::storage::{self, NewDeadLetter, Store, Timestamp, WebhookState};

/// How many events are read at a time.
const BATCH: u32 = 100;
/// How many dead letters each webhook keeps.
const DEAD_LETTERS: u32 = 1000;
/// How long to wait for a store that fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long an attempt may go on once the server stops: what it brings need not be sent again.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Delivers events to one receiver, one after the other.
pub(super) struct Deliverer {
    store: Store,
    receiver: Arc<Receiver>,
    metrics: WebhookMetrics,
    state: WebhookState,
    /// Events behind the cursor, as far as they have been read.
    queue: VecDeque<Event>,
    /// What has to be kept before anything else happens.
    unsaved: Option<Unsaved>,
    outage: Outage,
}

/// The state, and with it perhaps what was given up on.
#[derive(Default)]
struct Unsaved {
    dead: Option<NewDeadLetter>,
}

/// What there is to wait for.
enum Rest {
    Nothing,
    Time(Duration),
    Events,
}

impl Deliverer {
    pub(super) fn new(
        store: Store,
        receiver: Arc<Receiver>,
        metrics: WebhookMetrics,
        state: WebhookState,
    ) -> Self {
        let (queue, unsaved, outage) = (VecDeque::new(), None, Outage::default());
        Self { store, receiver, metrics, state, queue, unsaved, outage }
    }

    /// Delivers until `stopped`.
    pub(super) async fn run(mut self, stopped: CancellationToken) {
        let mut bell = self.store.watch_events(&EventKind::ALL);
        while !stopped.is_cancelled() {
            bell.mark_unchanged();
            let rest = self.advance(&stopped).await;
            tokio::select! {
                () = stopped.cancelled() => {}
                () = rest.over(&mut bell) => {}
            }
        }
        // What a last attempt brought.
        if let Err(error) = self.save().await {
            self.outage.note(&self.state.name, &error);
        }
    }

    /// Takes the next step, or says why there is none.
    async fn advance(&mut self, stopped: &CancellationToken) -> Rest {
        match self.step(stopped).await {
            Ok(rest) => {
                self.outage.over(&self.state.name);
                rest
            }
            Err(error) => {
                self.outage.note(&self.state.name, &error);
                Rest::Time(STORE_PAUSE)
            }
        }
    }

    async fn step(&mut self, stopped: &CancellationToken) -> storage::Result<Rest> {
        self.save().await?;
        if self.queue.is_empty() {
            self.fill().await?;
            return Ok(if self.queue.is_empty() { Rest::Events } else { Rest::Nothing });
        }
        self.pass_over_unwanted();
        let Some(event) = self.queue.front() else { return Ok(Rest::Nothing) };
        let due = self.due();
        if !due.is_zero() {
            return Ok(Rest::Time(due));
        }
        if let Some(outcome) = self.attempt(event, stopped).await {
            self.note(outcome);
        }
        Ok(Rest::Nothing)
    }

    async fn save(&mut self) -> storage::Result<()> {
        let Some(Unsaved { dead }) = &self.unsaved else { return Ok(()) };
        let dropped = self.store.save_webhook(&self.state, dead.as_ref(), DEAD_LETTERS).await?;
        self.metrics.dropped(&self.state.name, dropped);
        self.unsaved = None;
        Ok(())
    }

    /// Reads on. Ids have no gaps of their own: where one shows, events went before they were read.
    async fn fill(&mut self) -> storage::Result<()> {
        self.queue = self.store.list_events(&EventKind::ALL, self.state.cursor, BATCH).await?.into();
        let before_first = self.queue.front().map_or(0, |first| first.id.saturating_sub(1));
        if before_first > self.state.cursor {
            self.lose(before_first);
        }
        Ok(())
    }

    fn lose(&mut self, last: u64) {
        let WebhookState { name, cursor, attempts, .. } = &self.state;
        let (count, attempts) = (last - cursor, *attempts);
        tracing::error!(webhook = name, count, last, "events are gone that a webhook was not told of");
        self.metrics.lost(name, count);
        let error = format!("{count} events were kept no more when it was their turn");
        self.bury(Undelivered::Lost { count, last }, attempts, error);
        self.done_with(last);
    }

    fn pass_over_unwanted(&mut self) {
        while self.queue.front().is_some_and(|event| !self.receiver.entry.wants(event)) {
            self.state.cursor = self.queue.pop_front().map_or(self.state.cursor, |event| event.id);
            if self.queue.is_empty() {
                self.unsaved.get_or_insert_default();
            }
        }
    }

    /// How long until the next attempt. A clock that was set back does not make it longer than any pause.
    fn due(&self) -> Duration {
        let longest = self.receiver.entry.longest_pause.max(LONGEST_RETRY_AFTER);
        let next = self.state.next_attempt;
        next.map_or(Duration::ZERO, |next| next.until(Timestamp::now()).min(longest))
    }

    /// Nothing where it was broken off.
    async fn attempt(&self, event: &Event, stopped: &CancellationToken) -> Option<Result<(), Failure>> {
        let out_of_time = async {
            stopped.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            outcome = self.receiver.send(event) => Some(outcome),
            () = out_of_time => None,
        }
    }

    fn note(&mut self, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => self.note_delivery(),
            Err(failure) => self.note_failure(&failure),
        }
    }

    fn note_delivery(&mut self) {
        self.metrics.attempted(&self.state.name, Outcome::Delivered);
        if self.state.attempts > 0 {
            tracing::info!(webhook = self.state.name, "a webhook's receiver takes events again");
        }
        self.state.last_delivered = Some(Timestamp::now());
        self.state.last_error = None;
        if let Some(event) = self.queue.pop_front() {
            self.done_with(event.id);
        }
    }

    fn note_failure(&mut self, failure: &Failure) {
        self.state.attempts = self.state.attempts.saturating_add(1);
        self.state.last_error = Some(failure.to_string());
        if self.state.attempts >= self.receiver.entry.max_attempts {
            return self.give_up(failure);
        }
        let WebhookState { name, attempts, .. } = &self.state;
        self.metrics.attempted(name, Outcome::Failed);
        if *attempts == 1 {
            tracing::warn!(webhook = name, reason = %failure, "an event could not be delivered; it is tried again");
        }
        let pause = pause(&self.receiver.entry, *attempts, fastrand::f64(), failure.retry_after);
        self.state.next_attempt = Some(Timestamp::now().after(pause));
        self.unsaved.get_or_insert_default();
    }

    fn give_up(&mut self, failure: &Failure) {
        let WebhookState { name, attempts, .. } = &self.state;
        let attempts = *attempts;
        self.metrics.attempted(name, Outcome::Dead);
        if let Some(event) = self.queue.pop_front() {
            tracing::error!(webhook = name, event = event.id, attempts, reason = %failure, "an event is given up");
            let id = event.id;
            self.bury(Undelivered::Event(event), attempts, failure.to_string());
            self.done_with(id);
        }
    }

    fn bury(&mut self, content: Undelivered, attempts: u32, error: String) {
        let letter = NewDeadLetter { content, attempts, error, died: Timestamp::now() };
        self.unsaved.get_or_insert_default().dead = Some(letter);
    }

    /// Goes on behind the event numbered `id`.
    fn done_with(&mut self, id: u64) {
        self.state.cursor = id;
        self.state.attempts = 0;
        self.state.next_attempt = None;
        self.unsaved.get_or_insert_default();
    }
}

impl Rest {
    async fn over(self, bell: &mut watch::Receiver<()>) {
        match self {
            Self::Nothing => {}
            Self::Time(time) => tokio::time::sleep(time).await,
            // It fails only where the store is gone, whose reader we are.
            Self::Events => drop(bell.changed().await),
        }
    }
}
