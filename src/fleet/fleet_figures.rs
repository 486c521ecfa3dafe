use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::{Fleet, TagCursor, TagQuery};
use crate::storage::Result;

/// How the fleet is doing, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetFigures {
    /// How many agents are in which state; one counts for each tag that it asks for.
    pub states: BTreeMap<&'static str, u64>,
    /// The tags that have stale agents, as repository and tag, and how many. At most [`FleetFigures::TAGS`] one by one,
    /// the others together as `other`.
    pub stale: BTreeMap<(String, String), u64>,
}

/// What was last found out, and when.
pub(super) type FiguresCache = Arc<Mutex<Option<(Instant, Arc<FleetFigures>)>>>;

impl FleetFigures {
    /// Most tags that are told one by one.
    pub const TAGS: usize = 1000;
    /// How long what was found out counts: it means reading every row.
    const FRESH: Duration = Duration::from_secs(10);
    /// Tags that are read at a time.
    const STEP: u32 = 1000;

    fn add_stale(&mut self, (repository, tag): (String, String), agents: u64) {
        let other = || ("other".to_owned(), "other".to_owned());
        let key = if self.stale.len() < Self::TAGS { (repository, tag) } else { other() };
        *self.stale.entry(key).or_default() += agents;
    }
}

impl Fleet {
    /// How the fleet is doing, or was some seconds ago.
    pub async fn figures(&self) -> Result<Arc<FleetFigures>> {
        let mut cached = self.figures.lock().await;
        if let Some((_, figures)) = cached.as_ref().filter(|(at, _)| at.elapsed() < FleetFigures::FRESH) {
            return Ok(Arc::clone(figures));
        }
        let figures = Arc::new(self.count().await?);
        *cached = Some((Instant::now(), Arc::clone(&figures)));
        Ok(figures)
    }

    async fn count(&self) -> Result<FleetFigures> {
        let mut figures = FleetFigures::default();
        let mut filter = TagQuery { repository: None, after: None, limit: FleetFigures::STEP };
        loop {
            let tags = self.tags(&filter).await?;
            filter.after = tags
                .last()
                .map(|last| TagCursor { repository: last.repository.to_string(), tag: last.tag.to_string() });
            let is_last = tags.len() < FleetFigures::STEP as usize;
            for tag in tags {
                for (state, agents) in &tag.states {
                    *figures.states.entry(state).or_default() += agents;
                }
                if let Some(agents) = tag.states.get("stale") {
                    figures.add_stale((tag.repository.to_string(), tag.tag.to_string()), *agents);
                }
            }
            if is_last {
                return Ok(figures);
            }
        }
    }
}
