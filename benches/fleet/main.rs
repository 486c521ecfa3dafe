//! The client of `benches/fleet-run`: what the views of a large fleet cost, and what a fleet costs that asks all at once.
//! Prints Markdown.

mod burst;
#[path = "../load/content.rs"]
mod content;
#[path = "../load/registry.rs"]
#[expect(dead_code, reason = "the load client uses the rest")]
mod registry;
mod seed;
#[path = "../agent/times.rs"]
mod times;
mod view;

use clap::Parser;

/// Measures what is known of a fleet.
#[derive(Parser)]
enum Bench {
    /// Pushes plugins, and lets agents report that they run them.
    Seed(seed::Args),
    /// Looks at the views, and prints a table of how long each took.
    View(view::Args),
    /// Lets many agents ask within a second, each over a connection of its own.
    Burst(burst::Args),
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the tables are the program's output")]
async fn main() -> anyhow::Result<()> {
    // `cargo bench` without a name runs every benchmark with this flag; this one is a tool of `benches/fleet-run`.
    let arguments = std::env::args().filter(|argument| argument != "--bench");
    let report = match Bench::parse_from(arguments) {
        Bench::Seed(args) => seed::run(args).await?,
        Bench::View(args) => view::run(args).await?,
        Bench::Burst(args) => burst::run(args).await?,
    };
    print!("{report}");
    Ok(())
}
