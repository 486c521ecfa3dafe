//! The real binary as a child process.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A running registry, killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it on the store below `home`, and waits until it is ready.
    pub(crate) async fn start(address: &SocketAddr, home: &Path) -> Self {
        let log = home.join("log");
        let output = File::create(&log).expect("the log can be created");
        let child = Command::new(env!("CARGO_BIN_EXE_hwasm-registry"))
            .args(["serve", "--listen", &address.to_string(), "--data-dir"])
            .arg(home.join("data"))
            .stdout(output.try_clone().expect("a file handle can be cloned"))
            .stderr(output)
            .spawn()
            .expect("the binary starts");
        let mut server = Self { child, log };
        server.wait_until_ready(address).await;
        server
    }

    async fn wait_until_ready(&mut self, address: &SocketAddr) {
        let url = format!("http://{address}/readyz");
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if reqwest::get(&url).await.is_ok_and(|response| response.status() == 200) {
                return;
            }
            let ended = self.child.try_wait().expect("the child's state can be asked");
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the server is not ready after 20 s\n{}", self.log());
    }

    /// `kill -9`: the process gets no chance to finish anything.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    #[expect(clippy::print_stdout, reason = "a failed test shows what the server said")]
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            println!("--- the server's log\n{}", self.log());
        }
    }
}

/// A loopback address that nothing listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address")
}
