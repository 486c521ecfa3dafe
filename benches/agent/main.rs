//! The client of `benches/agent-run`: how fast an agent swaps a module, and what many Envoys cost it. Prints Markdown tables.

#[path = "../load/content.rs"]
mod content;
mod gateway;
mod modules;
mod plain;
mod process;
#[path = "../load/registry.rs"]
#[expect(dead_code, reason = "the load client uses the rest")]
mod registry;
mod scale;
mod seed;
mod streams;
mod swap;
mod times;

use clap::Parser;

/// Measures an agent.
#[derive(Parser)]
enum Bench {
    /// Pushes the plugin under the tags `p0` and on, so that an agent has something to pull.
    Seed(seed::Args),
    /// Pushes new modules and waits for their answers, beside an Envoy that is told of the same modules at once.
    Swap(swap::Args),
    /// Connects many Envoys to an agent of many plugins.
    Scale(scale::Args),
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the tables are the program's output")]
async fn main() -> anyhow::Result<()> {
    // `cargo bench` without a name runs every benchmark with this flag; this one is a tool of `benches/agent-run`.
    let arguments = std::env::args().filter(|argument| argument != "--bench");
    let report = match Bench::parse_from(arguments) {
        Bench::Seed(args) => seed::run(args).await?,
        Bench::Swap(args) => swap::run(args).await?,
        Bench::Scale(args) => scale::run(args).await?,
    };
    print!("{report}");
    Ok(())
}
