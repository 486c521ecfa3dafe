use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::PullSecrets;
use super::file_marks::FileMarks;
use super::secret_files::SecretFiles;
use crate::plugin::{FileError, ReadLimits, Resources, WasmPlugin, read_resource_text};

/// The `WasmPlugin`s of a directory and the pull secrets beside them, read again when a file changes.
///
/// A file that cannot be read, or holds a resource that the API server would refuse, counts as it did before: one
/// slip of the hand takes nothing away.
#[derive(Debug, Default)]
pub struct WatchedDirectory {
    path: PathBuf,
    seen: Option<FileMarks>,
    /// What each file holds, or held when it was last in order.
    files: BTreeMap<PathBuf, Content>,
    /// Files that are not in order, or the directory itself, and what is wrong.
    faults: BTreeMap<PathBuf, String>,
    secret_files: Option<SecretFiles>,
}

/// What one file holds.
#[derive(Debug, Default)]
struct Content {
    plugins: Vec<WasmPlugin>,
    secrets: PullSecrets,
}

/// A file that is not in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileFault {
    /// The file, or the directory.
    pub file: String,
    /// What is wrong, and where.
    pub problem: String,
}

impl WatchedDirectory {
    /// Reads nothing yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }

    /// With a directory of secrets, [`PullSecrets::add_directory`], in which others are found than among the resources.
    #[must_use]
    pub fn with_secret_files(self, path: Option<PathBuf>) -> Self {
        Self { secret_files: path.map(SecretFiles::new), ..self }
    }

    /// Whether something is not what it was at the last look. Reads what is new.
    pub fn look(&mut self) -> bool {
        let secrets_changed = self.secret_files.as_mut().is_some_and(SecretFiles::look);
        self.look_at_resources() || secrets_changed
    }

    fn look_at_resources(&mut self) -> bool {
        match FileMarks::of(&self.path) {
            Ok(marks) if Some(&marks) == self.seen.as_ref() => false,
            Ok(marks) => {
                self.faults.remove(&self.path);
                self.read(&marks);
                self.seen = Some(marks);
                true
            }
            // What was read stays in force; the next look that succeeds reads everything.
            Err(error) => {
                self.seen = None;
                self.faults.insert(self.path.clone(), error.to_string()).is_none()
            }
        }
    }

    /// The plugins of all files, in the order of the files' names.
    pub fn plugins(&self) -> impl Iterator<Item = &WasmPlugin> {
        self.files.values().flat_map(|content| &content.plugins)
    }

    /// The secrets that plugins may name.
    pub fn secrets(&self) -> PullSecrets {
        let files = self.secret_files.iter().map(SecretFiles::secrets);
        files
            .chain(self.files.values().map(|content| &content.secrets))
            .fold(PullSecrets::default(), PullSecrets::and)
    }

    /// The files that are not in order.
    pub fn faults(&self) -> Vec<FileFault> {
        let fault = |(file, problem): (&PathBuf, &String)| FileFault {
            file: file.display().to_string(),
            problem: problem.clone(),
        };
        self.faults.iter().map(fault).chain(self.secret_files.as_ref().and_then(SecretFiles::fault)).collect()
    }

    fn read(&mut self, marks: &FileMarks) {
        self.files.retain(|path, _| marks.contains(path));
        self.faults.retain(|path, _| marks.contains(path));
        let before = self.seen.take().unwrap_or_default();
        for path in marks.changed_since(&before) {
            match content(path) {
                Ok(content) => {
                    self.faults.remove(path);
                    self.files.insert(path.clone(), content);
                }
                Err(problem) => {
                    self.faults.insert(path.clone(), problem);
                }
            }
        }
    }
}

fn content(path: &Path) -> Result<Content, String> {
    let limits = ReadLimits::default();
    let text = read_resource_text(path, &limits).map_err(|error| error.to_string())?;
    let unreadable = |source| FileError::Text { path: path.to_owned(), source }.to_string();
    let resources = Resources::read(&text, &limits).map_err(unreadable)?;
    if let Some(fault) = resources.faults().next() {
        return Err(fault.to_string());
    }
    let mut secrets = PullSecrets::default();
    if resources.others.iter().any(|other| other.kind == "Secret") {
        secrets.add_manifests(&text, &limits).map_err(unreadable)?;
    }
    let plugins = resources.plugins.into_iter().map(|resource| resource.plugin).collect();
    Ok(Content { plugins, secrets })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn text(name: &str) -> String {
        format!("apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\n")
    }

    fn names(watched: &WatchedDirectory) -> Vec<&str> {
        watched.plugins().map(|plugin| plugin.metadata.name.as_str()).collect()
    }

    #[test]
    fn a_change_is_seen_and_a_broken_file_counts_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let mut watched = WatchedDirectory::new(directory.path().to_owned());
        fs::write(file("b.yaml"), text("b")).unwrap();
        assert!(watched.look() && !watched.look());
        assert_eq!(names(&watched), ["b"]);
        fs::write(file("a.yaml"), text("a")).unwrap();
        assert!(watched.look());
        assert_eq!(names(&watched), ["a", "b"]);
        fs::write(file("a.yaml"), "a: [").unwrap();
        assert!(watched.look());
        assert_eq!((names(&watched), watched.faults().len()), (vec!["a", "b"], 1));
        fs::write(file("a.yaml"), text("new-a")).unwrap();
        assert!(watched.look());
        assert_eq!((names(&watched), watched.faults().len()), (vec!["new-a", "b"], 0));
        fs::remove_file(file("b.yaml")).unwrap();
        assert!(watched.look());
        assert_eq!(names(&watched), ["new-a"]);
    }

    #[test]
    fn secrets_are_found_beside_plugins_and_in_their_own_directory() {
        let [directory, secret_files] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let logins = r#"{"auths":{"r.io":{"auth":"YWRhOnB3"}}}"#;
        let secret = |name: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: kubernetes.io/dockerconfigjson\n\
                 stringData: {{.dockerconfigjson: '{logins}'}}\n"
            )
        };
        fs::write(directory.path().join("a.yaml"), text("a") + "---\n" + &secret("beside")).unwrap();
        let listed = format!(
            "apiVersion: v1\nkind: List\nitems:\n- {}",
            secret("listed").trim().replace('\n', "\n  ")
        );
        fs::write(directory.path().join("b.yaml"), listed).unwrap();
        let mut watched = WatchedDirectory::new(directory.path().to_owned())
            .with_secret_files(Some(secret_files.path().to_owned()));
        assert!(watched.look() && !watched.look());
        assert!(watched.secrets().find(None, "beside").is_ok(), "{:?}", watched.faults());
        assert!(watched.secrets().find(Some("n"), "listed").is_ok());
        assert!(watched.secrets().find(None, "file").is_err());
        fs::write(secret_files.path().join("file.json"), logins).unwrap();
        assert!(watched.look() && !watched.look());
        assert!(
            watched.secrets().find(None, "file").is_ok() && watched.secrets().find(None, "beside").is_ok()
        );
        fs::remove_file(directory.path().join("a.yaml")).unwrap();
        assert!(watched.look());
        assert!(watched.secrets().find(None, "beside").is_err());
        drop(secret_files);
        assert!(watched.look() && !watched.look());
        assert!(watched.secrets().find(None, "file").is_ok(), "a directory that is gone takes nothing away");
        assert_eq!(watched.faults().len(), 1);
    }

    #[test]
    fn a_directory_that_is_gone_takes_nothing_away() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("plugins");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.yaml"), text("a")).unwrap();
        let mut watched = WatchedDirectory::new(inner.clone());
        assert!(watched.look());
        fs::rename(&inner, directory.path().join("away")).unwrap();
        assert!(watched.look() && !watched.look());
        assert_eq!((names(&watched), watched.faults().len()), (vec!["a"], 1));
        fs::rename(directory.path().join("away"), &inner).unwrap();
        assert!(watched.look());
        assert_eq!((names(&watched), watched.faults().len()), (vec!["a"], 0));
    }
}
