use std::collections::BTreeMap;
use std::str::FromStr;

use super::parameters::Parameters;
use crate::gateway::{GatewaySettings, Line, Workload};
use crate::server::installation::Installation;
use crate::server::problem::Problem;

/// The gateway that runs the chain, within its installation.
pub(super) struct GatewayWorkload {
    pub(super) settings: GatewaySettings,
    pub(super) line: Line,
    pub(super) workload: Workload,
}

impl GatewayWorkload {
    /// What a request may say of it.
    pub(super) const PARAMETERS: &'static [&'static str] =
        &["line", "gateway-namespace", "root-namespace", "label", "port"];

    pub(super) fn parse(parameters: &Parameters<'_>, installation: &Installation) -> Result<Self, Problem> {
        let settings = parameters.gateway_settings(installation)?;
        let line = parameters.value::<Line>("line")?.unwrap_or_default();
        let mut workload = Workload::of(line, &settings);
        if let Some(root) = parameters.text("root-namespace")? {
            root.clone_into(&mut workload.root_namespace);
            root.clone_into(&mut workload.namespace);
        }
        if let Some(namespace) = parameters.text("gateway-namespace")? {
            namespace.clone_into(&mut workload.namespace);
        }
        let labels: BTreeMap<String, String> =
            parameters.values::<Label>("label")?.into_iter().map(|Label(key, value)| (key, value)).collect();
        workload.labels = (!labels.is_empty()).then_some(labels);
        workload.port = parameters.value("port")?;
        Ok(Self { settings, line, workload })
    }
}

/// `key=value`
struct Label(String, String);

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not `key=value`"))?;
        Ok(Self(key.to_owned(), value.to_owned()))
    }
}
