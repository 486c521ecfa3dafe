use super::{Error, Registry, Result};
use crate::oci::{Digest, RepositoryName};
use crate::storage::Blob;

impl Registry {
    /// `end-2`: the blob, open for reading.
    pub async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Blob> {
        self.store.find_blob(repository, digest).await?.ok_or_else(|| unknown(repository, digest))
    }

    /// `end-10`: makes the repository forget the blob.
    pub async fn delete_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<()> {
        let found = self.store.delete_blob(repository, digest).await?;
        if found { Ok(()) } else { Err(unknown(repository, digest)) }
    }

    /// `end-11`: lets the repository serve a blob that another one, or any at all, holds; `false` where none does.
    pub async fn mount_blob(
        &self,
        repository: &RepositoryName,
        from: Option<&RepositoryName>,
        digest: &Digest,
    ) -> Result<bool> {
        Ok(self.store.mount_blob(repository, from, digest).await?)
    }
}

fn unknown(repository: &RepositoryName, digest: &Digest) -> Error {
    Error::BlobUnknown { repository: repository.clone(), digest: digest.clone() }
}
