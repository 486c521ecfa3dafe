//! The route names of rules.

use super::conditions::texts_of;
use super::lint_rule::rules;
use super::quoted::{all_quoted, quoted};
use super::{Findings, LintRule, Subject};
use crate::gateway::{Conversion, ConversionWarning, MatchKey, Trap};

rules! {
    BARE_ROUTE_NAME: "bare-route-name" Info {
        title: "An ingress without its namespace",
        why: "Envoy's route is called `<namespace>/<name>`; only the routes of Ingresses in Higress's own namespace go \
              without. A bare name matches no route of another namespace, and nobody is told.",
        fix: "Write `<namespace>/<name>`, unless the Ingress is in Higress's own namespace.",
    },
    SYSTEM_NAMESPACE_ROUTE: "system-namespace-route" Error {
        title: "An ingress with Higress's own namespace",
        why: "Higress leaves its own namespace out of its route names, so no route is called so.",
        fix: "Write the Ingress's name alone.",
    },
    ROUTE_WILDCARD: "route-wildcard" Error {
        title: "A star in a route name",
        why: "No SDK knows wildcards for routes: the name is compared as it is, star included.",
        fix: "List the routes, or write `_match_route_prefix_` in a `_rules_` by hand.",
    },
    ROUTE_FORMAT: "route-format" Warning {
        title: "A text that is no route name",
        why: "Routes are matched by the name of their Ingress or HTTPRoute, not by path or host. A text of another form \
              equals none.",
        fix: "Write `<namespace>/<name>` of the Ingress.",
    },
    GRPC_ROUTE_TYPE: "grpc-route-type" Error {
        title: "`routeType: GRPC`",
        why: "Higress up to 2.2.4 at least writes the text `GRPC` in the place of each name, so that the rule matches no \
              request.",
        fix: "Remove `routeType`, and write `GRPC/<namespace>/<name>` in `ingress`.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (name, placed) in texts_of(&subject.rules, MatchKey::Route) {
        if let Some((rule, message, fix)) = fault(subject, name) {
            findings.push(subject.finding(rule, placed.path()).told(message, fix));
        }
    }
    for (prefix, placed) in texts_of(&subject.rules, MatchKey::RoutePrefix) {
        if prefix.is_empty() {
            findings.push(subject.finding(&ROUTE_FORMAT, placed.path()).told(
                "an empty prefix is every route to C++ plugins, and is dropped by others",
                "remove it, or write how the routes' names begin",
            ));
        } else if let Some(bare) = prefix.strip_suffix('*') {
            findings.push(subject.finding(&ROUTE_WILDCARD, placed.path()).told(
                format!("{} is compared star included; a prefix needs none", quoted(prefix)),
                format!("write {}", quoted(bare)),
            ));
        }
    }
    if let Conversion::Converted(converted) = &subject.conversion {
        converted.warnings.iter().for_each(|warning| check_grpc(subject, warning, findings));
    }
}

fn fault(subject: &Subject<'_>, name: &str) -> Option<(&'static LintRule, String, String)> {
    if Trap::of(MatchKey::Route, name) == Some(Trap::RouteWildcard) {
        let message = format!("{} is compared star included: routes have no wildcards", quoted(name));
        return Some((&ROUTE_WILDCARD, message, "list the routes by name".to_owned()));
    }
    // The names of other gateways' routes are theirs to choose.
    if name.is_empty() {
        let message = "an empty text is no route: most SDKs drop it, and C++ compares it".to_owned();
        return Some((&ROUTE_FORMAT, message, "remove it".to_owned()));
    }
    if !subject.is_higress() {
        return None;
    }
    let system = &subject.input.settings.namespace;
    let (kind, rest) = name.strip_prefix("GRPC/").map_or(("", name), |rest| ("GRPC/", rest));
    if rest.starts_with('/') || rest.matches('/').count() > 1 || rest.contains(char::is_whitespace) {
        let message = format!("{} is no name of a route", quoted(name));
        return Some((&ROUTE_FORMAT, message, "write `<namespace>/<name>` of the Ingress".to_owned()));
    }
    match rest.split_once('/') {
        None => Some((
            &BARE_ROUTE_NAME,
            format!("{} is a route of an Ingress in `{system}` only", quoted(name)),
            format!(
                "write {} with the Ingress's namespace, unless that is `{system}`",
                quoted(&format!("{kind}<namespace>/{rest}"))
            ),
        )),
        Some((namespace, bare)) if namespace == system => Some((
            &SYSTEM_NAMESPACE_ROUTE,
            format!("{} is no route: Higress leaves `{system}` out of its route names", quoted(name)),
            format!("write {}", quoted(&format!("{kind}{bare}"))),
        )),
        Some(_) => None,
    }
}

fn check_grpc(subject: &Subject<'_>, warning: &ConversionWarning, findings: &mut Findings) {
    if let ConversionWarning::GrpcNamesLost { meant, .. } = warning {
        let names = all_quoted(meant.iter().map(String::as_str));
        findings.push(
            subject
                .finding(&GRPC_ROUTE_TYPE, warning.path())
                .told(warning.to_string(), format!("remove `routeType` and write {names} in `ingress`")),
        );
    }
}
