use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::agent::PullerOptions;
use crate::artifact::Agent;
use crate::client::{
    Access, Connector, CopyOptions, Credentials, Image, Location, Options, Registry, Remote,
};
use crate::config::Config;
use crate::oci::{ImageReference, RegistryHost};
use crate::policy::Pull;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::flags::StoreFlags;
use super::local::LocalRegistry;
use super::place::Place;
use super::progress::Bars;

/// How registries are reached.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Registries")]
pub(super) struct ConnectionArgs {
    /// Speak plain http to every registry; without it only to loopback addresses
    #[arg(long)]
    plain_http: bool,
    /// Trust the certificate authorities of this PEM file, besides the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Accept any certificate
    #[arg(long)]
    insecure_skip_tls_verify: bool,
}

/// Options of every command that works on images.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Registries")]
pub(super) struct SessionArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    store: StoreFlags,
}

impl ConnectionArgs {
    /// The same for the client, with this user's credentials.
    pub(super) fn options(&self) -> Options {
        Options {
            plain_http: self.plain_http,
            ca_file: self.ca_file.clone(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            ..Options::default()
        }
    }
}

impl SessionArgs {
    /// Lets an agent reach the registry of `pull` in the same way.
    pub(super) fn apply(&self, options: &mut PullerOptions, pull: &Pull) {
        let ConnectionArgs { plain_http, ca_file, .. } = &self.connection;
        if let Some(image) = pull.url.image().filter(|_| *plain_http) {
            options.plain_http.insert(image.registry.clone());
        }
        if ca_file.is_some() {
            options.ca_file.clone_from(ca_file);
        }
    }
}

/// Connections of one command. The local registry is looked for when it is first needed.
pub(super) struct Session<'a> {
    /// What the command works with.
    pub(super) context: &'a Context,
    config: Config,
    connector: Connector,
    /// Whether a data directory was asked for, which only counts where no registry runs.
    names_store: bool,
    /// For a server of our own, to which no option applies.
    own_connector: Connector,
    local: OnceCell<LocalRegistry>,
}

/// Does `work` in a session, and ends the session whatever comes of it.
pub(super) async fn with_session<T>(
    context: &Context,
    args: &SessionArgs,
    work: impl AsyncFnOnce(&Session<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let session = Session::new(context, args)?;
    let outcome = work(&session).await;
    if let Some(local) = session.local.into_inner() {
        local.close().await;
    }
    outcome
}

impl<'a> Session<'a> {
    fn new(context: &'a Context, args: &SessionArgs) -> anyhow::Result<Self> {
        let store = args.store.given();
        Ok(Self {
            context,
            names_store: !store.is_empty(),
            config: context.config(store)?.config,
            connector: Connector::new(args.connection.options()),
            own_connector: Connector::new(anonymous()),
            local: OnceCell::new(),
        })
    }

    /// The host that the local registry goes by, whether or not it runs.
    pub(super) fn local_host(&self) -> RegistryHost {
        LocalRegistry::name(&self.config)
    }

    /// The agents that matter: those of `plugins.agents`.
    pub(super) fn agents(&self) -> &[Agent] {
        &self.config.registry.plugins.agents
    }

    /// Reads the name of a place.
    pub(super) fn place(&self, text: &str) -> anyhow::Result<Place> {
        Place::parse(text, &self.local_host())
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()).into())
    }

    /// The image at `place`.
    pub(super) async fn image(&self, place: &Place, access: Access) -> anyhow::Result<Image> {
        match place {
            Place::At(location) => Ok(self.connector.image(location, access).await?),
            Place::Local(image) => {
                let (connector, registry) = self.local().await?;
                let location = Location::Registry(ImageReference { registry, ..image.clone() });
                Ok(connector.image(&location, access).await?)
            }
        }
    }

    /// The repository that `place` is in, which has to be a registry's.
    pub(super) async fn remote(&self, place: &Place) -> anyhow::Result<Remote> {
        let (host, image) = match place {
            Place::Local(image) => (None, image),
            Place::At(Location::Registry(image)) => (Some(&image.registry), image),
            Place::At(_) => {
                let message = format!("`{place}` is not in a registry; only those remember what tags named");
                return Err(Failure::new(Exit::Usage, message).into());
            }
        };
        Ok(self.registry(host).await?.repository(&image.repository))
    }

    /// Whether the local registry is this command's own, which nobody else reaches.
    pub(super) async fn serves_itself(&self) -> anyhow::Result<bool> {
        Ok(self.local.get_or_try_init(|| self.reach()).await?.is_own())
    }

    /// The registry at `host`, or the local one.
    pub(super) async fn registry(&self, host: Option<&RegistryHost>) -> anyhow::Result<Arc<Registry>> {
        if let Some(host) = host {
            return Ok(self.connector.registry(host)?);
        }
        let (connector, host) = self.local().await?;
        Ok(connector.registry(&host)?)
    }

    /// How content is moved: with bars, where there is somebody to see them.
    pub(super) fn copy_options(&self) -> CopyOptions {
        CopyOptions { progress: Arc::new(Bars::new(self.context.output.bars())), ..CopyOptions::default() }
    }

    async fn reach(&self) -> anyhow::Result<LocalRegistry> {
        let local = LocalRegistry::reach(&self.config, &self.context.output).await?;
        if self.names_store && !local.is_own() {
            self.context.output.warn(format_args!(
                "a registry answers at {} and is used, whatever its data directory; `--data-dir` does not count",
                local.endpoint()
            ));
        }
        Ok(local)
    }

    /// Where the local registry is reached now, and over which connections.
    async fn local(&self) -> anyhow::Result<(&Connector, RegistryHost)> {
        let local = self.local.get_or_try_init(|| self.reach()).await?;
        let connector = if local.is_own() { &self.own_connector } else { &self.connector };
        Ok((connector, local.endpoint().clone()))
    }
}

/// Options for a server within this process.
fn anonymous() -> Options {
    Options { credentials: Credentials::Anonymous, ..Options::default() }
}
