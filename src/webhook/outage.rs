use crate::storage;

/// Whether the store fails just now: an outage is told of once, however often it is noticed.
#[derive(Debug, Default)]
pub(super) struct Outage(bool);

impl Outage {
    pub(super) fn note(&mut self, webhook: &str, error: &storage::Error) {
        if !self.0 {
            tracing::error!(webhook, %error, "a webhook waits for the store");
        }
        self.0 = true;
    }

    pub(super) fn over(&mut self, webhook: &str) {
        if self.0 {
            tracing::info!(webhook, "a webhook goes on, the store answers again");
        }
        self.0 = false;
    }
}
