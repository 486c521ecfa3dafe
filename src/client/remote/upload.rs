use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderName, Method, StatusCode, header};
use url::Url;

use super::Remote;
use super::call::Call;
use super::manifest::DOCKER_CONTENT_DIGEST;
use super::retry::is_worth_retrying;
use super::scope::Scope;
use super::transport::Reply;
use super::upload_body::{Chunks, noting_faults};
use crate::client::{BlobOutcome, BlobSource, Error};
use crate::oci::{Descriptor, Digest};

/// The chunk size for registries that refuse larger bodies: GHCR's limit is 4 MiB, and nobody's is smaller.
const CHUNK_BYTES: u64 = 4 * 1024 * 1024;
/// The largest chunk that a registry can make us hold in memory.
const CHUNK_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// An upload that moved at least so far since it broke last counts as healthy again.
const HEALTHY_BYTES: u64 = 1024 * 1024;
const OCI_CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

impl Remote {
    /// Makes the repository hold `blob`: found there, mounted from another repository, or uploaded.
    pub(super) async fn upload(&self, blob: &Descriptor, source: &BlobSource) -> Result<BlobOutcome, Error> {
        if self.find_blob(&blob.digest).await? {
            return Ok(BlobOutcome::Existed);
        }
        let mut scope = Scope::push(&self.repository);
        let origin = source
            .repository()
            .filter(|(host, name)| *host == self.registry.host() && **name != self.repository);
        let mut url = self.registry.url(&format!("v2/{}/blobs/uploads/", self.path()));
        if let Some((_, from)) = origin {
            scope = scope.and(Scope::pull(from));
            url.query_pairs_mut()
                .append_pair("mount", &blob.digest.to_string())
                .append_pair("from", from.as_str());
        }
        let mut upload =
            Upload { remote: self, blob, source, scope, mode: Mode::Whole, failures: 0, broke_at: 0 };
        match upload.start(url).await? {
            Started::Mounted => Ok(BlobOutcome::Mounted),
            Started::Session(session) => upload.run(session).await.map(|()| BlobOutcome::Copied),
        }
    }
}

/// One blob on its way into a registry.
struct Upload<'a> {
    remote: &'a Remote,
    blob: &'a Descriptor,
    source: &'a BlobSource,
    scope: Scope,
    mode: Mode,
    /// How often it broke without having been healthy in between.
    failures: usize,
    /// Where it broke last.
    broke_at: u64,
}

/// How the content is cut into requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Everything that is missing in one request.
    Whole,
    /// In chunks of at most so many bytes.
    Chunks(u64),
}

/// An upload as the registry knows it.
#[derive(Clone, Debug)]
struct Session {
    /// Where the next request goes; every answer may name another place.
    location: Url,
    /// How many bytes the registry has acknowledged.
    offset: u64,
    /// The smallest chunk it takes, but for the last.
    min_chunk_bytes: u64,
}

enum Started {
    Mounted,
    Session(Session),
}

impl Upload<'_> {
    /// `end-4a` and `end-11`: begins a session, or finds the blob mounted.
    async fn start(&self, url: Url) -> Result<Started, Error> {
        let reply = self.remote.registry.send(&Call::new(Method::POST, url), &self.scope).await?;
        let reply = reply.expect(&[StatusCode::ACCEPTED, StatusCode::CREATED]).await?;
        if reply.status() == StatusCode::CREATED {
            return Ok(Started::Mounted);
        }
        let min_chunk = reply.header(&OCI_CHUNK_MIN_LENGTH).and_then(|text| text.parse().ok());
        let location = location_of(&reply)?;
        Ok(Started::Session(Session { location, offset: 0, min_chunk_bytes: min_chunk.unwrap_or(0) }))
    }

    async fn start_anew(&self) -> Result<Session, Error> {
        let url = self.remote.registry.url(&format!("v2/{}/blobs/uploads/", self.remote.path()));
        match self.start(url.clone()).await? {
            Started::Session(session) => Ok(session),
            Started::Mounted => Err(Error::Protocol {
                request: Box::new(Call::new(Method::POST, url).describe()),
                problem: "it answers an upload without content with `201 Created`".to_owned(),
            }),
        }
    }

    async fn run(&mut self, mut session: Session) -> Result<(), Error> {
        loop {
            let Err(error) = self.advance(&mut session).await else { return Ok(()) };
            match self.recover(session, error).await? {
                Some(recovered) => session = recovered,
                None => return Ok(()),
            }
        }
    }

    /// Sends what is missing and closes the session.
    async fn advance(&self, session: &mut Session) -> Result<(), Error> {
        match self.mode {
            Mode::Whole if session.offset == 0 => return self.put_whole(session).await,
            Mode::Whole if session.offset < self.blob.size => self.patch_rest(session).await?,
            Mode::Whole => {}
            Mode::Chunks(size) => self.patch_chunks(session, size).await?,
        }
        self.close(session).await
    }

    /// `end-6` with the whole content.
    async fn put_whole(&self, session: &Session) -> Result<(), Error> {
        let call = content_call(Method::PUT, closing_url(session, &self.blob.digest));
        let reply = self.send_from(call, 0).await?;
        self.check_closed(reply).await
    }

    /// `end-5` with everything from the acknowledged offset on.
    async fn patch_rest(&self, session: &mut Session) -> Result<(), Error> {
        let range = format!("{}-{}", session.offset, self.blob.size - 1);
        let call = content_call(Method::PATCH, session.location.clone());
        let reply = self.send_from(call.with_header(header::CONTENT_RANGE, &range), session.offset).await?;
        take_acknowledgement(session, reply, self.blob.size).await
    }

    /// `end-5`, chunk after chunk.
    async fn patch_chunks(&self, session: &mut Session, size: u64) -> Result<(), Error> {
        let size = size.max(session.min_chunk_bytes).min(CHUNK_LIMIT_BYTES);
        let mut chunks = Chunks::new(self.source.open(self.blob, session.offset).await?, size);
        while session.offset < self.blob.size {
            let chunk = chunks.next().await?;
            if chunk.is_empty() {
                let digest = self.blob.digest.clone();
                return Err(Error::SizeMismatch { digest, expected: self.blob.size, actual: session.offset });
            }
            let end = session.offset + chunk.len() as u64;
            let call = content_call(Method::PATCH, session.location.clone())
                .with_header(header::CONTENT_RANGE, &format!("{}-{}", session.offset, end - 1))
                .with_body(chunk);
            let reply = self.remote.registry.send_unrepeated(&call, &self.scope).await?;
            take_acknowledgement(session, reply, end).await?;
        }
        Ok(())
    }

    /// `end-6` without content.
    async fn close(&self, session: &Session) -> Result<(), Error> {
        let call = content_call(Method::PUT, closing_url(session, &self.blob.digest));
        let reply = self.remote.registry.send_unrepeated(&call, &self.scope).await?;
        self.check_closed(reply).await
    }

    async fn check_closed(&self, reply: Reply) -> Result<(), Error> {
        let reply = reply.expect(&[StatusCode::CREATED, StatusCode::OK, StatusCode::NO_CONTENT]).await?;
        let stated = reply.header(&DOCKER_CONTENT_DIGEST).and_then(|text| text.parse::<Digest>().ok());
        match stated {
            Some(actual)
                if actual.algorithm() == self.blob.digest.algorithm() && actual != self.blob.digest =>
            {
                Err(Error::DigestMismatch { expected: self.blob.digest.clone(), actual })
            }
            _ => Ok(()),
        }
    }

    /// Sends `call` with the content from `offset` on. A fault of the source comes out as itself.
    async fn send_from(&self, call: Call, offset: u64) -> Result<Reply, Error> {
        let fault = Arc::new(Mutex::new(None));
        let content = noting_faults(self.source.open(self.blob, offset).await?, Arc::clone(&fault));
        let length = self.blob.size.saturating_sub(offset);
        let sent = self.remote.registry.send_stream(&call, &self.scope, content, length).await;
        match fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => sent,
        }
    }

    /// What to go on with after `error`; none where the blob turned out to be complete.
    async fn recover(&mut self, session: Session, error: Error) -> Result<Option<Session>, Error> {
        match error.status() {
            Some(413 | 416) if self.mode == Mode::Whole => {
                tracing::debug!(%error, "uploading in chunks");
                self.mode = Mode::Chunks(CHUNK_BYTES);
                return self.start_anew().await.map(Some);
            }
            // Out of step, forgotten, or a token that ran out on the way: ask where we are.
            Some(401 | 404 | 416) if self.failures + 1 < self.remote.registry.retry().attempts => {
                self.failures += 1;
            }
            _ if is_worth_retrying(&error) => {
                self.count_failure(session.offset);
                self.remote.registry.retry().pause(self.failures, error).await?;
            }
            _ => return Err(error),
        }
        self.find_session(session).await
    }

    fn count_failure(&mut self, offset: u64) {
        if offset >= self.broke_at + HEALTHY_BYTES {
            self.failures = 0;
        }
        self.failures += 1;
        self.broke_at = offset;
        if self.failures > 1 && offset == 0 && self.mode == Mode::Whole {
            // Some proxies cut the connection instead of answering 413.
            self.mode = Mode::Chunks(CHUNK_BYTES);
        }
    }

    /// `end-13`: the session as the registry knows it, or a new one; none where the blob is there.
    async fn find_session(&self, session: Session) -> Result<Option<Session>, Error> {
        let call = Call::new(Method::GET, session.location.clone());
        let reply = self.remote.registry.send(&call, &self.scope).await?;
        let known = reply.status() == StatusCode::NO_CONTENT || reply.status() == StatusCode::OK;
        let offset = reply.header(&header::RANGE).and_then(acknowledged);
        if let (true, Some(offset)) = (known, offset.filter(|offset| *offset <= self.blob.size)) {
            let moved = reply.header(&header::LOCATION).is_some();
            let location = if moved { location_of(&reply)? } else { session.location };
            return Ok(Some(Session { location, offset, ..session }));
        }
        // The answer to a closing request may have been lost, so that the session is gone because it succeeded.
        if self.remote.find_blob(&self.blob.digest).await? {
            return Ok(None);
        }
        self.start_anew().await.map(Some)
    }
}

/// Takes over what a `202 Accepted` says; registries that say nothing of a range got everything up to `end`.
async fn take_acknowledgement(session: &mut Session, reply: Reply, end: u64) -> Result<(), Error> {
    let reply = reply.expect(&[StatusCode::ACCEPTED, StatusCode::NO_CONTENT, StatusCode::CREATED]).await?;
    let offset = reply.header(&header::RANGE).and_then(acknowledged).unwrap_or(end);
    // One byte is acknowledged in the same words as none.
    if offset != end && (offset, end) != (0, 1) {
        return Err(reply.protocol_error(format!("it acknowledges {offset} bytes where {end} were sent")));
    }
    if reply.header(&header::LOCATION).is_some() {
        session.location = location_of(&reply)?;
    }
    session.offset = end;
    Ok(())
}

/// How many bytes `Range: 0-last` acknowledges. `0-0` stands for none: it should mean one byte, but registries
/// answer it for an empty upload.
fn acknowledged(range: &str) -> Option<u64> {
    let range = range.trim();
    let (first, last) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    match (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?) {
        (0, 0) => Some(0),
        (0, last) => last.checked_add(1),
        _ => None,
    }
}

fn content_call(method: Method, url: Url) -> Call {
    Call::new(method, url).with_header(header::CONTENT_TYPE, "application/octet-stream")
}

fn location_of(reply: &Reply) -> Result<Url, Error> {
    let no_url = || reply.protocol_error("the upload has no `Location` that is a URL");
    let location = reply.url_in(&header::LOCATION).ok_or_else(no_url)?;
    match (reply.url().scheme(), location.scheme()) {
        ("http", "http") | (_, "https") => Ok(location),
        // A proxy ends TLS, and the registry behind it does not know: content must not leave in plain text.
        (_, "http") => Err(reply.protocol_error("its `Location` leads the upload from https to plain http")),
        _ => Err(no_url()),
    }
}

fn closing_url(session: &Session, digest: &Digest) -> Url {
    let mut url = session.location.clone();
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_ranges_count_bytes() {
        for (range, bytes) in [
            ("0-0", Some(0)),
            ("0-1023", Some(1024)),
            ("bytes=0-9", Some(10)),
            ("5-9", None),
            ("0-18446744073709551615", None),
            ("", None),
            ("x-y", None),
        ] {
            assert_eq!(acknowledged(range), bytes, "{range}");
        }
    }
}
