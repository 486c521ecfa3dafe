//! The agents as they were measured: requests counted by a registry, call by call.

mod cases;
mod properties;
mod traps;
mod truth_table;

use std::time::Duration;

use crate::plugin::{ModuleUrl, PullPolicy};
use crate::policy::{Event, FakeImage, Flavour, Outcome, Pull, Running, Simulation, Step};

/// The flavours whose cache is Istio's own.
const ISTIOS: [Flavour; 4] = [Flavour::Istio127, Flavour::Istio130, Flavour::Higress119, Flavour::Higress127];

const TAG: &str = "oci://reg.io/p:v1";
const OTHER_TAG: &str = "oci://reg.io/p:v2";

/// Longer than a module may be idle, the sweep included.
const IDLE: Duration = Duration::from_hours(25);

fn url(text: &str) -> ModuleUrl {
    text.parse().unwrap()
}

/// A delivery of the resource `a`.
fn pull(text: &str, policy: PullPolicy, version: &str) -> Pull {
    Pull { url: url(text), sha256: None, policy, resource: "a".to_owned(), version: version.to_owned() }
}

/// The same of the resource `b`.
fn of_b(pull: Pull) -> Pull {
    Pull { resource: "b".to_owned(), ..pull }
}

fn image(module: &str) -> FakeImage {
    FakeImage::of(module.as_bytes())
}

impl Simulation {
    /// An agent whose registry has `module` at each of the URLs.
    fn serving(flavour: Flavour, urls: &[&str], module: &str) -> Self {
        let mut simulation = Self::new(flavour);
        for url in urls {
            simulation.move_to(url, module);
        }
        simulation
    }

    fn move_to(&mut self, text: &str, module: &str) {
        self.run(Event::Serve(url(text), image(module)));
    }

    /// Delivers, and tells requests and content as the truth table does.
    fn cell(&mut self, pull: &Pull) -> String {
        cell(&self.deliver(pull))
    }
}

/// Requests, `-` for none, and what is served.
fn cell(step: &Step) -> String {
    let requests = if step.requests.is_empty() { "-" } else { &step.requests };
    let served = match (&step.outcome, &step.running) {
        (Outcome::Mismatch { .. }, _) => "mismatch",
        (outcome, _) if outcome.is_failure() => "failed",
        (_, Running::Module(content)) if *content == image("old").content => "old",
        (_, Running::Module(content)) if *content == image("new").content => "new",
        _ => "?",
    };
    format!("{requests} {served}")
}
