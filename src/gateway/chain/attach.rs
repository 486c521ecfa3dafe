use std::collections::BTreeMap;
use std::fmt;

use super::code::Code;
use super::workload::GATEWAY_NAME_LABEL;
use super::{Line, Workload};
use crate::plugin::{
    Form, ModuleUrlError, PluginType, Spec, TargetRef, TrafficSelector, WasmPlugin, WorkloadMode,
};

/// Why a plugin is not in the HTTP chain of the gateway.
#[derive(Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// A later plugin has the same namespace and name: in a cluster it is the same object, written over.
    Replaced,
    /// It is in Higress's form, which discovery does not read.
    NotConverted,
    /// Discovery cannot parse its URL.
    Url(ModuleUrlError),
    /// `type: NETWORK`.
    Network,
    /// It is in a namespace that does not reach the gateway.
    Namespace {
        /// The plugin's.
        plugin: String,
        /// The gateway's own.
        own: String,
        /// The mesh's root.
        root: String,
    },
    /// `selector` asks for a label that the gateway has not, or has with another value.
    Selector {
        /// The label's key.
        key: String,
        /// The value asked for.
        value: String,
    },
    /// `targetRefs` does not name the gateway.
    TargetRefs,
    /// `match` has no entry for a gateway's listeners: all are for `SERVER`.
    Mode,
    /// `match` has no entry for the listener's port.
    Port(u16),
}

/// What is taken for granted where the gateway is not known well enough.
pub(super) type Notes = Vec<String>;

/// Whether discovery puts `plugin` into the HTTP chain of the gateway
/// (`WorkloadPolicyMatcher.ShouldAttachPolicy`, `matchTrafficSelectors`; Istio
/// `pilot/pkg/model/policyattachment.go`, `extensions.go`).
pub(super) fn attach(
    plugin: &WasmPlugin,
    namespace: &str,
    line: Line,
    workload: &Workload,
) -> Result<Notes, Exclusion> {
    if plugin.form == Form::Higress {
        return Err(Exclusion::NotConverted);
    }
    if workload.turn_of(namespace).is_none() {
        let (own, root) = (workload.namespace.clone(), workload.root_namespace.clone());
        return Err(Exclusion::Namespace { plugin: namespace.to_owned(), own, root });
    }
    Code::of(&plugin.spec.url, &plugin.spec.sha256).map_err(Exclusion::Url)?;
    if line.knows_attachment() && plugin.spec.plugin_type == PluginType::Network {
        return Err(Exclusion::Network);
    }
    let mut notes = selected(&plugin.spec, namespace, line, workload)?;
    notes.extend(traffic(&plugin.spec.traffic, workload.port)?);
    Ok(notes)
}

/// `targetRefs`, and `selector` where there are none.
fn selected(spec: &Spec, namespace: &str, line: Line, workload: &Workload) -> Result<Notes, Exclusion> {
    let refs: &[TargetRef] = if line.knows_attachment() { &spec.target_refs } else { &[] };
    let Some(labels) = &workload.labels else {
        return Ok(assumed(spec, refs, workload));
    };
    if refs.is_empty() {
        return matches_labels(spec.selector.as_ref(), labels);
    }
    let named = labels.get(GATEWAY_NAME_LABEL).is_some_and(|gateway| {
        namespace == workload.namespace && refs.iter().any(|target| names(target, gateway, namespace))
    });
    if named { Ok(Notes::new()) } else { Err(Exclusion::TargetRefs) }
}

fn assumed(spec: &Spec, refs: &[TargetRef], workload: &Workload) -> Notes {
    if let Some(target) = refs.first() {
        return vec![format!("provided that the gateway is the {} `{}`", target.kind, target.name)];
    }
    let own = workload.own_label.as_ref().map(|(key, value)| (key, value));
    let unsure = spec.selector.iter().flatten().filter(|pair| Some(*pair) != own);
    let labels = unsure.map(|(key, value)| format!("`{key}: {value}`"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    if labels.is_empty() { Notes::new() } else { vec![format!("provided that the gateway has {labels}")] }
}

fn names(target: &TargetRef, gateway: &str, namespace: &str) -> bool {
    let is_gateway = target.group == "gateway.networking.k8s.io" && target.kind == "Gateway";
    is_gateway && target.name == gateway && (target.namespace.is_empty() || target.namespace == namespace)
}

fn matches_labels(
    selector: Option<&BTreeMap<String, String>>,
    labels: &BTreeMap<String, String>,
) -> Result<Notes, Exclusion> {
    match selector.into_iter().flatten().find(|(key, value)| labels.get(*key) != Some(*value)) {
        Some((key, value)) => Err(Exclusion::Selector { key: key.clone(), value: value.clone() }),
        None => Ok(Notes::new()),
    }
}

/// `match`: one fitting entry suffices, and none at all is for everything. A gateway's listeners are of the
/// client's side.
fn traffic(selectors: &[TrafficSelector], port: Option<u16>) -> Result<Notes, Exclusion> {
    if selectors.is_empty() {
        return Ok(Notes::new());
    }
    let mut fitting = selectors.iter().filter(|selector| selector.mode != WorkloadMode::Server).peekable();
    if fitting.peek().is_none() {
        return Err(Exclusion::Mode);
    }
    let ports: Vec<&[u16]> = fitting.map(|selector| selector.ports.as_slice()).collect();
    match port {
        _ if ports.iter().any(|ports| ports.is_empty()) => Ok(Notes::new()),
        Some(port) if ports.iter().any(|ports| ports.contains(&port)) => Ok(Notes::new()),
        Some(port) => Err(Exclusion::Port(port)),
        None => {
            let ports: Vec<String> = ports.concat().iter().map(u16::to_string).collect();
            Ok(vec![format!("only in listeners of port {}", ports.join(", "))])
        }
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced => {
                f.write_str("a later plugin has the same namespace and name, and replaces it in a cluster")
            }
            Self::NotConverted => {
                f.write_str("it is in Higress's form, which discovery does not read: convert it first")
            }
            Self::Url(url) => write!(f, "discovery drops it: {url}"),
            Self::Network => f.write_str("`type: NETWORK` puts it into the TCP chain"),
            Self::Namespace { plugin, own, root } if own == root => {
                write!(f, "its namespace `{plugin}` is not the gateway's, `{own}`")
            }
            Self::Namespace { plugin, own, root } => {
                write!(
                    f,
                    "its namespace `{plugin}` is neither the gateway's, `{own}`, nor the root, `{root}`"
                )
            }
            Self::Selector { key, value } => {
                write!(f, "its selector asks for `{key}: {value}`, which the gateway has not")
            }
            Self::TargetRefs => f.write_str("its `targetRefs` do not name this gateway"),
            Self::Mode => {
                f.write_str("its `match` is for `mode: SERVER`, and a gateway's listeners are `CLIENT`")
            }
            Self::Port(port) => write!(f, "its `match` has no entry for port {port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{labels, plugin};
    use super::*;

    /// What becomes of `plugin` in a gateway of `gw-ns`, root `root-ns`: "" for in, the notes, or why not.
    fn outcome(
        plugin: &WasmPlugin,
        line: Line,
        gateway_labels: Option<&[(&str, &str)]>,
        port: Option<u16>,
    ) -> String {
        let workload = Workload {
            namespace: "gw-ns".to_owned(),
            root_namespace: "root-ns".to_owned(),
            labels: gateway_labels.map(labels),
            own_label: None,
            port,
        };
        let namespace = plugin.metadata.namespace.as_deref().unwrap();
        match attach(plugin, namespace, line, &workload) {
            Ok(notes) => notes.join("; "),
            Err(exclusion) => format!("out: {exclusion}"),
        }
    }

    #[test]
    fn a_plugin_reaches_its_own_namespace_and_from_the_root_every_one() {
        let own = outcome(&plugin("gw-ns", "p"), Line::Istio127, None, None);
        let root = outcome(&plugin("root-ns", "p"), Line::Istio127, None, None);
        assert_eq!((own.as_str(), root.as_str()), ("", ""));
        assert_eq!(
            outcome(&plugin("app", "p"), Line::Istio127, None, None),
            "out: its namespace `app` is neither the gateway's, `gw-ns`, nor the root, `root-ns`"
        );
    }

    #[test]
    fn a_network_plugin_is_out_where_the_api_knows_the_type() {
        let mut network = plugin("gw-ns", "p");
        network.spec.plugin_type = PluginType::Network;
        for line in Line::ALL {
            let expected =
                if line.knows_attachment() { "out: `type: NETWORK` puts it into the TCP chain" } else { "" };
            assert_eq!(outcome(&network, line, None, None), expected, "{line}");
        }
    }

    #[test]
    fn a_selector_is_held_against_the_labels_that_are_known() {
        let mut selective = plugin("gw-ns", "p");
        selective.spec.selector = Some(labels(&[("app", "gw"), ("tier", "edge")]));
        let with = |gateway_labels| outcome(&selective, Line::Istio127, gateway_labels, None);
        assert_eq!(with(Some(&[("app", "gw"), ("tier", "edge"), ("more", "1")])), "");
        assert_eq!(
            with(Some(&[("app", "gw"), ("tier", "core")])),
            "out: its selector asks for `tier: edge`, which the gateway has not"
        );
        assert_eq!(with(Some(&[])), "out: its selector asks for `app: gw`, which the gateway has not");
        assert_eq!(with(None), "provided that the gateway has `app: gw`, `tier: edge`");
        selective.spec.selector = Some(BTreeMap::new());
        assert_eq!(outcome(&selective, Line::Istio127, Some(&[]), None), "");
    }

    #[test]
    fn target_refs_name_a_gateway_of_the_gateway_api_in_the_same_namespace() {
        let target = |group: &str, kind: &str, name: &str, namespace: &str| TargetRef {
            group: group.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        };
        let api = "gateway.networking.k8s.io";
        let gateway: &[(&str, &str)] = &[(GATEWAY_NAME_LABEL, "edge")];
        let out = "out: its `targetRefs` do not name this gateway";
        let cases = [
            ("gw-ns", target(api, "Gateway", "edge", ""), gateway, ""),
            ("gw-ns", target(api, "Gateway", "edge", "gw-ns"), gateway, ""),
            ("gw-ns", target(api, "Gateway", "edge", "other"), gateway, out),
            ("gw-ns", target(api, "Gateway", "core", ""), gateway, out),
            ("gw-ns", target("", "Service", "edge", ""), gateway, out),
            ("root-ns", target(api, "Gateway", "edge", ""), gateway, out),
            ("gw-ns", target(api, "Gateway", "edge", ""), &[("app", "edge")], out),
        ];
        for (namespace, target, gateway_labels, expected) in cases {
            let mut targeted = plugin(namespace, "p");
            targeted.spec.target_refs = vec![target];
            assert_eq!(
                outcome(&targeted, Line::Istio127, Some(gateway_labels), None),
                expected,
                "{targeted:?}"
            );
            assert_eq!(
                outcome(&targeted, Line::Higress119, Some(gateway_labels), None),
                "",
                "1.19 has no targetRefs"
            );
        }
        let mut targeted = plugin("gw-ns", "p");
        targeted.spec.target_refs = vec![target(api, "Gateway", "edge", "")];
        assert_eq!(
            outcome(&targeted, Line::Istio127, None, None),
            "provided that the gateway is the Gateway `edge`"
        );
    }

    #[test]
    fn match_needs_one_entry_for_the_clients_side_and_the_port() {
        use WorkloadMode::{Client, ClientAndServer, Server, Undefined};
        let entry = |mode, ports: &[u16]| TrafficSelector { mode, ports: ports.to_vec() };
        let server = "out: its `match` is for `mode: SERVER`, and a gateway's listeners are `CLIENT`";
        let cases = [
            (vec![], Some(80), ""),
            (vec![entry(Undefined, &[])], Some(80), ""),
            (vec![entry(Client, &[])], None, ""),
            (vec![entry(Server, &[])], Some(80), server),
            (vec![entry(Server, &[80])], Some(80), server),
            (vec![entry(ClientAndServer, &[1234])], Some(1234), ""),
            (vec![entry(Client, &[1234])], Some(1235), "out: its `match` has no entry for port 1235"),
            (vec![entry(Server, &[]), entry(Client, &[80])], Some(80), ""),
            (
                vec![entry(Server, &[80]), entry(Client, &[81])],
                Some(80),
                "out: its `match` has no entry for port 80",
            ),
            (
                vec![entry(Client, &[80, 81]), entry(Client, &[443])],
                None,
                "only in listeners of port 80, 81, 443",
            ),
            (vec![entry(Client, &[80]), entry(Client, &[])], None, ""),
        ];
        for (selectors, port, expected) in cases {
            let mut matched = plugin("gw-ns", "p");
            matched.spec.traffic.clone_from(&selectors);
            assert_eq!(outcome(&matched, Line::Istio127, None, port), expected, "{selectors:?} {port:?}");
        }
    }

    #[test]
    fn higresss_own_form_and_urls_that_go_cannot_parse_are_out() {
        let mut raw = plugin("gw-ns", "p");
        raw.form = Form::Higress;
        assert_eq!(
            outcome(&raw, Line::Higress127, None, None),
            "out: it is in Higress's form, which discovery does not read: convert it first"
        );
        let mut odd = plugin("gw-ns", "p");
        odd.spec.url = "127.0.0.1:5000/p".to_owned();
        let reason = outcome(&odd, Line::Higress127, None, None);
        assert!(reason.starts_with("out: discovery drops it: `127.0.0.1:5000/p`"), "{reason}");
    }
}
