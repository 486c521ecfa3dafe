//! Requests through an Envoy.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use reqwest::{Client, StatusCode};
use tokio::time::sleep;

/// Pause between two requests, so that asking does not take the processor from those who are asked.
const PAUSE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// An Envoy, asked again and again on one connection.
pub(crate) struct Gateway {
    client: Client,
    url: String,
}

impl Gateway {
    pub(crate) fn new(url: String) -> Self {
        Self { client: Client::new(), url }
    }

    /// Waits until it takes connections.
    pub(crate) async fn ready(&self) -> Result<()> {
        let started = Instant::now();
        while self.client.get(&self.url).send().await.is_err() {
            ensure!(started.elapsed() < PATIENCE, "`{}` takes no connections", self.url);
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// When the first response with that header came. Every one before it has to be good as well.
    pub(crate) async fn answers_with(&self, header: &str) -> Result<Instant> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let response = self.client.get(&self.url).send().await?;
            ensure!(response.status() == StatusCode::OK, "a request was answered {}", response.status());
            if response.headers().contains_key(header) {
                let now = Instant::now();
                response.bytes().await?;
                return Ok(now);
            }
            response.bytes().await?;
            sleep(PAUSE).await;
        }
        bail!("no response of `{}` had `{header}` in {PATIENCE:?}", self.url)
    }
}
