use clap::ValueEnum;
use serde::Serialize;

use crate::gateway::{ChainReport, ConditionalFilter, HttpFilter, LinkReport};
use crate::plugin::to_yaml;

use super::super::context::Context;
use super::super::output::{Paint, Report, printable};
use super::super::table::table;
use super::chain_args::ChainArgs;

/// Show the filter chain that a gateway makes of `WasmPlugin`s, in order, built-in filters included
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Plugins stand in the slot of their phase; within a phase the higher priority comes first, and a plugin without a \
priority comes after every plugin that has one. What a gateway does with ties is told for each plugin.

Examples:
  hwasm-registry wasmplugin chain plugins/

  # `http_filters` as Envoy gets it
  hwasm-registry wasmplugin chain --show filters --line istio-1.30 plugins/

  # What discovery answers to Envoy for each plugin (ECDS)
  hwasm-registry wasmplugin chain --show resources key-auth.yaml")]
pub(super) struct Args {
    #[command(flatten)]
    plugins: ChainArgs,
    /// What to print: the plugins and filters in order, `http_filters` as YAML, or the ECDS resources as JSON
    #[arg(long, value_enum, default_value_t, value_name = "order|filters|resources")]
    #[arg(hide_possible_values = true)]
    show: Show,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Show {
    #[default]
    Order,
    Filters,
    Resources,
}

/// The chain, and which part of it is printed for people.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    chain: ChainReport,
    #[serde(skip)]
    show: Show,
}

impl Args {
    /// Runs the command.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<()> {
        let (delivery, workload) = self.plugins.resolve(context)?;
        let chain = delivery.chain_report(self.plugins.workload.line, &workload);
        context.output.report(&Shown { chain, show: self.show })
    }
}

impl Report for Shown {
    fn text(&self, paint: Paint) -> String {
        match self.show {
            Show::Order => order(&self.chain, paint),
            Show::Filters => {
                let filters = HttpFilters { http_filters: &self.chain.http_filters };
                to_yaml(&filters).expect("filters have a JSON form").trim_end().to_owned()
            }
            Show::Resources => {
                serde_json::to_string_pretty(&self.chain.resources).expect("resources have a JSON form")
            }
        }
    }
}

#[derive(Serialize)]
struct HttpFilters<'a> {
    http_filters: &'a [HttpFilter],
}

fn order(chain: &ChainReport, paint: Paint) -> String {
    let rows = chain.http_filters.iter().enumerate().map(|(at, filter)| {
        let plugin = chain.plugins.iter().find(|plugin| plugin.resource_name == filter.name);
        let why = plugin.map_or_else(|| "built in".to_owned(), why);
        [(at + 1).to_string(), printable(&filter.name), printable(&why)]
    });
    let mut text = table(paint, ["#", "filter", "why it stands here"], rows);
    for excluded in &chain.excluded {
        let name = printable(&format!("not in it: {}/{}", excluded.namespace, excluded.name));
        text.extend(["\n", &paint.caution(&name), ": ", &printable(&excluded.why)]);
    }
    if !chain.conditional_filters.is_empty() {
        text.extend(["\n\n", &additions(chain, paint)]);
    }
    text
}

/// The filters that are not there, and what would bring them.
fn additions(chain: &ChainReport, paint: Paint) -> String {
    let number = |name: &str| chain.http_filters.iter().position(|filter| filter.name == name);
    let rows = chain.conditional_filters.iter().map(|ConditionalFilter { name, when, before, .. }| {
        let at = number(before).map_or_else(String::new, |at| format!("before {}", at + 1));
        [at, (*name).to_owned(), format!("if {when}")]
    });
    table(paint, ["place", "filter that would join it", ""], rows)
}

fn why(plugin: &LinkReport) -> String {
    std::iter::once(&plugin.why).chain(&plugin.notes).cloned().collect::<Vec<_>>().join("; ")
}
