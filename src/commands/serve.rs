use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::Effective;
use crate::registry::Registry;
use crate::server::{Rooms, WasmPluginDirectory};
use crate::storage::Store;
use crate::{gateway, server, telemetry};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::flags::ServerFlags;
use super::output::{Paint, Report};
use super::stop_signals::StopSignals;

/// Run the registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It runs until it is interrupted; transfers that are under way finish first.

Examples:
  # On this machine only, in the user's data directory
  hwasm-registry serve

  # For others too
  hwasm-registry serve --listen 0.0.0.0:5000 --data-dir /var/lib/hwasm-registry

  # With a view of what Istio gets of the WasmPlugins in a directory, at /debug/configz
  hwasm-registry serve --wasmplugins ./wasmplugins")]
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
    /// The resources of `--wasmplugins`.
    wasmplugins: Option<FoundWasmPlugins>,
}

/// What a directory of `WasmPlugin`s holds at the start.
#[derive(Debug, Serialize)]
struct FoundWasmPlugins {
    /// The directory.
    directory: PathBuf,
    /// How many resources its files hold.
    found: usize,
    /// How many of these give something that Istio gets.
    converted: usize,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let Effective { config, .. } = context.config(self.flags.given())?;
        let _logging =
            telemetry::start(&config.log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let wasmplugins = survey(context, &config.gateway)?;
        let store = Store::open(&config.storage).await?;
        let listener = server::bind(&config.server).await.map_err(explain)?;
        let listen = listener.local_addr().context("cannot tell the port")?;
        let mut signals = StopSignals::listen()?;
        context.output.report(&Serving { listen, data_dir: config.storage.data_dir, wasmplugins })?;
        let stopping = CancellationToken::new();
        let rooms = Rooms { registry: Registry::new(store, config.registry), gateway: config.gateway };
        let serving = server::serve(listener, &config.server, rooms, stopping.clone().cancelled_owned());
        let stopped_twice = async {
            signals.next().await;
            tracing::info!("stopping once running transfers have finished; a second signal stops at once");
            stopping.cancel();
            signals.next().await;
        };
        tokio::select! {
            () = serving => Ok(()),
            () = stopped_twice => {
                Err(Failure::new(Exit::Failure, "stopped before running transfers had finished").into())
            }
        }
    }
}

/// Looks into the directory of `WasmPlugin`s once, so that a mistake shows before anybody asks for the view.
fn survey(context: &Context, gateway: &gateway::Config) -> anyhow::Result<Option<FoundWasmPlugins>> {
    let Some(directory) = gateway.wasmplugins.clone() else { return Ok(None) };
    let applied = WasmPluginDirectory::new(&directory, gateway.settings())
        .read()
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    for reason in applied.left_out.sentences() {
        context.output.warn(reason);
    }
    Ok(Some(FoundWasmPlugins { directory, found: applied.found, converted: applied.converted.len() }))
}

/// What to do about an address that cannot be had.
fn explain(error: server::Error) -> anyhow::Error {
    let failure = Failure::new(Exit::Failure, "cannot serve");
    let advice = "if a registry runs there already, use it; else choose another address with `--listen`";
    anyhow::Error::new(error).context(failure.advise(advice))
}

impl Report for Serving {
    fn text(&self, paint: Paint) -> String {
        let url = paint.strong(&format!("http://{}", self.listen));
        let serving = format!("serving {url}, content in {}", self.data_dir.display());
        match &self.wasmplugins {
            None => serving,
            Some(FoundWasmPlugins { directory, found, converted }) => format!(
                "{serving}\n{found} WasmPlugins in {}, of which Istio gets {converted}: {url}/debug/configz",
                directory.display()
            ),
        }
    }
}
