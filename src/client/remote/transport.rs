use std::error::Error as _;
use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

use super::address::{Resolver, forbidden, forbidden_hop};
use super::call::{ANSWER_TIMEOUT, Call, Redirects, describe};
use super::retry::parse_retry_after;
use crate::client::{ByteStream, Error, NetworkCause, NetworkFailure, Options, Refusal, Request};
use crate::oci::ErrorBody;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many redirects are followed.
const REDIRECT_LIMIT: usize = 5;
/// How much of an error's body is read.
const ERROR_LIMIT_BYTES: usize = 64 * 1024;
/// By which an agent says on which node it is.
const NODE_ID: HeaderName = HeaderName::from_static("hwasm-node-id");

/// Sends single requests. It knows nothing of credentials and of trying again.
///
/// This is the only file that names the HTTP client, but for `address`, which filters what it resolves.
pub(super) struct Transport {
    options: Options,
    /// Set for loopback registries, which no proxy could reach.
    direct: bool,
    /// For http; made without loading the system's certificates, which costs more than a request.
    plain: OnceLock<reqwest::Client>,
    /// For https.
    secure: OnceLock<reqwest::Client>,
}

/// The head of an answer, whose body is still to be read.
#[derive(Debug)]
pub(super) struct Reply {
    request: Request,
    response: reqwest::Response,
}

impl Transport {
    /// A transport for registries that are, or are not, on this machine.
    pub(super) fn new(options: &Options, direct: bool) -> Self {
        Self { options: options.clone(), direct, plain: OnceLock::new(), secure: OnceLock::new() }
    }

    /// Sends `call`, and follows redirects of reads. `authorization` goes to the first URL's origin only.
    pub(super) async fn send(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
    ) -> Result<Reply, Error> {
        let mut url = call.url.clone();
        check_address(forbidden(&url), || call.describe())?;
        for _ in 0..=REDIRECT_LIMIT {
            let authorization = authorization.filter(|_| url.origin() == call.url.origin());
            let request = describe(&call.method, &url);
            let reply = self.send_once(call, url.clone(), authorization).await?;
            match next_hop(&reply, &url, call)? {
                Some(next) => url = next,
                None => return Ok(Reply { request, ..reply }),
            }
        }
        let problem = format!("it redirects more than {REDIRECT_LIMIT} times");
        Err(Error::Protocol { request: Box::new(call.describe()), problem })
    }

    async fn send_once(
        &self,
        call: &Call,
        url: Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Reply, Error> {
        let request = describe(&call.method, &url);
        let mut builder = self.client(&url)?.request(call.method.clone(), url).headers(call.headers.clone());
        if let Some(authorization) = authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        if !call.is_read() {
            builder = builder.header(header::CONTENT_LENGTH, call.body.len()).body(call.body.clone());
        }
        match tokio::time::timeout(call.timeout(), builder.send()).await {
            Ok(Ok(response)) => Ok(Reply { request, response }),
            Ok(Err(error)) => Err(network(request, &error)),
            Err(_) => Err(stalled(request, call.timeout())),
        }
    }

    /// Sends `call` once with a streamed body of `length` bytes in place of its own.
    pub(super) async fn send_stream(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
        body: ByteStream,
        length: u64,
    ) -> Result<Reply, Error> {
        let request = call.describe();
        let mut builder = self
            .client(&call.url)?
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone())
            .header(header::CONTENT_LENGTH, length)
            .body(reqwest::Body::wrap_stream(body));
        if let Some(authorization) = authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        match builder.send().await {
            Ok(response) => Ok(Reply { request, response }),
            Err(error) => Err(network(request, &error)),
        }
    }

    fn client(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        let (cell, build): (_, fn(&Self) -> Result<_, Error>) =
            if url.scheme() == "http" { (&self.plain, Self::plain) } else { (&self.secure, Self::secure) };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = build(self)?;
        Ok(cell.get_or_init(|| client))
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("hwasm-registry/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Resolver);
        let node = self.options.node_id.as_deref().and_then(|node| HeaderValue::from_str(node).ok());
        let builder = match node {
            Some(node) => builder.default_headers(HeaderMap::from_iter([(NODE_ID, node)])),
            None => builder,
        };
        if self.direct { builder.no_proxy() } else { builder }
    }

    fn plain(&self) -> Result<reqwest::Client, Error> {
        self.builder().tls_certs_only([]).build().map_err(|error| self.unusable(&error))
    }

    fn secure(&self) -> Result<reqwest::Client, Error> {
        let mut builder = self.builder();
        if let Some(path) = &self.options.ca_file {
            let pem = fs::read(path).map_err(Error::file("read", path))?;
            let authorities =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| self.unusable(&error))?;
            builder = builder.tls_certs_merge(authorities);
        }
        if self.options.insecure_skip_tls_verify {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        builder.build().map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &reqwest::Error) -> Error {
        Error::Malformed {
            path: self.options.ca_file.clone().unwrap_or_default(),
            expected: "set of trusted certificates",
            problem: reasons(error),
        }
    }
}

/// Where a redirect of a read leads; none where `reply` is to be taken as it is.
fn next_hop(reply: &Reply, url: &Url, call: &Call) -> Result<Option<Url>, Error> {
    let follow = call.is_read() && call.redirects == Redirects::Follow;
    let is_redirect = matches!(reply.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = reply.header(&header::LOCATION).filter(|_| follow && is_redirect) else {
        return Ok(None);
    };
    let next = url.join(location).map_err(|_| reply.protocol_error("its `Location` is not a URL"))?;
    check_address(forbidden_hop(url, &next), || describe(&call.method, &next))?;
    match (url.scheme(), next.scheme()) {
        ("https", "https") | ("http", "http" | "https") => Ok(Some(next)),
        _ => Err(reply.protocol_error("it redirects from https to another scheme")),
    }
}

/// Nothing where there is no `reason` against asking.
fn check_address(reason: Option<String>, request: impl FnOnce() -> Request) -> Result<(), Error> {
    match reason {
        None => Ok(()),
        Some(message) => {
            let cause = NetworkCause::ForbiddenAddress;
            Err(Error::Network(Box::new(NetworkFailure { request: request(), cause, message })))
        }
    }
}

impl Reply {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// A header's value, where it is there and is text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The URL that answered.
    pub(super) fn url(&self) -> &Url {
        self.response.url()
    }

    /// The URL that a header names, which may be relative.
    pub(super) fn url_in(&self, name: &HeaderName) -> Option<Url> {
        self.response.url().join(self.header(name)?).ok()
    }

    pub(super) fn protocol_error(&self, problem: impl Into<String>) -> Error {
        Error::Protocol { request: Box::new(self.request.clone()), problem: problem.into() }
    }

    /// The reply itself where its status is one of `expected`, else what it says is wrong.
    pub(super) async fn expect(self, expected: &[StatusCode]) -> Result<Self, Error> {
        let status = self.status();
        if expected.contains(&status) {
            return Ok(self);
        }
        if status.is_client_error() || status.is_server_error() {
            return Err(self.into_refusal().await);
        }
        Err(self.protocol_error(format!("unexpected status {status}")))
    }

    /// The error that an answer of status 4xx or 5xx stands for.
    pub(super) async fn into_refusal(self) -> Error {
        let retry_after =
            self.header(&header::RETRY_AFTER).and_then(|text| parse_retry_after(text, chrono::Utc::now()));
        let (request, status) = (self.request.clone(), self.status().as_u16());
        let body = self.read_some(ERROR_LIMIT_BYTES).await;
        let (code, message) = read_error_body(&body);
        Error::Refused(Box::new(Refusal { request, status, code, message, retry_after }))
    }

    /// An error where the answer says that its body is larger than `limit_bytes`.
    pub(super) fn check_length(&self, what: &str, limit_bytes: u64) -> Result<(), Error> {
        match self.response.content_length() {
            Some(length) if length > limit_bytes => {
                Err(Error::TooLarge { what: what.to_owned(), limit_bytes })
            }
            _ => Ok(()),
        }
    }

    /// The whole body, at most `limit_bytes`.
    pub(super) async fn read_all(self, what: &str, limit_bytes: u64) -> Result<Bytes, Error> {
        let too_large = || Error::TooLarge { what: what.to_owned(), limit_bytes };
        self.check_length(what, limit_bytes)?;
        let mut content = self.into_stream();
        let mut all = BytesMut::new();
        while let Some(piece) = content.try_next().await? {
            if (all.len() + piece.len()) as u64 > limit_bytes {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The beginning of the body, as far as it arrives.
    async fn read_some(self, limit: usize) -> Bytes {
        let mut content = self.into_stream();
        let mut all = BytesMut::new();
        while let Ok(Some(piece)) = content.try_next().await {
            all.extend_from_slice(&piece[..piece.len().min(limit - all.len())]);
            if all.len() == limit {
                break;
            }
        }
        all.freeze()
    }

    /// The body as it arrives. A stream that stands still breaks.
    pub(super) fn into_stream(self) -> ByteStream {
        let request = self.request;
        let content = self.response.bytes_stream().boxed();
        let next = |(mut content, request): (BoxStream<'static, reqwest::Result<Bytes>>, Request)| async move {
            let piece = tokio::time::timeout(ANSWER_TIMEOUT, content.try_next()).await;
            match piece {
                Ok(Ok(piece)) => Ok(piece.map(|piece| (piece, (content, request)))),
                Ok(Err(error)) => Err(network(request, &error)),
                Err(_) => Err(stalled(request, ANSWER_TIMEOUT)),
            }
        };
        futures_util::stream::try_unfold((content, request), next).boxed()
    }
}

/// The first code and all messages of a registry's error body; of another body its beginning, on one line.
fn read_error_body(body: &[u8]) -> (Option<String>, String) {
    if let Ok(ErrorBody { errors }) = serde_json::from_slice(body) {
        let messages: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        return (errors.first().map(|error| error.code.clone()), messages.join("; "));
    }
    let text = String::from_utf8_lossy(body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (None, line.chars().filter(|c| !c.is_control()).take(200).collect())
}

pub(super) fn stalled(request: Request, limit: Duration) -> Error {
    let message = format!("nothing moved for {} s", limit.as_secs());
    Error::Network(Box::new(NetworkFailure { request, cause: NetworkCause::Broken, message }))
}

fn network(request: Request, error: &reqwest::Error) -> Error {
    let message = reasons(error);
    let cause = cause_of(error, &message);
    Error::Network(Box::new(NetworkFailure { request, cause, message }))
}

/// The innermost reasons tell the cases apart; the layers between have no public types for them.
fn cause_of(error: &reqwest::Error, message: &str) -> NetworkCause {
    if message.contains("InvalidContentType") {
        return NetworkCause::PlainHttp;
    }
    if message.contains("certificate") {
        return NetworkCause::UntrustedCertificate;
    }
    match error.is_connect() {
        true if message.contains("dns error") => NetworkCause::UnknownHost,
        true if was_refused(error) => NetworkCause::NobodyListens,
        true => NetworkCause::Unreachable,
        false => NetworkCause::Broken,
    }
}

/// Whether the other machine is there and says that nobody listens on the port.
fn was_refused(error: &reqwest::Error) -> bool {
    let sources = std::iter::successors(error.source(), |&source| source.source());
    sources
        .filter_map(|source| source.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Every reason, outermost first, without the URL, which may hold secrets.
fn reasons(error: &reqwest::Error) -> String {
    let mut all: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(source) = next {
        let reason = source.to_string();
        if !all.iter().any(|known| known.contains(&reason)) {
            all.push(reason);
        }
        next = source.source();
    }
    if all.is_empty() { "the request could not be built or sent".to_owned() } else { all.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_of_any_shape_are_read() {
        let spec = br#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X","message":"really"}]}"#;
        assert_eq!(read_error_body(spec), (Some("DENIED".to_owned()), "no; really".to_owned()));
        assert_eq!(read_error_body(b"<h1>\n 502  Bad\x07</h1>"), (None, "<h1> 502 Bad</h1>".to_owned()));
        assert_eq!(read_error_body(b""), (None, String::new()));
        assert_eq!(read_error_body(&[b'x'; 5000]).1.len(), 200);
    }
}
