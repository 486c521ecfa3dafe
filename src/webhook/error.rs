use std::path::PathBuf;

use super::secret::SecretError;
use super::{ConfigError, Failure};
use crate::storage;

/// Why webhooks cannot be run as configured.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An entry cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The secret cannot be read.
    #[error("webhook `{name}`: cannot read `secret_file` `{path}`: {source}", path = path.display())]
    SecretFile {
        /// The webhook.
        name: String,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file holds no secret.
    #[error("webhook `{name}`: `secret_file` `{path}` {problem}", path = path.display())]
    Secret {
        /// The webhook.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: SecretError,
    },
    /// There is no way to speak HTTP, for want of certificates for instance.
    #[error("webhook `{name}`: cannot speak to its receiver: {problem}")]
    Client {
        /// The webhook.
        name: String,
        /// Why not.
        problem: Failure,
    },
    /// The store does not answer.
    #[error("cannot tell where webhooks stand: {0}")]
    Store(#[from] storage::Error),
}

/// Why a question about webhooks has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None of that name is configured.
    #[error("there is no webhook of that name")]
    WebhookUnknown,
    /// It was delivered, forgotten, or never there.
    #[error("the webhook has no dead letter numbered {0}")]
    DeadLetterUnknown(u64),
    /// The events are gone.
    #[error("dead letter {0} tells of events that are kept no more; there is nothing to deliver")]
    NothingToDeliver(u64),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] storage::Error),
}
