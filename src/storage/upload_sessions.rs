use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::UploadId;

/// Which upload sessions are open for writing, so that one request at a time writes to each.
///
/// The latest request wins: a client that lost its connection comes back before the old request is seen to be dead.
#[derive(Default)]
pub(super) struct UploadSessions {
    open: Mutex<HashMap<UploadId, Weak<Slot>>>,
}

#[derive(Default)]
struct Slot {
    lock: Arc<tokio::sync::Mutex<()>>,
    /// Ends the request that writes now.
    current: Mutex<CancellationToken>,
}

/// The right to write to one upload session; shared by the request and its writing thread.
#[derive(Clone)]
pub(super) struct Session {
    _slot: Arc<Slot>,
    _guard: Arc<OwnedMutexGuard<()>>,
    superseded: CancellationToken,
}

impl UploadSessions {
    /// Ends the request that writes to `id` now, waits for it, and takes its place.
    pub(super) async fn enter(&self, id: UploadId) -> Session {
        let slot = self.slot(id);
        let superseded = CancellationToken::new();
        let former = std::mem::replace(
            &mut *slot.current.lock().unwrap_or_else(PoisonError::into_inner),
            superseded.clone(),
        );
        former.cancel();
        let guard = Arc::new(Arc::clone(&slot.lock).lock_owned().await);
        Session { _slot: slot, _guard: guard, superseded }
    }

    /// Takes the place of nobody: `None` where a request writes to `id` now.
    pub(super) fn enter_idle(&self, id: UploadId) -> Option<Session> {
        let slot = self.slot(id);
        let guard = Arc::new(Arc::clone(&slot.lock).try_lock_owned().ok()?);
        Some(Session { _slot: slot, _guard: guard, superseded: CancellationToken::new() })
    }

    fn slot(&self, id: UploadId) -> Arc<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = open.get(&id).and_then(Weak::upgrade) {
            return slot;
        }
        open.retain(|_, slot| slot.strong_count() > 0);
        let slot = Arc::new(Slot::default());
        open.insert(id, Arc::downgrade(&slot));
        slot
    }
}

impl Session {
    /// Completes when a later request for the same upload wants to write.
    pub(super) async fn superseded(&self) {
        self.superseded.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> UploadId {
        text.parse().unwrap()
    }

    const ONE: &str = "0191e0a6-7f8e-4c6e-8a53-3c86c1c1a5a1";
    const OTHER: &str = "0191e0a6-7f8e-4c6e-8a53-3c86c1c1a5a2";

    #[tokio::test]
    async fn who_comes_later_waits_until_the_former_has_left() {
        let sessions = Arc::new(UploadSessions::default());
        let former = sessions.enter(id(ONE)).await;
        let later = tokio::spawn({
            let sessions = Arc::clone(&sessions);
            async move { sessions.enter(id(ONE)).await }
        });
        former.superseded().await;
        assert!(!later.is_finished());
        drop(former);
        later.await.unwrap();
    }

    #[tokio::test]
    async fn sessions_of_other_uploads_are_left_alone() {
        let sessions = UploadSessions::default();
        let one = sessions.enter(id(ONE)).await;
        let _other = sessions.enter(id(OTHER)).await;
        assert!(!one.superseded.is_cancelled());
    }

    #[tokio::test]
    async fn only_an_idle_session_is_entered_without_disturbing_anybody() {
        let sessions = UploadSessions::default();
        let writing = sessions.enter(id(ONE)).await;
        assert!(sessions.enter_idle(id(ONE)).is_none());
        assert!(!writing.superseded.is_cancelled());
        drop(writing);
        assert!(sessions.enter_idle(id(ONE)).is_some());
        assert!(sessions.enter_idle(id(OTHER)).is_some());
    }
}
