//! The server from outside, over HTTP: everything that it promises its clients.

mod harness;

mod agent_reports;
mod bad_input;
mod bad_manifests;
mod concurrency;
mod conditional;
mod configz;
mod events;
mod fleet;
mod impact;
mod known_plugins;
mod limits;
mod lists;
mod log;
mod manifests;
mod manners;
mod openapi;
mod plugins;
mod random;
mod ranges;
mod tags;
mod uploads;
mod wasmplugin_limits;
mod wasmplugins;
mod webhooks;
mod wire;
