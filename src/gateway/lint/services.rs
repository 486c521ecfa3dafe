//! The upstream services of rules.

use super::conditions::texts_of;
use super::lint_rule::rules;
use super::quoted::quoted;
use super::{Findings, Subject};
use crate::gateway::{MatchKey, Trap};

rules! {
    SERVICE_WILDCARD: "service-wildcard" Error {
        title: "A star in a service",
        why: "The documentation promises wildcards for services, and no SDK has them: the text is compared as it is, \
              star included, and equals no service.",
        fix: "List the services.",
    },
    SERVICE_FORMAT: "service-format" Warning {
        title: "A text that is no service",
        why: "A service is compared with the full name in Envoy's cluster (`outbound|<port>||<name>`), or with name and \
              port. A short name, a URL or the cluster's own name equals none.",
        fix: "Write `<name>.<namespace>.svc.cluster.local`, and `:<port>` after it if only one port is meant.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (service, placed) in texts_of(&subject.rules, MatchKey::Service) {
        let finding = |rule| subject.finding(rule, placed.path());
        if let Some(trap) = Trap::of(MatchKey::Service, service) {
            let message = format!("{}: {}", quoted(service), trap.explain(service));
            findings.push(finding(&SERVICE_WILDCARD).told(message, "list the services by name"));
        } else if let Some((problem, instead)) = fault(service) {
            let message = format!("{} {problem}", quoted(service));
            findings.push(finding(&SERVICE_FORMAT).told(message, format!("write {}", quoted(&instead))));
        }
    }
}

/// What is wrong with the text, and what was probably meant.
fn fault(service: &str) -> Option<(&'static str, String)> {
    const LOCAL: &str = "svc.cluster.local";
    if let [_, port, _, name] = service.split('|').collect::<Vec<_>>()[..] {
        let meant = if port.is_empty() { name.to_owned() } else { format!("{name}:{port}") };
        return Some(("is a cluster's name", meant));
    }
    if let Some((_, rest)) = service.split_once("://") {
        return Some(("is a URL", rest.split('/').next().unwrap_or_default().to_owned()));
    }
    if let Some((namespace, name)) = service.split_once('/') {
        return Some(("is no full name", format!("{name}.{namespace}.{LOCAL}")));
    }
    let trimmed = service.trim();
    if trimmed.is_empty() || trimmed != service {
        let meant =
            if trimmed.is_empty() { format!("<name>.<namespace>.{LOCAL}") } else { trimmed.to_owned() };
        return Some(("has blanks that no name has", meant));
    }
    let (name, port) = service.rsplit_once(':').map_or((service, None), |(name, port)| (name, Some(port)));
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with(['0', '+'])) {
        return Some(("has no port after its colon", name.to_owned()));
    }
    let suffix = port.map(|port| format!(":{port}")).unwrap_or_default();
    if !name.contains('.') {
        return Some(("is no full name", format!("{name}.<namespace>.{LOCAL}{suffix}")));
    }
    let short = name.strip_suffix(".svc").map(|name| format!("{name}.{LOCAL}{suffix}"));
    short.map(|meant| ("is no full name", meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_a_full_name_with_or_without_a_port() {
        for (service, expected) in [
            ("echo.ns.svc.cluster.local", None),
            ("echo.ns.svc.cluster.local:8080", None),
            ("qwen.dns", None),
            ("qwen.dns:443", None),
            ("svc.static", None),
            ("example.com", None),
            ("echo", Some("echo.<namespace>.svc.cluster.local")),
            ("echo:80", Some("echo.<namespace>.svc.cluster.local:80")),
            ("ns/echo", Some("echo.ns.svc.cluster.local")),
            ("echo.ns.svc", Some("echo.ns.svc.cluster.local")),
            ("outbound|80||echo.ns.svc.cluster.local", Some("echo.ns.svc.cluster.local:80")),
            ("http://qwen.dns:443/v1", Some("qwen.dns:443")),
            ("qwen.dns:", Some("qwen.dns")),
            ("qwen.dns:http", Some("qwen.dns")),
            ("qwen.dns:0", Some("qwen.dns")),
            ("", Some("<name>.<namespace>.svc.cluster.local")),
        ] {
            assert_eq!(fault(service).map(|(_, meant)| meant).as_deref(), expected, "{service}");
        }
    }
}
