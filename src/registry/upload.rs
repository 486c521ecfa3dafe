use bytes::Bytes;
use futures_util::Stream;

use super::{Error, Registry, Result};
use crate::oci::{Algorithm, ChunkRange, Digest, RepositoryName};
use crate::storage::{self, AppendError, Upload, UploadId};

/// The part of a blob that one request brings.
pub struct Chunk<S> {
    /// The bytes.
    pub body: S,
    /// Where they belong, where the client says so.
    pub range: Option<ChunkRange>,
    /// How many there are, where the client says so.
    pub length: Option<u64>,
}

/// An upload session and how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartedUpload {
    /// Its name.
    pub id: UploadId,
    /// How many bytes have arrived.
    pub offset: u64,
}

impl Registry {
    /// `end-4a`, `end-4c`: begins an upload session.
    pub async fn start_upload(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
    ) -> Result<StartedUpload> {
        let limit = self.limits().open_uploads;
        let id = self.store.create_upload(repository, algorithm, limit).await?;
        let id = id.ok_or(Error::TooManyUploads(limit))?;
        Ok(StartedUpload { id, offset: 0 })
    }

    /// `end-13`: how far an upload session came.
    pub async fn upload_status(&self, repository: &RepositoryName, id: UploadId) -> Result<StartedUpload> {
        let offset = self.store.upload_offset(repository, id).await?;
        let offset = offset.ok_or_else(|| Error::UploadUnknown(repository.clone()))?;
        Ok(StartedUpload { id, offset })
    }

    /// `end-5`: appends a chunk to an upload session.
    pub async fn append_upload<S, E>(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        chunk: Chunk<S>,
    ) -> Result<StartedUpload>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        let upload = self.open_upload(repository, id).await?;
        let upload = self.receive(upload, chunk).await?;
        self.store.save_upload(&upload).await?;
        Ok(StartedUpload { id, offset: upload.offset() })
    }

    /// `end-6`: appends the last chunk, if any, and makes the upload a blob.
    pub async fn finish_upload<S, E>(
        &self,
        (repository, id): (&RepositoryName, UploadId),
        chunk: Chunk<S>,
        digest: &Digest,
    ) -> Result<()>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        let upload = self.open_upload(repository, id).await?;
        let upload = self.receive(upload, chunk).await?;
        self.commit(repository, upload, digest).await
    }

    /// `end-4b`: takes a whole blob in one request.
    pub async fn put_blob<S, E>(
        &self,
        repository: &RepositoryName,
        chunk: Chunk<S>,
        digest: &Digest,
    ) -> Result<()>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        let upload = self.receive(self.store.stage(digest.algorithm())?, chunk).await?;
        self.commit(repository, upload, digest).await
    }

    /// `end-14`: cancels an upload session.
    pub async fn cancel_upload(&self, repository: &RepositoryName, id: UploadId) -> Result<()> {
        let found = self.store.delete_upload(repository, id).await?;
        if found { Ok(()) } else { Err(Error::UploadUnknown(repository.clone())) }
    }

    async fn open_upload(&self, repository: &RepositoryName, id: UploadId) -> Result<Upload> {
        let upload = self.store.open_upload(repository, id).await?;
        upload.ok_or_else(|| Error::UploadUnknown(repository.clone()))
    }

    /// Appends a chunk. After an error a session either stands where it stood or is gone, as the error tells.
    async fn receive<S, E>(&self, mut upload: Upload, chunk: Chunk<S>) -> Result<Upload>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        check_order(&upload, &chunk)?;
        let limit = self.limits().running_uploads;
        let _permit = self.receiving.try_acquire().map_err(|_| Error::TooManyUploads(limit))?;
        let start = upload.offset();
        let room = self.limits().blob_size.as_u64().saturating_sub(start);
        if chunk.length.is_some_and(|length| length > room) {
            return self.give_up(upload, Error::BlobTooLarge(self.limits().blob_size)).await;
        }
        let promised = chunk.range.map(ChunkRange::length);
        let limit = promised.map_or(room, |promised| promised.min(room));
        let error = match upload.append(chunk.body, limit).await {
            Ok(()) => match promised {
                Some(promised) if promised != upload.offset() - start => {
                    Error::ChunkLength { promised, actual: upload.offset() - start }
                }
                _ => return Ok(upload),
            },
            Err(AppendError::Superseded) => return Err(Error::Superseded),
            Err(AppendError::Body(error)) => {
                // The client may come back and go on; failing to note how far it came costs only hashing again.
                let _ = self.store.save_upload(&upload).await;
                return Err(Error::Body(error.to_string()));
            }
            Err(AppendError::TooLarge) => match promised {
                Some(promised) if promised < room => Error::ChunkLength { promised, actual: promised + 1 },
                _ => Error::BlobTooLarge(self.limits().blob_size),
            },
            Err(AppendError::Store(error)) => error.into(),
        };
        self.give_up(upload, error).await
    }

    /// Compares what arrived with what was promised, and publishes it.
    async fn commit(&self, repository: &RepositoryName, mut upload: Upload, promised: &Digest) -> Result<()> {
        if upload.algorithm() != promised.algorithm() {
            upload.rehash(promised.algorithm()).await?;
        }
        let actual = upload.digest();
        if actual != *promised {
            let error = Error::DigestMismatch { promised: promised.clone(), actual };
            return self.give_up(upload, error).await;
        }
        match self.store.commit_upload(upload, repository).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends an upload that cannot succeed any more.
    async fn give_up<T>(&self, upload: Upload, error: Error) -> Result<T> {
        match self.store.discard_upload(upload).await {
            Ok(()) | Err(storage::Error::Full) => Err(error),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn check_order<S>(upload: &Upload, chunk: &Chunk<S>) -> Result<()> {
    let Some(range) = chunk.range else { return Ok(()) };
    if range.first != upload.offset() {
        return Err(Error::OutOfOrder { first: range.first, expected: upload.offset() });
    }
    match chunk.length {
        Some(length) if length != range.length() => {
            Err(Error::ChunkLength { promised: range.length(), actual: length })
        }
        _ => Ok(()),
    }
}
