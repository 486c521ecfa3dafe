//! Whole images between targets of every kind. One suite of sentences, stamped on each target.

use std::path::Path;
use std::sync::Arc;

use http::Method;
use hwasm_registry::client::{
    Access, BlobSource, Bundle, Connector, CopyOptions, Error, ErrorKind, Image, Layout, NewImage,
    PageRequest, PageStart, PutManifest, Target, all_tags, copy, copy_all, put_image,
};
use hwasm_registry::oci::{Descriptor, Digest, MediaType, Reference, Tag, media_type};
use serde_json::json;

use super::fake::{Fake, blob, content, options};

pub(crate) fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

fn image_at(target: &Arc<dyn Target>, reference: Reference) -> Image {
    Image { target: Arc::clone(target), reference }
}

fn with_referrers() -> CopyOptions {
    CopyOptions { referrers: true, ..CopyOptions::default() }
}

/// A manifest of these layers, which may refer to another.
pub(crate) fn new_image(
    layers: &[&[u8]],
    subject: Option<&Descriptor>,
    reference: Option<&str>,
) -> (NewImage, Descriptor) {
    let config = Descriptor::of(MediaType::known(media_type::OCI_EMPTY), b"{}");
    let mut blobs = vec![(config.clone(), BlobSource::bytes(&b"{}"[..]))];
    blobs.extend(layers.iter().map(|layer| (blob(layer), BlobSource::bytes(layer.to_vec()))));
    let layers: Vec<_> = blobs[1..].iter().map(|(layer, _)| layer).collect();
    let mut body = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers});
    if let Some(subject) = subject {
        body["subject"] = json!(subject);
    }
    let kind = MediaType::known(media_type::OCI_MANIFEST);
    // Two spaces: no tool would write the same bytes again.
    let bytes = body.to_string().replacen('{', "{  ", 1);
    let descriptor = Descriptor::of(kind.clone(), bytes.as_bytes());
    let reference = reference.map_or_else(|| Reference::Digest(descriptor.digest.clone()), tag);
    (NewImage { manifest: PutManifest::new(kind, bytes, reference), blobs }, descriptor)
}

/// An index `reference` of two images, the first with a signature that is signed itself.
async fn put_sample(target: &Arc<dyn Target>, reference: &str) -> Descriptor {
    let put =
        async |image: &NewImage| put_image(target.as_ref(), image, &CopyOptions::default()).await.unwrap();
    let (wasm, wasm_at) = new_image(&[&content(300_000), b"shared"], None, None);
    let (other, other_at) = new_image(&[b"other", b"shared"], None, None);
    put(&wasm).await;
    put(&other).await;
    let kind = MediaType::known(media_type::OCI_INDEX);
    let body =
        json!({"schemaVersion": 2, "mediaType": kind, "manifests": [wasm_at, other_at, wasm_at]}).to_string();
    let index_at = Descriptor::of(kind.clone(), body.as_bytes());
    target.put_manifest(&PutManifest::new(kind, body, tag(reference))).await.unwrap();
    let (signature, signature_at) = new_image(&[b"signature"], Some(&index_at), None);
    put(&signature).await;
    let (again, _) = new_image(&[b"signature of the signature"], Some(&signature_at), None);
    put(&again).await;
    target.finish().await.unwrap();
    index_at
}

/// What every target has to do. Each sentence is checked on what the one before left behind.
async fn keeps_the_contract(target: Arc<dyn Target>) {
    let sample = put_sample(&target, "1.0.0").await;
    let by_digest = Reference::Digest(sample.digest.clone());
    // It finds a manifest by tag and by digest, and children by digest.
    for reference in [tag("1.0.0"), by_digest.clone()] {
        assert_eq!(target.resolve(&reference).await.unwrap(), sample);
        assert_eq!(target.fetch_manifest(&reference).await.unwrap().descriptor, sample);
    }
    let index = target.fetch_manifest(&by_digest).await.unwrap().parse().unwrap();
    for child in index.children() {
        let found = target.resolve(&Reference::Digest(child.digest.clone())).await.unwrap();
        assert_eq!((found.digest, found.media_type), (child.digest.clone(), child.media_type.clone()));
    }
    // It has what was put, and only that.
    let shared = blob(b"shared");
    assert!(target.has_blob(&shared).await.unwrap());
    assert!(!target.has_blob(&blob(b"never")).await.unwrap());
    assert_eq!(target.fetch_blob(&blob(b"never")).await.err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(target.resolve(&tag("never")).await.unwrap_err().kind(), ErrorKind::NotFound);
    // It refuses content that is not what its descriptor says.
    let wrong = target.put_blob(&blob(b"right"), &BlobSource::bytes("wrong")).await;
    assert!(wrong.is_err() && !target.has_blob(&blob(b"right")).await.unwrap());
    // It lists referrers.
    let referrers = target.referrers(&sample.digest).await.unwrap();
    assert_eq!(referrers.len(), 1);
    assert_eq!(target.referrers(&Digest::sha256(b"nobody")).await.unwrap(), []);
    // A tag moves; the digest stays.
    let (other, other_at) = new_image(&[b"second"], None, Some("1.0.0"));
    put_image(target.as_ref(), &other, &CopyOptions::default()).await.unwrap();
    assert_eq!(target.resolve(&tag("1.0.0")).await.unwrap().digest, other_at.digest);
    // It forgets a tag.
    target.delete(&tag("1.0.0")).await.unwrap();
    target.finish().await.unwrap();
    assert_eq!(target.resolve(&tag("1.0.0")).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(target.delete(&tag("1.0.0")).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_layout_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    keeps_the_contract(Arc::new(Layout::open_or_create(&directory.path().join("new")).await.unwrap())).await;
}

#[tokio::test]
async fn a_bundle_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let bundle = Bundle::open_or_create(&directory.path().join("b.tar")).await.unwrap();
    keeps_the_contract(Arc::new(bundle)).await;
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_registry_keeps_the_contract() {
    for referrers_api in [true, false] {
        let fake = Fake::start().await;
        fake.state.lock().unwrap().referrers_api = referrers_api;
        keeps_the_contract(Arc::new(fake.remote())).await;
    }
}

async fn open(path: &Path) -> Arc<dyn Target> {
    if path.extension().is_some() {
        Arc::new(Bundle::open_or_create(path).await.unwrap())
    } else {
        Arc::new(Layout::open_or_create(path).await.unwrap())
    }
}

#[tokio::test]
async fn an_image_with_everything_goes_round_through_every_kind_of_target() {
    let directory = tempfile::tempdir().unwrap();
    let fakes = [Fake::start().await, Fake::start().await];
    let mut stations: Vec<Arc<dyn Target>> = Vec::new();
    for name in ["layout", "first.tar", "again", "second.tar"] {
        stations.push(open(&directory.path().join(name)).await);
    }
    stations.insert(2, Arc::new(fakes[0].remote()));
    stations.push(Arc::new(fakes[1].remote()));
    let sample = put_sample(&stations[0], "1.0.0").await;
    for pair in stations.windows(2) {
        let (from, to) = (image_at(&pair[0], tag("1.0.0")), image_at(&pair[1], tag("1.0.0")));
        let copied = copy(&from, &to, &with_referrers()).await.unwrap();
        assert_eq!((&copied.root, copied.manifests, copied.referrers), (&sample, 5, 2));
        assert_eq!(copied.blobs_copied, 6, "each blob once");
        let again = copy(&from, &to, &with_referrers()).await.unwrap();
        assert_eq!((again.manifests, again.blobs_copied, again.blobs_existed), (0, 0, 0));
    }
    let bundles = ["first.tar", "second.tar"].map(|name| std::fs::read(directory.path().join(name)).unwrap());
    assert!(bundles[0] == bundles[1], "equal contents give equal bundles");
}

#[tokio::test]
async fn an_image_is_copied_by_digest_and_without_its_referrers() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (open(&directory.path().join("from")).await, open(&directory.path().join("to")).await);
    let sample = put_sample(&from, "1").await;
    let reference = Reference::Digest(sample.digest.clone());
    let copied =
        copy(&image_at(&from, reference.clone()), &image_at(&to, reference), &CopyOptions::default())
            .await
            .unwrap();
    assert_eq!((copied.manifests, copied.referrers), (3, 0));
    assert_eq!(to.referrers(&sample.digest).await.unwrap(), []);
    assert!(all_tags(to.as_ref()).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_tag_comes_last() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("from")).await;
    put_sample(&from, "1").await;
    let to: Arc<dyn Target> = Arc::new(fake.remote());
    copy(&image_at(&from, tag("1")), &image_at(&to, tag("1")), &with_referrers()).await.unwrap();
    let writes: Vec<_> = fake
        .log()
        .iter()
        .filter(|seen| seen.method == Method::PUT && !seen.uri.path().contains("manifests/sha256-"))
        .map(super::fake::Seen::line)
        .collect();
    assert_eq!(writes.last().map(String::as_str), Some("PUT /v2/team/a/manifests/1"));
    assert_eq!(writes.iter().filter(|line| line.ends_with("/manifests/1")).count(), 1);
}

#[tokio::test]
async fn between_repositories_of_one_registry_blobs_are_mounted() {
    let fake = Fake::start().await;
    let registry = Connector::new(options()).registry(&fake.host).unwrap();
    let from: Arc<dyn Target> = Arc::new(registry.repository(&"team/a".parse().unwrap()));
    let to: Arc<dyn Target> = Arc::new(registry.repository(&"team/b".parse().unwrap()));
    let (image, _) = new_image(&[b"one", b"two"], None, Some("1"));
    put_image(from.as_ref(), &image, &CopyOptions::default()).await.unwrap();
    fake.on((Method::HEAD, "/team/b/blobs/"), 100, |_| super::fake::status(404));
    let copied = copy(&image_at(&from, tag("1")), &image_at(&to, tag("1")), &with_referrers()).await.unwrap();
    assert_eq!((copied.blobs_mounted, copied.blobs_copied), (3, 0));
    assert_eq!(fake.count(&Method::GET, "/blobs/"), 0);
}

#[tokio::test]
async fn all_tags_go_into_one_bundle_that_is_added_to() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("from")).await;
    let path = directory.path().join("b.tar");
    for (name, layer) in [("1", b"one"), ("2", b"two"), ("3", b"six")] {
        let (image, _) = new_image(&[layer], None, Some(name));
        put_image(from.as_ref(), &image, &CopyOptions::default()).await.unwrap();
    }
    for tags in [&["1", "2"][..], &["3"]] {
        let to = open(&path).await;
        let pairs: Vec<_> =
            tags.iter().map(|name| (image_at(&from, tag(name)), image_at(&to, tag(name)))).collect();
        copy_all(&pairs, &CopyOptions::default()).await.unwrap();
    }
    let bundle = open(&path).await;
    let tags: Vec<Tag> = all_tags(bundle.as_ref()).await.unwrap().into_iter().collect();
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["1", "2", "3"]);
    let page =
        bundle.tags(&PageRequest { limit: Some(1), start: PageStart::After("1".into()) }).await.unwrap();
    assert_eq!(page.items, [tags[1].clone()]);
    assert!(bundle.has_blob(&blob(b"one")).await.unwrap() && bundle.has_blob(&blob(b"six")).await.unwrap());
}

#[tokio::test]
async fn a_copy_that_fails_leaves_no_bundle_and_no_tag() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("from")).await;
    let (image, _) = new_image(&[b"one", b"two"], None, Some("1"));
    put_image(from.as_ref(), &image, &CopyOptions::default()).await.unwrap();
    let lost = directory.path().join("from/blobs/sha256").join(blob(b"two").digest.hex());
    std::fs::remove_file(lost).unwrap();
    let fake = Fake::start().await;
    let targets = [open(&directory.path().join("b.tar")).await, Arc::new(fake.remote())];
    for to in targets {
        let error =
            copy(&image_at(&from, tag("1")), &image_at(&to, tag("1")), &with_referrers()).await.unwrap_err();
        assert!(matches!(error, Error::Absent { .. }), "{error}");
        assert_eq!(to.resolve(&tag("1")).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert!(!directory.path().join("b.tar").exists());
}

#[tokio::test]
async fn indexes_nested_without_end_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("from")).await;
    let kind = MediaType::known(media_type::OCI_INDEX);
    let mut child: Option<Descriptor> = None;
    for _ in 0..12 {
        let children: Vec<_> = child.iter().collect();
        let body = json!({"schemaVersion": 2, "manifests": children}).to_string();
        child = Some(Descriptor::of(kind.clone(), body.as_bytes()));
        from.put_manifest(&PutManifest::new(kind.clone(), body, tag("top"))).await.unwrap();
    }
    let to = open(&directory.path().join("to")).await;
    let error =
        copy(&image_at(&from, tag("top")), &image_at(&to, tag("top")), &with_referrers()).await.unwrap_err();
    assert!(matches!(error, Error::TooDeep { .. }), "{error}");
}

#[tokio::test]
async fn a_location_without_a_tag_means_the_only_image_or_latest() {
    let directory = tempfile::tempdir().unwrap();
    let connector = Connector::new(options());
    let location = |text: &str| format!("oci:{}/{text}", directory.path().display()).parse().unwrap();
    let new = connector.image(&location("new"), Access::Write).await.unwrap();
    assert_eq!(new.reference, tag("latest"));
    let (image, _) = new_image(&[b"one"], None, Some("1.2"));
    put_image(new.target.as_ref(), &image, &CopyOptions::default()).await.unwrap();
    assert_eq!(connector.image(&location("new"), Access::Read).await.unwrap().reference, tag("1.2"));
    assert_eq!(connector.image(&location("new:3"), Access::Read).await.unwrap().reference, tag("3"));
    let absent = connector.image(&location("absent"), Access::Read).await.err().unwrap();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    std::fs::write(directory.path().join("new/oci-layout"), r#"{"imageLayoutVersion":"9.0.0"}"#).unwrap();
    let strange = connector.image(&location("new"), Access::Write).await.err().unwrap();
    assert!(strange.to_string().contains("version is `9.0.0`"), "{strange}");
    std::fs::create_dir_all(directory.path().join("home/documents")).unwrap();
    assert!(
        connector.image(&location("home"), Access::Write).await.is_err(),
        "not made in a directory in use"
    );
}

#[tokio::test]
async fn a_delete_removes_what_nothing_refers_to_unless_somebody_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("layout");
    let writer = Layout::open_or_create(&path).await.unwrap();
    for (name, layer) in [("1", b"one"), ("2", b"two")] {
        let (image, _) = new_image(&[layer], None, Some(name));
        put_image(&writer, &image, &CopyOptions::default()).await.unwrap();
    }
    let reader = Layout::open(&path).await.unwrap();
    reader.delete(&tag("1")).await.unwrap();
    assert!(reader.has_blob(&blob(b"one")).await.unwrap(), "a writer may be about to refer to it");
    drop(writer);
    let (third, _) = new_image(&[b"six"], None, Some("3"));
    put_image(&reader, &third, &CopyOptions::default()).await.unwrap();
    reader.delete(&tag("3")).await.unwrap();
    for (content, held) in [(b"one", false), (b"two", true), (b"six", false)] {
        assert_eq!(reader.has_blob(&blob(content)).await.unwrap(), held);
    }
    assert!(reader.fetch_manifest(&tag("2")).await.is_ok());
}

#[tokio::test]
async fn a_manifest_of_unknown_type_is_not_copied_by_halves_and_keeps_its_blobs() {
    let directory = tempfile::tempdir().unwrap();
    let unknown = MediaType::known("application/vnd.oci.artifact.manifest.v1+json");
    let body = json!({"mediaType": unknown, "blobs": [blob(b"content")]}).to_string();
    for name in ["layout", "b.tar"] {
        let target = open(&directory.path().join(name)).await;
        target.put_blob(&blob(b"content"), &BlobSource::bytes("content")).await.unwrap();
        target.put_manifest(&PutManifest::new(unknown.clone(), body.clone(), tag("1"))).await.unwrap();
        let (other, _) = new_image(&[b"other"], None, Some("2"));
        put_image(target.as_ref(), &other, &CopyOptions::default()).await.unwrap();
        target.delete(&tag("2")).await.unwrap();
        target.finish().await.unwrap();
        let again = open(&directory.path().join(name)).await;
        assert!(again.has_blob(&blob(b"content")).await.unwrap(), "{name}");
        let to = open(&directory.path().join("to")).await;
        let error =
            copy(&image_at(&again, tag("1")), &image_at(&to, tag("1")), &with_referrers()).await.unwrap_err();
        assert!(matches!(error, Error::UnknownManifest { .. }), "{error}");
    }
}
