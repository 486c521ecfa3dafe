use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::client::Error;

/// A program `docker-credential-<name>` that keeps credentials in the system's own store.
///
/// It takes its verb as its argument and its input on standard input. Its methods block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Helper {
    program: PathBuf,
}

impl Helper {
    /// The helper that a configuration file calls `name`, found by `PATH`.
    pub(super) fn named(name: &str) -> Result<Self, Error> {
        let plain = !name.is_empty() && !name.contains(['/', '\\']);
        if !plain {
            let problem = "a helper is named by one word, without a path".to_owned();
            return Err(Error::CredentialHelper { helper: name.to_owned(), problem });
        }
        Ok(Self { program: format!("docker-credential-{name}").into() })
    }

    /// Keeps a user's name and password for `server`.
    pub(super) fn store(&self, server: &str, username: &str, password: &str) -> Result<(), Error> {
        let input = json!({ "ServerURL": server, "Username": username, "Secret": password });
        self.run("store", &input.to_string())
    }

    /// Forgets what is kept for `server`; false where that is nothing.
    pub(super) fn erase(&self, server: &str) -> Result<bool, Error> {
        match self.run("erase", server) {
            Err(Error::CredentialHelper { problem, .. }) if problem.contains("credentials not found") => {
                Ok(false)
            }
            done => done.map(|()| true),
        }
    }

    fn run(&self, verb: &str, input: &str) -> Result<(), Error> {
        let mut child = Command::new(&self.program)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.failed(error.to_string()))?;
        // A helper that exits without reading breaks the pipe; its exit status tells more than that does.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(|error| self.failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stderr, output.stdout].concat();
        Err(self.failed(format!("{}: {}", output.status, String::from_utf8_lossy(&said).trim())))
    }

    fn failed(&self, problem: String) -> Error {
        Error::CredentialHelper { helper: self.program.display().to_string(), problem }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn script(directory: &tempfile::TempDir, body: &str) -> Helper {
        let program = directory.path().join("docker-credential-test");
        std::fs::write(&program, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Helper { program }
    }

    #[test]
    fn a_helper_is_told_what_to_keep_and_what_to_forget() {
        let directory = tempfile::tempdir().unwrap();
        let heard = directory.path().join("heard");
        let helper =
            script(&directory, &format!("echo \"$1\" >>{0}; cat >>{0}; echo >>{0}", heard.display()));
        helper.store("r.io", "ada", "pw").unwrap();
        helper.erase("r.io").unwrap();
        let heard = std::fs::read_to_string(heard).unwrap();
        assert_eq!(
            heard.lines().collect::<Vec<_>>(),
            ["store", r#"{"Secret":"pw","ServerURL":"r.io","Username":"ada"}"#, "erase", "r.io"]
        );
    }

    #[test]
    fn a_failing_helper_is_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let helper = script(&directory, "echo keychain locked >&2; exit 3");
        let message = helper.erase("r.io").unwrap_err().to_string();
        assert!(message.contains("keychain locked"), "{message}");
        let empty = script(&directory, "echo credentials not found in native keychain; exit 1");
        assert!(!empty.erase("r.io").unwrap(), "nothing to forget is no failure");
        assert!(Helper::named("../evil").is_err());
        let absent = Helper::named("surely-not-installed").unwrap().erase("r.io").unwrap_err();
        assert!(absent.to_string().contains("docker-credential-surely-not-installed"));
    }
}
