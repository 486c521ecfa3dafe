use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Effective;
use crate::registry::Registry;
use crate::storage::Store;
use crate::{server, telemetry};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::flags::ServerFlags;
use super::output::{Paint, Report};

/// Run the registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It runs until it is interrupted; transfers that are under way finish first.

Examples:
  # On this machine only, in the user's data directory
  hwasm-registry serve

  # For others too
  hwasm-registry serve --listen 0.0.0.0:5000 --data-dir /var/lib/hwasm-registry")]
pub(super) struct Args {
    #[command(flatten)]
    flags: ServerFlags,
}

/// The registry is ready.
#[derive(Debug, Serialize)]
struct Serving {
    /// Where it listens, with the port it got.
    listen: SocketAddr,
    /// Where content is kept.
    data_dir: PathBuf,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let Effective { config, .. } = context.config(self.flags.given())?;
        let _logging =
            telemetry::start(&config.log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let store = Store::open(&config.storage).await?;
        let listener = server::bind(&config.server).await.map_err(explain)?;
        let listen = listener.local_addr().context("cannot tell the port")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
        context.output.report(&Serving { listen, data_dir: config.storage.data_dir })?;
        let stopping = CancellationToken::new();
        let registry = Registry::new(store, config.registry);
        let serving = server::serve(listener, &config.server, registry, stopping.clone().cancelled_owned());
        let stopped_twice = async {
            stop_signal(&mut terminate).await;
            tracing::info!("stopping once running transfers have finished; a second signal stops at once");
            stopping.cancel();
            stop_signal(&mut terminate).await;
        };
        tokio::select! {
            () = serving => Ok(()),
            () = stopped_twice => {
                Err(Failure::new(Exit::Failure, "stopped before running transfers had finished").into())
            }
        }
    }
}

/// What to do about an address that cannot be had.
fn explain(error: server::Error) -> anyhow::Error {
    let failure = Failure::new(Exit::Failure, "cannot serve");
    let advice = "if a registry runs there already, use it; else choose another address with `--listen`";
    anyhow::Error::new(error).context(failure.advise(advice))
}

/// Completes at SIGINT or SIGTERM.
async fn stop_signal(terminate: &mut Signal) {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

impl Report for Serving {
    fn text(&self, paint: Paint) -> String {
        let url = paint.strong(&format!("http://{}", self.listen));
        format!("serving {url}, content in {}", self.data_dir.display())
    }
}
