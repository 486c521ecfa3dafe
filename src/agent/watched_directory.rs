use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::plugin::{FileError, ReadLimits, Resources, WasmPlugin, read_resource_file, resource_files};

/// The `WasmPlugin`s of a directory, read again when a file changes.
///
/// A file that cannot be read, or holds a resource that the API server would refuse, counts as it did before: one
/// slip of the hand takes nothing away. Looking at names, sizes and times of change is cheap, and works where events do
/// not: on network file systems, and where Kubernetes swaps the link of a mounted `ConfigMap`.
#[derive(Debug, Default)]
pub struct WatchedDirectory {
    path: PathBuf,
    seen: BTreeMap<PathBuf, Mark>,
    /// What each file holds, or held when it was last in order.
    files: BTreeMap<PathBuf, Vec<WasmPlugin>>,
    /// Files that are not in order, or the directory itself, and what is wrong.
    faults: BTreeMap<PathBuf, String>,
}

/// What tells that a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    modified: Option<SystemTime>,
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

    /// Whether the directory is not what it was at the last look. Reads what is new.
    pub fn look(&mut self) -> bool {
        match marks(&self.path) {
            Ok(marks) if marks == self.seen && !self.seen.is_empty() => false,
            Ok(marks) => {
                self.faults.remove(&self.path);
                self.read(&marks);
                self.seen = marks;
                true
            }
            // What was read stays in force; the next look that succeeds reads everything.
            Err(error) => {
                self.seen.clear();
                self.faults.insert(self.path.clone(), error.to_string()).is_none()
            }
        }
    }

    /// The plugins of all files, in the order of the files' names.
    pub fn plugins(&self) -> impl Iterator<Item = &WasmPlugin> {
        self.files.values().flatten()
    }

    /// The files that are not in order.
    pub fn faults(&self) -> Vec<FileFault> {
        let fault = |(file, problem): (&PathBuf, &String)| FileFault {
            file: file.display().to_string(),
            problem: problem.clone(),
        };
        self.faults.iter().map(fault).collect()
    }

    fn read(&mut self, marks: &BTreeMap<PathBuf, Mark>) {
        self.files.retain(|path, _| marks.contains_key(path));
        self.faults.retain(|path, _| marks.contains_key(path));
        let changed = marks.iter().filter(|(path, mark)| self.seen.get(*path) != Some(*mark));
        for (path, _) in changed {
            match plugins(path) {
                Ok(plugins) => {
                    self.faults.remove(path);
                    self.files.insert(path.clone(), plugins);
                }
                Err(problem) => {
                    self.faults.insert(path.clone(), problem);
                }
            }
        }
    }
}

fn marks(directory: &Path) -> Result<BTreeMap<PathBuf, Mark>, FileError> {
    let files = resource_files(directory)?;
    let mark = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, Mark { bytes: metadata.len(), modified: metadata.modified().ok() }))
    };
    Ok(files.into_iter().filter_map(mark).collect())
}

fn plugins(path: &Path) -> Result<Vec<WasmPlugin>, String> {
    let resources: Resources =
        read_resource_file(path, &ReadLimits::default()).map_err(|error| error.to_string())?;
    let fault = resources.faults().next().map(ToString::to_string);
    match fault {
        Some(fault) => Err(fault),
        None => Ok(resources.plugins.into_iter().map(|resource| resource.plugin).collect()),
    }
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
