use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use serde::Serialize;

use super::{
    AcceptAny, Chain, ChainReport, ConfigureError, CredentialsRequired, Decision, Delivery, ExcludedReport,
    Flavour, Line, PluginParser, Request, RuleMatcher, RuleWarning, UnknownFlavour, Workload,
};
use crate::plugin::{Phase, WasmPlugin};

/// What one request meets in a gateway: these plugins, in this order, with these configurations.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestReport {
    /// The gateway's line.
    pub line: Line,
    /// The request.
    pub request: Request,
    /// The plugins in the order in which they run.
    pub plugins: Vec<PluginReport>,
    /// The plugins that the gateway does not run.
    pub excluded: Vec<ExcludedReport>,
}

/// What one plugin does with the request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginReport {
    /// Counted from 1 among the plugins.
    pub position: usize,
    /// The plugin's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its phase, in the resource's word.
    pub phase: Phase,
    /// Its priority, where it has one.
    pub priority: Option<i32>,
    /// The SDK it is taken to be built with.
    pub flavour: Flavour,
    /// What it does, or why it does not start.
    #[serde(flatten)]
    pub result: MatchResult,
    /// For each entry of `_rules_` that a conversion wrote, the entry of `spec.matchRules` that it stands for. Empty
    /// where the rules are the author's own.
    pub rules: Vec<usize>,
    /// What holds for any request.
    pub warnings: Vec<RuleWarning>,
}

/// What a plugin does with a request, or why it does not start.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MatchResult {
    /// It decides.
    Decision(Decision),
    /// Its configuration is refused when the module starts; `failStrategy` says what becomes of requests.
    ConfigureError(ConfigureError),
}

/// Which SDK each plugin is built with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flavours {
    usual: Option<Flavour>,
    by_name: BTreeMap<String, Flavour>,
}

/// One choice of a flavour: for all plugins, or for one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlavourChoice {
    plugin: Option<String>,
    flavour: Flavour,
}

/// For all plugins.
impl From<Flavour> for FlavourChoice {
    fn from(flavour: Flavour) -> Self {
        Self { plugin: None, flavour }
    }
}

/// `cpp`, or `key-auth=cpp-auth`
impl FromStr for FlavourChoice {
    type Err = UnknownFlavour;

    fn from_str(text: &str) -> Result<Self, UnknownFlavour> {
        match text.split_once('=') {
            Some((plugin, flavour)) => {
                Ok(Self { plugin: Some(plugin.to_owned()), flavour: flavour.parse()? })
            }
            None => text.parse().map(|flavour: Flavour| flavour.into()),
        }
    }
}

impl FromIterator<FlavourChoice> for Flavours {
    fn from_iter<T: IntoIterator<Item = FlavourChoice>>(choices: T) -> Self {
        let mut flavours = Self::default();
        for FlavourChoice { plugin, flavour } in choices {
            match plugin {
                Some(plugin) => {
                    flavours.by_name.insert(plugin, flavour);
                }
                None => flavours.usual = Some(flavour),
            }
        }
        flavours
    }
}

impl Flavours {
    /// The flavour of the plugin `name`, if anybody chose one.
    pub fn chosen(&self, name: &str) -> Option<Flavour> {
        self.by_name.get(name).copied().or(self.usual)
    }

    /// The flavour that the plugin `name` is taken to have: Go's, where nobody chose another.
    pub fn of(&self, name: &str) -> Flavour {
        self.chosen(name).unwrap_or_default()
    }
}

impl Delivery {
    /// Follows `request` through the chain that `workload` makes of the plugins.
    pub fn request_report(
        self,
        line: Line,
        workload: &Workload,
        (request, flavours): (Request, &Flavours),
    ) -> RequestReport {
        let chain = Chain::order(self.plugins(), line, workload);
        let ChainReport { plugins: places, excluded, .. } = chain.report();
        let rules: HashMap<_, _> =
            self.delivered.iter().map(|delivered| (&raw const delivered.plugin, &delivered.rules)).collect();
        let plugins = places.into_iter().zip(chain.links()).map(|(place, link)| {
            let flavour = flavours.of(&place.name);
            let (result, warnings) = follow(link.plugin, flavour, &request);
            PluginReport {
                position: place.position,
                name: place.name,
                namespace: place.namespace,
                phase: place.phase,
                priority: place.priority,
                flavour,
                result,
                rules: rules
                    .get(&std::ptr::from_ref(link.plugin))
                    .map(|rules| (*rules).clone())
                    .unwrap_or_default(),
                warnings,
            }
        });
        let plugins = plugins.collect();
        let excluded = self.withheld.iter().cloned().chain(excluded).collect();
        RequestReport { line, request, plugins, excluded }
    }
}

fn follow(plugin: &WasmPlugin, flavour: Flavour, request: &Request) -> (MatchResult, Vec<RuleWarning>) {
    let parser: &dyn PluginParser = match flavour {
        Flavour::CppAuth => &CredentialsRequired,
        Flavour::Go | Flavour::Cpp | Flavour::Rust | Flavour::AssemblyScript => &AcceptAny,
    };
    match RuleMatcher::configure(flavour, plugin.spec.plugin_config.as_ref(), parser) {
        Ok(matcher) => (MatchResult::Decision(matcher.decide(request)), matcher.warnings().to_vec()),
        Err(error) => (MatchResult::ConfigureError(error), Vec::new()),
    }
}
