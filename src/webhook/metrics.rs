use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is counted of webhooks.
#[derive(Clone, Debug, Default)]
pub struct WebhookMetrics {
    attempts: Family<OutcomeLabels, Counter>,
    lost: Family<WebhookLabels, Counter>,
    dropped: Family<WebhookLabels, Counter>,
    pending: Family<WebhookLabels, Gauge>,
}

/// What came of trying to deliver an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// It was taken.
    Delivered,
    /// It is tried again.
    Failed,
    /// It is not, and is a dead letter.
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    webhook: String,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    webhook: String,
}

impl WebhookMetrics {
    /// Lets `registry` show them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("webhook_deliveries", "Attempts to deliver an event", self.attempts.clone());
        registry.register(
            "webhook_events_lost",
            "Events that were kept no more when a webhook came to them",
            self.lost.clone(),
        );
        registry.register(
            "webhook_dead_letters_dropped",
            "Dead letters that went for newer ones",
            self.dropped.clone(),
        );
        registry.register(
            "webhook_pending",
            "Events that a webhook has still to look at",
            self.pending.clone(),
        );
    }

    pub(super) fn attempted(&self, webhook: &str, outcome: Outcome) {
        self.attempts.get_or_create(&OutcomeLabels { webhook: webhook.to_owned(), outcome }).inc();
    }

    pub(super) fn lost(&self, webhook: &str, count: u64) {
        self.lost.get_or_create(&labels(webhook)).inc_by(count);
    }

    pub(super) fn dropped(&self, webhook: &str, count: u64) {
        if count > 0 {
            self.dropped.get_or_create(&labels(webhook)).inc_by(count);
        }
    }

    pub(super) fn set_pending(&self, webhook: &str, count: u64) {
        self.pending.get_or_create(&labels(webhook)).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

fn labels(webhook: &str) -> WebhookLabels {
    WebhookLabels { webhook: webhook.to_owned() }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let name = match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}
