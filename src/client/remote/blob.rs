use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{Method, StatusCode, header};

use super::Remote;
use super::call::Call;
use super::retry::is_worth_retrying;
use super::scope::Scope;
use super::transport::Reply;
use crate::client::source::skip;
use crate::client::verify::verified;
use crate::client::{ByteStream, Error, NetworkCause, NetworkFailure};
use crate::oci::{Descriptor, Digest};

/// A download that moved at least so far since it broke last counts as healthy again.
const HEALTHY_BYTES: u64 = 1024 * 1024;

impl Remote {
    /// `end-2` by HEAD: whether the repository holds the blob.
    pub(super) async fn find_blob(&self, digest: &Digest) -> Result<bool, Error> {
        let call = self.blob_call(Method::HEAD, digest);
        let reply = self.registry.send(&call, &Scope::pull(&self.repository)).await?;
        match reply.status() {
            StatusCode::NOT_FOUND => Ok(false),
            _ => reply.expect(&[StatusCode::OK]).await.map(|_| true),
        }
    }

    /// `end-2`: the blob's content, verified; a broken connection is taken up where it broke.
    pub(super) async fn download(&self, blob: &Descriptor) -> Result<ByteStream, Error> {
        let content = self.open_at(blob, 0).await?;
        let download = Download {
            remote: self.clone(),
            blob: blob.clone(),
            content,
            position: 0,
            broke_at: 0,
            failures: 0,
        };
        let pieces = stream::try_unfold(download, |mut download| async {
            Ok(download.next().await?.map(|piece| (piece, download)))
        });
        Ok(verified(pieces.boxed(), blob))
    }

    /// The content from `position` on. A registry that knows no ranges sends all of it, and we skip.
    async fn open_at(&self, blob: &Descriptor, position: u64) -> Result<ByteStream, Error> {
        let mut call = self.blob_call(Method::GET, &blob.digest);
        if position > 0 {
            call = call.with_header(header::RANGE, &format!("bytes={position}-"));
        }
        let reply = self.registry.send(&call, &Scope::pull(&self.repository)).await?;
        let reply = reply.expect(&[StatusCode::OK, StatusCode::PARTIAL_CONTENT]).await?;
        if reply.status() == StatusCode::OK {
            return Ok(skip(reply.into_stream(), position));
        }
        match range_start(&reply) {
            Some(start) if start == position => Ok(reply.into_stream()),
            _ => Err(reply.protocol_error(format!("asked for bytes from {position} on, got others"))),
        }
    }

    fn blob_call(&self, method: Method, digest: &Digest) -> Call {
        Call::new(method, self.registry.url(&format!("v2/{}/blobs/{digest}", self.path())))
    }
}

/// The first position of `Content-Range: bytes first-last/size`.
fn range_start(reply: &Reply) -> Option<u64> {
    let range = reply.header(&header::CONTENT_RANGE)?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// A download under way.
struct Download {
    remote: Remote,
    blob: Descriptor,
    content: ByteStream,
    /// How many bytes have been handed on.
    position: u64,
    /// Where it broke last.
    broke_at: u64,
    /// How often it broke without having been healthy in between.
    failures: usize,
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let error = match self.content.try_next().await {
                Ok(Some(piece)) => {
                    self.position += piece.len() as u64;
                    return Ok(Some(piece));
                }
                Ok(None) if self.position >= self.blob.size => return Ok(None),
                Ok(None) => self.cut_off(),
                Err(error) if is_worth_retrying(&error) => error,
                Err(error) => return Err(error),
            };
            self.take_up(error).await?;
        }
    }

    async fn take_up(&mut self, error: Error) -> Result<(), Error> {
        if self.position >= self.broke_at + HEALTHY_BYTES {
            self.failures = 0;
        }
        self.failures += 1;
        self.broke_at = self.position;
        self.remote.registry.retry().pause(self.failures, error).await?;
        self.content = self.remote.open_at(&self.blob, self.position).await?;
        Ok(())
    }

    fn cut_off(&self) -> Error {
        let request = self.remote.blob_call(Method::GET, &self.blob.digest).describe();
        let message = format!("the content ended after {} of {} bytes", self.position, self.blob.size);
        Error::Network(Box::new(NetworkFailure { request, cause: NetworkCause::Broken, message }))
    }
}
