use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::str::FromStr;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::metadata::{BlobFacts, UploadRow};
use super::upload_files::{hash_tail, write_frames};
use super::upload_sessions::Session;
use super::{Error, Result, Store, Timestamp};
use crate::oci::{Algorithm, Digest, Digester, RepositoryName};

/// How many frames may wait for the disk; with the connection's buffer this bounds an upload's memory.
const WAITING_FRAMES: usize = 2;

/// Names one upload session; it cannot be guessed from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(uuid::Uuid);

impl UploadId {
    fn new() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> std::result::Result<Self, uuid::Error> {
        uuid::Uuid::try_parse(text).map(Self)
    }
}

/// A blob on its way in, held by one request.
///
/// Dropping it keeps a session's bytes for a later request, and removes those of a staged upload.
pub struct Upload {
    id: UploadId,
    path: PathBuf,
    /// Absent only while, and after, a write failed.
    file: Option<File>,
    offset: u64,
    digester: Digester,
    /// Absent for a staged upload, which no later request can name.
    session: Option<Session>,
}

/// Why a body could not be appended.
#[derive(Debug)]
pub enum AppendError<E> {
    /// The body broke off. What arrived before is kept.
    Body(E),
    /// The upload would become longer than allowed.
    TooLarge,
    /// A later request took the session over.
    Superseded,
    /// The bytes could not be written.
    Store(Error),
}

impl Upload {
    /// The session's name.
    pub fn id(&self) -> UploadId {
        self.id
    }

    /// How many bytes have arrived.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The digest of what has arrived.
    pub fn digest(&self) -> Digest {
        self.digester.clone().finish()
    }

    /// Which algorithm that digest uses.
    pub fn algorithm(&self) -> Algorithm {
        self.digester.algorithm()
    }

    /// Hashes with another algorithm from now on, and all that has arrived once more.
    pub async fn rehash(&mut self, algorithm: Algorithm) -> Result<()> {
        let mut file = self.file.take().ok_or(Error::Interrupted)?;
        let hashing = spawn_blocking(move || {
            let mut digester = Digester::new(algorithm);
            hash_tail(&mut file, 0, &mut digester).map(|()| (file, digester))
        });
        let hashed = hashing.await.map_err(|_| Error::Interrupted)?;
        let (file, digester) = hashed.map_err(|source| Error::io("read", &self.path, source))?;
        (self.file, self.digester) = (Some(file), digester);
        Ok(())
    }

    /// Appends a body of at most `limit` bytes: hashed here while another thread writes.
    ///
    /// Dropping the future is safe: what was written is found, and hashed, when the session is next opened.
    pub async fn append<S, E>(&mut self, body: S, limit: u64) -> std::result::Result<(), AppendError<E>>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
    {
        let file = self.file.take().ok_or(AppendError::Store(Error::Interrupted))?;
        let (frames, queue) = mpsc::channel(WAITING_FRAMES);
        let session = self.session.clone();
        let writing = spawn_blocking(move || write_frames(file, queue, session));
        let outcome = self.feed(body, limit, frames).await;
        let written = writing.await.map_err(|_| AppendError::Store(Error::Interrupted))?;
        let file = written.map_err(|source| AppendError::Store(Error::io("write", &self.path, source)))?;
        self.file = Some(file);
        outcome
    }

    async fn feed<S, E>(
        &mut self,
        body: S,
        mut limit: u64,
        frames: mpsc::Sender<Bytes>,
    ) -> std::result::Result<(), AppendError<E>>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
    {
        let mut body = std::pin::pin!(body);
        let session = self.session.clone();
        let superseded = async {
            match &session {
                Some(session) => session.superseded().await,
                None => std::future::pending().await,
            }
        };
        let mut superseded = std::pin::pin!(superseded);
        loop {
            let frame = tokio::select! {
                biased;
                () = &mut superseded => return Err(AppendError::Superseded),
                frame = body.next() => frame,
            };
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(AppendError::Body)?;
            limit = limit.checked_sub(frame.len() as u64).ok_or(AppendError::TooLarge)?;
            self.digester.update(&frame);
            self.offset += frame.len() as u64;
            if frames.send(frame).await.is_err() {
                // The writer gave up; its error is the one to tell.
                return Ok(());
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.session.is_none() {
            // Its content has another name where it was published. What stays is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Store {
    /// Begins an upload that one request completes. If it does not, nothing is left of it.
    pub fn stage(&self, algorithm: Algorithm) -> Result<Upload> {
        let id = UploadId::new();
        let (file, offset) = self.inner.upload_files.open_file(id)?;
        let path = self.inner.upload_files.path(id);
        Ok(Upload { id, path, file: Some(file), offset, digester: Digester::new(algorithm), session: None })
    }

    /// Begins an upload that later requests go on with; `None` where `limit` are open already.
    pub async fn create_upload(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
        limit: u32,
    ) -> Result<Option<UploadId>> {
        let id = UploadId::new();
        let row = UploadRow {
            id,
            repository: repository.clone(),
            algorithm,
            offset: 0,
            hash_state: Digester::new(algorithm).save(),
        };
        Ok(self.inner.metadata.insert_upload(&row, limit, Timestamp::now()).await?.then_some(id))
    }

    /// How many bytes of the session have arrived, without disturbing who writes to it.
    pub async fn upload_offset(&self, repository: &RepositoryName, id: UploadId) -> Result<Option<u64>> {
        if self.inner.metadata.find_upload(repository, id).await?.is_none() {
            return Ok(None);
        }
        self.inner.upload_files.length(id).map(Some)
    }

    /// Takes the session over for writing; `None` where `repository` has no such upload.
    pub async fn open_upload(&self, repository: &RepositoryName, id: UploadId) -> Result<Option<Upload>> {
        if self.inner.metadata.find_upload(repository, id).await?.is_none() {
            return Ok(None);
        }
        let session = self.inner.sessions.enter(id).await;
        // Read again: the request that held the session may have moved or ended it.
        let Some(row) = self.inner.metadata.find_upload(repository, id).await? else {
            return Ok(None);
        };
        let files = self.inner.upload_files.clone();
        let opened = spawn_blocking(move || resume(&files, &row, session)).await;
        opened.map_err(|_| Error::Interrupted)?.map(Some)
    }

    /// Records how far the session came, so that the next request need not hash these bytes again.
    pub async fn save_upload(&self, upload: &Upload) -> Result<()> {
        let metadata = &self.inner.metadata;
        metadata.update_upload(upload.id, upload.offset, &upload.digester.save(), Timestamp::now()).await
    }

    /// Makes the upload a blob of `repository`. The caller has compared [`Upload::digest`] with what was promised.
    pub async fn commit_upload(&self, upload: Upload, repository: &RepositoryName) -> Result<Digest> {
        let committed = self.publish(&upload, |digest, size| {
            let (id, repository) = (upload.session.is_some().then_some(upload.id), repository.clone());
            let facts = BlobFacts { digest, size };
            async move { self.inner.metadata.commit_blob(&repository, &facts, id, Timestamp::now()).await }
        });
        let digest = committed.await?;
        // What cannot be removed is removed at the next start.
        let _ = self.inner.upload_files.remove(upload.id);
        Ok(digest)
    }

    /// Makes the upload, whose MD5 is given in hex, the module unpacked from the image `manifest`.
    pub async fn commit_module(&self, upload: Upload, manifest: &Digest, md5: &str) -> Result<Digest> {
        let digest = self.publish(&upload, |digest, size| async move {
            let facts = BlobFacts { digest, size };
            self.inner.metadata.commit_module(manifest, (&facts, md5), Timestamp::now()).await
        });
        digest.await
    }

    /// Syncs the file, puts it into place, syncs the directory, and only then lets `record` commit the row.
    async fn publish<F, R>(&self, upload: &Upload, record: F) -> Result<Digest>
    where
        F: FnOnce(Digest, u64) -> R,
        R: Future<Output = Result<()>>,
    {
        let digest = upload.digest();
        let _publishing = self.inner.publishing.lock(&digest).await;
        let file = upload.file.as_ref().ok_or(Error::Interrupted)?;
        let file = file.try_clone().map_err(|source| Error::io("open", &upload.path, source))?;
        let (blobs, staged, name) = (self.inner.blob_files.clone(), upload.path.clone(), digest.clone());
        let published = spawn_blocking(move || blobs.publish(&staged, &file, &name)).await;
        published.map_err(|_| Error::Interrupted)??;
        let recorded = record(digest.clone(), upload.offset).await;
        if recorded.is_err() {
            self.withdraw(&digest).await;
        }
        recorded.map(|()| digest)
    }

    /// Removes a published file that no row names. Its own failure is not worth telling beside the one that led here.
    async fn withdraw(&self, digest: &Digest) {
        if let Ok(false) = self.inner.metadata.has_blob(digest).await {
            let _ = self.inner.blob_files.remove(digest);
        }
    }

    /// Forgets the session and its bytes; `false` where `repository` has no such upload.
    pub async fn delete_upload(&self, repository: &RepositoryName, id: UploadId) -> Result<bool> {
        if self.inner.metadata.find_upload(repository, id).await?.is_none() {
            return Ok(false);
        }
        let _session = self.inner.sessions.enter(id).await;
        self.forget_upload(id).await
    }

    /// Forgets the session of an upload that cannot succeed any more, and its bytes.
    pub async fn discard_upload(&self, upload: Upload) -> Result<()> {
        if upload.session.is_some() {
            self.forget_upload(upload.id).await?;
        }
        Ok(())
    }

    /// Forgets the sessions that nothing was written to since `before`; says how many. One that a request writes to
    /// now stays, however long ago that request began.
    pub async fn expire_uploads(&self, before: Timestamp) -> Result<u64> {
        let mut expired = 0;
        for id in self.inner.metadata.list_uploads_untouched_since(before).await? {
            let Some(_session) = self.inner.sessions.enter_idle(id) else { continue };
            if self.inner.metadata.is_upload_untouched_since(id, before).await?
                && self.forget_upload(id).await?
            {
                expired += 1;
            }
        }
        Ok(expired)
    }

    async fn forget_upload(&self, id: UploadId) -> Result<bool> {
        self.inner.upload_files.remove(id)?;
        self.with_reserve(|| self.inner.metadata.delete_upload(id)).await
    }

    /// Removes files that no session names: those of uploads that a crash cut off.
    pub(super) async fn remove_stray_upload_files(&self) -> Result<()> {
        for name in self.inner.upload_files.list()? {
            let id = name.to_str().and_then(|name| name.parse().ok());
            let known = match id {
                Some(id) => self.inner.metadata.has_upload(id).await?,
                None => false,
            };
            if !known {
                self.inner.upload_files.remove_named(&name)?;
            }
        }
        Ok(())
    }
}

fn resume(files: &super::UploadFiles, row: &UploadRow, session: Session) -> Result<Upload> {
    let path = files.path(row.id);
    let (mut file, length) = files.open_file(row.id)?;
    let saved = Digester::restore(row.algorithm, &row.hash_state).filter(|_| row.offset <= length);
    let (mut digester, start) = match saved {
        Some(digester) => (digester, row.offset),
        // Power loss may have cut the file; what is there is hashed anew.
        None => (Digester::new(row.algorithm), 0),
    };
    if start < length {
        hash_tail(&mut file, start, &mut digester).map_err(|source| Error::io("read", &path, source))?;
    }
    Ok(Upload { id: row.id, path, file: Some(file), offset: length, digester, session: Some(session) })
}
