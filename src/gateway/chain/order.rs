use std::cmp::Ordering;
use std::collections::HashMap;

use super::attach::{Exclusion, Notes, attach};
use super::ecds::{TypedExtensionConfig, resource_in};
use super::slots::Slot;
use super::{ConditionalFilter, HttpFilter, Line, Workload};
use crate::plugin::{Phase, WasmPlugin};

/// The plugins of a gateway, in the order in which a request meets them.
#[derive(Debug, PartialEq)]
pub struct Chain<'a> {
    line: Line,
    links: Vec<Link<'a>>,
    excluded: Vec<Excluded<'a>>,
}

/// A plugin in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Link<'a> {
    /// The plugin.
    pub plugin: &'a WasmPlugin,
    /// Its namespace; the gateway's, where the file names none.
    pub namespace: &'a str,
    /// Why it stands here and not one place earlier.
    pub why: String,
    /// What is taken for granted because the gateway is not known well enough.
    pub notes: Vec<String>,
}

/// A plugin that the gateway does not run.
#[derive(Debug, PartialEq)]
pub struct Excluded<'a> {
    /// The plugin.
    pub plugin: &'a WasmPlugin,
    /// Its namespace; the gateway's, where the file names none.
    pub namespace: &'a str,
    /// Why it is not in the chain.
    pub reason: Exclusion,
}

impl<'a> Chain<'a> {
    /// Orders `plugins`, which are in Istio's form: converted, or written so.
    ///
    /// The rules are discovery's (`sortConfigByCreationTime` and `WasmPluginsByListenerInfo`, Istio
    /// `pilot/pkg/model`). Phases have fixed slots. In a phase the higher priority comes first, and none
    /// counts as the lowest number there is. Between equals the gateway's own namespace comes before the
    /// root, then the older object, then the name.
    pub fn order(
        plugins: impl IntoIterator<Item = &'a WasmPlugin>,
        line: Line,
        workload: &'a Workload,
    ) -> Self {
        let (plugins, mut excluded) = last_of_each_name(plugins, workload);
        let mut candidates = Vec::new();
        for (namespace, plugin) in plugins {
            match attach(plugin, namespace, line, workload) {
                Ok(notes) => candidates.push(Candidate { plugin, namespace, notes }),
                Err(reason) => excluded.push(Excluded { plugin, namespace, reason }),
            }
        }
        candidates.sort_by(|one, other| compare(one, other, line, workload).0);
        let why: Vec<String> = (0..candidates.len()).map(|at| why(&candidates, at, line, workload)).collect();
        let links = candidates.into_iter().zip(why).map(|(candidate, why)| candidate.linked(why)).collect();
        Self { line, links, excluded }
    }

    /// The line that the chain is of.
    pub fn line(&self) -> Line {
        self.line
    }

    /// The plugins, first to last.
    pub fn links(&self) -> &[Link<'a>] {
        &self.links
    }

    /// The plugins that the gateway does not run.
    pub fn excluded(&self) -> &[Excluded<'a>] {
        &self.excluded
    }

    /// `http_filters` as Envoy gets it, in a plain installation without further resources.
    pub fn http_filters(&self) -> Vec<HttpFilter> {
        let slots = self.line.slots().into_iter();
        slots
            .flat_map(|slot| match slot {
                Slot::Filter(filter) => vec![filter],
                Slot::Conditional(_) => Vec::new(),
                Slot::Plugins(phase) => self.stubs(phase).collect(),
            })
            .collect()
    }

    fn stubs(&self, phase: Phase) -> impl Iterator<Item = HttpFilter> {
        let links = self.links.iter().filter(move |link| link.plugin.spec.phase == phase);
        links.map(|link| link.stub(self.line))
    }

    /// The filters that other settings or resources would add to [`Self::http_filters`], in order.
    pub fn conditional_filters(&self) -> Vec<ConditionalFilter> {
        let mut before = String::new();
        let mut filters = Vec::new();
        for slot in self.line.slots().into_iter().rev() {
            match slot {
                Slot::Filter(filter) => before = filter.name,
                Slot::Conditional(filter) => filters.push(ConditionalFilter::new(filter, before.clone())),
                Slot::Plugins(phase) => before = self.stubs(phase).next().map_or(before, |stub| stub.name),
            }
        }
        filters.reverse();
        filters
    }

    /// The ECDS resource of each plugin, in the chain's order.
    pub fn resources(&self) -> Vec<TypedExtensionConfig> {
        self.links.iter().map(|link| link.resource(self.line)).collect()
    }
}

impl Link<'_> {
    /// The name of the plugin's filter and ECDS resource.
    pub fn resource_name(&self, line: Line) -> String {
        line.resource_name(self.namespace, &self.plugin.metadata.name)
    }

    fn stub(&self, line: Line) -> HttpFilter {
        HttpFilter::stub(self.resource_name(line), self.plugin.spec.fail_strategy, line)
    }

    fn resource(&self, line: Line) -> TypedExtensionConfig {
        resource_in(self.plugin, self.namespace, line)
            .expect("a plugin whose URL cannot be parsed is not in the chain")
    }
}

/// A plugin that is to be in the chain.
struct Candidate<'a> {
    plugin: &'a WasmPlugin,
    namespace: &'a str,
    notes: Notes,
}

impl<'a> Candidate<'a> {
    fn linked(self, why: String) -> Link<'a> {
        Link { plugin: self.plugin, namespace: self.namespace, why, notes: self.notes }
    }

    fn name(&self) -> &'a str {
        &self.plugin.metadata.name
    }

    /// Discovery counts a plugin without a priority as one with the lowest (`math.MinInt32`).
    fn priority(&self) -> i32 {
        self.plugin.spec.priority.unwrap_or(i32::MIN)
    }

    fn slot(&self) -> u8 {
        match self.plugin.spec.phase {
            Phase::Authn => 0,
            Phase::Authz => 1,
            Phase::Stats => 2,
            Phase::Unspecified => 3,
        }
    }

    /// The text that decides between equals. Until Istio 1.23 it was one (istio/istio #51684), so that `a-b`
    /// came before `a`: a hyphen sorts before the full stop.
    fn name_key(&self, line: Line) -> (String, &'a str) {
        match line {
            Line::Seed | Line::Higress119 => (format!("{}.{}", self.name(), self.namespace), ""),
            _ => (self.name().to_owned(), self.namespace),
        }
    }
}

/// What decided between two plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decider {
    Phase,
    Priority,
    Turn,
    Age,
    Name,
}

/// The one order, and what decided it.
fn compare(
    one: &Candidate<'_>,
    other: &Candidate<'_>,
    line: Line,
    workload: &Workload,
) -> (Ordering, Decider) {
    let turn = |candidate: &Candidate<'_>| workload.turn_of(candidate.namespace);
    // An object without a creation time has the zero time, which is the oldest.
    let age = |candidate: &Candidate<'_>| {
        if line.is_higress() { None } else { candidate.plugin.metadata.creation_timestamp }
    };
    let rules = [
        (one.slot().cmp(&other.slot()), Decider::Phase),
        (other.priority().cmp(&one.priority()), Decider::Priority),
        (turn(one).cmp(&turn(other)), Decider::Turn),
        (age(one).cmp(&age(other)), Decider::Age),
    ];
    let decided = rules.into_iter().find(|(ordering, _)| ordering.is_ne());
    decided.unwrap_or_else(|| (one.name_key(line).cmp(&other.name_key(line)), Decider::Name))
}

/// The sentence for the candidate at `at`.
fn why(candidates: &[Candidate<'_>], at: usize, line: Line, workload: &Workload) -> String {
    let this = &candidates[at];
    let priority = this.plugin.spec.priority;
    let alone = match priority {
        Some(priority) => format!("{}, priority {priority}", this.plugin.spec.phase),
        None => format!("{}, no priority", this.plugin.spec.phase),
    };
    let Some(before) = at.checked_sub(1).map(|before| &candidates[before]) else { return alone };
    let tie = match compare(before, this, line, workload).1 {
        Decider::Priority if priority.is_none() => {
            return format!("{alone}: after every plugin that has one");
        }
        Decider::Phase | Decider::Priority => return alone,
        Decider::Turn => "the gateway's own namespace comes before the root namespace".to_owned(),
        Decider::Age if before.plugin.metadata.creation_timestamp.is_none() => {
            format!("`{}` has no creation time, which counts as the oldest", before.name())
        }
        Decider::Age => format!("`{}` is older", before.name()),
        Decider::Name => "by name".to_owned(),
    };
    format!("same phase and priority as `{}`: {tie}", before.name())
}

type Named<'a> = (&'a str, &'a WasmPlugin);

/// A cluster has one object of a name: what is applied last. The others come back as excluded.
fn last_of_each_name<'a>(
    plugins: impl IntoIterator<Item = &'a WasmPlugin>,
    workload: &'a Workload,
) -> (Vec<Named<'a>>, Vec<Excluded<'a>>) {
    let plugins: Vec<Named<'a>> = plugins
        .into_iter()
        .map(|plugin| (plugin.metadata.namespace.as_deref().unwrap_or(&workload.namespace), plugin))
        .collect();
    let last: HashMap<(&str, &str), usize> = plugins
        .iter()
        .enumerate()
        .map(|(at, (namespace, plugin))| ((*namespace, plugin.metadata.name.as_str()), at))
        .collect();
    let (mut kept, mut excluded) = (Vec::new(), Vec::new());
    for (at, (namespace, plugin)) in plugins.into_iter().enumerate() {
        if last.get(&(namespace, plugin.metadata.name.as_str())) == Some(&at) {
            kept.push((namespace, plugin));
        } else {
            excluded.push(Excluded { plugin, namespace, reason: Exclusion::Replaced });
        }
    }
    (kept, excluded)
}
