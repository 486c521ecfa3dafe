use std::collections::BTreeMap;

use super::Line;
use crate::gateway::GatewaySettings;

/// The gateway that runs the chain, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The namespace that the gateway runs in.
    pub namespace: String,
    /// `rootNamespace` of the mesh: its plugins reach every gateway, after the gateway's own.
    pub root_namespace: String,
    /// The labels of the gateway's pods. Without them, every `selector` and `targetRefs` is taken to match.
    pub labels: Option<BTreeMap<String, String>>,
    /// A label that the gateway's pods are known to have, whichever others they have: the one that every converted plugin
    /// selects.
    pub own_label: Option<(String, String)>,
    /// The port of the listener. Without it, a plugin for some ports only stays in the chain.
    pub port: Option<u16>,
}

/// The label of a gateway that was made from a Gateway API `Gateway`: that gateway's name.
pub(super) const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

impl Workload {
    /// The gateway of a plain installation of `line`: in the root namespace, labels and port unknown.
    pub fn plain(line: Line) -> Self {
        let root_namespace = line.root_namespace().to_owned();
        Self { namespace: root_namespace.clone(), root_namespace, labels: None, own_label: None, port: None }
    }

    /// The gateway of an installation with `settings`: for Higress in the controller's namespace, for Istio in the plain
    /// installation's; port unknown, and of the labels the one that converted plugins select.
    pub fn of(line: Line, settings: &GatewaySettings) -> Self {
        let plain = Self { own_label: Some(settings.selector()), ..Self::plain(line) };
        if !line.is_higress() {
            return plain;
        }
        Self { namespace: settings.namespace.clone(), root_namespace: settings.namespace.clone(), ..plain }
    }

    /// Whether plugins of `namespace` can reach the gateway at all, and in which turn: its own namespace,
    /// then the root.
    pub(super) fn turn_of(&self, namespace: &str) -> Option<Turn> {
        if namespace == self.namespace {
            Some(Turn::Own)
        } else if namespace == self.root_namespace {
            Some(Turn::Root)
        } else {
            None
        }
    }
}

/// Which of the gateway's two namespaces a plugin is in, in the order that discovery reads them
/// (`PushContext.WasmPluginsByListenerInfo`, Istio `pilot/pkg/model/push_context.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Own,
    Root,
}
