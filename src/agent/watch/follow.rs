use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::agent::Puller;
use crate::client::{self, ErrorKind, Event, Notice};
use crate::oci::RegistryHost;

/// Pause before a registry whose events broke off is asked again; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause while a registry is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// When a registry that has no events is asked again: it may have been replaced by one that has.
const ASK_AGAIN_AFTER: Duration = Duration::from_mins(10);

/// What is heard of a registry.
#[derive(Debug)]
pub(super) enum News {
    /// Its events are heard from now on; what was before may have been missed.
    Live,
    /// They are not.
    Silent,
    /// Something happened.
    Event(Event),
}

impl News {
    fn of(notice: Notice) -> Option<Self> {
        match notice {
            Notice::Started | Notice::StartedLate => Some(Self::Live),
            Notice::Event(event) => Some(Self::Event(event)),
            Notice::Unknown => None,
        }
    }
}

/// Listens to one registry for as long as somebody listens to us.
pub(super) async fn follow(
    puller: Arc<Puller>,
    host: RegistryHost,
    tell: mpsc::Sender<(RegistryHost, News)>,
) {
    let (mut last, mut failures) = (None, 0_u32);
    loop {
        let pause = match puller.events(&host, last).await {
            Ok(mut events) => {
                failures = 0;
                while let Ok(Some(notice)) = events.next().await {
                    last = events.last_id();
                    let Some(news) = News::of(notice) else { continue };
                    if tell.send((host.clone(), news)).await.is_err() {
                        return;
                    }
                }
                FIRST_PAUSE
            }
            Err(error) if has_none(&error) => ASK_AGAIN_AFTER,
            Err(error) => {
                tracing::debug!(registry = %host, %error, "a registry's events cannot be heard");
                failures = failures.saturating_add(1);
                FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures - 1)).min(LONGEST_PAUSE)
            }
        };
        if tell.send((host.clone(), News::Silent)).await.is_err() {
            return;
        }
        sleep(pause).await;
    }
}

/// Whether the registry answers, and has no events for us.
fn has_none(error: &client::Error) -> bool {
    match error {
        client::Error::Refused(refusal) => (400..500).contains(&refusal.status) && refusal.status != 429,
        error => error.kind() != ErrorKind::Network,
    }
}
