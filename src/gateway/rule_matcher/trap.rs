use serde::Serialize;

use super::{DomainPattern, MatchKey};
use crate::gateway::GatewaySettings;

/// Why a value of a match key does not do what it seems to, whatever the request and the SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trap {
    /// A star in a service. The documentation promises wildcards there; no SDK has them.
    ServiceWildcard,
    /// A port in a domain pattern.
    DomainPort,
    /// A star in a domain pattern that is no wildcard: in the middle, or at the end of one that begins with a
    /// star.
    LiteralStar,
    /// A star in a route name or a route name's beginning.
    RouteWildcard,
    /// The text `GRPC`, which Higress writes in the place of each name of a rule with `routeType: GRPC`.
    GrpcRoute,
    /// The gateway's own namespace in a route name, if it is where gateways are unless somebody chose
    /// another.
    SystemNamespace,
}

impl Trap {
    /// The trap that this value of this key is, if it is one.
    pub fn of(key: MatchKey, value: &str) -> Option<Self> {
        match key {
            MatchKey::Route => Self::of_route(value),
            MatchKey::RoutePrefix => value.contains('*').then_some(Self::RouteWildcard),
            MatchKey::Domain => Self::of_domain(value),
            MatchKey::Service => value.contains('*').then_some(Self::ServiceWildcard),
        }
    }

    fn of_route(name: &str) -> Option<Self> {
        if name == "GRPC" {
            Some(Self::GrpcRoute)
        } else if in_system_namespace(name).is_some() {
            Some(Self::SystemNamespace)
        } else {
            name.contains('*').then_some(Self::RouteWildcard)
        }
    }

    fn of_domain(pattern: &str) -> Option<Self> {
        let compared = DomainPattern::parse(pattern);
        if compared.compared().contains('*') {
            Some(Self::LiteralStar)
        } else {
            names_a_port(&compared).then_some(Self::DomainPort)
        }
    }

    /// What the trap is, of the value in it: the second half of a sentence about it.
    pub fn explain(self, value: &str) -> String {
        match self {
            Self::ServiceWildcard => {
                "no implementation knows wildcards for services; it is compared as plain text".to_owned()
            }
            Self::DomainPort => {
                "a domain is compared with the host without its port, so this one never matches".to_owned()
            }
            Self::LiteralStar if value.starts_with('*') => format!(
                "it begins with `*` and so is the suffix `{}`, star included, which no host ends with",
                &value[1..]
            ),
            Self::LiteralStar => {
                "only a star at one end is a wildcard; this one is compared as plain text".to_owned()
            }
            Self::RouteWildcard => {
                "no implementation knows wildcards for routes; it is compared as plain text".to_owned()
            }
            Self::GrpcRoute => {
                "Higress writes this text for each name of a rule with `routeType: GRPC`, up to 2.2.4 \
                                at least, and no route is called that"
                    .to_owned()
            }
            Self::SystemNamespace => format!(
                "the gateway leaves its own namespace out of its route names, so there the route is `{}`",
                in_system_namespace(value).unwrap_or_else(|| value.to_owned())
            ),
        }
    }
}

/// A host ends before its last colon, so a colon in what is compared asks for one that is not there: unless
/// it is inside an IPv6 address's brackets, or may be, the end of the pattern being open.
fn names_a_port(pattern: &DomainPattern) -> bool {
    let compared = pattern.compared();
    match compared.rsplit_once(':') {
        None => false,
        Some((before, after)) => match pattern {
            DomainPattern::Prefix(_) => !before.contains('['),
            DomainPattern::Suffix(_) | DomainPattern::Exact(_) => !after.contains(']'),
        },
    }
}

/// The name that the route really has, if this one names the gateway's own namespace.
fn in_system_namespace(name: &str) -> Option<String> {
    let (kind, rest) = name.strip_prefix("GRPC/").map_or(("", name), |rest| ("GRPC/", rest));
    let bare = rest.strip_prefix(GatewaySettings::NAMESPACE)?.strip_prefix('/')?;
    Some(format!("{kind}{bare}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_do_what_it_seems_to_is_a_trap() {
        use MatchKey::{Domain, Route, RoutePrefix, Service};
        let table = [
            (Domain, "foo.com", None),
            (Domain, "*", None),
            (Domain, "*.foo.com", None),
            (Domain, "www.*", None),
            (Domain, "[::1]", None),
            (Domain, "[2001:db8:*", None),
            (Domain, "*:1]", None),
            (Domain, "foo.com:8080", Some(Trap::DomainPort)),
            (Domain, "*.foo.com:8080", Some(Trap::DomainPort)),
            (Domain, "foo.com:*", Some(Trap::DomainPort)),
            (Domain, "[::1]:80", Some(Trap::DomainPort)),
            (Domain, "*foo*", Some(Trap::LiteralStar)),
            (Domain, "a.*.com", Some(Trap::LiteralStar)),
            (Domain, "a*b*", Some(Trap::LiteralStar)),
            (Route, "default/foo", None),
            (Route, "foo", None),
            (Route, "higress-systems/foo", None),
            (Route, "GRPC/default/foo", None),
            (Route, "GRPC", Some(Trap::GrpcRoute)),
            (Route, "higress-system/foo", Some(Trap::SystemNamespace)),
            (Route, "GRPC/higress-system/foo", Some(Trap::SystemNamespace)),
            (Route, "default/*", Some(Trap::RouteWildcard)),
            (RoutePrefix, "api-", None),
            (RoutePrefix, "api*", Some(Trap::RouteWildcard)),
            (Service, "echo.ns.svc.cluster.local:80", None),
            (Service, "*.echo.svc", Some(Trap::ServiceWildcard)),
        ];
        for (key, value, expected) in table {
            assert_eq!(Trap::of(key, value), expected, "{key:?} {value}");
        }
    }

    #[test]
    fn the_explanation_names_what_is_compared_instead() {
        let table = [
            (Trap::LiteralStar, "*foo*", "the suffix `foo*`"),
            (Trap::SystemNamespace, "higress-system/foo", "the route is `foo`"),
            (Trap::SystemNamespace, "GRPC/higress-system/foo", "the route is `GRPC/foo`"),
        ];
        for (trap, value, expected) in table {
            let explanation = trap.explain(value);
            assert!(explanation.contains(expected), "{explanation}");
        }
    }
}
