//! A machine of its own for one test: empty home, empty data directory, no registry, no configuration.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// A fresh machine.
pub(crate) struct Home {
    directory: TempDir,
    /// Where its local registry is looked for; nobody listens there until a test serves on it.
    listen: String,
}

/// What a finished command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A `hwasm-registry serve` that ends with the test.
pub(crate) struct Served {
    pub(crate) process: Child,
    /// `127.0.0.1:port`.
    pub(crate) host: String,
}

/// The smallest module that gateways load, as text.
pub(crate) const PLUGIN: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 0)
  (func (export "_initialize")))"#;

impl Home {
    /// Everything empty; nobody listens at the configured address.
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), listen: free_address() }
    }

    /// The address the local registry goes by.
    pub(crate) fn listen(&self) -> &str {
        &self.listen
    }

    /// A path in the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file below the working directory.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// [`PLUGIN`] as a binary module at `name`; answers its bytes.
    pub(crate) fn write_plugin(&self, name: &str) -> Vec<u8> {
        let module = wat::parse_str(PLUGIN).unwrap();
        self.write(name, &module);
        module
    }

    /// The program with nothing of the real machine's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("hwasm-registry"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .env("HWASM_REGISTRY__SERVER__LISTEN", &self.listen)
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs the program, which must succeed, and answers its standard output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran.stdout
    }

    /// Runs the program with `--format json`, which must succeed, and answers the document.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(&[arguments, &["--format", "json"]].concat())).unwrap()
    }

    /// Serves over the data directory `data`, on a port of its own.
    pub(crate) fn serve(&self, listen: &str, data: &Path) -> Served {
        self.serve_with(listen, data, &[])
    }

    /// The same with more arguments.
    pub(crate) fn serve_with(&self, listen: &str, data: &Path, more: &[&str]) -> Served {
        let data = data.display().to_string();
        let arguments =
            [&["serve", "--listen", listen, "--data-dir", &data, "--format", "json"], more].concat();
        let mut process =
            self.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = process.stdout.take().unwrap();
        let mut documents = serde_json::Deserializer::from_reader(stdout).into_iter::<serde_json::Value>();
        let ready = documents.next().expect("serve ended before it was ready").unwrap();
        let host = ready["listen"].as_str().unwrap().to_owned();
        Served { process, host }
    }
}

/// An address that nobody else is given: its port is below those that the system gives away.
fn free_address() -> String {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let port = 20_000 + std::process::id() % 100 * 100 + TAKEN.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

impl Ran {
    /// What a process that ended left behind.
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
