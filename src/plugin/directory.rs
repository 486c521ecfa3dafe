use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{ReadError, ReadLimits, Resources};

/// Most files of a directory that are read.
const MOST_FILES: usize = 10_000;
/// Endings of the names of files that hold resources.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Why resources could not be read from files.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system does not give the file.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The text cannot be read.
    #[error("`{}`: {source}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
    /// A directory has more files than are read.
    #[error("`{}` has more than {MOST_FILES} files of resources", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
}

/// The files of `directory` that hold resources, by name: those that end in `.yaml`, `.yml` or `.json` and whose names do
/// not begin with a dot. Directories within it are not looked at, as `kubectl apply -f` does not either.
///
/// # Errors
/// The directory cannot be read, or has more than 10 000 such files.
pub fn resource_files(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let failed = |source| FileError::Io { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_resource_file(&path) {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(FileError::TooMany { path: directory.to_owned() });
        }
    }
    files.sort();
    Ok(files)
}

/// Kubernetes mounts a `ConfigMap`'s files as links into directories whose names begin with dots.
fn is_resource_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    ending.is_some_and(|ending| ENDINGS.contains(&ending)) && !hidden && path.is_file()
}

/// Reads the resources of one file.
///
/// # Errors
/// The file cannot be read, or [`Resources::read`] refuses its text.
pub fn read_resource_file(path: &Path, limits: &ReadLimits) -> Result<Resources, FileError> {
    let text = read_resource_text(path, limits)?;
    Resources::read(&text, limits).map_err(|source| FileError::Text { path: path.to_owned(), source })
}

/// The text of a file of resources, as much of it as `limits` allow and one byte more: enough to know that it is too long.
///
/// # Errors
/// The file cannot be read.
pub fn read_resource_text(path: &Path, limits: &ReadLimits) -> Result<Vec<u8>, FileError> {
    let read = || {
        let mut text = Vec::new();
        File::open(path)?.take(limits.bytes as u64 + 1).read_to_end(&mut text)?;
        Ok(text)
    };
    read().map_err(|source| FileError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_directory_are_read_in_the_order_of_their_names() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.json", "c.yml", "d.txt", ".e.yaml"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("f.yaml")).unwrap();
        let names: Vec<_> = resource_files(directory.path()).unwrap();
        let names: Vec<_> = names.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.json", "b.yaml", "c.yml"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yaml");
        let limits = ReadLimits { bytes: 10, ..ReadLimits::default() };
        assert!(matches!(read_resource_file(&path, &limits), Err(FileError::Io { .. })));
        assert!(matches!(resource_files(&path), Err(FileError::Io { .. })));
        for (text, expected) in [("a: [", "line 1"), ("a: 12345678", "10 bytes")] {
            fs::write(&path, text).unwrap();
            let said = read_resource_file(&path, &limits).unwrap_err().to_string();
            assert!(said.contains("a.yaml") && said.contains(expected), "{said}");
        }
    }
}
