use crate::plugin::{EffectivePolicy, ModuleUrl, PullPolicy};
use crate::policy::{Explanation, Flavour, Question, Row, given_sha256};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report, printable};
use super::table::table;

/// Show when a gateway pulls a module again, what it runs meanwhile, and what surprises
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each situation is played from an empty cache, with the agent's own decisions; no registry is asked.
P is the ping of /v2/, M a manifest, B a layer, G a web server's file, - nothing at all.

Examples:
  hwasm-registry explain oci://registry.example.com/plugins/key-auth:1.0.0

  # What Always costs, and when it asks
  hwasm-registry explain --policy Always oci://registry.example.com/plugins/key-auth:1.0.0

  # In a mesh of Istio's
  hwasm-registry explain --agent istio-1.30 oci://registry.example.com/plugins/key-auth:latest")]
pub(super) struct Args {
    /// `url` of the WasmPlugin: `oci://`, `https://`, `http://` or `file://`
    #[arg(value_name = "URL")]
    url: ModuleUrl,
    /// Its `imagePullPolicy`, `IfNotPresent` or `Always`; without it, the field is not set
    #[arg(long, value_name = "POLICY", default_value = "UNSPECIFIED_POLICY", hide_default_value = true)]
    policy: PullPolicy,
    /// Its `sha256`: 64 hex digits, of the manifest for an image, of the module for a web server's file
    #[arg(long, value_name = "HEX", default_value = "", hide_default_value = true)]
    sha256: String,
    /// `istio-1.27`, `istio-1.30`, `higress-1.19` (before 2.2), `higress-1.27`, `envoy-gateway` or `ours`
    #[arg(long = "agent", value_name = "AGENT", default_value_t)]
    flavour: Flavour,
}

impl Args {
    /// Runs the command.
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self { url, policy, sha256, flavour } = self;
        let sha256 =
            given_sha256(&sha256).map_err(|error| Failure::new(Exit::Usage, format!("--sha256: {error}")))?;
        context.output.report(&Explanation::of(&Question { flavour, url, sha256, policy }))
    }
}

impl Report for Explanation {
    fn text(&self, paint: Paint) -> String {
        let mut parts = vec![head(self, paint)];
        if !self.situations.is_empty() {
            parts.push(table(
                paint,
                ["Situation", "Asked", "Runs", "Why"],
                self.situations.iter().map(cells),
            ));
        }
        let surprises = self.surprises().into_iter().map(|(situation, surprise)| {
            let name = paint.caution(surprise.trap.name());
            format!("  {name} ({situation}): {}", surprise.message)
        });
        let surprises: Vec<String> = surprises.collect();
        if !surprises.is_empty() {
            parts.push(format!("{}\n{}", paint.strong("Surprises"), surprises.join("\n")));
        }
        parts.join("\n\n")
    }
}

fn head(explanation: &Explanation, paint: Paint) -> String {
    let Explanation { url, agent, effective_policy, because, new_version, .. } = explanation;
    let mut lines = vec![
        format!("{} for the agent {agent}", paint.strong(&printable(url))),
        format!("  {}: {because}", word(*effective_policy)),
    ];
    if !explanation.situations.is_empty() {
        lines.push(format!("  New version: {new_version}"));
    }
    lines.join("\n")
}

/// The policy as JSON has it.
fn word(policy: EffectivePolicy) -> &'static str {
    match policy {
        EffectivePolicy::IfNotPresent => "IfNotPresent",
        EffectivePolicy::Always => "Always",
        EffectivePolicy::Pinned => "Pinned",
        EffectivePolicy::Local => "Local",
    }
}

fn cells(row: &Row) -> [String; 4] {
    let asked = if row.requests.is_empty() { "-" } else { &row.requests };
    let failure = if row.outcome.is_failure() { format!(" ({})", row.outcome.name()) } else { String::new() };
    [row.situation.to_string(), asked.to_owned(), format!("{}{failure}", row.runs), row.because.to_string()]
}
