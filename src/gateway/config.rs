use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{GatewaySelector, GatewaySettings};

/// The Higress installation that is meant where nobody names another: the `[gateway]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the `WasmPlugin`s that are applied to it. Default: none.
    pub wasmplugins: Option<PathBuf>,
    /// The controller's namespace, the only one it looks at. Default: `higress-system`.
    pub namespace: String,
    /// The label of the gateway's pods, `key=value`, or a value for the key `higress`. Default: none, which is
    /// `higress=<namespace>-higress-gateway`.
    pub gateway_selector: Option<GatewaySelector>,
}

impl Default for Config {
    fn default() -> Self {
        Self { wasmplugins: None, namespace: GatewaySettings::NAMESPACE.to_owned(), gateway_selector: None }
    }
}

impl Config {
    /// The settings of that installation.
    pub fn settings(&self) -> GatewaySettings {
        GatewaySettings {
            namespace: self.namespace.clone(),
            gateway_selector: self.gateway_selector.clone(),
            ..GatewaySettings::default()
        }
    }
}
