//! Several writers of one place: nothing that one of them was told to be kept is lost to another.

use std::path::Path;

use futures_util::future::join_all;
use hwasm_registry::client::{
    Access, Bundle, Connector, CopyOptions, CredentialFiles, ErrorKind, Layout, Location, Options,
    PutManifest, Secret, Target, all_tags, put_image,
};
use hwasm_registry::oci::{Reference, RegistryHost};

use super::copies::{new_image, tag};
use super::fake::blob;

/// Puts an image of one layer under this tag.
async fn put(target: &dyn Target, name: &str) {
    let (image, _) = new_image(&[name.as_bytes()], None, Some(name));
    put_image(target, &image, &CopyOptions::default()).await.unwrap();
}

/// Runs `write` for eight names on as many threads.
async fn eight_at_once<F: Future<Output = ()> + Send + 'static>(write: impl Fn(String) -> F) {
    let tasks = (0..8).map(|number| tokio::spawn(write(format!("tag-{number}"))));
    for done in join_all(tasks).await {
        done.unwrap();
    }
}

async fn tags_in_layout(path: &Path) -> usize {
    all_tags(&Layout::open(path).await.unwrap()).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn writers_that_make_a_layout_together_lose_nothing() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("layout");
        eight_at_once(|name| {
            let path = path.clone();
            async move { put(&Layout::open_or_create(&path).await.unwrap(), &name).await }
        })
        .await;
        assert_eq!(tags_in_layout(&path).await, 8);
    }
}

#[tokio::test]
async fn a_bundle_that_another_wrote_meanwhile_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("b.tar");
    let [first, second] =
        [Bundle::open_or_create(&path).await.unwrap(), Bundle::open_or_create(&path).await.unwrap()];
    put(&first, "first").await;
    let (image, _) = new_image(&[b"second"], None, Some("second"));
    let error = put_image(&second, &image, &CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("b.tar"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("again")));
    put(&first, "third").await;
    let tags = all_tags(&Bundle::open(&path).await.unwrap()).await.unwrap();
    assert_eq!(tags.len(), 2, "{tags:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn logins_at_the_same_time_are_all_kept() {
    let directory = tempfile::tempdir().unwrap();
    let files = CredentialFiles::at(directory.path().join("docker/config.json"));
    let host = |name: &str| format!("{name}.example").parse::<RegistryHost>().unwrap();
    eight_at_once(|name| {
        let files = files.clone();
        async move {
            files.store(&host(&name), "ada", &Secret::new("pw")).await.unwrap();
        }
    })
    .await;
    for number in 0..8 {
        assert!(files.find(&host(&format!("tag-{number}"))).await.unwrap().is_some(), "{number}");
    }
}

#[tokio::test]
async fn the_digest_of_a_layer_is_no_image_that_could_be_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::open_or_create(&directory.path().join("layout")).await.unwrap();
    put(&layout, "kept").await;
    let layer = blob(b"kept");
    let error = layout.delete(&Reference::Digest(layer.digest.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(layout.has_blob(&layer).await.unwrap());
    layout.fetch_manifest(&tag("kept")).await.unwrap();
}

#[tokio::test]
async fn an_image_that_is_being_tagged_is_not_removed_as_unused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("layout");
    put(&Layout::open_or_create(&path).await.unwrap(), "old").await;
    let location: Location = format!("oci:{}:old", path.display()).parse().unwrap();
    let tagging = Connector::new(Options::default()).image(&location, Access::Change).await.unwrap();
    let fetched = tagging.target.fetch_manifest(&tagging.reference).await.unwrap();
    Layout::open(&path).await.unwrap().delete(&tag("old")).await.unwrap();
    let new = PutManifest::new(fetched.descriptor.media_type, fetched.bytes, tag("new"));
    tagging.target.put_manifest(&new).await.unwrap();
    let layout = Layout::open(&path).await.unwrap();
    assert!(layout.has_blob(&blob(b"old")).await.unwrap());
    layout.fetch_manifest(&tag("new")).await.unwrap();
}
