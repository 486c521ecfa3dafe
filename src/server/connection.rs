use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// Absent where the client was gone before we asked.
    pub(super) peer: Option<SocketAddr>,
}

impl Connection {
    pub(super) fn of(stream: &TcpStream) -> Self {
        Self { peer: stream.peer_addr().ok() }
    }
}
