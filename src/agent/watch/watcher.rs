use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::follow::{News, follow};
use super::marks::Marks;
use super::{Moved, Watched};
use crate::agent::{PullError, Puller};
use crate::client::Event;
use crate::oci::{Reference, RegistryHost};

/// How many plugins are looked at at a time.
const LOOKS: usize = 8;
/// How often even those are looked at whose registry tells of each move.
const LOOK_ANYWAY_EVERY: Duration = Duration::from_mins(1);
/// News that wait to be heard, before a registry's connection waits.
const NEWS: usize = 256;

/// Watches the URLs of plugins.
pub struct TagWatcher {
    puller: Arc<Puller>,
    every: Duration,
    list: watch::Receiver<Vec<Watched>>,
    moved: mpsc::Sender<Moved>,
}

/// A watcher at work.
struct Watch {
    puller: Arc<Puller>,
    every: Duration,
    moved: mpsc::Sender<Moved>,
    watched: Vec<Watched>,
    marks: Marks,
    registries: HashMap<RegistryHost, Listening>,
    tell: mpsc::Sender<(RegistryHost, News)>,
    followers: JoinSet<()>,
    looks: JoinSet<Look>,
    /// The resources of the looks under way, and whether another is to follow: one that was answered too early.
    looking: BTreeMap<String, bool>,
    turns: Arc<Semaphore>,
}

/// A plugin, and what its URL stands for.
type Look = (Watched, Result<Option<String>, PullError>);

/// What is known of a registry's events.
struct Listening {
    follower: AbortHandle,
    is_live: bool,
    looked: Instant,
}

impl TagWatcher {
    /// Watches what `list` says, and tells `moved`. Where a registry has no events it is asked every `every`.
    pub fn new(
        puller: Arc<Puller>,
        every: Duration,
        list: watch::Receiver<Vec<Watched>>,
        moved: mpsc::Sender<Moved>,
    ) -> Self {
        Self { puller, every, list, moved }
    }

    /// Watches until `shutdown` completes; what is under way then is dropped.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { puller, every, mut list, moved } = self;
        let (tell, mut news) = mpsc::channel(NEWS);
        let mut watch = Watch::new(puller, (every, moved), tell);
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = pin!(shutdown);
        list.mark_changed();
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                Ok(()) = list.changed() => watch.over(list.borrow_and_update().clone()),
                _ = ticks.tick() => watch.look_around(),
                Some((host, news)) = news.recv() => watch.hear(&host, news).await,
                Some(Ok(look)) = watch.looks.join_next() => watch.seen(look).await,
                Some(_) = watch.followers.join_next() => {}
            }
        }
    }
}

impl Watch {
    fn new(
        puller: Arc<Puller>,
        (every, moved): (Duration, mpsc::Sender<Moved>),
        tell: mpsc::Sender<(RegistryHost, News)>,
    ) -> Self {
        Self {
            puller,
            every,
            moved,
            watched: Vec::new(),
            marks: Marks::default(),
            registries: HashMap::new(),
            tell,
            followers: JoinSet::new(),
            looks: JoinSet::new(),
            looking: BTreeMap::new(),
            turns: Arc::new(Semaphore::new(LOOKS)),
        }
    }

    /// Watches these from now on.
    fn over(&mut self, watched: Vec<Watched>) {
        self.marks.keep_only(&watched);
        self.watched = watched;
        let hosts: BTreeSet<RegistryHost> = self.watched.iter().filter_map(Watched::host).cloned().collect();
        self.registries.retain(|host, listening| {
            let stays = hosts.contains(host);
            if !stays {
                listening.follower.abort();
            }
            stays
        });
        for host in hosts {
            if !self.registries.contains_key(&host) {
                let following = follow(Arc::clone(&self.puller), host.clone(), self.tell.clone());
                let follower = self.followers.spawn(following);
                self.registries.insert(host, Listening { follower, is_live: false, looked: Instant::now() });
            }
        }
        let new: Vec<Watched> =
            self.watched.iter().filter(|watched| !self.marks.knows(watched)).cloned().collect();
        for watched in new {
            self.look(watched);
        }
    }

    /// Looks at all plugins but those whose registry would have told.
    fn look_around(&mut self) {
        let mut due: BTreeSet<RegistryHost> = BTreeSet::new();
        for (host, listening) in &mut self.registries {
            let every = if listening.is_live { self.every.max(LOOK_ANYWAY_EVERY) } else { Duration::ZERO };
            if listening.looked.elapsed() >= every {
                listening.looked = Instant::now();
                due.insert(host.clone());
            }
        }
        self.look_at_those(|watched| watched.host().is_none_or(|host| due.contains(host)));
    }

    async fn hear(&mut self, host: &RegistryHost, news: News) {
        let Some(listening) = self.registries.get_mut(host) else { return };
        match news {
            News::Live => {
                listening.is_live = true;
                self.look_at_those(|watched| watched.host() == Some(host));
            }
            News::Silent => listening.is_live = false,
            News::Event(event) => self.hear_of(host, &event).await,
        }
    }

    async fn hear_of(&mut self, host: &RegistryHost, event: &Event) {
        let Some((tag, digest)) = event.tag_move() else { return };
        let (repository, tag) = (&event.repository, Reference::Tag(tag.clone()));
        let names_it = |watched: &&Watched| {
            watched.pull.url.image().is_some_and(|image| {
                image.registry == *host && image.repository == *repository && image.reference() == tag
            })
        };
        let plugins: Vec<Watched> = self.watched.iter().filter(names_it).cloned().collect();
        for watched in plugins {
            self.note(&watched, Some(&digest.to_string())).await;
        }
    }

    async fn seen(&mut self, (watched, answer): Look) {
        let is_wanted_again = self.looking.remove(&watched.pull.resource).unwrap_or(false);
        let current = self.watched.iter().find(|current| current.pull.resource == watched.pull.resource);
        let Some(current) = current.cloned() else { return };
        if is_wanted_again || current.pull.url != watched.pull.url {
            return self.look(current);
        }
        match answer {
            Ok(stands_for) => self.note(&current, stands_for.as_deref()).await,
            Err(error) => {
                let (plugin, url) = (&watched.pull.resource, &watched.pull.url);
                tracing::debug!(plugin, %url, %error, "it cannot be told whether a tag has moved");
            }
        }
    }

    async fn note(&mut self, watched: &Watched, stands_for: Option<&str>) {
        if let Some(moved) = self.marks.note(watched, stands_for) {
            tracing::info!(plugin = moved.resource, url = %watched.pull.url, "a tag has moved");
            // Nobody hears it only when the agent stops.
            let _ = self.moved.send(moved).await;
        }
    }

    fn look_at_those(&mut self, chosen: impl Fn(&Watched) -> bool) {
        let chosen: Vec<Watched> = self.watched.iter().filter(|watched| chosen(watched)).cloned().collect();
        for watched in chosen {
            self.look(watched);
        }
    }

    /// Looks at a plugin; if that is under way, once more after it.
    fn look(&mut self, watched: Watched) {
        let under_way = self.looking.get_mut(&watched.pull.resource).map(|again| *again = true);
        if under_way.is_none() {
            self.looking.insert(watched.pull.resource.clone(), false);
            let (puller, turns) = (Arc::clone(&self.puller), Arc::clone(&self.turns));
            self.looks.spawn(async move {
                let _turn = turns.acquire().await;
                let stands_for = puller.glance(&watched.pull, watched.secret.as_ref()).await;
                (watched, stands_for)
            });
        }
    }
}
