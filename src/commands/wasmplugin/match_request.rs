use crate::gateway::{
    Decision, FlavourChoice, Flavours, MatchResult, Outcome, PluginReport, Request, RequestReport,
};
use crate::plugin::to_yaml;

use super::super::context::Context;
use super::super::output::{Paint, Report, printable};
use super::chain_args::ChainArgs;

/// Show which plugins a request meets, in which order, and which rule and configuration of each
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For each plugin it tells why each rule before the matching one did not match. Rules are tried in the order of the list; \
the first that matches decides.

Examples:
  hwasm-registry wasmplugin match --authority foo.com custom-response.yaml

  # Route and cluster as Envoy's access log names them
  hwasm-registry wasmplugin match --authority bar.com --route higress-course/ingress-bar \\
    --cluster 'outbound|8080||echo-server.higress-course.svc.cluster.local' plugins/

  # A chain of plugins in several languages
  hwasm-registry wasmplugin match --authority foo.com --flavour key-auth=cpp-auth --flavour ip-filter=rust plugins/")]
pub(super) struct Args {
    /// The request's `:authority` or `Host`, with its port if it has one
    #[arg(long, value_name = "HOST")]
    authority: Option<String>,
    /// The name of the route that Envoy chose, such as `namespace/ingress`
    #[arg(long, value_name = "ROUTE", default_value = "", hide_default_value = true)]
    route: String,
    /// The name of the cluster that the route leads to, such as `outbound|80||echo.default.svc.cluster.local`
    #[arg(long, value_name = "CLUSTER", default_value = "", hide_default_value = true)]
    cluster: String,
    /// The SDK that the plugins are built with: `go` (default), `cpp`, `cpp-auth`, `rust` or `assemblyscript`; for one
    /// plugin, `NAME=FLAVOUR`; may be repeated
    #[arg(long = "flavour", value_name = "[NAME=]FLAVOUR")]
    flavours: Vec<FlavourChoice>,
    #[command(flatten)]
    plugins: ChainArgs,
}

impl Args {
    /// Runs the command.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<()> {
        let (delivery, workload) = self.plugins.resolve(context)?;
        let request = Request {
            authority: self.authority.clone(),
            route: self.route.clone(),
            cluster: self.cluster.clone(),
        };
        let flavours: Flavours = self.flavours.iter().cloned().collect();
        let report = delivery.request_report(self.plugins.workload.line, &workload, (request, &flavours));
        context.output.report(&report)
    }
}

impl Report for RequestReport {
    fn text(&self, paint: Paint) -> String {
        let plugins = self.plugins.iter().map(|plugin| of_plugin(plugin, paint));
        let excluded = self.excluded.iter().map(|excluded| {
            let name = printable(&format!("-. {}/{} does not run", excluded.namespace, excluded.name));
            let name = paint.caution(&name);
            format!("{name}: {}", printable(&excluded.why))
        });
        plugins.chain(excluded).collect::<Vec<_>>().join("\n\n")
    }
}

fn of_plugin(plugin: &PluginReport, paint: Paint) -> String {
    let PluginReport { position, name, namespace, flavour, .. } = plugin;
    let title = paint.strong(&printable(&format!("{position}. {namespace}/{name}")));
    let mut lines = vec![format!("{title} ({}, {flavour})", place(plugin))];
    match &plugin.result {
        MatchResult::Decision(decision) => of_decision(&mut lines, decision, plugin),
        MatchResult::ConfigureError(error) => {
            lines.push(format!("   {}: {}", paint.bad("does not start"), printable(&error.to_string())));
            lines.push(format!("   {}", crate::gateway::ConfigureError::CONSEQUENCE));
        }
    }
    let warnings = plugin.warnings.iter().map(|warning| {
        let place = warning.rule.map_or_else(String::new, |rule| format!("{}: ", rule_name(rule, plugin)));
        format!("   {} {place}{}", paint.caution("warning:"), printable(&warning.message))
    });
    lines.extend(warnings);
    lines.join("\n")
}

fn place(plugin: &PluginReport) -> String {
    let priority =
        plugin.priority.map_or_else(|| "no priority".to_owned(), |priority| format!("priority {priority}"));
    format!("{}, {priority}", plugin.phase)
}

fn of_decision(lines: &mut Vec<String>, decision: &Decision, plugin: &PluginReport) {
    for passed in &decision.passed_over {
        lines.push(format!("   not {}: {}", rule_name(passed.rule, plugin), printable(&passed.reason)));
    }
    lines.push(match &decision.outcome {
        Outcome::Rule { rule, because, .. } => {
            format!("   {}: {}", rule_name(*rule, plugin), printable(because))
        }
        Outcome::Global { .. } => "   the global configuration: no rule matches".to_owned(),
        Outcome::Idle { reason } | Outcome::LookupFailed { reason } => {
            format!("   does nothing: {}", printable(reason))
        }
        Outcome::Disabled { rule, because } => {
            format!("   does nothing: {} switches it off: {}", rule_name(*rule, plugin), printable(because))
        }
    });
    let acts = !matches!(decision.outcome, Outcome::Idle { .. } | Outcome::Disabled { .. });
    if let Some(auth) = decision.auth.as_ref().filter(|_| acts) {
        lines.push(format!("   {}", printable(&auth.to_string())));
    }
    if let Some(config) = decision.config() {
        let yaml = to_yaml(config).expect("a configuration has a JSON form");
        lines.extend(yaml.trim_end().lines().map(|line| format!("   | {}", printable(line))));
    }
}

/// A rule as the author finds it in the file.
fn rule_name(rule: usize, plugin: &PluginReport) -> String {
    match plugin.rules.get(rule) {
        Some(source) => format!("matchRules[{source}]"),
        None => format!("_rules_[{rule}]"),
    }
}
