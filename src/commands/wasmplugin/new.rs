use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::client::Location;
use crate::commands::context::Context;
use crate::commands::exit::{Exit, Failure};
use crate::commands::output::{Output, Paint, Report};
use crate::commands::place::Place;
use crate::commands::session::{Session, SessionArgs, with_session};
use crate::oci::ImageReference;
use crate::plugin::{
    FailStrategy, Form, ImageFacts, ImageKind, ImageNaming, InitialConfig, ModuleUrl, NewWasmPlugin,
    NewWasmPluginError, Phase, PluginScope, PullPolicy, UnknownWord, WasmPlugin, to_yaml,
};

use super::config_file::read_config;
use super::image_facts;

/// Write a WasmPlugin for an image in a registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Phase, priority and configuration come from the image's spec.yaml, as far as it has them: without
--config-from, the configuration is what the defaults of its schema say. A configuration that does
not fit the schema is an error.

Examples:
  # For every request, with the author's example as the configuration to edit
  hwasm-registry wasmplugin new plugins/key-auth:1.0.0 --example -o key-auth.yaml

  # Pinned to the digest, for one host only, and applied at once
  hwasm-registry wasmplugin new registry.example.com/plugins/key-auth:1.0.0 --pin \\
    --domain shop.example.com --config-from config.yaml | kubectl apply -f -")]
pub(super) struct Args {
    /// The image: [host/]repository[:tag][@digest]
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    resource: ResourceArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to write the resource: a file, or `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    session: SessionArgs,
}

/// What the resource says of itself and of the image.
#[derive(Debug, clap::Args)]
struct ResourceArgs {
    /// Name of the resource, instead of the repository's last part
    #[arg(long)]
    name: Option<String>,
    /// Namespace of the resource: the one that the gateway's controller watches
    #[arg(long, default_value = NewWasmPlugin::NAMESPACE)]
    namespace: String,
    /// Name the image by the digest that agents compare: that of its manifest, never that of an index
    #[arg(long)]
    pin: bool,
    /// When gateways ask the registry again: `IfNotPresent` or `Always`; without it, what the URL means to them
    #[arg(long, value_name = "POLICY", default_value = "UNSPECIFIED_POLICY", hide_default_value = true)]
    policy: PullPolicy,
    /// Secret with the registry's credentials, in the resource's namespace
    #[arg(long, value_name = "NAME")]
    pull_secret: Option<String>,
    /// Slot of the filter chain, instead of spec.yaml's: `AUTHN`, `AUTHZ`, `STATS` or `UNSPECIFIED_PHASE`
    #[arg(long)]
    phase: Option<Phase>,
    /// Place within the phase, larger first, instead of spec.yaml's
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i32>,
    /// What a plugin that cannot run does to traffic: `FAIL_CLOSE` or `FAIL_OPEN`
    #[arg(long, value_name = "STRATEGY", default_value = "FAIL_CLOSE", value_parser = fail_strategy)]
    fail_strategy: FailStrategy,
}

/// Where the plugin acts: everywhere, or where one rule matches.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct ScopeArgs {
    /// Act for this host only, such as `*.example.com`; may be repeated
    #[arg(long = "domain", value_name = "HOST")]
    domains: Vec<String>,
    /// Act for this route only, `namespace/name` of an Ingress; may be repeated
    #[arg(long = "ingress", value_name = "ROUTE")]
    ingresses: Vec<String>,
    /// Act for this upstream service only, `name` or `name:port`; may be repeated
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<String>,
}

/// The configuration to write.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct ConfigArgs {
    /// Take the configuration from a file, YAML or JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    config_from: Option<PathBuf>,
    /// Take the example of the image's spec.yaml as the configuration
    #[arg(long)]
    example: bool,
}

fn fail_strategy(text: &str) -> Result<FailStrategy, UnknownWord> {
    FailStrategy::read(Form::Higress, text)
}

/// The resource, and nothing but the resource.
#[derive(Serialize)]
#[serde(transparent)]
struct Written(WasmPlugin);

impl Args {
    /// Runs the command.
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let new = self.wanted()?;
        let written =
            with_session(context, &self.session, async |session| self.write(session, &new).await).await?;
        if self.output == Path::new("-") {
            return context.output.report(&written);
        }
        let file = self.output.display();
        std::fs::write(&self.output, format!("{}\n", context.output.render(&written)?))
            .with_context(|| format!("cannot write `{file}`"))?;
        context.output.note(format_args!("written to {file}"));
        Ok(())
    }

    /// What was asked for. The configuration is read before anything is fetched.
    fn wanted(&self) -> anyhow::Result<NewWasmPlugin> {
        let resource = &self.resource;
        Ok(NewWasmPlugin {
            name: resource.name.clone(),
            namespace: Some(resource.namespace.clone()),
            naming: if resource.pin { ImageNaming::Pinned } else { ImageNaming::AsGiven },
            pull_policy: resource.policy,
            pull_secret: resource.pull_secret.clone(),
            phase: resource.phase,
            priority: resource.priority,
            fail_strategy: resource.fail_strategy,
            scope: self.scope.scope(),
            config: self.config.config()?,
        })
    }

    async fn write(&self, session: &Session<'_>, new: &NewWasmPlugin) -> anyhow::Result<Written> {
        let place = session.place(&self.reference)?;
        let image = registry_image(&place)?;
        // Before anything is fetched: a name is the caller's mistake.
        new.metadata(&image).map_err(|error| explain(&error, new, None))?;
        let facts = image_facts::fetch(session, &place).await?;
        let output = &session.context.output;
        tell_image(output, &image, &facts);
        let plugin = new.build(&image, &facts).map_err(|error| explain(&error, new, Some(&facts)))?;
        tell_policy(output, &plugin)?;
        Ok(Written(plugin))
    }
}

impl ScopeArgs {
    fn scope(&self) -> PluginScope {
        match (&self.domains[..], &self.ingresses[..], &self.services[..]) {
            ([], [], []) => PluginScope::Everywhere,
            ([], [], services) => PluginScope::Services(services.to_vec()),
            ([], ingresses, _) => PluginScope::Ingresses(ingresses.to_vec()),
            (domains, ..) => PluginScope::Domains(domains.to_vec()),
        }
    }
}

impl ConfigArgs {
    fn config(&self) -> anyhow::Result<InitialConfig> {
        match &self.config_from {
            None if self.example => Ok(InitialConfig::Example),
            None => Ok(InitialConfig::Defaults),
            Some(file) => {
                let config = read_config(file);
                let config = config
                    .with_context(|| format!("cannot take a configuration from `{}`", file.display()))?;
                Ok(InitialConfig::Given(config))
            }
        }
    }
}

/// The image at `place`, which gateways can only take from a registry.
fn registry_image(place: &Place) -> anyhow::Result<ImageReference> {
    match place.clone().into_location() {
        Location::Registry(image) => Ok(image),
        Location::Layout(_) | Location::Bundle(_) => {
            let failure = Failure::new(Exit::Usage, format!("`{place}` is not in a registry"));
            Err(failure.advise("`hwasm-registry copy` brings it into one").into())
        }
    }
}

/// Tells what somebody who pastes the resource has to know about the image.
fn tell_image(output: &Output, image: &ImageReference, facts: &ImageFacts) {
    match &facts.declaration {
        None => {
            output.note(
                "the image carries no spec.yaml, which would say phase, priority and configuration; give them with \
                 --phase, --priority and --config-from",
            );
        }
        Some(declaration) => {
            declaration
                .faults
                .iter()
                .for_each(|fault| output.warn(format_args!("the image's spec.yaml: {fault}")));
        }
    }
    if let ImageKind::Index { child: Some(child) } = &facts.kind {
        output.note(format_args!("`{image}` is an index; agents take its linux/amd64 child, {child}"));
    }
    for (reason, agents) in by_reason(facts) {
        output.warn(format_args!("{} would not load the image: {reason}", agents.join(", ")));
    }
    if image.registry.is_loopback() {
        output.warn("the host is this machine's own: in `url`, write the one that gateways reach it by");
    }
}

/// The agents that refuse the image, by what they say.
fn by_reason(facts: &ImageFacts) -> Vec<(&str, Vec<&str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for refusal in &facts.refused_by {
        match reasons.iter_mut().find(|(reason, _)| *reason == refusal.reason) {
            Some((_, agents)) => agents.push(&refusal.agent),
            None => reasons.push((&refusal.reason, vec![&refusal.agent])),
        }
    }
    reasons
}

fn tell_policy(output: &Output, plugin: &WasmPlugin) -> anyhow::Result<()> {
    let url: ModuleUrl = plugin.spec.url.parse()?;
    output.note(format_args!("pull policy: {}", plugin.spec.image_pull_policy.effective(&url, "")));
    Ok(())
}

/// The error with its exit code and what to do about it.
fn explain(error: &NewWasmPluginError, new: &NewWasmPlugin, facts: Option<&ImageFacts>) -> anyhow::Error {
    let schema = facts.and_then(|facts| new.schema(facts));
    let has_example = schema.is_some_and(|schema| schema.example().is_some());
    let failure = Failure::new(exit(error), error.to_string());
    let advice = match (error, &new.config) {
        (NewWasmPluginError::Config(_), InitialConfig::Given(_)) => {
            "correct the file given with --config-from"
        }
        (NewWasmPluginError::Config(_), InitialConfig::Defaults) if has_example => {
            "begin with the author's example (--example), or give a configuration with --config-from FILE"
        }
        (NewWasmPluginError::Config(_) | NewWasmPluginError::NoExample, _) => {
            "give a configuration with --config-from FILE"
        }
        (NewWasmPluginError::NothingToPin, _) => "push a single manifest, not an index",
        (NewWasmPluginError::Name(_), _) => "name it with --name",
        (NewWasmPluginError::Namespace(_) | NewWasmPluginError::Url(_), _) => return failure.into(),
    };
    failure.advise(advice).into()
}

fn exit(error: &NewWasmPluginError) -> Exit {
    match error {
        NewWasmPluginError::Name(_) | NewWasmPluginError::Namespace(_) | NewWasmPluginError::Url(_) => {
            Exit::Usage
        }
        NewWasmPluginError::NothingToPin | NewWasmPluginError::NoExample | NewWasmPluginError::Config(_) => {
            Exit::Failure
        }
    }
}

impl Report for Written {
    fn text(&self, _: Paint) -> String {
        let yaml = to_yaml(&self.0).expect("a resource out of values that JSON has is YAML too");
        yaml.trim_end().to_owned()
    }
}
