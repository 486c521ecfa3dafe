use serde::Serialize;

use crate::gateway::{ConversionReport, GrpcRouteNames, convert};
use crate::plugin::to_yaml;

use super::super::context::Context;
use super::super::exit::{Exit, Failure};
use super::super::output::{Paint, Report};
use super::gateway_args::GatewayArgs;
use super::input::InputArgs;

/// Show the Istio WasmPlugin that Higress's controller makes of a file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The output is what the controller's /debug/configz shows. A resource that the controller withdraws, refuses or does not \
look at gives none; why, and what that means in the cluster, is told on standard error.

Examples:
  hwasm-registry wasmplugin convert custom-response.yaml

  # An installation of another name and namespace
  hwasm-registry wasmplugin convert --namespace gw --gateway-selector gw-my-gw plugins/

  # What is live now, from the cluster
  kubectl get wasmplugins.extensions.higress.io -n higress-system -o yaml | hwasm-registry wasmplugin convert -

  # The route names that `routeType: GRPC` was meant to give
  hwasm-registry wasmplugin convert --fixed grpc.yaml")]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Give what was meant where Higress's own conversion is wrong
    #[arg(long)]
    fixed: bool,
}

/// What became of each resource.
#[derive(Debug, Serialize)]
struct Conversions {
    /// One by one, in the files' order.
    plugins: Vec<ConversionReport>,
}

impl Args {
    /// Runs the command.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<()> {
        let mut settings = self.gateway.settings(context)?;
        if self.fixed {
            settings.grpc = GrpcRouteNames::Fixed;
        }
        let resources = self.input.resources(context)?;
        let plugins: Vec<ConversionReport> = resources
            .iter()
            .map(|resource| ConversionReport::new(&resource.plugin, &convert(&resource.plugin, &settings)))
            .collect();
        for report in &plugins {
            tell(context, report);
        }
        let refused = plugins.iter().filter(|report| report.outcome == "error").count();
        context.output.report(&Conversions { plugins })?;
        if refused > 0 {
            let message = format!("the controller refuses {refused} of {} WasmPlugins", resources.len());
            return Err(Failure::new(Exit::Failure, message).into());
        }
        Ok(())
    }
}

/// What the printed resource does not show.
fn tell(context: &Context, report: &ConversionReport) {
    let name = &report.name;
    match report.outcome {
        "converted" => {}
        "unchanged" => context.output.note(format_args!("{name}: {}", report.meaning)),
        outcome => {
            let outcome = if outcome == "error" { "refused" } else { outcome };
            context.output.warn(format_args!("{name} is {outcome}: {}", report.meaning));
        }
    }
    for warning in &report.warnings {
        context.output.warn(format_args!("{name}: {}: {warning}", warning.path()));
    }
}

impl Report for Conversions {
    fn text(&self, _: Paint) -> String {
        let resources = self.plugins.iter().filter_map(|report| report.resource.as_ref());
        let documents: Vec<String> =
            resources.map(|resource| to_yaml(resource).expect("a resource has a JSON form")).collect();
        documents.join("---\n").trim_end().to_owned()
    }
}
