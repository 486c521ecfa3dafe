use serde::Serialize;

use super::Question;
use super::answer::Answer;
use super::parameters::Parameters;
use crate::gateway::{ConversionReport, GatewaySettings, GrpcRouteNames, convert};
use crate::plugin::{Resource, Resources};
use crate::server::installation::Installation;
use crate::server::problem::Problem;

/// POST `/api/v1/wasmplugins/convert`: what Istio gets of each resource
pub(super) struct Convert {
    settings: GatewaySettings,
}

#[derive(Serialize)]
struct Conversions {
    /// One by one, in the text's order.
    plugins: Vec<ConversionReport>,
}

impl Question for Convert {
    const PARAMETERS: &'static [&'static [&'static str]] = &[Parameters::INSTALLATION, &["fixed"]];

    fn parse(parameters: &Parameters<'_>, installation: &Installation) -> Result<Self, Problem> {
        let mut settings = parameters.gateway_settings(installation)?;
        if parameters.switch("fixed")? {
            settings.grpc = GrpcRouteNames::Fixed;
        }
        Ok(Self { settings })
    }

    fn answer(self, resources: Resources) -> Result<impl Serialize, Problem> {
        let report = |Resource { plugin, .. }: &Resource| {
            ConversionReport::new(plugin, &convert(plugin, &self.settings))
        };
        Answer::on(resources, |plugins| Conversions { plugins: plugins.iter().map(report).collect() })
    }
}
