use serde::Serialize;

use super::{EnvoyStatus, PluginStatus, Rejection, ResourceState};

/// A plugin, and what the Envoys made of it.
#[derive(Clone, Debug, Serialize)]
pub struct ReportedPlugin {
    /// The plugin.
    #[serde(flatten)]
    pub plugin: PluginStatus,
    /// The Envoys.
    pub envoys: PluginDelivery,
}

/// What the Envoys made of a plugin's newest version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginDelivery {
    /// How many took it (ACK).
    pub accepted: usize,
    /// How many refused it (NACK).
    pub rejected: usize,
    /// How many have not answered yet.
    pub waiting: usize,
    /// The newest refusal of all, also of a version before.
    pub last_rejection: Option<Rejection>,
}

impl ReportedPlugin {
    /// The plugin beside the Envoys that were told of it.
    pub(super) fn of(plugin: PluginStatus, envoys: &[EnvoyStatus]) -> Self {
        let mut delivery = PluginDelivery::default();
        for resource in envoys.iter().flat_map(|envoy| &envoy.resources) {
            if *resource.name == *plugin.resource {
                let count = match resource.state {
                    ResourceState::Accepted => &mut delivery.accepted,
                    ResourceState::Rejected => &mut delivery.rejected,
                    ResourceState::Sent => &mut delivery.waiting,
                };
                *count += 1;
                let newest = delivery.last_rejection.as_ref().map(|rejection| rejection.at);
                if let Some(rejection) = resource.rejected.as_deref().filter(|new| Some(new.at) > newest) {
                    delivery.last_rejection = Some(rejection.clone());
                }
            }
        }
        Self { plugin, envoys: delivery }
    }
}
