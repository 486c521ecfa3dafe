use std::collections::BTreeMap;

use serde::Serialize;

use super::{ClientKind, Convergence, Fleet, TagCursor};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::storage::{Result, TagFilter, TagGroup};

/// How far the agents of a tag are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagSummary {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// What it names now; null where it is gone.
    pub current: Option<Digest>,
    /// How many agents ask for it; an agent counts once for each plugin that it reports to name it.
    pub agents: u64,
    /// How many of them are in which state.
    pub states: BTreeMap<&'static str, u64>,
    /// How many of them have which manifest, by its digest; `unknown` where that is not known.
    pub digests: BTreeMap<String, u64>,
    /// How many other clients asked for it, such as tools that copy images.
    pub other_clients: u64,
}

/// Of which tags summaries are wanted.
#[derive(Clone, Debug, Default)]
pub struct TagQuery {
    /// Of this repository only.
    pub repository: Option<RepositoryName>,
    /// Behind this one.
    pub after: Option<TagCursor>,
    /// At most so many.
    pub limit: u32,
}

impl Fleet {
    /// Each tag that somebody asked for, by repository and tag.
    pub async fn tags(&self, filter: &TagQuery) -> Result<Vec<TagSummary>> {
        let TagQuery { repository, after, limit } = filter.clone();
        let filter = TagFilter { repository, after, limit, reporter: ClientKind::Agent.to_string() };
        let mut summaries: Vec<TagSummary> = Vec::new();
        for group in self.store.group_pulls(&filter).await? {
            match summaries.last_mut() {
                Some(last) if (&last.repository, &last.tag) == (&group.repository, &group.tag) => {
                    last.add(&group);
                }
                _ => summaries.push(TagSummary::of(&group)),
            }
        }
        Ok(summaries)
    }
}

impl TagSummary {
    fn of(group: &TagGroup) -> Self {
        let mut summary = Self {
            repository: group.repository.clone(),
            tag: group.tag.clone(),
            current: group.row.current.clone(),
            agents: 0,
            states: BTreeMap::new(),
            digests: BTreeMap::new(),
            other_clients: 0,
        };
        summary.add(group);
        summary
    }

    fn add(&mut self, group: &TagGroup) {
        if !ClientKind::named(&group.kind).is_agent() {
            self.other_clients += group.agents;
            return;
        }
        self.agents += group.agents;
        *self.states.entry(Convergence::of(&group.row).name()).or_default() += group.agents;
        let running = group.row.report.as_ref().and_then(|report| report.running.as_ref());
        let has = running.or(group.row.digest.as_ref()).map_or("unknown".to_owned(), ToString::to_string);
        *self.digests.entry(has).or_default() += group.agents;
    }
}
