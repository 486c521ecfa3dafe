use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{ByteStream, Error};
use crate::oci::{Descriptor, Digest, Digester};

/// `content`, which ends with an error unless it has exactly the digest and size of `blob`.
///
/// The last piece of wrong content is held back: a reader that counts bytes, as an HTTP request with a
/// `Content-Length` does, would never ask what comes behind it.
pub(super) fn verified(content: ByteStream, blob: &Descriptor) -> ByteStream {
    let check = Check { expected: blob.clone(), digester: Digester::new(blob.digest.algorithm()), seen: 0 };
    stream::try_unfold((content, check), |(mut content, mut check)| async move {
        match content.try_next().await? {
            Some(piece) => {
                check.update(&piece)?;
                Ok(Some((piece, (content, check))))
            }
            None => check.finish().map(|()| None),
        }
    })
    .boxed()
}

/// Compares the bytes of a document held in memory with the digest they were asked for by.
pub(super) fn verify_digest(bytes: &[u8], expected: &Digest) -> Result<(), Error> {
    let actual = Digest::of(expected.algorithm(), bytes);
    if actual == *expected {
        Ok(())
    } else {
        Err(Error::DigestMismatch { expected: expected.clone(), actual })
    }
}

/// What has been seen of a blob so far.
struct Check {
    expected: Descriptor,
    digester: Digester,
    seen: u64,
}

impl Check {
    fn update(&mut self, piece: &Bytes) -> Result<(), Error> {
        self.seen += piece.len() as u64;
        if self.seen > self.expected.size {
            return Err(self.size_mismatch());
        }
        self.digester.update(piece);
        if self.seen == self.expected.size { self.compare() } else { Ok(()) }
    }

    fn finish(&self) -> Result<(), Error> {
        if self.seen == self.expected.size { self.compare() } else { Err(self.size_mismatch()) }
    }

    fn compare(&self) -> Result<(), Error> {
        let (expected, actual) = (&self.expected.digest, self.digester.clone().finish());
        if actual == *expected {
            Ok(())
        } else {
            Err(Error::DigestMismatch { expected: expected.clone(), actual })
        }
    }

    fn size_mismatch(&self) -> Error {
        Error::SizeMismatch {
            digest: self.expected.digest.clone(),
            expected: self.expected.size,
            actual: self.seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Algorithm, MediaType, media_type};

    async fn outcome(content: &'static [u8], expected: &Descriptor) -> Result<(), Error> {
        let pieces = content.chunks(3).map(|piece| Ok(Bytes::from_static(piece)));
        verified(stream::iter(pieces).boxed(), expected).try_for_each(|_| async { Ok(()) }).await
    }

    #[tokio::test]
    async fn only_the_right_content_ends_without_an_error() {
        let blob = |content| Descriptor::of(MediaType::known(media_type::OCTET_STREAM), content);
        assert!(outcome(b"hello", &blob(b"hello")).await.is_ok());
        assert!(outcome(b"", &blob(b"")).await.is_ok());
        let other = outcome(b"hallo", &blob(b"hello")).await;
        assert!(matches!(other, Err(Error::DigestMismatch { .. })), "{other:?}");
        for content in [b"hell".as_slice(), b"hello world"] {
            let wrong_size = outcome(content, &blob(b"hello")).await;
            assert!(matches!(wrong_size, Err(Error::SizeMismatch { expected: 5, .. })), "{wrong_size:?}");
        }
        let mut sha512 = blob(b"hello");
        sha512.digest = Digest::of(Algorithm::Sha512, b"hello");
        assert!(outcome(b"hello", &sha512).await.is_ok());
    }
}
