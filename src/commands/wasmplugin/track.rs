use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::client::{self, ErrorKind, Registry};
use crate::oci::RegistryHost;
use crate::plugin::{Metadata, Resource};

use super::super::context::Context;
use super::super::exit::{Exit, Failure};
use super::super::impact::text;
use super::super::output::{Paint, Report};
use super::super::session::{SessionArgs, with_session};
use super::super::table::table;
use super::input::InputArgs;

/// Let a registry know of the `WasmPlugin`s that point at its images
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The registry then tells for certain which policy applies, and what moving a tag does, even to gateways that it has not seen.
`serve --wasmplugins DIR` does the same for a directory that it watches.

Examples:
  hwasm-registry wasmplugin track key-auth.yaml

  # All that a cluster has, at another registry
  kubectl get wasmplugins.extensions.higress.io -A -o yaml \\
    | hwasm-registry wasmplugin track --registry registry.example.com -")]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The namespace of resources that name none
    #[arg(long, short = 'n', value_name = "NAMESPACE", default_value = "default", value_parser = namespace)]
    namespace: String,
    #[command(flatten)]
    at: RegistryArgs,
}

/// Let a registry forget `WasmPlugin`s that it was told of
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hwasm-registry wasmplugin untrack default/key-auth")]
pub(super) struct UntrackArgs {
    /// Which ones: namespace/name
    #[arg(value_name = "NAMESPACE/NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    at: RegistryArgs,
}

/// List the `WasmPlugin`s that a registry knows of
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hwasm-registry wasmplugin tracked
  hwasm-registry wasmplugin tracked --registry registry.example.com --format json")]
pub(super) struct TrackedArgs {
    #[command(flatten)]
    at: RegistryArgs,
}

/// The registry that is told or asked.
#[derive(Debug, clap::Args)]
struct RegistryArgs {
    /// The registry's host; without it the local registry
    #[arg(long, value_name = "HOST")]
    registry: Option<RegistryHost>,
    #[command(flatten)]
    session: SessionArgs,
}

/// The plugins, as the registry has them.
#[derive(Debug, Serialize)]
struct Tracked {
    wasmplugins: Vec<Value>,
}

/// What was forgotten.
#[derive(Debug, Serialize)]
struct Untracked {
    untracked: Vec<String>,
}

fn namespace(text: &str) -> Result<String, String> {
    let is_one = Metadata::is_namespace(text);
    is_one.then(|| text.to_owned()).ok_or_else(|| "expected a namespace of Kubernetes".to_owned())
}

impl RegistryArgs {
    async fn with<T>(
        &self,
        context: &Context,
        work: impl AsyncFnOnce(Arc<Registry>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        with_session(context, &self.session, async |session| {
            work(session.registry(self.registry.as_ref()).await?).await
        })
        .await
    }
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let resources = self.input.resources(context)?;
        let tracked = self.at.with(context, async |registry| self.track(&registry, &resources).await).await?;
        context.output.report(&tracked)
    }

    async fn track(&self, registry: &Registry, resources: &[Resource]) -> anyhow::Result<Tracked> {
        let mut wasmplugins = Vec::new();
        for Resource { plugin, .. } in resources {
            let (namespace, name) =
                (plugin.metadata.namespace.as_ref().unwrap_or(&self.namespace), &plugin.metadata.name);
            wasmplugins.push(registry.track_plugin(namespace, name, plugin).await?);
        }
        Ok(Tracked { wasmplugins })
    }
}

impl UntrackArgs {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let usage = |name: &str| Failure::new(Exit::Usage, format!("`{name}` is not namespace/name"));
        let names: Vec<(&str, &str)> = self
            .names
            .iter()
            .map(|name| name.split_once('/').ok_or_else(|| usage(name)))
            .collect::<Result<_, _>>()?;
        self.at
            .with(context, async |registry| {
                for (namespace, name) in &names {
                    registry
                        .untrack_plugin(namespace, name)
                        .await
                        .map_err(|error| explain(error, (namespace, name)))?;
                }
                Ok(())
            })
            .await?;
        context.output.report(&Untracked { untracked: self.names.clone() })
    }
}

fn explain(error: client::Error, (namespace, name): (&str, &str)) -> anyhow::Error {
    if error.kind() != ErrorKind::NotFound {
        return error.into();
    }
    let failure = Failure::new(Exit::NotFound, format!("the registry was not told of `{namespace}/{name}`"));
    failure.advise("`hwasm-registry wasmplugin tracked` lists what it was told of").into()
}

impl TrackedArgs {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let list = async |registry: Arc<Registry>| Ok(registry.tracked_plugins().await?);
        let wasmplugins = self.at.with(context, list).await?;
        context.output.report(&Tracked { wasmplugins })
    }
}

impl Report for Tracked {
    fn text(&self, paint: Paint) -> String {
        let rows = self.wasmplugins.iter().map(|plugin| {
            let place = match plugin["repository"].as_str() {
                Some(_) => format!("{} {}", text(&plugin["repository"]), text(&plugin["reference"])),
                None => "elsewhere".to_owned(),
            };
            [
                format!("{}/{}", text(&plugin["namespace"]), text(&plugin["name"])),
                text(&plugin["url"]),
                place,
                text(&plugin["policy"]),
                text(&plugin["source"]),
            ]
        });
        table(paint, ["WASMPLUGIN", "URL", "HERE", "POLICY", "TOLD BY"], rows)
    }
}

impl Report for Untracked {
    fn text(&self, paint: Paint) -> String {
        self.untracked
            .iter()
            .map(|name| format!("forgot {}", paint.strong(name)))
            .collect::<Vec<_>>()
            .join("\n")
    }
}
