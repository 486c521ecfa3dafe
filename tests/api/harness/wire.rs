use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a test waits for the server's next byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// A plain connection, for requests that no HTTP client would send.
pub(crate) struct Wire {
    stream: TcpStream,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The first line.
    pub(crate) status_line: String,
    /// By lower-case name.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("a connection") }
    }

    /// Sends `request` on a connection of its own; the answer.
    pub(crate) async fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
        let mut wire = Self::connect(address).await;
        wire.send(request).await;
        wire.answer().await
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may have refused and closed already; its answer is then still to be read.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Ends our direction only.
    pub(crate) async fn finish_sending(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads one answer; a body without a length is taken to be empty.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    /// The same, to a request that may be HEAD, whose answers have a length but no body.
    pub(crate) async fn answer_to(&mut self, request: &str) -> Answer {
        let head = self.head().await;
        let text = String::from_utf8(head).expect("a head in ASCII");
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default().to_owned();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_lowercase(), value.trim().to_owned())
        };
        let headers: HashMap<_, _> = lines.filter(|line| !line.is_empty()).map(header).collect();
        let has_body = !request.starts_with("HEAD ") && status != 304;
        let length = headers
            .get("content-length")
            .filter(|_| has_body)
            .map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        tokio::time::timeout(PATIENCE, self.stream.read_exact(&mut body))
            .await
            .expect("a body in time")
            .expect("a whole body");
        Answer { status, status_line, headers, body }
    }

    /// Whether the server ends the connection within `limit`, having sent nothing more.
    pub(crate) async fn is_closed_within(&mut self, limit: Duration) -> bool {
        let mut byte = [0];
        match tokio::time::timeout(limit, self.stream.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => true,
            Ok(Ok(_)) | Err(_) => false,
        }
    }

    /// Whether anything comes within `limit`; it stays to be read.
    pub(crate) async fn has_answer_within(&mut self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.stream.readable()).await.is_ok()
    }

    /// All that comes until the server ends the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "the server did not end the connection");
        rest
    }

    /// Reads exactly so much.
    pub(crate) async fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let read = tokio::time::timeout(PATIENCE, self.stream.read_exact(&mut bytes)).await;
        read.expect("bytes in time").expect("enough bytes");
        bytes
    }

    async fn head(&mut self) -> Vec<u8> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = tokio::time::timeout(PATIENCE, self.stream.read_u8()).await;
            let sent = String::from_utf8_lossy(&head).into_owned();
            head.push(byte.expect("an answer in time").unwrap_or_else(|_| panic!("cut off after `{sent}`")));
        }
        head
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no `{name}` header: {self:?}"))
    }
}
