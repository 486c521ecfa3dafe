//! The program as a person or a script meets it: arguments in; standard output, standard error and an exit code out.
//! Every test has a machine of its own, and every server listens on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot arrange its machine has failed")]

mod agent;
mod config;
mod copy;
mod events;
mod exit_codes;
mod explain;
mod fleet;
mod help;
mod home;
mod inspect;
mod local;
mod login;
mod pull_by_policy;
mod served;
mod tags;
mod wasmplugin;
mod wasmplugin_directory;
mod wasmplugin_new;
mod webhooks;
