use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::gateway::GatewaySettings;

/// The control plane whose chain is asked for. Built-in filters, resource names and the stubs' shape differ
/// by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Line {
    /// `seed`: Higress on its Istio 1.12 base, as its course material on Wasm plugins dumps it from a running
    /// gateway.
    Seed,
    /// `higress-1.19`: Higress on a fork of Istio 1.19, before 2.2.
    Higress119,
    /// `higress-1.27`: Higress on a fork of Istio 1.27, from 2.2 on.
    #[default]
    Higress127,
    /// `istio-1.27`: Istio 1.27.
    Istio127,
    /// `istio-1.30`: Istio 1.30, which turns each `WasmPlugin` into a `TrafficExtension`.
    Istio130,
}

/// A word that names no [`Line`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown line `{0}`, expected `seed`, `higress-1.19`, `higress-1.27`, `istio-1.27` or `istio-1.30`")]
pub struct UnknownLine(String);

impl Line {
    /// Every line, oldest first.
    pub const ALL: [Self; 5] =
        [Self::Seed, Self::Higress119, Self::Higress127, Self::Istio127, Self::Istio130];

    /// The line's name, as [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Higress119 => "higress-1.19",
            Self::Higress127 => "higress-1.27",
            Self::Istio127 => "istio-1.27",
            Self::Istio130 => "istio-1.30",
        }
    }

    /// The root namespace of a plain installation: what plugins without a namespace are taken to be in.
    pub fn root_namespace(self) -> &'static str {
        if self.is_higress() { GatewaySettings::NAMESPACE } else { "istio-system" }
    }

    /// The name of a plugin's filter, and of the ECDS resource behind it.
    ///
    /// Istio 1.21 began to prefix it (`WasmPluginResourceNamePrefix`, `pilot/pkg/model/extensions.go`), and
    /// 1.30 names the `TrafficExtension` that it makes of a `WasmPlugin` (`syntheticMarker`, `wasmplugin`
    /// translation).
    pub fn resource_name(self, namespace: &str, name: &str) -> String {
        let prefix = match self {
            Self::Seed | Self::Higress119 => "",
            Self::Higress127 | Self::Istio127 => "extensions.istio.io/wasmplugin/",
            Self::Istio130 => "extensions.istio.io/trafficextension/",
        };
        format!("{prefix}{}", self.plugin_name(namespace, name))
    }

    /// The plugin's name inside its own configuration, which Envoy's logs and statistics show.
    pub fn plugin_name(self, namespace: &str, name: &str) -> String {
        let marker = if self == Self::Istio130 { "~istio-translated-wasmplugin" } else { "" };
        format!("{namespace}.{name}{marker}")
    }

    /// Whether Higress's controller stands before discovery. It hands on no creation times, so plugins of
    /// equal priority are ordered by name (`IngressConfig.List`, `pkg/ingress/config/ingress_config.go`).
    pub fn is_higress(self) -> bool {
        matches!(self, Self::Seed | Self::Higress119 | Self::Higress127)
    }

    /// Whether the API has `type` and `targetRefs` at all. They came with Istio 1.20 and 1.22; before, the
    /// API server prunes them.
    pub(super) fn knows_attachment(self) -> bool {
        !matches!(self, Self::Seed | Self::Higress119)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Line {
    type Err = UnknownLine;

    fn from_str(text: &str) -> Result<Self, UnknownLine> {
        let named = Self::ALL.into_iter().find(|line| line.name() == text);
        named.ok_or_else(|| UnknownLine(text.to_owned()))
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for line in Line::ALL {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
        assert_eq!(Line::default().to_string(), "higress-1.27");
    }

    #[test]
    fn an_unknown_line_is_refused_with_the_known_ones() {
        for word in ["", "istio", "Seed", "istio-1.26"] {
            let error = word.parse::<Line>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("unknown line `{word}`, expected `seed`")), "{error}");
            for line in Line::ALL {
                assert!(error.contains(line.name()), "{error} leaves out {line}");
            }
        }
    }

    #[test]
    fn resources_are_named_by_line() {
        let names = Line::ALL.map(|line| line.resource_name("ns", "p"));
        assert_eq!(
            names,
            [
                "ns.p",
                "ns.p",
                "extensions.istio.io/wasmplugin/ns.p",
                "extensions.istio.io/wasmplugin/ns.p",
                "extensions.istio.io/trafficextension/ns.p~istio-translated-wasmplugin",
            ]
        );
        assert_eq!(Line::Istio127.plugin_name("ns", "p"), "ns.p");
        assert_eq!(Line::Istio130.plugin_name("ns", "p"), "ns.p~istio-translated-wasmplugin");
    }
}
