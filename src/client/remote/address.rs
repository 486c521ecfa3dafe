//! Where no request goes, whoever names it: a resource, a redirect, or a registry's token server.
//!
//! Link-local addresses and the clouds' metadata services answer only machines that stand beside them, and hand out their
//! secrets (Istio's check at dial time, `pkg/wasm`, master of 2026-08; its check of token realms, 1.30).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

const METADATA_NAME: &str = "metadata.google.internal";

/// Why no request goes to `url`, as far as its text tells.
pub(super) fn forbidden(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Ipv4(address) => forbidden_address(address.into()),
        Host::Ipv6(address) => forbidden_address(address.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case(METADATA_NAME).then(|| format!("`{name}` is a metadata service"))
        }
    }
}

/// Why a server at `from` may not lead to `to`, which it names itself: an address within a network is its owner's to name,
/// not that of a server elsewhere (go-containerregistry 0.21.6).
pub(super) fn forbidden_hop(from: &Url, to: &Url) -> Option<String> {
    let stays = from.host() == to.host() || from.host().is_some_and(|host| is_private(&host));
    let inward = || {
        let host = to.host().filter(is_private)?;
        Some(format!("a server elsewhere may not lead to the private address `{host}`"))
    };
    forbidden(to).or_else(|| if stays { None } else { inward() })
}

fn forbidden_address(address: IpAddr) -> Option<String> {
    const ALIBABA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    let (link_local, metadata) = match address.to_canonical() {
        IpAddr::V4(v4) => (v4.is_link_local(), v4 == ALIBABA),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[..2] == [0xfd00, 0x0ec2]),
    };
    match (link_local, metadata) {
        (true, _) => Some(format!("`{address}` is a link-local address")),
        (_, true) => Some(format!("`{address}` is a metadata service")),
        _ => None,
    }
}

fn is_private<T: AsRef<str>>(host: &Host<T>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref().eq_ignore_ascii_case("localhost"),
        Host::Ipv4(v4) => v4.is_private() || v4.is_loopback() || v4.is_unspecified(),
        Host::Ipv6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.is_private() || v4.is_loopback() || v4.is_unspecified(),
            None => v6.is_loopback() || v6.is_unique_local() || v6.is_unspecified(),
        },
    }
}

/// The system's resolver without the addresses that are not asked: a name may stand for any of them.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> =
                found.iter().copied().filter(|at| forbidden_address(at.ip()).is_none()).collect();
            match (allowed.is_empty(), found.iter().find_map(|at| forbidden_address(at.ip()))) {
                (true, Some(reason)) => Err(io::Error::other(reason).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        format!("https://{host}/token").parse().unwrap()
    }

    #[test]
    fn metadata_services_and_link_local_addresses_are_not_asked() {
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "100.100.100.200",
            "[fd00:ec2::254]",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
        ] {
            assert!(forbidden(&url(host)).is_some(), "{host}");
        }
        for host in ["10.0.0.1", "127.0.0.1", "[::1]", "[fd12::1]", "8.8.8.8", "r.io", "100.100.100.1"] {
            assert_eq!(forbidden(&url(host)), None, "{host}");
        }
    }

    #[test]
    fn only_a_private_server_leads_to_private_addresses() {
        for (from, to, allowed) in [
            ("r.io", "auth.io", true),
            ("r.io", "10.0.0.1", false),
            ("r.io", "127.0.0.1", false),
            ("r.io", "localhost", false),
            ("r.io", "[fd12::1]", false),
            ("r.io", "[::ffff:10.0.0.1]", false),
            ("10.0.0.1", "10.0.0.1:8443", true),
            ("10.0.0.1", "10.0.0.2", true),
            ("127.0.0.1", "127.0.0.1:1", true),
            ("127.0.0.1", "169.254.169.254", false),
            ("localhost", "127.0.0.1", true),
        ] {
            assert_eq!(forbidden_hop(&url(from), &url(to)).is_none(), allowed, "{from} to {to}");
        }
    }
}
