use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::eventually;

pub(crate) const SECRET: &str = "a secret of thirty-two letters.";

/// One request as it came, whose signature has been verified.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) headers: HeaderMap,
    pub(crate) event: Value,
}

/// What a receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    /// It never answers.
    Hang,
}

type Decide = Arc<dyn Fn(&Delivery) -> Answer + Send + Sync>;

/// A web server that takes events.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Delivery>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        Self::answering(|_| Answer::Status(204)).await
    }

    pub(crate) async fn answering(decide: impl Fn(&Delivery) -> Answer + Send + Sync + 'static) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), decide).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        decide: impl Fn(&Delivery) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let log = Arc::<Mutex<Vec<Delivery>>>::default();
        let router =
            Router::new().fallback(receive).with_state((Arc::clone(&log), Arc::new(decide) as Decide));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, log, task }
    }

    /// An address where nobody listens.
    pub(crate) async fn nowhere() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("a bound port")
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn hears(&self, count: usize) -> Vec<Delivery> {
        eventually(&format!("{count} deliveries"), async || self.deliveries().len() >= count).await;
        self.deliveries()
    }

    /// The ids of the events that have come.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.deliveries().iter().map(Delivery::id).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Delivery {
    pub(crate) fn id(&self) -> u64 {
        self.event["data"]["id"].as_u64().expect("a number")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("a printable header")
    }
}

async fn receive(
    State((log, decide)): State<(Arc<Mutex<Vec<Delivery>>>, Decide)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["webhook-signature"], signature(&headers, &body), "the signature");
    let delivery = Delivery { headers, event: serde_json::from_slice(&body).expect("JSON") };
    let answer = decide(&delivery);
    log.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    let response = Response::builder();
    let response = match answer {
        Answer::Status(status) => response.status(status),
        Answer::With(status, name, value) => response.status(status).header(name, value),
        Answer::Hang => std::future::pending().await,
    };
    response.body(Body::empty()).expect("an answer")
}

/// What the signature has to be (Standard Webhooks, "Signature scheme"), HMAC by its definition (RFC 2104).
fn signature(headers: &HeaderMap, body: &[u8]) -> String {
    let text = |name: &str| headers[name].to_str().expect("a printable header").to_owned();
    let signed = format!("{}.{}.", text("webhook-id"), text("webhook-timestamp"));
    let pad = |with: u8| {
        let mut block = [0_u8; 64];
        block[..SECRET.len()].copy_from_slice(SECRET.as_bytes());
        block.map(|byte| byte ^ with)
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(signed).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    format!("v1,{}", STANDARD.encode(outer))
}
