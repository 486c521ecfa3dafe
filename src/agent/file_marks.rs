use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::plugin::{FileError, resource_files};

/// What tells of each file of a directory that it has changed.
///
/// Looking at names, sizes and times of change is cheap, and works where events do not: on network file systems, and
/// where Kubernetes swaps the link of a mounted `ConfigMap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileMarks(BTreeMap<PathBuf, Mark>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl FileMarks {
    /// Those of the resource files of `directory`.
    pub(super) fn of(directory: &Path) -> Result<Self, FileError> {
        let mark = |path: PathBuf| {
            let metadata = std::fs::metadata(&path).ok()?;
            Some((path, Mark { bytes: metadata.len(), modified: metadata.modified().ok() }))
        };
        Ok(Self(resource_files(directory)?.into_iter().filter_map(mark).collect()))
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    /// The files that are new since `before`, or have changed.
    pub(super) fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a PathBuf> {
        self.0.iter().filter(|(path, mark)| before.0.get(*path) != Some(*mark)).map(|(path, _)| path)
    }
}
