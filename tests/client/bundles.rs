//! Bundles from strangers.

use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use hwasm_registry::client::{Bundle, Error, ErrorKind, Target as _};
use hwasm_registry::oci::{Algorithm, Descriptor, Digest, MediaType, Reference, media_type};
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::fake::blob;

const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A tar file made entry by entry, well formed or not.
struct Tar {
    directory: TempDir,
    bytes: Vec<u8>,
}

impl Tar {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), bytes: Vec::new() }
    }

    /// Marker and an index of these manifests.
    fn layout(manifests: &[Descriptor]) -> Self {
        let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests}).to_string();
        Self::new().file("oci-layout", MARKER).file("index.json", index.as_bytes())
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry((EntryType::Regular, name), content.len() as u64, content)
    }

    fn blob(self, content: &[u8]) -> Self {
        self.file(&format!("blobs/sha256/{}", Digest::sha256(content).hex()), content)
    }

    /// One entry whose header claims `size` bytes.
    fn entry(mut self, (kind, name): (EntryType, &str), size: u64, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    fn write(&self) -> PathBuf {
        let path = self.directory.path().join("b.tar");
        std::fs::write(&path, [self.bytes.as_slice(), &[0; 1024]].concat()).unwrap();
        path
    }

    async fn open(&self) -> Result<Bundle, Error> {
        Bundle::open(&self.write()).await
    }

    async fn problem(&self) -> String {
        let error = self.open().await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. } | Error::TooLarge { .. }), "{error}");
        error.to_string()
    }
}

fn manifest(layer: &Descriptor) -> (Descriptor, String) {
    let config = Descriptor::of(MediaType::known(media_type::OCI_EMPTY), b"{}");
    let text = serde_json::json!({"schemaVersion": 2, "config": config, "layers": [layer]}).to_string();
    (Descriptor::of(MediaType::known(media_type::OCI_MANIFEST), text.as_bytes()), text)
}

async fn read(bundle: &Bundle, blob: &Descriptor) -> Result<Vec<u8>, Error> {
    let pieces: Vec<_> = bundle.fetch_blob(blob).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn bundles_of_other_tools_are_read() {
    let (at, text) = manifest(&blob(b"layer"));
    let plain = Tar::layout(std::slice::from_ref(&at)).blob(text.as_bytes()).blob(b"layer");
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [at]}).to_string();
    let dotted = Tar::new()
        .entry((EntryType::Directory, "./"), 0, b"")
        .entry((EntryType::XGlobalHeader, "pax_global_header"), 13, b"13 comment=x\n")
        .file("./blobs/", b"")
        .file("manifest.json", b"[]")
        .entry((EntryType::Symlink, "legacy/layer.tar"), 0, b"")
        .file(&format!("./blobs/sha256/{}", at.digest.hex()), text.as_bytes())
        .file(&format!("./blobs/sha256/{}", blob(b"layer").digest.hex()), b"layer")
        .file("./index.json", index.as_bytes())
        .file("./oci-layout", MARKER);
    for tar in [plain, dotted] {
        let bundle = tar.open().await.unwrap();
        assert_eq!(bundle.only_image(), Some(Reference::Digest(at.digest.clone())));
        let found = bundle.fetch_manifest(&Reference::Digest(at.digest.clone())).await.unwrap();
        assert_eq!(found.bytes, text);
        assert_eq!(read(&bundle, &blob(b"layer")).await.unwrap(), b"layer");
    }
}

#[tokio::test]
async fn long_names_are_read_in_both_spellings() {
    let digest = Digest::of(Algorithm::Sha512, b"layer");
    let name = format!("blobs/sha512/{}", digest.hex());
    let wanted = Descriptor { digest, ..blob(b"layer") };
    let gnu = Tar::layout(&[]).entry(
        (EntryType::GNULongName, "././@LongLink"),
        name.len() as u64 + 1,
        format!("{name}\0").as_bytes(),
    );
    let record = format!(" path={name}\n");
    let record = format!("{}{record}", record.len() + 3);
    let pax =
        Tar::layout(&[]).entry((EntryType::XHeader, "PaxHeader"), record.len() as u64, record.as_bytes());
    for tar in [gnu, pax] {
        let tar = tar.file("cut", b"layer");
        let bundle = tar.open().await.unwrap();
        assert_eq!(read(&bundle, &wanted).await.unwrap(), b"layer");
    }
}

#[tokio::test]
async fn entries_that_leave_the_layout_or_are_no_files_are_refused() {
    for name in ["../evil", "/etc/passwd", "blobs/../../evil", "./../x"] {
        let problem = Tar::layout(&[]).file(name, b"x").problem().await;
        assert!(problem.contains("leaves the layout"), "{name}: {problem}");
    }
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo, EntryType::GNUSparse]
    {
        let problem = Tar::layout(&[]).entry((kind, "blobs/sha256/x"), 0, b"").problem().await;
        assert!(problem.contains("not a regular file"), "{kind:?}: {problem}");
    }
    let index_link = Tar::new().file("oci-layout", MARKER).entry((EntryType::Symlink, "index.json"), 0, b"");
    assert!(index_link.problem().await.contains("not a regular file"));
}

#[tokio::test]
async fn sizes_that_lie_are_refused() {
    let cases = [
        Tar::layout(&[]).entry((EntryType::Regular, "blobs/sha256/x"), 1 << 40, b""),
        Tar::layout(&[]).entry((EntryType::Regular, "blobs/sha256/x"), u64::MAX - 511, b""),
        Tar::layout(&[]).entry((EntryType::Regular, "blobs/sha256/x"), u64::MAX, b""),
        Tar::layout(&[]).entry((EntryType::GNULongName, "long"), 1 << 33, b"x"),
    ];
    for tar in cases {
        let problem = tar.problem().await;
        assert!(problem.contains("not a usable bundle"), "{problem}");
    }
    let long = vec![b'a'; 70_000];
    let problem = Tar::layout(&[]).entry((EntryType::GNULongName, "long"), 70_000, &long).problem().await;
    assert!(problem.contains("name has 70000 bytes"), "{problem}");
    let pax_size = Tar::layout(&[]).entry((EntryType::XHeader, "pax"), 12, b"12 size=999\n");
    assert!(pax_size.problem().await.contains("pax record"));
}

#[tokio::test]
async fn what_is_no_bundle_is_said_to_be_none() {
    let directory = tempfile::tempdir().unwrap();
    let write = |content: &[u8]| {
        let path = directory.path().join("x.tar");
        std::fs::write(&path, content).unwrap();
        path
    };
    let text = [b"plain text ".repeat(100), vec![0; 1024]].concat();
    for (content, expected) in [
        (&b""[..], "no regular file `oci-layout`"),
        (&[0x1f, 0x8b, 8, 0], "compressed"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "compressed"),
        (&text, "not a usable bundle"),
    ] {
        let error = Bundle::open(&write(content)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let no_index = Tar::new().file("oci-layout", MARKER);
    assert!(no_index.problem().await.contains("`index.json`"));
    let bad_index = Tar::new().file("oci-layout", MARKER).file("index.json", b"{");
    assert!(bad_index.problem().await.contains("`index.json`"));
    let absent = Bundle::open(Path::new("/nonexistent/b.tar")).await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_bundle_that_is_cut_off_is_refused() {
    let (at, text) = manifest(&blob(b"layer"));
    let tar = Tar::layout(&[at]).blob(text.as_bytes()).blob(&[7; 5000]);
    let path = tar.write();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1024 - 3000]).unwrap();
    let error = Bundle::open(&path).await.unwrap_err();
    assert!(error.to_string().contains("not a usable bundle"), "{error}");
}

#[tokio::test]
async fn missing_and_damaged_content_is_told_apart() {
    let (at, text) = manifest(&blob(b"layer"));
    let by_digest = Reference::Digest(at.digest.clone());
    let missing = Tar::layout(std::slice::from_ref(&at));
    let missing_bundle = missing.open().await.unwrap();
    assert_eq!(missing_bundle.fetch_manifest(&by_digest).await.unwrap_err().kind(), ErrorKind::NotFound);

    let name = |content: &[u8]| format!("blobs/sha256/{}", blob(content).digest.hex());
    let damaged = Tar::layout(std::slice::from_ref(&at))
        .file(&name(text.as_bytes()), b"{}")
        .file(&name(b"layer"), b"lAyer")
        .file(&name(b"short"), b"sho");
    let damaged_bundle = damaged.open().await.unwrap();
    assert_eq!(damaged_bundle.fetch_manifest(&by_digest).await.unwrap_err().kind(), ErrorKind::Corrupt);
    for content in [&b"layer"[..], b"short"] {
        assert_eq!(read(&damaged_bundle, &blob(content)).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(read(&damaged_bundle, &blob(b"absent")).await.unwrap_err().kind(), ErrorKind::NotFound);

    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    let at = Descriptor::of(MediaType::known(media_type::OCI_MANIFEST), &large);
    let oversize = Tar::layout(std::slice::from_ref(&at)).blob(&large);
    let error =
        oversize.open().await.unwrap().fetch_manifest(&Reference::Digest(at.digest)).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn a_damaged_bundle_never_yields_other_content(at in 0_usize..6000, byte: u8, cut in 0_usize..6000) {
        let layer = [7; 900];
        let (manifest_at, text) = manifest(&blob(&layer));
        let mut tar = Tar::layout(std::slice::from_ref(&manifest_at)).blob(text.as_bytes()).blob(&layer);
        let at = at % tar.bytes.len();
        tar.bytes[at] = byte;
        tar.bytes.truncate(cut.max(1024));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let Ok(bundle) = tar.open().await else { return };
            if let Ok(found) = bundle.fetch_manifest(&Reference::Digest(manifest_at.digest.clone())).await {
                assert_eq!(found.bytes, text);
            }
            if let Ok(content) = read(&bundle, &blob(&layer)).await {
                assert_eq!(content, layer);
            }
        });
    }
}
