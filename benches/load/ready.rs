//! How long a server takes from its start to its first good answer.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use tokio::process::{Child, Command};

/// What to start, and what to ask.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// URL that answers 200 when the server is ready
    url: String,
    /// The server and its arguments, after `--`
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let client = Client::new();
    let started = Instant::now();
    let mut server = Command::new(&args.command[0])
        .args(&args.command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    while started.elapsed() < Duration::from_mins(1) {
        if client.get(&args.url).send().await.is_ok_and(|response| response.status() == 200) {
            let taken = started.elapsed();
            terminate(&mut server).await?;
            return Ok(format!("{:.1}", taken.as_secs_f64() * 1000.0));
        }
        ensure!(server.try_wait()?.is_none(), "the server ended");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("the server is not ready after 60 s")
}

/// Ends the server as an init system would, so that the next start finds its store in order.
async fn terminate(server: &mut Child) -> Result<()> {
    let id = server.id().context("the server ended")?.to_string();
    ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success(), "cannot end the server");
    server.wait().await?;
    Ok(())
}
