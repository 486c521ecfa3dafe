use std::fmt;

use serde::{Deserialize, Serialize};

/// A program that pulls a Wasm module out of a registry, told apart where the accepted shapes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Agent {
    /// Istio up to 1.15: a tar layer must be the only layer.
    #[serde(rename = "istio-up-to-1.15")]
    IstioUpTo1_15,
    /// Istio 1.16 to 1.29: the last layer counts.
    #[serde(rename = "istio-1.16-to-1.29")]
    Istio1_16To1_29,
    /// Istio 1.30 and later: raw layers are cut at the size limit too.
    #[serde(rename = "istio-1.30")]
    Istio1_30,
    /// Higress 2.x, whose agent is Istio's of the 1.19 to 1.27 lines.
    #[serde(rename = "higress-2")]
    Higress2,
    /// Envoy Gateway, where the control plane pulls.
    #[serde(rename = "envoy-gateway")]
    EnvoyGateway,
    /// wkg and containerd's runwasi: CNCF's Wasm artifact, no gateway.
    #[serde(rename = "wkg-runwasi")]
    WkgRunwasi,
}

impl Agent {
    /// Every agent, gateways first.
    pub const ALL: [Self; 6] = [
        Self::IstioUpTo1_15,
        Self::Istio1_16To1_29,
        Self::Istio1_30,
        Self::Higress2,
        Self::EnvoyGateway,
        Self::WkgRunwasi,
    ];

    /// Whether it feeds an Envoy, which runs core modules only.
    pub fn is_gateway(self) -> bool {
        self != Self::WkgRunwasi
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::IstioUpTo1_15 => "Istio up to 1.15",
            Self::Istio1_16To1_29 => "Istio 1.16 to 1.29",
            Self::Istio1_30 => "Istio 1.30 and later",
            Self::Higress2 => "Higress 2.x",
            Self::EnvoyGateway => "Envoy Gateway",
            Self::WkgRunwasi => "wkg/runwasi",
        })
    }
}
