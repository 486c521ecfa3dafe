use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plugin::NewWasmPlugin;

/// What of a Higress installation changes what the controller makes of a `WasmPlugin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySettings {
    /// The controller's namespace, the only one it looks at. Default `higress-system`.
    pub namespace: String,
    /// The label of the gateway's pods, if it is not `higress: <namespace>-higress-gateway`.
    pub gateway_selector: Option<GatewaySelector>,
    /// What becomes of the route names of `routeType: GRPC`.
    pub grpc: GrpcRouteNames,
}

/// A label that selects the gateway's pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct GatewaySelector {
    /// The label's key.
    pub key: String,
    /// The label's value.
    pub value: String,
}

/// What becomes of the route names of `routeType: GRPC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GrpcRouteNames {
    /// The literal text `GRPC` for each, as Higress 2.2 does it; such a rule matches no request.
    #[default]
    AsHigress,
    /// The names that the routes have: `GRPC/<namespace>/<name>`.
    Fixed,
}

/// Why a text is no gateway selector.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label, expected `key=value`, or a value for the key `higress`")]
pub struct GatewaySelectorError(String);

impl std::str::FromStr for GatewaySelector {
    type Err = GatewaySelectorError;

    fn from_str(text: &str) -> Result<Self, GatewaySelectorError> {
        let (key, value) = text.split_once('=').unwrap_or((GatewaySettings::SELECTOR_KEY, text));
        let is_label = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        };
        if is_label(key) && is_label(value) {
            Ok(Self { key: key.to_owned(), value: value.to_owned() })
        } else {
            Err(GatewaySelectorError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for GatewaySelector {
    type Error = GatewaySelectorError;

    fn try_from(text: String) -> Result<Self, GatewaySelectorError> {
        text.parse()
    }
}

impl From<GatewaySelector> for String {
    fn from(selector: GatewaySelector) -> Self {
        selector.to_string()
    }
}

/// `key=value`
impl fmt::Display for GatewaySelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            namespace: Self::NAMESPACE.to_owned(),
            gateway_selector: None,
            grpc: GrpcRouteNames::default(),
        }
    }
}

impl GatewaySettings {
    /// The controller's namespace, where nobody chose another.
    pub const NAMESPACE: &str = NewWasmPlugin::NAMESPACE;
    const SELECTOR_KEY: &str = "higress";

    /// The one pair of `selector.matchLabels`.
    pub fn selector(&self) -> (String, String) {
        match &self.gateway_selector {
            Some(GatewaySelector { key, value }) => (key.clone(), value.clone()),
            None => (Self::SELECTOR_KEY.to_owned(), format!("{}-higress-gateway", self.namespace)),
        }
    }

    /// The name that Envoy knows a gRPC route by: without the namespace where it is the controller's.
    pub fn grpc_route_name(&self, ingress: &str) -> String {
        format!("GRPC/{}", self.route_name(ingress))
    }

    /// The name that Envoy knows a route by: without the namespace where it is the controller's.
    pub fn route_name<'a>(&self, ingress: &'a str) -> &'a str {
        match ingress.split_once('/') {
            Some((namespace, name)) if namespace == self.namespace => name,
            _ => ingress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_a_label_or_the_value_of_the_usual_one() {
        let selector = |key: &str, value: &str| GatewaySelector { key: key.into(), value: value.into() };
        assert_eq!("gw-my-gw".parse(), Ok(selector("higress", "gw-my-gw")));
        assert_eq!("app.kubernetes.io/name=gw".parse(), Ok(selector("app.kubernetes.io/name", "gw")));
        for text in ["", "=x", "a=", "a=b=c", "a b"] {
            assert!(text.parse::<GatewaySelector>().is_err(), "{text}");
        }
        assert_eq!("gw-my-gw".parse::<GatewaySelector>().unwrap().to_string(), "higress=gw-my-gw");
    }
}
