use std::path::PathBuf;

use super::file_marks::FileMarks;
use super::{FileFault, PullSecrets};

/// A directory of pull secrets, `<name>.json` each, read again when a file changes. What cannot be read counts as before.
#[derive(Debug)]
pub(super) struct SecretFiles {
    path: PathBuf,
    seen: Option<FileMarks>,
    secrets: PullSecrets,
    fault: Option<String>,
}

impl SecretFiles {
    /// Reads nothing yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: None, secrets: PullSecrets::default(), fault: None }
    }

    /// Whether there is something new; reads it.
    pub(super) fn look(&mut self) -> bool {
        match FileMarks::of(&self.path) {
            Ok(marks) if Some(&marks) == self.seen.as_ref() => false,
            Ok(marks) => {
                self.seen = Some(marks);
                let mut secrets = PullSecrets::default();
                self.fault = secrets.add_directory(&self.path).err().map(|error| error.to_string());
                if self.fault.is_none() {
                    self.secrets = secrets;
                }
                true
            }
            Err(error) => {
                self.seen = None;
                self.fault.replace(error.to_string()).is_none()
            }
        }
    }

    pub(super) fn secrets(&self) -> &PullSecrets {
        &self.secrets
    }

    pub(super) fn fault(&self) -> Option<FileFault> {
        let problem = self.fault.clone()?;
        Some(FileFault { file: self.path.display().to_string(), problem })
    }
}
