use serde::Serialize;

use super::{Entry, EventKind};
use crate::oci::RepositoryPattern;
use crate::storage::{Timestamp, WebhookRow};

/// How a webhook does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookStatus {
    /// Its name.
    pub name: String,
    /// Where events go, without what its query says, which may be a secret.
    pub url: String,
    /// Which events.
    pub types: Vec<EventKind>,
    /// In which repositories.
    pub repositories: Vec<RepositoryPattern>,
    /// The id of the last event that it is done with.
    pub cursor: u64,
    /// The id of the newest event.
    pub newest: u64,
    /// How many events it has still to look at, also those that it will pass over.
    pub pending: u64,
    /// How often the next event was tried.
    pub attempts: u32,
    /// When it is tried again, where it has failed.
    pub next_attempt: Option<Timestamp>,
    /// When an event was last delivered.
    pub last_delivered: Option<Timestamp>,
    /// Why the last attempt failed; null where it did not.
    pub last_error: Option<String>,
    /// How many dead letters are kept.
    pub dead_letters: u64,
}

impl WebhookStatus {
    pub(super) fn new(entry: &Entry, row: &WebhookRow, newest: u64) -> Self {
        let WebhookRow { state, dead_letters } = row.clone();
        Self {
            name: state.name,
            url: without_query(&entry.url),
            types: entry.types.clone(),
            repositories: entry.repositories.clone(),
            cursor: state.cursor,
            newest,
            pending: newest.saturating_sub(state.cursor),
            attempts: state.attempts,
            next_attempt: state.next_attempt,
            last_delivered: state.last_delivered,
            last_error: state.last_error,
            dead_letters,
        }
    }
}

fn without_query(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(place, _)| format!("{place}?***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_not_shown() {
        assert_eq!(without_query("https://x/y?token=1"), "https://x/y?***");
        assert_eq!(without_query("https://x/y"), "https://x/y");
    }
}
