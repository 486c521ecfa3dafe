use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{self, Credentials, ErrorKind, Options, RetryPolicy};
use crate::config::Config;
use crate::fleet::Fleet;
use crate::oci::RegistryHost;
use crate::registry::Registry;
use crate::server::{self, Rooms};
use crate::storage::{self, Store};
use crate::webhook::Webhooks;

use super::exit::{Exit, Failure};
use super::output::Output;

/// How long a server on this machine may take to say that it is a registry.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long another command may take that works on the store directly.
const STORE_TIMEOUT: Duration = Duration::from_secs(3);
const STORE_PAUSE: Duration = Duration::from_millis(100);

/// The registry that a name without a host means: the one that answers at `server.listen`, else a server of our
/// own over the default store, for as long as the command runs.
#[derive(Debug)]
pub(super) struct LocalRegistry {
    /// Where it is reached now.
    endpoint: RegistryHost,
    /// Our own server, where no other runs.
    own: Option<OwnServer>,
}

/// A server within this process.
#[derive(Debug)]
struct OwnServer {
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl LocalRegistry {
    /// The host it goes by, whoever serves it.
    pub(super) fn name(config: &Config) -> RegistryHost {
        host(reachable(config.server.listen))
    }

    /// Finds it, or serves it.
    pub(super) async fn reach(config: &Config, output: &Output) -> anyhow::Result<Self> {
        let endpoint = Self::name(config);
        if is_registry(&endpoint).await {
            return Ok(Self { endpoint, own: None });
        }
        output.note(format_args!(
            "no registry answers at {endpoint}; working on the store in {} directly",
            config.storage.data_dir.display()
        ));
        let store = open(&config.storage).await.map_err(explain)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = config.clone();
        let settings = server::Config { listen, ..config.server };
        let listener = server::bind(&settings).await?;
        let endpoint = host(listener.local_addr().context("cannot tell the port")?);
        let stopping = CancellationToken::new();
        let stopped = stopping.clone().cancelled_owned();
        let fleet = Fleet::new(store.clone(), config.fleet);
        let webhooks = Webhooks::none(store.clone());
        let registry = Registry::new(store, config.registry);
        let rooms = Rooms { registry, gateway: config.gateway, fleet, webhooks };
        let task = tokio::spawn(async move { server::serve(listener, &settings, rooms, stopped).await });
        Ok(Self { endpoint, own: Some(OwnServer { stopping, task }) })
    }

    /// Where it is reached now.
    pub(super) fn endpoint(&self) -> &RegistryHost {
        &self.endpoint
    }

    /// Whether this command serves it.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Stops serving it, if this command did, and waits until the store is closed.
    pub(super) async fn close(self) {
        if let Some(own) = self.own {
            own.stopping.cancel();
            // It only fails by a panic, which has been reported.
            let _ = own.task.await;
        }
    }
}

/// Whether a registry answers at `host`; that it wants credentials is an answer too.
async fn is_registry(host: &RegistryHost) -> bool {
    let options =
        Options { credentials: Credentials::Anonymous, retry: RetryPolicy::once(), ..Options::default() };
    let Ok(registry) = client::Registry::new(host.clone(), &options) else { return false };
    match tokio::time::timeout(PROBE_TIMEOUT, registry.ping()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => error.kind() == ErrorKind::Unauthorized,
        Err(_) => false,
    }
}

/// Opens the store, and waits a little where another process has it: commands that run side by side each need it for a
/// moment only.
async fn open(config: &storage::Config) -> Result<Store, storage::Error> {
    let started = Instant::now();
    loop {
        match Store::open(config).await {
            Err(storage::Error::InUse { .. }) if started.elapsed() < STORE_TIMEOUT => {
                tokio::time::sleep(STORE_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// What to do about a store that does not open.
fn explain(error: storage::Error) -> anyhow::Error {
    let failure = Failure::new(Exit::Failure, "cannot work on the store directly");
    let failure = match &error {
        storage::Error::InUse { .. } => failure.advise(
            "if that process is a registry on another port, name it as `127.0.0.1:PORT/repository:tag`, or set \
             HWASM_REGISTRY__SERVER__LISTEN to its address",
        ),
        _ => failure,
    };
    anyhow::Error::new(error).context(failure)
}

/// The address under which this machine reaches a server that listens on `listen`: loopback where it listens on
/// every address, and the usual port where it takes any.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let port = if listen.port() == 0 { server::Config::default().listen.port() } else { listen.port() };
    SocketAddr::new(ip, port)
}

fn host(address: SocketAddr) -> RegistryHost {
    address.to_string().parse().expect("a socket address with a port is a host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_registry_goes_by_an_address_that_this_machine_reaches() {
        for (listen, expected) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:443", "10.0.0.1:443"),
            ("127.0.0.1:0", "127.0.0.1:5000"),
        ] {
            assert_eq!(host(reachable(listen.parse().unwrap())).as_str(), expected, "{listen}");
        }
    }
}
