use super::metadata::{DeadLetter, NewDeadLetter, WebhookRow, WebhookState};
use super::{Result, Store};

impl Store {
    /// Where the webhook of that name stands; a new one begins behind the newest event.
    pub async fn ensure_webhook(&self, name: &str) -> Result<WebhookState> {
        self.inner.metadata.ensure_webhook(name).await
    }

    /// Keeps where a webhook stands and, at once, what it gives up on. Of its dead letters the newest `keep` stay; answers
    /// how many went. Power loss may forget the last of it, so that the same is delivered again.
    pub async fn save_webhook(
        &self,
        state: &WebhookState,
        dead: Option<&NewDeadLetter>,
        keep: u32,
    ) -> Result<u64> {
        self.inner.metadata.save_webhook(state, dead, keep).await
    }

    /// Every webhook that there ever was, by name.
    pub async fn list_webhooks(&self) -> Result<Vec<WebhookRow>> {
        self.inner.metadata.list_webhooks().await
    }

    /// The dead letters of a webhook behind the one numbered `after`, oldest first, at most `limit`.
    pub async fn list_dead_letters(&self, webhook: &str, after: u64, limit: u32) -> Result<Vec<DeadLetter>> {
        self.inner.metadata.list_dead_letters(webhook, after, limit).await
    }

    /// Forgets a dead letter; whether there was one.
    pub async fn delete_dead_letter(&self, webhook: &str, id: u64) -> Result<bool> {
        self.inner.metadata.delete_dead_letter(webhook, id).await
    }

    /// Counts one more attempt at a dead letter, which failed with `error`.
    pub async fn note_dead_letter_attempt(&self, webhook: &str, id: u64, error: &str) -> Result<()> {
        self.inner.metadata.note_dead_letter_attempt(webhook, id, error).await
    }
}

#[cfg(test)]
mod tests {
    use crate::storage::{Config, Timestamp, Undelivered};

    use super::*;

    #[tokio::test]
    async fn of_dead_letters_the_newest_of_each_webhook_stay() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let store = Store::open(&config).await.unwrap();
        let letter = |last| NewDeadLetter {
            content: Undelivered::Lost { count: 1, last },
            attempts: 0,
            error: "x".to_owned(),
            died: Timestamp::from_micros(1),
        };
        let (a, b) = (store.ensure_webhook("a").await.unwrap(), store.ensure_webhook("b").await.unwrap());
        store.save_webhook(&b, Some(&letter(1)), 2).await.unwrap();
        let mut dropped = Vec::new();
        for last in 1..=4 {
            dropped.push(store.save_webhook(&a, Some(&letter(last)), 2).await.unwrap());
        }
        assert_eq!(dropped, [0, 0, 1, 1]);
        let kept = store.list_dead_letters("a", 0, 10).await.unwrap();
        assert_eq!(kept.iter().map(|kept| kept.letter.clone()).collect::<Vec<_>>(), [letter(3), letter(4)]);
        let behind_first = store.list_dead_letters("a", kept[0].id, 10).await.unwrap();
        assert_eq!(behind_first, kept[1..]);
        assert_eq!(store.list_dead_letters("b", 0, 10).await.unwrap().len(), 1);
        store.close().await;
    }
}
