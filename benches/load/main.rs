//! The load client of `benches/run`: everything that wrk cannot do. Each subcommand prints one number or a few.

mod content;
mod manifests;
mod push;
mod ready;
mod registry;
mod storm;

use clap::Parser;

/// Puts load on an OCI registry and says how it fared.
#[derive(Parser)]
enum Load {
    /// Pushes blobs with POST and PUT; prints MB/s.
    Push(push::Args),
    /// Puts manifests one after another; prints the median and the mean in milliseconds.
    Manifests(manifests::Args),
    /// Pushes one image under many tags.
    Tags(manifests::TagArgs),
    /// Starts a server and prints the milliseconds until it answers 200.
    Ready(ready::Args),
    /// Many clients pull one blob while others push; prints the seconds it took.
    Storm(storm::Args),
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the numbers are the program's output")]
async fn main() -> anyhow::Result<()> {
    // `cargo bench` without a name runs every benchmark with this flag; this one is a tool of `benches/run`.
    let arguments = std::env::args().filter(|argument| argument != "--bench");
    let report = match Load::parse_from(arguments) {
        Load::Push(args) => push::run(args).await?,
        Load::Manifests(args) => manifests::run(args).await?,
        Load::Tags(args) => manifests::tag(args).await?,
        Load::Ready(args) => ready::run(args).await?,
        Load::Storm(args) => storm::run(args).await?,
    };
    println!("{report}");
    Ok(())
}
