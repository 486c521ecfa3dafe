//! A server on a port of its own, plugins to serve, and a client that speaks every dialect.

pub(crate) mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hwasm_registry::agent::{
    EnvoyStatus, Envoys, Limits, Publisher, Resource, ResourceStatus, Service, Variant, XdsServer,
};
use hwasm_registry::gateway::Line;
use hwasm_registry::plugin::{Form, Metadata, Spec, WasmPlugin};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

use client::Client;

/// Both services, each in both variants of the protocol.
pub(crate) const DIALECTS: [Dialect; 4] = [
    Dialect(Service::Ecds, Variant::Sotw),
    Dialect(Service::Ecds, Variant::Delta),
    Dialect(Service::Ads, Variant::Sotw),
    Dialect(Service::Ads, Variant::Delta),
];

/// How a client speaks to the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dialect(pub(crate) Service, pub(crate) Variant);

/// The gateway that everything here is about: its names are short.
pub(crate) const LINE: Line = Line::Higress119;

/// A server, what it serves, and what it knows.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) publisher: Publisher,
    pub(crate) envoys: Envoys,
    clock: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, &limits, LINE)
    }

    pub(crate) fn on(listener: TcpListener, limits: &Limits, line: Line) -> Self {
        let publisher = Publisher::new(line);
        let clock = Arc::new(AtomicU64::new(1_000));
        let seconds = Arc::clone(&clock);
        let envoys = Envoys::new(
            limits,
            Arc::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed))),
        );
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = XdsServer::new(&publisher, &envoys, limits);
        let serving = tokio::spawn(server.serve(listener, async {
            let _ = stopped.await;
        }));
        Self { address, publisher, envoys, clock, stop: Some(stop), serving }
    }

    /// Stops it, and waits until it has stopped.
    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.serving.await.unwrap();
    }

    /// Lets the server's clock run on.
    pub(crate) fn after(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// A stream of an Envoy with the id `node`, on a connection of its own.
    pub(crate) async fn connect(&self, dialect: Dialect, node: &str) -> Client {
        Client::open(self.channel().await, dialect, node).await
    }

    /// The only Envoy there is.
    pub(crate) fn envoy(&self) -> EnvoyStatus {
        let mut known = self.envoys.list();
        assert_eq!(known.len(), 1, "{known:?}");
        known.remove(0)
    }

    /// What the Envoy has under `name`, once `is_there` says that it is what was waited for.
    pub(crate) async fn status(
        &self,
        name: &str,
        is_there: impl Fn(&ResourceStatus) -> bool,
    ) -> ResourceStatus {
        let mut seen = None;
        for _ in 0..1000 {
            let resources = self.envoys.list().into_iter().flat_map(|envoy| envoy.resources);
            seen = resources.filter(|resource| &*resource.name == name).last();
            if let Some(resource) = seen.clone().filter(&is_there) {
                return resource;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{name}` did not get there: {seen:?}");
    }
}

/// A plugin `name` in the namespace `n`, whose content is told apart by `revision`.
pub(crate) fn plugin(name: &str, revision: u32) -> Resource {
    at(LINE, name, &format!("/modules/{name}-{revision}.wasm"))
}

/// A plugin whose module is at `path`.
pub(crate) fn at(line: Line, name: &str, path: &str) -> Resource {
    let metadata = Metadata { name: name.to_owned(), namespace: Some("n".to_owned()), ..Metadata::default() };
    let spec = Spec {
        url: format!("oci://registry.example.com/{name}:1"),
        plugin_config: json!({"header": "x"}).as_object().cloned(),
        ..Spec::default()
    };
    Resource::plugin(&WasmPlugin { form: Form::Istio, metadata, spec }, line, path)
}
