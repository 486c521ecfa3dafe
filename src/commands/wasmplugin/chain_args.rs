use crate::gateway::{Delivery, Workload};

use super::super::context::Context;
use super::gateway_args::GatewayArgs;
use super::input::InputArgs;
use super::workload_args::WorkloadArgs;

/// The plugins, and the gateway that runs them.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ChainArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    pub(super) workload: WorkloadArgs,
}

impl ChainArgs {
    /// What the gateway gets of the files, and the gateway.
    pub(super) fn resolve(&self, context: &Context) -> anyhow::Result<(Delivery, Workload)> {
        let resources = self.input.resources(context)?;
        let settings = self.gateway.settings(context)?;
        let delivery = Delivery::of(resources.iter().map(|resource| &resource.plugin), &settings);
        Ok((delivery, self.workload.workload(&settings)))
    }
}
