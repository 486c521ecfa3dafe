use std::net::IpAddr;

use super::{AddressDetail, AgentName, ClientKind};

/// Who sends a request, by what the request says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reader {
    /// The node that our own agents name.
    pub node: Option<String>,
    /// Where the connection comes from.
    pub address: Option<IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
}

impl Reader {
    /// By what header fields say; what is no printable ASCII says nothing.
    pub fn of(node: Option<&[u8]>, address: Option<IpAddr>, user_agent: Option<&[u8]>) -> Self {
        let printable = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        let text = |bytes: &[u8]| {
            let is_text = !bytes.is_empty() && bytes.iter().all(printable);
            is_text.then(|| String::from_utf8_lossy(bytes).into_owned())
        };
        Self { node: node.and_then(text), address, user_agent: user_agent.and_then(text) }
    }

    /// What kind of client it is that reads over the distribution API, or a file.
    pub fn kind(&self, reads_a_file: bool) -> ClientKind {
        let told = ClientKind::of(self.user_agent.as_deref().unwrap_or_default());
        match told {
            _ if self.node.is_some() => ClientKind::Agent,
            ClientKind::Unknown if reads_a_file => ClientKind::PluginFile,
            told => told,
        }
    }

    /// What it is called.
    pub fn name(&self, kind: ClientKind, detail: AddressDetail) -> AgentName {
        match &self.node {
            Some(node) => AgentName::node(node),
            None => AgentName::at(self.address, kind, detail),
        }
    }
}
