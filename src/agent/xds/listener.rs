use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_server::ExtensionConfigDiscoveryServiceServer;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::codegen::Service as _;
use tonic::service::Routes;

use super::discovery::Discovery;
use super::session::Shared;
use super::{Envoys, Limits, Publisher};

/// How long to wait after an accept that failed for want of file descriptors or memory.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// What a client may send on one stream before we read it.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// What a client may send on all streams of a connection before we read it.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// What is kept ready for a stream whose client does not read.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// Largest head of a request. Envoy's has a few hundred bytes.
const HEAD_BYTES: u32 = 16 << 10;

/// Serves what a [`Publisher`] publishes, on both discovery services, over HTTP/2 without TLS.
pub struct XdsServer {
    discovery: Discovery,
    limits: Arc<Limits>,
    stopped: CancellationToken,
}

impl XdsServer {
    /// A server of what `publisher` publishes. What becomes of it is seen in `envoys`.
    pub fn new(publisher: &Publisher, envoys: &Envoys, limits: &Limits) -> Self {
        let limits = Arc::new(limits.clone());
        let stopped = CancellationToken::new();
        let room = Arc::new(Semaphore::new(limits.max_subscribed_bytes as usize));
        let discovery = Discovery {
            shared: Shared { limits: Arc::clone(&limits), envoys: envoys.clone(), room, run: run() },
            snapshots: publisher.subscribe(),
            slots: Arc::new(Semaphore::new(limits.max_streams as usize)),
            stopped: stopped.clone(),
        };
        Self { discovery, limits, stopped }
    }

    /// Serves on `listener` until `shutdown` completes. Then every stream is ended, so that its Envoy looks for
    /// another server and keeps what it runs; what is left after the grace is cut off. No task outlives this call.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(self.limits.max_connections as usize));
        let (tasks, abandoned) = (TaskTracker::new(), CancellationToken::new());
        let front = Front {
            protocol: protocol(&self.limits, Executor { tasks: tasks.clone(), abandoned: abandoned.clone() }),
            routes: routes(&self.discovery, &self.limits),
            stopped: self.stopped.clone(),
            first_request_timeout: self.limits.first_request_timeout,
        };
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let (slot, stream) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&listener, &slots) => accepted,
            };
            let serving = front.clone().serve(stream, slot);
            tasks.spawn(abandoned.clone().run_until_cancelled_owned(serving));
        }
        drop(listener);
        self.stopped.cancel();
        tasks.close();
        if tokio::time::timeout(self.limits.shutdown_grace, tasks.wait()).await.is_err() {
            tracing::info!("some Envoys did not close their connections within the shutdown grace");
        }
        abandoned.cancel();
        tasks.wait().await;
    }
}

/// Eight digits that no other run is likely to have.
fn run() -> Arc<str> {
    let (beginning, ..) = uuid::Uuid::new_v4().as_fields();
    format!("{beginning:08x}").into()
}

/// Waits for a free slot, then for a connection.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (OwnedSemaphorePermit, TcpStream) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (slot, stream),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

fn routes(discovery: &Discovery, limits: &Limits) -> Routes {
    let ecds = ExtensionConfigDiscoveryServiceServer::new(discovery.clone())
        .max_decoding_message_size(limits.max_message_bytes);
    let ads = AggregatedDiscoveryServiceServer::new(discovery.clone())
        .max_decoding_message_size(limits.max_message_bytes);
    Routes::new(ecds).add_service(ads).prepare()
}

fn protocol(limits: &Limits, executor: Executor) -> http2::Builder<Executor> {
    let mut protocol = http2::Builder::new(executor);
    protocol
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(limits.keepalive_interval).filter(|interval| !interval.is_zero()))
        .keep_alive_timeout(limits.keepalive_timeout)
        .max_concurrent_streams(limits.max_streams_per_connection)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(HEAD_BYTES);
    protocol
}

/// What every connection gets.
#[derive(Clone)]
struct Front {
    protocol: http2::Builder<Executor>,
    routes: Routes,
    stopped: CancellationToken,
    first_request_timeout: Duration,
}

impl Front {
    async fn serve(self, stream: TcpStream, _slot: OwnedSemaphorePermit) {
        // Without it a change may wait for the acknowledgement of the one before. Failing costs only speed.
        let _ = stream.set_nodelay(true);
        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn(|request: http::Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let answer = self.routes.clone().call(request);
            async move { answer.await.map_err(|never: Infallible| never) }
        });
        let mut connection = std::pin::pin!(self.protocol.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = silence(&asked, self.first_request_timeout) => return,
            () = self.stopped.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a discovery connection ended early");
        }
    }
}

/// Completes once `limit` has passed without a request.
async fn silence(asked: &AtomicBool, limit: Duration) {
    tokio::time::sleep(limit).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// Runs the streams of a connection as tasks that are counted, and cut off at the end.
#[derive(Clone)]
struct Executor {
    tasks: TaskTracker,
    abandoned: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        self.tasks.spawn(self.abandoned.clone().run_until_cancelled_owned(future));
    }
}
