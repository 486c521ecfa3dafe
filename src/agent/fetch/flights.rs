use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

/// How long work waits for what was begun before it: long enough for a server that answers at all. One that
/// does not must not hold up those who come later.
const PATIENCE: Duration = Duration::from_secs(1);

/// Work that many wait for and one does.
///
/// It belongs to those who wait: it goes on as long as one of them does, and ends with the last.
pub(super) struct Flights<K, T> {
    running: Mutex<HashMap<K, Flight<T>>>,
}

struct Flight<T> {
    work: WeakShared<BoxFuture<'static, T>>,
    has_started: Arc<AtomicBool>,
}

/// What work under way is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joins {
    /// Any.
    Any,
    /// None whose question may have been answered before we came: who knows that a tag has moved must not
    /// hear what it was before. One more is done after it, for all who came meanwhile.
    NotStarted,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash,
    T: Clone + Send + Sync + 'static,
{
    /// How many entries there may be before those are dropped that nobody waits for.
    const TIDY: usize = 64;

    /// The result of the work for `key`: that under way where there is one to join, else of `work`.
    pub(super) async fn join<F>(&self, key: K, joins: Joins, work: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.board(key, joins, work).await
    }

    fn board<F>(&self, key: K, joins: Joins, work: impl FnOnce() -> F) -> Shared<BoxFuture<'static, T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.len() > Self::TIDY {
            running.retain(|_, flight| flight.work.upgrade().is_some());
        }
        let current = running.get(&key).and_then(Flight::under_way);
        if let Some((current, has_started)) = &current
            && (joins == Joins::Any || !has_started)
        {
            return current.clone();
        }
        let has_started = Arc::new(AtomicBool::new(false));
        let work = after(current.map(|(work, _)| work), Arc::clone(&has_started), work());
        if let Some(weak) = work.downgrade() {
            running.insert(key, Flight { work: weak, has_started });
        }
        work
    }
}

fn after<T: Clone + Send + Sync + 'static>(
    before: Option<Shared<BoxFuture<'static, T>>>,
    has_started: Arc<AtomicBool>,
    work: impl Future<Output = T> + Send + 'static,
) -> Shared<BoxFuture<'static, T>> {
    let in_turn = async move {
        if let Some(before) = before {
            // What it says does not matter; that many come at once does.
            let _ = tokio::time::timeout(PATIENCE, before).await;
        }
        has_started.store(true, Ordering::Release);
        work.await
    };
    in_turn.boxed().shared()
}

impl<T: Clone> Flight<T> {
    /// The work, where it is not done yet, and whether it has started.
    fn under_way(&self) -> Option<(Shared<BoxFuture<'static, T>>, bool)> {
        let work = self.work.upgrade().filter(|work| work.peek().is_none())?;
        Some((work, self.has_started.load(Ordering::Acquire)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;

    use super::*;

    /// Answers its own number after a moment.
    async fn count(counter: Arc<AtomicUsize>) -> usize {
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
        number
    }

    #[tokio::test(start_paused = true)]
    async fn many_share_one_and_the_next_starts_anew() {
        let (flights, counter) = (Flights::default(), Arc::new(AtomicUsize::new(0)));
        let fly = |_| flights.join("key", Joins::Any, || count(Arc::clone(&counter)));
        assert_eq!(join_all((0..50).map(fly)).await, [1; 50]);
        assert_eq!(fly(0).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_news_shares_the_next_one() {
        let (flights, counter) = (Flights::default(), Arc::new(AtomicUsize::new(0)));
        let fly = |joins| flights.join("key", joins, || count(Arc::clone(&counter)));
        let many = (0..50).map(|n| fly(if n == 0 { Joins::Any } else { Joins::NotStarted }));
        let results = join_all(many).await;
        assert_eq!((results[0], &results[1..]), (1, [2; 49].as_slice()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_news_does_not_wait_for_one_that_stands_still() {
        let flights = Flights::default();
        let stalled = flights.join("key", Joins::Any, std::future::pending::<usize>);
        let late = flights.join("key", Joins::NotStarted, || std::future::ready(7));
        tokio::select! {
            biased;
            _ = stalled => panic!("it never ends"),
            answer = late => assert_eq!(answer, 7),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_while_one_waits_and_ends_with_the_last() {
        let (flights, counter) = (Arc::new(Flights::default()), Arc::new(AtomicUsize::new(0)));
        let fly = || {
            let (flights, counter) = (Arc::clone(&flights), Arc::clone(&counter));
            async move { flights.join("key", Joins::Any, || count(counter)).await }
        };
        let short = || tokio::time::timeout(Duration::from_millis(1), fly());
        let (first, second) = tokio::join!(short(), fly());
        assert_eq!((first.is_err(), second), (true, 1));
        assert!(short().await.is_err());
        assert_eq!((fly().await, counter.load(Ordering::SeqCst)), (3, 3));
    }
}
