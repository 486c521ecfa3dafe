use std::fmt;
use std::net::IpAddr;

use super::{AddressDetail, ClientKind};

/// What tells one agent from another: its node, or where it comes from and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentName(String);

impl AgentName {
    /// The longest node id that is kept, in characters.
    pub const NODE_LENGTH: usize = 128;

    /// The agent of a node that it names itself. Anything but printable ASCII is left out.
    pub fn node(id: &str) -> Self {
        Self(id.chars().filter(char::is_ascii_graphic).take(Self::NODE_LENGTH).collect())
    }

    /// The client of that kind at an address, of which as much is kept as `detail` says.
    pub fn at(address: Option<IpAddr>, kind: ClientKind, detail: AddressDetail) -> Self {
        let place = match (address.map(|address| address.to_canonical()), detail) {
            (None, _) | (_, AddressDetail::Off) => "-".to_owned(),
            (Some(address), AddressDetail::Full) => address.to_string(),
            (Some(IpAddr::V4(address)), AddressDetail::Network) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            (Some(IpAddr::V6(address)), AddressDetail::Network) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        };
        Self(format!("{place} {kind}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_far_as_it_may_be() {
        let name = |address: &str, detail| {
            AgentName::at(Some(address.parse().unwrap()), ClientKind::Istio, detail).to_string()
        };
        assert_eq!(name("10.1.2.3", AddressDetail::Full), "10.1.2.3 istio");
        assert_eq!(name("10.1.2.3", AddressDetail::Network), "10.1.2.0/24 istio");
        assert_eq!(name("::ffff:10.1.2.3", AddressDetail::Network), "10.1.2.0/24 istio");
        assert_eq!(name("2001:db8:1:2::3", AddressDetail::Network), "2001:db8:1::/48 istio");
        assert_eq!(name("10.1.2.3", AddressDetail::Off), "- istio");
        assert_eq!(AgentName::at(None, ClientKind::Docker, AddressDetail::Full).as_str(), "- docker");
    }

    #[test]
    fn a_node_may_call_itself_anything_within_bounds() {
        assert_eq!(AgentName::node("router~10.0.0.1~gw-7f\n\x1b[2J é").as_str(), "router~10.0.0.1~gw-7f[2J");
        assert_eq!(AgentName::node(&"x".repeat(10_000)).as_str().len(), AgentName::NODE_LENGTH);
    }
}
