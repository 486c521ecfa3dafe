//! How long it takes to read, lint, convert and order 1,000 `WasmPlugin`s of everyday size, on one core.
//!
//!     cargo bench --bench lint
//!
//! Prints the median of each step over the rounds, as a Markdown table.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hwasm_registry::gateway::{
    Chain, Delivery, Finding, GatewaySettings, Line, LintFile, LintInput, Workload, lint,
};
use hwasm_registry::plugin::{ReadLimits, Resources};

const PLUGINS: usize = 1_000;
const ROUNDS: usize = 21;

fn main() {
    let text = stream();
    let resources = read(&text);
    assert_eq!(resources.plugins.len(), PLUGINS);
    assert_eq!(resources.faults().count(), 0);
    let settings = GatewaySettings::default();
    let rows = [
        ("read the YAML", median(|| drop(black_box(read(&text))))),
        ("lint", median(|| drop(black_box(findings(&resources))))),
        ("read and lint", median(|| drop(black_box(findings(&read(&text)))))),
        ("convert", median(|| drop(black_box(delivery(&resources, &settings))))),
        ("order, and print the chain", {
            let delivery = delivery(&resources, &settings);
            let (line, workload) = (Line::default(), Workload::plain(Line::default()));
            median(|| drop(black_box(Chain::order(delivery.plugins(), line, &workload).report())))
        }),
    ];
    println!(
        "| {PLUGINS} WasmPlugins, {} kB of YAML | median of {ROUNDS} (ms) |\n|---|--:|",
        text.len() / 1000
    );
    for (step, duration) in rows {
        println!("| {step} | {:.1} |", duration.as_secs_f64() * 1000.0);
    }
}

/// One document for each plugin: a default, three rules, and now and then a mistake.
fn stream() -> String {
    let mut text = String::new();
    for n in 0..PLUGINS {
        let (priority, service) =
            (n * 7 % 1000, if n % 10 == 0 { "'*.dns'" } else { "echo.course.svc.cluster.local" });
        write!(
            text,
            "---\napiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata:\n  name: plugin-{n}\n  \
             namespace: higress-system\nspec:\n  url: oci://registry.example.com/plugins/plugin-{n}:1.0.{n}\n  phase: AUTHN\n  \
             priority: {priority}\n  defaultConfig:\n    headers:\n    - key1=value1\n    body: '{{\"hello\":\"foo\"}}'\n    \
             limit: {n}\n  matchRules:\n  - domain:\n    - plugin-{n}.example.com\n    - '*.plugin-{n}.example.com'\n    config:\n      \
             headers:\n      - key2=value2\n      limit: 1\n  - ingress:\n    - course/ingress-{n}\n    config:\n      body: bar\n  \
             - service:\n    - {service}\n    config:\n      body: baz\n      nested:\n        deep: [1, 2, 3]\n"
        )
        .expect("a String takes every text");
    }
    text
}

fn read(text: &str) -> Resources {
    Resources::read(text.as_bytes(), &ReadLimits::default()).expect("the stream is well formed")
}

fn findings(resources: &Resources) -> Vec<Finding> {
    let files = vec![LintFile { name: "stream.yaml", resources }];
    lint(&LintInput { files, ..LintInput::default() })
}

fn delivery(resources: &Resources, settings: &GatewaySettings) -> Delivery {
    Delivery::of(resources.plugins.iter().map(|resource| &resource.plugin), settings)
}

fn median(mut step: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            step();
            started.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}
