use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Question;
use super::parameters::Parameters;
use crate::gateway::{
    FlavourChoice, Flavours, GatewaySettings, LintFile, LintInput, LintReport, LintRule, RuleSeverity,
    Severity,
};
use crate::plugin::Resources;
use crate::server::installation::Installation;
use crate::server::problem::Problem;

/// POST `/api/v1/wasmplugins/lint`: what is wrong with the resources
pub(super) struct Lint {
    settings: GatewaySettings,
    flavours: Flavours,
    level: Severity,
    disabled: BTreeSet<&'static LintRule>,
    severities: BTreeMap<&'static LintRule, Severity>,
}

impl Question for Lint {
    const PARAMETERS: &'static [&'static [&'static str]] =
        &[&["level", "disable", "severity", "flavour"], Parameters::INSTALLATION];

    fn parse(parameters: &Parameters<'_>, installation: &Installation) -> Result<Self, Problem> {
        let severities = parameters.values::<RuleSeverity>("severity")?;
        Ok(Self {
            settings: parameters.gateway_settings(installation)?,
            flavours: parameters.values::<FlavourChoice>("flavour")?.into_iter().collect(),
            level: parameters.value("level")?.unwrap_or(Severity::Warning),
            disabled: parameters.values::<&'static LintRule>("disable")?.into_iter().collect(),
            severities: severities.into_iter().map(|given| (given.rule, given.severity)).collect(),
        })
    }

    /// Faults are findings here, so that no text of resources is refused.
    fn answer(self, resources: Resources) -> Result<impl Serialize, Problem> {
        let Self { settings, flavours, level, disabled, severities } = self;
        let file = LintFile { name: "<body>", resources: &resources };
        let images = BTreeMap::new();
        let input = LintInput { files: vec![file], settings, flavours, images, disabled, severities };
        Ok(LintReport::of(&input, level))
    }
}
