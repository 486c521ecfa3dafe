use std::collections::HashMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::fleet_figures::FiguresCache;
use super::{
    ClientKind, Config, Convergence, Ledger, LedgerWriter, Mover, PolicyGuess, PullCursor, PullFilter,
    RowPolicy,
};
use crate::oci::{Digest, Reference, RepositoryName};
use crate::plugin::EffectivePolicy;
use crate::storage::{KnownPlugin, PullRow, Result, Store, Timestamp};

/// Most known plugins that are looked at for one page of rows.
const KNOWN_PLUGINS: u32 = 10_000;

/// What the ledger tells.
#[derive(Clone)]
pub struct Fleet {
    pub(super) store: Store,
    pub(super) config: Arc<Config>,
    pub(super) figures: FiguresCache,
}

/// One agent beside one reference; of each plugin that it reports to name it, a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetRow {
    /// The agent: its node, or its address and kind.
    pub agent: String,
    /// What kind of client it is, by what it says.
    pub kind: String,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag or digest that it asked for.
    #[serde(serialize_with = "as_text")]
    pub reference: Reference,
    /// The plugin that names it, as the agent reports: `namespace/name`.
    pub plugin: Option<String>,
    /// Where it stands.
    pub state: Convergence,
    /// The manifest that it has: the one that it reports to run, else the one that it was last given.
    pub digest: Option<Digest>,
    /// The manifest whose module it read last.
    pub fetched: Option<Digest>,
    /// What the tag names now; null for a digest, and for a tag that is gone.
    pub current: Option<Digest>,
    /// The policy that it follows, and how that is known.
    pub policy: RowPolicy,
    /// Of a stale one: what would make it take what the tag names now, by the rules of the agents there are.
    pub moves_with: Vec<Mover>,
    /// Why it does not run what it wants, as it reports.
    pub refused: Option<String>,
    /// When it first asked.
    #[serde(serialize_with = "as_text")]
    pub first: Timestamp,
    /// When it last asked.
    #[serde(serialize_with = "as_text")]
    pub last: Timestamp,
    /// How often it asked.
    pub resolves: u64,
    /// How often it read the module.
    pub fetches: u64,
    /// When it last did.
    #[serde(serialize_with = "as_text_if_any")]
    pub last_fetch: Option<Timestamp>,
    /// Bytes of modules that it read.
    pub bytes: u64,
    /// The status of the last answer; 0 where it never asked.
    pub status: u16,
    /// Its place in the list.
    #[serde(skip)]
    pub cursor: PullCursor,
    /// Whether it follows tags that move.
    #[serde(skip)]
    pub(super) watches: bool,
}

impl Fleet {
    /// The fleet that pulls from `store`.
    pub fn new(store: Store, config: Config) -> Self {
        Self { store, config: Arc::new(config), figures: FiguresCache::default() }
    }

    /// A ledger of who reads, and who writes it.
    pub fn ledger(&self) -> (Ledger, LedgerWriter) {
        Ledger::new(self.store.clone(), &self.config)
    }

    /// The agents that `filter` asks for, by repository and reference.
    pub async fn list(&self, filter: &PullFilter) -> Result<Vec<FleetRow>> {
        let rows = self.store.list_pulls(filter).await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
        let (first, last) = ((&first.repository, &first.reference), (&last.repository, &last.reference));
        let known = self.store.known_plugins_between(first, last, KNOWN_PLUGINS).await?;
        let mut by_place: HashMap<_, Vec<&KnownPlugin>> = HashMap::new();
        for plugin in &known {
            by_place.entry(plugin.place.clone()).or_default().push(plugin);
        }
        let naming = |row: &PullRow| by_place.get(&Some((row.repository.clone(), row.reference.clone())));
        let row = |row: PullRow| {
            let known = naming(&row).cloned().unwrap_or_default();
            FleetRow::of(row, &known)
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

impl FleetRow {
    fn of(row: PullRow, known: &[&KnownPlugin]) -> Self {
        let state = Convergence::of(&row);
        let policy = RowPolicy::of(&row, PolicyGuess(&row).infer(Timestamp::now()), known);
        let report = row.report;
        let watches = report.as_ref().is_some_and(|report| report.watches);
        let running = report.as_ref().and_then(|report| report.running.clone());
        let kind = ClientKind::named(&row.kind);
        let moves_with = match policy.policy {
            Some(policy) if state == Convergence::Stale => Mover::of(kind, policy, watches),
            _ => Vec::new(),
        };
        Self {
            state,
            policy,
            moves_with,
            plugin: report
                .as_ref()
                .map(|report| super::row_policy::full_name(&report.namespace, &report.name)),
            refused: report.and_then(|report| report.refused),
            agent: row.agent,
            kind: row.kind,
            repository: row.repository,
            reference: row.reference,
            digest: running.or(row.digest),
            fetched: row.fetched,
            current: row.current,
            first: row.first,
            last: row.last,
            resolves: row.resolves,
            fetches: row.fetches,
            last_fetch: row.last_fetch,
            bytes: row.bytes,
            status: row.status,
            cursor: row.cursor,
            watches,
        }
    }

    /// What would move it, whatever it has; none that are known where its policy is not.
    pub(super) fn movers(&self, policy: EffectivePolicy) -> Vec<Mover> {
        Mover::of(ClientKind::named(&self.kind), policy, self.watches)
    }
}

pub(super) fn as_text<S: Serializer>(
    value: &impl ToString,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

#[expect(clippy::ref_option, reason = "serde hands fields over so")]
fn as_text_if_any<S: Serializer>(
    value: &Option<Timestamp>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    value.map(|moment| moment.to_string()).serialize(serializer)
}
