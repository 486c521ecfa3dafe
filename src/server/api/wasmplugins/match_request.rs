use serde::Serialize;

use super::Question;
use super::answer::Answer;
use super::parameters::Parameters;
use super::workload::GatewayWorkload;
use crate::gateway::{Delivery, FlavourChoice, Flavours, Request};
use crate::plugin::Resources;
use crate::server::installation::Installation;
use crate::server::problem::Problem;

/// POST `/api/v1/wasmplugins/match`: which of the resources a request meets, in which order, with which configurations
pub(super) struct MatchRequest {
    gateway: GatewayWorkload,
    request: Request,
    flavours: Flavours,
}

impl Question for MatchRequest {
    const PARAMETERS: &'static [&'static [&'static str]] = &[
        &["authority", "route", "cluster", "flavour"],
        Parameters::INSTALLATION,
        GatewayWorkload::PARAMETERS,
    ];

    fn parse(parameters: &Parameters<'_>, installation: &Installation) -> Result<Self, Problem> {
        let text = |name| parameters.text(name).map(|text| text.map(ToOwned::to_owned));
        let request = Request {
            authority: text("authority")?,
            route: text("route")?.unwrap_or_default(),
            cluster: text("cluster")?.unwrap_or_default(),
        };
        let flavours = parameters.values::<FlavourChoice>("flavour")?.into_iter().collect();
        Ok(Self { gateway: GatewayWorkload::parse(parameters, installation)?, request, flavours })
    }

    fn answer(self, resources: Resources) -> Result<impl Serialize, Problem> {
        let GatewayWorkload { settings, line, workload } = self.gateway;
        Answer::on(resources, |plugins| {
            let delivery = Delivery::of(plugins.iter().map(|resource| &resource.plugin), &settings);
            delivery.request_report(line, &workload, (self.request, &self.flavours))
        })
    }
}
