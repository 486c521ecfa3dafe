//! Who pulled what, under which policy, and what they run now, as far as a registry can tell.
//!
//! [`Ledger`] takes note of reads without holding them up, and a [`LedgerWriter`] writes them down a batch at a time.
//! [`Fleet`] reads the notes again: each agent beside each reference, whether it has what a tag names now, and the pull
//! policy that its requests look like ([`InferredPolicy`]), with the evidence.

mod agent_name;
mod client_kind;
mod config;
mod convergence;
mod inferred_policy;
mod ledger;
mod ledger_writer;
mod reader;
mod view;

pub use agent_name::AgentName;
pub use client_kind::ClientKind;
pub use config::{AddressDetail, Config};
pub use convergence::Convergence;
pub use inferred_policy::{Confidence, InferredPolicy, PolicyGuess};
pub use ledger::{Ledger, LedgerCounts, Noted};
pub use ledger_writer::LedgerWriter;
pub use reader::Reader;
pub use view::{Fleet, FleetRow};

pub use crate::storage::{PullFilter, PullRead};
