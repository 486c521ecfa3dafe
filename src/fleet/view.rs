use serde::{Serialize, Serializer};

use super::{Config, Convergence, InferredPolicy, Ledger, LedgerWriter, PolicyGuess, PullFilter};
use crate::oci::{Digest, Reference, RepositoryName};
use crate::storage::{PullRow, Result, Store, Timestamp};

/// What the ledger tells.
#[derive(Clone)]
pub struct Fleet {
    store: Store,
    config: Config,
}

/// One agent beside one reference.
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
    /// Where it stands.
    pub state: Convergence,
    /// The manifest that it was last given.
    pub digest: Option<Digest>,
    /// The manifest whose module it read last.
    pub fetched: Option<Digest>,
    /// What the tag names now; null for a digest, and for a tag that is gone.
    pub current: Option<Digest>,
    /// The policy that its requests look like.
    pub inferred: InferredPolicy,
    /// Of a stale one: what would make it ask again.
    pub moves_with: Option<&'static str>,
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
    /// The status of the last answer.
    pub status: u16,
}

impl Fleet {
    /// The fleet that pulls from `store`.
    pub fn new(store: Store, config: Config) -> Self {
        Self { store, config }
    }

    /// A ledger of who reads, and who writes it.
    pub fn ledger(&self) -> (Ledger, LedgerWriter) {
        Ledger::new(self.store.clone(), &self.config)
    }

    /// The agents that `filter` asks for, by repository and reference.
    pub async fn list(&self, filter: &PullFilter) -> Result<Vec<FleetRow>> {
        Ok(self.store.list_pulls(filter).await?.into_iter().map(FleetRow::of).collect())
    }
}

impl FleetRow {
    fn of(row: PullRow) -> Self {
        let (state, inferred) = (Convergence::of(&row), PolicyGuess(&row).infer());
        Self {
            state,
            moves_with: state.moves_with(&inferred),
            inferred,
            agent: row.agent,
            kind: row.kind,
            repository: row.repository,
            reference: row.reference,
            digest: row.digest,
            fetched: row.fetched,
            current: row.current,
            first: row.first,
            last: row.last,
            resolves: row.resolves,
            fetches: row.fetches,
            last_fetch: row.last_fetch,
            bytes: row.bytes,
            status: row.status,
        }
    }
}

fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

#[expect(clippy::ref_option, reason = "serde hands fields over so")]
fn as_text_if_any<S: Serializer>(
    value: &Option<Timestamp>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    value.map(|moment| moment.to_string()).serialize(serializer)
}
