use std::collections::HashMap;

use super::{Chain, ChainReport, Conversion, ExcludedReport, GatewaySettings, Line, Workload, convert};
use crate::plugin::WasmPlugin;

/// What Istio's discovery gets of several resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    /// The plugins in Istio's form.
    pub delivered: Vec<Delivered>,
    /// The resources that Higress's controller does not hand on, and why.
    pub withheld: Vec<ExcludedReport>,
}

/// One plugin in Istio's form.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The plugin.
    pub plugin: WasmPlugin,
    /// For each entry of `_rules_` that a conversion wrote, the entry of `spec.matchRules` that it stands for.
    pub rules: Vec<usize>,
}

impl Delivery {
    /// Converts what is to be converted.
    ///
    /// A resource that is dropped takes what came of an earlier one of its name with it; of one that is refused, the
    /// earlier stays live.
    pub fn of<'a>(plugins: impl IntoIterator<Item = &'a WasmPlugin>, settings: &GatewaySettings) -> Self {
        let mut delivery = Self::default();
        let mut dropped = HashMap::new();
        for plugin in plugins {
            let conversion = convert(plugin, settings);
            if conversion == Conversion::Dropped {
                dropped.insert(name_of(plugin, settings), delivery.delivered.len());
            }
            delivery.add(plugin, conversion, settings);
        }
        let mut index = 0..;
        delivery.delivered.retain(|Delivered { plugin, .. }| {
            let earlier = dropped.get(&name_of(plugin, settings)).copied().unwrap_or_default();
            index.next().is_some_and(|index| index >= earlier)
        });
        delivery
    }

    fn add(&mut self, plugin: &WasmPlugin, conversion: Conversion, settings: &GatewaySettings) {
        match conversion {
            Conversion::Converted(converted) => {
                self.delivered.push(Delivered { plugin: converted.plugin, rules: converted.rules });
            }
            Conversion::Unchanged(plugin) => {
                self.delivered.push(Delivered { plugin: *plugin, rules: Vec::new() });
            }
            conversion => {
                let (namespace, name) = name_of(plugin, settings);
                let why = conversion.meaning();
                self.withheld.push(ExcludedReport {
                    name: name.to_owned(),
                    namespace: namespace.to_owned(),
                    why,
                });
            }
        }
    }

    /// The chain that `workload` makes of the plugins; those withheld are among its excluded ones.
    pub fn chain_report(self, line: Line, workload: &Workload) -> ChainReport {
        let mut report = Chain::order(self.plugins(), line, workload).report();
        report.excluded.splice(0..0, self.withheld);
        report
    }

    /// The plugins alone.
    pub fn plugins(&self) -> impl Iterator<Item = &WasmPlugin> {
        self.delivered.iter().map(|delivered| &delivered.plugin)
    }
}

/// Namespace and name; a resource that names no namespace is taken to be in the controller's.
fn name_of<'a>(plugin: &'a WasmPlugin, settings: &'a GatewaySettings) -> (&'a str, &'a str) {
    let namespace = plugin.metadata.namespace.as_deref().unwrap_or(&settings.namespace);
    (namespace, &plugin.metadata.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{MatchRule, Metadata, Spec};

    fn plugin(spec: Spec) -> WasmPlugin {
        let metadata = Metadata { name: "p".to_owned(), ..Metadata::default() };
        WasmPlugin { metadata, spec, ..WasmPlugin::default() }
    }

    #[test]
    fn a_later_resource_withdraws_the_plugin_and_a_refused_one_leaves_it() {
        let live = plugin(Spec::default());
        let dropped = plugin(Spec { default_config_disable: true, ..Spec::default() });
        let refused = plugin(Spec { match_rules: vec![MatchRule::default()], ..Spec::default() });
        for (resources, live_after) in
            [([&live, &dropped], 0), ([&live, &refused], 1), ([&dropped, &live], 1), ([&refused, &live], 1)]
        {
            let delivery = Delivery::of(resources, &GatewaySettings::default());
            assert_eq!((delivery.delivered.len(), delivery.withheld.len()), (live_after, 1), "{resources:?}");
        }
    }
}
