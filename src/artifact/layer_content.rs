use std::io::Read;

use serde::Serialize;

use super::extracted_module::note_wasm_file;
use super::tar_reader::{EntryKind, TarReader};
use super::unpacked::Unpacked;
use super::{Encoding, Limits, ModuleForm, UnpackError, module_layer};
use crate::oci::{Algorithm, Digest, Digester, Manifest, annotation, media_type};

/// What a layer was found to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerContent {
    /// How it was read.
    pub encoding: Encoding,
    /// Tar headers seen.
    pub entries: u32,
    /// Regular files seen before the module.
    pub files: u32,
    /// Those of them that end in `.wasm`, the first few.
    pub wasm_files: Vec<String>,
    /// What agents would take for the module.
    pub module: Option<FoundModule>,
    /// Where reading ended.
    pub scan: Scan,
}

/// Where reading a layer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Scan {
    /// At the end of the layer; it holds no module.
    Complete,
    /// At the end of the module.
    Module,
    /// At one of the [`Limits`].
    Limit {
        /// Which one, as a sentence.
        reason: String,
    },
    /// At bytes that are not what they should be.
    Broken {
        /// What is wrong with them.
        reason: String,
    },
}

/// What agents would take for the module of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundModule {
    /// Its path in the tar; none in a raw layer.
    pub path: Option<String>,
    /// What the tar says it is.
    pub kind: EntryKind,
    /// Its length: as the tar states it, or as read.
    pub size_bytes: u64,
    /// What its first bytes say it is.
    pub form: ModuleForm,
    /// sha256 of the module, where it was read to its end.
    pub digest: Option<Digest>,
}

/// Looks through a layer as an agent would, and says what it holds.
///
/// # Errors
/// Only where the layer's bytes cannot be had; whatever is wrong with them is part of the answer.
pub fn examine(encoding: Encoding, reader: impl Read, limits: &Limits) -> Result<LayerContent, UnpackError> {
    let content = Unpacked::open(encoding, reader, limits);
    let mut found = LayerContent {
        encoding,
        entries: 0,
        files: 0,
        wasm_files: Vec::new(),
        module: None,
        scan: Scan::Complete,
    };
    let result = if encoding == Encoding::Raw {
        found.read_raw(content)
    } else {
        found.read_tar(TarReader::new(content, limits))
    };
    found.scan = match result {
        Ok(()) if found.module.is_some() => Scan::Module,
        Ok(()) => Scan::Complete,
        Err(error @ UnpackError::Read(_)) => return Err(error),
        Err(error @ UnpackError::Malformed { .. }) => Scan::Broken { reason: error.to_string() },
        Err(limit) => Scan::Limit { reason: limit.to_string() },
    };
    Ok(found)
}

impl LayerContent {
    fn read_raw(&mut self, mut content: Unpacked<'_>) -> Result<(), UnpackError> {
        let module = self.module.insert(FoundModule::new(None, EntryKind::Regular));
        module.read(|buffer| content.read(buffer))
    }

    fn read_tar(&mut self, mut tar: TarReader<'_>) -> Result<(), UnpackError> {
        let found = tar.find_plugin(|passed| {
            self.files += u32::from(passed.kind == EntryKind::Regular);
            note_wasm_file(&mut self.wasm_files, passed);
        });
        self.entries = tar.entries();
        let Some(entry) = found? else { return Ok(()) };
        let module = self.module.insert(FoundModule::new(Some(entry.path), entry.kind));
        let result = module.read(|buffer| tar.read_data(buffer));
        module.size_bytes = entry.size_bytes;
        result
    }

    /// Whether the layer is a whole tar with one regular file, a `.wasm` that only lacks the name agents look for.
    fn is_misnamed_module(&self) -> bool {
        self.scan == Scan::Complete && self.files == 1 && self.wasm_files.len() == 1
    }
}

impl FoundModule {
    fn new(path: Option<String>, kind: EntryKind) -> Self {
        Self { path, kind, size_bytes: 0, form: ModuleForm::TooSmall, digest: None }
    }

    fn read(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, UnpackError>,
    ) -> Result<(), UnpackError> {
        let mut digester = Digester::new(Algorithm::Sha256);
        let mut head = Vec::with_capacity(8);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = read(&mut buffer)?;
            if count == 0 {
                break;
            }
            let missing = (8 - head.len()).min(count);
            head.extend_from_slice(&buffer[..missing]);
            self.form = ModuleForm::of(&head);
            digester.update(&buffer[..count]);
            self.size_bytes += count as u64;
        }
        self.digest = Some(digester.finish());
        Ok(())
    }
}

/// Whether an image is a Wasm plugin at all, loadable or not.
///
/// That is: it names one of the Wasm media types, or its module layer was found to hold `plugin.wasm`, or nothing but
/// one `.wasm` file of another name. An ordinary container image is none of these; to find out cheaply, examine its
/// module layer within [`Limits::probe`].
pub fn holds_module(manifest: &Manifest, content: Option<&LayerContent>) -> bool {
    let named = manifest.blobs().any(|blob| is_wasm_type(blob.media_type.as_str()))
        || manifest.artifact_type.as_deref().is_some_and(is_wasm_type)
        || manifest.annotations.contains_key(annotation::WASM_VARIANT);
    named
        || module_layer(manifest).is_ok()
            && content.is_some_and(|content| content.module.is_some() || content.is_misnamed_module())
}

fn is_wasm_type(media_type: &str) -> bool {
    media_type == media_type::WASM
        || media_type.starts_with("application/vnd.module.wasm.")
        || media_type.starts_with("application/vnd.wasm.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::fixtures::{component, file, gzip, image, plugin_module, special, tar, zstd};

    fn content(members: &[crate::artifact::fixtures::Member<'_>]) -> LayerContent {
        examine(Encoding::TarGzip, gzip(&tar(members)).as_slice(), &Limits::default()).unwrap()
    }

    #[test]
    fn the_module_of_a_tar_is_described() {
        let module = plugin_module();
        let found = content(&[file("README.md", b"hi"), file("etc/plugin.wasm", &module), file("rest", b"")]);
        assert_eq!((found.entries, found.files, &found.scan), (2, 1, &Scan::Module));
        let expected = FoundModule {
            path: Some("etc/plugin.wasm".into()),
            kind: EntryKind::Regular,
            size_bytes: module.len() as u64,
            form: ModuleForm::Core,
            digest: Some(Digest::sha256(&module)),
        };
        assert_eq!(found.module, Some(expected));
    }

    #[test]
    fn raw_layers_tars_and_zstd_are_read_too() {
        let module = plugin_module();
        let packed = tar(&[file("plugin.wasm", &module)]);
        let cases = [
            (Encoding::Raw, module.clone()),
            (Encoding::Tar, packed.clone()),
            (Encoding::TarZstd, zstd(&packed)),
        ];
        for (encoding, bytes) in cases {
            let found = examine(encoding, bytes.as_slice(), &Limits::default()).unwrap();
            let digest = found.module.and_then(|module| module.digest);
            assert_eq!(digest, Some(Digest::sha256(&module)), "{encoding}");
        }
    }

    #[test]
    fn what_is_no_good_module_is_said_so() {
        let cases: [(&[u8], ModuleForm); 4] = [
            (b"", ModuleForm::TooSmall),
            (b"\0asm", ModuleForm::TooSmall),
            (b"#!/bin/sh and more", ModuleForm::NotWasm),
            (&component(), ModuleForm::Component),
        ];
        for (bytes, form) in cases {
            assert_eq!(content(&[file("plugin.wasm", bytes)]).module.unwrap().form, form);
        }
        let link = content(&[special("plugin.wasm", b'2')]).module.unwrap();
        assert_eq!((link.kind, link.form), (EntryKind::Symlink, ModuleForm::TooSmall));
    }

    #[test]
    fn broken_and_endless_layers_are_answers_not_errors() {
        let scan = |bytes: &[u8], limits: &Limits| examine(Encoding::TarGzip, bytes, limits).unwrap().scan;
        let broken = [b"not gzip at all".to_vec(), gzip(b"not a tar, but long enough"), gzip(&[7; 600])];
        for bytes in broken {
            assert!(matches!(scan(&bytes, &Limits::default()), Scan::Broken { .. }));
        }
        let many: Vec<_> = (0..65).map(|_| file("f", b"")).collect();
        let Scan::Limit { reason } = scan(&gzip(&tar(&many)), &Limits::probe()) else { panic!("no limit") };
        assert_eq!(reason, "no `plugin.wasm` among the first 64 tar entries of the layer");
    }

    #[test]
    fn an_unreadable_layer_is_an_error() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("disk on fire"))
            }
        }
        for encoding in [Encoding::Raw, Encoding::Tar, Encoding::TarGzip, Encoding::TarZstd] {
            let error = examine(encoding, Failing, &Limits::default()).unwrap_err();
            assert!(matches!(error, UnpackError::Read(_)), "{encoding}: {error}");
        }
    }

    #[test]
    fn plugins_are_told_from_ordinary_images() {
        use media_type::{
            OCI_CONFIG, OCI_LAYER_TAR_GZIP, OCI_LAYER_TAR_ZSTD, WASM, WASM_SPEC, WASM_TO_OCI_LAYER,
        };
        let module = plugin_module();
        let plugin = content(&[file("plugin.wasm", &module)]);
        let misnamed = content(&[special("app", b'5'), file("app/main.wasm", &module)]);
        let ordinary = content(&[file("bin/sh", b"elf"), file("lib/x.wasm", &module)]);
        let cases: [(&[&str], Option<&LayerContent>, bool); 9] = [
            (&[OCI_LAYER_TAR_GZIP], Some(&plugin), true),
            (&[OCI_LAYER_TAR_GZIP, OCI_LAYER_TAR_ZSTD], Some(&plugin), true),
            (&[OCI_LAYER_TAR_GZIP], Some(&misnamed), true),
            (&[OCI_LAYER_TAR_GZIP], Some(&ordinary), false),
            (&[OCI_LAYER_TAR_GZIP, OCI_LAYER_TAR_GZIP], None, false),
            (&[WASM], None, true),
            (&[WASM_TO_OCI_LAYER], None, true),
            (&[WASM_SPEC, OCI_LAYER_TAR_GZIP], None, true),
            (&[], None, false),
        ];
        for (layers, content, expected) in cases {
            assert_eq!(holds_module(&image(OCI_CONFIG, layers), content), expected, "{layers:?}");
        }
        assert!(holds_module(&image(media_type::WASM_CONFIG_V0, &["x/y"]), None));
    }
}
