use serde::Serialize;

use super::Question;
use super::answer::Answer;
use super::parameters::Parameters;
use super::workload::GatewayWorkload;
use crate::gateway::Delivery;
use crate::plugin::Resources;
use crate::server::installation::Installation;
use crate::server::problem::Problem;

/// POST `/api/v1/wasmplugins/chain`: the filter chain that a gateway makes of the resources
pub(super) struct ChainOrder {
    gateway: GatewayWorkload,
}

impl Question for ChainOrder {
    const PARAMETERS: &'static [&'static [&'static str]] =
        &[Parameters::INSTALLATION, GatewayWorkload::PARAMETERS];

    fn parse(parameters: &Parameters<'_>, installation: &Installation) -> Result<Self, Problem> {
        Ok(Self { gateway: GatewayWorkload::parse(parameters, installation)? })
    }

    fn answer(self, resources: Resources) -> Result<impl Serialize, Problem> {
        let GatewayWorkload { settings, line, workload } = self.gateway;
        Answer::on(resources, |plugins| {
            Delivery::of(plugins.iter().map(|resource| &resource.plugin), &settings)
                .chain_report(line, &workload)
        })
    }
}
