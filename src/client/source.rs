use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::io::AsyncSeekExt as _;
use tokio_util::io::ReaderStream;

use super::{ByteStream, Error, Progress, Target};
use crate::oci::{Descriptor, RegistryHost, RepositoryName};

/// How much of a file is read at once.
pub(super) const READ_SIZE_BYTES: usize = 256 * 1024;

/// Where a blob's content comes from. It can be opened again, at any offset, when a transfer has to be taken up anew.
#[derive(Clone)]
pub struct BlobSource {
    content: Content,
    /// Hears of every byte handed out.
    progress: Option<Arc<dyn Progress>>,
}

#[derive(Clone)]
enum Content {
    Bytes(Bytes),
    File(PathBuf),
    Target(Arc<dyn Target>),
}

impl BlobSource {
    /// Content held in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Bytes(bytes.into()), progress: None }
    }

    /// The content of a file, which must not change meanwhile.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { content: Content::File(path.into()), progress: None }
    }

    /// The blob of the same digest at another target.
    pub fn target(target: Arc<dyn Target>) -> Self {
        Self { content: Content::Target(target), progress: None }
    }

    /// The same source, whose reader's position `progress` hears of.
    #[must_use]
    pub fn watched_by(self, progress: Arc<dyn Progress>) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// The repository that holds the content, where it lies in a registry.
    pub(super) fn repository(&self) -> Option<(&RegistryHost, &RepositoryName)> {
        match &self.content {
            Content::Target(target) => target.repository(),
            _ => None,
        }
    }

    /// The content of `blob` from `offset` to its end.
    pub async fn open(&self, blob: &Descriptor, offset: u64) -> Result<ByteStream, Error> {
        let content = match &self.content {
            Content::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                pieces(bytes.slice(start..))
            }
            Content::File(path) => open_file(path.clone(), offset).await?,
            Content::Target(target) => skip(target.fetch_blob(blob).await?, offset),
        };
        Ok(match &self.progress {
            Some(progress) => watched(content, blob.clone(), offset, Arc::clone(progress)),
            None => content,
        })
    }
}

/// Pieces small enough for a progress bar to move.
fn pieces(bytes: Bytes) -> ByteStream {
    let cut = move |mut rest: Bytes| {
        (!rest.is_empty()).then(|| (Ok(rest.split_to(READ_SIZE_BYTES.min(rest.len()))), rest))
    };
    stream::unfold(bytes, move |rest| std::future::ready(cut(rest))).boxed()
}

async fn open_file(path: PathBuf, offset: u64) -> Result<ByteStream, Error> {
    let mut file = tokio::fs::File::open(&path).await.map_err(Error::file("open", &path))?;
    file.seek(std::io::SeekFrom::Start(offset)).await.map_err(Error::file("seek in", &path))?;
    let failed = move |source| Error::File { action: "read", path: path.clone(), source };
    Ok(ReaderStream::with_capacity(file, READ_SIZE_BYTES).map_err(failed).boxed())
}

/// `content` without its first `offset` bytes, which are read all the same so that the digest can be verified.
pub(super) fn skip(content: ByteStream, offset: u64) -> ByteStream {
    if offset == 0 {
        return content;
    }
    let rest = content.try_filter_map({
        let mut left = offset;
        move |mut piece: Bytes| {
            let cut = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            left -= cut as u64;
            let rest = piece.split_off(cut);
            std::future::ready(Ok((!rest.is_empty()).then_some(rest)))
        }
    });
    rest.boxed()
}

fn watched(content: ByteStream, blob: Descriptor, offset: u64, progress: Arc<dyn Progress>) -> ByteStream {
    let mut position = offset;
    progress.advanced(&blob, position);
    let report = move |piece: &Bytes| {
        position += piece.len() as u64;
        progress.advanced(&blob, position);
    };
    content.inspect_ok(report).boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::oci::{MediaType, media_type};

    #[derive(Default)]
    struct Positions(Mutex<Vec<u64>>);

    impl Progress for Positions {
        fn advanced(&self, _blob: &Descriptor, position: u64) {
            self.0.lock().unwrap().push(position);
        }
    }

    async fn read(source: &BlobSource, blob: &Descriptor, offset: u64) -> Vec<u8> {
        source.open(blob, offset).await.unwrap().try_concat_vec().await
    }

    trait ConcatVec {
        async fn try_concat_vec(self) -> Vec<u8>;
    }

    impl ConcatVec for ByteStream {
        async fn try_concat_vec(self) -> Vec<u8> {
            self.try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
            .unwrap()
        }
    }

    #[tokio::test]
    async fn every_source_opens_at_any_offset() {
        let content: Vec<u8> = (0..700_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let blob = Descriptor::of(MediaType::known(media_type::OCTET_STREAM), &content);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blob");
        std::fs::write(&path, &content).unwrap();
        for source in [BlobSource::bytes(content.clone()), BlobSource::file(&path)] {
            for offset in [0, 1, 262_144, 699_999, 700_000] {
                let start = usize::try_from(offset).unwrap();
                assert!(read(&source, &blob, offset).await == content[start..], "offset {offset}");
            }
        }
        let whole = BlobSource::bytes(content.clone()).open(&blob, 0).await.unwrap();
        assert!(skip(whole, 300_001).try_concat_vec().await == content[300_001..]);
    }

    #[tokio::test]
    async fn progress_hears_the_position_from_the_blobs_beginning() {
        let content = vec![7; READ_SIZE_BYTES + 10];
        let blob = Descriptor::of(MediaType::known(media_type::OCTET_STREAM), &content);
        let positions = Arc::new(Positions::default());
        let source = BlobSource::bytes(content).watched_by(Arc::clone(&positions) as Arc<dyn Progress>);
        read(&source, &blob, 0).await;
        read(&source, &blob, 262_150).await;
        assert_eq!(*positions.0.lock().unwrap(), [0, 262_144, 262_154, 262_150, 262_154]);
    }
}
