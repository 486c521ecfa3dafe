use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Config;
use super::connection::Connection;
use super::idle::IdleTimeout;
use super::linger::Linger;
use super::router::HttpService;

/// How much of an upload one read takes from the socket at most: fewer, larger frames, at this cost per connection.
const BUFFER_BYTES: usize = 512 << 10;
/// How long to wait after an accept that failed for want of file descriptors or memory.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Accepts connections until `shutdown` completes, then lets running requests finish.
pub(super) async fn run(
    listener: TcpListener,
    config: &Config,
    service: HttpService,
    shutdown: impl Future<Output = ()>,
) {
    let protocol = protocol(config);
    let slots = Arc::new(Semaphore::new(config.max_connections as usize));
    let graceful = GracefulShutdown::new();
    let (connections, abandon) = (TaskTracker::new(), CancellationToken::new());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (slot, stream) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let service = ConnectionService { connection: Connection::of(&stream), service: service.clone() };
        let io = TokioIo::new(prepared(stream, config.idle_timeout));
        let serving = graceful.watch(protocol.serve_connection(io, service));
        let abandoned = abandon.clone();
        connections.spawn(async move {
            if let Some(Err(error)) = abandoned.run_until_cancelled_owned(serving).await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(config.shutdown_grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish within the shutdown grace");
    }
    abandon.cancel();
    connections.close();
    connections.wait().await;
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

fn prepared(stream: TcpStream, idle_timeout: Duration) -> Linger<IdleTimeout<TcpStream>> {
    // Without it a small answer may wait for the client's acknowledgement of the one before. Failing costs only speed.
    let _ = stream.set_nodelay(true);
    Linger::new(IdleTimeout::new(stream, idle_timeout))
}

/// HTTP/1.1 only: over plain TCP no client of a registry speaks HTTP/2, and its streams would need bounds of their own.
fn protocol(config: &Config) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(config.header_timeout).max_buf_size(BUFFER_BYTES);
    protocol
}

/// The service, told which connection its requests come from.
struct ConnectionService {
    connection: Connection,
    service: HttpService,
}

impl Service<http::Request<Incoming>> for ConnectionService {
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.connection);
        let service = self.service.clone();
        Box::pin(async move { Ok(service.answer(request.map(axum::body::Body::new)).await) })
    }
}
