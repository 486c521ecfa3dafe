use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Method, StatusCode};
use url::Url;

use super::Remote;
use super::auth::Authorizer;
use super::call::{Call, WRITE_TIMEOUT};
use super::retry::{RetryPolicy, is_worth_retrying};
use super::scope::Scope;
use super::transport::{Reply, Transport, stalled};
use crate::client::{ByteStream, Error, NetworkCause, Options};
use crate::oci::{RegistryHost, RepositoryName};

/// One registry: connections, tokens and the manners of trying again.
pub struct Registry {
    host: RegistryHost,
    /// `http://host/` or `https://host/`.
    base: Url,
    transport: Arc<Transport>,
    auth: Authorizer,
    retry: RetryPolicy,
    /// Whether it has answered anything yet: one that has is worth waiting for when its port closes.
    has_answered: AtomicBool,
}

impl Registry {
    /// The registry at `host`. Nothing is sent yet.
    ///
    /// It is spoken to by https, but by http where `options` say so or the host is loopback; a loopback host for
    /// which TLS options are given is spoken to by https too.
    ///
    /// # Errors
    /// Where the host does not make a URL.
    pub fn new(host: RegistryHost, options: &Options) -> Result<Self, Error> {
        let tls_asked = options.ca_file.is_some() || options.insecure_skip_tls_verify;
        let plain = options.plain_http || (host.is_loopback() && !tls_asked);
        let scheme = if plain { "http" } else { "https" };
        let base: Url =
            format!("{scheme}://{}/", api_host(&host)).parse().map_err(|error: url::ParseError| {
                let problem = format!("its host is not one: {error}");
                Error::Malformed { path: host.as_str().into(), expected: "registry", problem }
            })?;
        let transport = Arc::new(Transport::new(options, host.is_loopback()));
        let credentials = options.credentials.clone();
        let auth = Authorizer::new(host.clone(), base.clone(), Arc::clone(&transport), credentials);
        Ok(Self { host, base, transport, auth, retry: options.retry, has_answered: AtomicBool::new(false) })
    }

    /// The host as it was given.
    pub fn host(&self) -> &RegistryHost {
        &self.host
    }

    /// One of its repositories. Nothing is sent yet.
    pub fn repository(self: &Arc<Self>, name: &RepositoryName) -> Remote {
        Remote { registry: Arc::clone(self), repository: name.clone() }
    }

    /// `end-1`: `GET /v2/`. Succeeds where this is a registry that lets us in.
    pub async fn ping(&self) -> Result<(), Error> {
        let call = Call::new(Method::GET, self.url("v2/"));
        self.send(&call, &Scope::default()).await?.expect(&[StatusCode::OK]).await?;
        Ok(())
    }

    /// Whether the registry has asked who we are: what one that has not gave, it gives to everybody.
    pub async fn was_asked(&self) -> bool {
        self.auth.was_asked().await
    }

    pub(super) fn retry(&self) -> &RetryPolicy {
        &self.retry
    }

    /// The URL of a path of well-formed names.
    pub(super) fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("names, tags and digests make a URL path")
    }

    /// Sends `call`, answers challenges, and tries again what may pass.
    pub(super) async fn send(&self, call: &Call, scope: &Scope) -> Result<Reply, Error> {
        self.retry.run(|| self.send_once(call, scope)).await
    }

    /// Sends `call` and reads its whole answer, which has to have status 200 and at most `limit_bytes`.
    pub(super) async fn fetch(
        &self,
        call: &Call,
        scope: &Scope,
        limit: (&str, u64),
    ) -> Result<(http::HeaderMap, bytes::Bytes), Error> {
        let (what, limit_bytes) = limit;
        let attempt = || async {
            let reply = self.send_once(call, scope).await?.expect(&[StatusCode::OK]).await?;
            let headers = reply.headers().clone();
            Ok((headers, reply.read_all(what, limit_bytes).await?))
        };
        self.retry.run(attempt).await
    }

    /// Sends `call` once: for requests that must not be repeated without looking first.
    pub(super) async fn send_unrepeated(&self, call: &Call, scope: &Scope) -> Result<Reply, Error> {
        self.send_once(call, scope).await
    }

    /// That the registry has no `what`, which ours has.
    pub(super) fn lacks(&self, what: &'static str) -> Error {
        Error::Lacks { registry: self.host.clone(), what }
    }

    /// The same where `error` is the answer of a registry that never heard of it, else `error`.
    pub(super) fn lacking(&self, what: &'static str, error: Error) -> Error {
        match error {
            Error::Refused(refusal) if refusal.is_of_no_page() => self.lacks(what),
            Error::Protocol { .. } => self.lacks(what),
            error => error,
        }
    }

    async fn send_once(&self, call: &Call, scope: &Scope) -> Result<Reply, Error> {
        let shown = self.auth_for(&call.url, scope).await?;
        let mut reply = self.noted(self.transport.send(call, shown.as_ref()).await)?;
        if reply.status() == StatusCode::UNAUTHORIZED
            && self.is_ours(&call.url)
            && let Some(other) = self.auth.renew(&reply, scope, shown.as_ref()).await?
        {
            reply = self.transport.send(call, Some(&other)).await?;
        }
        refuse_passing(reply).await
    }

    /// Sends `call` once with a streamed body; what the registry thinks of it is the caller's to see.
    ///
    /// A refused token is renewed, so that the next try has a good one.
    pub(super) async fn send_stream(
        &self,
        call: &Call,
        scope: &Scope,
        body: ByteStream,
        length: u64,
    ) -> Result<Reply, Error> {
        let shown = self.auth_for(&call.url, scope).await?;
        let (body, pulse) = super::upload_body::with_pulse(body);
        let sent = self.transport.send_stream(call, shown.as_ref(), body, length);
        let reply = tokio::select! {
            reply = sent => self.noted(reply)?,
            () = pulse.stopped(WRITE_TIMEOUT) => return Err(stalled(call.describe(), WRITE_TIMEOUT)),
        };
        if reply.status() == StatusCode::UNAUTHORIZED && self.is_ours(&call.url) {
            self.auth.renew(&reply, scope, shown.as_ref()).await?;
        }
        refuse_passing(reply).await
    }

    /// Notes that the registry answered; where it did before, a closed port means that it is being restarted.
    fn noted(&self, sent: Result<Reply, Error>) -> Result<Reply, Error> {
        match sent {
            Ok(reply) => {
                self.has_answered.store(true, Ordering::Relaxed);
                Ok(reply)
            }
            Err(Error::Network(mut failure)) if failure.cause == NetworkCause::NobodyListens => {
                if self.has_answered.load(Ordering::Relaxed) {
                    failure.cause = NetworkCause::Unreachable;
                }
                Err(Error::Network(failure))
            }
            Err(error) => Err(error),
        }
    }

    async fn auth_for(&self, url: &Url, scope: &Scope) -> Result<Option<HeaderValue>, Error> {
        if self.is_ours(url) { self.auth.header(scope).await } else { Ok(None) }
    }

    /// Whether `url` is the registry's own: an upload's `Location` may lead elsewhere, without our credentials.
    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }
}

/// Where a registry's protocol is spoken, which for Docker Hub is not the host people write.
fn api_host(host: &RegistryHost) -> &str {
    match host.as_str() {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        other => other,
    }
}

/// `reply` as an error where the same request may succeed later.
async fn refuse_passing(reply: Reply) -> Result<Reply, Error> {
    if !matches!(reply.status().as_u16(), 408 | 429 | 500 | 502..=504) {
        return Ok(reply);
    }
    let refusal = reply.into_refusal().await;
    debug_assert!(is_worth_retrying(&refusal), "both lists are the same");
    Err(refusal)
}
