//! The command line: one file per subcommand, each an `Args` and a `run`; [`run`] is the whole program.
//!
//! A command says what happened through `Output`, the only printer: its result on standard output, as text or JSON;
//! notes, warnings, progress and errors on standard error. A failure ends in one of the documented exit codes.

mod agent;
mod cli;
mod completions;
mod config;
mod context;
mod copy;
mod delete;
mod events;
mod exit;
mod explain;
mod fetched;
mod flags;
mod fleet;
mod history;
mod impact;
mod inspect;
mod known_directory;
mod list;
mod local;
mod login;
mod logout;
mod module_facts;
mod move_consent;
mod output;
mod pack;
mod packing;
mod place;
mod progress;
mod pull;
mod pull_by_policy;
mod push;
mod rollback;
mod serve;
mod session;
mod stop_signals;
mod table;
mod tag;
mod tagged;
mod verdicts;
mod wasmplugin;
mod webhooks;

pub use cli::run;
