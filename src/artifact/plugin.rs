use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use super::plugin_name::{self, Chosen};
use super::{Document, Limits, ModuleError, ModuleInfo, PluginSpec, inspect};
use crate::oci::{RepositoryName, Tag};

/// What an author has on disk, read and checked: a module, and what goes with it.
#[derive(Clone, Debug)]
pub struct Plugin {
    module_path: PathBuf,
    module: Vec<u8>,
    info: ModuleInfo,
    spec: PluginSpec,
    documents: Vec<Document>,
    name: Chosen<RepositoryName>,
    version: Chosen<Tag>,
}

/// Why there is no plugin at a path.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// A file or directory cannot be read.
    #[error("`{path}` could not be read")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The directory has no module.
    #[error(
        "directory `{0}` holds no module; looked for `plugin.wasm`, `main.wasm`, `build/release.wasm`, `plugin.wat` \
         and a single `*.wasm`"
    )]
    NoModule(PathBuf),
    /// The directory has several modules and none of the usual names.
    #[error("directory `{directory}` holds several modules ({}); name one of them", .files.join(", "))]
    Ambiguous {
        /// Which directory.
        directory: PathBuf,
        /// The modules found.
        files: Vec<String>,
    },
    /// A file above what agents and registries take.
    #[error("`{path}` has more than {limit_bytes} bytes, which no agent would load")]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// The text does not compile.
    #[error("`{path}` is no valid WebAssembly text: {reason}")]
    Text {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// The module is none.
    #[error("`{path}`: {reason}")]
    Module {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: ModuleError,
    },
    /// `spec.yaml` cannot be understood.
    #[error("`{path}` is no valid plugin specification: {reason}")]
    Spec {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
}

impl Plugin {
    /// Reads a `.wasm` or `.wat` file, or a directory with one and optional `spec.yaml`, readmes and icon.
    ///
    /// A file with the name of a build's output (`plugin.wasm`, `main.wasm`) that lies beside a `spec.yaml` is read
    /// together with its directory.
    pub fn load(path: &Path) -> Result<Self, PluginError> {
        let read = |source| PluginError::Read { path: path.to_owned(), source };
        let found = absolute(path).map_err(read)?;
        let (module_path, directory) = if found.is_dir() {
            (find_module(&found)?, Some(found.as_path()))
        } else {
            let directory = plugin_directory(&found);
            (found.clone(), directory)
        };
        let module = read_module(&module_path)?;
        let info =
            inspect(&module).map_err(|reason| PluginError::Module { path: module_path.clone(), reason })?;
        let (spec, documents) = directory.map(read_documents).transpose()?.unwrap_or_default();
        // A directory's name counts for the module in it, wherever below it the build put the file.
        let (name, version) =
            plugin_name::choose(&spec, &directory.map_or(module_path.clone(), |d| d.join("plugin.wasm")));
        Ok(Self { module_path, module, info, spec, documents, name, version })
    }

    /// The file that the module was read from.
    pub fn module_path(&self) -> &Path {
        &self.module_path
    }

    /// The module's bytes.
    pub fn module(&self) -> &[u8] {
        &self.module
    }

    /// What is inside the module.
    pub fn info(&self) -> &ModuleInfo {
        &self.info
    }

    /// What `spec.yaml` says; all empty where there is none.
    pub fn spec(&self) -> &PluginSpec {
        &self.spec
    }

    /// `spec.yaml`, readmes and icon, in the order of their layers.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The plugin's name, one component of a repository name, and where it came from.
    pub fn name(&self) -> &Chosen<RepositoryName> {
        &self.name
    }

    /// The plugin's version as a tag, and where it came from.
    pub fn version(&self) -> &Chosen<Tag> {
        &self.version
    }
}

/// The path from the root, with its names as typed: a link keeps the name that its author gave it.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let is_named = path.file_name().is_some() && path.components().all(|part| part != Component::ParentDir);
    if is_named { std::path::absolute(path) } else { fs::canonicalize(path) }
}

/// The directory of a file whose own name says nothing, where a `spec.yaml` says that it is a plugin's.
fn plugin_directory(module: &Path) -> Option<&Path> {
    let stem = module.file_stem()?.to_str()?;
    module
        .parent()
        .filter(|directory| plugin_name::is_build_output(stem) && directory.join("spec.yaml").is_file())
}

fn find_module(directory: &Path) -> Result<PathBuf, PluginError> {
    const NAMES: [&str; 4] = ["plugin.wasm", "main.wasm", "build/release.wasm", "plugin.wat"];
    if let Some(path) = NAMES.iter().map(|name| directory.join(name)).find(|path| path.is_file()) {
        return Ok(path);
    }
    let mut modules: Vec<_> =
        file_names(directory)?.into_iter().filter(|name| has_extension(Path::new(name), "wasm")).collect();
    match modules.len() {
        0 => Err(PluginError::NoModule(directory.to_owned())),
        1 => Ok(directory.join(modules.remove(0))),
        _ => Err(PluginError::Ambiguous { directory: directory.to_owned(), files: modules }),
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// The names of the files in a directory, sorted, so that the same directory packs the same everywhere.
fn file_names(directory: &Path) -> Result<Vec<String>, PluginError> {
    let failed = |source| PluginError::Read { path: directory.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let (true, Ok(name)) = (entry.path().is_file(), entry.file_name().into_string()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn read_module(path: &Path) -> Result<Vec<u8>, PluginError> {
    let content = read_file(path, Limits::AGENT_BYTES)?;
    if !has_extension(path, "wat") {
        return Ok(content);
    }
    wat::parse_bytes(&content)
        .map(Into::into)
        .map_err(|error| PluginError::Text { path: path.to_owned(), reason: error.to_string() })
}

fn read_file(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, PluginError> {
    let failed = |source| PluginError::Read { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(failed)?;
    let mut content = Vec::new();
    file.take(limit_bytes + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > limit_bytes {
        return Err(PluginError::TooLarge { path: path.to_owned(), limit_bytes });
    }
    Ok(content)
}

/// `spec.yaml`, `README.md`, `README_{LANG}.md` by language, `icon.png`: each where it exists, in that order.
fn read_documents(directory: &Path) -> Result<(PluginSpec, Vec<Document>), PluginError> {
    let mut spec = PluginSpec::default();
    let mut documents: Vec<(u8, Document)> = Vec::new();
    for file_name in file_names(directory)? {
        let Some((rank, media_type)) = Document::kind_of(&file_name) else { continue };
        let path = directory.join(&file_name);
        let content = read_file(&path, Document::MAX_BYTES)?;
        if file_name == "spec.yaml" {
            let text = String::from_utf8_lossy(&content);
            spec = PluginSpec::parse(&text)
                .map_err(|error| PluginError::Spec { path: path.clone(), reason: error.to_string() })?;
        }
        documents.push((rank, Document { file_name, media_type, content }));
    }
    documents.sort_by_key(|(rank, _)| *rank);
    Ok((spec, documents.into_iter().map(|(_, document)| document).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Origin;
    use crate::artifact::fixtures::{component, plugin_module};

    /// A directory `key-auth` with the given files.
    fn directory(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("key-auth");
        fs::create_dir(&directory).unwrap();
        for (name, content) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        (parent, directory)
    }

    #[test]
    fn a_directory_is_read_whole_and_in_the_order_of_its_layers() {
        let module = plugin_module();
        let (_keep, path) = directory(&[
            ("plugin.wasm", &module),
            ("icon.png", b"png"),
            ("README_ZH.md", b"zh"),
            ("README_EN.md", b"en"),
            ("README.md", b"readme"),
            ("README_a b.md", b"no language"),
            ("spec.yaml", b"info:\n  name: key-auth\n  version: 1.2.3\nspec:\n  phase: AUTHN\n"),
            ("notes.txt", b"stay home"),
        ]);
        let plugin = Plugin::load(&path).unwrap();
        let documents: Vec<_> =
            plugin.documents().iter().map(|d| (d.file_name.as_str(), d.media_type.as_str())).collect();
        assert_eq!(
            documents,
            [
                ("spec.yaml", "application/vnd.module.wasm.spec.v1+yaml"),
                ("README.md", "application/vnd.module.wasm.doc.v1+markdown"),
                ("README_EN.md", "application/vnd.module.wasm.doc.v1.en+markdown"),
                ("README_ZH.md", "application/vnd.module.wasm.doc.v1.zh+markdown"),
                ("icon.png", "application/vnd.module.wasm.icon.v1+png"),
            ]
        );
        assert_eq!(plugin.module(), module);
        assert_eq!(plugin.version().value.as_str(), "1.2.3");
        assert_eq!(plugin.spec().phase.as_deref(), Some("AUTHN"));
    }

    #[test]
    fn a_directory_has_its_module_under_one_of_the_usual_names() {
        let module = plugin_module();
        for name in ["plugin.wasm", "main.wasm", "build/release.wasm", "whatever.wasm"] {
            let (_keep, path) = directory(&[(name, &module)]);
            let plugin = Plugin::load(&path).unwrap();
            assert!(plugin.module_path().ends_with(name), "{name}");
            assert_eq!(
                (plugin.name().value.as_str(), plugin.name().origin),
                ("key-auth", Origin::DirectoryName)
            );
        }
        let (_keep, path) = directory(&[("a.wasm", &module), ("b.wasm", &module)]);
        assert!(Plugin::load(&path).unwrap_err().to_string().contains("several modules (a.wasm, b.wasm)"));
        let (_keep, path) = directory(&[("a.txt", b"")]);
        assert!(matches!(Plugin::load(&path).unwrap_err(), PluginError::NoModule(_)));
    }

    #[test]
    fn text_is_compiled() {
        let (_keep, path) = directory(&[("plugin.wat", b"(module (memory (export \"memory\") 1))")]);
        let plugin = Plugin::load(&path).unwrap();
        assert!(plugin.module().starts_with(b"\0asm"));
        let (_keep, path) = directory(&[("plugin.wat", b"(module (nonsense))")]);
        let message = Plugin::load(&path).unwrap_err().to_string();
        assert!(
            message.contains("is no valid WebAssembly text") && message.contains("nonsense"),
            "{message}"
        );
    }

    #[test]
    fn a_file_stands_alone_unless_its_directory_is_a_plugin() {
        let module = plugin_module();
        let files: [(&str, &[u8]); 4] = [
            ("plugin.wasm", &module),
            ("other-2.0.0.wasm", &module),
            ("README.md", b"hi"),
            ("spec.yaml", b"info:\n  name: named\n"),
        ];
        let (_keep, path) = directory(&files);
        let plugin = Plugin::load(&path.join("plugin.wasm")).unwrap();
        assert_eq!((plugin.name().value.as_str(), plugin.documents().len()), ("named", 2));
        let plugin = Plugin::load(&path.join("other-2.0.0.wasm")).unwrap();
        assert_eq!((plugin.name().value.as_str(), plugin.version().value.as_str()), ("other", "2.0.0"));
        assert_eq!(plugin.documents(), []);

        let (_keep, path) = directory(&files[..1]);
        let plugin = Plugin::load(&path.join("plugin.wasm")).unwrap();
        assert_eq!((plugin.name().value.as_str(), plugin.documents().len()), ("key-auth", 0));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_keeps_its_name_and_a_path_with_dots_has_one() {
        let (_keep, path) = directory(&[("plugin.wasm", &plugin_module())]);
        let link = path.join("rate-limit-2.1.0.wasm");
        std::os::unix::fs::symlink(path.join("plugin.wasm"), &link).unwrap();
        let plugin = Plugin::load(&link).unwrap();
        assert_eq!((plugin.name().value.as_str(), plugin.version().value.as_str()), ("rate-limit", "2.1.0"));
        fs::create_dir(path.join("deep")).unwrap();
        let plugin = Plugin::load(&path.join("deep/..")).unwrap();
        assert_eq!(plugin.name().value.as_str(), "key-auth");
    }

    #[test]
    fn what_is_no_plugin_is_refused_with_the_file_named() {
        let (_keep, path) = directory(&[
            ("c.wasm", &component()),
            ("t.wasm", b"#!/bin/sh\necho"),
            ("plugin.wasm", &plugin_module()),
        ]);
        let component = Plugin::load(&path.join("c.wasm")).unwrap_err().to_string();
        assert!(component.contains("c.wasm`: file is a Wasm component"), "{component}");
        assert!(Plugin::load(&path.join("t.wasm")).unwrap_err().to_string().contains("not a Wasm module"));
        fs::write(path.join("README.md"), vec![b'x'; 4 * 1024 * 1024 + 1]).unwrap();
        assert!(matches!(Plugin::load(&path).unwrap_err(), PluginError::TooLarge { .. }));
        let missing = Plugin::load(&path.join("none.wasm")).unwrap_err();
        assert!(matches!(missing, PluginError::Read { .. }) && missing.to_string().contains("none.wasm"));
        fs::remove_file(path.join("README.md")).unwrap();
        fs::write(path.join("spec.yaml"), "info: [").unwrap();
        assert!(matches!(Plugin::load(&path).unwrap_err(), PluginError::Spec { .. }));
    }
}
