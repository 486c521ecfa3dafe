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
