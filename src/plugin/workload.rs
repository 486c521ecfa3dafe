use super::fields::{Fields, Findings};
use super::{FieldPath, Node};

/// One entry of Istio's `spec.match[]`: the listeners that get the plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrafficSelector {
    /// `mode`.
    pub mode: WorkloadMode,
    /// `ports[].number`; none means every port.
    pub ports: Vec<u16>,
}

/// `spec.match[].mode` of Istio's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkloadMode {
    /// `UNDEFINED`, or no field: what `CLIENT_AND_SERVER` means.
    #[default]
    Undefined,
    /// `CLIENT`: outbound listeners, a gateway's among them.
    Client,
    /// `SERVER`: inbound listeners.
    Server,
    /// `CLIENT_AND_SERVER`.
    ClientAndServer,
}

/// One entry of Istio's `spec.targetRefs[]`, or its `spec.targetRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetRef {
    /// `group`.
    pub group: String,
    /// `kind`.
    pub kind: String,
    /// `name`.
    pub name: String,
    /// `namespace`; empty where the file has none.
    pub namespace: String,
}

/// `spec.type` of Istio's form: which filter chain the plugin joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PluginType {
    /// `UNSPECIFIED_PLUGIN_TYPE`, or no field: what `HTTP` means.
    #[default]
    Unspecified,
    /// `HTTP`.
    Http,
    /// `NETWORK`: the TCP chain, not the HTTP one.
    Network,
}

impl PluginType {
    pub(super) const WORDS: [(&str, Self); 3] =
        [("UNSPECIFIED_PLUGIN_TYPE", Self::Unspecified), ("HTTP", Self::Http), ("NETWORK", Self::Network)];
}

impl TrafficSelector {
    const MODES: [(&str, WorkloadMode); 4] = [
        ("UNDEFINED", WorkloadMode::Undefined),
        ("CLIENT", WorkloadMode::Client),
        ("SERVER", WorkloadMode::Server),
        ("CLIENT_AND_SERVER", WorkloadMode::ClientAndServer),
    ];

    pub(super) fn read(findings: &mut Findings, node: &Node, path: &FieldPath) -> Option<Self> {
        let mut fields = Fields::open(node, path.clone(), findings)?;
        let selector =
            Self { mode: fields.word("mode", &Self::MODES), ports: fields.items("ports", port_number) };
        fields.close();
        Some(selector)
    }
}

fn port_number(findings: &mut Findings, node: &Node, path: &FieldPath) -> Option<u16> {
    let mut fields = Fields::open(node, path.clone(), findings)?;
    let number = fields.int32("number");
    let port = number.and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    // A number of another type is a fault already.
    if port.is_none() && (number.is_some() || node.member("number").is_none()) {
        fields.findings().fault(node.place, &path.key("number"), "is no port, expected 1 to 65535");
    }
    fields.close();
    port
}

impl TargetRef {
    pub(super) fn read(findings: &mut Findings, node: &Node, path: &FieldPath) -> Option<Self> {
        let mut fields = Fields::open(node, path.clone(), findings)?;
        let target = Self::of(&mut fields);
        fields.close();
        Some(target)
    }

    pub(super) fn of(fields: &mut Fields<'_>) -> Self {
        let mut text = |key: &str| fields.text(key).unwrap_or_default();
        Self { group: text("group"), kind: text("kind"), name: text("name"), namespace: text("namespace") }
    }
}
