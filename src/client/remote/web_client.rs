use futures_util::TryStreamExt as _;
use http::{Method, StatusCode, header};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use url::{Host, Url};

use super::call::Call;
use super::retry::RetryPolicy;
use super::transport::{Reply, Transport};
use crate::client::{Error, NetworkCause, Options};

/// Fetches files of web servers, as agents do: a GET without credentials, of which only 200 is an answer.
pub struct WebClient {
    /// For everything that a proxy of the environment may stand before.
    outside: Transport,
    /// For this machine.
    loopback: Transport,
    retry: RetryPolicy,
}

impl WebClient {
    /// A client without connections yet. Of `options` it takes the certificates and the manners of trying
    /// again.
    pub fn new(options: &Options) -> Self {
        Self {
            outside: Transport::new(options, false),
            loopback: Transport::new(options, true),
            retry: options.retry,
        }
    }

    /// Writes what `url` leads to into `file`, and says how long it is.
    ///
    /// Tried again, from the beginning, are broken connections, 408, 429, and the statuses from 500 on but
    /// 501, 505 and 511, which stay (Istio, `pkg/wasm/httpfetcher.go`); `Retry-After` is honoured.
    ///
    /// # Errors
    /// Any other status, and more than `limit_bytes`. What is in the file then is of no use.
    pub async fn download(&self, url: &Url, file: &mut File, limit_bytes: u64) -> Result<u64, Error> {
        let mut failures = 0;
        loop {
            let error = match self.download_once(url, file, limit_bytes).await {
                Ok(length) => return Ok(length),
                Err(error) => error,
            };
            failures += 1;
            self.retry.pause_if(passes(&error), failures, error).await?;
        }
    }

    /// What tells one version of the file from another: its `ETag`, else when it was last modified. Nothing where the
    /// server tells neither.
    ///
    /// # Errors
    /// Any other status than 200.
    pub async fn validator(&self, url: &Url) -> Result<Option<String>, Error> {
        let reply = self.send(Method::HEAD, url).await?.expect(&[StatusCode::OK]).await?;
        let validator = reply.header(&header::ETAG).or(reply.header(&header::LAST_MODIFIED));
        Ok(validator.map(str::to_owned))
    }

    async fn download_once(&self, url: &Url, file: &mut File, limit_bytes: u64) -> Result<u64, Error> {
        let written = |source| Error::File { action: "write", path: "a temporary file".into(), source };
        let reply = self.send(Method::GET, url).await?.expect(&[StatusCode::OK]).await?;
        reply.check_length(url.path(), limit_bytes)?;
        file.set_len(0).await.map_err(written)?;
        file.rewind().await.map_err(written)?;
        let mut content = reply.into_stream();
        let mut length = 0;
        while let Some(piece) = content.try_next().await? {
            length += piece.len() as u64;
            if length > limit_bytes {
                return Err(Error::TooLarge { what: format!("file `{}`", url.path()), limit_bytes });
            }
            file.write_all(&piece).await.map_err(written)?;
        }
        file.flush().await.map_err(written)?;
        Ok(length)
    }

    async fn send(&self, method: Method, url: &Url) -> Result<Reply, Error> {
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let transport = if is_loopback { &self.loopback } else { &self.outside };
        transport.send(&Call::new(method, url.clone()), None).await
    }
}

/// Whether the same request may succeed a little later.
fn passes(error: &Error) -> bool {
    match error {
        Error::Refused(refusal) => {
            matches!(refusal.status, 408 | 429)
                || (refusal.status >= 500 && !matches!(refusal.status, 501 | 505 | 511))
        }
        Error::Network(failure) => matches!(
            failure.cause,
            NetworkCause::Unreachable | NetworkCause::NobodyListens | NetworkCause::Broken
        ),
        _ => false,
    }
}
