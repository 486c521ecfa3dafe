use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;

use bytes::Bytes;

use super::ImageIndex;
use crate::client::verify::verify_digest;
use crate::client::{Error, FetchedManifest, MANIFEST_LIMIT_BYTES, PutManifest};
use crate::oci::{Descriptor, Digest, Manifest, ManifestKind, MediaType, Reference, Tag, media_type};

/// What a layout directory and a bundle have in common: an index, and content by digest.
pub(in crate::client) trait Shelf: Send + Sync {
    /// Where it is, for messages.
    fn place(&self) -> &Path;

    /// The index as it is now.
    fn index(&self) -> impl Future<Output = Result<ImageIndex, Error>> + Send;

    /// The content of `digest`, at most `limit_bytes`, not verified.
    fn read(
        &self,
        digest: &Digest,
        limit_bytes: u64,
    ) -> impl Future<Output = Result<Option<Bytes>, Error>> + Send;
}

/// The manifest that `reference` stands for, verified.
///
/// A digest need not be in the index: children of an index are not. Their media type is then read from their bytes.
pub(in crate::client) async fn fetch_manifest(
    shelf: &impl Shelf,
    reference: &Reference,
) -> Result<FetchedManifest, Error> {
    let index = shelf.index().await?;
    let listed = index.find(reference);
    let digest = match (listed, reference) {
        (Some(listed), _) => &listed.digest,
        (None, Reference::Digest(digest)) => digest,
        (None, Reference::Tag(_)) => return Err(absent(shelf, reference)),
    };
    let bytes = shelf.read(digest, MANIFEST_LIMIT_BYTES).await?.ok_or_else(|| absent(shelf, reference))?;
    verify_digest(&bytes, digest)?;
    let media_type = match listed {
        Some(listed) => listed.media_type.clone(),
        None => read_media_type(&bytes).ok_or_else(|| absent(shelf, reference))?,
    };
    let descriptor = Descriptor::new(media_type, digest.clone(), bytes.len() as u64);
    Ok(FetchedManifest { descriptor, bytes })
}

/// The manifests whose subject is `digest`, from the index and from the list under the referrers tag.
pub(in crate::client) async fn referrers(
    shelf: &impl Shelf,
    digest: &Digest,
) -> Result<Vec<Descriptor>, Error> {
    let index = shelf.index().await?;
    let mut found: Vec<Descriptor> = Vec::new();
    for candidate in index.descriptors().chain(&fallback_list(shelf, digest).await?) {
        if found.iter().any(|known| known.digest == candidate.digest) {
            continue;
        }
        let reference = Reference::Digest(candidate.digest.clone());
        let Ok(fetched) = fetch_manifest(shelf, &reference).await else { continue };
        found.extend(as_referrer(&fetched, digest));
    }
    Ok(found)
}

async fn fallback_list(shelf: &impl Shelf, digest: &Digest) -> Result<Vec<Descriptor>, Error> {
    match fetch_manifest(shelf, &Reference::Tag(referrers_tag(digest))).await {
        Ok(fetched) => Ok(fetched.parse().map(|list| list.children().to_vec()).unwrap_or_default()),
        Err(Error::Absent { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The tag under which registries without a referrers API keep the list (distribution-spec 1.1.1, "Referrers Tag
/// Schema"): the digest with `-` for `:`, cut to 64 digits.
pub(in crate::client) fn referrers_tag(digest: &Digest) -> Tag {
    let hex: String = digest.hex().chars().take(64).collect();
    format!("{}-{hex}", digest.algorithm().name()).parse().expect("letters, digits and a dash make a tag")
}

/// The descriptor a referrers list shows for `fetched`, where its subject is `digest`.
pub(in crate::client) fn as_referrer(fetched: &FetchedManifest, digest: &Digest) -> Option<Descriptor> {
    let manifest = fetched.parse().ok()?;
    let is_subject = manifest.subject.as_ref().is_some_and(|subject| subject.digest == *digest);
    is_subject.then(|| referrer_descriptor(&fetched.descriptor, &manifest))
}

/// What a referrers list says of a manifest: its artifact type and annotations too.
pub(in crate::client) fn referrer_descriptor(descriptor: &Descriptor, manifest: &Manifest) -> Descriptor {
    let mut descriptor = descriptor.clone();
    descriptor.artifact_type = manifest.effective_artifact_type().map(str::to_owned);
    descriptor.annotations = Some(manifest.annotations.clone()).filter(|all| !all.is_empty());
    descriptor
}

/// Refuses what is too large, or hashes to something else than the reference says.
pub(in crate::client) fn check_new_manifest(manifest: &PutManifest) -> Result<(), Error> {
    if manifest.bytes.len() as u64 > MANIFEST_LIMIT_BYTES {
        return Err(Error::TooLarge { what: "manifest".to_owned(), limit_bytes: MANIFEST_LIMIT_BYTES });
    }
    match &manifest.reference {
        Reference::Digest(expected) => verify_digest(&manifest.bytes, expected),
        Reference::Tag(_) => Ok(()),
    }
}

/// Names a new manifest in the index, and no longer those that are reached through it.
///
/// # Errors
/// [`Error::TagChanged`] where its tag does not name what is expected; the index stays as it is.
pub(in crate::client) fn enter(
    index: &mut ImageIndex,
    manifest: &PutManifest,
) -> Result<Option<Digest>, Error> {
    check_expected(index, manifest)?;
    index.put(&manifest.descriptor(), &manifest.all_tags());
    let Ok(parsed) = Manifest::parse(&manifest.media_type, &manifest.bytes) else { return Ok(None) };
    index.drop_untagged(parsed.children());
    Ok(parsed.subject.map(|subject| subject.digest))
}

fn check_expected(index: &ImageIndex, manifest: &PutManifest) -> Result<(), Error> {
    let Reference::Tag(tag) = &manifest.reference else { return Ok(()) };
    let current = index.find(&manifest.reference).map(|found| &found.digest);
    if manifest.expected.allows(current, &manifest.digest()) {
        return Ok(());
    }
    Err(Error::TagChanged { tag: tag.clone(), current: current.cloned() })
}

/// Every digest that the index leads to: manifests, their children, configurations and layers. None where one of the
/// manifests cannot be followed, so that nobody can tell what belongs to it.
pub(in crate::client) async fn reachable(shelf: &impl Shelf) -> Result<Option<BTreeSet<Digest>>, Error> {
    let mut found = BTreeSet::new();
    let mut unread: Vec<Descriptor> = shelf.index().await?.descriptors().cloned().collect();
    while let Some(next) = unread.pop() {
        if !found.insert(next.digest.clone()) {
            continue;
        }
        let bytes = match shelf.read(&next.digest, MANIFEST_LIMIT_BYTES).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(Error::TooLarge { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match Manifest::parse(&next.media_type, &bytes) {
            Ok(manifest) if manifest.kind != ManifestKind::Other => {
                found.extend(manifest.blobs().map(|blob| blob.digest.clone()));
                unread.extend(manifest.children().iter().cloned());
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(found))
}

/// The media type a manifest claims, or the one its fields imply.
fn read_media_type(bytes: &[u8]) -> Option<MediaType> {
    let body: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    if let Some(claimed) = body.get("mediaType").and_then(serde_json::Value::as_str) {
        return claimed.parse().ok();
    }
    let implied = match (body.get("manifests"), body.get("config")) {
        (Some(_), None) => media_type::OCI_INDEX,
        (None, Some(_)) => media_type::OCI_MANIFEST,
        _ => return None,
    };
    Some(MediaType::known(implied))
}

pub(in crate::client) fn absent(shelf: &impl Shelf, reference: &Reference) -> Error {
    let what = match reference {
        Reference::Tag(tag) => format!("tag `{tag}`"),
        Reference::Digest(digest) => format!("manifest `{digest}`"),
    };
    Error::Absent { place: shelf.place().to_owned(), what }
}

pub(in crate::client) fn absent_blob(shelf: &impl Shelf, blob: &Descriptor) -> Error {
    Error::Absent { place: shelf.place().to_owned(), what: format!("blob `{}`", blob.digest) }
}
