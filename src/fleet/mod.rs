//! Who pulled what, under which policy, and what they run now, as far as a registry can tell.
//!
//! [`Ledger`] takes note of reads without holding them up, and a [`LedgerWriter`] writes them down a batch at a time.
//! [`Fleet`] reads the notes again: each agent beside each reference, whether it has what a tag names now, and the pull
//! policy that it follows. That is certain where the agent reports it ([`Report`]), likely where a `WasmPlugin` says so
//! that the registry was told of ([`TrackedPlugin`]), and otherwise guessed from requests ([`InferredPolicy`]), with the
//! evidence. What it means is told by the agents' own rules: what would move an agent ([`Mover`]), and what moving a tag
//! does ([`Impact`]).

mod agent_name;
mod client_kind;
mod config;
mod convergence;
mod fleet_figures;
mod impact;
mod inferred_policy;
mod known;
mod ledger;
mod ledger_writer;
mod module_place;
mod mover;
mod noted;
mod pending_reads;
mod pull_figures;
mod reader;
mod report;
mod row_policy;
mod tag_summary;
mod view;

pub use agent_name::AgentName;
pub use client_kind::ClientKind;
pub use config::{AddressDetail, Config};
pub use convergence::Convergence;
pub use fleet_figures::FleetFigures;
pub use impact::{AgentImpact, Effect, EffectCounts, Impact, PluginImpact};
pub use inferred_policy::{Confidence, InferredPolicy, PolicyGuess};
pub use known::TrackedPlugin;
pub use ledger::{Ledger, LedgerCounts};
pub use ledger_writer::LedgerWriter;
pub use mover::Mover;
pub use noted::{Noted, NotedManifest};
pub use pull_figures::{PullFigures, PullLabels};
pub use reader::Reader;
pub use report::{Report, ReportError, SaidPlugin};
pub use row_policy::{PolicySource, RowPolicy};
pub use tag_summary::{TagQuery, TagSummary};
pub use view::{Fleet, FleetRow};

pub use crate::storage::{KnownPluginFilter, PluginSource, PullCursor, PullFilter, PullRead, TagCursor};
