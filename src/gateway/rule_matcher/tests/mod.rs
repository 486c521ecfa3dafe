//! The rule matcher held to its sources' own test suites, and to every difference between the SDKs that is
//! known.

mod auth;
mod converted;
mod decisions;
mod domains;
mod isolation;
mod keys;
mod parsers;
mod properties;
mod reading;
mod services;
mod suites;
mod warnings;

use serde_json::{Value, json};

use super::configure::from_value;
use super::{
    AcceptAny, ConfigureError, ConfigureFailure, Flavour, Outcome, PluginParser, Request, RuleMatcher,
};

/// The flavours of the four SDKs; authentication plugins are matched like the other C++ ones.
const SDKS: [Flavour; 4] = [Flavour::Go, Flavour::Cpp, Flavour::Rust, Flavour::AssemblyScript];

/// A module of the flavour with this configuration, and a plugin that takes anything.
fn matcher(flavour: Flavour, config: &Value) -> RuleMatcher {
    configured(flavour, config, &AcceptAny)
        .unwrap_or_else(|error| panic!("{flavour} refuses {config}: {error}"))
}

fn configured(
    flavour: Flavour,
    config: &Value,
    parser: &dyn PluginParser,
) -> Result<RuleMatcher, ConfigureError> {
    RuleMatcher::configure(
        flavour,
        Some(config.as_object().expect("a test's configuration is an object")),
        parser,
    )
}

/// Why the module does not start.
fn failure(flavour: Flavour, config: &Value, parser: &dyn PluginParser) -> ConfigureFailure {
    match from_value(flavour, config, parser) {
        Ok(_) => panic!("{flavour} takes {config}"),
        Err(error) => error.failure,
    }
}

fn request(authority: &str, route: &str, cluster: &str) -> Request {
    Request { authority: Some(authority.to_owned()), route: route.to_owned(), cluster: cluster.to_owned() }
}

fn to_host(authority: &str) -> Request {
    request(authority, "", "")
}

fn on_route(route: &str) -> Request {
    request("foo.com", route, "")
}

fn to_cluster(cluster: &str) -> Request {
    request("foo.com", "", cluster)
}

/// Whether the only rule, with these match keys, is for the request.
fn matches(flavour: Flavour, rule: &Value, request: &Request) -> bool {
    matcher(flavour, &json!({"_rules_": [rule]})).decide(request).rule() == Some(0)
}
