use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use serde::Serialize;

use crate::agent::{ModuleCache, PullAction, PullSecret, Pulled, Puller, PullerOptions};
use crate::client::Credentials;
use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, ModuleUrl, PullPolicy};
use crate::policy::{Pull, Reason, given_sha256};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report, printable};
use super::session::SessionArgs;

/// What the resource is called that a pull by hand stands for.
const RESOURCE: &str = "pull";

/// How an agent would pull.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As an agent pulls")]
pub(super) struct PolicyArgs {
    /// Pull as our agent does, into its cache: REF is the `url` of a WasmPlugin, and this its `imagePullPolicy`,
    /// `IfNotPresent`, `Always` or `UNSPECIFIED_POLICY`
    #[arg(long, value_name = "POLICY", conflicts_with_all = ["output", "insecure_skip_tls_verify"])]
    pub(super) policy: Option<PullPolicy>,
    /// The WasmPlugin's `sha256`: 64 hex digits, of the manifest for an image, of the module for a web server's file
    #[arg(long, value_name = "HEX", default_value = "", hide_default_value = true, requires = "policy")]
    sha256: String,
    /// The WasmPlugin's version: under `Always` a new one is asked for again. Without it every call is a new version
    #[arg(long, value_name = "VERSION", requires = "policy")]
    resource_version: Option<String>,
    /// The pull secret: a Docker config.json
    #[arg(long, value_name = "FILE", requires = "policy")]
    pull_secret: Option<PathBuf>,
    /// Directory of the modules, instead of `agent.cache_dir`. A running agent has its own for itself
    #[arg(long, value_name = "DIR", requires = "policy")]
    cache: Option<PathBuf>,
}

/// What an agent would run, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PulledByPolicy {
    /// The URL.
    url: String,
    /// The pull policy in effect.
    policy: EffectivePolicy,
    /// What was done.
    action: PullAction,
    /// Why.
    reason: Reason,
    /// The module's file, for Envoy.
    file: PathBuf,
    /// The module's own digest.
    module: Option<Digest>,
    /// What it was found by.
    manifest: Option<Digest>,
    /// What the outcome says in one line.
    #[serde(skip)]
    outcome: String,
}

impl PolicyArgs {
    /// Pulls `url` by `policy`.
    pub(super) async fn run(
        &self,
        context: &Context,
        (url, policy): (&str, PullPolicy),
        session: &SessionArgs,
    ) -> anyhow::Result<()> {
        let pull = self.pull(url, policy)?;
        let config = context.config(Vec::new())?.config.agent;
        let mut options = config.puller_options(Credentials::default())?;
        // A person who looks is no node.
        options.node_id = None;
        session.apply(&mut options, &pull);
        let secret = self.secret()?;
        let directory = self.cache.as_ref().unwrap_or(&config.cache_dir);
        let cache = ModuleCache::open(directory, config.cache_limits())?;
        let pulled = pull_into(&cache, options, (&pull, secret.as_ref())).await;
        cache.save().await;
        let pulled = pulled.with_context(|| format!("cannot pull `{}`", pull.url))?;
        context.output.report(&PulledByPolicy::of(&pull, &self.sha256, pulled))
    }

    fn pull(&self, url: &str, policy: PullPolicy) -> anyhow::Result<Pull> {
        let usage = |message: String| Failure::new(Exit::Usage, message);
        let url: ModuleUrl = url.parse().map_err(|error| usage(format!("{error}")))?;
        if !url.has_scheme() {
            let advice = format!("write `oci://{}`, with the host that gateways reach", url.as_str());
            let message =
                format!("`{}` is not the `url` of a WasmPlugin as agents are given it", url.as_str());
            return Err(usage(message).advise(advice).into());
        }
        let sha256 = given_sha256(&self.sha256).map_err(|error| usage(format!("--sha256: {error}")))?;
        let version = self.resource_version.clone().unwrap_or_else(new_version);
        Ok(Pull { url, sha256, policy, resource: RESOURCE.to_owned(), version })
    }

    fn secret(&self) -> anyhow::Result<Option<PullSecret>> {
        let Some(path) = &self.pull_secret else { return Ok(None) };
        let json = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Some(PullSecret::parse(&path.display().to_string(), &json)?))
    }
}

async fn pull_into(
    cache: &Arc<ModuleCache>,
    options: PullerOptions,
    (pull, secret): (&Pull, Option<&PullSecret>),
) -> anyhow::Result<Pulled> {
    Ok(Puller::new(Arc::clone(cache), options).pull(pull, secret).await?)
}

/// One that was not before.
fn new_version() -> String {
    humantime::format_rfc3339_nanos(SystemTime::now()).to_string()
}

impl PulledByPolicy {
    fn of(pull: &Pull, sha256: &str, pulled: Pulled) -> Self {
        let outcome = pulled.to_string();
        let Pulled { path: file, module, manifest, action, reason } = pulled;
        let policy = pull.policy.effective(&pull.url, sha256);
        Self { url: pull.url.to_string(), policy, action, reason, file, module, manifest, outcome }
    }
}

impl Report for PulledByPolicy {
    fn text(&self, paint: Paint) -> String {
        let mut lines = vec![
            format!("{} -> {}", printable(&self.url), paint.strong(&self.file.display().to_string())),
            format!("  {}", self.outcome),
        ];
        lines.extend(self.module.iter().map(|digest| format!("  module {digest}")));
        lines.extend(self.manifest.iter().map(|digest| format!("  image  {digest}")));
        lines.join("\n")
    }
}
