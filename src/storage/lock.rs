use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::{Error, Result};

/// The right to have a store open. The kernel ends it with the process, however that ends.
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    pub(super) fn acquire(dir: &Path) -> Result<Self> {
        let path = dir.join("lock");
        let io = |source| Error::io("lock", &path, source);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { dir: dir.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        // Only for the message above: a full disk must not keep the store from opening.
        let _ = write_pid(&mut file);
        Ok(Self { _file: file })
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    let pid = text.trim();
    if read.is_ok() && !pid.is_empty() { pid.to_owned() } else { "unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_directory_names_its_holder_until_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let held = StoreLock::acquire(dir.path()).unwrap();
        let Err(Error::InUse { pid, .. }) = StoreLock::acquire(dir.path()) else {
            panic!("the lock was given twice");
        };
        assert_eq!(pid, std::process::id().to_string());
        drop(held);
        assert!(StoreLock::acquire(dir.path()).is_ok());
    }

    #[test]
    fn a_lock_file_that_a_dead_process_left_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lock"), "4194304 and a long story").unwrap();
        let _held = StoreLock::acquire(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join("lock")).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
    }
}
