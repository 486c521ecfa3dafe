use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::rules::{ENVOY_GATEWAY, ISTIO, OURS, Rules};

/// The agent whose decisions are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flavour {
    /// `istio-1.27`: pilot-agent of Istio 1.27, with go-containerregistry 0.20.3.
    Istio127,
    /// `istio-1.30`: pilot-agent of Istio 1.30, with go-containerregistry 0.21.7.
    Istio130,
    /// `higress-1.19`: Higress before 2.2, on its fork of Istio 1.19.
    Higress119,
    /// `higress-1.27`: Higress from 2.2 on, on its fork of Istio 1.27.
    #[default]
    Higress127,
    /// `envoy-gateway`: the control plane of Envoy Gateway, which pulls for all its proxies.
    EnvoyGateway,
    /// `ours`: the agent of this program.
    Ours,
}

/// What a pull that fails does to the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A filter in the plugin's place answers 403 to all requests, or under `FAIL_OPEN` lets all of them
    /// pass; Envoy accepts it, and nothing schedules another try (Istio 1.25 and later,
    /// `pkg/wasm/convert.go`).
    StandIn,
    /// The whole ECDS response is refused, with every plugin in it: Envoy keeps what it runs, and a gateway
    /// that starts waits (Higress's forks, `pkg/wasm/convert.go`: 1a18c6d5 on 1.19, 76f1f099 on 1.27,
    /// `FAIL_OPEN` or not; Istio before 1.25).
    Nack,
    /// The policy that names the plugin is refused as a whole, `failOpen` or not (Envoy Gateway, issue 7886).
    PolicyRefused,
    /// The last good module goes on, and the pull is tried again until it works; without one, the stand-in of
    /// `failStrategy`.
    LastGood,
}

/// How often a request is tried that the server answers with 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Each request to a registry.
    pub oci: usize,
    /// The download from a web server.
    pub http: usize,
}

/// A word that names no [`Flavour`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no agent, expected {names}", names = names())]
pub struct UnknownFlavour(String);

impl Flavour {
    /// Every flavour, ours last.
    pub const ALL: [Self; 6] =
        [Self::Istio127, Self::Istio130, Self::Higress119, Self::Higress127, Self::EnvoyGateway, Self::Ours];

    /// The word for it on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Istio127 => "istio-1.27",
            Self::Istio130 => "istio-1.30",
            Self::Higress119 => "higress-1.19",
            Self::Higress127 => "higress-1.27",
            Self::EnvoyGateway => "envoy-gateway",
            Self::Ours => "ours",
        }
    }

    /// What makes the version of a resource a new one, for a sentence.
    pub fn version_changes(self) -> &'static str {
        match self {
            Self::Istio127 | Self::Istio130 => {
                "every write of the WasmPlugin, also of a label or an annotation, makes a new version"
            }
            // Higress's MCP feed names no version, so that discovery's memory store takes the time of
            // delivery.
            Self::Higress119 | Self::Higress127 => {
                "a change in the spec of any WasmPlugin gives all of them a new version, as does a restart \
                 of discovery; a change of a label or an annotation does not"
            }
            Self::EnvoyGateway => "every write of the EnvoyExtensionPolicy makes a new version",
            Self::Ours => "a change in the plugin's spec makes a new version",
        }
    }

    /// What a pull that fails does to the plugin.
    pub fn failure(self) -> Failure {
        match self {
            Self::Istio127 | Self::Istio130 => Failure::StandIn,
            Self::Higress119 | Self::Higress127 => Failure::Nack,
            Self::EnvoyGateway => Failure::PolicyRefused,
            Self::Ours => Failure::LastGood,
        }
    }

    /// How often it tries (go-containerregistry, `pkg/v1/remote/transport/retry.go`; Istio,
    /// `pkg/wasm/httpfetcher.go`, where `WASM_HTTP_REQUEST_MAX_RETRIES` counts all attempts).
    pub fn attempts(self) -> Attempts {
        match self {
            Self::Istio127 | Self::Istio130 | Self::Higress119 | Self::Higress127 | Self::EnvoyGateway => {
                Attempts { oci: 3, http: 5 }
            }
            Self::Ours => Attempts { oci: 5, http: 5 },
        }
    }

    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::Istio127 | Self::Istio130 | Self::Higress119 | Self::Higress127 => &ISTIO,
            Self::EnvoyGateway => &ENVOY_GATEWAY,
            Self::Ours => &OURS,
        }
    }
}

/// The words there are, for a sentence.
fn names() -> String {
    Flavour::ALL.map(|flavour| format!("`{flavour}`")).join(", ")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StandIn => {
                "a filter in the plugin's place answers 403 to every request (under FAIL_OPEN it lets them \
                 pass), until the next delivery"
            }
            Self::Nack => {
                "the whole delivery is refused, with every other plugin in it; Envoy keeps what it runs, \
                 and a gateway that starts is not ready"
            }
            Self::PolicyRefused => "the policy that names the plugin is refused as a whole, failOpen or not",
            Self::LastGood => "the last good module goes on, and the pull is tried again until it works",
        })
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Flavour {
    type Err = UnknownFlavour;

    fn from_str(text: &str) -> Result<Self, UnknownFlavour> {
        let named = Self::ALL.into_iter().find(|flavour| flavour.name() == text);
        named.ok_or_else(|| UnknownFlavour(text.to_owned()))
    }
}

impl Serialize for Flavour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flavour_is_read_as_it_is_written() {
        for flavour in Flavour::ALL {
            assert_eq!(flavour.to_string().parse(), Ok(flavour));
        }
        assert_eq!(
            "istio".parse::<Flavour>().unwrap_err().to_string(),
            "`istio` is no agent, expected `istio-1.27`, `istio-1.30`, `higress-1.19`, `higress-1.27`, \
             `envoy-gateway`, `ours`"
        );
    }
}
