use super::Flavour;

/// The parts of an Envoy cluster name that services are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cluster<'a> {
    pub(super) port: &'a str,
    pub(super) fqdn: &'a str,
}

impl<'a> Cluster<'a> {
    /// Reads `direction|port|subset|fqdn`. A name of another form matches no service, in any SDK.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.split('|');
        let (_direction, port, _subset, fqdn) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(Self { port, fqdn })
    }

    /// Whether an entry of `_match_service_` is this cluster.
    pub(super) fn is(self, flavour: Flavour, service: &str) -> bool {
        let is_host_and_port =
            service.rsplit_once(':').map(|(fqdn, port)| self.fqdn == fqdn && self.port == port);
        match flavour {
            Flavour::Go => is_host_and_port == Some(true) || self.fqdn == service,
            Flavour::Cpp | Flavour::CppAuth => {
                self.fqdn == service || service == format!("{}:{}", self.fqdn, self.port)
            }
            // A colon decides: the whole text is not tried as a name any more.
            Flavour::Rust | Flavour::AssemblyScript => is_host_and_port.unwrap_or(self.fqdn == service),
        }
    }
}
